"""Checksums SHA1 to XXHASH128 of S3's, in headers, trailers and multipart uploads (CRCs: test_s3.py, test_multipart.py);
and chunks without a signature."""

import base64
import binascii
import ctypes
import glob
import hashlib
import secrets
import urllib.error
import urllib.request

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import ACCESS_KEY, REGION, SECRET_KEY, customer, refused, take_customer_keys

BODY = secrets.token_bytes(300_000)


class Two(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def xxhash(name, data):
    """By the library of xxHash's own author."""
    library = ctypes.CDLL(glob.glob("/usr/lib/*/libxxhash.so.0")[0])
    library.XXH64.restype = library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH64.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    library.XXH3_64bits.argtypes = library.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    library.XXH3_128bits.restype = Two
    if name == "XXHASH64":
        return library.XXH64(data, len(data), 0).to_bytes(8, "big")
    if name == "XXHASH3":
        return library.XXH3_64bits(data, len(data)).to_bytes(8, "big")
    both = library.XXH3_128bits(data, len(data))
    return both.high.to_bytes(8, "big") + both.low.to_bytes(8, "big")


def computed(name, data):
    if name.startswith("XXHASH"):
        if not glob.glob("/usr/lib/*/libxxhash.so.0"):
            pytest.skip("the package libxxhash0 is missing")
        return xxhash(name, data)
    return hashlib.new(name.lower(), data).digest()


def text(raw):
    return base64.b64encode(raw).decode()


ALGORITHMS = ["SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_of_an_object(s3, bucket, name):
    take_customer_keys(s3, bucket)
    member, right = f"Checksum{name}", text(computed(name, BODY))
    wrong = text(computed(name, b"another"))
    for mode in ({}, {"ServerSideEncryption": "aws:kms"}, customer()):
        reading = {key: value for key, value in mode.items() if key.startswith("SSECustomer")}
        assert refused(s3.put_object, Bucket=bucket, Key="k", Body=BODY, **{member: wrong}, **mode)[:2] == (400, "BadDigest")
        assert s3.put_object(Bucket=bucket, Key="k", Body=BODY, **{member: right}, **mode)[member] == right
        told = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED", **reading)
        assert (told[member], told["ChecksumType"]) == (right, "FULL_OBJECT")
        told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum"], **reading)
        assert told["Checksum"] == {member: right, "ChecksumType": "FULL_OBJECT"}
    s3.put_object(Bucket=bucket, Key="plain", Body=BODY)
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/plain", ChecksumAlgorithm=name)
    assert copied["CopyObjectResult"][member] == right
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **{member: "AAAA"})[:2] == (400, "InvalidRequest")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_of_an_upload_in_parts(s3, bucket, name):
    member = f"Checksum{name}"
    assert refused(s3.create_multipart_upload, Bucket=bucket, Key="u", ChecksumAlgorithm=name, ChecksumType="FULL_OBJECT")[:2] == (
        400, "InvalidRequest"), "values of parts do not add up"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="u", ChecksumAlgorithm=name, ServerSideEncryption="aws:kms")
    assert (upload["ChecksumAlgorithm"], upload["ChecksumType"]) == (name, "COMPOSITE")
    parts, raw = [], b""
    for number, data in ((1, secrets.token_bytes(5 << 20)), (2, b"the rest")):
        of_part = computed(name, data)
        raw += of_part
        part = s3.upload_part(Bucket=bucket, Key="u", UploadId=upload["UploadId"], PartNumber=number, Body=data,
                              **{member: text(of_part)})
        assert part[member] == text(of_part)
        parts.append({"PartNumber": number, "ETag": part["ETag"], member: text(of_part)})
    bad = [parts[0], parts[1] | {member: parts[0][member]}]
    complete = {"Bucket": bucket, "Key": "u", "UploadId": upload["UploadId"]}
    assert refused(s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": bad})[0] == 400
    done = s3.complete_multipart_upload(**complete, MultipartUpload={"Parts": parts})
    assert (done[member], done["ChecksumType"]) == (text(computed(name, raw)) + "-2", "COMPOSITE")


def chunked(body, trailer):
    return b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (len(body), body, trailer)


@pytest.mark.parametrize("right", [True, False])
def test_a_presigned_upload_may_come_in_chunks_that_nobody_signed(gateway, s3, bucket, right):
    body = secrets.token_bytes(70_000)
    trailer = base64.b64encode((binascii.crc32(body) ^ (0 if right else 1)).to_bytes(4, "big"))
    headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-trailer": "x-amz-checksum-crc32",
               "x-amz-decoded-content-length": str(len(body)), "content-encoding": "aws-chunked"}
    request = AWSRequest("PUT", f"{gateway.url}/{bucket}/k", headers=headers)
    S3SigV4QueryAuth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION, expires=60).add_auth(request)
    sent = urllib.request.Request(request.url, data=chunked(body, trailer), method="PUT", headers=headers)
    if right:
        assert urllib.request.urlopen(sent).status == 200
        got = s3.get_object(Bucket=bucket, Key="k")
        assert (got["Body"].read(), got.get("ContentEncoding")) == (body, None)
    else:
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(sent)
        assert error.value.code == 400 and b"<Code>BadDigest</Code>" in error.value.read()
        assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404


def test_names_of_an_account_s_own_namespace(gateway, s3):
    own = f"n{secrets.token_hex(4)}-000000000000-{REGION}-an"
    assert refused(s3.create_bucket, Bucket=own)[:2] == (400, "InvalidBucketName")
    s3.create_bucket(Bucket=own, BucketNamespace="account-regional")
    for name in ("plain-" + secrets.token_hex(4), f"n-111122223333-{REGION}-an"):
        assert refused(s3.create_bucket, Bucket=name, BucketNamespace="account-regional")[:2] == (400, "InvalidBucketName")
    s3.create_bucket(Bucket="plain-" + secrets.token_hex(4), BucketNamespace="global")
