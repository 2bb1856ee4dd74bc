"""Damaged metadata: one record stops itself and nothing else, and an operator is told which."""

import json
import secrets
import signal
import subprocess
import time
import urllib.request

import pytest
from conftest import BINARY, refused, until

BUCKET = "damage"


def flip_all(path, mark):
    """Flips a bit of every copy of `mark` in a file; returns how many there were."""
    content, count = bytearray(path.read_bytes()), 0
    while (at := content.find(mark)) >= 0:
        content[at] ^= 1
        count += 1
    path.write_bytes(content)
    return count


@pytest.fixture
def damaged(start):
    """A gateway with the objects a, k and z, of which the record of k has a flipped bit."""
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    mark = secrets.token_hex(16)
    for key in ("a", "k", "z"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"body of " + key.encode(), Metadata={"mark": mark if key == "k" else "none"})
    gateway.stop()
    # What a command leaves behind is all in the index: it closes the store, a server just ends.
    checked(gateway, 0)
    assert flip_all(gateway.data / "meta.redb", mark.encode()) >= 1
    gateway.start()
    return gateway


@pytest.mark.parametrize("at, flipped", [(0, 1), (9, 1), (9, 2), (13, 16), (25, 4), (70, 128), (200, 8), (310, 64)])
def test_a_damaged_first_page_is_taken_from_its_copy(start, at, flipped):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for n in range(3):
        s3.put_object(Bucket=BUCKET, Key=str(n), Body=b"body")
    gateway.stop()
    with open(gateway.data / "meta.redb", "r+b") as file:
        file.seek(at)
        [byte] = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ flipped]))
    gateway.start()
    s3 = gateway.client("s3")
    assert keys(s3) == ["0", "1", "2"] and s3.get_object(Bucket=BUCKET, Key="1")["Body"].read() == b"body"
    s3.put_object(Bucket=BUCKET, Key="3", Body=b"later")
    gateway.restart()
    assert keys(gateway.client("s3")) == ["0", "1", "2", "3"]


def checked(gateway, status, *options):
    """What `arqueta check` says of a stopped gateway's folder."""
    done = subprocess.run([BINARY, "check", "--data-dir", str(gateway.data), *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stdout


def keys(s3):
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_one_damaged_record_stops_itself_and_nothing_else(damaged):
    s3 = damaged.client("s3")
    assert keys(s3) == ["a", "z"]
    assert [entry["Key"] for entry in s3.list_object_versions(Bucket=BUCKET)["Versions"]] == ["a", "z"]
    assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"body of a"
    assert refused(s3.get_object, Bucket=BUCKET, Key="k")[:2] == (500, "InternalError")
    assert refused(s3.put_object, Bucket=BUCKET, Key="k", Body=b"", IfNoneMatch="*")[0] == 500
    assert refused(s3.delete_bucket, Bucket=BUCKET)[:2] == (409, "BucketNotEmpty")

    told = json.load(urllib.request.urlopen(damaged.admin_url + "/damage", timeout=10))
    assert [record["record"] for record in told["records"]] == [f'current version of "k" in bucket {BUCKET}']
    assert damaged.metrics()["arqueta_damaged_records"] == 1
    assert f'current version of "k" in bucket {BUCKET}' in damaged.stderr_path.read_text().replace('\\"', '"')

    s3.put_object(Bucket=BUCKET, Key="k", Body=b"again")
    assert keys(s3) == ["a", "k", "z"]
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"again"
    assert damaged.metrics()["arqueta_damaged_records"] == 0


def test_a_damaged_object_can_be_deleted_and_its_bucket_removed(damaged):
    s3 = damaged.client("s3")
    assert s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "k"}, {"Key": "a"}]}).get("Errors") is None
    s3.delete_object(Bucket=BUCKET, Key="z")
    s3.delete_bucket(Bucket=BUCKET)


def test_the_check_finds_a_damaged_record_and_puts_it_aside(damaged):
    damaged.stop()
    assert f'current version of "k" in bucket {BUCKET} is not what was written' in checked(damaged, 3)
    checked(damaged, 3, "--repair")
    (aside,) = damaged.data.glob("damaged-*.jsonl")
    (line,) = map(json.loads, aside.read_text().splitlines())
    assert line["record"] == f'current version of "k" in bucket {BUCKET}'
    assert bytes.fromhex(line["key"]) == f"c/{BUCKET}\0k".encode()
    assert "is named by nothing" in checked(damaged, 3, "--repair"), "nobody asked for it to be freed"
    checked(damaged, 1, "--repair", "--free-unnamed")
    assert "is named by nothing" in checked(damaged, 3), "what was put aside may name it"
    aside.rename(damaged.data.parent / "looked-at")
    assert "is named by nothing" in checked(damaged, 0, "--repair", "--free-unnamed")
    assert "0 findings" in checked(damaged, 0)


