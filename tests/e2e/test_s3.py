"""Objects by boto3: ranges, conditions, checksums, metadata, copies, tags, locks."""

import base64
import datetime
import hashlib
import http.client
import secrets
import urllib.request
import zlib

import pytest
from conftest import refused, signed

BODY = secrets.token_bytes(200_000)
MD5 = hashlib.md5(BODY).hexdigest()


@pytest.fixture
def stored(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    return {"Bucket": bucket, "Key": "k"}


def raw(gateway, method, path, headers=None, body=b""):
    """One request on its own connection: status, headers, body."""
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=30)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def by_hand(gateway, method, path, headers=None, body=b""):
    return raw(gateway, method, path, signed(method, gateway.url + path, headers), body)


@pytest.mark.parametrize("asked, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=0-65519", 0, 65519), ("bytes=65480-65480", 65480, 65480), ("bytes=65479-131000", 65479, 131000),
    ("bytes=199999-", 199_999, 199_999), ("bytes=100000-", 100_000, 199_999), ("bytes=-1", 199_999, 199_999),
    ("bytes=-70000", 130_000, 199_999), ("bytes=-999999999", 0, 199_999), ("bytes=5-999999999", 5, 199_999)])
def test_ranges(s3, stored, asked, first, last):
    got = s3.get_object(**stored, Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {first}-{last}/200000"
    assert got["Body"].read() == BODY[first:last + 1]


@pytest.mark.parametrize("asked", ["bytes=200000-", "bytes=200000-200001", "bytes=-0"])
def test_ranges_beyond_the_end(s3, stored, asked):
    assert refused(s3.get_object, **stored, Range=asked)[:2] == (416, "InvalidRange")


@pytest.mark.parametrize("asked", ["bytes=5-4", "lines=1-2", "bytes=a-b", "bytes="])
def test_a_range_that_is_none_is_ignored(s3, stored, asked):
    got = s3.get_object(**stored, Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200 and got["Body"].read() == BODY


def test_part_number_of_an_object_in_one_piece(s3, stored):
    assert s3.get_object(**stored, PartNumber=1)["Body"].read() == BODY
    assert refused(s3.get_object, **stored, PartNumber=2)[0] == 416
    assert refused(s3.get_object, **stored, PartNumber=1, Range="bytes=0-1")[0] == 400


LONG_AGO = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)


def test_conditional_reads(s3, stored):
    now = s3.head_object(**stored)["LastModified"]
    for good in ({"IfMatch": MD5}, {"IfMatch": "*"}, {"IfNoneMatch": "other"}, {"IfModifiedSince": LONG_AGO}, {"IfUnmodifiedSince": now},
                 {"IfMatch": MD5, "IfUnmodifiedSince": LONG_AGO}):
        assert s3.get_object(**stored, **good)["Body"].read() == BODY, good
    for call in (s3.get_object, s3.head_object):
        for bad, status in (({"IfMatch": "other"}, 412), ({"IfNoneMatch": MD5}, 304), ({"IfNoneMatch": "*"}, 304),
                            ({"IfModifiedSince": now}, 304), ({"IfUnmodifiedSince": LONG_AGO}, 412),
                            ({"IfNoneMatch": MD5, "IfModifiedSince": LONG_AGO}, 304)):
            assert refused(call, **stored, **bad)[0] == status, bad


def test_conditional_writes_and_deletes(s3, stored):
    assert refused(s3.put_object, **stored, Body=b"x", IfNoneMatch="*")[:2] == (412, "PreconditionFailed")
    assert refused(s3.put_object, **stored, Body=b"x", IfMatch="other")[:2] == (412, "PreconditionFailed")
    missing = stored | {"Key": "missing"}
    assert refused(s3.put_object, **missing, Body=b"x", IfMatch=MD5)[:2] == (404, "NoSuchKey")
    assert refused(s3.delete_object, **stored, IfMatch="other")[:2] == (412, "PreconditionFailed")
    assert s3.get_object(**stored)["Body"].read() == BODY
    s3.put_object(**missing, Body=b"y", IfNoneMatch="*")
    changed = s3.put_object(**stored, Body=b"x", IfMatch=MD5)["ETag"]
    s3.delete_object(**stored, IfMatch=changed)
    assert refused(s3.head_object, **stored)[0] == 404


def test_only_one_of_many_writers_under_a_condition_wins(s3, bucket):
    from concurrent.futures import ThreadPoolExecutor

    def put(n):
        try:
            s3.put_object(Bucket=bucket, Key="k", Body=b"%d" % n, IfNoneMatch="*")
            return n
        except s3.exceptions.ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (409, 412)

    with ThreadPoolExecutor(16) as pool:
        winners = [n for n in pool.map(put, range(16)) if n is not None]
    assert len(winners) == 1
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"%d" % winners[0]


def test_conditional_copies(s3, stored):
    target = {"Bucket": stored["Bucket"], "Key": "copy", "CopySource": stored}
    for bad in ({"CopySourceIfMatch": "other"}, {"CopySourceIfNoneMatch": MD5}, {"CopySourceIfUnmodifiedSince": LONG_AGO}):
        assert refused(s3.copy_object, **target, **bad)[:2] == (412, "PreconditionFailed")
    s3.copy_object(**target, CopySourceIfMatch=MD5)
    assert refused(s3.copy_object, **target, IfNoneMatch="*")[:2] == (412, "PreconditionFailed")


def crc32(body):
    return zlib.crc32(body).to_bytes(4, "big")


ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]
KNOWN = {"CRC32": crc32, "SHA1": lambda b: hashlib.sha1(b).digest(), "SHA256": lambda b: hashlib.sha256(b).digest()}
# Check values of the catalogue of CRCs, of "123456789".
CHECK = {"CRC32": "cbf43926", "CRC32C": "e3069283", "CRC64NVME": "ae8b14860a799888"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_checksums_are_computed_compared_kept_and_told(s3, bucket, algorithm):
    body = b"123456789"
    member = "Checksum" + algorithm
    value = bytes.fromhex(CHECK[algorithm]) if algorithm in CHECK else KNOWN[algorithm](body)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, **{member: base64.b64encode(value).decode()})
    assert base64.b64decode(put[member]) == value
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[member], head["ChecksumType"]) == (put[member], "FULL_OBJECT")
    assert s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read() == body
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectSize"])
    assert told["Checksum"][member] == put[member] and told["ObjectSize"] == 9
    # The right value for other bytes.
    assert refused(s3.put_object, Bucket=bucket, Key="bad", Body=body + b"0", **{member: put[member]})[:2] == (400, "BadDigest")
    assert refused(s3.head_object, Bucket=bucket, Key="bad")[0] == 404
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")["CopyObjectResult"]
    assert copied[member] == put[member]


