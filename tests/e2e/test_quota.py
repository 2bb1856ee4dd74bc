"""How much lies in buckets, counted in the commit of each change, and how much may: `arqueta quota`."""

import http.client
import re
import secrets
import signal
import subprocess
import threading
import urllib.parse

import pytest
from conftest import ACCOUNT, BINARY, customer, refused, signed

EXCEEDED = (403, "QuotaExceeded")


def quota(gateway, *words, fails=False):
    done = subprocess.run([BINARY, "quota", "--data-dir", str(gateway.data), *words], capture_output=True, text=True, timeout=60)
    assert (done.returncode != 0) is fails, done.stderr
    return done.stderr if fails else done.stdout


def shown(gateway, bucket):
    """Bytes, objects, versions, as the command says."""
    [line] = [line for line in quota(gateway, "show").splitlines() if line.startswith(f"bucket {bucket} ")]
    return tuple(int(re.search(rf"{word} (\d+)", line)[1]) for word in ("bytes", "objects", "versions"))


def scanned(s3, bucket):
    size = objects = versions = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in page.get("Versions", []):
            size, versions, objects = size + version["Size"], versions + 1, objects + version["IsLatest"]
        versions += len(page.get("DeleteMarkers", []))
    return size, objects, versions


@pytest.fixture
def bucket(s3, key):
    name = "q-" + secrets.token_hex(8)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, "BucketKeyEnabled": True,
         "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})
    return name


def test_usage_is_what_a_listing_finds(gateway, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number, more in enumerate(({}, {"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms:dsse"}, customer())):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x" * (100 + number), **more)
    s3.put_object(Bucket=bucket, Key="k0", Body=b"x" * 40_000)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k0")
    s3.delete_object(Bucket=bucket, Key="k1")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="u", UploadId=upload, PartNumber=1, Body=b"x" * 77)["ETag"]
    before = scanned(s3, bucket)
    assert shown(gateway, bucket) == before, "uploads under way do not count"
    s3.complete_multipart_upload(Bucket=bucket, Key="u", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    assert shown(gateway, bucket) == scanned(s3, bucket) == (before[0] + 77, before[1] + 1, before[2] + 1)
    metrics = gateway.metrics()
    assert metrics[f'arqueta_bucket_bytes{{bucket="{bucket}"}}'] == before[0] + 77
    assert metrics["arqueta_stored_versions"] >= before[2] + 1


def test_a_bucket_takes_what_its_quota_permits(gateway, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 1000)
    quota(gateway, "set", "--bucket", bucket, "--bytes", "2KiB", "--objects", "3")
    assert "at most 2048 bytes, at most 3 objects" in quota(gateway, "show")
    for call, more in ((s3.put_object, {"Key": "n", "Body": b"x" * 1049}), (s3.put_object, {"Key": "k", "Body": b"x" * 2049})):
        assert refused(call, Bucket=bucket, **more)[:2] == EXCEEDED
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 1024)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert shown(gateway, bucket) == (2048, 2, 2)
    assert refused(s3.copy_object, Bucket=bucket, Key="again", CopySource=f"{bucket}/k")[:2] == EXCEEDED
    upload = s3.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]
    assert refused(s3.upload_part, Bucket=bucket, Key="u", UploadId=upload, PartNumber=1, Body=b"x")[:2] == EXCEEDED
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert refused(s3.put_object, Bucket=bucket, Key="empty-too", Body=b"")[:2] == EXCEEDED
    s3.delete_object(Bucket=bucket, Key="copy")
    s3.put_object(Bucket=bucket, Key="n", Body=b"x" * 1024)
    quota(gateway, "clear", "--bucket", bucket)
    s3.put_object(Bucket=bucket, Key="large", Body=b"x" * 30_000)
    [event, *_] = [event for event in gateway.events("SetQuota") if bucket in str(event)]
    assert event["recipientAccountId"] == ACCOUNT and event["readOnly"] is False


def test_a_body_that_cannot_fit_is_not_asked_for(gateway, s3, bucket):
    quota(gateway, "set", "--bucket", bucket, "--bytes", "100")
    url = f"{gateway.url}/{bucket}/k"
    headers = signed("PUT", url, {"content-length": str(10 << 20)})
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=30)
    connection.putrequest("PUT", where.path, skip_host=True, skip_accept_encoding=True)
    for name, value in ({"Host": where.netloc, "Expect": "100-continue"} | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    # Not a byte of the body was sent.
    answer = connection.getresponse()
    assert (answer.status, b"<Code>QuotaExceeded</Code>" in answer.read()) == (403, True)


def test_an_account_has_a_quota_for_all_its_buckets(start, tmp_path):
    gateway = start(data=tmp_path / "data")
    s3 = gateway.client("s3")
    for name in ("one-of-two", "two-of-two"):
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="k", Body=b"x" * 50)
    gateway.restart()
    s3 = gateway.client("s3")
    quota(gateway, "set", "--account", ACCOUNT, "--bytes", "150")
    s3.put_object(Bucket="one-of-two", Key="n", Body=b"x" * 50)
    for name in ("one-of-two", "two-of-two"):
        assert refused(s3.put_object, Bucket=name, Key="more", Body=b"x")[:2] == EXCEEDED
    gateway.restart()
    s3 = gateway.client("s3")
    assert refused(s3.put_object, Bucket="two-of-two", Key="more", Body=b"x")[:2] == EXCEEDED
    quota(gateway, "clear", "--account", ACCOUNT)
    s3.put_object(Bucket="two-of-two", Key="more", Body=b"x")


def test_the_count_survives_kills(start, tmp_path):
    gateway = start(data=tmp_path / "data")
    gateway.client("s3").create_bucket(Bucket="killed")
    for round_ in range(3):
        s3 = gateway.client("s3")

        def write(worker, s3=s3):
            for number in range(1000):
                try:
                    s3.put_object(Bucket="killed", Key=f"{worker}/{number % 7}", Body=secrets.token_bytes(1 + number % 5 * 9000))
                    if number % 3 == 0:
                        s3.delete_object(Bucket="killed", Key=f"{worker}/{number % 5}")
                except Exception:  # noqa: BLE001  whatever a killed gateway leaves of a connection
                    return

        workers = [threading.Thread(target=write, args=(f"{round_}-{worker}",)) for worker in range(6)]
        for worker in workers:
            worker.start()
        while scanned(s3, "killed")[1] < 10 * (round_ + 1):
            pass
        gateway.restart(signal.SIGKILL)
        for worker in workers:
            worker.join()
        assert shown(gateway, "killed") == scanned(gateway.client("s3"), "killed")
    told = quota(gateway, "recount", "killed")
    assert tuple(int(n) for n in re.findall(r"(?:bytes|objects|versions) (\d+)", told)) == shown(gateway, "killed")


def test_what_the_command_is_told(gateway, tmp_path):
    assert "does not exist" in quota(gateway, "set", "--bucket", "missing-bucket", "--bytes", "1", fails=True)
    assert "no gateway runs" in subprocess.run([BINARY, "quota", "--data-dir", str(tmp_path), "show"],
                                               capture_output=True, text=True).stderr
    for words in (("set", "--bucket", "b"), ("set", "--bytes", "1"), ("set", "--bucket", "b", "--bytes", "1kb"), ("clear",)):
        quota(gateway, *words, fails=True)
