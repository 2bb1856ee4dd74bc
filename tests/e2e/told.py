"""What suites of notifications share."""


from conftest import ACCOUNT, REGION

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
CREATED, REMOVED = "s3:ObjectCreated:*", "s3:ObjectRemoved:*"


def settings(folder, text):
    path = folder / "arqueta.toml"
    path.write_text(text)
    return str(path)


def webhook(name, port, more=""):
    return f'[notifications.targets.{name}]\nkind = "webhook"\nurl = "http://127.0.0.1:{port}/s3"\n{more}\n'


def listen(s3, bucket, *events, target="hook", skip=True, **rule):
    configuration = {"QueueConfigurations": [{"QueueArn": QUEUE + target, "Events": list(events)} | rule]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration, SkipDestinationValidation=skip)
