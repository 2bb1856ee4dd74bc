"""A known plaintext, stored in every mode and by every path, is found nowhere under the data folder."""

import base64
import json
import secrets
import urllib.request

import pytest
from conftest import customer, take_customer_keys

CANARY = b"ARQUETA-PLAINTEXT-CANARY-7f3d1c"
CUSTOMER_KEY = secrets.token_bytes(32)


def sse(mode, key):
    if mode == "SSE-C":
        return customer(CUSTOMER_KEY)
    return {
        "SSE-S3": {"ServerSideEncryption": "AES256"},
        "SSE-KMS": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key},
        "SSE-KMS with a bucket key": {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True},
        "DSSE-KMS": {"ServerSideEncryption": "aws:kms:dsse", "SSEKMSKeyId": key},
        "bucket default": {},
    }[mode]


MODES = ["SSE-S3", "SSE-KMS", "SSE-KMS with a bucket key", "DSSE-KMS", "SSE-C", "bucket default"]


def found(folder, needle):
    return [path for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


@pytest.fixture(scope="module")
def own(start):
    gateway = start("--log", "debug")
    gateway.client("s3").create_bucket(Bucket="canary")
    take_customer_keys(gateway.client("s3"), "canary")
    return gateway, gateway.client("kms").create_key()["KeyMetadata"]["Arn"]


@pytest.mark.parametrize("mode", MODES)
def test_no_plaintext_on_disk_or_in_logs(own, mode):
    gateway, key = own
    s3 = gateway.client("s3")
    options = sse(mode, key)
    small, large = CANARY * 8, CANARY * 40_000
    name = mode.replace(" ", "-")
    for size, body in (("small", small), ("large", large)):
        s3.put_object(Bucket="canary", Key=f"{name}/{size}", Body=body, **options)
        source = {k.replace("SSECustomer", "CopySourceSSECustomer"): v for k, v in options.items() if "Customer" in k}
        s3.copy_object(Bucket="canary", Key=f"{name}/{size}-copy", CopySource=f"canary/{name}/{size}", **options, **source)
    upload = s3.create_multipart_upload(Bucket="canary", Key=f"{name}/parts", **options)["UploadId"]
    part = {k: v for k, v in options.items() if "Customer" in k}
    bodies = [CANARY * (5 * 2**20 // len(CANARY) + 1), small]
    parts = [{"PartNumber": n, "ETag": s3.upload_part(Bucket="canary", Key=f"{name}/parts", UploadId=upload, PartNumber=n,
                                                      Body=body, **part)["ETag"]} for n, body in enumerate(bodies, 1)]
    s3.complete_multipart_upload(Bucket="canary", Key=f"{name}/parts", UploadId=upload, MultipartUpload={"Parts": parts}, **part)
    assert s3.get_object(Bucket="canary", Key=f"{name}/parts", **part)["Body"].read() == b"".join(bodies)
    if mode == "SSE-KMS":
        post(s3, "canary", f"{name}/posted", large, key)
        assert s3.get_object(Bucket="canary", Key=f"{name}/posted")["ServerSideEncryption"] == "aws:kms"
    # An upload that never completes leaves sealed parts only.
    open_upload = s3.create_multipart_upload(Bucket="canary", Key=f"{name}/open", **options)["UploadId"]
    s3.upload_part(Bucket="canary", Key=f"{name}/open", UploadId=open_upload, PartNumber=1, Body=large, **part)
    assert found(gateway.data, CANARY) == []
    for spelled in (CUSTOMER_KEY, base64.b64encode(CUSTOMER_KEY), CUSTOMER_KEY.hex().encode()):
        assert found(gateway.data, spelled) == []
        assert spelled not in gateway.stderr_path.read_bytes()
    assert CANARY not in gateway.stderr_path.read_bytes()


def post(s3, bucket, key, body, kms_key):
    """A browser's form upload."""
    fields = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": kms_key}
    conditions = [{name: value} for name, value in fields.items()]
    form = s3.generate_presigned_post(bucket, key, Fields=dict(fields), Conditions=conditions)
    boundary = "----canary"
    rows = [f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form["fields"].items()]
    rows.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n')
    data = "".join(rows).encode() + body + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(form["url"], data, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    assert urllib.request.urlopen(request, timeout=60).status in (200, 204)


def test_the_search_would_find_it(own, tmp_path):
    """The test can fail: an unencrypted object is found."""
    (tmp_path / "c.toml").write_text("[objects]\ndefault_encryption = false\n")
    from conftest import Gateway
    gateway = Gateway(tmp_path / "data", "--config", str(tmp_path / "c.toml"))
    try:
        s3 = gateway.client("s3")
        s3.create_bucket(Bucket="plain")
        s3.put_object(Bucket="plain", Key="k", Body=CANARY * 40_000)
        assert found(gateway.data, CANARY)
    finally:
        gateway.stop()


def test_the_record_holds_no_key_and_no_token(own):
    gateway, key = own
    kms = gateway.client("kms")
    answer = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    text = json.dumps(gateway.events())
    for secret in (answer["Plaintext"], CUSTOMER_KEY):
        assert base64.b64encode(secret).decode() not in text and secret.hex() not in text
