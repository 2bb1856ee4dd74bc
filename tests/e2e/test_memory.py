"""Memory of the gateway under many connections at once, and that it is given back."""

import os
import re
import selectors
import socket
import time
from pathlib import Path
from urllib.parse import urlparse

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes

READERS, UPLOADS, PARTS = 500, 64, 8
SIZE = 8 << 20
PART = 2 << 20
# What 500 readers or 512 parts may take in all, and what may stay. docs/bench.md has the figures, of a
# smaller binary: 60 MiB of these are there before anybody comes.
MOST, LEFT = 272 << 20, 128 << 20
PROTECTED = {"ServerSideEncryption": "aws:kms", "BucketKeyEnabled": True}


# Connections of HTTP/2 whose client never reads, and the requests on each.
CONNECTIONS, STREAMS = 10, 64


def resident(gateway):
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10


def settles(gateway, most):
    """Waits until no more than `most` is resident: what nobody uses goes back after a second or so."""
    began = time.monotonic()
    while (held := resident(gateway)) > most:
        assert time.monotonic() < began + 60, f"{held >> 20} MiB"
        time.sleep(0.2)
    print(f"{held >> 20} MiB after {time.monotonic() - began:.1f} s")  # pytest -s


@pytest.fixture
def floods(start, tmp_path):
    settings = tmp_path / "a.toml"
    settings.write_text(f"[limits]\nconnections_per_address = {READERS + PARTS * UPLOADS}\n")
    gateway = start("--config", str(settings))
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="flooded")
    address = urlparse(gateway.url)
    sockets = []

    def ask(method, operation, length=None, **params):
        url = urlparse(s3.generate_presigned_url(operation, Params={"Bucket": "flooded"} | params))
        stream = socket.socket()
        stream.settimeout(60)
        # So that an answer waits in the gateway and not in the kernel.
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        stream.connect((address.hostname, address.port))
        head = f"{method} {url.path}?{url.query} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        stream.sendall((head + (f"Content-Length: {length}\r\n" if length else "") + "\r\n").encode())
        sockets.append(stream)
        return stream

    yield gateway, s3, ask
    for stream in sockets:
        stream.close()


def test_slow_readers(floods):
    gateway, s3, ask = floods
    s3.put_object(Bucket="flooded", Key="k", Body=os.urandom(SIZE), **PROTECTED)
    readers = [ask("GET", "get_object", Key="k") for _ in range(READERS)]
    for _ in range(16):
        for reader in readers:
            assert reader.recv(8 << 10)
    settles(gateway, MOST)
    for reader in readers:
        reader.close()
    settles(gateway, LEFT)


def test_parts_at_once(floods):
    gateway, s3, ask = floods
    body = memoryview(os.urandom(PART))
    parts = []
    for n in range(UPLOADS):
        upload = s3.create_multipart_upload(Bucket="flooded", Key=str(n), **PROTECTED)["UploadId"]
        named = {"Key": str(n), "UploadId": upload}
        parts += [ask("PUT", "upload_part", length=PART, PartNumber=part + 1, **named) for part in range(PARTS)]
    sent = dict.fromkeys(parts, 0)
    send(sent, body, PART * 3 // 4)
    # All of them are under way now.
    settles(gateway, MOST)
    send(sent, body, PART)
    for part in parts:
        part.setblocking(True)
        assert part.recv(4096).startswith(b"HTTP/1.1 200 ")
        part.close()
    settles(gateway, LEFT)


def send(sent, body, upto):
    """Sends to all as much as each takes, until all have `upto` bytes."""
    with selectors.DefaultSelector() as ready:
        for stream in sent:
            stream.setblocking(False)
            ready.register(stream, selectors.EVENT_WRITE)
        while ready.get_map():
            for key, _ in ready.select(60):
                stream = key.fileobj
                sent[stream] += stream.send(body[sent[stream]:min(upto, sent[stream] + (128 << 10))])
                if sent[stream] == upto:
                    ready.unregister(stream)


def test_readers_of_http2_that_never_read(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="streamed")
    s3.put_object(Bucket="streamed", Key="k", Body=os.urandom(SIZE), **PROTECTED)
    address = urlparse(gateway.url)
    before = resident(gateway)
    sockets = []
    for _ in range(CONNECTIONS):
        client = H2Connection(H2Configuration(client_side=True))
        client.initiate_connection()
        # As much as the gateway likes to send.
        client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: SIZE})
        client.increment_flow_control_window(1 << 30)
        for stream in range(STREAMS):
            url = urlparse(s3.generate_presigned_url("get_object", Params={"Bucket": "streamed", "Key": "k"}))
            client.send_headers(2 * stream + 1, [
                (":method", "GET"), (":scheme", "http"), (":authority", address.netloc),
                (":path", f"{url.path}?{url.query}")], end_stream=True)
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        reader.connect((address.hostname, address.port))
        reader.sendall(client.data_to_send())
        sockets.append(reader)
    # An address has its share of requests, on however few connections.
    began = time.monotonic()
    while gateway.metrics()["arqueta_connections_refused_total"] < CONNECTIONS * STREAMS - 512:
        assert time.monotonic() < began + 60
        time.sleep(0.1)
    settles(gateway, before + MOST)
    for reader in sockets:
        reader.close()
    settles(gateway, LEFT)
