"""Every condition key that a key policy may ask for has a value in the calls that AWS gives it one: a Deny
on its presence denies them. What no call can have is refused by its name, wherever it is put."""

import json
import time

import pytest
from accounts import Account, document
from conftest import ACCOUNT, refused

ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def policy(*statements):
    everything = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}
    return document(everything, *statements)


SYMMETRIC, SIGNING = {}, {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
MAC = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
AGREEMENT = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"}
MULTI = {"MultiRegion": True}
ENCRYPT = ("encrypt", {"Plaintext": b"x", "EncryptionContext": {"a": "b"}})
SIGN = ("sign", {"Message": b"x", "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_256"})
GRANT = ("create_grant", {"GranteePrincipal": ROOT, "RetiringPrincipal": ROOT, "Operations": ["Encrypt"],
                          "Constraints": {"EncryptionContextSubset": {"a": "b"}}})
WRAP = ("get_parameters_for_import", {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
IMPORT = ("import_key_material", {"ExpirationModel": "KEY_MATERIAL_EXPIRES", "ValidTo": int(time.time()) + 86_400,
                                  "ImportToken": b"x", "EncryptedKeyMaterial": b"x"})
CALLS = {
    "kms:BypassPolicyLockoutSafetyCheck": (SYMMETRIC, "put_key_policy", {"Policy": policy(), "BypassPolicyLockoutSafetyCheck": True}),
    "kms:CallerAccount": (SYMMETRIC, *ENCRYPT),
    "kms:CustomerMasterKeySpec": (SYMMETRIC, *ENCRYPT),
    "kms:CustomerMasterKeyUsage": (SYMMETRIC, *ENCRYPT),
    "kms:DataKeyPairSpec": (SYMMETRIC, "generate_data_key_pair", {"KeyPairSpec": "ECC_NIST_P256"}),
    "kms:EncryptionAlgorithm": (SYMMETRIC, *ENCRYPT),
    "kms:EncryptionContext:a": (SYMMETRIC, *ENCRYPT),
    "kms:EncryptionContextKeys": (SYMMETRIC, *ENCRYPT),
    "kms:ExpirationModel": ({"Origin": "EXTERNAL"}, *IMPORT),
    "kms:GrantConstraintType": (SYMMETRIC, *GRANT),
    "kms:GranteePrincipal": (SYMMETRIC, *GRANT),
    "kms:GrantIsForAWSResource": (SYMMETRIC, *GRANT),
    "kms:GrantOperations": (SYMMETRIC, *GRANT),
    "kms:KeyAgreementAlgorithm": (AGREEMENT, "derive_shared_secret", {"KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"}),
    "kms:KeyOrigin": (SYMMETRIC, *ENCRYPT),
    "kms:KeySpec": (SYMMETRIC, *ENCRYPT),
    "kms:KeyUsage": (SYMMETRIC, *ENCRYPT),
    "kms:MacAlgorithm": (MAC, "generate_mac", {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}),
    "kms:MessageType": (SIGNING, *SIGN),
    "kms:MultiRegion": (SYMMETRIC, *ENCRYPT),
    "kms:MultiRegionKeyType": (MULTI, *ENCRYPT),
    "kms:PrimaryRegion": (MULTI, "update_primary_region", {"PrimaryRegion": "eu-west-1"}),
    "kms:ReEncryptOnSameKey": (SYMMETRIC, "re_encrypt", {}),
    "kms:ReplicaRegion": (MULTI, "replicate_key", {"ReplicaRegion": "eu-west-1"}),
    "kms:RequestAlias": (SYMMETRIC, *ENCRYPT),
    "kms:RetiringPrincipal": (SYMMETRIC, *GRANT),
    "kms:RotationPeriodInDays": (SYMMETRIC, "enable_key_rotation", {"RotationPeriodInDays": 100}),
    "kms:ScheduleKeyDeletionPendingWindowInDays": (SYMMETRIC, "schedule_key_deletion", {"PendingWindowInDays": 7}),
    "kms:SigningAlgorithm": (SIGNING, *SIGN),
    "kms:ValidTo": ({"Origin": "EXTERNAL"}, *IMPORT),
    "kms:WrappingAlgorithm": ({"Origin": "EXTERNAL"}, *WRAP),
    "kms:WrappingKeySpec": ({"Origin": "EXTERNAL"}, *WRAP),
}


def ask(kms, key, operation, parameters, alias):
    if operation == "re_encrypt":
        sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        return lambda: kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=key)
    named = {"KeyId": alias or key}
    return lambda: getattr(kms, operation)(**named, **parameters)


@pytest.mark.parametrize("condition", CALLS)
def test_a_key_of_kms_has_a_value(kms, condition):
    shape, operation, parameters = CALLS[condition]
    key = kms.create_key(**shape)["KeyMetadata"]["KeyId"]
    alias = f"alias/{key}" if condition == "kms:RequestAlias" else None
    if alias:
        kms.create_alias(AliasName=alias, TargetKeyId=key)
    call = ask(kms, key, operation, parameters, alias)
    action = {"re_encrypt": "kms:ReEncrypt*"}.get(operation, "kms:" + "".join(part.title() for part in operation.split("_")))
    denies = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*", "Condition": {"Null": {condition: "false"}}}
    kms.put_key_policy(KeyId=key, Policy=policy(denies), BypassPolicyLockoutSafetyCheck=True)
    status, code, message = refused(call)
    assert (status, code) == (400, "AccessDeniedException") and "explicit deny" in message, message


def test_what_no_call_has_is_refused_by_name(kms, s3, bucket, gateway):
    home = Account(gateway)
    arn, _ = home.user()
    name = arn.rpartition("/")[2]
    bare = {"Effect": "Deny", "Principal": "*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], "Action": "s3:*"}
    for key in ("s3:BucketTag/team", "s3:DataAccessPointArn", "s3:AccessPointNetworkOrigin", "aws:ResourceTag/team"):
        said = f"Policy has an unsupported condition key: {key}"
        denies = bare | {"Condition": {"StringEquals": {key: "x"}}}
        assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=document(denies)) == (400, "MalformedPolicy", said)
        own = {part: value for part, value in denies.items() if part != "Principal"}
        status, code, message = refused(home.iam.put_user_policy, UserName=name, PolicyName="p", PolicyDocument=document(own))
        assert (status, code) == (400, "MalformedPolicyDocument") and said in message
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    enclave = {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
               "Condition": {"Null": {"kms:RecipientAttestation:PCR0": "false"}}}
    status, code, message = refused(kms.put_key_policy, KeyId=key, Policy=policy(enclave))
    assert (status, code) == (400, "MalformedPolicyDocumentException") and "kms:RecipientAttestation:PCR0" in message


def test_a_trust_policy_with_a_misspelt_key_trusts_nobody(gateway):
    home = Account(gateway)
    trusts = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole", "Condition": {"StringNotEquals": {"sts:ExternalIdd": "x"}}}
    said = refused(home.iam.create_role, RoleName="misspelt", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trusts}))
    assert said[:2] == (400, "MalformedPolicyDocument") and "sts:ExternalIdd" in said[2]
