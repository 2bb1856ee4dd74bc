"""A data folder on a small file system of its own, which others fill up."""

import json
import os
import subprocess
import urllib.error
import urllib.request

import pytest
from conftest import Gateway, refused, until

OWN = ("unshare", "--map-root-user", "--mount")
# A file system for the gateway alone, and somebody else on it who does what he is told by a pipe.
SHARED = """
mount -t tmpfs -o size=96m small "$0" || exit 1
(while read -r told; do
    case $told in fill) cat /dev/zero >>"$0/others" 2>/dev/null;; free) rm -f "$0/others";; end) exit;; esac
done <>"$0.pipe") >/dev/null &
exec "$@"
"""


class Small(Gateway):
    """A gateway on 96 MiB."""

    def __init__(self, disk):
        disk.mkdir()
        self.pipe = disk.with_name(disk.name + ".pipe")
        os.mkfifo(self.pipe)
        super().__init__(disk / "data", around=(*OWN, "sh", "-c", SHARED, str(disk)))

    def others(self, told):
        self.pipe.write_text(told + "\n")

    def ready(self, only=""):
        try:
            return json.loads(urllib.request.urlopen(f"{self.admin_url}/readyz{only}", timeout=10).read())
        except urllib.error.HTTPError as error:
            assert error.code == 503
            return json.loads(error.read())


@pytest.fixture
def small(tmp_path):
    tried = subprocess.run([*OWN, "mount", "-t", "tmpfs", "none", str(tmp_path)], capture_output=True)
    if tried.returncode:
        pytest.skip("no file system can be mounted here: " + tried.stderr.decode().strip())
    gateway = Small(tmp_path / "disk")
    yield gateway
    gateway.others("end")
    gateway.stop()


def test_a_full_disk_is_told_refuses_bodies_and_lets_go(small):
    s3 = small.client("s3")
    s3.create_bucket(Bucket="small")
    for at in range(4):
        s3.put_object(Bucket="small", Key=f"k{at}", Body=b"x" * 100_000)
    assert small.ready()["ready"] and small.metrics()["arqueta_storage_reserve_bytes"] > 1 << 20

    small.others("fill")
    report = until(lambda: not (report := small.ready())["write"]["ok"] and report)
    assert not report["ready"] and "bytes are free; new bodies are refused until" in report["write"]["reason"]
    assert report["read"]["ok"] and report["record"]["ok"]
    assert small.ready("?only=read,record")["ready"]
    until(lambda: small.metrics()["arqueta_storage_reserve_bytes"] == 0)
    # What the reserve was is for deletes and the record; others take it as well.
    for size in (100, 1 << 20):
        assert refused(s3.put_object, Bucket="small", Key="new", Body=b"x" * size)[:2] == (507, "InsufficientStorage")
    small.others("fill")
    until(lambda: small.ready()["disk"]["free"] < 1 << 20)
    for at in range(20):
        assert refused(s3.put_object, Bucket="small", Key=f"new{at}", Body=b"x")[:2] == (507, "InsufficientStorage")
    assert s3.get_object(Bucket="small", Key="k1")["Body"].read() == b"x" * 100_000
    s3.delete_object(Bucket="small", Key="k0")
    assert [row["Key"] for row in s3.list_objects_v2(Bucket="small")["Contents"]] == ["k1", "k2", "k3"]
    assert not small.ready()["ready"], "it is told for as long as it is so"

    small.others("free")
    until(lambda: small.ready()["ready"])
    s3.put_object(Bucket="small", Key="new", Body=b"x" * 100_000)
    assert small.metrics()["arqueta_storage_reserve_bytes"] > 1 << 20
    log = small.stderr_path.read_text().splitlines()
    # The log tells when it begins and ends, and not whom it concerns.
    assert sum("the disk is full, or nearly so" in line for line in log) == 1
    assert sum("there is room again" in line for line in log) == 1
    assert not [line for line in log if "a request failed" in line]
