"""Back-ups of a gateway that serves: each as of its instant, incremental, sealed, whole or not there; the drill."""

import hashlib
import json
import secrets
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import BINARY, refused, until

BUCKET = "backed-up"
PASSPHRASE = "correct horse battery staple"


def arqueta(*arguments, status=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, (arguments, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture()
def place(tmp_path):
    """Options that name a folder of back-ups."""
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    return [tmp_path / "back-ups", "--passphrase-file", tmp_path / "passphrase"]


def written(said):
    return int(said.split("; ")[1].split(" ")[0])


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


class Load:
    """Writers that note what was acknowledged, and when."""

    def __init__(self, s3, key):
        self.s3, self.key, self.stop, self.acknowledged, self.failed = s3, key, threading.Event(), [], []
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(3)]
        for thread in self.threads:
            thread.start()

    def run(self, writer):
        for n in range(100_000):
            if self.stop.is_set():
                return
            name, body = f"load/{writer}/{n}", secrets.token_bytes(100 if n % 2 else 40_000)
            extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.key} if n % 3 else {}
            try:
                version = self.s3.put_object(Bucket=BUCKET, Key=name, Body=body, **extra)["VersionId"]
            except Exception as error:
                self.failed.append(error)
                return
            self.acknowledged.append((time.time(), name, version, hashlib.sha256(body).hexdigest()))
            if n % 10 == 9:
                self.s3.delete_object(Bucket=BUCKET, Key=f"load/{writer}/{n - 5}")

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def test_the_drill(start, place, tmp_path):
    gateway = start()
    s3, kms = gateway.client("s3"), gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    large = secrets.token_bytes(12 << 20)
    s3.put_object(Bucket=BUCKET, Key="large", Body=large, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    load = Load(s3, key)
    until(lambda: len(load.acknowledged) > 40)
    instants = []
    said = []
    for _ in range(2):
        instants.append(time.time())
        said.append(arqueta("backup", "create", *place, "--data-dir", gateway.data))
        until(lambda: len(load.acknowledged) > 80)
    assert not load.failed
    gateway.stop(signal.SIGKILL)
    load.end()
    assert written(said[1]) < written(said[0]) - (11 << 20), said
    names = [line.split(" ")[0] for line in arqueta("backup", "list", *place).splitlines()]
    assert len(names) == 2
    for name, instant in zip(names, instants):
        assert "0 findings" in arqueta("backup", "verify", *place, "--name", name)
        restored = tmp_path / f"restored-{name}"
        arqueta("restore", *place, "--into", restored, "--name", name)
        arqueta("audit", "verify", "--data-dir", restored)
        arqueta("check", "--data-dir", restored, "--bodies")
        again = start(data=restored)
        s3 = again.client("s3")
        due = [entry for entry in load.acknowledged if entry[0] < instant]
        assert len(due) >= 40
        for _, at, version, digest in due:
            body = s3.get_object(Bucket=BUCKET, Key=at, VersionId=version)["Body"].read()
            assert hashlib.sha256(body).hexdigest() == digest, at
        assert s3.get_object(Bucket=BUCKET, Key="large")["Body"].read() == large
        assert again.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
        s3.put_object(Bucket=BUCKET, Key="on", Body=b"it goes on", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
        again.stop()
        arqueta("audit", "verify", "--data-dir", restored)


def test_without_the_passphrase_there_is_nothing(start, place, tmp_path):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="CANARY-KEY", Body=b"CANARY-BODY", Metadata={"of": "CANARY-META"})
    arqueta("backup", "create", *place, "--data-dir", gateway.data)
    root = (gateway.data / "root.key").read_bytes()
    for path in place[0].rglob("*"):
        if path.is_file():
            assert b"CANARY" not in path.read_bytes() and root not in path.read_bytes(), path
            assert path.stat().st_mode & 0o077 == 0
    (tmp_path / "other").write_text("another passphrase\n")
    other = [place[0], "--passphrase-file", tmp_path / "other"]
    for command in (["backup", "list"], ["backup", "verify"]):
        arqueta(*command, *other, status=1)
    arqueta("restore", *other, "--into", tmp_path / "none", status=1)
    assert not (tmp_path / "none").exists()
    arqueta("restore", *place, "--into", gateway.data, status=1)
    assert s3.get_object(Bucket=BUCKET, Key="CANARY-KEY")["Body"].read() == b"CANARY-BODY"


def test_a_kill_in_the_middle_costs_that_back_up_and_no_other(start, place, tmp_path):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="first", Body=b"first" * 10_000)
    arqueta("backup", "create", *place, "--data-dir", gateway.data)
    before = size(place[0])
    for n in range(6):
        s3.put_object(Bucket=BUCKET, Key=f"k{n}", Body=secrets.token_bytes(8 << 20))
    running = subprocess.Popen([BINARY, "backup", "create", *map(str, place), "--data-dir", str(gateway.data)])
    until(lambda: size(place[0]) > before + (9 << 20) or running.poll() is not None)
    running.kill()
    assert running.wait() == -signal.SIGKILL, "it was done before it was killed: the test says nothing"
    assert len(arqueta("backup", "list", *place).splitlines()) == 1
    assert "0 findings" in arqueta("backup", "verify", *place)
    arqueta("restore", *place, "--into", tmp_path / "restored")
    assert start(data=tmp_path / "restored").client("s3").get_object(Bucket=BUCKET, Key="first")["Body"].read() == b"first" * 10_000
    arqueta("backup", "create", *place, "--data-dir", gateway.data)
    assert len(arqueta("backup", "list", *place).splitlines()) == 2
    assert "0 findings" in arqueta("backup", "verify", *place)


