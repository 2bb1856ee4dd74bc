"""Tools that people already use, unmodified: the AWS CLI, rclone, restic, s3fs."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from conftest import ACCESS_KEY, REGION, SECRET_KEY

AWS = str(Path(sys.executable).parent / "aws")


@pytest.fixture
def aws(gateway, tmp_path):
    def aws(*words, **options):
        run = subprocess.run([AWS, *words], capture_output=True, text=True, timeout=120, cwd=tmp_path, env=gateway.environment(), **options)
        assert run.returncode == 0, run.stderr
        return run.stdout
    return aws


def tree(folder):
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    for name, size in (("empty", 0), ("small.txt", 100), ("a b/ü.bin", 70_000), ("deep/er/large.bin", 20 * 2**20)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return folder


def test_aws_s3_cp_sync_rm_presign(aws, files, tmp_path, key):
    bucket = "cli-" + secrets.token_hex(6)
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3", "sync", str(files), f"s3://{bucket}/tree", "--sse", "aws:kms", "--sse-kms-key-id", key)
    aws("s3", "sync", f"s3://{bucket}/tree", str(tmp_path / "back"))
    assert tree(tmp_path / "back") == tree(files)
    aws("s3", "cp", f"s3://{bucket}/tree/deep/er/large.bin", f"s3://{bucket}/copied", "--sse", "AES256")
    aws("s3", "cp", f"s3://{bucket}/copied", "one")
    assert (tmp_path / "one").read_bytes() == (files / "deep/er/large.bin").read_bytes()
    url = aws("s3", "presign", f"s3://{bucket}/tree/small.txt").strip()
    assert urllib.request.urlopen(url, timeout=30).read() == (files / "small.txt").read_bytes()
    assert "tree/small.txt" in aws("s3", "ls", f"s3://{bucket}", "--recursive")
    aws("s3", "rm", f"s3://{bucket}", "--recursive")
    aws("s3", "rb", f"s3://{bucket}")


def test_aws_s3api_and_kms(aws, tmp_path):
    bucket = "api-" + secrets.token_hex(6)
    key = json.loads(aws("kms", "create-key"))["KeyMetadata"]["Arn"]
    aws("kms", "create-alias", "--alias-name", f"alias/{bucket}", "--target-key-id", key)
    aws("s3api", "create-bucket", "--bucket", bucket)
    rule = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": f"alias/{bucket}"},
                       "BucketKeyEnabled": True}]}
    aws("s3api", "put-bucket-encryption", "--bucket", bucket, "--server-side-encryption-configuration", json.dumps(rule))
    (tmp_path / "f").write_bytes(b"hello")
    put = json.loads(aws("s3api", "put-object", "--bucket", bucket, "--key", "k", "--body", "f"))
    assert put["SSEKMSKeyId"] == key and put["BucketKeyEnabled"] is True
    got = json.loads(aws("s3api", "get-object", "--bucket", bucket, "--key", "k", "out"))
    assert got["BucketKeyEnabled"] is True and (tmp_path / "out").read_bytes() == b"hello"


@pytest.fixture
def encrypted(s3, bucket, key):
    """A bucket whose default is SSE-KMS with a bucket key."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    return bucket


def test_rclone_check_download_on_an_encrypted_bucket(gateway, s3, key, encrypted, files, tmp_path):
    bucket = encrypted
    environment = gateway.environment() | {
        "RCLONE_CONFIG": str(tmp_path / "none.conf"), "RCLONE_CONFIG_A_TYPE": "s3", "RCLONE_CONFIG_A_PROVIDER": "Other",
        "RCLONE_CONFIG_A_ENV_AUTH": "true", "RCLONE_CONFIG_A_ENDPOINT": gateway.url, "RCLONE_CONFIG_A_REGION": "us-east-1",
        # ETags of SSE-KMS objects are no MD5s; rclone knows when it is told that they are SSE-KMS.
        "RCLONE_S3_SERVER_SIDE_ENCRYPTION": "aws:kms", "RCLONE_S3_SSE_KMS_KEY_ID": key,
        "RCLONE_S3_CHUNK_SIZE": "5Mi", "RCLONE_S3_UPLOAD_CUTOFF": "5Mi"}

    def rclone(*words):
        run = subprocess.run(["rclone", *words], capture_output=True, text=True, timeout=120, env=environment)
        assert run.returncode == 0, run.stderr
        return run.stderr

    rclone("copy", str(files), f"A:{bucket}/tree")
    assert "0 differences" in rclone("check", "--download", str(files), f"A:{bucket}/tree")
    rclone("delete", f"A:{bucket}/tree")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_restic_backs_up_checks_restores_and_prunes(gateway, s3, encrypted, files, tmp_path):
    environment = gateway.environment() | {"RESTIC_REPOSITORY": f"s3:{gateway.url}/{encrypted}/repository", "RESTIC_PASSWORD": "p"}

    def restic(*words):
        run = subprocess.run(["restic", "--no-cache", *words], capture_output=True, text=True, timeout=120, cwd=files, env=environment)
        assert run.returncode == 0, run.stderr
        return run.stdout

    restic("init")
    restic("backup", ".")
    before = tree(files)
    (files / "small.txt").write_bytes(b"changed")
    (files / "deep/er/large.bin").unlink()
    restic("backup", ".")
    first, second = (snapshot["id"] for snapshot in json.loads(restic("snapshots", "--json")))
    restic("check", "--read-data")
    for snapshot, expected in ((first, before), (second, tree(files))):
        restic("restore", snapshot, "--target", str(tmp_path / snapshot))
        assert tree(tmp_path / snapshot) == expected
    restic("forget", second, "--prune")
    restic("check", "--read-data")
    assert {s3.head_object(Bucket=encrypted, Key=e["Key"])["BucketKeyEnabled"] for e in s3.list_objects_v2(Bucket=encrypted)["Contents"]} == {True}


def fuse_works():
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError:
        return False
    return shutil.which("s3fs") is not None and shutil.which("fusermount") is not None


@pytest.mark.skipif(not fuse_works(), reason="needs s3fs and /dev/fuse")
def test_s3fs_mounts_an_encrypted_bucket(gateway, s3, encrypted, files, tmp_path):
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    environment = gateway.environment() | {"AWSACCESSKEYID": ACCESS_KEY, "AWSSECRETACCESSKEY": SECRET_KEY}
    mount = ["s3fs", encrypted, str(mounted), "-o", f"url={gateway.url},endpoint={REGION},use_path_request_style,sigv4,multipart_size=5"]
    # Returns once the bucket is mounted.
    run = subprocess.run(mount, capture_output=True, text=True, timeout=60, env=environment)
    assert run.returncode == 0, run.stderr
    try:
        assert mounted.is_mount()
        shutil.copytree(files, mounted / "tree")
        assert tree(mounted / "tree") == tree(files)
        (mounted / "tree/small.txt").rename(mounted / "moved")
        with open(mounted / "moved", "ab") as file:
            file.write(b"more")
        (mounted / "tree/empty").unlink()
    finally:
        subprocess.run(["fusermount", "-u", str(mounted)], check=True, timeout=60)
    assert s3.get_object(Bucket=encrypted, Key="moved")["Body"].read() == (files / "small.txt").read_bytes() + b"more"
    large = s3.get_object(Bucket=encrypted, Key="tree/deep/er/large.bin")
    assert large["BucketKeyEnabled"] is True and large["Body"].read() == (files / "deep/er/large.bin").read_bytes()
    assert "tree/empty" not in [e["Key"] for e in s3.list_objects_v2(Bucket=encrypted)["Contents"]]
