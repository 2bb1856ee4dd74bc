"""`arqueta keys`: what protects the root key, back-up and restore, and what depends on a key."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from conftest import ACCESS_KEY, BINARY, REGION, SECRET_KEY, Gateway
from test_kms_custom_store import CLUSTER, MODULE, PIN, Tokens

WORDS = "a passphrase of the tests"


def keys(data, *words, **env):
    """`arqueta keys …` on a data folder, as its exit code, output and errors."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_"))} | env
    command = [BINARY, "keys", *map(str, words), "--data-dir", str(data)]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def config(folder, name, text):
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def passphrase(folder, words=WORDS, name="passphrase"):
    secret = folder / f"{name}.txt"
    secret.write_text(words + "\n")
    # The least that is accepted: guessing is not what these tests are about.
    return config(folder, name, f'[kms.root]\nkind = "passphrase"\npassphrase_file = "{secret}"\nmemory_mib = 8\niterations = 1\n')


def serve_fails(data, *options):
    """The one line that a gateway says instead of starting."""
    command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir", str(data), *map(str, options)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_"))}
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=60)
    # Tokens that are away are logged too.
    [said] = [line for line in done.stderr.splitlines() if line.startswith("arqueta: ")]
    assert done.returncode != 0, done
    return said


def fill(gateway):
    """Objects of every kind that needs a key of the service; what was put where."""
    s3, kms = gateway.client("s3"), gateway.client("kms")
    key = kms.create_key(Description="of the tests")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/restored", TargetKeyId=key)
    s3.create_bucket(Bucket="kept")
    bodies = {}
    for name, how in {
        "sse-s3": {"ServerSideEncryption": "AES256"},
        "sse-kms": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key},
        "bucket-key": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True},
    }.items():
        # Inside the metadata, and in a file of its own.
        for size in (100, 300_000):
            bodies[f"{name}/{size}"] = os.urandom(size)
            s3.put_object(Bucket="kept", Key=f"{name}/{size}", Body=bodies[f"{name}/{size}"], **how)
    return key, bodies


def read_all(gateway, bodies):
    s3 = gateway.client("s3")
    for name, body in bodies.items():
        assert s3.get_object(Bucket="kept", Key=name)["Body"].read() == body, name


def files(data):
    return sorted(path.name for path in data.iterdir() if path.name.startswith("root."))


@pytest.fixture
def gateway(tmp_path):
    gateway = Gateway(tmp_path / "data")
    yield gateway
    gateway.stop(signal.SIGKILL)


def test_a_bare_root_key_is_warned_of(gateway):
    [warning] = [line for line in gateway.banner if line.startswith("warning: ")]
    assert "root.key" in warning and "[kms.root]" in warning


def test_from_a_file_to_a_passphrase_to_another_and_back(gateway, tmp_path):
    _, bodies = fill(gateway)
    data, bare = gateway.data, (gateway.data / "root.key").read_bytes()
    first, second = passphrase(tmp_path), passphrase(tmp_path, "another passphrase", "second")
    busy = keys(data, "rewrap", "--to-config", first)
    assert busy[0] != 0 and "stop it first" in busy[2] and busy[2].count("\n") == 1, busy
    gateway.stop()

    assert keys(data, "rewrap", "--to-config", first)[0] == 0
    assert files(data) == ["root.wrapped"] and bare not in (data / "root.wrapped").read_bytes()
    # With the old configuration nothing is made in its place.
    assert "[kms.root]" in serve_fails(data)
    assert files(data) == ["root.wrapped"]
    assert "does not open with this passphrase" in serve_fails(data, "--config", second)
    gateway.options = ("--config", str(first))
    gateway.start()
    assert not [line for line in gateway.banner if line.startswith("warning")]
    read_all(gateway, bodies)
    verified = subprocess.run([BINARY, "audit", "verify", "--config", str(first), "--data-dir", str(data), "--admin",
                               gateway.admin_url.removeprefix("http://")], capture_output=True, text=True, timeout=60)
    assert verified.returncode == 0, verified
    gateway.stop()

    wrong = keys(data, "rewrap", "--config", second, "--to-config", second)
    assert wrong[0] != 0 and "does not open with this passphrase" in wrong[2] and wrong[2].count("\n") == 1, wrong
    assert keys(data, "rewrap", "--config", first, "--to-config", second)[0] == 0
    assert keys(data, "rewrap", "--config", second, "--to-config", config(tmp_path, "bare", ""))[0] == 0
    assert files(data) == ["root.key"] and (data / "root.key").read_bytes() == bare
    gateway.options = ()
    gateway.start()
    read_all(gateway, bodies)


