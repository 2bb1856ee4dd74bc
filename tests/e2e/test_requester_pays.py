"""Buckets whose requesters pay: another account says that it knows, or gets nothing."""

import json
import secrets
import urllib.error
import urllib.request

import pytest
from accounts import allow, two_accounts
from conftest import refused

DENIED = (403, "AccessDenied")
PAYS = {"RequestPayer": "requester"}


@pytest.fixture(scope="module")
def place(start, tmp_path_factory):
    gateway, own, foreign = two_accounts(lambda *options: start(*options), tmp_path_factory.mktemp("payers"))
    s3 = own.client("s3")
    bucket = "payers-" + secrets.token_hex(6)
    s3.create_bucket(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"content", ServerSideEncryption="AES256")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]}))
    _, who = foreign.user(allow("s3:*"))
    return gateway, s3, foreign.client("s3", **who), bucket


def test_it_is_told_and_can_be_taken_back(place):
    _, own, _, bucket = place
    assert own.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    for payer in ("Requester", "BucketOwner"):
        own.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": payer})
        assert own.get_bucket_request_payment(Bucket=bucket)["Payer"] == payer
    wrong = refused(own.put_bucket_request_payment, Bucket=bucket, RequestPaymentConfiguration={"Payer": "Nobody"})
    assert wrong[:2] == (400, "MalformedXML")


def test_others_say_that_they_pay(place):
    gateway, own, other, bucket = place
    assert other.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"
    assert urllib.request.urlopen(f"{gateway.url}/{bucket}/k").read() == b"content"
    own.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    try:
        for call, more in ((other.get_object, {"Key": "k"}), (other.put_object, {"Key": "n", "Body": b"n"}),
                           (other.list_objects_v2, {}), (other.delete_object, {"Key": "n"}),
                           (other.create_multipart_upload, {"Key": "u"}),
                           (other.copy_object, {"Key": "c", "CopySource": f"{bucket}/k"})):
            assert refused(call, Bucket=bucket, **more)[:2] == DENIED, call
            answer = call(Bucket=bucket, **more, **PAYS)
            assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-charged"] == "requester", call
        # Of this parameter botocore makes a header that is signed.
        presigned = other.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k", **PAYS})
        says = urllib.request.Request(presigned, headers={"x-amz-request-payer": "requester"})
        with urllib.request.urlopen(says) as answer:
            assert (answer.read(), answer.headers["x-amz-request-charged"]) == (b"content", "requester")
        bare = other.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
        for url in (bare, f"{gateway.url}/{bucket}/k"):
            request = urllib.request.Request(url, headers={} if url == bare else {"x-amz-request-payer": "requester"})
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(request)
            assert error.value.code == 403, "who is nobody pays nothing"
        mine = own.get_object(Bucket=bucket, Key="k")
        assert "x-amz-request-charged" not in mine["ResponseMetadata"]["HTTPHeaders"]
    finally:
        own.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "BucketOwner"})
