"""Keys whose owner brings the material: wrapped by `cryptography`, imported with boto3, used, and
found nowhere at rest."""

import base64
import datetime
import hmac
import secrets
import signal

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

SHA = {"1": hashes.SHA1, "256": hashes.SHA256}
ALGORITHMS = ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]


def code(call, **options):
    with pytest.raises(ClientError) as error:
        call(**options)
    return error.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def own(start):
    """A gateway of these tests' own, which logs all it can."""
    return start("--log", "debug")


@pytest.fixture
def kms(own):
    return own.client("kms")


def wrap(material, public, algorithm):
    public = serialization.load_der_public_key(public)
    sha = SHA[algorithm.rsplit("_", 1)[1]]
    oaep = padding.OAEP(padding.MGF1(sha()), sha(), None)
    if algorithm.startswith("RSAES"):
        return public.encrypt(material, oaep)
    aes = secrets.token_bytes(32)
    return public.encrypt(aes, oaep) + aes_key_wrap_with_padding(aes, material)


def external(kms, spec="SYMMETRIC_DEFAULT", usage="ENCRYPT_DECRYPT"):
    made = kms.create_key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
    assert (made["KeyState"], made["Enabled"], made["Origin"]) == ("PendingImport", False, "EXTERNAL")
    assert "ExpirationModel" not in made and "CurrentKeyMaterialId" not in made
    return made["Arn"]


