"""External key services behind the gateway: an AWS KMS endpoint (moto, another Arqueta) and Transit."""

import os
import re
import secrets
import subprocess
import sys
import time
import urllib.request

import boto3
import pytest
from botocore.config import Config
from conftest import ACCESS_KEY, REGION, ROOT, SECRET_KEY, Gateway, free_port, refused

EXAMPLES = ROOT / "target/debug/examples"
TRANSIT = os.environ.get("ARQUETA_TRANSIT", str(EXAMPLES / "transit"))
CONTRACT = os.environ.get("ARQUETA_HOLDER_CONTRACT", str(EXAMPLES / "holder-contract"))
TOKEN = "s.token-of-the-tests"
# Short, so that an outage and its end are seen soon.
CALLS = "attempt_ms = 5000\nattempts = 2\nbackoff_ms = 10\nfailures = 3\nopen_ms = 100\n"


class Moto:
    """An AWS KMS endpoint that is not ours."""

    kind = "aws"

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.start()

    def start(self):
        log = open(self.folder / "moto.log", "ab")
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.url = f"http://127.0.0.1:{self.port}"
        until_it_answers(self.url + "/moto-api/")

    def settings(self):
        return aws_settings(self.folder, self.url)

    def contract(self):
        self.settings()
        return ["aws", self.url, REGION, ACCESS_KEY, str(self.folder / "secret")]

    def new_key(self):
        return kms_at(self.url).create_key()["KeyMetadata"]["Arn"]

    def stop(self):
        self.process.kill()
        self.process.wait()


class Arqueta:
    """Another Arqueta, run alone by the team that owns the keys."""

    kind = "aws"

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.start()

    def start(self):
        # The later option wins: the same port again after an outage.
        self.gateway = Gateway(self.folder / "data", "--only", "kms", listen=f"127.0.0.1:{self.port}")
        self.url = self.gateway.url

    def settings(self):
        return aws_settings(self.folder, self.url)

    contract = Moto.contract
    new_key = Moto.new_key

    def stop(self):
        self.gateway.stop(9)


class Transit:
    """A Transit engine with Vault's documented answers. It forgets its keys when it is stopped."""

    kind = "vault"

    def __init__(self, folder):
        self.folder = folder
        (folder / "token").write_text(TOKEN)
        self.start()

    def start(self):
        self.process = subprocess.Popen([TRANSIT, TOKEN], stdout=subprocess.PIPE, text=True)
        self.url = re.match(r"listening on (\S+)", self.process.stdout.readline())[1]

    def settings(self):
        return f'kind = "vault"\naddress = "{self.url}"\ntoken_file = "{self.folder}/token"\n'

    def contract(self):
        return ["vault", self.url, "transit", str(self.folder / "token")]

    def new_key(self):
        name = "theirs-" + secrets.token_hex(4)
        request = urllib.request.Request(
            f"{self.url}/v1/transit/keys/{name}", b'{"type":"aes256-gcm96","derived":true}', {"X-Vault-Token": TOKEN})
        urllib.request.urlopen(request, timeout=10)
        return name

    def stop(self):
        self.process.kill()
        self.process.wait()


SERVICES = {"moto": Moto, "arqueta": Arqueta, "transit": Transit}


def until_it_answers(url):
    for _ in range(600):
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer")


def aws_settings(folder, url):
    (folder / "secret").write_text(SECRET_KEY)
    return (f'kind = "aws"\nendpoint = "{url}"\nregion = "{REGION}"\naccess_key_id = "{ACCESS_KEY}"\n'
            f'secret_access_key_file = "{folder}/secret"\n')


def kms_at(url):
    return boto3.client("kms", endpoint_url=url, region_name=REGION, aws_access_key_id=ACCESS_KEY,
                        aws_secret_access_key=SECRET_KEY, config=Config(retries={"total_max_attempts": 1}))


def configured(folder, services, more="", home=None):
    """A configuration file that names `services`."""
    text = "[kms]\n" + (f'backend = "{home}"\n' if home else "") + more
    for name, service in services.items():
        text += f"[kms.backends.{name}]\n{service.settings()}[kms.backends.{name}.calls]\n{CALLS}"
    path = folder / "arqueta.toml"
    path.write_text(text)
    return str(path)


@pytest.fixture
def service(request, tmp_path_factory):
    service = SERVICES[request.param](tmp_path_factory.mktemp(request.param))
    yield service
    service.stop()


each = pytest.mark.parametrize("service", SERVICES, indirect=True)


def attempts(gateway, call, outcome="ok"):
    wanted = [f'call="{call}"', f'outcome="{outcome}"']
    return sum(int(value) for name, value in gateway.metrics().items()
               if name.startswith("arqueta_kms_backend_attempts") and all(w in name for w in wanted))


