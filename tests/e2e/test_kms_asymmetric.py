"""Asymmetric and HMAC keys, judged by boto3's model, the openssl command and the `cryptography` package."""

import hashlib
import hmac
import subprocess

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

RSA = [f"RSASSA_{kind}_SHA_{bits}" for kind in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)]
SIGNING = {
    "RSA_2048": RSA, "RSA_3072": RSA, "RSA_4096": RSA,
    "ECC_NIST_P256": ["ECDSA_SHA_256"], "ECC_NIST_P384": ["ECDSA_SHA_384"], "ECC_NIST_P521": ["ECDSA_SHA_512"],
    "ECC_SECG_P256K1": ["ECDSA_SHA_256"], "ECC_NIST_EDWARDS25519": ["ED25519_SHA_512", "ED25519_PH_SHA_512"],
    "ML_DSA_44": ["ML_DSA_SHAKE_256"], "ML_DSA_65": ["ML_DSA_SHAKE_256"], "ML_DSA_87": ["ML_DSA_SHAKE_256"],
}
MESSAGE = b"a message to be signed"


def code(call, **options):
    with pytest.raises(ClientError) as error:
        call(**options)
    return error.value.response["Error"]["Code"]


@pytest.fixture(scope="module")
def make(kms):
    """Keys by spec and usage, each made once."""
    made = {}

    def make(spec, usage):
        if (spec, usage) not in made:
            made[spec, usage] = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
        return made[spec, usage]["Arn"]

    return make


@pytest.fixture
def openssl(tmp_path):
    """Runs the openssl command over named files; the exit status and the output."""
    def run(*arguments, **files):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        done = subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    return run


def digest_of(algorithm, message):
    return hashlib.new("sha" + algorithm[-3:], message).digest()


@pytest.mark.parametrize("spec", SIGNING)
def test_signatures_verify_here_and_with_openssl_and_tampered_ones_nowhere(kms, make, openssl, spec):
    key = make(spec, "SIGN_VERIFY")
    public = kms.get_public_key(KeyId=key)
    assert (public["KeyId"], public["KeySpec"], public["KeyUsage"]) == (key, spec, "SIGN_VERIFY")
    assert sorted(public["SigningAlgorithms"]) == sorted(SIGNING[spec])
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert described["SigningAlgorithms"] == public["SigningAlgorithms"]
    assert not {"EncryptionAlgorithms", "MacAlgorithms", "KeyAgreementAlgorithms", "CurrentKeyMaterialId"} & set(described)
    for algorithm in SIGNING[spec]:
        if algorithm == "ED25519_PH_SHA_512":
            asked = {"MessageType": "DIGEST", "Message": hashlib.sha512(MESSAGE).digest()}
        else:
            asked = {"MessageType": "RAW", "Message": MESSAGE}
        asked |= {"KeyId": key, "SigningAlgorithm": algorithm}
        signature = kms.sign(**asked)["Signature"]
        assert kms.verify(**asked, Signature=signature)["SignatureValid"] is True
        bent = signature[:-1] + bytes([signature[-1] ^ 1])
        other = asked | {"Message": asked["Message"][:-1] + b"!"}
        assert code(kms.verify, **asked, Signature=bent) == "KMSInvalidSignatureException"
        assert code(kms.verify, **other, Signature=signature) == "KMSInvalidSignatureException"
        if algorithm.startswith(("RSASSA", "ECDSA")):
            by_digest = asked | {"MessageType": "DIGEST", "Message": digest_of(algorithm, MESSAGE)}
            assert kms.verify(**by_digest, Signature=signature)["SignatureValid"] is True
            assert kms.verify(**asked, Signature=kms.sign(**by_digest)["Signature"])["SignatureValid"] is True
        outside(openssl, algorithm, public["PublicKey"], signature)


