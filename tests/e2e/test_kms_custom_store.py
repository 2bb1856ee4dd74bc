"""Custom key stores on two SoftHSM tokens, one of them and then both being taken away."""

import os
import subprocess
import threading

import pytest

from conftest import ACCOUNT, REGION, Gateway, refused

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
CLUSTER = "cluster-abcdefghijk"
PIN = "1234567"
ANCHOR = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


class Tokens:
    """Two tokens in a folder of their own."""

    def __init__(self, folder):
        self.folder, self.kept = folder, folder / "tokens"
        self.kept.mkdir(parents=True)
        self.conf = folder / "softhsm2.conf"
        self.conf.write_text(f"directories.tokendir = {self.kept}\nlog.level = ERROR\n")
        for label in "ab":
            subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678",
                            "--pin", PIN], env=os.environ | {"SOFTHSM2_CONF": str(self.conf)}, check=True,
                           stdout=subprocess.DEVNULL)
            [made] = [entry for entry in self.kept.iterdir() if len(entry.name) > 1]
            made.rename(self.kept / label)

    def take_away(self, label):
        (self.kept / label).rename(self.folder / label)

    def bring_back(self, label):
        (self.folder / label).rename(self.kept / label)


@pytest.fixture
def tokens(tmp_path):
    return Tokens(tmp_path / "hsm")


@pytest.fixture
def home():
    return "embedded"


@pytest.fixture
def gateway(tmp_path, tokens, home):
    (tmp_path / "pin").write_text(PIN + "\n")
    (tmp_path / "anchor.pem").write_text(ANCHOR)
    config = tmp_path / "arqueta.toml"
    config.write_text(f"""
[kms]
backend = "{home}"

[[kms.clusters]]
id = "{CLUSTER}"
module = "{MODULE}"
tokens = ["a", "b"]
pin_file = "{tmp_path / 'pin'}"
trust_anchor = "{tmp_path / 'anchor.pem'}"
environment = {{ SOFTHSM2_CONF = "{tokens.conf}" }}
""")
    gateway = Gateway(tmp_path / "data", "--config", str(config))
    yield gateway
    gateway.stop()


def eventually(what, happened):
    pause = threading.Event()
    for _ in range(600):
        if happened():
            return
        pause.wait(0.05)
    raise AssertionError(f"{what} did not happen")


def create(kms, **changes):
    return kms.create_custom_key_store(**({
        "CustomKeyStoreName": "store", "CloudHsmClusterId": CLUSTER, "TrustAnchorCertificate": ANCHOR,
        "KeyStorePassword": PIN} | changes))["CustomKeyStoreId"]


def described(kms, store):
    [entry] = kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"]
    return entry


def connected(kms):
    store = create(kms)
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    eventually("connecting", lambda: described(kms, store)["ConnectionState"] == "CONNECTED")
    return store


def new_key(kms, store):
    return kms.create_key(Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]


def test_a_key_lives_in_the_tokens_and_serves_kms_and_s3(gateway, tokens):
    kms, s3 = gateway.client("kms"), gateway.client("s3")
    store = connected(kms)
    key = new_key(kms, store)
    assert (key["Origin"], key["CustomKeyStoreId"], key["CloudHsmClusterId"]) == ("AWS_CLOUDHSM", store, CLUSTER)
    context = {"purpose": "test"}
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"] == b"secret"
    status, code, _ = refused(kms.decrypt, CiphertextBlob=sealed, EncryptionContext={"purpose": "other"})
    assert (status, code) == (400, "InvalidCiphertextException")
    s3.create_bucket(Bucket="bucket")
    for bucket_key in (True, False):
        name = f"object-{bucket_key}"
        s3.put_object(Bucket="bucket", Key=name, Body=b"body" * 9999, ServerSideEncryption="aws:kms",
                      SSEKMSKeyId=key["Arn"], BucketKeyEnabled=bucket_key)
    gateway.restart()
    kms, s3 = gateway.client("kms"), gateway.client("s3")
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=context)["Plaintext"] == b"secret"
    for bucket_key in (True, False):
        assert s3.get_object(Bucket="bucket", Key=f"object-{bucket_key}")["Body"].read() == b"body" * 9999
    assert len(kms.generate_random(NumberOfBytes=32, CustomKeyStoreId=store)["Plaintext"]) == 32


