"""Replicas that somebody hands over by hand, as another gateway would: ids, order, permissions, durability."""

import hashlib
import http.client
import json
import secrets
import signal
import time
import zlib
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import pytest
from conftest import ACCESS_KEY, SECRET_KEY, refused, signed


def new_id(at=None, counter=0):
    """An id as a gateway gives one at that time, in seconds."""
    sequence = (int((at or time.time()) * 1000) << 20) + counter
    return sequence.to_bytes(8, "big").hex() + secrets.token_hex(8)


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()
        document = ElementTree.fromstring(self.body) if self.body.startswith(b"<") else None
        self.code = document.findtext("Code") if document is not None else None

    def __repr__(self):
        return f"{self.status} {self.code} {self.body!r}"


class Peer:
    """Sends replicas by one connection."""

    def __init__(self, gateway, key=ACCESS_KEY, secret=SECRET_KEY):
        self.url, self.signer = gateway.url, {"key": key, "secret": secret}
        self.connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=60)

    def send(self, method, bucket, key, headers, body=b""):
        url = f"{self.url}/{bucket}/{quote(key)}"
        payload = hashlib.sha256(body).hexdigest()
        headers = signed(method, url, headers | {"x-amz-content-sha256": payload}, payload=payload, **self.signer)
        self.connection.request(method, url.removeprefix(self.url), body=body, headers=headers)
        return Answer(self.connection.getresponse())

    def put(self, bucket, key, body, version=None, at=None, **headers):
        at = at or time.time()
        told = {"x-arqueta-replica": "put", "x-arqueta-replica-version-id": version or new_id(at),
                "x-arqueta-replica-last-modified": str(int(at * 1000))}
        return self.send("PUT", bucket, key, told | {name.replace("_", "-"): value for name, value in headers.items()}, body)

    def mark(self, bucket, key, version, at=None):
        told = {"x-arqueta-replica": "mark", "x-arqueta-replica-version-id": version,
                "x-arqueta-replica-last-modified": str(int((at or time.time()) * 1000))}
        return self.send("DELETE", bucket, key, told)

    def amend(self, bucket, key, version, **headers):
        told = {"x-arqueta-replica": "amend", "x-arqueta-replica-version-id": version}
        return self.send("PUT", bucket, key, told | {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def test_a_replica_keeps_its_id_and_its_place(gateway, s3, versioned):
    peer, now = Peer(gateway), time.time()
    ids = [new_id(now - 30), new_id(now - 20), new_id(now - 10)]
    for at in (2, 0):
        answer = peer.put(versioned, "k", b"%d" % at, ids[at], now - 30 + 10 * at, x_amz_meta_at=str(at))
        assert (answer.status, answer.headers["x-arqueta-replica"], answer.headers["x-amz-version-id"]) == (200, "placed", ids[at])
    assert peer.mark(versioned, "k", ids[1], now - 20).status == 204
    own = s3.put_object(Bucket=versioned, Key="k", Body=b"own")["VersionId"]
    for at in (0, 2):
        assert peer.put(versioned, "k", b"%d" % at, ids[at]).headers["x-arqueta-replica"] == "there"
    listed = s3.list_object_versions(Bucket=versioned)
    assert [version["VersionId"] for version in listed["Versions"]] == [own, ids[2], ids[0]]
    assert [marker["VersionId"] for marker in listed["DeleteMarkers"]] == [ids[1]]
    got = s3.get_object(Bucket=versioned, Key="k", VersionId=ids[0])
    assert (got["Body"].read(), got["Metadata"], got["ReplicationStatus"]) == (b"0", {"at": "0"}, "REPLICA")
    assert int(got["LastModified"].timestamp()) == int(now - 30)
    assert "ReplicationStatus" not in s3.head_object(Bucket=versioned, Key="k")


def test_what_was_acknowledged_is_there_after_a_kill(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="copies")
    s3.put_bucket_versioning(Bucket="copies", VersioningConfiguration={"Status": "Enabled"})
    sizes = [0, 100, 20_000, 300_000]
    bodies = {new_id(): secrets.token_bytes(size) for size in sizes}
    for version, body in bodies.items():
        crc = b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
        answer = Peer(gateway).put("copies", f"k/{len(body)}", body, version, x_arqueta_replica_checksum=f"CRC32:FULL_OBJECT:{crc}")
        assert answer.status == 200, answer
    gateway.restart(signal.SIGKILL)
    s3 = gateway.client("s3")
    for version, body in bodies.items():
        got = s3.get_object(Bucket="copies", Key=f"k/{len(body)}", VersionId=version, ChecksumMode="ENABLED")
        assert got["Body"].read() == body and got["ChecksumCRC32"]
        assert Peer(gateway).put("copies", f"k/{len(body)}", body, version).headers["x-arqueta-replica"] == "there"
    gone = next(iter(bodies))
    s3.delete_object(Bucket="copies", Key="k/0", VersionId=gone)
    gateway.restart(signal.SIGKILL)
    answer = Peer(gateway).put("copies", "k/0", b"", gone)
    assert (answer.status, answer.code) == (409, "DstObjectHardDeleted")


def test_parts_are_those_of_the_source(gateway, s3, versioned):
    source, size = "source-" + secrets.token_hex(6), 5 << 20
    s3.create_bucket(Bucket=source)
    s3.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Enabled"})
    bodies = [secrets.token_bytes(size), secrets.token_bytes(size), secrets.token_bytes(1000)]
    upload = s3.create_multipart_upload(Bucket=source, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, body in zip((1, 2, 9), bodies):
        sent = s3.upload_part(Bucket=source, Key="k", UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]})
    made = s3.complete_multipart_upload(Bucket=source, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    layout = {"x_arqueta_replica_parts": f"1:{size}*2,9:1000", "x_arqueta_replica_part_checksums": "true"}
    checksum = f"SHA256:COMPOSITE:{made['ChecksumSHA256'].split('-')[0]}"
    wrong = Peer(gateway).put(versioned, "k", b"".join(reversed(bodies)), x_arqueta_replica_checksum=checksum, **layout)
    assert (wrong.status, wrong.code) == (400, "BadDigest")
    answer = Peer(gateway).put(versioned, "k", b"".join(bodies), made["VersionId"], x_arqueta_replica_checksum=checksum, **layout)
    assert (answer.status, answer.headers["ETag"]) == (200, made["ETag"]), answer
    asked = {"ObjectAttributes": ["ETag", "Checksum", "ObjectParts", "ObjectSize"]}
    told = [s3.get_object_attributes(Bucket=at, Key="k", **asked) for at in (source, versioned)]
    for name in ("ETag", "Checksum", "ObjectParts", "ObjectSize"):
        assert told[0][name] == told[1][name]
    assert s3.get_object(Bucket=versioned, Key="k", PartNumber=2)["Body"].read() == bodies[1]


def test_replication_is_permitted_apart_from_writing(gateway, s3, iam, versioned):
    def user(*actions):
        name = "u-" + secrets.token_hex(6)
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": f"arn:aws:s3:::{versioned}/*"}
        iam.put_user_policy(UserName=name, PolicyName="it", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Peer(gateway, key["AccessKeyId"], key["SecretAccessKey"])

    writer = user("s3:PutObject*", "s3:DeleteObject*", "s3:GetObject*", "s3:BypassGovernanceRetention")
    sender = user("s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags")
    version = new_id()
    for denied in (writer.put(versioned, "k", b"x", version), writer.mark(versioned, "k", version),
                   writer.amend(versioned, "k", version, x_amz_tagging="a=b"),
                   sender.put(versioned, "k", b"x", version, x_arqueta_replica_owner="Destination"),
                   user("s3:ReplicateObject").put(versioned, "k", b"x", version, x_amz_tagging="a=b")):
        assert (denied.status, denied.code) == (403, "AccessDenied")
    assert refused(s3.head_object, Bucket=versioned, Key="k")[0] == 404, "none of them left anything"
    assert sender.put(versioned, "k", b"x", version, x_amz_tagging="a=b").status == 200
    assert sender.amend(versioned, "k", version, x_amz_tagging="c=d").status == 200
    assert s3.get_object_tagging(Bucket=versioned, Key="k")["TagSet"] == [{"Key": "c", "Value": "d"}]
    plain = sender.send("PUT", versioned, "k", {}, b"y")
    assert (plain.status, plain.code) == (403, "AccessDenied"), "it writes nothing of its own"
    url = s3.generate_presigned_url("put_object", Params={"Bucket": versioned, "Key": "p"})
    told = {"x-arqueta-replica": "put", "x-arqueta-replica-version-id": new_id(), "x-arqueta-replica-last-modified": "1"}
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    connection.request("PUT", url.removeprefix(gateway.url), body=b"x", headers=told)
    assert Answer(connection.getresponse()).status == 403
    assert refused(s3.head_object, Bucket=versioned, Key="p")[0] == 404


def test_many_replicas_under_a_bucket_key_are_few_calls(start):
    gateway = start()
    s3, kms = gateway.client("s3"), gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="copies")
    s3.put_bucket_versioning(Bucket="copies", VersioningConfiguration={"Status": "Enabled"})
    asked = {"x_amz_server_side_encryption": "aws:kms", "x_amz_server_side_encryption_aws_kms_key_id": key,
             "x_amz_server_side_encryption_bucket_key_enabled": "true"}

    def some(worker):
        peer = Peer(gateway)
        for at in range(125):
            answer = peer.put("copies", f"{worker}/{at}", b"x" * 4096, **asked)
            assert answer.status == 200 and answer.headers["x-amz-server-side-encryption-bucket-key-enabled"] == "true", answer

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(some, range(8)))
    assert gateway.kms_calls("GenerateDataKey") <= 2
    told = s3.list_object_versions(Bucket="copies", MaxKeys=1000)["Versions"]
    assert len(told) == 1000


def test_locks_are_those_of_the_source(gateway, s3, versioned):
    until = time.time() + 3600
    lock = {"x_amz_object_lock_mode": "GOVERNANCE", "x_amz_object_lock_retain_until_date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))}
    peer, version = Peer(gateway), new_id()
    none = peer.put(versioned, "k", b"x", version, **lock)
    assert (none.status, none.code) == (404, "ObjectLockConfigurationNotFoundError")
    locked = "locked-" + secrets.token_hex(6)
    s3.create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    assert peer.put(locked, "k", b"x", version, x_amz_object_lock_legal_hold="ON", **lock).status == 200
    assert refused(s3.delete_object, Bucket=locked, Key="k", VersionId=version)[1] == "AccessDenied"
    earlier = lock | {"x_amz_object_lock_retain_until_date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until - 600))}
    weaker = peer.amend(locked, "k", version, **earlier)
    assert (weaker.status, weaker.code) == (403, "AccessDenied")
    assert peer.amend(locked, "k", version, x_amz_object_lock_legal_hold="OFF").status == 200
    told = s3.get_object_legal_hold(Bucket=locked, Key="k", VersionId=version)["LegalHold"]["Status"]
    assert told == "OFF"
    s3.delete_object(Bucket=locked, Key="k", VersionId=version, BypassGovernanceRetention=True)
