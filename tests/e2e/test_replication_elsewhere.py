"""Replication to other endpoints: another Arqueta in another Region, and moto as an S3 that is none. Either side is
killed and started again in the middle, goes away for a while, says no and is mended."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from conftest import ACCOUNT, BINARY, Gateway, refused, until

ROLE = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
MAY = ["s3:GetReplicationConfiguration", "s3:ListBucket", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl",
       "s3:GetObjectVersionTagging", "s3:GetObjectRetention", "s3:GetObjectLegalHold", "s3:ReplicateObject",
       "s3:ReplicateDelete", "s3:ReplicateTags", "s3:ObjectOwnerOverrideToBucketOwner", "kms:Decrypt", "kms:GenerateDataKey"]
THERE = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags", "kms:GenerateDataKey", "kms:Decrypt"]


def free_port():
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def may(iam, user, *actions):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    iam.put_user_policy(UserName=user, PolicyName="it", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}))


class Pair:
    """A gateway that sends and one that takes, which keeps its port."""

    def __init__(self, folder):
        self.folder = folder
        for side in ("here", "there"):
            (folder / side).mkdir()
        self.there = Gateway(folder / "there" / "data", "--region", "eu-central-1", listen=f"127.0.0.1:{free_port()}")
        iam = self.there.client("iam")
        iam.create_user(UserName="sender")
        may(iam, "sender", *THERE)
        key = iam.create_access_key(UserName="sender")["AccessKey"]
        (folder / "secret").write_text(key["SecretAccessKey"] + "\n")
        self.settings = folder / "arqueta.toml"
        self.settings.write_text(
            f'[replication.endpoints.there]\nkind = "arqueta"\nbuckets = ["copies*"]\nendpoint = "{self.there.url}"\n'
            f'region = "eu-central-1"\naccess_key_id = "{key["AccessKeyId"]}"\nsecret_access_key_file = "{folder / "secret"}"\n'
            'attempt_ms = 5000\n')
        self.here = Gateway(folder / "here" / "data", "--config", str(self.settings), listen=f"127.0.0.1:{free_port()}")
        role(self.here)

    def client(self, service, there=False):
        return self.there.client(service, region="eu-central-1") if there else self.here.client(service)

    def bucket(self, name, there=False, **options):
        s3 = self.client("s3", there)
        if there:
            options["CreateBucketConfiguration"] = {"LocationConstraint": "eu-central-1"}
        s3.create_bucket(Bucket=name, **options)
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return s3

    def told(self, *words):
        told = subprocess.run([BINARY, "replication", *words, "--data-dir", str(self.here.data), "--json"], capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        return [json.loads(line) for line in told.stdout.splitlines()]

    def stop(self):
        for gateway in (self.here, self.there):
            gateway.stop(signal.SIGKILL)
            shutil.rmtree(gateway.data, ignore_errors=True)


def role(gateway):
    iam = gateway.client("iam")
    iam.create_role(RoleName="replication", AssumeRolePolicyDocument=json.dumps(ROLE))
    statement = {"Effect": "Allow", "Action": MAY, "Resource": "*"}
    iam.put_role_policy(RoleName="replication", PolicyName="it", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}))


def rule(to, **options):
    destination = {"Bucket": f"arn:aws:s3:::{to}"} | options.pop("Destination", {})
    return {"ID": "all", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""},
            "DeleteMarkerReplication": {"Status": "Enabled"}, "Destination": destination} | options


def replicate(s3, bucket, *rules):
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={
        "Role": f"arn:aws:iam::{ACCOUNT}:role/replication", "Rules": list(rules)})


def status(s3, bucket, key, version=None):
    named = {"VersionId": version} if version else {}
    return s3.head_object(Bucket=bucket, Key=key, **named).get("ReplicationStatus")


def versions(s3, bucket):
    found = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found += [(version["Key"], version["VersionId"], version["ETag"]) for version in page.get("Versions", [])]
        found += [(marker["Key"], marker["VersionId"], None) for marker in page.get("DeleteMarkers", [])]
    return sorted(found)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    pair = Pair(tmp_path_factory.mktemp("pair"))
    yield pair
    pair.stop()


@pytest.fixture
def buckets(pair):
    """A bucket here and the one there that is to have all of it."""
    mark = secrets.token_hex(4)
    source, copies = f"source-{mark}", f"copies-{mark}"
    here, there = pair.bucket(source), pair.bucket(copies, there=True)
    replicate(here, source, rule(copies))
    return here, there, source, copies


def test_a_version_is_the_same_at_both_ends(buckets):
    here, there, source, copies = buckets
    put = here.put_object(Bucket=source, Key="a b/é", Body=b"content", Metadata={"a": "b"}, Tagging="t=u%20v", ContentType="text/x",
                          CacheControl="no-store", StorageClass="STANDARD_IA", ChecksumAlgorithm="SHA256")["VersionId"]
    until(lambda: status(here, source, "a b/é") == "COMPLETED")
    ends = [s3.get_object(Bucket=at, Key="a b/é", ChecksumMode="ENABLED") for s3, at in ((here, source), (there, copies))]
    for name in ("VersionId", "ETag", "LastModified", "Metadata", "ContentType", "CacheControl", "StorageClass", "ChecksumSHA256",
                 "ContentLength", "TagCount", "ServerSideEncryption"):
        assert ends[0][name] == ends[1][name], name
    assert (ends[1]["Body"].read(), ends[1]["ReplicationStatus"], put) == (b"content", "REPLICA", ends[0]["VersionId"])
    assert there.get_object_tagging(Bucket=copies, Key="a b/é")["TagSet"] == [{"Key": "t", "Value": "u v"}]
    here.put_object_tagging(Bucket=source, Key="a b/é", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})
    until(lambda: there.get_object_tagging(Bucket=copies, Key="a b/é")["TagSet"] == [{"Key": "x", "Value": "y"}])
    marker = here.delete_object(Bucket=source, Key="a b/é")["VersionId"]
    until(lambda: ("a b/é", marker, None) in versions(there, copies))
    assert versions(here, source) == versions(there, copies)


def test_parts_and_large_bodies(buckets):
    here, there, source, copies = buckets
    body = secrets.token_bytes(12 << 20)
    upload = here.create_multipart_upload(Bucket=source, Key="parts")["UploadId"]
    parts = [{"PartNumber": number, "ETag": here.upload_part(Bucket=source, Key="parts", UploadId=upload, PartNumber=number,
                                                            Body=body[at:at + (5 << 20)])["ETag"]}
             for number, at in ((1, 0), (2, 5 << 20), (7, 10 << 20))]
    made = here.complete_multipart_upload(Bucket=source, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    here.put_object(Bucket=source, Key="large", Body=body)
    for key in ("parts", "large"):
        until(lambda: status(here, source, key) == "COMPLETED")
        assert there.get_object(Bucket=copies, Key=key)["Body"].read() == body
    assert there.head_object(Bucket=copies, Key="parts", PartNumber=2)["ETag"] == made["ETag"]
    assert there.head_object(Bucket=copies, Key="parts", PartNumber=2)["ContentLength"] == 5 << 20


def test_the_other_side_is_away_for_a_while(pair, buckets):
    here, there, source, copies = buckets
    pair.there.stop(signal.SIGKILL)
    for at in range(20):
        here.put_object(Bucket=source, Key=f"k/{at}", Body=b"%d" % at)
    assert {status(here, source, f"k/{at}") for at in range(20)} == {"PENDING"}
    (behind,) = pair.told("status", source)
    assert behind["configured"] and behind["towards"][copies]["waiting"] == 20
    assert {row["failed"] for row in pair.told("backlog", source)} == {None}
    pair.there.start()
    until(lambda: {status(here, source, f"k/{at}") for at in range(20)} == {"COMPLETED"}, 120)
    assert versions(here, source) == versions(pair.client("s3", there=True), copies)
    assert pair.told("backlog", source) == []


def test_what_is_denied_fails_until_it_is_mended_and_tried_again(pair, buckets):
    here, there, source, copies = buckets
    iam = pair.client("iam", there=True)
    may(iam, "sender", "s3:PutObject", "s3:DeleteObject")
    here.put_object(Bucket=source, Key="k", Body=b"x")
    until(lambda: status(here, source, "k") == "FAILED")
    (failed,) = pair.told("backlog", source)
    assert (failed["key"], failed["to"], failed["failed"]) == ("k", copies, "DstPutObjectNotPermitted")
    assert pair.told("status", source)[0]["towards"][copies]["failed"] == {"DstPutObjectNotPermitted": 1}
    assert refused(there.head_object, Bucket=copies, Key="k")[0] == 404, "who may put may not replicate"
    may(iam, "sender", *THERE)
    assert pair.told("retry", source) == [{"versions": 1}]
    until(lambda: status(here, source, "k") == "COMPLETED")


def test_a_destination_without_versioning_or_lock_says_so(pair):
    mark = secrets.token_hex(4)
    here = pair.bucket(f"source-{mark}", ObjectLockEnabledForBucket=True)
    there = pair.bucket(f"copies-{mark}", there=True)
    replicate(here, f"source-{mark}", rule(f"copies-{mark}"))
    here.put_object(Bucket=f"source-{mark}", Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON", ChecksumAlgorithm="CRC32")
    until(lambda: status(here, f"source-{mark}", "k") == "FAILED")
    assert pair.told("backlog", f"source-{mark}")[0]["failed"] == "DstBucketObjectLockConfigMissing"
    there.put_bucket_versioning(Bucket=f"copies-{mark}", VersioningConfiguration={"Status": "Suspended"})
    here.put_object(Bucket=f"source-{mark}", Key="l", Body=b"x")
    until(lambda: status(here, f"source-{mark}", "l") == "FAILED")
    assert {row["key"]: row["failed"] for row in pair.told("backlog", f"source-{mark}")}["l"] == "DstBucketUnversioned"


def test_a_locked_destination_keeps_what_it_got(pair):
    mark = secrets.token_hex(4)
    here = pair.bucket(f"source-{mark}", ObjectLockEnabledForBucket=True)
    there = pair.bucket(f"copies-{mark}", there=True, ObjectLockEnabledForBucket=True)
    replicate(here, f"source-{mark}", rule(f"copies-{mark}"))
    later = time.time() + 3600
    put = here.put_object(Bucket=f"source-{mark}", Key="k", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=later,
                          ChecksumAlgorithm="CRC32")["VersionId"]
    until(lambda: status(here, f"source-{mark}", "k") == "COMPLETED")
    kept = there.get_object_retention(Bucket=f"copies-{mark}", Key="k")["Retention"]
    assert kept == here.get_object_retention(Bucket=f"source-{mark}", Key="k")["Retention"]
    here.delete_object(Bucket=f"source-{mark}", Key="k", VersionId=put, BypassGovernanceRetention=True)
    assert refused(there.delete_object, Bucket=f"copies-{mark}", Key="k", VersionId=put)[1] == "AccessDenied"


def test_the_key_of_replicas_is_called_seldom(pair):
    mark = secrets.token_hex(4)
    here, there = pair.bucket(f"source-{mark}"), pair.bucket(f"copies-{mark}", there=True)
    keys = [pair.client("kms", there=side).create_key()["KeyMetadata"]["Arn"] for side in (False, True)]
    replicate(here, f"source-{mark}", rule(
        f"copies-{mark}", SourceSelectionCriteria={"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        Destination={"EncryptionConfiguration": {"ReplicaKmsKeyID": keys[1]}}))
    before = [gateway.kms_calls(call) for gateway in (pair.here, pair.there) for call in ("GenerateDataKey", "Decrypt")]
    asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": keys[0], "BucketKeyEnabled": True}
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda at: here.put_object(Bucket=f"source-{mark}", Key=f"{at}", Body=b"x" * 4096, **asked), range(300)))
    until(lambda: pair.told("backlog", f"source-{mark}") == [], 120)
    after = [gateway.kms_calls(call) for gateway in (pair.here, pair.there) for call in ("GenerateDataKey", "Decrypt")]
    calls = [b - a for a, b in zip(before, after)]
    assert sum(calls[:2]) <= 4 and sum(calls[2:]) <= 2, calls
    copy = there.head_object(Bucket=f"copies-{mark}", Key="7")
    assert (copy["SSEKMSKeyId"], copy["BucketKeyEnabled"], copy["ServerSideEncryption"]) == (keys[1], True, "aws:kms")


def test_nothing_is_lost_over_kills_of_either_side(tmp_path):
    """10,000 small objects at night; the rate and the lag are what ARQUETA_FIGURES asks to be shown."""
    count = 10_000 if os.environ.get("ARQUETA_NIGHTLY") else 1_000
    pair = Pair(tmp_path)
    try:
        pair.bucket("source")
        pair.bucket("copies", there=True)
        replicate(pair.client("s3"), "source", rule("copies"))
        began = time.monotonic()
        for part in range(4):
            s3 = pair.client("s3")
            with ThreadPoolExecutor(16) as workers:
                list(workers.map(lambda at: s3.put_object(Bucket="source", Key=f"{part}/{at}", Body=secrets.token_bytes(4096)), range(count // 4)))
            # Both sides die while versions are on their way, one after the other.
            if not os.environ.get("ARQUETA_FIGURES"):
                (pair.there, pair.here)[part % 2].restart(signal.SIGKILL)
        put = time.monotonic()
        until(lambda: pair.told("status", "source")[0]["towards"]["copies"]["waiting"] == 0, 240)
        done = time.monotonic()
        if os.environ.get("ARQUETA_FIGURES"):
            print(f"\n{count} objects: put in {put - began:.1f} s, all replicated {done - put:.1f} s later, {count / (done - began):.0f} a second")
        assert pair.told("backlog", "source") == []
        source = versions(pair.client("s3"), "source")
        assert len(source) == count and source == versions(pair.client("s3", there=True), "copies")
        assert {status(pair.client("s3"), "source", f"{part}/0") for part in range(4)} == {"COMPLETED"}
    finally:
        pair.stop()


class Moto:
    """An S3 that is no Arqueta; what it keeps dies with it."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=open(folder / "moto.log", "ab"), stderr=subprocess.STDOUT)
        until(self.answers)

    def answers(self):
        try:
            return urllib.request.urlopen(self.url + "/moto-api/", timeout=5).status == 200
        except OSError:
            return False

    def s3(self):
        return boto3.client("s3", endpoint_url=self.url, aws_access_key_id="AKIAMOTO", aws_secret_access_key="moto",
                            region_name="us-east-1", config=Config(s3={"addressing_style": "path"}))

    def stop(self):
        self.process.kill()
        self.process.wait()


