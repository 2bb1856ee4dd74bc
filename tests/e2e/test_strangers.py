"""What somebody without credentials can make the gateway hold: memory, places, time."""

import http.client
import json
import re
import selectors
import time
from urllib.parse import urlparse

import pytest
from conftest import ACCESS_KEY, REGION, SECRET_KEY, signed, until
from test_memory import resident
from test_operating import dialled

STRANGERS = 200
DOCUMENT = (4 << 20) - 1
# What all of them may add: their address's share of what may wait, and what 200 sockets take. It was 845 MiB.
MOST = 128 << 20
KMS = {"X-Amz-Target": "TrentService.Encrypt", "Content-Type": "application/x-amz-json-1.1"}


@pytest.fixture(scope="module")
def besieged(start):
    gateway = start()
    s3 = gateway.client("s3")
    for bucket in ("shut", "open"):
        s3.create_bucket(Bucket=bucket)
    s3.delete_public_access_block(Bucket="open")
    s3.put_bucket_policy(Bucket="open", Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::open/drop/*"}]}))
    return gateway


def head(gateway, method, path, length, headers=()):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlparse(gateway.url).netloc}", f"Content-Length: {length}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in dict(headers).items()), "", ""]).encode()


def claimed():
    """The head of a call that an access key is named for whose secret nobody has."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{ACCESS_KEY}/{stamp[:8]}/{REGION}/kms/aws4_request"
    return KMS | {"X-Amz-Date": stamp, "Authorization":
                  f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"}


def pour(gateway, head, size):
    """Sends a head and as much of `size` bytes as is taken, on many connections, and keeps them. Also
    returns the most that the gateway had in memory meanwhile: it gives such bodies up after a while."""
    most = resident(gateway)
    body = b"<Delete>" + b" " * (size - 8)
    left = {}
    with selectors.DefaultSelector() as ready:
        for _ in range(STRANGERS):
            stream = dialled(gateway)
            stream.sendall(head)
            stream.setblocking(False)
            left[stream] = 0
            ready.register(stream, selectors.EVENT_WRITE)
        end = time.monotonic() + 20
        while ready.get_map() and time.monotonic() < end:
            if not (events := ready.select(0.5)):
                break
            most = max(most, resident(gateway))
            for key, _ in events:
                stream = key.fileobj
                try:
                    left[stream] += stream.send(body[left[stream]:left[stream] + (256 << 10)])
                except BlockingIOError:
                    continue
                except OSError:
                    ready.unregister(stream)
                    continue
                if left[stream] >= size:
                    ready.unregister(stream)
    return list(left), max(most, resident(gateway))


@pytest.mark.parametrize("name, size, ask", [
    ("a missing bucket", DOCUMENT, lambda it: head(it, "POST", "/nobb?delete", DOCUMENT)),
    ("a private bucket", DOCUMENT, lambda it: head(it, "POST", "/shut?delete", DOCUMENT)),
    ("a bucket that lets strangers in", DOCUMENT, lambda it: head(it, "POST", "/open?delete", DOCUMENT)),
    ("an unsigned call", (1 << 20) - 1, lambda it: head(it, "POST", "/", (1 << 20) - 1, KMS)),
    ("a call with another's key id", (1 << 20) - 1, lambda it: head(it, "POST", "/", (1 << 20) - 1, claimed())),
])
def test_bodies_of_strangers_hold_no_memory(besieged, name, size, ask):
    # What those before it held is given up.
    until(lambda: besieged.metrics()["arqueta_connections_undecided"] == 0)
    before = resident(besieged)
    # All but the last byte of each.
    sockets, most = pour(besieged, ask(besieged), size - 1)
    held = most - before
    print(f"{name}: {held >> 20} MiB")  # pytest -s
    for stream in sockets:
        stream.close()
    assert held < MOST, f"{held >> 20} MiB"


def test_a_stranger_is_refused_before_his_document_and_who_signed_is_not(besieged):
    for path in ("/nobb?delete", "/shut?delete", "/shut/k?tagging", "/nobb/k?tagging", "/shut", "/nobb"):
        stream = dialled(besieged)
        method = "POST" if path.endswith("delete") else "PUT"
        stream.sendall(head(besieged, method, path, 1000))
        assert stream.recv(12) == b"HTTP/1.1 403", path
        stream.close()
    s3 = besieged.client("s3")
    s3.put_object(Bucket="open", Key="drop/a", Body=b"x")
    deleted = s3.delete_objects(Bucket="open", Delete={"Objects": [{"Key": "drop/a"}]})
    assert [it["Key"] for it in deleted["Deleted"]] == ["drop/a"]


def half_form(gateway):
    body = b"--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk"
    return head(gateway, "POST", "/open", 4096, {"Content-Type": "multipart/form-data; boundary=b"}) + body


@pytest.mark.parametrize("half", [
    half_form,
    lambda it: head(it, "POST", "/open?delete", 4096) + b"<Delete>",
    lambda it: head(it, "PUT", "/open/k?tagging", 4096) + b"<Tagging>",
    lambda it: head(it, "POST", "/", 4096, claimed()) + b"{",
], ids=["form", "delete", "tagging", "kms"])
def test_half_a_request_of_a_stranger_keeps_nobody_out(start, tmp_path, half):
    settings = tmp_path / "a.toml"
    settings.write_text("[limits]\nconnections = 8\nconnections_per_address = 8\n")
    gateway = start("--config", str(settings))
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="open")
    s3.delete_public_access_block(Bucket="open")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject*", "Resource": "arn:aws:s3:::open/x/*"}
    s3.put_bucket_policy(Bucket="open", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.close()
    squatters = []
    for _ in range(8):
        squatter = dialled(gateway)
        squatter.sendall(half(gateway))
        squatters.append(squatter)
    until(lambda: gateway.metrics()["arqueta_connections_undecided"] >= 7)
    host = gateway.url.removeprefix("http://")
    # One that all of it is known of, on a connection of its own.
    newcomer = http.client.HTTPConnection(host, timeout=60)
    newcomer.request("GET", "/", headers=signed("GET", gateway.url + "/"))
    assert newcomer.getresponse().status == 200
    # That it was one of them who went tells the metric.
    assert gateway.metrics()["arqueta_connections_displaced_total"] >= 1
    for squatter in squatters:
        squatter.close()


def test_the_connection_of_who_uploads_in_the_console_is_known(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="held")
    s3.close()
    browser = http.client.HTTPConnection(urlparse(gateway.url).netloc, timeout=30)
    form = {"Origin": gateway.url, "Content-Type": "application/x-www-form-urlencoded"}
    browser.request("POST", "/-/console/sign-in", f"key={ACCESS_KEY}&secret={SECRET_KEY}", form)
    answer = browser.getresponse()
    assert answer.status == 303 and answer.read() is not None
    cookie = answer.headers["Set-Cookie"].split(";")[0]
    browser.request("GET", "/-/console/buckets/held/objects", headers={"Cookie": cookie})
    token = re.search(r'data-csrf="([^"]+)"', browser.getresponse().read().decode())[1]
    browser.close()
    until(lambda: gateway.metrics()["arqueta_connections_undecided"] == 0)
    upload = dialled(gateway)
    upload.sendall(head(gateway, "PUT", "/-/console/buckets/held/upload/whole?key=k", 8 << 20,
                        {"Cookie": cookie, "X-Csrf-Token": token, "Origin": gateway.url}))
    # So that it is seen to be undecided before anything of it is.
    stranger = dialled(gateway)
    stranger.sendall(head(gateway, "POST", "/", 4096, claimed()) + b"{")
    upload.sendall(b"x" * (1 << 20))
    until(lambda: gateway.metrics()["arqueta_connections_undecided"] == 1)
    stranger.close()
    # Long before an upload that stands still is given up (limits.body_idle_seconds): it is known, not gone.
    until(lambda: gateway.metrics()["arqueta_connections_undecided"] == 0, 30)
    upload.close()
