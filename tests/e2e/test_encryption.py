"""Server-side encryption as AWS answers it: headers, echo rules, errors, conversions."""

import base64
import hashlib
import json
import secrets
import urllib.error
import urllib.request

import pytest
from conftest import ACCOUNT, REGION, customer, refused, signed, take_customer_keys


def test_a_new_bucket_encrypts_with_sse_s3(s3, bucket):
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert put["ServerSideEncryption"] == "AES256"
    assert put["ETag"] == f'"{hashlib.md5(b"x").hexdigest()}"'
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize("mode", ["aws:kms", "aws:kms:dsse"])
def test_kms_answers_name_the_key_and_the_etag_is_not_the_md5(s3, bucket, key, mode):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption=mode, SSEKMSKeyId=key.split("/")[-1])
    got = s3.get_object(Bucket=bucket, Key="k")
    for answer in (put, got, s3.head_object(Bucket=bucket, Key="k")):
        assert answer["ServerSideEncryption"] == mode and answer["SSEKMSKeyId"] == key
        assert "BucketKeyEnabled" not in answer
        assert answer["ETag"].strip('"') != hashlib.md5(b"x").hexdigest()
    assert got["Body"].read() == b"x"
    assert put["ETag"] == got["ETag"]


def test_the_bucket_key_header_is_present_when_on_and_absent_when_off(s3, bucket, key):
    options = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    for flag in (True, False):
        name = str(flag)
        answers = [s3.put_object(Bucket=bucket, Key=name, Body=b"x", BucketKeyEnabled=flag, **options),
                   s3.get_object(Bucket=bucket, Key=name), s3.head_object(Bucket=bucket, Key=name)]
        upload = s3.create_multipart_upload(Bucket=bucket, Key=name, BucketKeyEnabled=flag, **options)
        part = s3.upload_part(Bucket=bucket, Key=name, UploadId=upload["UploadId"], PartNumber=1, Body=b"x")
        copied = s3.upload_part_copy(Bucket=bucket, Key=name, UploadId=upload["UploadId"], PartNumber=2, CopySource=f"{bucket}/{name}")
        done = s3.complete_multipart_upload(Bucket=bucket, Key=name, UploadId=upload["UploadId"],
                                            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        for answer in [*answers, upload, part, copied, done]:
            header = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-server-side-encryption-bucket-key-enabled")
            assert header == ("true" if flag else None)


def test_the_bucket_default_with_a_bucket_key_and_the_objects_own_word(s3, bucket, key):
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    echoed = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert {k: echoed[k] for k in rule} == rule
    assert s3.put_object(Bucket=bucket, Key="a", Body=b"x")["BucketKeyEnabled"] is True
    off = s3.put_object(Bucket=bucket, Key="b", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=False)
    assert "BucketKeyEnabled" not in off
    assert s3.put_object(Bucket=bucket, Key="c", Body=b"x", ServerSideEncryption="AES256")["ServerSideEncryption"] == "AES256"
    s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.put_object(Bucket=bucket, Key="d", Body=b"x")["ServerSideEncryption"] == "AES256"
    assert s3.get_object(Bucket=bucket, Key="a")["BucketKeyEnabled"] is True


def test_without_a_key_id_the_accounts_aws_managed_key_is_used(s3, kms, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    described = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert put["SSEKMSKeyId"] == described["Arn"] and described["KeyManager"] == "AWS"


def test_an_alias_resolves_and_is_echoed_as_given_in_the_configuration(s3, kms, bucket, key):
    alias = "alias/" + secrets.token_hex(6)
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": alias}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    echoed = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert echoed["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == alias
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"x")["SSEKMSKeyId"] == key


@pytest.mark.parametrize("key_id, code", [
    ("no-such-key", "KMS.NotFoundException"),
    (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555", "KMS.NotFoundException"),
    (f"arn:aws:kms:eu-north-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555", "KMS.NotFoundException"),
])
def test_unknown_keys(s3, bucket, key_id, code):
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key_id)[:2] == (400, code)


def test_disabled_and_dying_keys(s3, kms, bucket, key):
    put = {"Bucket": bucket, "Key": "k", "Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(**put)
    kms.disable_key(KeyId=key)
    expected = (400, "KMS.DisabledException", f"{key} is disabled.")
    assert refused(s3.put_object, **put) == expected
    assert refused(s3.get_object, Bucket=bucket, Key="k") == expected
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 1
    kms.enable_key(KeyId=key)
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert refused(s3.put_object, **put) == (400, "KMS.KMSInvalidStateException", f"{key} is pending deletion.")
    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_kms_headers_on_get_are_refused(gateway, s3, bucket, key):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    url = f"{gateway.url}/{bucket}/k"
    headers = signed("GET", url, {"x-amz-server-side-encryption": "aws:kms"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)
    assert error.value.code == 400


@pytest.mark.parametrize("options", [
    {"ServerSideEncryption": "AES256", "SSEKMSKeyId": "x"},
    {"ServerSideEncryption": "aws:nonsense"},
    {"SSEKMSKeyId": "x"},
    {"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": "not base64!"},
    {"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": base64.b64encode(b"[1]").decode()},
    {"ServerSideEncryption": "aws:kms", "SSEKMSEncryptionContext": base64.b64encode(b'{"aws:s3:arn":"arn:aws:s3:::x"}').decode()},
])
def test_contradictory_requests_store_nothing(s3, bucket, options):
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **options)[0] == 400
    assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404


def test_the_callers_context_is_authenticated_recorded_and_not_copied(gateway, s3, bucket, key):
    context = base64.b64encode(json.dumps({"team": "red"}).encode()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, SSEKMSEncryptionContext=context)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    mine = [e["requestParameters"]["encryptionContext"] for e in gateway.events("GenerateDataKey")
            if e["requestParameters"].get("encryptionContext", {}).get("aws:s3:arn", "").startswith(f"arn:aws:s3:::{bucket}/")]
    assert mine == [{"aws:s3:arn": f"arn:aws:s3:::{bucket}/k", "team": "red"}, {"aws:s3:arn": f"arn:aws:s3:::{bucket}/copy"}]


def test_customer_keys(s3, bucket):
    mine, other = customer(), customer()
    assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0][
        "BlockedEncryptionTypes"] == {"EncryptionType": ["SSE-C"]}
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **mine)[:2] == (403, "AccessDenied")
    assert refused(s3.create_multipart_upload, Bucket=bucket, Key="k", **mine)[:2] == (403, "AccessDenied")
    take_customer_keys(s3, bucket)
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", **mine)
    assert put["SSECustomerKeyMD5"] == mine["SSECustomerKeyMD5"]
    assert put["ETag"].strip('"') != hashlib.md5(b"x").hexdigest()
    assert s3.get_object(Bucket=bucket, Key="k", **mine)["Body"].read() == b"x"
    assert s3.head_object(Bucket=bucket, Key="k", **mine)["SSECustomerAlgorithm"] == "AES256"
    assert refused(s3.get_object, Bucket=bucket, Key="k")[0] == 400
    assert refused(s3.get_object, Bucket=bucket, Key="k", **other)[0] in (400, 403)
    broken = mine | {"SSECustomerKeyMD5": other["SSECustomerKeyMD5"]}
    assert refused(s3.put_object, Bucket=bucket, Key="l", Body=b"x", **broken)[0] == 400


