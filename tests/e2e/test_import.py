"""`arqueta import`: from another Arqueta and from an endpoint that is not ours, killed in the middle."""

import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import datetime, timedelta, timezone

import boto3
import pytest
from botocore.config import Config
from conftest import ACCESS_KEY, BINARY, REGION, SECRET_KEY, customer, take_customer_keys, until


@pytest.fixture(scope="module")
def old(start):
    """Where everything is at first."""
    return start()


@pytest.fixture
def named(old):
    name = "imported-" + secrets.token_hex(6)
    source = old.client("s3")
    source.create_bucket(Bucket=name)
    return name


def command(old_url, new_url, *words, pair=(ACCESS_KEY, SECRET_KEY)):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_"))}
    clean |= {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
              "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
              "ARQUETA_SOURCE_ACCESS_KEY_ID": pair[0], "ARQUETA_SOURCE_SECRET_ACCESS_KEY": pair[1]}
    return subprocess.Popen([BINARY, "import", "--source-endpoint", old_url, "--destination-endpoint", new_url, *words],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean)


def run(old_url, new_url, *words, expect=0, **options):
    process = command(old_url, new_url, *words, **options)
    out, said = process.communicate(timeout=300)
    assert process.returncode == expect, (out, said)
    return out.splitlines(), said


def versions(s3, bucket):
    """Every version and marker, in the order of the listing, by what it holds."""
    found = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        rows = [(v["Key"], v["LastModified"], v["VersionId"], True) for v in page.get("Versions", [])]
        rows += [(m["Key"], m["LastModified"], m["VersionId"], False) for m in page.get("DeleteMarkers", [])]
        for key, _, version, holds in rows:
            body = hashlib.md5(s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read()).hexdigest() if holds else "marker"
            found.append((key, body))
    return sorted(found)


def described(s3, bucket, key, **version):
    head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED", **version)
    kept = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "Metadata", "ETag", "ContentLength",
            "WebsiteRedirectLocation", "ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus", "ChecksumType",
            "ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256", "ServerSideEncryption", "BucketKeyEnabled", "PartsCount")
    tags = s3.get_object_tagging(Bucket=bucket, Key=key, **version)["TagSet"]
    return {name: head[name] for name in kept if name in head} | {"tags": sorted(tag["Key"] + "=" + tag["Value"] for tag in tags)}


def uploaded(s3, bucket, key, parts, **options):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]
    done = []
    for number, part in enumerate(parts, 1):
        said = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part,
                              **({"ChecksumAlgorithm": options["ChecksumAlgorithm"]} if "ChecksumAlgorithm" in options else {}))
        done.append({"PartNumber": number, "ETag": said["ETag"]} | {k: v for k, v in said.items() if k.startswith("Checksum") and k != "ChecksumType"})
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": done})


def test_a_bucket_comes_over_whole(old, named, gateway, s3):
    source = old.client("s3")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    source.put_bucket_encryption(Bucket=named, ServerSideEncryptionConfiguration={"Rules": [rule]})
    source.put_bucket_tagging(Bucket=named, Tagging={"TagSet": [{"Key": "team", "Value": "a"}]})
    source.put_bucket_cors(Bucket=named, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
    source.put_bucket_lifecycle_configuration(Bucket=named, LifecycleConfiguration={"Rules": [
        {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 7}}]})
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": f"arn:aws:s3:::{named}"}]}
    source.put_bucket_policy(Bucket=named, Policy=json.dumps(policy))
    source.put_object(Bucket=named, Key="plain ü+%", Body=b"hello", ContentType="text/plain", CacheControl="no-store", ContentLanguage="es",
                      ContentDisposition="attachment", Metadata={"who": "ana"}, Tagging="a=b%20c&d=e", ServerSideEncryption="AES256")
    source.put_object(Bucket=named, Key="sha", Body=b"hello", ChecksumAlgorithm="SHA256", ServerSideEncryption="AES256")
    source.put_object(Bucket=named, Key="sealed", Body=b"secret")
    source.put_object(Bucket=named, Key="empty", Body=b"")
    source.put_object(Bucket=named, Key="streamed", Body=secrets.token_bytes(3 << 20), ServerSideEncryption="AES256")
    parts = [secrets.token_bytes(5 << 20), secrets.token_bytes(6 << 20), b"end"]
    uploaded(source, named, "parts", parts, ServerSideEncryption="AES256", Metadata={"m": "1"}, Tagging="p=q")
    uploaded(source, named, "composite", parts, ServerSideEncryption="AES256", ChecksumAlgorithm="SHA256")
    plan, said = run(old.url, gateway.url, named, "--dry-run")
    assert f"{named}: bucket would be brought over" in plan and "7 versions of" in said
    assert named not in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    lines, said = run(old.url, gateway.url, named)
    assert not [line for line in lines if "left behind" in line or "content" in line], lines
    assert "7 versions of" in said and "pass 2: 7 keys: 0 versions of 0 bytes" in said and "7 same" in said
    for key in ("plain ü+%", "sha", "empty", "streamed", "parts", "composite"):
        expected, came = described(source, named, key), described(s3, named, key)
        if key == "empty":  # Under the bucket's key: no MD5 on either side.
            expected.pop("ETag"), came.pop("ETag")
        assert came == expected, key
        assert s3.get_object(Bucket=named, Key=key)["Body"].read() == source.get_object(Bucket=named, Key=key)["Body"].read()
    sealed = s3.head_object(Bucket=named, Key="sealed")
    assert sealed["ServerSideEncryption"] == "aws:kms" and sealed["BucketKeyEnabled"] is True
    assert s3.get_object(Bucket=named, Key="sealed")["Body"].read() == b"secret"
    assert s3.get_bucket_encryption(Bucket=named)["ServerSideEncryptionConfiguration"]["Rules"][0]["BucketKeyEnabled"] is True
    assert s3.get_bucket_tagging(Bucket=named)["TagSet"] == [{"Key": "team", "Value": "a"}]
    assert s3.get_bucket_cors(Bucket=named)["CORSRules"][0]["AllowedMethods"] == ["GET"]
    assert s3.get_bucket_lifecycle_configuration(Bucket=named)["Rules"][0]["ID"] == "old"
    assert json.loads(s3.get_bucket_policy(Bucket=named)["Policy"]) == policy
    # Once more, under another name: done once, it does nothing.
    assert "copied, 7 there already" in run(old.url, gateway.url, named)[1]
    other = named + "-2"
    run(old.url, gateway.url, f"{named}={other}")
    assert other in json.loads(s3.get_bucket_policy(Bucket=other)["Policy"])["Statement"][0]["Resource"]


