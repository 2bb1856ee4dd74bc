"""Event notifications: a webhook hears of every event, in the order of each key, whatever dies in between."""

import concurrent.futures
import hashlib
import hmac
import http.server
import json
import os
import secrets
import signal
import subprocess
import threading
import time
import urllib.parse

import pytest
from conftest import ACCOUNT, BINARY, REGION, Gateway, customer, refused, take_customer_keys, until
from told import CREATED, FUNCTION, QUEUE, REMOVED, TOPIC, listen, settings, webhook

SECRET = "whsec-" + secrets.token_hex(16)


class Hook:
    """A webhook that keeps what it is told, and can be down, or refuse some keys."""

    def __init__(self, port=0):
        hook = self
        self.heard, self.headers, self.refuse, self.answer, self.guard = [], [], set(), 422, threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = json.loads(body)
                key = event["Records"][0].get("s3", {}).get("object", {}).get("key") if "Records" in event else ""
                with hook.guard:
                    status = hook.answer if key in hook.refuse else 200
                    if status == 200:
                        hook.heard.append(event)
                        hook.headers.append((dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True
            request_queue_size = 128

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def records(self, bucket=None):
        with self.guard:
            records = [record for event in self.heard for record in event.get("Records", [])]
        return [record for record in records if bucket in (None, record.get("s3", {}).get("bucket", {}).get("name"))]

    def names(self, bucket):
        return [(record["eventName"], urllib.parse.unquote_plus(record["s3"]["object"]["key"])) for record in self.records(bucket)]


@pytest.fixture(scope="module")
def hook():
    hook = Hook()
    yield hook
    hook.stop()


@pytest.fixture(scope="module")
def told(tmp_path_factory, hook):
    """A gateway whose target `hook` is the webhook; `other` reads MinIO's records; `quick` has days of two seconds."""
    folder = tmp_path_factory.mktemp("notify")
    (folder / "secret").write_text(SECRET + "\n")
    text = "[lifecycle]\nday_seconds = 2\n"
    text += webhook("hook", hook.port, f'secret_file = "{folder / "secret"}"')
    text += webhook("other", hook.port, 'format = "minio"\ntoken_env = "HOOK_TOKEN"')
    gateway = Gateway(folder / "data", "--config", settings(folder, text), env={"HOOK_TOKEN": "token-in-variable"})
    yield gateway
    gateway.stop()


@pytest.fixture
def s3(told):
    return told.client("s3")


@pytest.fixture
def bucket(s3):
    name = "n-" + secrets.token_hex(8)
    s3.create_bucket(Bucket=name)
    return name


def keyed(prefix=None, suffix=None):
    rules = [{"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value is not None]
    return {"Filter": {"Key": {"FilterRules": rules}}}


def test_a_configuration_is_told_as_it_was_set(s3, bucket):
    def read():
        answer = s3.get_bucket_notification_configuration(Bucket=bucket)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    assert read() == {}
    configuration = {
        "QueueConfigurations": [{"Id": "q", "QueueArn": QUEUE + "hook", "Events": [CREATED], "Filter": {"Key": {"FilterRules": [
            {"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".jpg"}]}}}],
        "TopicConfigurations": [{"Id": "t", "TopicArn": TOPIC + "other", "Events": ["s3:ObjectRemoved:Delete", "s3:ObjectTagging:*"]}],
        "LambdaFunctionConfigurations": [{"Id": "l", "LambdaFunctionArn": FUNCTION + "hook", "Events": ["s3:LifecycleExpiration:*"]}],
    }
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
    assert read() == configuration
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    assert read() == {}


@pytest.mark.parametrize(("rules", "status", "code", "said"), [
    ({"QueueConfigurations": [{"QueueArn": QUEUE + "none", "Events": [CREATED]}]}, 400, "InvalidArgument",
     "Unable to validate the following destination configurations"),
    ({"TopicConfigurations": [{"TopicArn": QUEUE + "hook", "Events": [CREATED]}]}, 400, "InvalidArgument", "ARN is not well formed"),
    ({"QueueConfigurations": [{"QueueArn": "hook", "Events": [CREATED]}]}, 400, "InvalidArgument", "ARN is not well formed"),
    ({"QueueConfigurations": [{"QueueArn": QUEUE.replace(REGION, "eu-west-9") + "hook", "Events": [CREATED]}]}, 400,
     "InvalidArgument", "Unable to validate"),
    ({"QueueConfigurations": [{"QueueArn": QUEUE + "hook", "Events": ["s3:ObjectMade:*"]}]}, 400, "InvalidArgument", "not supported"),
    ({"QueueConfigurations": [{"QueueArn": QUEUE + "hook", "Events": ["s3:Replication:OperationNotTracked"]}]}, 501, "NotImplemented", "s3:Replication:OperationNotTracked"),
    ({"QueueConfigurations": [{"QueueArn": QUEUE + "hook", "Events": ["s3:ObjectAcl:Put"]}]}, 501, "NotImplemented", "s3:ObjectAcl:Put"),
    ({"QueueConfigurations": [{"QueueArn": QUEUE + "hook", "Events": [CREATED]} | keyed(f"{n}/") for n in range(101)]}, 400,
     "InvalidArgument", "more than 100 entries"),
    ({"EventBridgeConfiguration": {}}, 501, "NotImplemented", "EventBridge"),
    ({"QueueConfigurations": [{"QueueArn": QUEUE + "hook", "Events": [CREATED]},
                              {"QueueArn": QUEUE + "other", "Events": ["s3:ObjectCreated:Put"]}]}, 400, "InvalidArgument",
     "Configurations overlap"),
    ({"QueueConfigurations": [{"QueueArn": QUEUE + "hook", "Events": [CREATED]} | keyed("a", ".x")],
      "TopicConfigurations": [{"TopicArn": TOPIC + "hook", "Events": [CREATED]} | keyed("ab", "x")]}, 400, "InvalidArgument",
     "Configurations overlap"),
    ({"QueueConfigurations": [{"Id": "same", "QueueArn": QUEUE + "hook", "Events": [CREATED]},
                              {"Id": "same", "QueueArn": QUEUE + "hook", "Events": [REMOVED]}]}, 400, "InvalidArgument", "Same ID"),
    ({"QueueConfigurations": [{"QueueArn": QUEUE + "hook", "Events": [CREATED],
                               "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "a"}, {"Name": "Prefix", "Value": "b"}]}}}]},
     400, "InvalidArgument", "more than one prefix"),
])
def test_a_configuration_is_held_to_s3s(s3, told, rules, status, code, said):
    name = "n-held"
    if name not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=name)
    answer = refused(s3.put_bucket_notification_configuration, Bucket=name, NotificationConfiguration=rules)
    assert answer[:2] == (status, code) and said in answer[2]
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=name)


def test_rules_that_share_no_key_may_share_an_event(s3, hook, bucket):
    configuration = {"QueueConfigurations": [{"Id": "jpg", "QueueArn": QUEUE + "hook", "Events": [CREATED]} | keyed("in/", ".jpg"),
                                             {"Id": "png", "QueueArn": QUEUE + "other", "Events": [CREATED]} | keyed("in/", ".png")]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration, SkipDestinationValidation=True)
    for key in ("in/a.jpg", "in/a.png", "in/a.gif", "out/a.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    until(lambda: len(hook.records(bucket)) == 2)
    assert {(r["s3"]["configurationId"], r["s3"]["object"]["key"]) for r in hook.records(bucket)} == {("jpg", "in/a.jpg"), ("png", "in/a.png")}


def test_the_test_event(s3, hook, bucket):
    configuration = {"QueueConfigurations": [{"QueueArn": QUEUE + "hook", "Events": [CREATED]}],
                     "LambdaFunctionConfigurations": [{"LambdaFunctionArn": FUNCTION + "other", "Events": [REMOVED]}]}
    answer = s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)

    def tests():
        return [event for event in hook.heard if event.get("Bucket") == bucket]

    until(tests)
    [test] = tests()
    assert (test["Service"], test["Event"], test["Bucket"]) == ("Amazon S3", "s3:TestEvent", bucket)
    assert test["RequestId"] == answer["ResponseMetadata"]["RequestId"] and test["HostId"] == answer["ResponseMetadata"]["HostId"]


def test_every_event_of_an_object_without_versions(s3, hook, bucket, told):
    listen(s3, bucket, CREATED, REMOVED, "s3:ObjectTagging:*")
    put = s3.put_object(Bucket=bucket, Key="a b/ü+.txt", Body=b"12345")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/ü+.txt"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"part")
    whole = s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload,
                                         MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    form = s3.generate_presigned_post(bucket, "form")
    import requests
    assert requests.post(form["url"], data=form["fields"], files={"file": b"by form"}).status_code == 204
    s3.put_object_tagging(Bucket=bucket, Key="copy", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    s3.delete_object_tagging(Bucket=bucket, Key="copy")
    s3.delete_object(Bucket=bucket, Key="copy")
    s3.delete_object(Bucket=bucket, Key="never was")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "parts"}, {"Key": "form"}]})
    until(lambda: len(hook.records(bucket)) >= 9)
    heard = hook.names(bucket)
    assert sorted(heard) == sorted([
        ("ObjectCreated:Put", "a b/ü+.txt"), ("ObjectCreated:Copy", "copy"), ("ObjectCreated:CompleteMultipartUpload", "parts"),
        ("ObjectCreated:Post", "form"), ("ObjectTagging:Put", "copy"), ("ObjectTagging:Delete", "copy"),
        ("ObjectRemoved:Delete", "copy"), ("ObjectRemoved:Delete", "parts"), ("ObjectRemoved:Delete", "form")])
    first = next(record for record in hook.records(bucket) if record["eventName"] == "ObjectCreated:Put")
    assert first["s3"]["object"]["key"] == "a+b/%C3%BC%2B.txt" and first["s3"]["object"]["size"] == 5
    assert first["s3"]["object"]["eTag"] == put["ETag"].strip('"') and "versionId" not in first["s3"]["object"]
    assert first["requestParameters"]["sourceIPAddress"] == "127.0.0.1" and first["awsRegion"] == REGION
    assert first["responseElements"] == {"x-amz-request-id": put["ResponseMetadata"]["RequestId"],
                                         "x-amz-id-2": put["ResponseMetadata"]["HostId"]}
    assert first["userIdentity"]["principalId"] == f"AWS:{ACCOUNT}"
    assert first["s3"]["bucket"]["ownerIdentity"]["principalId"] == s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"]
    done = next(record for record in hook.records(bucket) if "Complete" in record["eventName"])
    assert done["s3"]["object"]["eTag"] == whole["ETag"].strip('"') and done["s3"]["object"]["size"] == 4
    gone = next(record for record in hook.records(bucket) if record["eventName"] == "ObjectRemoved:Delete")
    assert set(gone["s3"]["object"]) == {"key", "sequencer"}
    of_copy = [record["s3"]["object"]["sequencer"] for record in hook.records(bucket) if record["s3"]["object"]["key"] == "copy"]
    assert of_copy == sorted(of_copy) and len(set(of_copy)) == len(of_copy)


def test_versions_and_delete_markers(s3, hook, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    listen(s3, bucket, CREATED, REMOVED)
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    until(lambda: len(hook.records(bucket)) == 4)
    told = [(record["eventName"], record["s3"]["object"]["versionId"]) for record in hook.records(bucket)]
    assert told == [("ObjectCreated:Put", version), ("ObjectRemoved:DeleteMarkerCreated", marker),
                    ("ObjectRemoved:Delete", version), ("ObjectRemoved:Delete", marker)]
    assert hook.records(bucket)[1]["s3"]["object"]["eTag"] == hashlib.md5(b"").hexdigest()


def test_what_lifecycle_does(s3, hook, bucket):
    other = bucket + "-versioned"
    s3.create_bucket(Bucket=other)
    s3.put_bucket_versioning(Bucket=other, VersioningConfiguration={"Status": "Enabled"})
    for name in (bucket, other):
        listen(s3, name, "s3:LifecycleExpiration:*", REMOVED)
        s3.put_object(Bucket=name, Key="old", Body=b"x")
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [
            {"ID": "soon", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]})
    until(lambda: hook.records(bucket) and hook.records(other))
    assert hook.names(bucket) == [("LifecycleExpiration:Delete", "old")]
    [hidden] = hook.records(other)
    assert hidden["eventName"] == "LifecycleExpiration:DeleteMarkerCreated"
    assert hidden["userIdentity"]["principalId"] == hidden["requestParameters"]["sourceIPAddress"] == "s3.amazonaws.com"


def test_the_signature_and_the_token(s3, hook, bucket):
    listen(s3, bucket, CREATED)
    s3.put_object(Bucket=bucket, Key="signed", Body=b"x")
    listen(s3, bucket, REMOVED, target="other")
    s3.delete_object(Bucket=bucket, Key="signed")
    until(lambda: len(hook.records(bucket)) == 2)
    mine = [(headers, body) for headers, body in hook.headers if f'"{bucket}"'.encode() in body]
    headers, body = mine[0]
    headers = {name.lower(): value for name, value in headers.items()}
    stamp, signature = (part.split("=", 1)[1] for part in headers["x-arqueta-signature"].split(","))
    assert abs(int(stamp) - time.time()) < 60
    assert hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest() == signature
    assert headers["x-arqueta-event"] == "ObjectCreated:Put" and len(headers["x-arqueta-event-id"]) == 24
    headers, body = mine[1]
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["authorization"] == "Bearer token-in-variable" and "x-arqueta-signature" not in headers
    minio = json.loads(body)
    assert (minio["EventName"], minio["Key"]) == ("s3:ObjectRemoved:Delete", f"{bucket}/signed")
    assert minio["Records"][0]["eventSource"] == "minio:s3"


@pytest.mark.parametrize("answer", [422, 500])
def test_an_event_that_is_refused_holds_its_key_and_no_other(s3, hook, bucket, told, answer):
    listen(s3, bucket, CREATED)
    hook.answer = answer
    hook.refuse.add("stuck")
    for key in ("stuck", "free", "stuck", "free"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    until(lambda: hook.names(bucket) == [("ObjectCreated:Put", "free")] * 2)
    assert told.metrics()['arqueta_notifications_failures_total{target="hook"}'] >= 1
    hook.refuse.clear()
    hook.answer = 422
    until(lambda: len(hook.records(bucket)) == 4)
    stuck = [record["s3"]["object"]["sequencer"] for record in hook.records(bucket) if record["s3"]["object"]["key"] == "stuck"]
    assert stuck == sorted(stuck)


def test_who_may(told, hook, bucket, s3):
    iam = told.client("iam")
    iam.create_user(UserName="teller")
    iam.put_user_policy(UserName="teller", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetBucketNotification"], "Resource": "*"}]}))
    key = iam.create_access_key(UserName="teller")["AccessKey"]
    theirs = told.client("s3", key["AccessKeyId"], key["SecretAccessKey"])
    rules = {"QueueConfigurations": [{"QueueArn": QUEUE + "hook", "Events": [CREATED]}]}
    assert refused(theirs.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration=rules)[:2] == (403, "AccessDenied")
    listen(s3, bucket, CREATED)
    assert len(theirs.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]) == 1
    theirs.put_object(Bucket=bucket, Key="theirs", Body=b"x")
    until(lambda: hook.records(bucket))
    user = iam.get_user(UserName="teller")["User"]["UserId"]
    assert hook.records(bucket)[0]["userIdentity"]["principalId"] == f"AWS:{user}"
    assert refused(theirs.put_bucket_notification_configuration, Bucket=bucket, NotificationConfiguration={})[0] == 403


def test_a_bucket_made_again_has_nothing_of_the_old_one(s3, hook, bucket):
    listen(s3, bucket, CREATED)
    s3.put_object(Bucket=bucket, Key="first", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="first")
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="second", Body=b"x")
    other = bucket + "-probe"
    s3.create_bucket(Bucket=other)
    listen(s3, other, CREATED)
    s3.put_object(Bucket=other, Key="later", Body=b"x")
    until(lambda: hook.records(other))
    assert hook.names(bucket) == [("ObjectCreated:Put", "first")]


@pytest.mark.parametrize("mode", ["AES256", "aws:kms", "aws:kms:dsse", "SSE-C"])
def test_encrypted_buckets_and_the_canary(s3, hook, bucket, told, mode):
    canary = b"PLAINTEXT-CANARY-" + secrets.token_bytes(8).hex().encode()
    how = customer() if mode == "SSE-C" else {"ServerSideEncryption": mode}
    if mode == "SSE-C":
        take_customer_keys(s3, bucket)
    listen(s3, bucket, CREATED)
    hook.refuse.add("held")
    try:
        answer = s3.put_object(Bucket=bucket, Key="held", Body=canary * 10, **how)
        until(lambda: told.metrics()['arqueta_notifications_waiting{target="hook"}'] >= 1)
        for path in told.data.rglob("*"):
            assert not path.is_file() or canary not in path.read_bytes(), path
    finally:
        hook.refuse.clear()
    until(lambda: hook.records(bucket))
    assert canary not in json.dumps(hook.records(bucket)).encode()
    assert hook.records(bucket)[0]["s3"]["object"]["eTag"] == answer["ETag"].strip('"')
    assert canary not in told.stderr_path.read_bytes() and SECRET.encode() not in told.stderr_path.read_bytes()


def test_nothing_is_lost_and_keys_keep_their_order(tmp_path):
    """The gateway is killed and the target goes away, several times, in the middle of many events."""
    count, keys = (10_000, 50) if os.environ.get("ARQUETA_NIGHTLY") else (1_000, 25)
    hook = Hook()
    gateway = Gateway(tmp_path / "data", "--config", settings(tmp_path, webhook("hook", hook.port)), listen="127.0.0.1:0")
    try:
        s3 = gateway.client("s3")
        s3.create_bucket(Bucket="many")
        listen(s3, "many", CREATED, REMOVED)
        gateway.listen = gateway.url.removeprefix("http://")
        done = {f"key-{key}": [] for key in range(keys)}
        over = threading.Event()

        def work(key):
            """What was acknowledged happened; what was not may have."""
            for n in range(count // keys):
                while not over.is_set():
                    try:
                        answer = s3.put_object(Bucket="many", Key=key, Body=f"{key} {n}".encode())
                        done[key].append(answer["ETag"].strip('"'))
                        break
                    except Exception:
                        time.sleep(0.02)

        def acknowledged():
            return sum(map(len, done.values()))

        with concurrent.futures.ThreadPoolExecutor(keys) as pool:
            running = [pool.submit(work, key) for key in done]
            try:
                until(lambda: acknowledged() > count // 5, 120)
                port = hook.port
                hook.stop()
                until(lambda: acknowledged() > count * 2 // 5, 120)
                gateway.restart(signal.SIGKILL)
                heard = hook.heard
                hook = Hook(port)
                hook.heard = heard
                until(lambda: acknowledged() > count * 3 // 5, 120)
                gateway.restart(signal.SIGKILL)
                for one in running:
                    one.result()
            finally:
                over.set()

        def first_heard():
            tags = {key: [] for key in done}
            for record in hook.records("many"):
                tags[record["s3"]["object"]["key"]].append((record["s3"]["object"]["sequencer"], record["s3"]["object"]["eTag"]))
            return tags

        def complete():
            heard = first_heard()
            return all(set(done[key]) <= {tag for _, tag in heard[key]} for key in done)

        until(complete, 180)
        for key, events in first_heard().items():
            once = list(dict.fromkeys(events))
            assert once == sorted(once), f"{key}: the first time each event came is not in the order of the commits"
            order = [tag for _, tag in once]
            assert [tag for tag in dict.fromkeys(order) if tag in set(done[key])] == done[key]
        until(lambda: gateway.metrics()['arqueta_notifications_waiting{target="hook"}'] == 0)
        assert gateway.metrics()['arqueta_notifications_age_seconds{target="hook"}'] == 0
    finally:
        gateway.stop(signal.SIGKILL)
        hook.stop()


def test_an_outage_is_seen_and_ends(tmp_path):
    hook = Hook()
    port = hook.port
    hook.stop()
    gateway = Gateway(tmp_path / "data", "--config", settings(tmp_path, webhook("hook", port)))
    try:
        s3 = gateway.client("s3")
        s3.create_bucket(Bucket="outage")
        listen(s3, "outage", CREATED)
        for n in range(30):
            s3.put_object(Bucket="outage", Key=f"k{n}", Body=b"x")
        until(lambda: gateway.metrics()['arqueta_notifications_waiting{target="hook"}'] == 30)
        until(lambda: gateway.metrics()['arqueta_notifications_age_seconds{target="hook"}'] > 0)
        assert gateway.metrics()['arqueta_notifications_sent_total{target="hook"}'] == 0
        hook = Hook(port)
        until(lambda: len(hook.records("outage")) == 30)
        until(lambda: gateway.metrics()['arqueta_notifications_waiting{target="hook"}'] == 0)
        assert gateway.metrics()['arqueta_notifications_sent_total{target="hook"}'] == 30
    finally:
        gateway.stop(signal.SIGKILL)
        hook.stop()


def test_no_more_than_so_many_events_wait_and_none_for_a_target_that_is_gone(tmp_path):
    text = "[notifications]\nmost_waiting = 3\n"
    gateway = Gateway(tmp_path / "data", "--config", settings(tmp_path, text + webhook("hook", 9)))
    try:
        s3 = gateway.client("s3")
        s3.create_bucket(Bucket="full")
        listen(s3, "full", CREATED)
        for n in range(3):
            s3.put_object(Bucket="full", Key=f"k{n}", Body=b"x")
        assert refused(s3.put_object, Bucket="full", Key="more", Body=b"x") == (503, "SlowDown", "Please reduce your request rate.")
        gateway.restart()
        s3 = gateway.client("s3")
        assert refused(s3.put_object, Bucket="full", Key="more", Body=b"x")[:2] == (503, "SlowDown")
        settings(tmp_path, text)
        gateway.restart()
        s3 = gateway.client("s3")
        s3.put_object(Bucket="full", Key="more", Body=b"x")
        assert gateway.metrics()["arqueta_notifications_unnamed"] == 3
    finally:
        gateway.stop(signal.SIGKILL)


def test_the_audit_webhook_has_the_record_in_its_order(tmp_path):
    hook = Hook()
    port = hook.port
    (tmp_path / "secret").write_text(SECRET)
    text = f'[audit.webhook]\nurl = "http://127.0.0.1:{port}/siem"\nsecret_file = "{tmp_path / "secret"}"\n'
    gateway = Gateway(tmp_path / "data", "--config", settings(tmp_path, text))
    try:
        for n in range(60):
            if n == 20:
                until(hook.records)
                heard, headers = hook.heard, hook.headers
                hook.stop()
            if n == 40:
                gateway.restart(signal.SIGKILL)
                hook = Hook(port)
                hook.heard, hook.headers = heard, headers
            gateway.client("iam").create_user(UserName=f"user-{n}")
        made = gateway.events("CreateUser")
        assert len(made) == 60

        def told():
            """Each event the first time it came."""
            return list({record["eventID"]: record for record in hook.records()}.values())

        until(lambda: sum(record["eventName"] == "CreateUser" for record in told()) == 60)
        recorded = [event["eventID"] for event in gateway.events()]
        heard = [record["eventID"] for record in told()]
        assert heard == recorded[:len(heard)] and len(heard) >= 60
        assert [record for record in told() if record["eventName"] == "CreateUser"] == made
        headers, body = hook.headers[-1]
        headers = {name.lower(): value for name, value in headers.items()}
        stamp, signature = (part.split("=", 1)[1] for part in headers["x-arqueta-signature"].split(","))
        assert hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest() == signature
        assert headers["x-arqueta-event"] == "AuditRecord" and set(json.loads(body)) == {"position", "Records"}
        assert gateway.metrics()['arqueta_notifications_sent_total{target="audit"}'] >= 20
    finally:
        gateway.stop(signal.SIGKILL)
        hook.stop()


@pytest.mark.parametrize(("text", "said"), [
    ('[notifications.targets.bus]\nkind = "kafka"\nbrokers = ["127.0.0.1:9092"]\n', "kafka"),
    (webhook("hook", 1, 'secret_file = "/nonexistent"'), "notifications.targets.hook"),
    (webhook("hook", 1, 'secret_env = "HOOK_IS_NOT_SET"'), "HOOK_IS_NOT_SET"),
    ('[notifications.targets.hook]\nkind = "webhook"\nurl = "file:///etc/passwd"\n', "url"),
    (webhook("hook", 1, 'secret = "in the open"'), "secret"),
])
def test_a_target_that_cannot_be_is_refused_at_the_start(tmp_path, text, said):
    run = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir",
                          str(tmp_path / "data"), "--config", settings(tmp_path, text)], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0 and said in run.stderr