def outside(openssl, algorithm, public, signature):
    """What openssl says of the signature, where it has the algorithm: 3.0 has neither ML-DSA nor Ed25519ph."""
    if algorithm in ("ML_DSA_SHAKE_256", "ED25519_PH_SHA_512"):
        return
    files = {"public.der": public, "signature": signature, "message": MESSAGE}
    command = ["-pubin", "-inkey", "public.der", "-keyform", "DER", "-verify", "-sigfile", "signature"]
    if algorithm == "ED25519_SHA_512":
        command = ["pkeyutl", *command, "-rawin", "-in", "message"]
    else:
        files["digest"] = digest_of(algorithm, MESSAGE)
        command = ["pkeyutl", *command, "-in", "digest", "-pkeyopt", "digest:sha" + algorithm[-3:]]
        if "PSS" in algorithm:
            command += ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]
    status, said = openssl(*command, **files)
    assert status == 0 and b"Verified Successfully" in said, (algorithm, said)
    files["digest" if "digest" in files else "message"] = hashlib.sha512(b"other").digest()[:len(files.get("digest", b"")) or 64]
    assert openssl(*command, **files)[0] != 0, "the check itself can fail"


@pytest.mark.parametrize("spec, words", [
    ("RSA_3072", b"3072 bit"), ("ECC_NIST_P521", b"P-521"), ("ECC_SECG_P256K1", b"secp256k1"),
    ("ECC_NIST_EDWARDS25519", b"ED25519"),
])
def test_openssl_reads_public_keys(kms, make, openssl, spec, words):
    public = kms.get_public_key(KeyId=make(spec, "SIGN_VERIFY"))["PublicKey"]
    status, said = openssl("pkey", "-pubin", "-inform", "DER", "-in", "public.der", "-noout", "-text", **{"public.der": public})
    assert status == 0 and words in said, said


def test_ml_dsa_signatures_verify_with_another_library(kms, make):
    key = make("ML_DSA_65", "SIGN_VERIFY")
    public = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    assert isinstance(public, mldsa.MLDSA65PublicKey)
    signature = kms.sign(KeyId=key, Message=MESSAGE, SigningAlgorithm="ML_DSA_SHAKE_256")["Signature"]
    public.verify(signature, MESSAGE)
    with pytest.raises(Exception):
        public.verify(signature, MESSAGE + b"!")


def test_a_signature_made_elsewhere_verifies_only_with_the_salt_that_aws_uses(kms, make):
    pair = kms.generate_data_key_pair(KeyId=kms.create_key()["KeyMetadata"]["Arn"], KeyPairSpec="RSA_2048")
    ours = load_der_private_key(pair["PrivateKeyPlaintext"], None)
    key = make("RSA_2048", "SIGN_VERIFY")
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    foreign = ours.sign(MESSAGE, pss, hashes.SHA256())
    assert code(kms.verify, KeyId=key, Message=MESSAGE, Signature=foreign,
                SigningAlgorithm="RSASSA_PSS_SHA_256") == "KMSInvalidSignatureException"
    signature = kms.sign(KeyId=key, Message=MESSAGE, SigningAlgorithm="RSASSA_PSS_SHA_256")["Signature"]
    load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"]).verify(signature, MESSAGE, pss, hashes.SHA256())