def test_versions_come_in_their_order_and_go_on(old, named, gateway, s3):
    source = old.client("s3")
    source.put_bucket_versioning(Bucket=named, VersioningConfiguration={"Status": "Enabled"})
    for round_ in (b"1", b"22", b"22", b"333"):
        source.put_object(Bucket=named, Key="k", Body=round_)
        source.delete_object(Bucket=named, Key="k")
    source.put_object(Bucket=named, Key="k", Body=b"4444")
    source.put_object(Bucket=named, Key="l", Body=b"l")
    run(old.url, gateway.url, named)
    assert versions(s3, named) == versions(source, named)
    order = [[bool("ETag" in row) for row in sorted(page.get("Versions", []) + page.get("DeleteMarkers", []), key=lambda row: row["LastModified"])]
             for page in (source.list_object_versions(Bucket=named, Prefix="k"), s3.list_object_versions(Bucket=named, Prefix="k"))]
    assert len(order[0]) == len(order[1]) == 9
    assert s3.get_object(Bucket=named, Key="k")["Body"].read() == b"4444"
    # Delta: what came since comes on top.
    source.delete_object(Bucket=named, Key="k")
    source.put_object(Bucket=named, Key="k", Body=b"55555")
    source.put_object(Bucket=named, Key="m", Body=b"m")
    said = run(old.url, gateway.url, named)[1]
    assert "2 versions of 6 bytes and 1 delete markers copied, 10 there already" in said, said
    assert versions(s3, named) == versions(source, named)


def test_retention_and_legal_hold(old, gateway, s3):
    source, name = old.client("s3"), "locked-" + secrets.token_hex(6)
    source.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    until_ = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=1)
    source.put_object(Bucket=name, Key="kept", Body=b"k", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until_)
    source.put_object(Bucket=name, Key="held", Body=b"h", ObjectLockLegalHoldStatus="ON")
    source.put_object(Bucket=name, Key="free", Body=b"f")
    source.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}})
    run(old.url, gateway.url, name)
    for key in ("kept", "held", "free"):
        assert described(s3, name, key) == described(source, name, key)
    rule = s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]["Rule"]
    assert rule == {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}


def test_what_cannot_come_is_told(old, named, gateway, s3):
    source = old.client("s3")
    take_customer_keys(source, named)
    source.put_object(Bucket=named, Key="c", Body=b"x", **customer())
    source.put_object(Bucket=named, Key="d", Body=b"y")
    lines, _ = run(old.url, gateway.url, named, expect=1)
    assert any(line.startswith(f"{named}: c") and "SSE-C" in line for line in lines), lines
    assert f"{named}: c: missing in the destination" in lines
    assert s3.get_object(Bucket=named, Key="d")["Body"].read() == b"y"
    assert "NoSuchBucket" in run(old.url, gateway.url, "nowhere-" + secrets.token_hex(6), expect=3)[1]


def test_without_versions_changes_and_deletions_follow(old, named, gateway, s3):
    source = old.client("s3")
    for key in ("a", "b", "c"):
        source.put_object(Bucket=named, Key=key, Body=b"1")
    run(old.url, gateway.url, named)
    source.delete_object(Bucket=named, Key="a")
    source.put_object(Bucket=named, Key="b", Body=b"2")
    lines, _ = run(old.url, gateway.url, named, expect=1)
    assert f"{named}: a: missing in the source" in lines
    assert "1 deleted" in run(old.url, gateway.url, named, "--delete")[1]
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=named)["Contents"]] == ["b", "c"]
    assert s3.get_object(Bucket=named, Key="b")["Body"].read() == b"2"


