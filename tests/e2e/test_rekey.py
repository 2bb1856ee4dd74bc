"""`arqueta rekey`: all versions of a bucket under other keys, by metadata alone."""

import json
import os
import secrets
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import BINARY, Gateway, customer, take_customer_keys, until


@pytest.fixture
def gateway(tmp_path):
    gateway = Gateway(tmp_path / "data")
    yield gateway
    gateway.stop(signal.SIGKILL)


def rekey(gateway, bucket, *options):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_"))}
    command = [BINARY, "rekey", bucket, "--data-dir", str(gateway.data), *options]
    return subprocess.run(command, env=clean, capture_output=True, text=True, timeout=120)


def job(gateway, bucket, *options):
    done = rekey(gateway, bucket, "--json", *options)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def versions(s3, bucket):
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return [(one["Key"], one["VersionId"], one["ETag"], one["LastModified"]) for page in pages for one in page.get("Versions", [])]


def bodies(gateway):
    return {path: path.stat().st_mtime_ns for path in (gateway.data / "blobs").rglob("*") if path.is_file()}


def test_every_version_comes_under_the_key_and_nothing_else_changes(gateway):
    s3, kms = gateway.client("s3"), gateway.client("kms")
    old, new = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    kms.create_alias(AliasName="alias/new", TargetKeyId=new)
    s3.create_bucket(Bucket="moved", ObjectLockEnabledForBucket=True)
    take_customer_keys(s3, "moved")
    under, written = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": old}, {}
    for name, options in {"own-key": under, "bucket-key": under | {"BucketKeyEnabled": True}, "sse-s3": {}}.items():
        for size in (100, 300_000):
            body = os.urandom(size)
            version = s3.put_object(Bucket="moved", Key=name, Body=body, **options)["VersionId"]
            written[name, version] = body
    s3.delete_object(Bucket="moved", Key="own-key")
    raw = os.urandom(32)
    s3.put_object(Bucket="moved", Key="sse-c", Body=b"c", **customer(raw))
    s3.put_object(Bucket="moved", Key="dsse", Body=b"d", ServerSideEncryption="aws:kms:dsse", SSEKMSKeyId=old)
    s3.put_object(Bucket="moved", Key="held", Body=b"h", ObjectLockLegalHoldStatus="ON", **under)
    listed, files = versions(s3, "moved"), bodies(gateway)

    done = job(gateway, "moved", "--key", "alias/new")
    counts = done["counts"]
    assert (done["phase"], done["key"], done["bucketKey"]) == ("done", "alias/new", True)
    kinds = {name: counts[name] for name in ("rewrapped", "customer", "dual", "plain", "locked", "refused", "failed", "gone")}
    assert kinds == {"rewrapped": 6, "customer": 1, "dual": 1, "plain": 0, "locked": 1, "refused": 0, "failed": 0, "gone": 0}
    assert versions(s3, "moved") == listed and bodies(gateway) == files
    kms.disable_key(KeyId=old)
    for (name, version), body in written.items():
        got = s3.get_object(Bucket="moved", Key=name, VersionId=version)
        assert got["Body"].read() == body and got["SSEKMSKeyId"] == new and got["BucketKeyEnabled"], name
    assert s3.get_object(Bucket="moved", Key="sse-c", **customer(raw))["Body"].read() == b"c"
    head = s3.head_object(Bucket="moved", Key="held")
    assert head["SSEKMSKeyId"] == old and "BucketKeyEnabled" not in head
    # It is the operator's act, and the keys were used as the owner's root user.
    begun, ended = gateway.events("RekeyBucket"), gateway.events("RekeyBucketEnded")
    assert len(begun) == len(ended) == 1 and ended[0]["serviceEventDetails"]["counts"]["rewrapped"] == 6
    used = [event for event in gateway.events("GenerateDataKey") if event["userAgent"] == "arqueta rekey"]
    assert [event["userIdentity"]["arn"] for event in used] == ["arn:aws:iam::000000000000:root"]
    assert used[0]["requestParameters"]["encryptionContext"] == {"aws:s3:arn": "arn:aws:s3:::moved"}


def test_what_a_key_policy_denies_is_denied(gateway):
    s3, kms = gateway.client("s3"), gateway.client("kms")
    old, new = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    s3.create_bucket(Bucket="denied")
    s3.put_object(Bucket="denied", Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=old)
    policy = json.loads(kms.get_key_policy(KeyId=new)["Policy"])
    policy["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "kms:GenerateDataKey", "Resource": "*"})
    kms.put_key_policy(KeyId=new, Policy=json.dumps(policy))
    done = rekey(gateway, "denied", "--key", new)
    assert done.returncode != 0 and "1 versions were refused" in done.stderr and "explicit deny" in done.stderr, done
    assert s3.get_object(Bucket="denied", Key="k")["SSEKMSKeyId"] == old
    for options, says in [(["--key", "alias/none"], "1 versions were refused"), ([], "name the key with --key")]:
        done = rekey(gateway, "denied", *options)
        assert done.returncode != 0 and says in done.stderr, done
    assert "there is no job" in rekey(gateway, "nowhere-at-all", "--status").stderr


def test_a_kill_in_the_middle_is_gone_on_from(gateway):
    s3, kms = gateway.client("s3"), gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="many")
    names = [f"{at:05}" for at in range(600)]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda name: s3.put_object(Bucket="many", Key=name, Body=name.encode()), names))
    begun = job(gateway, "many", "--key", key, "--rate", "100", "--detach")
    assert begun["phase"] == "currents" and begun["versions"] == 600
    until(lambda: 0 < job(gateway, "many", "--status")["counts"]["rewrapped"] < 600)
    again = rekey(gateway, "many", "--key", key)
    assert again.returncode != 0 and "under way" in again.stderr, again
    gateway.restart(signal.SIGKILL)
    before = job(gateway, "many", "--status")
    assert 0 < before["counts"]["rewrapped"] < 600, "it goes on where it was"
    until(lambda: job(gateway, "many", "--status")["phase"] == "done")
    after = job(gateway, "many", "--status")["counts"]
    # What the kill interrupted is one page, done again at most once.
    assert 600 <= after["rewrapped"] <= 700 and after["failed"] == after["refused"] == 0, after
    with ThreadPoolExecutor(16) as threads:
        s3 = gateway.client("s3")
        heads = list(threads.map(lambda name: s3.head_object(Bucket="many", Key=name), names))
    assert all(head["SSEKMSKeyId"] == key and head["BucketKeyEnabled"] for head in heads)
    assert s3.get_object(Bucket="many", Key="00123")["Body"].read() == b"00123"


def test_a_job_is_stopped_and_keeps_its_rate(gateway):
    s3, kms = gateway.client("s3"), gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="slow")
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda at: s3.put_object(Bucket="slow", Key=str(at), Body=b"x"), range(100)))
    began = time.monotonic()
    job(gateway, "slow", "--key", key, "--rate", "20", "--detach")
    until(lambda: job(gateway, "slow", "--status")["counts"]["rewrapped"] >= 40)
    assert time.monotonic() - began > 0.9, "a second for each 20 after the first"
    stopped = job(gateway, "slow", "--stop")
    assert stopped["phase"] == "stopped"
    gateway.restart()
    assert job(gateway, "slow", "--status")["phase"] == "stopped"
    done = job(gateway, "slow", "--key", key)
    # A window for the keys that are read, one for the key that is written under.
    assert done["counts"]["rewrapped"] == 100 and done["counts"]["calls"] < 10, done