def test_a_passphrase_from_the_first_start_on(tmp_path):
    data, chosen = tmp_path / "data", passphrase(tmp_path)
    chosen.with_suffix(".txt").write_text("short\n")
    assert "12 bytes" in serve_fails(data, "--config", chosen)
    assert not files(data)
    chosen.with_suffix(".txt").write_text(WORDS)
    gateway = Gateway(data, "--config", str(chosen))
    try:
        _, bodies = fill(gateway)
        gateway.restart(signal.SIGKILL)
        read_all(gateway, bodies)
        assert files(data) == ["root.wrapped"]
        assert WORDS.encode() not in (data / "root.wrapped").read_bytes()
    finally:
        gateway.stop(signal.SIGKILL)


@pytest.mark.skipif(not os.path.exists(MODULE), reason="softhsm2 is not installed")
def test_in_tokens(gateway, tmp_path):
    tokens = Tokens(tmp_path / "hsm")
    (tmp_path / "pin").write_text(PIN)
    cluster = f"""
[[kms.clusters]]
id = "{CLUSTER}"
module = "{MODULE}"
tokens = ["a", "b"]
pin_file = "{tmp_path / 'pin'}"
environment = {{ SOFTHSM2_CONF = "{tokens.conf}" }}
"""
    chosen = config(tmp_path, "tokens", cluster + f'[kms.root]\nkind = "pkcs11"\ncluster = "{CLUSTER}"\n')
    _, bodies = fill(gateway)
    gateway.stop()
    bare = (gateway.data / "root.key").read_bytes()
    done = keys(gateway.data, "rewrap", "--to-config", chosen)
    assert done[0] == 0, done
    assert files(gateway.data) == ["root.wrapped"] and bare not in (gateway.data / "root.wrapped").read_bytes()
    gateway.options = ("--config", str(chosen))
    # One token is enough to open it.
    tokens.take_away("a")
    gateway.start()
    read_all(gateway, bodies)
    gateway.stop()
    tokens.take_away("b")
    assert CLUSTER in serve_fails(gateway.data, "--config", chosen)
    assert files(gateway.data) == ["root.wrapped"]


def test_under_a_key_of_another_key_service(gateway, tmp_path):
    owner = Gateway(tmp_path / "owner", "--only", "kms")
    try:
        remote = owner.client("kms").create_key()["KeyMetadata"]["Arn"]
        (tmp_path / "secret").write_text(SECRET_KEY)
        chosen = config(tmp_path, "remote", f"""
[kms.backends.corp]
kind = "aws"
endpoint = "{owner.url}"
region = "{REGION}"
access_key_id = "{ACCESS_KEY}"
secret_access_key_file = "{tmp_path / 'secret'}"
[kms.root]
kind = "kms"
backend = "corp"
key = "{remote}"
""")
        _, bodies = fill(gateway)
        gateway.stop()
        done = keys(gateway.data, "rewrap", "--to-config", chosen)
        assert done[0] == 0, done
        assert files(gateway.data) == ["root.wrapped"]
        gateway.options = ("--config", str(chosen))
        gateway.start()
        read_all(gateway, bodies)
        gateway.stop()
        # The owner of the key decides whether this key service opens.
        owner.client("kms").disable_key(KeyId=remote)
        assert "`corp`" in serve_fails(gateway.data, "--config", chosen)
        assert files(gateway.data) == ["root.wrapped"]
    finally:
        owner.stop(signal.SIGKILL)


def export(gateway, tmp_path):
    file = tmp_path / "keys.backup"
    done = keys(gateway.data, "export", file, "--passphrase-env", "P", P=WORDS)
    assert done[0] == 0, done
    return file


def test_a_folder_restored_without_its_root_key_reads_its_old_objects(gateway, tmp_path):
    key, bodies = fill(gateway)
    # While it runs.
    file, bare = export(gateway, tmp_path), (gateway.data / "root.key").read_bytes()
    busy = keys(gateway.data, "import", file, "--passphrase-env", "P", P=WORDS)
    assert busy[0] != 0 and "stop it first" in busy[2], busy
    gateway.stop()
    again = keys(gateway.data, "export", file, "--passphrase-env", "P", P=WORDS)
    assert again[0] != 0 and "never replace" in again[2]
    sealed = file.read_bytes()
    for known in (bare, WORDS.encode(), key.encode(), b"alias/restored", b"of the tests"):
        assert known not in sealed, known
    assert file.stat().st_mode & 0o777 == 0o600

    # What a back-up of the data should be: everything but the root key.
    copy = tmp_path / "copy"
    shutil.copytree(gateway.data, copy, ignore=shutil.ignore_patterns("root.key"))
    assert "root.key is missing" in serve_fails(copy)
    wrong = keys(copy, "import", file, "--passphrase-env", "P", P="another passphrase")
    assert wrong[0] != 0 and "does not open" in wrong[2] and wrong[2].count("\n") == 1, wrong
    assert not files(copy)
    done = keys(copy, "import", file, "--passphrase-env", "P", P=WORDS)
    assert done[0] == 0 and "root key is back" in done[1], done
    restored = Gateway(copy)
    try:
        read_all(restored, bodies)
    finally:
        restored.stop(signal.SIGKILL)


