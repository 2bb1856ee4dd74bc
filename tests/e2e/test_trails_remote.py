"""Trails of one gateway into a bucket of another one, which goes away and comes back."""

import datetime
import gzip
import json
import re
import secrets
import signal
import subprocess
import sys

import pytest
from accounts import OTHER
from conftest import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY, Gateway, refused, until

AWS = [sys.executable, "-m", "awscli"]
FAR = "far-record"


class Pair:
    """`near` records and delivers; `far` has the bucket. Both know the same root key."""

    def __init__(self, folder):
        self.far = Gateway(folder / "far")
        # It comes back where it was.
        self.far.listen = self.far.url.removeprefix("http://")
        secret, wrong = folder / "secret", folder / "wrong"
        secret.write_text(SECRET_KEY + "\n")
        wrong.write_text("not/the/secret")
        configuration = folder / "arqueta.toml"
        configuration.write_text(
            f'accounts = ["{OTHER}"]\n[trails]\ndelivery_seconds = 1\ndigest_seconds = 2\n'
            + self.remote(FAR, 'secret_access_key_env = "FAR_SECRET"')
            + self.remote("far-missing", f'secret_access_key_file = "{secret}"')
            + self.remote("far-refused", f'secret_access_key_file = "{wrong}"'))
        self.near = Gateway(folder / "near", "--config", str(configuration), env={"FAR_SECRET": SECRET_KEY})
        self.s3 = self.far.client("s3")
        self.s3.create_bucket(Bucket=FAR)
        self.cloudtrail = self.near.client("cloudtrail")

    def remote(self, bucket, secret):
        return (f'[trails.remote."{bucket}"]\nendpoint = "{self.far.url}"\nregion = "{REGION}"\n'
                f'access_key_id = "{ACCESS_KEY}"\n{secret}\n'
                f'[trails.remote."{bucket}".calls]\nconnect_ms = 500\nattempt_ms = 5000\nbackoff_ms = 10\n')

    def keys(self, kind):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=FAR, Prefix=f"AWSLogs/{ACCOUNT}/{kind}/")
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def events(self):
        read = lambda key: gzip.decompress(self.s3.get_object(Bucket=FAR, Key=key)["Body"].read())
        return [event for key in self.keys("CloudTrail") for event in json.loads(read(key))["Records"]]

    def users(self):
        return sorted(event["requestParameters"]["userName"] for event in self.events()
                      if event["eventName"] == "CreateUser")

    def status(self, trail):
        return self.cloudtrail.get_trail_status(Name=trail)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    pair = Pair(tmp_path_factory.mktemp("remote"))
    yield pair
    for gateway in (pair.near, pair.far):
        gateway.stop(signal.SIGKILL)


@pytest.mark.parametrize("bucket, code", [
    ("far-missing", "S3BucketDoesNotExistException"),
    ("far-refused", "InsufficientS3BucketPolicyException"),
    ("not-configured", "S3BucketDoesNotExistException"),
])
def test_a_bucket_that_takes_nothing_makes_no_trail(pair, bucket, code):
    assert refused(pair.cloudtrail.create_trail, Name="no-trail", S3BucketName=bucket)[:2] == (400, code)
    assert pair.cloudtrail.describe_trails(trailNameList=["no-trail"])["trailList"] == []


def test_an_account_that_is_not_let_in_makes_no_trail(pair):
    banner = "\n".join(pair.near.banner)
    shown = re.search(rf"account {OTHER}.*?AWS_ACCESS_KEY_ID=(\S+) AWS_SECRET_ACCESS_KEY=(\S+)", banner, re.S)
    other = pair.near.client("cloudtrail", key=shown[1], secret=shown[2])
    answer = refused(other.create_trail, Name="no-trail", S3BucketName=FAR)
    assert answer[:2] == (400, "InsufficientS3BucketPolicyException")


def test_everything_arrives_once_across_an_outage_and_validates(pair):
    cloudtrail, iam = pair.cloudtrail, pair.near.client("iam")
    arn = cloudtrail.create_trail(Name="far", S3BucketName=FAR, EnableLogFileValidation=True)["TrailARN"]
    since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    cloudtrail.start_logging(Name="far")
    made = []

    def act():
        made.append("u-" + secrets.token_hex(6))
        iam.create_user(UserName=made[-1])

    act()
    until(lambda: pair.users() == sorted(made) and pair.keys("CloudTrail-Digest"))
    assert "LatestDeliveryError" not in pair.status("far")

    pair.far.stop(signal.SIGKILL)
    act()
    until(lambda: pair.status("far").get("LatestDeliveryError"))
    assert refused(cloudtrail.update_trail, Name="far", S3BucketName=FAR)[0] == 500
    act()
    pair.far.start()
    pair.s3 = pair.far.client("s3")
    act()
    until(lambda: pair.users() == sorted(made))
    until(lambda: not pair.status("far").get("LatestDeliveryError"))
    cloudtrail.stop_logging(Name="far")

    events = pair.events()
    assert len({event["eventID"] for event in events}) == len(events), "once"
    environment = pair.near.environment()
    endpoints = {"AWS_ENDPOINT_URL_CLOUDTRAIL": pair.near.url, "AWS_ENDPOINT_URL_S3": pair.far.url}
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    done = subprocess.run(
        [*AWS, "cloudtrail", "validate-logs", "--trail-arn", arn, "--verbose",
         "--start-time", f"{since:%Y-%m-%dT%H:%M:%SZ}", "--end-time", f"{end:%Y-%m-%dT%H:%M:%SZ}"],
        env=environment | endpoints, capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    digests, logs = len(pair.keys("CloudTrail-Digest")), len(pair.keys("CloudTrail"))
    assert f"{digests}/{digests} digest files valid" in said and f"{logs}/{logs} log files valid" in said, said
    cloudtrail.delete_trail(Name="far")


def test_no_secret_is_in_a_log_or_in_the_record(pair):
    for name in ("near.stderr", "near/audit"):
        path = pair.near.data.parent / name
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        assert files and not any(SECRET_KEY.encode() in file.read_bytes() for file in files)
