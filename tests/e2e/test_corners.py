"""What AWS does in the corners of its operations, as boto3 and a raw connection see it."""

import http.client
import os

import pytest
from botocore.exceptions import ClientError
from conftest import refused, signed

PART = 5 * 2**20


def multipart(s3, bucket, key, bodies, between=None, **complete):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=n, Body=body)["ETag"]}
        for n, body in enumerate(bodies, 1)]
    if between:
        between()
    return upload, s3.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **complete)


@pytest.mark.parametrize("replaced", [True, False])
def test_a_read_sees_one_version_to_its_end(s3, bucket, replaced):
    whole = os.urandom(PART) + b"a tail that lies in the metadata"
    multipart(s3, bucket, "k", [whole[:PART], whole[PART:]])
    body = s3.get_object(Bucket=bucket, Key="k")["Body"]
    first = body.read(1000)
    if replaced:
        s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    else:
        s3.delete_object(Bucket=bucket, Key="k")
    assert first + body.read() == whole


def test_a_resumed_download_is_no_splice(gateway, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]

    def resume():
        url = f"{gateway.url}/{bucket}/k"
        headers = signed("GET", url, {"Range": "bytes=5-", "If-Range": etag})
        connection = http.client.HTTPConnection(gateway.url.partition("//")[2], timeout=30)
        connection.request("GET", f"/{bucket}/k", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    assert resume() == (206, b"56789")
    s3.put_object(Bucket=bucket, Key="k", Body=b"something else")
    assert resume() == (200, b"something else")


def test_a_completion_does_not_overwrite_what_its_client_never_saw(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"old")["ETag"]

    def again():
        assert s3.put_object(Bucket=bucket, Key="k", Body=b"old")["ETag"] == etag

    with pytest.raises(ClientError) as error:
        multipart(s3, bucket, "k", [b"new"], again, IfMatch=etag)
    assert error.value.response["Error"]["Code"] == "ConditionalRequestConflict"
    with pytest.raises(ClientError) as error:
        multipart(s3, bucket, "k", [b"new"], lambda: s3.delete_object(Bucket=bucket, Key="k"), IfNoneMatch="*")
    assert error.value.response["Error"]["Code"] == "ConditionalRequestConflict"
    upload, _ = multipart(s3, bucket, "k", [b"new"], IfNoneMatch="*")
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


def test_lists_and_heads_tell_one_time(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    told = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["LastModified"] == told
    assert s3.list_object_versions(Bucket=bucket)["Versions"][0]["LastModified"] == told


def test_an_object_is_copied_onto_itself_where_that_changes_something(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    copy = {"Bucket": bucket, "Key": "k", "CopySource": f"{bucket}/k"}
    assert refused(s3.copy_object, **copy)[1] == "InvalidRequest"
    rule = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rule)
    s3.copy_object(**copy)
    s3.delete_bucket_encryption(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    s3.copy_object(**copy)


def test_an_upload_without_an_algorithm_has_one_checksum(s3, bucket):
    multipart(s3, bucket, "k", [os.urandom(PART), b"tail"])
    told = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert told["ChecksumType"] == "FULL_OBJECT" and "ChecksumCRC64NVME" in told
    parts = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"])["ObjectParts"]
    assert parts == {"TotalPartsCount": 2}


def test_a_file_name_of_any_language_comes_back(s3, bucket):
    name = 'attachment; filename="größe 日本.txt"'
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentDisposition=name, CacheControl="privé")
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k")
    for key in ("k", "c"):
        told = s3.head_object(Bucket=bucket, Key=key)
        # Python reads header bytes as Latin-1.
        assert told["ContentDisposition"].encode("latin-1").decode() == name
        assert told["CacheControl"].encode("latin-1").decode() == "privé"


def test_ownership_controls_are_removed_and_set_again(s3, bucket):
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert refused(s3.get_bucket_ownership_controls, Bucket=bucket)[:2] == (404, "OwnershipControlsNotFoundError")
    rule = {"ObjectOwnership": "BucketOwnerEnforced"}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [rule]})
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"] == [rule]


def test_a_write_takes_a_tag_without_its_quotes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    for condition in (etag[1:], etag.strip('"'), etag):
        assert s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfMatch=condition)["ETag"] == etag
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfMatch='"other')[:2] == (412, "PreconditionFailed")


def test_an_upload_is_not_completed_without_its_parts(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    said = refused(s3.complete_multipart_upload, Bucket=bucket, Key="k", UploadId=upload)
    assert said == (400, "InvalidRequest", "You must specify at least one part")
    assert refused(s3.complete_multipart_upload, Bucket=bucket, Key="k", UploadId="0")[1] == "NoSuchUpload"