@pytest.mark.parametrize("spec, size", [("RSA_2048", 256), ("RSA_3072", 384), ("RSA_4096", 512)])
@pytest.mark.parametrize("algorithm, hash", [("RSAES_OAEP_SHA_1", hashes.SHA1()), ("RSAES_OAEP_SHA_256", hashes.SHA256())])
def test_what_others_encrypt_for_an_rsa_key_it_opens(kms, make, spec, size, algorithm, hash):
    key = make(spec, "ENCRYPT_DECRYPT")
    public = kms.get_public_key(KeyId=key)
    assert public["EncryptionAlgorithms"] == ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
    most = size - 2 * hash.digest_size - 2
    oaep = padding.OAEP(padding.MGF1(hash), hash, None)
    sealed = load_der_public_key(public["PublicKey"]).encrypt(b"s" * most, oaep)
    opened = kms.decrypt(KeyId=key, CiphertextBlob=sealed, EncryptionAlgorithm=algorithm)
    assert opened["Plaintext"] == b"s" * most and opened["EncryptionAlgorithm"] == algorithm
    assert "KeyMaterialId" not in opened
    sealed = kms.encrypt(KeyId=key, Plaintext=b"s" * most, EncryptionAlgorithm=algorithm)["CiphertextBlob"]
    assert kms.decrypt(KeyId=key, CiphertextBlob=sealed, EncryptionAlgorithm=algorithm)["Plaintext"] == b"s" * most
    refusals = [
        (kms.encrypt, {"KeyId": key, "Plaintext": b"s" * (most + 1), "EncryptionAlgorithm": algorithm}, "ValidationException"),
        (kms.encrypt, {"KeyId": key, "Plaintext": b"s", "EncryptionAlgorithm": algorithm, "EncryptionContext": {"a": "b"}},
         "ValidationException"),
        (kms.encrypt, {"KeyId": key, "Plaintext": b"s"}, "InvalidKeyUsageException"),
        (kms.decrypt, {"CiphertextBlob": sealed, "EncryptionAlgorithm": algorithm}, "ValidationException"),
        (kms.decrypt, {"KeyId": key, "CiphertextBlob": sealed[:-1] + bytes([sealed[-1] ^ 1]), "EncryptionAlgorithm": algorithm},
         "InvalidCiphertextException"),
    ]
    for call, options, expected in refusals:
        assert code(call, **options) == expected, options


@pytest.mark.parametrize("spec", ["RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521",
                                  "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"])
def test_data_key_pairs_are_pkcs8_for_every_tool(kms, key, openssl, spec):
    context = {"purpose": "test"}
    made = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec, EncryptionContext=context)
    assert (made["KeyId"], made["KeyPairSpec"], len(made["KeyMaterialId"])) == (key, spec, 64)
    private = load_der_private_key(made["PrivateKeyPlaintext"], None)
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert private.public_key().public_bytes(*spki) == made["PublicKey"]
    status, said = openssl("pkey", "-inform", "DER", "-in", "private.der", "-pubout", "-outform", "DER", "-out", "public.der",
                           **{"private.der": made["PrivateKeyPlaintext"]})
    assert status == 0, said
    wrapped = made["PrivateKeyCiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=wrapped, EncryptionContext=context)
    assert opened["Plaintext"] == made["PrivateKeyPlaintext"]
    assert code(kms.decrypt, CiphertextBlob=wrapped) == "InvalidCiphertextException"
    without = kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    assert "PrivateKeyPlaintext" not in without and without["PublicKey"] != made["PublicKey"]


@pytest.mark.parametrize("spec, curve", [
    ("ECC_NIST_P256", ec.SECP256R1()), ("ECC_NIST_P384", ec.SECP384R1()), ("ECC_NIST_P521", ec.SECP521R1())])
def test_shared_secrets_are_the_peers(kms, make, spec, curve):
    key = make(spec, "KEY_AGREEMENT")
    public = kms.get_public_key(KeyId=key)
    assert public["KeyAgreementAlgorithms"] == ["ECDH"]
    peer = ec.generate_private_key(curve)
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    theirs = peer.public_key().public_bytes(*spki)
    derived = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=theirs)
    assert derived["SharedSecret"] == peer.exchange(ec.ECDH(), load_der_public_key(public["PublicKey"]))
    assert (derived["KeyId"], derived["KeyOrigin"]) == (key, "AWS_KMS")
    stranger = ec.generate_private_key(ec.SECP256K1()).public_key().public_bytes(*spki)
    for bad in (stranger, theirs[:-1], theirs[:-1] + bytes([theirs[-1] ^ 1]), b"x"):
        assert code(kms.derive_shared_secret, KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=bad) == "ValidationException"


@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_macs_verify_and_tampered_ones_do_not(kms, make, bits):
    asked = {"KeyId": make(f"HMAC_{bits}", "GENERATE_VERIFY_MAC"), "MacAlgorithm": f"HMAC_SHA_{bits}", "Message": MESSAGE}
    mac = kms.generate_mac(**asked)["Mac"]
    assert len(mac) == bits // 8 and kms.generate_mac(**asked)["Mac"] == mac
    assert kms.verify_mac(**asked, Mac=mac)["MacValid"] is True
    for bad in (mac[:-1], mac + b"\0", bytes([mac[0] ^ 1]) + mac[1:], hmac.digest(b"", MESSAGE, f"sha{bits}")):
        assert code(kms.verify_mac, **asked, Mac=bad) == "KMSInvalidMacException"
    assert code(kms.verify_mac, **(asked | {"Message": b"other"}), Mac=mac) == "KMSInvalidMacException"


