"""Trails: delivery into a bucket, and `aws cloudtrail validate-logs`, unmodified, as the judge."""

import datetime
import gzip
import json
import secrets
import signal
import subprocess
import sys
import time

import pytest
from conftest import ACCOUNT, REGION, refused, until

AWS = [sys.executable, "-m", "awscli"]


@pytest.fixture(scope="module")
def quick(start, tmp_path_factory):
    """A gateway that delivers and digests every few seconds."""
    return start(*config(tmp_path_factory.mktemp("trails")))


def config(folder, delivery=1, digest=2):
    path = folder / "arqueta.toml"
    path.write_text(f"[trails]\ndelivery_seconds = {delivery}\ndigest_seconds = {digest}\n")
    return "--config", str(path)


def policy(bucket, arn=None, prefix=""):
    """The bucket policy of the CloudTrail User Guide."""
    source = {"aws:SourceArn": arn} if arn else {}
    write = {"s3:x-amz-acl": "bucket-owner-full-control"} | source
    service = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    acl = service | {"Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"}
    if source:
        acl["Condition"] = {"StringEquals": source}
    put = service | {"Action": "s3:PutObject", "Condition": {"StringEquals": write},
                     "Resource": f"arn:aws:s3:::{bucket}/{prefix}AWSLogs/{ACCOUNT}/*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [acl, put]})


def arn_of(name):
    return f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{name}"


class Trail:
    """A trail with a bucket of its own, logging since it was made."""

    def __init__(self, gateway, prefix="", lock=False, **options):
        self.gateway, self.prefix = gateway, prefix
        self.name = "t-" + secrets.token_hex(6)
        self.bucket = "record-" + secrets.token_hex(6)
        self.arn = arn_of(self.name)
        self.connect()
        self.s3.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=lock)
        self.s3.put_bucket_policy(
            Bucket=self.bucket, Policy=policy(self.bucket, self.arn, prefix and prefix + "/"))
        if prefix:
            options["S3KeyPrefix"] = prefix
        self.cloudtrail.create_trail(
            Name=self.name, S3BucketName=self.bucket, EnableLogFileValidation=True, **options)
        # `validate-logs` knows seconds only.
        self.since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
        self.cloudtrail.start_logging(Name=self.name)

    def connect(self):
        self.s3, self.cloudtrail = self.gateway.client("s3"), self.gateway.client("cloudtrail")

    def act(self, user=None):
        """Something that the trail delivers."""
        user = user or "u-" + secrets.token_hex(6)
        self.gateway.client("iam").create_user(UserName=user)
        return user

    def objects(self, kind):
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{self.prefix + '/' if self.prefix else ''}AWSLogs/{ACCOUNT}/{kind}/")
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    @property
    def logs(self):
        return self.objects("CloudTrail")

    @property
    def digests(self):
        return self.objects("CloudTrail-Digest")

    def read(self, key):
        return json.loads(gzip.decompress(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()))

    def events(self):
        return [event for key in self.logs for event in self.read(key)["Records"]]

    def await_digests(self, count):
        until(lambda: len(self.digests) >= count)

    def stop(self):
        self.cloudtrail.stop_logging(Name=self.name)

    def validate(self):
        """Exit status and everything said by `aws cloudtrail validate-logs`."""
        # Digests end at most a second ahead of now.
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        done = subprocess.run(
            [*AWS, "cloudtrail", "validate-logs", "--trail-arn", self.arn, "--verbose",
             "--start-time", f"{self.since:%Y-%m-%dT%H:%M:%SZ}", "--end-time", f"{end:%Y-%m-%dT%H:%M:%SZ}"],
            env=self.gateway.environment(), capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def begin():
    """Makes trails that are gone with the test: an account has five at most."""
    made = []

    def begin(*of, **options):
        made.append(Trail(*of, **options))
        return made[-1]

    yield begin
    for trail in made:
        if trail.gateway.process.poll() is None:
            trail.connect()
            trail.cloudtrail.delete_trail(Name=trail.name)


@pytest.fixture(scope="module")
def stopped(quick):
    """A stopped trail with several log files in several chained digests."""
    trail = Trail(quick)
    for count in (1, 2, 3):
        trail.act()
        trail.await_digests(count)
    trail.act()
    trail.stop()
    assert len(trail.logs) >= 4
    yield trail
    trail.cloudtrail.delete_trail(Name=trail.name)


@pytest.fixture
def finished(stopped):
    """The same, with whatever is done to its files undone afterwards."""
    kept = {}
    for key in stopped.logs + stopped.digests:
        answer = stopped.s3.get_object(Bucket=stopped.bucket, Key=key)
        kept[key] = {"Body": answer["Body"].read()} | {
            name: answer[name] for name in ("Metadata", "ContentType", "ContentEncoding")}
    yield stopped
    for key, put in kept.items():
        stopped.s3.put_object(Bucket=stopped.bucket, Key=key, **put)


def test_an_untouched_trail_is_valid(finished):
    status, said = finished.validate()
    assert status == 0, said
    digests, logs = len(finished.digests), len(finished.logs)
    assert f"{digests}/{digests} digest files valid" in said and f"{logs}/{logs} log files valid" in said, said
    assert "INVALID" not in said and "No log files were delivered" not in said, said


def test_what_happened_is_delivered_once_with_the_call_that_stopped_it(finished):
    made = [event for event in finished.events() if event["eventName"] == "CreateUser"]
    own = finished.events()
    assert len({event["eventID"] for event in own}) == len(own)
    assert len(made) >= 4 and all(event["recipientAccountId"] == ACCOUNT for event in own)
    stops = [event for event in own if event["eventName"] == "StopLogging"
             and event["requestParameters"]["name"] == finished.name]
    assert len(stops) == 1
    key = finished.logs[0]
    head = finished.s3.head_object(Bucket=finished.bucket, Key=key)
    assert (head["ContentType"], head["ContentEncoding"]) == ("application/json", "gzip")
    day = f"{datetime.datetime.now(datetime.timezone.utc):%Y/%m/}"
    assert key.startswith(f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{day}"), key


def test_a_changed_log_file_is_named(finished):
    key = finished.logs[1]
    log = finished.read(key)
    log["Records"][0]["userIdentity"]["userName"] = "somebody-else"
    finished.s3.put_object(Bucket=finished.bucket, Key=key, Body=gzip.compress(json.dumps(log).encode()))
    status, said = finished.validate()
    assert status == 1
    assert f"Log file\ts3://{finished.bucket}/{key}\tINVALID: hash value doesn't match" in said, said
    assert said.count("INVALID:") == 1, said


def test_a_back_dated_log_file_is_named(finished):
    key = finished.logs[-1]
    log = finished.read(key)
    for event in log["Records"]:
        event["eventTime"] = "2020-01-01T00:00:00Z"
    finished.s3.put_object(Bucket=finished.bucket, Key=key, Body=gzip.compress(json.dumps(log).encode()))
    status, said = finished.validate()
    assert status == 1 and f"{key}\tINVALID: hash value doesn't match" in said, said


def test_a_removed_log_file_is_named(finished):
    key = finished.logs[0]
    finished.s3.delete_object(Bucket=finished.bucket, Key=key)
    status, said = finished.validate()
    assert status == 1 and f"Log file\ts3://{finished.bucket}/{key}\tINVALID: not found" in said, said
    assert said.count("INVALID:") == 1, said


def rewrite(trail, key, change, to=None):
    """Puts a changed digest with the signature that the true one had."""
    answer = trail.s3.get_object(Bucket=trail.bucket, Key=key)
    digest = json.loads(gzip.decompress(answer["Body"].read()))
    change(digest)
    trail.s3.put_object(Bucket=trail.bucket, Key=to or key, Metadata=answer["Metadata"],
                        Body=gzip.compress(json.dumps(digest).encode()))


def test_a_changed_digest_is_named(finished):
    key = finished.digests[1]
    rewrite(finished, key, lambda digest: digest["logFiles"].clear())
    status, said = finished.validate()
    assert status == 1
    assert f"Digest file\ts3://{finished.bucket}/{key}\tINVALID: signature verification failed" in said, said


def test_a_removed_digest_is_named(finished):
    key = finished.digests[1]
    finished.s3.delete_object(Bucket=finished.bucket, Key=key)
    status, said = finished.validate()
    assert status == 1 and f"Digest file\ts3://{finished.bucket}/{key}\tINVALID: not found" in said, said


def test_a_back_dated_digest_is_named(finished):
    """Whoever moves a digest into the past must change its name, its times, or both."""
    key = finished.digests[1]

    def earlier(digest):
        digest["digestEndTime"] = digest["digestStartTime"] = finished.since.strftime("%Y-%m-%dT%H:%M:%SZ")

    rewrite(finished, key, earlier)
    status, said = finished.validate()
    assert status == 1 and f"{key}\tINVALID: signature verification failed" in said, said
    target = finished.digests[2]
    finished.s3.copy_object(Bucket=finished.bucket, Key=key, CopySource={"Bucket": finished.bucket, "Key": target})
    status, said = finished.validate()
    assert status == 1 and f"{key}\tINVALID: has been moved from its original location" in said, said


def test_a_forged_signature_is_named(finished):
    key = finished.digests[0]
    answer = finished.s3.get_object(Bucket=finished.bucket, Key=key)
    forged = answer["Metadata"] | {"signature": "00" * 256}
    finished.s3.put_object(Bucket=finished.bucket, Key=key, Body=answer["Body"].read(), Metadata=forged)
    status, said = finished.validate()
    assert status == 1 and f"{key}\tINVALID: signature verification failed" in said, said


def test_another_chain_after_stop_and_start(finished):
    finished.act("unseen-" + secrets.token_hex(6))
    before = set(finished.digests)
    finished.cloudtrail.start_logging(Name=finished.name)
    seen = finished.act()
    finished.stop()
    first = finished.read(min(set(finished.digests) - before))
    assert first["previousDigestS3Object"] is None and first["previousDigestSignature"] is None
    names = [event["requestParameters"].get("userName", "") for event in finished.events()
             if event["eventName"] == "CreateUser"]
    assert seen in names and not any(name.startswith("unseen-") for name in names)
    status, said = finished.validate()
    assert status == 0, said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_chain_goes_on_across_a_restart(start, tmp_path, how):
    gateway = start(*config(tmp_path), data=tmp_path / "data")
    trail = Trail(gateway)
    users = [trail.act()]
    trail.await_digests(1)
    users.append(trail.act())
    gateway.restart(how)
    trail.connect()
    users.append(trail.act())
    trail.await_digests(len(trail.digests) + 1)
    trail.stop()
    delivered = [event["requestParameters"]["userName"] for event in trail.events() if event["eventName"] == "CreateUser"]
    assert sorted(delivered) == sorted(users)
    status, said = trail.validate()
    assert status == 0 and "No log files were delivered" not in said, said
    starts = [key for key in trail.digests if trail.read(key)["previousDigestS3Object"] is None]
    assert len(starts) == 1, "one chain"


def test_kills_at_any_moment_lose_and_double_nothing(start, tmp_path):
    gateway = start(*config(tmp_path), data=tmp_path / "data")
    trail = Trail(gateway)
    users = []
    for pause in (0.3, 0.8, 1.1, 1.7):
        users.append(trail.act())
        time.sleep(pause)  # only where in a delivery the kill falls depends on it
        gateway.restart(signal.SIGKILL)
        trail.connect()
    trail.stop()
    delivered = [event["requestParameters"]["userName"] for event in trail.events() if event["eventName"] == "CreateUser"]
    assert sorted(delivered) == sorted(users)
    status, said = trail.validate()
    assert status == 0, said


def test_stopping_the_gateway_delivers_first(start, tmp_path):
    gateway = start(*config(tmp_path, delivery=3600, digest=3600), data=tmp_path / "data")
    trail = Trail(gateway)
    user = trail.act()
    gateway.restart(signal.SIGTERM)
    trail.connect()
    assert user in json.dumps(trail.events())


def test_a_bucket_that_is_gone_shows_in_the_status_and_delays_only(quick, begin):
    trail = begin(quick)
    status = lambda: trail.cloudtrail.get_trail_status(Name=trail.name)
    trail.act()
    until(lambda: "LatestDeliveryTime" in status())
    for key in trail.logs + trail.digests:
        trail.s3.delete_object(Bucket=trail.bucket, Key=key)
    trail.s3.delete_bucket_policy(Bucket=trail.bucket)
    trail.act()
    until(lambda: status().get("LatestDeliveryError") == "AccessDenied")
    for key in trail.logs + trail.digests:
        trail.s3.delete_object(Bucket=trail.bucket, Key=key)
    trail.s3.delete_bucket(Bucket=trail.bucket)
    user = trail.act()
    until(lambda: status().get("LatestDeliveryError") == "NoSuchBucket")
    assert status()["LatestDeliveryAttemptTime"] and status()["IsLogging"]
    trail.s3.create_bucket(Bucket=trail.bucket)
    trail.s3.put_bucket_policy(Bucket=trail.bucket, Policy=policy(trail.bucket, trail.arn))
    until(lambda: "LatestDeliveryError" not in status() and "LatestDigestDeliveryError" not in status())
    trail.stop()
    assert user in json.dumps(trail.events())


def test_a_prefix_and_a_locked_bucket(quick, begin):
    trail = begin(quick, prefix="audit/east", lock=True)
    trail.s3.put_object_lock_configuration(Bucket=trail.bucket, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
    trail.act()
    trail.await_digests(1)
    trail.stop()
    key = trail.logs[-1]
    version = trail.s3.head_object(Bucket=trail.bucket, Key=key)
    assert version["ObjectLockMode"] == "COMPLIANCE"
    code = refused(trail.s3.delete_object, Bucket=trail.bucket, Key=key, VersionId=version["VersionId"])
    assert code[:2] == (403, "AccessDenied")
    status, said = trail.validate()
    assert status == 0, said


def key_policy(name):
    allow = {"Effect": "Allow", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [
        allow | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*"},
        allow | {"Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "kms:GenerateDataKey*",
                 "Condition": {"StringEquals": {"kms:EncryptionContext:aws:cloudtrail:arn": arn_of(name)}}},
    ]})


def test_log_files_under_a_kms_key(quick, begin):
    kms, cloudtrail = quick.client("kms"), quick.client("cloudtrail")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    trail = begin(quick)
    update = dict(Name=trail.name, KmsKeyId=key)
    assert refused(cloudtrail.update_trail, **update)[:2] == (400, "InsufficientEncryptionPolicyException")
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=key_policy(trail.name))
    assert cloudtrail.update_trail(**update)["KmsKeyId"] == key
    before = set(trail.logs)
    trail.act()
    until(lambda: set(trail.logs) - before)
    trail.stop()
    log = trail.s3.head_object(Bucket=trail.bucket, Key=max(set(trail.logs) - before))
    assert (log["ServerSideEncryption"], log["SSEKMSKeyId"]) == ("aws:kms", key)
    digest = trail.s3.head_object(Bucket=trail.bucket, Key=trail.digests[-1])
    assert digest["ServerSideEncryption"] == "AES256"
    status, said = trail.validate()
    assert status == 0, said
    kms.disable_key(KeyId=key)
    assert refused(cloudtrail.update_trail, **update)[:2] == (400, "KmsKeyDisabledException")
    unknown = dict(Name=trail.name, KmsKeyId="00000000-0000-0000-0000-000000000000")
    assert refused(cloudtrail.update_trail, **unknown)[:2] == (400, "KmsKeyNotFoundException")


def test_buckets_that_do_not_let_cloudtrail_in_are_refused(quick):
    s3, cloudtrail = quick.client("s3"), quick.client("cloudtrail")
    name, bucket = "t-" + secrets.token_hex(6), "b-" + secrets.token_hex(6)
    create = lambda: refused(cloudtrail.create_trail, Name=name, S3BucketName=bucket)[:2]
    assert create() == (400, "S3BucketDoesNotExistException")
    s3.create_bucket(Bucket=bucket)
    insufficient = (400, "InsufficientS3BucketPolicyException")
    assert create() == insufficient, "without a policy"
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, arn_of("another")))
    assert create() == insufficient, "a policy for another trail"
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, prefix="elsewhere/"))
    assert create() == insufficient, "a policy for another prefix"
    document = json.loads(policy(bucket))
    document["Statement"].pop(0)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
    assert create() == insufficient, "without s3:GetBucketAcl"
    assert cloudtrail.list_trails()["Trails"] == [] or name not in json.dumps(cloudtrail.list_trails()["Trails"])


