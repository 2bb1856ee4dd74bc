"""Multipart uploads: parts in any order, replaced parts, limits, listings, checksums, conditions."""

import base64
import hashlib
import secrets
import zlib

import pytest
from conftest import refused

MIB = 2**20
PART = 5 * MIB


def parts_of(uploaded):
    return {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in sorted(uploaded.items())]}


def start(s3, bucket, key="k", **options):
    return {"Bucket": bucket, "Key": key, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]}


def test_parts_out_of_order_and_replaced_with_gaps_in_their_numbers(s3, bucket):
    upload = start(s3, bucket)
    bodies = {9: b"the end", 4: secrets.token_bytes(PART), 2: secrets.token_bytes(PART + 1)}
    s3.upload_part(**upload, PartNumber=4, Body=b"to be replaced")
    etags = {number: s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"] for number, body in bodies.items()}
    done = s3.complete_multipart_upload(**upload, MultipartUpload=parts_of(etags))
    whole = b"".join(body for _, body in sorted(bodies.items()))
    md5 = hashlib.md5(b"".join(hashlib.md5(body).digest() for _, body in sorted(bodies.items()))).hexdigest()
    assert done["ETag"] == f'"{md5}-3"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == whole and got["ETag"] == done["ETag"]
    middle = s3.get_object(Bucket=bucket, Key="k", PartNumber=4)
    assert (middle["PartsCount"], middle["ContentLength"]) == (3, PART)
    assert middle["Body"].read() == bodies[4]
    edge = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={PART - 10}-{PART + 10}")["Body"].read()
    assert edge == whole[PART - 10:PART + 11]
    assert refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=3)[0] == 416
    assert refused(s3.upload_part, **upload, PartNumber=1, Body=b"x")[:2] == (404, "NoSuchUpload")


def test_a_completion_may_name_fewer_parts_and_the_rest_is_dropped(s3, bucket):
    upload = start(s3, bucket)
    etags = {n: s3.upload_part(**upload, PartNumber=n, Body=b"%d" % n)["ETag"] for n in (1, 2, 3)}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts_of({2: etags[2]}))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_only_the_last_part_may_be_small(s3, bucket):
    upload = start(s3, bucket)
    etags = {1: s3.upload_part(**upload, PartNumber=1, Body=b"x" * (PART - 1))["ETag"],
             2: s3.upload_part(**upload, PartNumber=2, Body=b"y")["ETag"]}
    assert refused(s3.complete_multipart_upload, **upload, MultipartUpload=parts_of(etags))[:2] == (400, "EntityTooSmall")
    assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404
    # The upload is still there.
    etags[1] = s3.upload_part(**upload, PartNumber=1, Body=b"x" * PART)["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload=parts_of(etags))
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == PART + 1


@pytest.mark.parametrize("parts, code", [
    ([(2, "second"), (1, "first")], "InvalidPartOrder"),
    ([(1, "first"), (1, "first")], "InvalidPartOrder"),
    ([(1, '"00000000000000000000000000000000"')], "InvalidPart"),
    ([(7, "first")], "InvalidPart"),
    ([], "MalformedXML"),
])
def test_wrong_lists_of_parts(s3, bucket, parts, code):
    upload = start(s3, bucket)
    known = {"first": s3.upload_part(**upload, PartNumber=1, Body=b"x" * PART)["ETag"],
             "second": s3.upload_part(**upload, PartNumber=2, Body=b"y")["ETag"]}
    listed = {"Parts": [{"PartNumber": n, "ETag": known.get(etag, etag)} for n, etag in parts]}
    assert refused(s3.complete_multipart_upload, **upload, MultipartUpload=listed)[:2] == (400, code)
    assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404
    s3.abort_multipart_upload(**upload)


@pytest.mark.parametrize("number", [0, 10_001, -1])
def test_part_numbers_are_1_to_10000(s3, bucket, number):
    upload = start(s3, bucket)
    assert refused(s3.upload_part, **upload, PartNumber=number, Body=b"x")[:2] == (400, "InvalidArgument")


def test_parts_and_uploads_are_listed_in_pages_and_abort_ends_them(s3, bucket):
    uploads = [start(s3, bucket, key) for key in ("a", "a", "b/1", "b/2")]
    for number in (5, 1, 3):
        s3.upload_part(**uploads[0], PartNumber=number, Body=b"x" * number)
    pages = list(s3.get_paginator("list_parts").paginate(**uploads[0], PaginationConfig={"PageSize": 2}))
    assert [(p["PartNumber"], p["Size"]) for page in pages for p in page["Parts"]] == [(1, 1), (3, 3), (5, 5)]
    assert len(pages) == 2
    pages = list(s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1}))
    found = [(u["Key"], u["UploadId"]) for page in pages for u in page["Uploads"]]
    assert sorted(found) == sorted((u["Key"], u["UploadId"]) for u in uploads)
    grouped = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in grouped["CommonPrefixes"]] == ["b/"] and len(grouped["Uploads"]) == 2
    for upload in uploads:
        s3.abort_multipart_upload(**upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert refused(s3.list_parts, **uploads[0])[:2] == (404, "NoSuchUpload")
    assert refused(s3.complete_multipart_upload, **uploads[0], MultipartUpload=parts_of({1: '"x"'}))[:2] == (404, "NoSuchUpload")


def test_the_headers_of_the_start_are_the_objects(s3, bucket):
    upload = start(s3, bucket, ContentType="text/x", Metadata={"a": "b"}, Tagging="t=u", CacheControl="no-store")
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload=parts_of({1: etag}))
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentType"], head["Metadata"], head["CacheControl"]) == ("text/x", {"a": "b"}, "no-store")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "t", "Value": "u"}]