def test_into_a_new_folder_under_another_protector(gateway, tmp_path):
    key, _ = fill(gateway)
    kms = gateway.client("kms")
    old = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    gateway.stop()
    file = export(gateway, tmp_path)
    elsewhere = config(tmp_path, "elsewhere", 'region = "eu-west-1"\n')
    for damaged, said in ((file.read_bytes()[:-1], "does not open"), (file.read_bytes()[:9], "not a backup"), (b"", "not a backup")):
        (tmp_path / "damaged").write_bytes(damaged)
        failed = keys(tmp_path / "new", "import", tmp_path / "damaged", "--passphrase-env", "P", P=WORDS)
        assert failed[0] != 0 and said in failed[2] and failed[2].count("\n") == 1, failed
        assert not (tmp_path / "new").exists()
    failed = keys(tmp_path / "far", "import", file, "--passphrase-env", "P", "--config", elsewhere, P=WORDS)
    assert failed[0] != 0 and "us-east-1" in failed[2] and not files(tmp_path / "far"), failed

    chosen = passphrase(tmp_path)
    done = keys(tmp_path / "new", "import", file, "--passphrase-env", "P", "--config", chosen, P=WORDS)
    assert done[0] == 0, done
    assert files(tmp_path / "new") == ["root.wrapped"]
    twice = keys(tmp_path / "new", "import", file, "--passphrase-env", "P", "--config", chosen, P=WORDS)
    assert twice[0] != 0 and "of its own" in twice[2], twice
    restored = Gateway(tmp_path / "new", "--config", str(chosen))
    try:
        kms = restored.client("kms")
        assert kms.decrypt(CiphertextBlob=old)["Plaintext"] == b"old"
        assert kms.describe_key(KeyId="alias/restored")["KeyMetadata"]["KeyId"] == key
    finally:
        restored.stop(signal.SIGKILL)


def test_a_passphrase_is_never_an_argument(tmp_path):
    for options in ((), ("--passphrase", WORDS), ("--passphrase-file", "a", "--passphrase-env", "B")):
        assert keys(tmp_path, "export", tmp_path / "x", *options)[0] == 2


def test_a_short_passphrase_is_told_where_it_is(tmp_path):
    refused = "arqueta: passphrase of the exported keys: the one in {} is too short: a passphrase has 12 bytes or more\n"
    (tmp_path / "words").write_text("eleven byte\n")
    assert keys(tmp_path, "export", tmp_path / "x", "--passphrase-env", "P", P="short")[2] == refused.format("P")
    words = tmp_path / "words"
    assert keys(tmp_path, "export", tmp_path / "x", "--passphrase-file", words)[2] == refused.format(words)