def test_bodies_stay_while_they_are_copied_and_go_afterwards(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket=BUCKET)

    def stored():
        return sum(path.stat().st_size > 50_000 for path in (gateway.data / "blobs").rglob("*") if path.is_file())

    for n in range(3):
        s3.put_object(Bucket=BUCKET, Key=str(n), Body=secrets.token_bytes(100_000))
    copying = socket.socket(socket.AF_UNIX)
    copying.connect(str(gateway.data / "control.sock"))

    def ask(what):
        copying.sendall(json.dumps(what).encode() + b"\n")
        head = copying.recv(4, socket.MSG_WAITALL)
        return copying.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)

    assert ask("stillKept")[:1] == b"R"
    assert ask("freeze") == b"Jnull"
    s3.delete_object(Bucket=BUCKET, Key="0")
    s3.put_object(Bucket=BUCKET, Key="1", Body=secrets.token_bytes(100_000))
    assert refused(s3.get_object, Bucket=BUCKET, Key="0")[:2] == (404, "NoSuchKey")
    assert ask("thaw") == b"Jnull" and ask("stillKept") == b"Jnull"
    assert stored() == 4, "two that were released, one that is there, one that is new"
    copying.close()

    def goes():
        s3.put_object(Bucket=BUCKET, Key="3", Body=secrets.token_bytes(100_000))
        before = stored()
        s3.delete_object(Bucket=BUCKET, Key="3")
        return stored() < before

    until(goes)


def test_a_stopped_gateway_is_backed_up_and_what_is_missing_is_told(start, place, tmp_path):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="k", Body=secrets.token_bytes(100_000))
    gateway.stop()
    arqueta("backup", "create", *place, "--data-dir", gateway.data)
    (body,) = [path for path in (gateway.data / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 50_000]
    body.unlink()
    arqueta("backup", "create", *place, "--data-dir", gateway.data)
    other = [tmp_path / "other", *place[1:]]
    assert "missing, and not in it" in arqueta("backup", "create", *other, "--data-dir", gateway.data, status=3)
    arqueta("restore", *place, "--into", tmp_path / "restored")
    assert len(start(data=tmp_path / "restored").client("s3").get_object(Bucket=BUCKET, Key="k")["Body"].read()) == 100_000
    arqueta("backup", "create", tmp_path, *place[1:], "--data-dir", gateway.data, status=1)