def test_upload_part_copy_takes_ranges(s3, bucket):
    body = secrets.token_bytes(PART + 5000)
    s3.put_object(Bucket=bucket, Key="source", Body=body)
    upload = start(s3, bucket)
    source = f"{bucket}/source"
    whole = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]["ETag"]
    some = s3.upload_part_copy(**upload, PartNumber=2, CopySource=source, CopySourceRange="bytes=100-70000")["CopyPartResult"]["ETag"]
    assert refused(s3.upload_part_copy, **upload, PartNumber=3, CopySource=source, CopySourceRange=f"bytes=0-{len(body)}")[:2] == (400, "InvalidArgument")
    beyond = f"bytes={len(body)}-{len(body) + 9}"
    assert refused(s3.upload_part_copy, **upload, PartNumber=3, CopySource=source, CopySourceRange=beyond)[:2] == (400, "InvalidRequest")
    s3.complete_multipart_upload(**upload, MultipartUpload=parts_of({1: whole, 2: some}))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body + body[100:70001]


def crc32(body):
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def sha256(body):
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def test_a_composite_checksum_is_the_checksum_of_the_parts_checksums(s3, bucket):
    bodies = [secrets.token_bytes(PART), b"tail"]
    upload = start(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = []
    for n, body in enumerate(bodies, 1):
        part = s3.upload_part(**upload, PartNumber=n, Body=body, ChecksumAlgorithm="SHA256")
        assert part["ChecksumSHA256"] == sha256(body)
        parts.append({"PartNumber": n, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
    wrong = [parts[0] | {"ChecksumSHA256": sha256(b"other")}, parts[1]]
    assert refused(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": wrong})[:2] == (400, "InvalidPart")
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    expected = sha256(b"".join(hashlib.sha256(body).digest() for body in bodies)) + "-2"
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (expected, "COMPOSITE")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["ChecksumSHA256"], head["ChecksumType"]) == (expected, "COMPOSITE")
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectParts", "ObjectSize"])
    assert attributes["ObjectSize"] == PART + 4 and attributes["ObjectParts"]["TotalPartsCount"] == 2
    assert [p["ChecksumSHA256"] for p in attributes["ObjectParts"]["Parts"]] == [sha256(body) for body in bodies]


def test_a_full_object_checksum_is_the_one_of_the_whole(s3, bucket):
    bodies = [secrets.token_bytes(PART), b"tail"]
    upload = start(s3, bucket, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    etags = {n: s3.upload_part(**upload, PartNumber=n, Body=body, ChecksumAlgorithm="CRC32")["ETag"] for n, body in enumerate(bodies, 1)}
    wrong = crc32(b"other")
    assert refused(s3.complete_multipart_upload, **upload, MultipartUpload=parts_of(etags), ChecksumCRC32=wrong)[0] == 400
    assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404
    done = s3.complete_multipart_upload(**upload, MultipartUpload=parts_of(etags), ChecksumCRC32=crc32(b"".join(bodies)))
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (crc32(b"".join(bodies)), "FULL_OBJECT")


def test_checksums_that_cannot_be_combined_have_no_full_object_form(s3, bucket):
    for algorithm in ("SHA1", "SHA256"):
        answer = refused(s3.create_multipart_upload, Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
        assert answer[:2] == (400, "InvalidRequest")
    answer = refused(s3.create_multipart_upload, Bucket=bucket, Key="k", ChecksumAlgorithm="CRC64NVME", ChecksumType="COMPOSITE")
    assert answer[:2] == (400, "InvalidRequest")


def test_a_completion_under_a_condition(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    upload = start(s3, bucket)
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"new")["ETag"]
    done = {"MultipartUpload": parts_of({1: etag})}
    assert refused(s3.complete_multipart_upload, **upload, **done, IfNoneMatch="*")[:2] == (412, "PreconditionFailed")
    assert refused(s3.complete_multipart_upload, **upload, **done, IfMatch='"other"')[:2] == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"there"
    s3.complete_multipart_upload(**upload, **done, IfMatch=hashlib.md5(b"there").hexdigest())
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"