def test_a_key_serves_only_the_usage_and_spec_it_was_made_for(kms, make, key):
    signs, decrypts = make("RSA_2048", "SIGN_VERIFY"), make("RSA_2048", "ENCRYPT_DECRYPT")
    macs, agrees = make("HMAC_256", "GENERATE_VERIFY_MAC"), make("ECC_NIST_P256", "KEY_AGREEMENT")
    peer = kms.get_public_key(KeyId=agrees)["PublicKey"]
    uses = {
        signs: (kms.sign, {"Message": b"m", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}),
        decrypts: (kms.encrypt, {"Plaintext": b"p", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}),
        macs: (kms.generate_mac, {"Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}),
        agrees: (kms.derive_shared_secret, {"KeyAgreementAlgorithm": "ECDH", "PublicKey": peer}),
        key: (kms.generate_data_key, {"KeySpec": "AES_256"}),
    }
    for made_for, (call, options) in uses.items():
        for other in uses:
            if other == made_for:
                call(KeyId=other, **options)
            else:
                assert code(call, KeyId=other, **options) == "InvalidKeyUsageException", (other, options)
        if call != kms.generate_data_key:
            assert code(call, KeyId=made_for, DryRun=True, **options) == "DryRunOperationException"
    wrong = {"KeyId": make("ECC_NIST_P256", "SIGN_VERIFY"), "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_384"}
    assert code(kms.sign, **wrong) == "InvalidKeyUsageException"
    assert code(kms.get_public_key, KeyId=key) == code(kms.get_public_key, KeyId=macs) == "UnsupportedOperationException"
    assert code(kms.rotate_key_on_demand, KeyId=signs) == "UnsupportedOperationException"
    assert code(kms.enable_key_rotation, KeyId=macs) == "UnsupportedOperationException"
    assert kms.get_key_rotation_status(KeyId=signs)["KeyRotationEnabled"] is False


def test_disabled_and_deleted_keys_do_nothing(kms):
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    asked = {"KeyId": key, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(**asked)["Signature"]
    kms.disable_key(KeyId=key)
    assert code(kms.sign, **asked) == code(kms.get_public_key, KeyId=key) == "DisabledException"
    assert code(kms.verify, **asked, Signature=signature) == "DisabledException"
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert code(kms.sign, **asked) == "KMSInvalidStateException"


@pytest.mark.parametrize("options, expected", [
    ({"KeySpec": "RSA_2048"}, "ValidationException"),
    ({"KeySpec": "HMAC_256"}, "ValidationException"),
    ({"KeySpec": "ECC_NIST_P256", "KeyUsage": "ENCRYPT_DECRYPT"}, "ValidationException"),
    ({"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "KEY_AGREEMENT"}, "ValidationException"),
    ({"KeySpec": "RSA_1024", "KeyUsage": "SIGN_VERIFY"}, "ValidationException"),
    ({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException"),
])
def test_keys_that_cannot_be_made(kms, options, expected):
    assert code(kms.create_key, **options) == expected


def test_a_bucket_cannot_use_an_asymmetric_key(s3, make, bucket):
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms",
                      SSEKMSKeyId=make("RSA_2048", "ENCRYPT_DECRYPT"))
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="k")


def test_signing_keys_outlive_a_restart_and_leave_no_message_in_the_record(start):
    gateway = start()
    kms = gateway.client("kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    asked = {"KeyId": key, "Message": MESSAGE, "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}
    signature = kms.sign(**asked)["Signature"]
    gateway.restart()
    kms = gateway.client("kms")
    assert kms.sign(**asked)["Signature"] == signature
    event = gateway.events("Sign")[0]
    assert event["requestParameters"] == {
        "keyId": key, "messageType": "RAW", "signingAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}
    assert event["responseElements"] is None and event["readOnly"] is True