@pytest.mark.parametrize("service", ["arqueta", "transit"], indirect=True)
def test_the_contract_of_key_holders(service):
    done = subprocess.run([CONTRACT, *service.contract()], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@each
def test_objects_under_keys_of_an_external_service(service, start, tmp_path):
    gateway = start("--config", configured(tmp_path, {"corp": service}, home="corp"))
    s3, kms = gateway.client("s3"), gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="box")
    before = attempts(gateway, "encrypt"), attempts(gateway, "decrypt")
    sse = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}
    canary = b"a plaintext that is nowhere at rest " * 100
    for number in range(20):
        s3.put_object(Bucket="box", Key=f"o/{number}", Body=canary, **sse)
    for number in range(20):
        assert s3.get_object(Bucket="box", Key=f"o/{number}")["Body"].read() == canary
    after = attempts(gateway, "encrypt"), attempts(gateway, "decrypt")
    assert (after[0] - before[0], after[1] - before[1]) == (1, 1), "one call each for a bucket key"
    # The key behind SSE-S3 and alias/aws/s3 are there too.
    for more in ({}, {"ServerSideEncryption": "aws:kms"}):
        s3.put_object(Bucket="box", Key="more", Body=b"x", **more)
        assert s3.get_object(Bucket="box", Key="more")["Body"].read() == b"x"
    blob = kms.encrypt(KeyId=key, Plaintext=b"p", EncryptionContext={"a": "b"})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})["Plaintext"] == b"p"
    assert refused(kms.decrypt, CiphertextBlob=blob)[1] == "InvalidCiphertextException"
    data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]
    kms.rotate_key_on_demand(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})["Plaintext"] == b"p"
    gateway.stop()
    for path in (path for path in gateway.data.rglob("*") if path.is_file()):
        at_rest = path.read_bytes()
        assert canary[:36] not in at_rest and data_key not in at_rest and TOKEN.encode() not in at_rest, path


# The others forget their keys with the process.
@pytest.mark.parametrize("service", ["arqueta"], indirect=True)
def test_an_outage_ends_nothing_that_is_open_and_is_over_when_it_is_over(service, start, tmp_path):
    gateway = start("--config", configured(tmp_path, {"corp": service}, home="corp"))
    s3 = gateway.client("s3", retries={"total_max_attempts": 1})
    s3.create_bucket(Bucket="box")
    key = gateway.client("kms").create_key()["KeyMetadata"]["Arn"]
    sse = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(Bucket="box", Key="window", Body=b"w", BucketKeyEnabled=True, **sse)
    s3.put_object(Bucket="box", Key="alone", Body=b"a", **sse)
    assert s3.get_object(Bucket="box", Key="window")["Body"].read() == b"w"

    service.stop()
    for number in range(5):
        s3.put_object(Bucket="box", Key=f"open/{number}", Body=b"o", BucketKeyEnabled=True, **sse)
        assert s3.get_object(Bucket="box", Key=f"open/{number}")["Body"].read() == b"o"
    for _ in range(5):
        for call, options in [(s3.get_object, {}), (s3.put_object, {"Body": b"x", **sse})]:
            assert refused(call, Bucket="box", Key="alone", **options)[:2] == (503, "ServiceUnavailable")
    answer = raw_refusal(s3, "alone")
    assert answer["HTTPHeaders"]["retry-after"]
    assert attempts(gateway, "decrypt", "not_tried") > 0, "the breaker opened"

    service.start()
    for _ in range(200):
        try:
            assert s3.get_object(Bucket="box", Key="alone")["Body"].read() == b"a"
            break
        except s3.exceptions.ClientError:
            time.sleep(0.05)
    else:
        raise AssertionError("it does not come back")
    assert s3.head_object(Bucket="box", Key="alone")["ContentLength"] == 1, "what failed changed nothing"


def raw_refusal(s3, key):
    with pytest.raises(s3.exceptions.ClientError) as error:
        s3.get_object(Bucket="box", Key=key)
    return error.value.response["ResponseMetadata"]


@each
def test_a_local_denial_makes_no_remote_call(service, start, tmp_path):
    gateway = start("--config", configured(tmp_path, {"corp": service}, home="corp"))
    kms, iam = gateway.client("kms"), gateway.client("iam")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    iam.create_user(UserName="nobody")
    made = iam.create_access_key(UserName="nobody")["AccessKey"]
    nobody = gateway.client("kms", key=made["AccessKeyId"], secret=made["SecretAccessKey"])
    before = gateway.metrics()
    assert refused(nobody.encrypt, KeyId=key, Plaintext=b"x")[1] == "AccessDeniedException"
    assert refused(nobody.generate_data_key, KeyId=key, KeySpec="AES_256")[1] == "AccessDeniedException"
    kms.disable_key(KeyId=key)
    assert refused(kms.encrypt, KeyId=key, Plaintext=b"x")[1] == "DisabledException"
    remote = {name: value for name, value in before.items() if name.startswith("arqueta_kms_backend_attempts")}
    assert remote == {n: v for n, v in gateway.metrics().items() if n.startswith("arqueta_kms_backend_attempts")}