@pytest.mark.parametrize("killed", ["import", "source", "destination"])
def test_a_kill_in_the_middle_loses_and_doubles_nothing(start, killed):
    old, new = start(), start()
    source, destination, name = old.client("s3"), new.client("s3"), "killed"
    source.create_bucket(Bucket=name)
    source.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for number in range(150):
        source.put_object(Bucket=name, Key=f"k{number:03}", Body=secrets.token_bytes(2000))
        if number % 3 == 0:
            source.delete_object(Bucket=name, Key=f"k{number:03}")
            source.put_object(Bucket=name, Key=f"k{number:03}", Body=secrets.token_bytes(2000))
    uploaded(source, name, "zz", [secrets.token_bytes(5 << 20), b"end"])
    # Slow enough to be caught in the middle.
    process = command(old.url, new.url, name, "--rate", "400KiB")

    def some():
        try:
            return destination.list_objects_v2(Bucket=name).get("KeyCount", 0) > 20
        except destination.exceptions.ClientError:
            return False

    until(some)
    gateway = {"source": old, "destination": new}.get(killed)
    if gateway is None:
        process.kill()
        process.wait()
    else:
        port = gateway.url.rsplit(":", 1)[1]
        gateway.listen = f"127.0.0.1:{port}"
        gateway.restart(signal.SIGKILL)
        # Either it outlived that, or it ended and told so.
        process.communicate(timeout=120)
    assert len(destination.list_object_versions(Bucket=name).get("Versions", [])) > 20
    run(old.url, new.url, name)
    assert versions(destination, name) == versions(source, name)
    assert destination.head_object(Bucket=name, Key="zz")["ETag"] == source.head_object(Bucket=name, Key="zz")["ETag"]
    assert not destination.list_multipart_uploads(Bucket=name).get("Uploads")


def test_it_follows_until_the_cut_over(old, named, gateway, s3):
    source = old.client("s3")
    source.put_object(Bucket=named, Key="first", Body=b"1")
    process = command(old.url, gateway.url, named, "--follow", "1")
    told = []
    reader = threading.Thread(target=lambda: told.extend(process.stderr), daemon=True)
    reader.start()
    until(lambda: any("nothing new" in line for line in told))
    source.put_object(Bucket=named, Key="second", Body=b"2")
    until(lambda: "second" in [e["Key"] for e in s3.list_objects_v2(Bucket=named)["Contents"]])
    source.put_object(Bucket=named, Key="third", Body=b"3")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0, told
    assert s3.get_object(Bucket=named, Key="third")["Body"].read() == b"3"


def test_a_rate_is_kept(old, named, gateway):
    source = old.client("s3")
    for number in range(4):
        source.put_object(Bucket=named, Key=f"k{number}", Body=bytes(100_000))
    began = time.monotonic()
    run(old.url, gateway.url, named, "--rate", "200000", "--no-report")
    # The first piece waits for nobody.
    assert time.monotonic() - began > 1.4


@pytest.fixture
def moto(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                               stdout=open(tmp_path / "moto.log", "wb"), stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return urllib.request.urlopen(url + "/moto-api/", timeout=5).status == 200
        except OSError:
            return False

    until(answers)
    yield url
    process.kill()
    process.wait()


def test_all_buckets_of_an_endpoint_that_is_not_ours(gateway, s3, moto):
    source = boto3.client("s3", endpoint_url=moto, aws_access_key_id="k", aws_secret_access_key="s", region_name=REGION,
                          config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"))
    names = ["moto-" + secrets.token_hex(6) for _ in "ab"]
    for name in names:
        source.create_bucket(Bucket=name)
    source.put_bucket_versioning(Bucket=names[1], VersioningConfiguration={"Status": "Enabled"})
    source.put_bucket_tagging(Bucket=names[1], Tagging={"TagSet": [{"Key": "team", "Value": "b"}]})
    for name in names:
        for number in range(10):
            source.put_object(Bucket=name, Key=f"d/{number}", Body=secrets.token_bytes(1000), ContentType="text/plain", Metadata={"m": "1"}, Tagging="a=b")
        uploaded(source, name, "parts", [secrets.token_bytes(5 << 20), b"end"])
    source.put_object(Bucket=names[1], Key="d/0", Body=b"second")
    source.delete_object(Bucket=names[1], Key="d/1")
    lines, said = run(moto, gateway.url, pair=("k", "s"))
    assert not [line for line in lines if "left behind" in line or "content" in line], (lines, said)
    for name in names:
        assert s3.head_object(Bucket=name, Key="parts")["ETag"] == source.head_object(Bucket=name, Key="parts")["ETag"]
        assert s3.get_object(Bucket=name, Key="d/5")["Body"].read() == source.get_object(Bucket=name, Key="d/5")["Body"].read()
    assert versions(s3, names[1]) == versions(source, names[1])
    assert s3.get_bucket_tagging(Bucket=names[1])["TagSet"] == [{"Key": "team", "Value": "b"}]
