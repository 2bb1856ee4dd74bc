"""The embedded key service by the AWS KMS protocol, whose answers conftest's clients judge by botocore's model."""

import base64
import secrets

import pytest
from botocore.exceptions import ClientError
from conftest import ACCOUNT, REGION


def code(call, **options):
    with pytest.raises(ClientError) as error:
        call(**options)
    return error.value.response["Error"]["Code"]


def test_a_key_from_creation_to_deletion(kms):
    made = kms.create_key(Description="d", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
    assert made["Arn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{made['KeyId']}"
    assert (made["KeyState"], made["KeySpec"], made["KeyUsage"], made["KeyManager"]) == \
        ("Enabled", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "CUSTOMER")
    assert kms.list_resource_tags(KeyId=made["KeyId"])["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    kms.untag_resource(KeyId=made["KeyId"], TagKeys=["a"])
    assert kms.list_resource_tags(KeyId=made["KeyId"])["Tags"] == []
    kms.update_key_description(KeyId=made["KeyId"], Description="e")
    assert kms.describe_key(KeyId=made["Arn"])["KeyMetadata"]["Description"] == "e"
    kms.disable_key(KeyId=made["KeyId"])
    assert code(kms.encrypt, KeyId=made["KeyId"], Plaintext=b"x") == "DisabledException"
    kms.enable_key(KeyId=made["KeyId"])
    scheduled = kms.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)
    assert scheduled["KeyState"] == "PendingDeletion"
    assert code(kms.encrypt, KeyId=made["KeyId"], Plaintext=b"x") == "KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=made["KeyId"])
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"


def test_encrypt_decrypt_and_what_must_not_open(kms, key):
    context = {"a": "b", "c": "d"}
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext=context)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"secret"
    for bad in ({}, {"a": "b"}, {"a": "b", "c": "D"}, {"ab": "", "c": "d"}):
        assert code(kms.decrypt, CiphertextBlob=blob, EncryptionContext=bad) == "InvalidCiphertextException"
    for at in (0, 1, len(blob) // 2, len(blob) - 1):
        broken = bytearray(blob)
        broken[at] ^= 1
        assert code(kms.decrypt, CiphertextBlob=bytes(broken), EncryptionContext=context) == "InvalidCiphertextException"
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    assert code(kms.decrypt, CiphertextBlob=blob, EncryptionContext=context, KeyId=other) == "IncorrectKeyException"
    assert code(kms.encrypt, KeyId=key, Plaintext=b"x" * 4097) == "ValidationException"


def test_data_keys(kms, key):
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"a": "b"})
    assert len(made["Plaintext"]) == 32 and made["KeyId"] == key
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"a": "b"})["Plaintext"] == made["Plaintext"]
    assert len(kms.generate_data_key(KeyId=key, NumberOfBytes=1024)["Plaintext"]) == 1024
    assert "Plaintext" not in kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_128")
    assert code(kms.generate_data_key, KeyId=key) == "ValidationException"
    assert code(kms.generate_data_key, KeyId=key, NumberOfBytes=1025) == "ValidationException"


def test_re_encrypt_and_rotation(kms, key):
    blob = kms.encrypt(KeyId=key, Plaintext=b"old", EncryptionContext={"v": "1"})["CiphertextBlob"]
    kms.rotate_key_on_demand(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"v": "1"})["Plaintext"] == b"old"
    target = kms.create_key()["KeyMetadata"]["Arn"]
    moved = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"v": "1"}, DestinationKeyId=target,
                           DestinationEncryptionContext={"v": "2"})
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key, target)
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"v": "2"})["KeyId"] == target


def test_aliases(kms, key):
    name = "alias/" + secrets.token_hex(6)
    kms.create_alias(AliasName=name, TargetKeyId=key)
    assert code(kms.create_alias, AliasName=name, TargetKeyId=key) == "AlreadyExistsException"
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == key
    other = kms.create_key()["KeyMetadata"]
    kms.update_alias(AliasName=name, TargetKeyId=other["KeyId"])
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"] == other["KeyId"]
    assert name in [a["AliasName"] for a in kms.list_aliases(KeyId=other["KeyId"])["Aliases"]]
    kms.delete_alias(AliasName=name)
    assert code(kms.describe_key, KeyId=name) == "NotFoundException"
    for reserved in ("alias/aws/mine", "noprefix"):
        assert code(kms.create_alias, AliasName=reserved, TargetKeyId=key) in ("NotAuthorizedException", "ValidationException", "InvalidAliasNameException")


def test_listing_pages(kms):
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["Keys"]) <= 2 for page in pages)
    assert made <= {k["KeyId"] for page in pages for k in page["Keys"]}


def test_key_policies_are_enforced(gateway, kms):
    import json
    key = kms.create_key()["KeyMetadata"]["Arn"]
    assert kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*",
                                "Condition": {"StringEquals": {"kms:EncryptionContext:env": "prod"}}})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
    kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"env": "test"})
    assert code(kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext={"env": "prod"}) == "AccessDeniedException"
    locked = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                                                      "Action": "kms:*", "Resource": "*"}]}
    assert code(kms.put_key_policy, KeyId=key, PolicyName="default", Policy=json.dumps(locked)) == "MalformedPolicyDocumentException"


def test_signatures_are_checked(gateway, key):
    assert code(gateway.client("kms", secret="wrong").list_keys) == "InvalidSignatureException"
    assert code(gateway.client("kms", key="AKIAUNKNOWNUNKNOWN00").list_keys) == "UnrecognizedClientException"
    assert code(gateway.client("kms", region="eu-west-1").list_keys) == "InvalidSignatureException"


def test_unsupported_is_never_success(kms):
    assert code(kms.create_key, KeySpec="SM2", KeyUsage="SIGN_VERIFY") == "UnsupportedOperationException"


def test_every_call_is_in_the_record(gateway, kms, key):
    kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})
    def events_of_key():
        # Calls that named no key that exists have no resources.
        return [e for e in gateway.events("Encrypt") if key in (r["ARN"] for r in e.get("resources", []))]

    (event,) = events_of_key()
    assert event["eventSource"] == "kms.amazonaws.com" and event["sourceIPAddress"] == "127.0.0.1"
    assert event["requestParameters"]["encryptionContext"] == {"a": "b"}
    assert event["userIdentity"]["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    kms.disable_key(KeyId=key)
    assert code(kms.encrypt, KeyId=key, Plaintext=b"x") == "DisabledException"
    _, failed = events_of_key()
    assert failed["errorCode"] == "DisabledException"
    assert base64.b64encode(b"x").decode() not in str(failed["requestParameters"])
