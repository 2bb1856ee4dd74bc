"""Key-service economy: what a bucket key saves, read from the counters and from the record."""

import http.client
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ACCOUNT, signed

OBJECTS = 10_000


class Lean:
    """A client that signs and sends, and nothing else: boto3 takes several times what the gateway takes."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.connections = threading.local()

    def call(self, method, path, headers=None, body=None):
        if not hasattr(self.connections, "own"):
            self.connections.own = http.client.HTTPConnection(self.gateway.url.removeprefix("http://"), timeout=60)
        connection = self.connections.own
        connection.request(method, path, body, signed(method, self.gateway.url + path, headers))
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 200, data
        return data


def put_and_get(gateway, bucket, key, bucket_key, count, workers=8):
    client = Lean(gateway)
    options = {"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": key,
               "x-amz-server-side-encryption-bucket-key-enabled": str(bucket_key).lower()}

    def put(n):
        client.call("PUT", f"/{bucket}/o/{n}", options, b"x")

    def get(n):
        assert client.call("GET", f"/{bucket}/o/{n}") == b"x"

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(put, range(count)))
        list(pool.map(get, range(count)))


def calls(gateway):
    return gateway.kms_calls("GenerateDataKey"), gateway.kms_calls("Decrypt")


def recorded(gateway, key):
    """(GenerateDataKey, Decrypt) events of one key: the counters' witness."""
    def count(name):
        return sum(key in (r["ARN"] for r in e.get("resources", [])) for e in gateway.events(name))
    return count("GenerateDataKey"), count("Decrypt")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bucket_key, expected", [(True, (1, 1)), (False, (OBJECTS, OBJECTS))])
def test_ten_thousand_puts_and_gets(start, tmp_path, bucket_key, expected):
    (tmp_path / "c.toml").write_text("[bucket_key]\nwindow_seconds = 86400\n")
    gateway = start("--config", str(tmp_path / "c.toml"))
    gateway.client("s3").create_bucket(Bucket="economy")
    key = gateway.client("kms").create_key()["KeyMetadata"]["Arn"]
    before = calls(gateway)
    put_and_get(gateway, "economy", key, bucket_key, OBJECTS)
    after = calls(gateway)
    assert (after[0] - before[0], after[1] - before[1]) == expected
    assert recorded(gateway, key) == expected
    context = gateway.events("GenerateDataKey")[-1]["requestParameters"]["encryptionContext"]["aws:s3:arn"]
    assert context == "arn:aws:s3:::economy" if bucket_key else context.startswith("arn:aws:s3:::economy/o/")


def test_sixty_four_cold_concurrent_puts_make_one_call(start):
    gateway = start()
    gateway.client("s3").create_bucket(Bucket="cold")
    key = gateway.client("kms").create_key()["KeyMetadata"]["Arn"]
    s3 = gateway.client("s3")
    before = calls(gateway)[0]
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket="cold", Key=str(n), Body=b"x", ServerSideEncryption="aws:kms",
                                              SSEKMSKeyId=key, BucketKeyEnabled=True), range(64)))
    assert calls(gateway)[0] - before == 1


def user(gateway, name):
    iam = gateway.client("iam")
    iam.create_user(UserName=name)
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","kms:*"],"Resource":"*"}]}'
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return gateway.client("s3", made["AccessKeyId"], made["SecretAccessKey"])


def test_each_requester_has_its_own_bucket_key_in_its_own_name(start):
    gateway = start()
    gateway.client("s3").create_bucket(Bucket="shared")
    key = gateway.client("kms").create_key()["KeyMetadata"]["Arn"]
    people = {name: user(gateway, name) for name in ("alice", "bob")}
    before = calls(gateway)
    for name, s3 in people.items():
        for n in range(5):
            s3.put_object(Bucket="shared", Key=f"{name}/{n}", Body=b"x", ServerSideEncryption="aws:kms",
                          SSEKMSKeyId=key, BucketKeyEnabled=True)
    for name, s3 in people.items():
        for n in range(5):
            s3.get_object(Bucket="shared", Key=f"{name}/{n}")["Body"].read()
    after = calls(gateway)
    assert (after[0] - before[0], after[1] - before[1]) == (2, 2)
    for operation in ("GenerateDataKey", "Decrypt"):
        names = [event["userIdentity"]["arn"] for event in gateway.events(operation)]
        assert sorted(names) == [f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("alice", "bob")]


def test_a_read_of_anothers_object_is_a_call_in_the_readers_name(start):
    gateway = start()
    gateway.client("s3").create_bucket(Bucket="shared")
    key = gateway.client("kms").create_key()["KeyMetadata"]["Arn"]
    alice, bob = user(gateway, "alice"), user(gateway, "bob")
    alice.put_object(Bucket="shared", Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=True)
    alice.get_object(Bucket="shared", Key="k")["Body"].read()
    before = calls(gateway)[1]
    for _ in range(3):
        assert bob.get_object(Bucket="shared", Key="k")["Body"].read() == b"x"
    assert calls(gateway)[1] - before == 1
    assert gateway.events("Decrypt")[-1]["userIdentity"]["arn"].endswith(":user/bob")


def test_disabling_the_key_takes_effect_on_the_next_request_although_its_bucket_key_is_cached(start):
    gateway = start()
    s3, kms = gateway.client("s3"), gateway.client("kms")
    s3.create_bucket(Bucket="revoked")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    options = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}
    s3.put_object(Bucket="revoked", Key="k", Body=b"x", **options)
    s3.get_object(Bucket="revoked", Key="k")["Body"].read()
    kms.disable_key(KeyId=key)
    for call in (lambda: s3.get_object(Bucket="revoked", Key="k"),
                 lambda: s3.put_object(Bucket="revoked", Key="l", Body=b"x", **options)):
        with pytest.raises(s3.exceptions.ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] == "KMS.DisabledException"
        assert error.value.response["Error"]["Message"] == f"{key} is disabled."
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket="revoked", Key="k")["Body"].read() == b"x"


def test_the_counters_say_what_was_saved(start):
    gateway = start()
    gateway.client("s3").create_bucket(Bucket="counted")
    key = gateway.client("kms").create_key()["KeyMetadata"]["Arn"]
    put_and_get(gateway, "counted", key, True, 20, workers=1)
    saved = {name: value for name, value in gateway.metrics().items()
             if name.startswith("arqueta_bucket_key_calls_saved_total") and 'bucket="counted"' in name}
    assert sum(saved.values()) == 38