def chunked(gateway, path, body, trailer, value):
    """An unsigned streaming upload whose checksum follows the body."""
    headers = signed("PUT", gateway.url + path, {"x-amz-trailer": trailer, "Content-Encoding": "aws-chunked",
                                                 "x-amz-decoded-content-length": str(len(body))},
                     payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    framed = b"%x\r\n%s\r\n0\r\n%s:%s\r\n\r\n" % (len(body), body, trailer.encode(), value.encode())
    return raw(gateway, "PUT", path, headers, framed)


@pytest.mark.parametrize("algorithm", KNOWN)
def test_checksums_in_trailers(gateway, s3, bucket, algorithm):
    trailer = "x-amz-checksum-" + algorithm.lower()
    right = base64.b64encode(KNOWN[algorithm](b"hello")).decode()
    status, headers, _ = chunked(gateway, f"/{bucket}/k", b"hello", trailer, right)
    assert (status, headers[trailer]) == (200, right)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"hello" and "ContentEncoding" not in got
    wrong = base64.b64encode(KNOWN[algorithm](b"other")).decode()
    status, _, answer = chunked(gateway, f"/{bucket}/bad", b"hello", trailer, wrong)
    assert status == 400 and b"<Code>BadDigest</Code>" in answer
    assert refused(s3.head_object, Bucket=bucket, Key="bad")[0] == 404


@pytest.mark.parametrize("md5, code", [
    (base64.b64encode(hashlib.md5(b"other").digest()).decode(), "BadDigest"), ("not base64", "InvalidDigest"), ("AAAA", "InvalidDigest")])
def test_content_md5(s3, bucket, md5, code):
    s3.put_object(Bucket=bucket, Key="good", Body=b"x", ContentMD5=base64.b64encode(hashlib.md5(b"x").digest()).decode())
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5=md5)[:2] == (400, code)
    assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404


