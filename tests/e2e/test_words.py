"""What KMS, STS and IAM say when they refuse: code and sentence as the services of AWS send them."""

import secrets

import pytest
from conftest import ACCOUNT, refused

NOWHERE = "134f2428-cec1-4b25-a1ae-9048164dba47"
DETECTED = "1 validation error detected: "


class Keys:
    """Keys of every kind that the rows below need, each made once."""

    def __init__(self, kms):
        def made(**options):
            return kms.create_key(**options)["KeyMetadata"]["Arn"]

        self.sym, self.other, self.disabled = made(), made(), made()
        kms.disable_key(KeyId=self.disabled)
        self.external = made(Origin="EXTERNAL")
        self.rsa = made(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
        self.rsa_sign = made(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
        self.ecc = made(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        self.hmac_224 = made(KeySpec="HMAC_224", KeyUsage="GENERATE_VERIFY_MAC")
        self.hmac_256 = made(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        self.sealed = kms.encrypt(KeyId=self.sym, Plaintext=b"x")["CiphertextBlob"]


@pytest.fixture(scope="module")
def unchecked(gateway):
    """A client that sends what its model forbids."""
    return gateway.client("kms", parameter_validation=False)


@pytest.fixture(scope="module")
def keys(unchecked):
    return Keys(unchecked)


PSS = "RSASSA_PSS_SHA_256"
TAG = {"TagKey": "a", "TagValue": "b"}


def usage(of, operation):
    return "InvalidKeyUsageException", f"{{key}} key usage is {of} which is not valid for {operation}."


def oaep(digest, most):
    return "ValidationException", f"Algorithm {digest} and key spec RSA_2048 cannot encrypt data larger than {most} bytes."


# Operation, the key it is about, further parameters, code and message. `{key}` is the key's ARN.
ROWS = [
    ("encrypt", "disabled", {"Plaintext": b"x"}, "DisabledException", "{key} is disabled."),
    ("encrypt", "sym", {"Plaintext": b"x", "DryRun": True}, "DryRunOperationException",
     "The request would have succeeded, but the DryRun option is set."),
    ("decrypt", "other", {"CiphertextBlob": "sealed"}, "IncorrectKeyException",
     "The key ID in the request does not identify a CMK that can perform this operation."),
    ("decrypt", "sym", {"CiphertextBlob": b"nothing of ours"}, "InvalidCiphertextException", ""),
    ("derive_shared_secret", "sym", {"KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"},
     *usage("ENCRYPT_DECRYPT", "DeriveSharedSecret")),
    ("derive_shared_secret", "ecc", {"KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"},
     *usage("SIGN_VERIFY", "DeriveSharedSecret")),
    ("derive_shared_secret", "sym", {"KeyAgreementAlgorithm": "INVALID", "PublicKey": b"x"}, "ValidationException",
     DETECTED + "Value 'INVALID' at 'keyAgreementAlgorithm' failed to satisfy constraint: "
     "Member must satisfy enum value set: [ECDH]"),
    ("generate_mac", "sym", {"MacAlgorithm": "HMAC_SHA_256", "Message": b"x"}, *usage("ENCRYPT_DECRYPT", "GenerateMac")),
    ("verify", "sym", {"Message": b"x", "Signature": b"x", "SigningAlgorithm": PSS}, *usage("ENCRYPT_DECRYPT", "Verify")),
    ("sign", "hmac_224", {"Message": b"x", "SigningAlgorithm": PSS}, *usage("GENERATE_VERIFY_MAC", "Sign")),
    ("encrypt", "rsa_sign", {"Plaintext": b"x"}, *usage("SIGN_VERIFY", "Encrypt")),
    ("generate_mac", "hmac_224", {"MacAlgorithm": "HMAC_SHA_256", "Message": b"x"}, "InvalidKeyUsageException",
     "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_224."),
    ("generate_mac", "hmac_256", {"MacAlgorithm": "HMAC_SHA_512", "Message": b"x"}, "InvalidKeyUsageException",
     "Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256."),
    ("verify_mac", "hmac_256", {"MacAlgorithm": "HMAC_SHA_256", "Message": b"x", "Mac": b"y" * 32},
     "KMSInvalidMacException", ""),
    ("verify", "rsa_sign", {"Message": b"x", "Signature": b"y" * 256, "SigningAlgorithm": PSS},
     "KMSInvalidSignatureException", ""),
    ("encrypt", "external", {"Plaintext": b"x"}, "KMSInvalidStateException", "{key} is pending import."),
    ("tag_resource", "sym", {"Tags": [TAG, TAG]}, "TagException", "Duplicate tag keys"),
    ("tag_resource", "sym", {"Tags": [TAG | {"TagKey": "aws:a"}]}, "TagException", "Tags beginning with aws: are reserved"),
    ("tag_resource", "sym", {"Tags": [TAG | {"TagKey": f"k{n}"} for n in range(51)]}, "TagException", "Too many tags"),
    ("get_parameters_for_import", "sym", {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"},
     "UnsupportedOperationException", "{key} origin is AWS_KMS which is not valid for this operation."),
    ("enable_key_rotation", "external", {}, "UnsupportedOperationException",
     "{key} origin is EXTERNAL which is not valid for this operation."),
    ("enable_key_rotation", "rsa", {}, "UnsupportedOperationException", ""),
    ("rotate_key_on_demand", "hmac_256", {}, "UnsupportedOperationException", ""),
    ("replicate_key", "sym", {"ReplicaRegion": "eu-west-1"}, "UnsupportedOperationException",
     "{key} is not a multi-region primary key."),
    ("update_primary_region", "sym", {"PrimaryRegion": "eu-west-1"}, "UnsupportedOperationException",
     "{key} is not a multi-region primary key."),
    ("import_key_material", "external",
     {"ImportToken": b"x", "EncryptedKeyMaterial": b"x", "ExpirationModel": "KEY_MATERIAL_EXPIRES"},
     "ValidationException", "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"),
    ("encrypt", "sym", {"Plaintext": b"x" * 4097}, "ValidationException",
     DETECTED + "Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096"),
    ("encrypt", "rsa", {"Plaintext": b"x" * 215, "EncryptionAlgorithm": "RSAES_OAEP_SHA_1"}, *oaep("RSAES_OAEP_SHA_1", 214)),
    ("encrypt", "rsa", {"Plaintext": b"x" * 191, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"},
     *oaep("RSAES_OAEP_SHA_256", 190)),
    ("sign", "ecc", {"Message": b"x", "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"},
     "ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256."),
]


@pytest.mark.parametrize("operation, of, parameters, code, message", ROWS, ids=[f"{r[0]}-{r[1]}-{n}" for n, r in enumerate(ROWS)])
def test_what_kms_says_of_a_key(unchecked, keys, operation, of, parameters, code, message):
    key = getattr(keys, of)
    parameters = {name: getattr(keys, value) if value == "sealed" else value for name, value in parameters.items()}
    answer = refused(getattr(unchecked, operation), KeyId=key, **parameters)
    assert answer == (400, code, message.format(key=key))


@pytest.mark.parametrize("key, message", [
    ("fake-key-id", "Invalid keyId 'fake-key-id'"),
    ("mrk-fake-key-id", "Invalid keyId 'mrk-fake-key-id'"),
    (NOWHERE.replace("-", ""), f"Invalid keyId '{NOWHERE.replace('-', '')}'"),
    (NOWHERE, f"Key 'arn:aws:kms:us-east-1:{ACCOUNT}:key/{NOWHERE}' does not exist"),
    (f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{NOWHERE}", f"Key 'arn:aws:kms:us-east-1:{ACCOUNT}:key/{NOWHERE}' does not exist"),
    (f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/{NOWHERE}", "Invalid arn eu-west-1"),
])
def test_what_kms_says_of_a_key_that_is_not_there(kms, key, message):
    assert refused(kms.describe_key, KeyId=key) == (400, "NotFoundException", message)


@pytest.mark.parametrize("count, constraint", [(0, "greater than or equal to 1"), (1025, "less than or equal to 1024")])
def test_what_kms_says_of_numbers(unchecked, count, constraint):
    message = DETECTED + f"Value '{count}' at 'numberOfBytes' failed to satisfy constraint: Member must have value {constraint}"
    assert refused(unchecked.generate_random, NumberOfBytes=count) == (400, "ValidationException", message)


def test_what_kms_says_of_names_and_counts(kms, key):
    alias = refused(kms.create_alias, AliasName="foo", TargetKeyId=key)
    assert alias[:2] == (400, "ValidationException") and alias[2].startswith('Alias must start with the prefix "alias/".')
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key)
    assert refused(kms.rotate_key_on_demand, KeyId=key) == (
        400, "LimitExceededException", "The on-demand rotations limit has been reached for the given keyId. "
        f"No more on-demand rotations can be performed for this key: {key}")


def test_what_sts_says(gateway, iam):
    user = "words-" + secrets.token_hex(4)
    iam.create_user(UserName=user)
    made = iam.create_access_key(UserName=user)["AccessKey"]
    sts = gateway.client("sts", key=made["AccessKeyId"], secret=made["SecretAccessKey"])
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    tags = {"Tags": [{"Key": "a", "Value": "1"}], "TransitiveTagKeys": ["b"]}
    doubled = {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]}
    for options, code, message in [
        ({"RoleSessionName": "Session1:2"}, "ValidationError",
         DETECTED + "Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: "
         r"Member must satisfy regular expression pattern: [\w+=,.@-]*"),
        ({"RoleArn": "arn::b:::something/test-role"}, "ValidationError", "arn::b:::something/test-role is invalid"),
        ({"RoleArn": "nothing-valid-in-here"}, "ValidationError", "nothing-valid-in-here is invalid"),
        (doubled, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
        (tags, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags."),
    ]:
        assert refused(sts.assume_role, **({"RoleArn": role, "RoleSessionName": "s1"} | options)) == (400, code, message)


def test_what_iam_says(iam):
    missing = f"arn:aws:iam::{ACCOUNT}:policy/non-existent-policy"
    user = "words-" + secrets.token_hex(4)
    iam.create_user(UserName=user)
    for call, options, answer in [
        (iam.get_user, {"UserName": "non-existent-user"},
         (404, "NoSuchEntity", "The user with name non-existent-user cannot be found.")),
        (iam.get_policy, {"PolicyArn": missing}, (404, "NoSuchEntity", f"Policy {missing} was not found.")),
        (iam.attach_user_policy, {"UserName": user, "PolicyArn": missing},
         (404, "NoSuchEntity", f"Policy {missing} does not exist or is not attachable.")),
        (iam.attach_user_policy, {"UserName": user, "PolicyArn": "longer-than-twenty-characters"},
         (400, "ValidationError", "Invalid ARN:  Could not be parsed!")),
    ]:
        assert refused(call, **options) == answer