def test_data_events_of_the_objects_that_are_selected(quick, begin):
    trail = begin(quick)
    data = "data-" + secrets.token_hex(6)
    trail.s3.create_bucket(Bucket=data)
    trail.cloudtrail.put_event_selectors(TrailName=trail.name, EventSelectors=[{
        "ReadWriteType": "All", "IncludeManagementEvents": False,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{data}/payroll/"]}]}])
    for key in ("payroll/may", "lunch"):
        trail.s3.put_object(Bucket=data, Key=key, Body=b"x")
        trail.s3.get_object(Bucket=data, Key=key)["Body"].read()
    refused(trail.s3.get_object, Bucket=data, Key="payroll/none")
    trail.stop()
    seen = [(event["eventName"], event["requestParameters"]["key"], event.get("errorCode"))
            for event in trail.events() if event["eventCategory"] == "Data"]
    assert seen == [("PutObject", "payroll/may", None), ("GetObject", "payroll/may", None),
                    ("GetObject", "payroll/none", "NoSuchKey")]


def test_administration_with_boto3(quick, begin):
    trail = begin(quick, IsMultiRegionTrail=True, TagsList=[{"Key": "team", "Value": "audit"}])
    cloudtrail = trail.cloudtrail
    shown = cloudtrail.get_trail(Name=trail.arn)["Trail"]
    assert shown["HomeRegion"] == REGION and shown["IsMultiRegionTrail"] and shown["LogFileValidationEnabled"]
    described = cloudtrail.describe_trails(trailNameList=[trail.name])["trailList"]
    assert described == [shown]
    tags = cloudtrail.list_tags(ResourceIdList=[trail.arn])["ResourceTagList"]
    assert tags == [{"ResourceId": trail.arn, "TagsList": [{"Key": "team", "Value": "audit"}]}]
    selectors = [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": [],
                  "ExcludeManagementEventSources": ["kms.amazonaws.com"]}]
    cloudtrail.put_event_selectors(TrailName=trail.name, EventSelectors=selectors)
    assert cloudtrail.get_event_selectors(TrailName=trail.name)["EventSelectors"] == selectors
    before = set(trail.logs)
    quick.client("kms").create_key()
    quick.client("iam").list_users()
    user = trail.act()
    trail.stop()
    after = [event for key in set(trail.logs) - before for event in trail.read(key)["Records"]]
    since = [event for event in after if event["eventTime"] >= after[0]["eventTime"]]
    assert user in json.dumps(since)
    later = [event["eventName"] for event in after[[event["eventName"] for event in after].index("CreateUser"):]]
    assert "ListUsers" not in later and "CreateKey" not in later
    (key,) = cloudtrail.list_public_keys()["PublicKeyList"]
    assert len(key["Fingerprint"]) == 32 and key["ValidityStartTime"] < key["ValidityEndTime"]
    assert quick.client("kms").list_keys()["Keys"] == [] or all(
        key["Fingerprint"] not in json.dumps(listed) for listed in quick.client("kms").list_keys()["Keys"])
    gone = Trail(quick)
    cloudtrail.delete_trail(Name=gone.arn)
    assert refused(cloudtrail.get_trail, Name=gone.name)[:2] == (400, "TrailNotFoundException")
