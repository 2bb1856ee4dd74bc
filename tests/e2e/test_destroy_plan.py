"""`arqueta keys destroy-plan` and `destroy-certificate`: what a key's destruction takes, and the proof that it happened."""

import glob
import json
import signal
from datetime import datetime, timedelta

import pytest
from accounts import document
from conftest import Gateway, until
from test_keys_cli import keys


@pytest.fixture
def gateway(tmp_path):
    gateway = Gateway(tmp_path / "data")
    yield gateway
    gateway.stop(signal.SIGKILL)


def plan(gateway, key):
    """The lines of a plan, by what they are."""
    status, out, errors = keys(gateway.data, "destroy-plan", key, "--json")
    assert status == 0, errors
    lines = [json.loads(line) for line in out.splitlines()]
    assert list(lines[0]) == ["key"] and list(lines[-1]) == ["total"], out
    buckets = {line["bucket"]["name"]: line["bucket"]["loss"] for line in lines if "bucket" in line}
    settings = {(line["setting"]["of"], line["setting"]["what"]) for line in lines if "setting" in line}
    return lines[0]["key"], buckets, settings, lines[-1]["total"]


def test_what_would_become_unreadable(gateway):
    s3, kms = gateway.client("s3"), gateway.client("kms")
    key = kms.create_key(Tags=[{"TagKey": "owner", "TagValue": "hr"}])["KeyMetadata"]["Arn"]
    other = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/doomed", TargetKeyId=key)
    s3.create_bucket(Bucket="one")
    s3.put_bucket_versioning(Bucket="one", VersioningConfiguration={"Status": "Enabled"})
    s3.create_bucket(Bucket="two", ObjectLockEnabledForBucket=True)
    s3.create_bucket(Bucket="three")
    under = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    for size in (10, 20_000):
        s3.put_object(Bucket="one", Key="k", Body=b"x" * size, **under)
    s3.put_object(Bucket="one", Key="bucket-key", Body=b"y" * 5, BucketKeyEnabled=True, **under)
    s3.put_object(Bucket="one", Key="another", Body=b"z" * 7, ServerSideEncryption="aws:kms", SSEKMSKeyId=other)
    s3.create_multipart_upload(Bucket="one", Key="u", **under)
    s3.put_object(Bucket="two", Key="held", Body=b"h", ObjectLockLegalHoldStatus="ON", **under)
    s3.put_object(Bucket="three", Key="k", Body=b"plain")
    s3.put_bucket_encryption(Bucket="three", ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/doomed"}}]})

    doomed, buckets, settings, total = plan(gateway, "alias/doomed")
    assert doomed["key"] == key and doomed["aliases"] == ["alias/doomed"] and doomed["tags"] == [["owner", "hr"]]
    assert len(doomed["materials"]) == 1 and doomed["state"] == "Enabled"
    assert buckets["one"] == {"objects": 2, "noncurrentVersions": 1, "bytes": 20_015, "underBucketKeys": 1, "locked": 0,
                              "replicated": 0, "replicas": 0, "uploads": 1, "bucketKeys": 1, "unreadable": 0}
    assert (buckets["two"]["objects"], buckets["two"]["locked"]) == (1, 1)
    assert set(buckets) == {"one", "two"} and settings == {("bucket three", "default encryption")}
    assert (total["buckets"], total["loss"]["bytes"], total["loss"]["objects"]) == (2, 20_016, 3)
    at = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)["DeletionDate"]
    gateway.stop()
    doomed, again, *_ = plan(gateway, key)
    assert doomed["state"] == "PendingDeletion" and again == buckets
    assert abs(datetime.fromisoformat(doomed["destroyedAt"]) - at) < timedelta(seconds=1)
    told = keys(gateway.data, "destroy-plan", other)[1]
    assert "bucket one of 000000000000: 1 objects and 0 noncurrent versions, 7 bytes" in told, told
    status, _, errors = keys(gateway.data, "destroy-plan", "alias/none")
    assert status != 0 and "there is no key alias/none" in errors


def test_a_trail_that_names_the_key(gateway):
    s3, kms, trails = gateway.client("s3"), gateway.client("kms"), gateway.client("cloudtrail")
    service = {"Service": "cloudtrail.amazonaws.com"}
    key = kms.create_key()["KeyMetadata"]["Arn"]
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    policy["Statement"].append({"Effect": "Allow", "Principal": service, "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"],
                                "Resource": "*"})
    kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    s3.create_bucket(Bucket="logs")
    s3.put_bucket_policy(Bucket="logs", Policy=document(
        {"Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::logs"},
        {"Effect": "Allow", "Principal": service, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs/*"}))
    trails.create_trail(Name="all", S3BucketName="logs", KmsKeyId=key)
    _, buckets, settings, total = plan(gateway, key)
    assert settings == {("trail all of 000000000000", "key of its log files")} and not buckets and total["buckets"] == 0
    assert "nothing here would become unreadable" in keys(gateway.data, "destroy-plan", key)[1]


def test_a_certificate_says_who_and_when_and_is_the_same_twice(gateway):
    kms = gateway.client("kms")
    key = kms.create_key(Tags=[{"TagKey": "approver", "TagValue": "carol"}])["KeyMetadata"]["Arn"]
    admin = gateway.admin_url.removeprefix("http://")
    status, _, errors = keys(gateway.data, "destroy-certificate", key, "--admin", admin)
    assert status != 0 and "its state there is Enabled" in errors, errors
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    status, _, errors = keys(gateway.data, "destroy-certificate", key, "--admin", admin)
    assert status != 0 and "its state there is PendingDeletion" in errors, errors
    assert keys(gateway.data, "destroy-certificate", "nothing", "--admin", admin)[0] != 0

    # Eight days later.
    gateway.stop()
    [library] = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    gateway.env = {"LD_PRELOAD": library, "FAKETIME": "+8d", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                   "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
    gateway.start()
    until(lambda: gateway.events("DeleteKey"))
    gateway.stop()
    status, first, errors = keys(gateway.data, "destroy-certificate", key, "--format", "json")
    assert status == 0, errors
    assert keys(gateway.data, "destroy-certificate", key.rsplit("/")[-1], "--format", "json")[1] == first
    told = json.loads(first)
    [event] = gateway.events("DeleteKey")
    assert told["key"] == key and told["proof"]["valid"] and told["destroyed"]["event"] == event["eventID"]
    assert told["materials"] == event["serviceEventDetails"]["keyMaterialIds"] and len(told["materials"]) == 1
    assert told["scheduled"]["by"] == "arn:aws:iam::000000000000:root" and told["approved"] == {"approver": "carol"}
    assert [act["what"] for act in told["events"]] == ["kms:CreateKey", "kms:ScheduleKeyDeletion", "kms:DeleteKey"]
    numbers = [act["number"] for act in told["events"]]
    assert numbers == sorted(numbers)
    # The place is where it says.
    for act in told["events"]:
        name, byte = act["place"].split(", byte ")
        [path] = [path for path in (gateway.data / "audit").rglob(name)]
        line = path.read_bytes()[:int(byte)].splitlines()[-1]
        assert json.loads(line)["eventID"] == act["event"]
    page = keys(gateway.data, "destroy-certificate", key)[1]
    assert page.startswith("<!DOCTYPE html>") and told["materials"][0] in page and "Destruction confirmed by" in page

    # A record that was changed is not certified without saying so.
    path = max((gateway.data / "audit").rglob("*.jsonl"))
    path.write_bytes(path.read_bytes().replace(b"DeleteKey", b"DeleteKez", 1))
    assert keys(gateway.data, "destroy-certificate", key)[0] != 0