def test_one_lost_token_goes_unnoticed_and_two_make_the_key_unavailable(gateway, tokens):
    kms, s3 = gateway.client("kms"), gateway.client("s3")
    store = connected(kms)
    key = new_key(kms, store)["KeyId"]
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="object", Body=b"body", ServerSideEncryption="aws:kms",
                  SSEKMSKeyId=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}")
    failures, stop = [], threading.Event()

    def load():
        while not stop.is_set():
            try:
                sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
                assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
            except Exception as error:  # noqa: BLE001: any failure is the finding
                failures.append(error)

    def makes_keys():
        try:
            return new_key(kms, store)
        except kms.exceptions.ClientError:
            return None

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for label in "ab":
        tokens.take_away(label)
        eventually("noticing the loss", lambda: not makes_keys())
        tokens.bring_back(label)
        eventually("coming back", makes_keys)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    tokens.take_away("a")
    tokens.take_away("b")
    state = lambda: kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]
    eventually("noticing", lambda: state() == "Unavailable")
    status, code, message = refused(kms.decrypt, CiphertextBlob=sealed)
    assert (status, code) == (400, "KMSInvalidStateException") and "unavailable" in message
    status, code, _ = refused(s3.get_object, Bucket="bucket", Key="object")
    assert (status, code) == (400, "KMS.KMSInvalidStateException")
    tokens.bring_back("b")
    eventually("coming back", lambda: state() == "Enabled")
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    assert s3.get_object(Bucket="bucket", Key="object")["Body"].read() == b"body"


def test_stores_fail_for_a_reason_and_go_only_when_empty(gateway):
    kms = gateway.client("kms")
    assert refused(create, kms=kms, CloudHsmClusterId="cluster-zzzzzzzzzzz")[1] == "CloudHsmClusterNotFoundException"
    assert refused(create, kms=kms, TrustAnchorCertificate="x")[1] == "IncorrectTrustAnchorException"
    store = create(kms, KeyStorePassword="7654321")
    assert refused(create, kms=kms, CustomKeyStoreName="two")[1] == "CloudHsmClusterInUseException"
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    eventually("failing", lambda: described(kms, store)["ConnectionState"] == "FAILED")
    assert described(kms, store)["ConnectionErrorCode"] == "INVALID_CREDENTIALS"
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    kms.update_custom_key_store(CustomKeyStoreId=store, KeyStorePassword=PIN)
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    eventually("connecting", lambda: described(kms, store)["ConnectionState"] == "CONNECTED")
    key = new_key(kms, store)["KeyId"]
    assert refused(kms.enable_key_rotation, KeyId=key)[1] == "UnsupportedOperationException"
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Unavailable"
    assert refused(kms.encrypt, KeyId=key, Plaintext=b"x")[1] == "KMSInvalidStateException"
    assert refused(kms.delete_custom_key_store, CustomKeyStoreId=store)[1] == "CustomKeyStoreHasCMKsException"
    [event] = [e for e in gateway.events("CreateCustomKeyStore") if not e.get("errorCode")]
    assert event["requestParameters"]["keyStorePassword"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
    assert event["responseElements"]["customKeyStoreId"] == store
    for path in gateway.data.rglob("*"):
        assert not path.is_file() or PIN.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("home", ["pkcs11", CLUSTER])
def test_a_cluster_can_hold_every_new_key(gateway, tokens):
    kms, s3 = gateway.client("kms"), gateway.client("s3")
    key = kms.create_key()["KeyMetadata"]
    assert key["Origin"] == "AWS_KMS" and "CustomKeyStoreId" not in key
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="owned", Body=b"owned")
    s3.put_object(Bucket="bucket", Key="managed", Body=b"managed", ServerSideEncryption="aws:kms")
    gateway.restart()
    kms, s3 = gateway.client("kms"), gateway.client("s3")
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    for name in ("owned", "managed"):
        assert s3.get_object(Bucket="bucket", Key=name)["Body"].read() == name.encode()
    tokens.take_away("a")
    tokens.take_away("b")
    state = lambda: kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
    eventually("noticing", lambda: state() == "Unavailable")
    status, code, _ = refused(kms.decrypt, CiphertextBlob=sealed)
    assert (status, code) == (503, "DependencyTimeoutException")
    tokens.bring_back("a")
    eventually("coming back", lambda: state() == "Enabled")
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