def test_any_other_s3_gets_ordinary_writes(tmp_path):
    moto = Moto(tmp_path)
    (tmp_path / "secret").write_text("moto")
    (tmp_path / "arqueta.toml").write_text(
        f'[replication.endpoints.moto]\nbuckets = ["arn:aws:s3:::abroad"]\nendpoint = "{moto.url}"\nregion = "us-east-1"\n'
        f'access_key_id = "AKIAMOTO"\nsecret_access_key_file = "{tmp_path / "secret"}"\n')
    (tmp_path / "here").mkdir()
    gateway = Gateway(tmp_path / "here" / "data", "--config", str(tmp_path / "arqueta.toml"))
    try:
        role(gateway)
        here, there = gateway.client("s3"), moto.s3()
        here.create_bucket(Bucket="source")
        here.put_bucket_versioning(Bucket="source", VersioningConfiguration={"Status": "Enabled"})
        replicate(here, "source", rule("abroad"))
        here.put_object(Bucket="source", Key="early", Body=b"early")
        until(lambda: status(here, "source", "early") == "FAILED")
        there.create_bucket(Bucket="abroad")
        there.put_bucket_versioning(Bucket="abroad", VersioningConfiguration={"Status": "Enabled"})
        body = secrets.token_bytes(6 << 20)
        put = here.put_object(Bucket="source", Key="k", Body=body, Metadata={"a": "b"}, Tagging="t=u", ContentType="text/x", ChecksumAlgorithm="SHA256")
        upload = here.create_multipart_upload(Bucket="source", Key="parts")["UploadId"]
        parts = [{"PartNumber": number, "ETag": here.upload_part(Bucket="source", Key="parts", UploadId=upload, PartNumber=number, Body=piece)["ETag"]}
                 for number, piece in ((1, body[:5 << 20]), (2, body[5 << 20:]))]
        made = here.complete_multipart_upload(Bucket="source", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
        for key in ("k", "parts"):
            until(lambda: status(here, "source", key) == "COMPLETED")
        got = there.get_object(Bucket="abroad", Key="k", ChecksumMode="ENABLED")
        assert (got["Body"].read(), got["Metadata"], got["ContentType"], got["ETag"]) == (body, {"a": "b"}, "text/x", put["ETag"])
        assert there.get_object_tagging(Bucket="abroad", Key="k")["TagSet"] == [{"Key": "t", "Value": "u"}]
        assert there.get_object(Bucket="abroad", Key="parts")["Body"].read() == body
        assert there.head_object(Bucket="abroad", Key="parts")["ETag"] == made["ETag"]
        here.delete_object(Bucket="source", Key="k")
        until(lambda: there.list_object_versions(Bucket="abroad", Prefix="k").get("DeleteMarkers"))
        here.put_object_tagging(Bucket="source", Key="parts", Tagging={"TagSet": [{"Key": "x", "Value": "y"}]})
        until(lambda: status(here, "source", "parts") == "FAILED")
    finally:
        gateway.stop(signal.SIGKILL)
        moto.stop()
        shutil.rmtree(gateway.data, ignore_errors=True)