@each
def test_a_key_that_exists_there_serves_under_its_own_id_here(service, start, tmp_path):
    theirs = service.new_key()
    more = f'keys = [{{ id = "payroll", backend = "corp", remote = "{theirs}" }}]\n'
    gateway = start("--config", configured(tmp_path, {"corp": service}, more))
    kms, s3 = gateway.client("kms"), gateway.client("s3")
    metadata = kms.describe_key(KeyId="payroll")["KeyMetadata"]
    assert (metadata["Origin"], metadata["KeyState"]) == ("EXTERNAL_KEY_STORE", "Enabled")
    s3.create_bucket(Bucket="box")
    s3.put_object(Bucket="box", Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId="payroll")
    assert s3.get_object(Bucket="box", Key="k")["Body"].read() == b"x"
    assert refused(kms.enable_key_rotation, KeyId="payroll")[1] == "UnsupportedOperationException"
    assert kms.create_key()["KeyMetadata"]["Origin"] == "AWS_KMS", "new keys stay here"
    gateway.restart()
    assert s3_of(gateway).get_object(Bucket="box", Key="k")["Body"].read() == b"x"


def s3_of(gateway):
    return gateway.client("s3")


def test_several_services_at_once(start, tmp_path, tmp_path_factory):
    services = {name: SERVICES[name](tmp_path_factory.mktemp(name)) for name in ("arqueta", "transit")}
    try:
        keys = ", ".join(f'{{ id = "at-{name}", backend = "{name}", remote = "{service.new_key()}" }}'
                         for name, service in services.items())
        gateway = start("--config", configured(tmp_path, services, f"keys = [{keys}]\n"))
        kms, s3 = gateway.client("kms"), gateway.client("s3", retries={"total_max_attempts": 1})
        s3.create_bucket(Bucket="box")
        here = kms.create_key()["KeyMetadata"]["KeyId"]
        for key in ["at-arqueta", "at-transit", here]:
            s3.put_object(Bucket="box", Key=key, Body=key.encode(), ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
        blob = kms.encrypt(KeyId="at-arqueta", Plaintext=b"p")["CiphertextBlob"]
        moved = kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId="at-transit")["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=moved, KeyId="at-transit")["Plaintext"] == b"p"
        services["transit"].stop()
        for key in ["at-arqueta", here]:
            assert s3.get_object(Bucket="box", Key=key)["Body"].read() == key.encode()
        assert refused(s3.get_object, Bucket="box", Key="at-transit")[:2] == (503, "ServiceUnavailable")
    finally:
        for service in services.values():
            service.stop()


@pytest.mark.parametrize("service", ["arqueta"], indirect=True)
def test_the_other_side_sees_the_context_and_the_request_and_decides_too(service, start, tmp_path):
    gateway = start("--config", configured(tmp_path, {"corp": service}, home="corp"))
    s3, kms = gateway.client("s3"), gateway.client("kms")
    s3.create_bucket(Bucket="box")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    sse = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}
    s3.put_object(Bucket="box", Key="k", Body=b"x", **sse)
    seen = service.gateway.events("Encrypt")[-1]
    assert seen["requestParameters"]["encryptionContext"]["aws:s3:arn"] == "arn:aws:s3:::box"
    local = gateway.events("GenerateDataKey")[-1]
    assert f"arqueta-request/{local['requestID']}" in seen["userAgent"]
    remote = kms_at(service.url)
    for held in remote.list_keys()["Keys"]:
        remote.disable_key(KeyId=held["KeyId"])
    s3.put_object(Bucket="box", Key="window", Body=b"x", **sse)  # the open window is the bound
    status, code, _ = refused(s3.put_object, Bucket="box", Key="cold", Body=b"x", **sse | {"BucketKeyEnabled": False})
    assert (status, code) == (400, "KMS.KMSInvalidStateException")


def test_the_key_service_alone(start):
    gateway = start("--only", "kms")
    key = gateway.client("kms").create_key()["KeyMetadata"]["KeyId"]
    assert gateway.client("kms").generate_data_key(KeyId=key, KeySpec="AES_256")["KeyId"].endswith(key)
    assert gateway.client("sts").get_caller_identity()["Arn"].endswith(":root")
    gateway.client("iam").create_user(UserName="alice")
    s3 = gateway.client("s3")
    for call, options in [(s3.list_buckets, {}), (s3.create_bucket, {"Bucket": "box"}),
                          (s3.put_object, {"Bucket": "box", "Key": "k", "Body": b"x" * 100_000})]:
        assert refused(call, **options)[:2] == (501, "NotImplemented")