def test_who_depends_on_a_key(gateway, tmp_path):
    key, _ = fill(gateway)
    s3, kms = gateway.client("s3"), gateway.client("kms")
    unused = kms.create_key()["KeyMetadata"]["Arn"]
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="kept", Key="sse-kms/100", Body=b"newer", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.delete_object(Bucket="kept", Key="sse-kms/300000")
    s3.create_bucket(Bucket="uploading")
    s3.create_multipart_upload(Bucket="uploading", Key="x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    # The running gateway says the same at its administration port.
    told = json.load(urllib.request.urlopen(f"{gateway.admin_url}/keys/{key}/usage", timeout=30))
    assert told["all"] == {"current": 3, "noncurrent": 2, "uploads": 1, "bucket_keys": 1}, told
    assert told["key"] == key and told["buckets"]["uploading"]["uploads"] == 1 and "asOf" in told
    arn = f"arn:aws:kms:us-east-1:000000000000:key/{key}"
    for name in ("alias/restored", "alias%2Frestored", arn, arn.replace(f"key/{key}", "alias/restored")):
        again = json.load(urllib.request.urlopen(f"{gateway.admin_url}/keys/{name}/usage", timeout=30))
        assert (again["buckets"], again["keys"]) == (told["buckets"], [arn]), name
    # Nothing is not what is told of a key that is not there.
    with pytest.raises(urllib.error.HTTPError) as unknown:
        urllib.request.urlopen(f"{gateway.admin_url}/keys/none/usage", timeout=30)
    assert unknown.value.code == 404
    while_it_runs = table_of(gateway, tmp_path, key, unused)
    gateway.stop()
    assert table_of(gateway, tmp_path, key, unused) == while_it_runs
    # The socket of a gateway that died is nobody's.
    gateway.start()
    gateway.stop(signal.SIGKILL)
    assert (gateway.data / "control.sock").exists()
    assert table_of(gateway, tmp_path, key, unused) == while_it_runs
    gateway.start()
    assert table_of(gateway, tmp_path, key, unused) == while_it_runs
    gateway.stop()
    assert not (gateway.data / "control.sock").exists()


def table_of(gateway, tmp_path, key, unused):
    """What `arqueta keys list` and `usage` say, having checked it."""
    listed = keys(gateway.data, "list")[1]
    assert f"key/{key}  Enabled" in listed and "alias/restored" in listed and unused in listed, listed
    for name in (key, f"arn:aws:kms:us-east-1:000000000000:key/{key}", "alias/restored"):
        code, table, _ = keys(gateway.data, "usage", name)
        rows = {row.split()[-1]: [int(n) for n in row.split()[:-1]] for row in table.splitlines()[1:]}
        assert code == 0 and rows == {"kept": [3, 2, 0, 1], "uploading": [0, 0, 1, 0], "(all)": [3, 2, 1, 1]}, table
    assert keys(gateway.data, "usage", unused)[1].splitlines()[1:] == ["      0           0        0            0  (all)"]
    unknown = keys(gateway.data, "usage", "alias/nothing")
    assert unknown[0] != 0 and "no key" in unknown[2]
    assert "no data folder" in keys(tmp_path / "none", "list")[2]
    return listed, table


def frame(stream):
    """One answer of the socket: its kind and the rest."""
    def exactly(length):
        read = b""
        while len(read) < length:
            read += (more := stream.recv(length - len(read)))
            assert more, read
        return read

    answer = exactly(int.from_bytes(exactly(4), "big"))
    return answer[:1], answer[1:]


def connected(gateway):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(30)
    stream.connect(str(gateway.data / "control.sock"))
    return stream


def test_the_socket_is_its_owners_alone_and_bounded(gateway):
    path = gateway.data / "control.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    for asked in (b"not json\n", b"{}\n", b'{"commit":{}}\n', b'{"page":{"start":"x","end":null,"limit":1}}\n', b"x" * (16 << 10),
                  b'{"page":{"start":"","end":null,"limit":1,"more":1}}\n', b'{"createAccount":{"account":"12"}}\n'):
        with connected(gateway) as stream:
            stream.sendall(asked)
            assert frame(stream)[0] == b"R", asked
    # A page ends when it is full, however much is asked for, and says of everything where it lies.
    with connected(gateway) as stream:
        stream.sendall(b'{"page":{"start":"","end":null,"limit":1000000}}\n')
        kind, page = frame(stream)
        assert kind == b"P" and b"kms/" in page and len(page) < 3 << 20
        stream.sendall(b'{"page":{"start":"ff","end":null,"limit":1}}\n')
        assert frame(stream) == (b"P", b"")
    # Those before may not have given their places back yet.
    held, deadline = [], time.monotonic() + 60
    while len(held) < 4:
        assert time.monotonic() < deadline
        stream = connected(gateway)
        try:
            stream.sendall(b'"accounts"\n')
            taken = frame(stream)[0] == b"J"
        except OSError:
            taken = False
        held.append(stream) if taken else stream.close()
    with connected(gateway) as fifth:
        kind, why = frame(fifth)
        assert kind == b"R" and b"try again" in why
    busy = keys(gateway.data, "list")
    assert busy[0] != 0 and "try again" in busy[2] and busy[2].count("\n") == 1, busy
    for stream in held:
        stream.close()
    # A place is given back.
    deadline = time.monotonic() + 60
    while keys(gateway.data, "list")[0] != 0:
        assert time.monotonic() < deadline


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused_whatever_the_file_says(gateway):
    path = gateway.data / "control.sock"
    gateway.data.chmod(0o755)
    path.chmod(0o666)
    folder = os.open(gateway.data, os.O_PATH)
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        # Nothing but this: whatever happens, the child must not go on with the tests.
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(30)
            stream.connect(f"/proc/self/fd/{folder}/control.sock")
            # To its end: an answer may come in pieces.
            os.write(write, b"".join(iter(lambda: stream.recv(4096), b""))[4:])
        except OSError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(folder)
    os.close(write)
    with os.fdopen(read, "rb") as said:
        assert said.read() == b"Rit belongs to another user"


def test_a_folder_with_a_path_that_is_too_long_for_a_socket(tmp_path):
    (tmp_path / ("long-" * 30)).mkdir()
    gateway = Gateway(tmp_path / ("long-" * 30) / "data")
    try:
        key, _ = fill(gateway)
        assert key in keys(gateway.data, "list")[1]
    finally:
        gateway.stop(signal.SIGKILL)
