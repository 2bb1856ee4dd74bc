"""Data folders of earlier versions open, keep everything, and cannot be opened by those again."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest
from conftest import BINARY, Gateway

# Python before 3.11.4 has no filters; the archives are our own.
SAFELY = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}

# Written by version 0.1.0 before it had a journal (commit a9f3575), which was killed: twelve objects
# in a versioned bucket, some under a KMS key, one deleted; an open upload; an alias.
WITHOUT_JOURNAL = Path(__file__).parent / "data-without-journal.tar.gz"
# Written by 0.1.0 at format 3 (commit 9640248), which was killed: the same, some under bucket keys, and a user.
FORMAT_3 = Path(__file__).parent / "data-format-3.tar.gz"


def body(n):
    return hashlib.shake_128(str(n).encode()).digest(100 * n * n)


def extracted(fixture, folder):
    with tarfile.open(fixture) as archive:
        archive.extractall(folder, **SAFELY)
    os.chmod(folder / "data", 0o700)
    return folder / "data"


@pytest.fixture
def folder(tmp_path):
    return extracted(WITHOUT_JOURNAL, tmp_path)


def check(gateway):
    s3 = gateway.client("s3")
    for n in range(12):
        if n == 3:
            continue
        answer = s3.get_object(Bucket="kept", Key=f"object-{n:02}")
        assert answer["Body"].read() == body(n), n
        assert answer["ServerSideEncryption"] == ("aws:kms" if n % 3 else "AES256")
    listed = s3.list_object_versions(Bucket="kept", Prefix="object-")
    assert len(listed["Versions"]) == 12 and len(listed["DeleteMarkers"]) == 1
    uploads = s3.list_multipart_uploads(Bucket="kept")["Uploads"]
    parts = s3.list_parts(Bucket="kept", Key="open", UploadId=uploads[0]["UploadId"])["Parts"]
    assert [part["Size"] for part in parts] == [4]
    key = gateway.client("kms").describe_key(KeyId="alias/kept")["KeyMetadata"]
    assert key["Description"] == "old" and key["KeyState"] == "Enabled"


def adopt(folder):
    done = subprocess.run([BINARY, "adopt", "--data-dir", str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_from_before_authentic_metadata_is_adopted_when_its_operator_asks(folder):
    for _ in range(2):
        assert "`arqueta adopt`" in not_served(folder)
    assert re.match(r"\d\d+ records in .* carry authentication tags from now on", adopt(folder))
    gateway = Gateway(folder)
    check(gateway)
    gateway.stop()
    assert "carries its tags already" in adopt(folder)


def test_a_folder_of_format_3_is_served_as_it_is(tmp_path):
    folder = extracted(FORMAT_3, tmp_path)
    assert (folder / "VERSION").read_text() == "arqueta data folder, format 3\n"
    gateway = Gateway(folder)
    for how in (signal.SIGKILL, signal.SIGTERM):
        check(gateway)
        assert [user["UserName"] for user in gateway.client("iam").list_users()["Users"]] == ["kept"]
        gateway.restart(how)
    gateway.stop()
    run = subprocess.run([BINARY, "audit", "verify", "--data-dir", str(folder)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_new_format_comes_with_a_folder_of_the_one_before():
    code = (Path(__file__).resolve().parents[2] / "crates/gateway/src/data_folder.rs").read_text()
    newest = int(re.search(r"^const FORMAT: u32 = (\d+);", code, re.M)[1])
    assert newest == 3, "keep a folder of the format before as data-format-N.tar.gz, and open it here"


def test_what_is_no_data_folder_is_not_adopted(tmp_path):
    done = subprocess.run([BINARY, "adopt", "--data-dir", str(tmp_path / "none")], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "no data folder" in done.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("lost", [("meta.redb",), ("meta.redb", "meta.journal"), ("meta.redb", "meta.journal", "blobs")])
def test_a_folder_that_lost_its_metadata_is_neither_begun_anew_nor_cleared(start, tmp_path, lost):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="k", Body=body(40))
    gateway.stop()
    aside = tmp_path / "aside"
    aside.mkdir()
    for name in lost:
        (gateway.data / name).rename(aside / name)
    before = files(gateway.data)
    line = not_served(gateway.data)
    assert "meta.redb is missing" in line and "back-up" in line, line
    assert files(gateway.data) == before, "nothing was made, and nothing removed"
    for name in lost:
        (aside / name).rename(gateway.data / name)
    gateway.start()
    assert gateway.client("s3").get_object(Bucket="kept", Key="k")["Body"].read() == body(40)


def test_metadata_from_an_older_back_up_removes_no_newer_body(start, tmp_path):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="old", Body=body(40))
    gateway.stop()
    for name in ("meta.redb", "meta.journal"):
        copy = shutil.copytree if (gateway.data / name).is_dir() else shutil.copy
        copy(gateway.data / name, tmp_path / name)
    gateway.start()
    gateway.client("s3").put_object(Bucket="kept", Key="new", Body=body(41))
    gateway.stop()
    newer = {path for path in files(gateway.data / "blobs") if "anchor" not in path.name}
    assert len(newer - {gateway.data / "blobs" / "lock"}) == 2
    shutil.rmtree(gateway.data / "meta.journal")
    shutil.copytree(tmp_path / "meta.journal", gateway.data / "meta.journal")
    shutil.copy(tmp_path / "meta.redb", gateway.data / "meta.redb")
    gateway.options = ("--accept-older-metadata",)
    gateway.start()
    s3 = gateway.client("s3")
    assert s3.get_object(Bucket="kept", Key="old")["Body"].read() == body(40)
    said = gateway.stderr_path.read_text()
    assert "not those that the metadata knew last" in said, said
    gateway.options = ()
    gateway.restart()
    assert newer <= files(gateway.data / "blobs")


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def not_served(folder):
    """The one line that a gateway says which does not start."""
    run = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", str(folder)],
                         capture_output=True, text=True, timeout=60)
    assert run.returncode != 0
    return run.stderr.strip().splitlines()[-1]


def test_a_folder_without_a_journal_is_migrated(folder):
    adopt(folder)
    gateway = Gateway(folder)
    check(gateway)
    gateway.client("s3").put_object(Bucket="kept", Key="new", Body=b"new")
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        gateway.restart(how)
        check(gateway)
        assert gateway.client("s3").get_object(Bucket="kept", Key="new")["Body"].read() == b"new"
    gateway.stop()
    assert any((folder / "meta.journal").iterdir())


def test_sled_keeps_the_metadata_where_that_is_asked_for(tmp_path):
    settings = tmp_path / "sled.toml"
    settings.write_text('[metadata]\nengine = "sled"\n')
    gateway = Gateway(tmp_path / "data", "--config", str(settings))
    told = gateway.stderr_path.read_text()
    assert "metadata.engine is sled" in told and "power-loss tests of this gateway do not cover it" in told
    key = gateway.client("kms").create_key(Description="kept")["KeyMetadata"]["KeyId"]
    gateway.client("s3").create_bucket(Bucket="kept")
    bodies = {"small": b"s" * 100, "large": b"l" * (2 << 20)}
    for name, content in bodies.items():
        gateway.client("s3").put_object(Bucket="kept", Key=name, Body=content, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    for how in (signal.SIGKILL, signal.SIGTERM):
        gateway.restart(how)
        s3 = gateway.client("s3")
        assert {name: s3.get_object(Bucket="kept", Key=name)["Body"].read() for name in bodies} == bodies
        assert gateway.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Description"] == "kept"
    gateway.stop()
    assert (tmp_path / "data" / "meta.sled").is_dir() and not (tmp_path / "data" / "meta.redb").exists()
    assert "has its metadata in sled; metadata.engine is redb" in not_served(tmp_path / "data")


def test_a_gateway_that_is_told_to_stop_leaves_nothing_to_replay(tmp_path):
    gateway = Gateway(tmp_path / "data", "--log", "info")
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="kept")

    def replayed(how):
        s3.put_object(Bucket="kept", Key="key", Body=how.name.encode())
        gateway.stop(how)
        os.truncate(gateway.stderr_path, 0)
        gateway.start()
        assert gateway.client("s3").get_object(Bucket="kept", Key="key")["Body"].read() == how.name.encode()
        return "applied the journal" in gateway.stderr_path.read_text()

    s3 = gateway.client("s3")
    assert replayed(signal.SIGKILL)
    s3 = gateway.client("s3")
    assert not replayed(signal.SIGTERM)
    gateway.stop()


def test_an_older_copy_of_the_metadata_beside_its_journal_does_not_start(tmp_path):
    gateway = Gateway(tmp_path / "data")
    gateway.stop()
    metadata = tmp_path / "data" / "meta.redb"
    copy = metadata.read_bytes()
    gateway.start()
    gateway.client("s3").create_bucket(Bucket="kept")
    gateway.stop(signal.SIGKILL)
    newest = metadata.read_bytes()
    for content in (copy, None):
        metadata.unlink()
        if content is not None:
            metadata.write_bytes(content)
        with pytest.raises(AssertionError, match="older copy|segment . of the journal|meta.redb is missing"):
            gateway.start()
        assert gateway.process.wait(timeout=60) != 0
    metadata.write_bytes(newest)
    gateway.start()
    assert [b["Name"] for b in gateway.client("s3").list_buckets()["Buckets"]] == ["kept"]
    gateway.stop()