def bring(kms, key, material, algorithm="RSA_AES_KEY_WRAP_SHA_256", size="RSA_2048", **terms):
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec=size)
    assert given["KeyId"] == key
    left = given["ParametersValidTo"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=23, minutes=50) < left <= datetime.timedelta(hours=24, minutes=1)
    terms = terms or {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    return kms.import_key_material(KeyId=key, ImportToken=given["ImportToken"],
                                   EncryptedKeyMaterial=wrap(material, given["PublicKey"], algorithm), **terms)


def pkcs8(private):
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", ["RSA_2048", "RSA_3072"])
def test_symmetric_material_by_every_algorithm(kms, algorithm, size):
    key, material = external(kms), secrets.token_bytes(32)
    assert code(kms.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
    id = bring(kms, key, material, algorithm, size)["KeyMaterialId"]
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["ExpirationModel"]) == ("Enabled", "KEY_MATERIAL_DOES_NOT_EXPIRE")
    assert described["CurrentKeyMaterialId"] == id
    blob = kms.encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
    assert kms.delete_imported_key_material(KeyId=key) | {"ResponseMetadata": 0} == \
        {"KeyId": key, "KeyMaterialId": id, "ResponseMetadata": 0}
    assert code(kms.decrypt, CiphertextBlob=blob) == "KMSInvalidStateException"
    assert code(bring, kms=kms, key=key, material=secrets.token_bytes(32)) == "IncorrectKeyMaterialException"
    bring(kms, key, material, algorithm)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"hello"


def test_the_longest_wrapping_key(kms):
    bring(kms, external(kms), secrets.token_bytes(32), "RSAES_OAEP_SHA_256", "RSA_4096")


@pytest.mark.parametrize(("bits", "lengths"), [(224, (28, 64)), (256, (32, 64)), (384, (48, 128)), (512, (64, 128))])
def test_mac_material(kms, bits, lengths):
    for length in lengths:
        key, material = external(kms, f"HMAC_{bits}", "GENERATE_VERIFY_MAC"), secrets.token_bytes(length)
        for wrong in (lengths[0] - 1, lengths[1] + 1):
            assert code(bring, kms=kms, key=key, material=bytes(wrong)) == "IncorrectKeyMaterialException"
        assert "KeyMaterialId" not in bring(kms, key, material, "RSAES_OAEP_SHA_256")
        made = kms.generate_mac(KeyId=key, Message=b"m", MacAlgorithm=f"HMAC_SHA_{bits}")["Mac"]
        assert made == hmac.digest(material, b"m", f"sha{bits}")
        assert code(bring, kms=kms, key=key, material=secrets.token_bytes(length)) == "IncorrectKeyMaterialException"


def test_rsa_material_decrypts_and_signs(kms):
    private = rsa.generate_private_key(65537, 2048)
    key = external(kms, "RSA_2048", "ENCRYPT_DECRYPT")
    assert code(kms.get_parameters_for_import, KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256",
                WrappingKeySpec="RSA_4096") == "UnsupportedOperationException"
    bring(kms, key, pkcs8(private))
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    sealed = private.public_key().encrypt(b"hello", oaep)
    assert kms.decrypt(KeyId=key, CiphertextBlob=sealed, EncryptionAlgorithm="RSAES_OAEP_SHA_256")["Plaintext"] == b"hello"
    signer = external(kms, "RSA_2048", "SIGN_VERIFY")
    bring(kms, signer, pkcs8(private))
    made = kms.sign(KeyId=signer, Message=b"m", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")["Signature"]
    private.public_key().verify(made, b"m", padding.PKCS1v15(), hashes.SHA256())
    other = external(kms, "RSA_3072", "SIGN_VERIFY")
    for wrong in (pkcs8(private), pkcs8(private)[:-1], b"\x30\x00", secrets.token_bytes(32)):
        assert code(bring, kms=kms, key=other, material=wrong) == "IncorrectKeyMaterialException"


@pytest.mark.parametrize(("spec", "curve", "algorithm"), [
    ("ECC_NIST_P256", ec.SECP256R1, "ECDSA_SHA_256"), ("ECC_NIST_P384", ec.SECP384R1, "ECDSA_SHA_384"),
    ("ECC_NIST_P521", ec.SECP521R1, "ECDSA_SHA_512"), ("ECC_SECG_P256K1", ec.SECP256K1, "ECDSA_SHA_256")])
def test_curves(kms, spec, curve, algorithm):
    private = ec.generate_private_key(curve())
    key = external(kms, spec, "SIGN_VERIFY")
    direct = {"KeyId": key, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    if spec == "ECC_NIST_P521":
        assert code(kms.get_parameters_for_import, **direct) == "UnsupportedOperationException"
    other = ec.generate_private_key(ec.SECP256R1() if curve is not ec.SECP256R1 else ec.SECP384R1())
    assert code(bring, kms=kms, key=key, material=pkcs8(other)) == "IncorrectKeyMaterialException"
    bring(kms, key, pkcs8(private))
    made = kms.sign(KeyId=key, Message=b"m", SigningAlgorithm=algorithm)["Signature"]
    sha = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[algorithm[-3:]]
    private.public_key().verify(made, b"m", ec.ECDSA(sha()))
    assert kms.get_public_key(KeyId=key)["PublicKey"] == private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    kms.delete_imported_key_material(KeyId=key)
    assert code(kms.sign, KeyId=key, Message=b"m", SigningAlgorithm=algorithm) == "KMSInvalidStateException"


def test_edwards_material_and_agreement(kms):
    private = ed25519.Ed25519PrivateKey.generate()
    key = external(kms, "ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    bring(kms, key, pkcs8(private))
    made = kms.sign(KeyId=key, Message=b"m", SigningAlgorithm="ED25519_SHA_512")["Signature"]
    private.public_key().verify(made, b"m")
    mine, peer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    agreeing = external(kms, "ECC_NIST_P256", "KEY_AGREEMENT")
    bring(kms, agreeing, pkcs8(mine))
    public = peer.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    shared = kms.derive_shared_secret(KeyId=agreeing, KeyAgreementAlgorithm="ECDH", PublicKey=public)["SharedSecret"]
    assert shared == peer.exchange(ec.ECDH(), mine.public_key())


def test_new_material_rotates_and_the_list_tells(kms):
    key, one, two = external(kms), secrets.token_bytes(32), secrets.token_bytes(32)
    soon = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=30)
    bring(kms, key, one, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=soon, KeyMaterialDescription="first")
    old = kms.encrypt(KeyId=key, Plaintext=b"old")["CiphertextBlob"]
    assert code(kms.rotate_key_on_demand, KeyId=key) == "KMSInvalidStateException"
    assert code(kms.enable_key_rotation, KeyId=key) == "UnsupportedOperationException"
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
    bring(kms, key, two, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE", ImportType="NEW_KEY_MATERIAL")
    pending, current = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert (pending["KeyMaterialState"], pending["ImportState"]) == ("PENDING_ROTATION", "IMPORTED")
    assert "RotationDate" not in pending and "ValidTo" not in pending
    assert (current["KeyMaterialState"], current["KeyMaterialDescription"]) == ("CURRENT", "first")
    assert (current["ExpirationModel"], current["ValidTo"]) == ("KEY_MATERIAL_EXPIRES", soon)
    assert kms.list_key_rotations(KeyId=key)["Rotations"] == []
    assert kms.rotate_key_on_demand(KeyId=key)["KeyId"] == key
    newest, before = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert (newest["KeyMaterialState"], newest["RotationType"]) == ("CURRENT", "ON_DEMAND")
    assert before["KeyMaterialState"] == "NON_CURRENT"
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["ValidTo"] == soon
    young = kms.encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
    for blob, plain in ((old, b"old"), (young, b"new")):
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == plain


def test_refusals(kms):
    key, own_key = external(kms), kms.create_key()["KeyMetadata"]["Arn"]
    ask = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    assert code(kms.get_parameters_for_import, KeyId=own_key, **ask) == "UnsupportedOperationException"
    assert code(kms.get_parameters_for_import, KeyId=key, **ask | {"WrappingAlgorithm": "RSAES_PKCS1_V1_5"}) == \
        "UnsupportedOperationException"
    assert code(kms.get_parameters_for_import, KeyId=key, **ask | {"WrappingKeySpec": "SM2"}) == "UnsupportedOperationException"
    given = kms.get_parameters_for_import(KeyId=key, **ask)
    wrapped = wrap(secrets.token_bytes(32), given["PublicKey"], "RSAES_OAEP_SHA_256")
    good = {"KeyId": key, "ImportToken": given["ImportToken"], "EncryptedKeyMaterial": wrapped,
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    assert code(kms.import_key_material, **good | {"ImportToken": b"x" * 100}) == "InvalidImportTokenException"
    assert code(kms.import_key_material, **good | {"KeyId": external(kms)}) == "InvalidImportTokenException"
    assert code(kms.import_key_material, **good | {"EncryptedKeyMaterial": bytes(256)}) == "InvalidCiphertextException"
    assert code(kms.import_key_material, **good | {"ExpirationModel": "KEY_MATERIAL_EXPIRES"}) == "ValidationException"
    assert code(kms.create_key, Origin="EXTERNAL", KeySpec="ML_DSA_44", KeyUsage="SIGN_VERIFY") == "UnsupportedOperationException"
    kms.import_key_material(**good)


def test_s3_objects_under_an_imported_key_stop_with_their_material(own, kms):
    key, material, s3 = external(kms), secrets.token_bytes(32), own.client("s3")
    bring(kms, key, material)
    s3.create_bucket(Bucket="brought")
    named = {"Bucket": "brought", "Key": "o"}
    s3.put_object(**named, Body=b"data", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=True)
    assert s3.get_object(**named)["Body"].read() == b"data"
    kms.delete_imported_key_material(KeyId=key)
    assert code(s3.get_object, **named) == "KMS.KMSInvalidStateException"
    bring(kms, key, material)
    assert s3.get_object(**named)["Body"].read() == b"data"


def test_a_restart_in_the_middle_and_the_last_use(start):
    gateway = start()
    kms = gateway.client("kms")
    key, material = external(kms), secrets.token_bytes(32)
    assert kms.get_key_last_usage(KeyId=key)["KeyLastUsage"] == {}
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    gateway.restart(signal.SIGKILL)
    kms = gateway.client("kms")
    kms.import_key_material(KeyId=key, ImportToken=given["ImportToken"], ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
                            EncryptedKeyMaterial=wrap(material, given["PublicKey"], "RSAES_OAEP_SHA_256"))
    blob = kms.encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
    used = kms.get_key_last_usage(KeyId=key)
    assert used["KeyLastUsage"]["Operation"] == "Encrypt"
    assert used["TrackingStartDate"] == used["KeyCreationDate"]
    assert used["KeyLastUsage"]["CloudTrailEventId"] == gateway.events("Encrypt")[-1]["eventID"]
    gateway.restart()
    kms = gateway.client("kms")
    assert kms.get_key_last_usage(KeyId=key)["KeyLastUsage"] == used["KeyLastUsage"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"hello"


def spellings(secret):
    """How bytes may stand in a file: raw, reversed, in hexadecimal, and in base64 at any offset."""
    yield from (secret, secret[::-1], secret.hex().encode(), secret.hex().upper().encode())
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + secret)[4 if shift else 0:]
        yield text[:len(text) - 4]
        yield text[:len(text) - 4].replace(b"+", b"-").replace(b"/", b"_")


def test_no_key_byte_is_at_rest(own, kms):
    """In the data folder, the record or the log: neither imported material nor plaintext data keys."""
    symmetric, mac = secrets.token_bytes(32), secrets.token_bytes(64)
    pair, curve = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    numbers = pair.private_numbers()
    inner = [n.to_bytes((n.bit_length() + 7) // 8) for n in (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)]
    needles = [symmetric, mac, pkcs8(pair)[-64:], curve.private_numbers().private_value.to_bytes(32), *inner]
    keys = {}
    for spec, usage, material in (("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", symmetric), ("HMAC_512", "GENERATE_VERIFY_MAC", mac),
                                  ("RSA_2048", "SIGN_VERIFY", pkcs8(pair)), ("ECC_NIST_P256", "SIGN_VERIFY", pkcs8(curve))):
        keys[spec] = external(kms, spec, usage)
        bring(kms, keys[spec], material)
    blob = kms.encrypt(KeyId=keys["SYMMETRIC_DEFAULT"], Plaintext=b"x")["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob)
    kms.generate_mac(KeyId=keys["HMAC_512"], Message=b"m", MacAlgorithm="HMAC_SHA_512")
    kms.sign(KeyId=keys["RSA_2048"], Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")
    kms.sign(KeyId=keys["ECC_NIST_P256"], Message=b"m", SigningAlgorithm="ECDSA_SHA_256")
    made = kms.generate_data_key(KeyId=keys["SYMMETRIC_DEFAULT"], KeySpec="AES_256")
    kms.decrypt(CiphertextBlob=made["CiphertextBlob"])
    needles += [made["Plaintext"], kms.generate_random(NumberOfBytes=32)["Plaintext"]]
    own.stop()
    files = {path: path.read_bytes() for path in [*own.data.rglob("*"), own.stderr_path] if path.is_file()}
    # What must be there is found: the search itself works.
    arn = keys["RSA_2048"].encode()
    assert any(arn in content for content in files.values())
    for needle in needles:
        for spelling in spellings(needle):
            assert not [path for path, content in files.items() if spelling in content]
    own.start()


def test_expired_material_is_an_event_of_the_service(own, kms):
    """A time that passes during the test: whoever looks after it finds the key without material."""
    key = external(kms)
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    bring(kms, key, secrets.token_bytes(32), ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=soon)
    deadline = soon + datetime.timedelta(seconds=20)
    while kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingImport":
        assert datetime.datetime.now(datetime.timezone.utc) < deadline
    assert code(kms.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
    while not (events := [e for e in own.events("DeleteExpiredKeyMaterial") if e["resources"][0]["ARN"] == key]):
        assert datetime.datetime.now(datetime.timezone.utc) < deadline
    assert events[0]["eventType"] == "AwsServiceEvent"
    assert events[0]["serviceEventDetails"] == {"keyId": key.rsplit("/", 1)[1]}
    imported = [e for e in own.events("ImportKeyMaterial") if e["requestParameters"]["keyId"] == key][-1]
    assert imported["requestParameters"]["expirationModel"] == "KEY_MATERIAL_EXPIRES"
    assert set(imported["requestParameters"]) == {"keyId", "expirationModel", "validTo"}