def test_a_refused_write_leaves_what_was_there(s3, stored):
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert refused(s3.put_object, **stored, Body=b"x" * 300_000, ContentMD5=md5)[1] == "BadDigest"
    assert s3.get_object(**stored)["Body"].read() == BODY


def test_content_headers_and_user_metadata(s3, bucket):
    headers = {"ContentType": "text/plain; charset=utf-8", "ContentEncoding": "gzip", "ContentLanguage": "de-DE",
               "ContentDisposition": 'attachment; filename="x.txt"', "CacheControl": "max-age=5"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"one": "1", "two-words": "a b", "empty": ""}, **headers)
    for head in (s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")):
        assert {name: head[name] for name in headers} == headers
        assert head["Metadata"] == {"one": "1", "two-words": "a b", "empty": ""}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert s3.head_object(Bucket=bucket, Key="copy")["Metadata"]["one"] == "1"
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k", MetadataDirective="REPLACE", Metadata={"new": "3"})
    replaced = s3.head_object(Bucket=bucket, Key="k")
    assert replaced["Metadata"] == {"new": "3"} and "ContentLanguage" not in replaced
    assert refused(s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{bucket}/k")[:2] == (400, "InvalidRequest")


def test_user_metadata_beyond_ascii_comes_back_encoded(gateway, s3, bucket):
    path = f"/{bucket}/k"
    # As words of RFC 2047, as S3 answers what does not fit in a header; what looks encoded stays as it is.
    told = {"ümläut": "=?UTF-8?Q?=C3=BCml=C3=A4ut?=", "ä": "=?UTF-8?B?w6Q=?=", "你好": "=?UTF-8?B?5L2g5aW9?="}
    told |= {text: text for text in ("=?UTF-8?Q?a?=", "=?UTF-8?B?YQ==?=", "=?UTF-8?Q?=C3=A4?=", "=?x?=", "a =?x?= b")}
    for text, expected in told.items():
        headers = signed("PUT", gateway.url + path, {"x-amz-meta-name": text})
        assert raw(gateway, "PUT", path, {name: value.encode() for name, value in headers.items()}, b"x")[0] == 200
        assert by_hand(gateway, "HEAD", path)[1]["x-amz-meta-name"] == expected
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
        assert by_hand(gateway, "HEAD", f"/{bucket}/copy")[1]["x-amz-meta-name"] == expected


def test_too_much_user_metadata(s3, bucket):
    s3.put_object(Bucket=bucket, Key="fits", Body=b"x", Metadata={"k": "v" * 2047})
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", Metadata={"k": "v" * 2048})[:2] == (400, "MetadataTooLarge")


@pytest.mark.parametrize("key", ["a b", "a+b", "ü/ö", "%41", "a//b", "/lead", "tail/", ".", "a/../b", "x" * 1024, "<&>\"'", "\U0001f980", "?#"])
def test_any_key_comes_back(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [e["Key"] for e in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy of it", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_object(Bucket=bucket, Key=key)
    assert [e["Key"] for e in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["copy of it"]


def test_a_key_of_more_than_1024_bytes(s3, bucket):
    assert refused(s3.put_object, Bucket=bucket, Key="ü" * 513, Body=b"x")[:2] == (400, "KeyTooLongError")


def test_errors_are_xml_with_details_and_ids(gateway, bucket):
    status, headers, body = by_hand(gateway, "GET", f"/{bucket}/missing")
    import xml.etree.ElementTree as ET
    error = {element.tag: element.text for element in ET.fromstring(body)}
    assert (status, headers["Content-Type"]) == (404, "application/xml")
    assert error["Code"] == "NoSuchKey" and error["Key"] == "missing" and "Resource" not in error
    assert error["RequestId"] == headers["x-amz-request-id"] and error["HostId"] == headers["x-amz-id-2"]
    status, again, body = by_hand(gateway, "HEAD", f"/{bucket}/missing")
    assert (status, body) == (404, b"") and again["x-amz-request-id"] != headers["x-amz-request-id"]


def test_tags(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=2")
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": "ü"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "c", "Value": "ü"}]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    for bad in ([{"Key": str(n), "Value": ""} for n in range(11)], [{"Key": "x" * 129, "Value": ""}],
                [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]):
        assert refused(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": bad})[0] == 400


def test_object_lock(s3):
    name = "locked-" + secrets.token_hex(6)
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    until = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=1)
    kept = s3.put_object(Bucket=name, Key="k", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)["VersionId"]
    version = {"Bucket": name, "Key": "k", "VersionId": kept}
    assert refused(s3.delete_object, **version)[:2] == (403, "AccessDenied")
    assert refused(s3.delete_object, **version, BypassGovernanceRetention=True)[:2] == (403, "AccessDenied")
    shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": until - datetime.timedelta(hours=1)}
    assert refused(s3.put_object_retention, **version, Retention=shorter)[:2] == (403, "AccessDenied")
    assert s3.get_object_retention(**version)["Retention"] == {"Mode": "COMPLIANCE", "RetainUntilDate": until}
    # A delete marker hides it and destroys nothing.
    s3.delete_object(Bucket=name, Key="k")
    assert s3.get_object(**version)["Body"].read() == b"x"
    governed = s3.put_object(Bucket=name, Key="g", Body=b"x", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)["VersionId"]
    assert refused(s3.delete_object, Bucket=name, Key="g", VersionId=governed)[:2] == (403, "AccessDenied")
    s3.delete_object(Bucket=name, Key="g", VersionId=governed, BypassGovernanceRetention=True)
    held = s3.put_object(Bucket=name, Key="h", Body=b"x")["VersionId"]
    s3.put_object_legal_hold(Bucket=name, Key="h", LegalHold={"Status": "ON"})
    assert refused(s3.delete_object, Bucket=name, Key="h", VersionId=held)[:2] == (403, "AccessDenied")
    s3.put_object_legal_hold(Bucket=name, Key="h", LegalHold={"Status": "OFF"})
    s3.delete_object(Bucket=name, Key="h", VersionId=held)
    assert refused(s3.put_bucket_versioning, Bucket=name, VersioningConfiguration={"Status": "Suspended"})[:2] == (409, "InvalidBucketState")


def test_cors_preflight_and_answers(gateway, s3, bucket):
    rule = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://*.example.com"], "AllowedHeaders": ["x-amz-*"],
            "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 60}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    ask = {"Origin": "https://a.example.com", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-amz-date"}
    status, headers, _ = raw(gateway, "OPTIONS", f"/{bucket}/k", ask)
    assert status == 200 and headers["Access-Control-Allow-Origin"] == "https://a.example.com"
    assert headers["Access-Control-Max-Age"] == "60" and "PUT" in headers["Access-Control-Allow-Methods"]
    for other in ({"Origin": "https://example.org"}, {"Access-Control-Request-Method": "DELETE"}, {"Access-Control-Request-Headers": "x-other"}):
        assert raw(gateway, "OPTIONS", f"/{bucket}/k", ask | other)[0] == 403, other
    status, headers, _ = by_hand(gateway, "PUT", f"/{bucket}/k", {"Origin": "https://a.example.com"}, b"x")
    assert status == 200 and headers["Access-Control-Expose-Headers"] == "ETag"


def test_an_interim_answer_comes_or_the_connection_ends(gateway, bucket):
    """botocore reads the answer behind a missing 100 Continue wrongly if the connection goes on."""
    _, headers, _ = by_hand(gateway, "PUT", f"/{bucket}/empty", {"Expect": "100-continue", "Content-Length": "0"})
    assert headers["Connection"] == "close"
    _, headers, _ = by_hand(gateway, "PUT", f"/{bucket}/empty", {"Content-Length": "0"})
    assert headers["Connection"] is None


def test_browsers_get_what_the_presigned_url_says(s3, stored):
    url = s3.generate_presigned_url("get_object", Params=stored | {"ResponseContentType": "text/x", "ResponseContentDisposition": "inline"})
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert (answer.headers["Content-Type"], answer.headers["Content-Disposition"]) == ("text/x", "inline")
        assert answer.read() == BODY