def modes(key):
    c = customer()
    return {
        "SSE-S3": ({"ServerSideEncryption": "AES256"}, {}, {}),
        "SSE-KMS": ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}, {}, {}),
        "bucket key": ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}, {}, {}),
        "DSSE-KMS": ({"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": key}, {}, {}),
        "SSE-C": (c, {k.replace("SSECustomer", "CopySourceSSECustomer"): v for k, v in c.items()}, c),
    }


MODES = ["SSE-S3", "SSE-KMS", "bucket key", "DSSE-KMS", "SSE-C"]


@pytest.mark.parametrize("target", MODES)
@pytest.mark.parametrize("source", MODES)
def test_a_copy_converts_from_any_mode_to_any_other(s3, bucket, key, source, target):
    body = secrets.token_bytes(200_000)
    take_customer_keys(s3, bucket)
    put, as_source, _ = modes(key)[source]
    s3.put_object(Bucket=bucket, Key="from", Body=body, **put)
    to, _, read = modes(key)[target]
    s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from", **to, **as_source)
    got = s3.get_object(Bucket=bucket, Key="to", **read)
    assert got["Body"].read() == body
    assert got.get("ServerSideEncryption") == to.get("ServerSideEncryption")
    assert s3.get_object(Bucket=bucket, Key="to", Range="bytes=65000-131500", **read)["Body"].read() == body[65000:131501]


def test_update_object_encryption_keeps_body_etag_and_date(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ServerSideEncryption="AES256")
    before = s3.head_object(Bucket=bucket, Key="k")
    s3.update_object_encryption(Bucket=bucket, Key="k", ObjectEncryption={"SSEKMS": {"KMSKeyArn": key, "BucketKeyEnabled": True}})
    after = s3.get_object(Bucket=bucket, Key="k")
    assert after["Body"].read() == b"hello"
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])
    assert (after["ServerSideEncryption"], after["SSEKMSKeyId"], after["BucketKeyEnabled"]) == ("aws:kms", key, True)


def test_a_user_without_decrypt_cannot_read_and_the_message_names_the_action(gateway, s3, bucket, key):
    iam = gateway.client("iam")
    name = "u" + secrets.token_hex(4)
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    writer = gateway.client("s3", made["AccessKeyId"], made["SecretAccessKey"])
    writer.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=True)
    status, code, message = refused(writer.get_object, Bucket=bucket, Key="k")
    assert (status, code) == (403, "AccessDenied")
    arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    assert message.startswith(f"User: {arn} is not authorized to perform: kms:Decrypt on resource: {key} because ")


def test_blocked_customer_keys_and_bad_defaults(s3, bucket, key):
    bad = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": key}}
    assert refused(s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [bad]})[:2] == (400, "InvalidArgument")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **customer())[:2] == (403, "AccessDenied")
