"""Quotas of the key service, and what bucket keys make of them."""

import http.client
import time
from concurrent.futures import ThreadPoolExecutor

from conftest import refused, signed

OBJECTS = 1_000
QUOTA = 10
MESSAGE = "Please reduce your request rate for operations involving AWS KMS."


def load(gateway, bucket, key, bucket_key):
    """Puts 1,000 objects as fast as it goes and reads them back; statuses, one refusal and the seconds it took."""
    options = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": key,
               "x-amz-server-side-encryption-bucket-key-enabled": str(bucket_key).lower()}

    def call(method, number, headers=None, body=None):
        # A connection each: one that was answered before its upload was read is not used again.
        connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=60)
        path = f"/{bucket}/o/{number}"
        connection.request(method, path, body, signed(method, gateway.url + path, headers))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    begun = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        puts = list(pool.map(lambda number: call("PUT", number, options, b"x"), range(OBJECTS)))
        gets = list(pool.map(lambda number: call("GET", number), range(OBJECTS)))
    return puts, gets, time.monotonic() - begun


def limited(start, tmp_path, quotas):
    (tmp_path / "c.toml").write_text(f"[kms.quotas]\n{quotas}\n")
    return start("--config", str(tmp_path / "c.toml"))


def test_bucket_keys_keep_a_load_under_a_quota_that_throttles_it_without_them(start, tmp_path):
    gateway = limited(start, tmp_path, f"symmetric = {QUOTA}")
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="with")
    s3.create_bucket(Bucket="without")
    key = gateway.client("kms").create_key()["KeyMetadata"]["Arn"]

    puts, gets, _ = load(gateway, "with", key, True)
    assert {status for status, _ in puts + gets} == {200}
    assert gateway.kms_calls("GenerateDataKey") + gateway.kms_calls("Decrypt") == 2

    puts, _, seconds = load(gateway, "without", key, False)
    through = sum(status == 200 for status, _ in puts)
    assert 1 <= through <= QUOTA * (seconds + 1)
    answers = {answer for answer in puts if answer[0] != 200}
    assert {status for status, _ in answers} == {503}
    assert all("<Code>SlowDown</Code>" in body and MESSAGE in body for _, body in answers)


def test_the_key_service_throttles_in_the_words_of_aws(start, tmp_path):
    gateway = limited(start, tmp_path, "symmetric = 0.001\nCreateKey = 0.001")
    kms = gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    said = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
    assert refused(kms.create_key) == (400, "ThrottlingException", said)
    kms.encrypt(KeyId=key, Plaintext=b"x")
    for call, options in [(kms.encrypt, {"KeyId": key, "Plaintext": b"x"}), (kms.generate_random, {"NumberOfBytes": 8}),
                          (kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"})]:
        assert refused(call, **options) == (400, "ThrottlingException", said)
    kms.describe_key(KeyId=key)
    # botocore knows the code for one to try again after: more than one attempt is in the record.
    assert {event.get("errorCode") for event in gateway.events("CreateKey")[1:]} == {"ThrottlingException"}


def test_a_dry_run_says_what_would_have_happened_and_does_nothing(start):
    gateway = start()
    kms = gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    grant = kms.create_grant(KeyId=key, GranteePrincipal="arn:aws:iam::000000000000:root", Operations=["Decrypt"])
    by_key = {"KeyId": key}
    for call, options in [
        (kms.encrypt, by_key | {"Plaintext": b"x"}),
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.decrypt, by_key | {"DryRunModifiers": ["IGNORE_CIPHERTEXT"]}),
        (kms.generate_data_key, by_key | {"KeySpec": "AES_256"}),
        (kms.generate_data_key_without_plaintext, by_key | {"KeySpec": "AES_256"}),
        (kms.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": key}),
        (kms.re_encrypt, {"SourceKeyId": key, "DestinationKeyId": key, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}),
        (kms.create_grant, by_key | {"GranteePrincipal": "arn:aws:iam::000000000000:root", "Operations": ["Encrypt"]}),
        (kms.retire_grant, by_key | {"GrantId": grant["GrantId"]}),
        (kms.revoke_grant, by_key | {"GrantId": grant["GrantId"]}),
    ]:
        status, code, _ = refused(call, **options, DryRun=True)
        assert (status, code) == (400, "DryRunOperationException"), options
    assert [g["GrantId"] for g in kms.list_grants(KeyId=key)["Grants"]] == [grant["GrantId"]]
