"""Grants and key policies: what may be passed on, and whom they mean."""

import json

import pytest
from accounts import Account
from botocore.exceptions import ClientError
from conftest import ACCOUNT


def refused(call, **options):
    with pytest.raises(ClientError) as error:
        call(**options)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def code(call, **options):
    return refused(call, **options)[0]


def test_a_grantee_passes_on_what_it_has_and_nothing_more(gateway, key):
    account = Account(gateway)
    (bob, credentials), (carol, _) = account.user(), account.user()
    kms, own = gateway.client("kms"), gateway.client("kms", **credentials)
    secret = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"dept": "board"})["CiphertextBlob"]
    sales = {"EncryptionContextSubset": {"dept": "sales"}}
    kms.create_grant(KeyId=key, GranteePrincipal=bob, Operations=["CreateGrant", "Decrypt"], Constraints=sales)
    for grantee in (bob, carol):
        for options in ({}, {"Constraints": {"EncryptionContextSubset": {"dept": "board"}}}):
            assert code(own.create_grant, KeyId=key, GranteePrincipal=grantee, Operations=["Decrypt"], **options) == "AccessDeniedException"
        assert code(own.create_grant, KeyId=key, GranteePrincipal=grantee, Operations=["Encrypt"], Constraints=sales) == "AccessDeniedException"
        own.create_grant(KeyId=key, GranteePrincipal=grantee, Operations=["Decrypt"], Constraints=sales)
    assert code(own.decrypt, CiphertextBlob=secret, EncryptionContext={"dept": "board"}) == "AccessDeniedException"


def test_who_does_not_exist_is_given_nothing(kms, key):
    nobody = f"arn:aws:iam::{ACCOUNT}:user/nobody"
    for options in ({"GranteePrincipal": nobody}, {"GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:root", "RetiringPrincipal": nobody},
                    {"GranteePrincipal": "arn:aws:iam::999999999999:root"}):
        assert code(kms.create_grant, KeyId=key, Operations=["Decrypt"], **options) == "InvalidArnException"
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    policy["Statement"].append({"Effect": "Allow", "Principal": {"AWS": nobody}, "Action": "kms:Decrypt", "Resource": "*"})
    assert code(kms.put_key_policy, KeyId=key, Policy=json.dumps(policy)) == "MalformedPolicyDocumentException"
    policy["Statement"][-1] |= {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Condition": {"Bool": {"kms:NoSuchKey": "true"}}}
    assert code(kms.put_key_policy, KeyId=key, Policy=json.dumps(policy)) == "MalformedPolicyDocumentException"


def test_who_is_made_again_under_a_deleted_ones_name_has_none_of_its_rights(start):
    gateway = start()
    account, kms = Account(gateway), gateway.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    user, credentials = account.user(name="again")
    kms.create_grant(KeyId=key, GranteePrincipal=user, Operations=["Decrypt"])
    policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
    policy["Statement"].append({"Effect": "Allow", "Principal": {"AWS": user}, "Action": "kms:DescribeKey", "Resource": "*"})
    kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
    assert json.loads(kms.get_key_policy(KeyId=key)["Policy"]) == policy
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    first = gateway.client("kms", **credentials)
    assert first.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x" and first.describe_key(KeyId=key)
    unique = account.iam.get_user(UserName="again")["User"]["UserId"]
    account.iam.delete_access_key(UserName="again", AccessKeyId=credentials["key"])
    account.iam.delete_user(UserName="again")
    made_again = account.user(name="again")[1]
    second = gateway.client("kms", **made_again)
    for restarted in (False, True):
        if restarted:
            gateway.stop()
            gateway.start()
            kms, second = gateway.client("kms"), gateway.client("kms", **made_again)
        assert code(second.decrypt, CiphertextBlob=sealed) == "AccessDeniedException"
        assert code(second.describe_key, KeyId=key) == "AccessDeniedException"
        assert kms.list_grants(KeyId=key)["Grants"][0]["GranteePrincipal"] == unique
        assert json.loads(kms.get_key_policy(KeyId=key)["Policy"])["Statement"][-1]["Principal"] == {"AWS": unique}


def test_refusals_in_the_words_of_aws(kms, key):
    assert refused(kms.decrypt, CiphertextBlob=b"nonsense") == ("InvalidCiphertextException", "")
    rsa = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    signing = {"KeyId": rsa, "Message": b"x", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    assert refused(kms.verify, Signature=b"x", **signing) == ("KMSInvalidSignatureException", "")
    assert refused(kms.rotate_key_on_demand, KeyId=rsa) == ("UnsupportedOperationException", "")
    kms.disable_key(KeyId=rsa)
    assert code(kms.rotate_key_on_demand, KeyId=rsa) == "DisabledException"
    tag = {"KeyId": key, "Tags": [{"TagKey": "aws:x", "TagValue": ""}]}
    assert refused(kms.tag_resource, **tag) == ("TagException", "Tags beginning with aws: are reserved")
    tag["Tags"] = [{"TagKey": "k", "TagValue": "v"}, {"TagKey": "x" * 129, "TagValue": ""}]
    assert refused(kms.tag_resource, **tag)[1] == (
        f"1 validation error detected: Value '{'x' * 129}' at 'tags.2.member.tagKey' failed to satisfy constraint: "
        "Member must have length less than or equal to 128")
