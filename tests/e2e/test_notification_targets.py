"""Targets of notifications that are not ours: moto's SQS and SNS."""

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import pytest
from conftest import Gateway
from told import CREATED, listen, settings, until


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Moto:
    """AWS's SQS and SNS as moto has them; what it keeps dies with it."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=open(folder / "moto.log", "ab"), stderr=subprocess.STDOUT)
        until(self.answers)

    def answers(self):
        try:
            return urllib.request.urlopen(self.url + "/moto-api/", timeout=5).status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name="eu-west-1", aws_access_key_id="AKIAQUEUE",
                            aws_secret_access_key="queue-secret")

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    moto = Moto(tmp_path_factory.mktemp("moto"))
    yield moto
    moto.stop()


def test_a_queue_and_a_topic(tmp_path, moto):
    sqs, sns = moto.client("sqs"), moto.client("sns")
    jobs = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    news = sqs.create_queue(QueueName="news")["QueueUrl"]
    ordered = sqs.create_queue(QueueName="ordered.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    topic = sns.create_topic(Name="news")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=news, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    (tmp_path / "secret").write_text("queue-secret\n")
    of = f'endpoint = "{moto.url}"\nregion = "eu-west-1"\naccess_key_id = "AKIAQUEUE"\nsecret_access_key_file = "{tmp_path / "secret"}"\n'
    text = "".join(f'[notifications.targets.{name}]\nkind = "{kind}"\n{which}\n{of}' for name, kind, which in (
        ("jobs", "sqs", f'queue_url = "{jobs}"'), ("ordered", "sqs", f'queue_url = "{ordered}"'), ("news", "sns", f'topic_arn = "{topic}"')))
    gateway = Gateway(tmp_path / "data", "--config", settings(tmp_path, text))
    try:
        s3 = gateway.client("s3")
        for target in ("jobs", "ordered", "news"):
            s3.create_bucket(Bucket=f"to-{target}")
            listen(s3, f"to-{target}", CREATED, target=target)
            for n in range(12):
                s3.put_object(Bucket=f"to-{target}", Key="ü & <k>", Body=b"x" * (n + 1))

        def heard(queue):
            found = []

            def more():
                for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                    found.append(json.loads(message["Body"]))
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                return len(found) >= 12

            until(more)
            return found

        for queue, name in ((jobs, "to-jobs"), (ordered, "to-ordered")):
            records = [record for event in heard(queue) for record in event["Records"]]
            assert {record["s3"]["bucket"]["name"] for record in records} == {name}
            assert [record["s3"]["object"]["size"] for record in records] == list(range(1, 13))
            assert {record["s3"]["object"]["key"] for record in records} == {"%C3%BC+%26+%3Ck%3E"}
        published = heard(news)
        assert {message["Subject"] for message in published} == {"Amazon S3 Notification"}
        sizes = [json.loads(message["Message"])["Records"][0]["s3"]["object"]["size"] for message in published]
        assert sizes == list(range(1, 13))
        assert "queue-secret" not in gateway.stderr_path.read_text()
    finally:
        gateway.stop(signal.SIGKILL)