def test_deleted_bodies_give_their_space_back_at_once(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    bodies = gateway.data / "blobs"

    def stored():
        return sum(path.stat().st_size for path in bodies.rglob("*") if path.is_file())

    for round in range(3):
        s3.put_object(Bucket=BUCKET, Key="k", Body=secrets.token_bytes(300_000))
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="m")["UploadId"]
    s3.upload_part(Bucket=BUCKET, Key="m", UploadId=upload, PartNumber=1, Body=secrets.token_bytes(300_000))
    s3.abort_multipart_upload(Bucket=BUCKET, Key="m", UploadId=upload)
    deadline = time.monotonic() + 20
    while stored() > 400_000:
        assert time.monotonic() < deadline, f"{stored()} bytes for 300,000"
    s3.delete_object(Bucket=BUCKET, Key="k")
    while stored() > 0:
        assert time.monotonic() < deadline, f"{stored()} bytes for nothing"


def test_space_is_reserved_and_told(start, tmp_path):
    settings = tmp_path / "arqueta.toml"
    settings.write_text("[storage]\nlow_water_bytes = 0\n")
    gateway = start("--config", str(settings))
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x" * 100_000)
    assert gateway.metrics()["arqueta_storage_reserve_bytes"] == 16 << 20
    assert (gateway.data / "reserve").stat().st_size == 16 << 20
    assert gateway.metrics()["arqueta_storage_low_water_bytes"] == 0


def scrub(gateway, *options, status=0):
    arguments = [BINARY, "scrub", *options, "--data-dir", str(gateway.data), "--json"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def large_bodies(gateway):
    return sorted(path for path in (gateway.data / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 50_000)


def test_a_scrub_names_what_is_damaged_and_the_rest_is_served(start):
    gateway = start()
    s3, key = gateway.client("s3"), gateway.client("kms").create_key()["KeyMetadata"]["KeyId"]
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    versions = {}
    for name in ("flipped", "cut", "gone", "whole"):
        before = large_bodies(gateway)
        put = s3.put_object(Bucket=BUCKET, Key=name, Body=secrets.token_bytes(150_000), ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
        (versions[name, "body"],) = set(large_bodies(gateway)) - set(before)
        versions[name] = put["VersionId"]
    assert scrub(gateway, "status") is None
    clean = scrub(gateway, "start", "--wait")
    assert clean["stage"] == "done" and clean["found"] == 0 and clean["bodies"] >= 4 and clean["bytes"] >= 600_000
    body = versions["flipped", "body"]
    bytes_ = bytearray(body.read_bytes())
    bytes_[100_000] ^= 1
    body.write_bytes(bytes_)
    with open(versions["cut", "body"], "r+b") as file:
        file.truncate(100_000)
    versions["gone", "body"].unlink()
    found = scrub(gateway, "start", "--wait", status=3)
    told = {(one["bucket"], one["key"], one["version"], one["kind"], one["repairable"]) for one in found["findings"]}
    assert told == {(BUCKET, "flipped", versions["flipped"], "content", False), (BUCKET, "cut", versions["cut"], "size", False),
                    (BUCKET, "gone", versions["gone"], "missing", False)}
    assert gateway.metrics()["arqueta_scrub_findings"] == 3 and gateway.metrics()["arqueta_scrub_running"] == 0
    assert len(s3.get_object(Bucket=BUCKET, Key="whole")["Body"].read()) == 150_000
    for name in ("flipped", "cut", "gone"):
        s3.delete_object(Bucket=BUCKET, Key=name, VersionId=versions[name])
    assert scrub(gateway, "start", "--wait")["found"] == 0
    gateway.stop()
    assert "0 findings" in checked(gateway, 0, "--bodies")


def test_a_scrub_goes_on_after_a_kill_and_keeps_its_rate(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for n in range(8):
        s3.put_object(Bucket=BUCKET, Key=str(n), Body=secrets.token_bytes(9 << 20))
    began = scrub(gateway, "start", "--rate", "20MiB")
    until(lambda: scrub(gateway, "status")["bytes"] > 0)
    gateway.restart(how=signal.SIGKILL)
    middle = scrub(gateway, "status")
    assert middle["stage"] == "running" and middle["began"] == began["began"] and 0 < middle["bytes"] < 72 << 20
    assert scrub(gateway, "start", "--wait")["bytes"] == 8 * (9 << 20), "nothing twice, nothing left out"
    assert scrub(gateway, "stop")["stage"] == "done"
    scrub(gateway, "start", "--rate", "1KiB")
    assert scrub(gateway, "stop")["stage"] == "stopped"


def test_a_check_reads_bodies_counts_usage_and_speaks_json(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="k", Body=secrets.token_bytes(150_000))
    (body,) = large_bodies(gateway)
    gateway.stop()
    bytes_ = bytearray(body.read_bytes())
    bytes_[70_000] ^= 1
    body.write_bytes(bytes_)
    assert "0 findings" in checked(gateway, 0), "from outside it is what it was"
    lines = [json.loads(line) for line in checked(gateway, 3, "--bodies", "--json").splitlines()]
    assert [line["findings"] for line in lines if "findings" in line] == [0, 1]
    (finding,) = [line for line in lines if "kind" in line]
    assert (finding["bucket"], finding["key"], finding["kind"], finding["repairable"]) == (BUCKET, "k", "content", False)
    checked(gateway, 3, "--bodies", "--repair")
    gateway.start()
    gateway.client("s3").delete_object(Bucket=BUCKET, Key="k")
    gateway.stop()
    checked(gateway, 0, "--bodies")
