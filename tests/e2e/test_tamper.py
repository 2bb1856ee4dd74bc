"""An attacker at the disk: every edit of a sealed body is noticed, no byte of wrong plaintext
leaves, and a body that turns out wrong in its middle ends in a broken connection."""

import http.client
import secrets

import pytest
from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

SEGMENT = 65536
BODY = secrets.token_bytes(SEGMENT * 6 + 1000)
BROKEN = (ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError, http.client.IncompleteRead, ConnectionError)


@pytest.fixture(scope="module")
def own(start):
    gateway = start()
    gateway.client("s3").create_bucket(Bucket="tamper")
    return gateway, gateway.client("kms").create_key()["KeyMetadata"]["Arn"]


def blobs(gateway):
    return {path for path in (gateway.data / "blobs").rglob("*") if path.is_file()}


def put(gateway, key, name, body=BODY):
    """Stores an object and returns the one file that holds its sealed body."""
    before = blobs(gateway)
    gateway.client("s3").put_object(Bucket="tamper", Key=name, Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    (path,) = blobs(gateway) - before
    return path


def read(gateway, name, **options):
    """What a careful client received: the plaintext, and whether it ended well."""
    s3 = gateway.client("s3", read_timeout=20)
    got = b""
    try:
        body = s3.get_object(Bucket="tamper", Key=name, **options)["Body"]
        while chunk := body.read(8192):
            got += chunk
        return got, True
    except BROKEN:
        return got, False


def flip(at):
    def edit(sealed):
        sealed[at] ^= 1
        return sealed
    return edit


def swapped(sealed):
    a, b = sealed[SEGMENT:2 * SEGMENT], sealed[2 * SEGMENT:3 * SEGMENT]
    return sealed[:SEGMENT] + b + a + sealed[3 * SEGMENT:]


EDITS = {
    "a bit of the header": flip(5),
    "a bit of the first segment": flip(100),
    "a bit of a middle segment": flip(3 * SEGMENT + 77),
    "the last tag": flip(-1),
    "cut at a segment's edge": lambda s: s[:4 * SEGMENT],
    "cut inside a segment": lambda s: s[:4 * SEGMENT + 9],
    "cut to nothing": lambda s: bytearray(),
    "a byte appended": lambda s: s + b"\0",
    "a segment repeated": lambda s: s[:2 * SEGMENT] + s[SEGMENT:2 * SEGMENT] + s[2 * SEGMENT:],
    "two segments swapped": swapped,
    "a segment taken out": lambda s: s[:2 * SEGMENT] + s[3 * SEGMENT:],
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_an_edited_body_never_ends_well(own, edit):
    gateway, key = own
    name = secrets.token_hex(8)
    path = put(gateway, key, name)
    assert read(gateway, name) == (BODY, True)
    path.chmod(0o600)
    path.write_bytes(edit(bytearray(path.read_bytes())))
    got, well = read(gateway, name)
    assert not well
    assert BODY.startswith(got), "wrong plaintext was released"


def test_a_range_that_does_not_touch_the_damage_is_served(own):
    gateway, key = own
    name = secrets.token_hex(8)
    path = put(gateway, key, name)
    path.chmod(0o600)
    path.write_bytes(flip(5 * SEGMENT + 1)(bytearray(path.read_bytes())))
    assert read(gateway, name, Range="bytes=10-200000") == (BODY[10:200001], True)
    assert not read(gateway, name, Range=f"bytes={5 * SEGMENT}-")[1]


@pytest.mark.parametrize("other", ["another object", "another version", "another bucket", "another part"])
def test_bodies_cannot_change_places(own, other):
    gateway, key = own
    s3 = gateway.client("s3")
    name = secrets.token_hex(8)
    options = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    second = secrets.token_bytes(len(BODY))
    if other == "another part":
        before = blobs(gateway)
        upload = s3.create_multipart_upload(Bucket="tamper", Key=name, **options)["UploadId"]
        size = 5 * 2**20
        halves = [secrets.token_bytes(size), secrets.token_bytes(size)]
        parts = [{"PartNumber": n, "ETag": s3.upload_part(Bucket="tamper", Key=name, UploadId=upload, PartNumber=n, Body=half)["ETag"]}
                 for n, half in enumerate(halves, 1)]
        s3.complete_multipart_upload(Bucket="tamper", Key=name, UploadId=upload, MultipartUpload={"Parts": parts})
        a, b = blobs(gateway) - before
        whole, where = b"".join(halves), [("tamper", name)]
    else:
        target = ("tamper", name)
        if other == "another bucket":
            s3.create_bucket(Bucket="other-" + name)
            target = ("other-" + name, name)
        elif other == "another object":
            target = ("tamper", name + "-2")
        else:
            s3.create_bucket(Bucket="versions-" + name)
            s3.put_bucket_versioning(Bucket="versions-" + name, VersioningConfiguration={"Status": "Enabled"})
        paths = []
        first = ("versions-" + name, name) if other == "another version" else ("tamper", name)
        second_place = first if other == "another version" else target
        for (bucket, object_key), body in ((first, BODY), (second_place, second)):
            before = blobs(gateway)
            s3.put_object(Bucket=bucket, Key=object_key, Body=body, **options)
            paths += blobs(gateway) - before
        a, b = paths
        whole, where = None, [second_place]
    for path in (a, b):
        path.chmod(0o600)
    first_bytes, second_bytes = a.read_bytes(), b.read_bytes()
    a.write_bytes(second_bytes)
    b.write_bytes(first_bytes)
    for bucket, object_key in where:
        try:
            got = s3.get_object(Bucket=bucket, Key=object_key)["Body"].read()
        except BROKEN:
            continue
        raise AssertionError(f"{len(got)} bytes of a swapped body were served as whole")
    assert whole is None or len(whole) == 2 * 5 * 2**20


def test_an_object_that_cannot_be_opened_is_neither_lost_nor_overwritten_silently(own):
    gateway, key = own
    name = secrets.token_hex(8)
    path = put(gateway, key, name)
    sealed = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(flip(9)(bytearray(sealed)))
    assert not read(gateway, name)[1]
    gateway.restart()
    assert path.exists()
    path.write_bytes(sealed)
    assert read(gateway, name) == (BODY, True)


def test_without_the_root_key_the_gateway_does_not_start(start):
    gateway = start()
    gateway.client("s3").create_bucket(Bucket="locked")
    gateway.stop()
    root = gateway.data / "root.key"
    kept = root.read_bytes()
    root.unlink()
    with pytest.raises(AssertionError, match="root"):
        gateway.start()
    assert not root.exists(), "a new root key over old data would make it unreadable for ever"
    root.write_bytes(kept)
    root.chmod(0o600)
    gateway.start()
    assert gateway.client("s3").list_buckets()["Buckets"]
