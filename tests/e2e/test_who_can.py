"""`arqueta access who-can`: everybody who may, held against what their requests are answered."""

import json
import os
import subprocess

import pytest
from accounts import Account, allow, deny, document, two_accounts
from botocore.exceptions import ClientError
from conftest import BINARY


def who_can(gateway, action, resource, *options):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_"))}
    command = [BINARY, "access", "who-can", action, resource, "--data-dir", str(gateway.data), *options]
    return subprocess.run(command, env=clean, capture_output=True, text=True, timeout=60)


def review(gateway, action, resource):
    done = who_can(gateway, action, resource, "--json")
    assert done.returncode == 0, done
    first, *found, last = map(json.loads, done.stdout.splitlines())
    assert last["may"] == len(found) and last["principals"] >= len(found) and not last["unreadable"], last
    return first, {one["principal"]: one for one in found}


def may(call, **options):
    try:
        call(**options)
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException"), error
        return False
    return True


@pytest.fixture(scope="module")
def world(start, tmp_path_factory):
    return two_accounts(start, tmp_path_factory.mktemp("settings"))


def test_a_key_by_policy_grant_and_condition(world):
    gateway, home, abroad = world
    kms = home.client("kms")
    people = {}
    for name, statements in {
        "reader": [allow("kms:Decrypt")],
        "elsewhere": [allow("kms:Decrypt", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})],
        "nothing": [],
        "barred": [allow("kms:*"), deny("kms:Decrypt")],
        "granted": [],
        "context": [],
    }.items():
        people[name] = home.user(*statements, name=f"key-{name}")
    foreign = abroad.user(allow("kms:*"), name="key-foreign")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    policy = json.loads(kms.get_key_policy(KeyId=arn)["Policy"])
    policy["Statement"].append({"Sid": "Partners", "Effect": "Allow", "Principal": {"AWS": foreign[0]},
                                "Action": "kms:Decrypt", "Resource": "*"})
    kms.put_key_policy(KeyId=arn, Policy=json.dumps(policy))
    grant = kms.create_grant(KeyId=arn, GranteePrincipal=people["granted"][0], Operations=["Decrypt"])["GrantId"]
    kms.create_grant(KeyId=arn, GranteePrincipal=people["context"][0], Operations=["Decrypt"], Name="hr",
                     Constraints={"EncryptionContextSubset": {"dept": "hr"}})
    kms.create_alias(AliasName="alias/reviewed", TargetKeyId=arn)

    first, found = review(gateway, "KMS:decrypt", "alias/reviewed")
    assert first == {"asked": [{"action": "kms:Decrypt", "resource": arn}], "notes": []}
    blobs = {context: kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=dict(context))["CiphertextBlob"]
             for context in [(), (("dept", "hr"),)]}
    for name, (who, credentials) in [*people.items(), ("foreign", foreign)]:
        client = gateway.client("kms", **credentials)
        allowed = any(may(client.decrypt, CiphertextBlob=blob, KeyId=arn, EncryptionContext=dict(context))
                      for context, blob in blobs.items())
        # From here nobody comes from 10.0.0.0/8; the review says that who does may.
        assert (who in found) == allowed or name == "elsewhere", name
    assert found[people["reader"][0]]["may"] == "always"
    assert [(said["by"], said.get("name"), said["statement"]) for said in found[people["reader"][0]]["by"]] == [
        ("identity policy", "p", "#1"), ("key policy", None, "Enable IAM User Permissions")]
    elsewhere = found[people["elsewhere"][0]]
    assert elsewhere["may"]["sometimes"]["aws:sourceip"][0].startswith("10.")
    assert elsewhere["by"][0]["onlyIf"] == {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    assert [said["name"] for said in found[people["granted"][0]]["by"] if said["by"] == "grant"] == [grant]
    context = found[people["context"][0]]
    assert context["may"] == {"sometimes": {"kms:encryptioncontext:dept": ["hr"]}}
    assert any(said["by"] == "grant hr" and said["onlyIf"] == {"EncryptionContextSubset": {"dept": "hr"}}
               for said in context["by"])
    assert found[foreign[0]]["account"] == abroad.id
    assert found[f"arn:aws:iam::{home.id}:root"]["kind"] == "root"
    assert f"arn:aws:iam::{abroad.id}:root" not in found

    told = who_can(gateway, "kms:Decrypt", arn).stdout
    assert f"who may kms:Decrypt on {arn}" in told and "statement Partners" in told
    assert 'only if {"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}' in told and "for example: aws:sourceip 10." in told


def test_an_object_and_the_key_that_it_is_under(world):
    gateway, home, _ = world
    s3, kms = home.client("s3"), home.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="reviewed")
    s3.put_object(Bucket="reviewed", Key="a/b", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key,
                  BucketKeyEnabled=True, Tagging="team=blue")
    s3.put_object(Bucket="reviewed", Key="plain", Body=b"x")
    read = allow("s3:GetObject", "arn:aws:s3:::reviewed/*")
    people = {name: home.user(*statements, name=f"object-{name}") for name, statements in {
        "both": [read, allow("kms:Decrypt")],
        "bytes-only": [read],
        "key-only": [allow("kms:Decrypt")],
        "by-s3": [read, allow("kms:Decrypt", Condition={"StringEquals": {
            "kms:ViaService": "s3.us-east-1.amazonaws.com", "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::reviewed"}})],
        "by-object": [read, allow("kms:Decrypt", Condition={"StringEquals": {
            "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::reviewed/a/b"}})],
        "blue": [allow("kms:Decrypt"), allow("s3:GetObject", Condition={"StringEquals": {"s3:ExistingObjectTag/team": "blue"}})],
        "red": [allow("kms:Decrypt"), allow("s3:GetObject", Condition={"StringEquals": {"s3:ExistingObjectTag/team": "red"}})],
    }.items()}
    first, found = review(gateway, "s3:GetObject", "s3://reviewed/a/b")
    assert [asked["action"] for asked in first["asked"]] == ["s3:GetObject", "kms:Decrypt"]
    assert any(key in note for note in first["notes"]), first
    plain = review(gateway, "s3:GetObject", "arn:aws:s3:::reviewed/plain")[1]
    for name, (who, credentials) in people.items():
        client = gateway.client("s3", **credentials)
        assert (who in found) == may(client.get_object, Bucket="reviewed", Key="a/b"), name
        assert (who in plain) == may(client.get_object, Bucket="reviewed", Key="plain"), name
    assert all(one["may"] == "always" for one in found.values() if one["kind"] == "user"), found

    # Everyone, as long as nothing keeps the public out.
    s3.delete_public_access_block(Bucket="reviewed")
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reviewed/plain"}
    s3.put_bucket_policy(Bucket="reviewed", Policy=document(everyone))
    found = review(gateway, "s3:GetObject", "s3://reviewed/plain")[1]
    assert found["anonymous"]["may"] == "always" and f"arn:aws:iam::{world[2].id}:root" in found
    assert "anonymous" not in review(gateway, "s3:GetObject", "s3://reviewed/a/b")[1]
    s3.put_public_access_block(Bucket="reviewed", PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    found = review(gateway, "s3:GetObject", "s3://reviewed/plain")[1]
    assert "anonymous" not in found and f"arn:aws:iam::{world[2].id}:root" not in found


def test_a_role_its_sessions_and_who_may_assume_it(world):
    gateway, home, _ = world
    user, credentials = home.user(allow("sts:AssumeRole"), name="assumes")
    home.user(name="does-not")
    role = home.role(allow("s3:ListBucket"), name="assumed")
    found = review(gateway, "sts:AssumeRole", role)[1]
    assert user in found and not any("does-not" in name for name in found)
    assert not any(one["kind"] == "root" for one in found.values()), "root users assume no role"
    home.client("s3").create_bucket(Bucket="of-a-role")
    assert review(gateway, "s3:ListBucket", "s3://of-a-role")[1][role]["kind"] == "role"
    session = f"arn:aws:sts::{home.id}:assumed-role/assumed/night"
    home.client("s3").put_bucket_policy(Bucket="of-a-role", Policy=document({
        "Effect": "Allow", "Principal": {"AWS": session}, "Action": "s3:GetBucketTagging", "Resource": "arn:aws:s3:::of-a-role"}))
    found = review(gateway, "s3:GetBucketTagging", "s3://of-a-role")[1]
    assert found[session]["kind"] == "session" and role not in found


def test_what_cannot_be_asked_and_a_gateway_that_is_stopped(start):
    gateway = start()
    Account(gateway).user(allow("s3:*"), name="somebody")
    gateway.client("s3").create_bucket(Bucket="there")
    for action, resource, says in [
        ("s3:GetObjekt", "s3://there/x", "no operation that is served here needs"),
        ("s3:GetObject", "s3://there", "and \"s3://there\" is none"),
        ("s3:ListBucket", "s3://not-there", "there is no bucket not-there"),
        ("kms:Decrypt", "alias/none", "there is no key alias/none"),
        ("sts:AssumeRole", "nobody", "there is no role nobody"),
    ]:
        done = who_can(gateway, action, resource)
        assert done.returncode != 0 and says in done.stderr and done.stderr.count("\n") == 1, done
    running = review(gateway, "s3:ListBucket", "s3://there")
    gateway.stop()
    assert review(gateway, "s3:ListBucket", "s3://there") == running
