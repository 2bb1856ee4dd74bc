"""Users, roles and sessions: what each may do, and which of them share a bucket key."""

import json
import secrets

import pytest
from accounts import allow, deny, document
from conftest import ACCOUNT, refused


@pytest.fixture
def user(gateway, iam):
    def user(*statements):
        """A fresh user under a policy: his name and his credentials."""
        name = "u-" + secrets.token_hex(6)
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return name, {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
    return user


@pytest.fixture
def role(iam):
    def role(*statements):
        """The ARN of a fresh role that everyone of the account may assume."""
        name = "r-" + secrets.token_hex(6)
        trust = document({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
        return arn
    return role


def assume(gateway, by, role, name="session", **options):
    """The credentials of a session. Users assume roles; the root user of an account may not."""
    made = gateway.client("sts", **by).assume_role(RoleArn=role, RoleSessionName=name, **options)["Credentials"]
    return {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"], "token": made["SessionToken"]}


def test_each_user_may_do_what_his_policy_says(gateway, s3, bucket, user):
    s3.put_object(Bucket=bucket, Key="shared/k", Body=b"x")
    _, reads = user(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/shared/*"))
    _, writes = user(allow(["s3:PutObject", "s3:ListBucket"], [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/inbox/*"]))
    _, nothing = user()
    reader, writer, nobody = (gateway.client("s3", **who) for who in (reads, writes, nothing))
    assert reader.get_object(Bucket=bucket, Key="shared/k")["Body"].read() == b"x"
    writer.put_object(Bucket=bucket, Key="inbox/k", Body=b"y")
    assert writer.list_objects_v2(Bucket=bucket)["KeyCount"] == 2
    for call, options in ((reader.put_object, {"Key": "shared/k"}), (reader.get_object, {"Key": "inbox/k"}), (reader.list_objects_v2, {}),
                          (writer.get_object, {"Key": "inbox/k"}), (writer.put_object, {"Key": "shared/k"}),
                          (writer.delete_object, {"Key": "inbox/k"}), (nobody.get_object, {"Key": "shared/k"})):
        assert refused(call, Bucket=bucket, **options)[:2] == (403, "AccessDenied"), options
    assert refused(nobody.list_buckets)[:2] == (403, "AccessDenied")


@pytest.mark.parametrize("key,known", [("sts:ExternalIdd", False), ("s3:if-nonematch", False), ("kms:ViaServices", False), ("aws:SourceIpp", False),
                                       ("sts:ExternalId", True), ("ec2:InstanceType", True), ("idp.example.com/realm:aud", True)])
def test_condition_keys_that_nobody_has_are_refused(iam, role, user, key, known):
    unlike = {"Condition": {"StringNotEquals": {key: "x"}}}
    trust = document({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"} | unlike)
    (name, _), of = user(), role(allow("s3:*")).rpartition("/")[2]
    for call, options in ((iam.update_assume_role_policy, {"RoleName": of, "PolicyDocument": trust}),
                          (iam.put_user_policy, {"UserName": name, "PolicyName": "q", "PolicyDocument": document(deny("*", **unlike))})):
        if known:
            call(**options)
        else:
            assert refused(call, **options) == (400, "MalformedPolicyDocument", f"Policy has an invalid condition key: {key}")


def test_who_may_not_list_does_not_learn_what_is_missing(gateway, s3, bucket, user):
    _, who = user(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    assert refused(gateway.client("s3", **who).get_object, Bucket=bucket, Key="missing")[:2] == (403, "AccessDenied")
    _, who = user(allow(["s3:GetObject", "s3:ListBucket"]))
    assert refused(gateway.client("s3", **who).get_object, Bucket=bucket, Key="missing")[:2] == (404, "NoSuchKey")


def test_an_explicit_deny_wins_wherever_it_stands(gateway, s3, bucket, user):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    name, who = user(allow("s3:*"), deny("s3:DeleteObject"))
    client = gateway.client("s3", **who)
    assert refused(client.delete_object, Bucket=bucket, Key="k")[:2] == (403, "AccessDenied")
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    statement = deny("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"})
    s3.put_bucket_policy(Bucket=bucket, Policy=document(statement))
    status, code, message = refused(client.get_object, Bucket=bucket, Key="k")
    assert (status, code) == (403, "AccessDenied") and "explicit deny" in message
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_bucket_policy_can_let_a_user_in_who_has_none(gateway, s3, bucket, user):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    name, who = user()
    statement = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/{name}"})
    s3.put_bucket_policy(Bucket=bucket, Policy=document(statement))
    assert gateway.client("s3", **who).get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    _, other = user()
    assert refused(gateway.client("s3", **other).get_object, Bucket=bucket, Key="k")[:2] == (403, "AccessDenied")


def test_an_access_key_counts_until_it_is_inactive_or_gone(gateway, iam, user):
    name, who = user(allow("s3:ListAllMyBuckets"))
    client = gateway.client("s3", **who)
    client.list_buckets()
    iam.update_access_key(UserName=name, AccessKeyId=who["key"], Status="Inactive")
    assert refused(client.list_buckets)[:2] == (403, "InvalidAccessKeyId")
    iam.update_access_key(UserName=name, AccessKeyId=who["key"], Status="Active")
    client.list_buckets()
    iam.delete_access_key(UserName=name, AccessKeyId=who["key"])
    assert refused(client.list_buckets)[:2] == (403, "InvalidAccessKeyId")


def test_a_change_of_policy_counts_for_the_next_request(gateway, iam, user):
    name, who = user(allow("s3:ListAllMyBuckets"))
    client = gateway.client("s3", **who)
    client.list_buckets()
    iam.delete_user_policy(UserName=name, PolicyName="p")
    assert refused(client.list_buckets)[:2] == (403, "AccessDenied")


def test_a_session_is_its_role_within_its_session_policy(gateway, s3, bucket, user, role):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    _, who = user(allow("sts:AssumeRole"))
    arn = role(allow("s3:*", f"arn:aws:s3:::{bucket}*"))
    whole = assume(gateway, who, arn)
    gateway.client("s3", **whole).put_object(Bucket=bucket, Key="l", Body=b"x")
    scoped = gateway.client("s3", **assume(gateway, who, arn, Policy=document(allow("s3:GetObject"))))
    assert scoped.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(scoped.put_object, Bucket=bucket, Key="l")[:2] == (403, "AccessDenied")
    # A session policy only takes away.
    more = gateway.client("s3", **assume(gateway, who, arn, Policy=document(allow("*"))))
    assert refused(more.list_buckets)[:2] == (403, "AccessDenied")
    told = gateway.client("sts", **whole).get_caller_identity()
    assert told["Arn"] == arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/session"


def test_who_may_not_assume_a_role_does_not(gateway, iam, user, role):
    arn = role(allow("*"))
    _, who = user()
    assert refused(gateway.client("sts", **who).assume_role, RoleArn=arn, RoleSessionName="session")[:2] == (403, "AccessDenied")
    other = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    iam.update_assume_role_policy(RoleName=arn.rpartition("/")[2], PolicyDocument=other)
    _, allowed = user(allow("sts:AssumeRole"))
    assert refused(gateway.client("sts", **allowed).assume_role, RoleArn=arn, RoleSessionName="session")[:2] == (403, "AccessDenied")


def test_tokens_cannot_be_left_out_changed_or_swapped(gateway, user, role):
    _, who = user(allow("sts:AssumeRole"))
    arn = role(allow("s3:*"))
    session, other = assume(gateway, who, arn), assume(gateway, who, arn)
    gateway.client("s3", **session).list_buckets()
    token = session["token"]
    for bad in (token[:-1], token + "A", token[:20] + ("A" if token[20] != "A" else "B") + token[21:], other["token"], "nonsense"):
        assert refused(gateway.client("s3", **session | {"token": bad}).list_buckets)[0] in (400, 403)
    without = {k: v for k, v in session.items() if k != "token"}
    assert refused(gateway.client("s3", **without).list_buckets)[:2] == (403, "InvalidAccessKeyId")
    assert refused(gateway.client("s3", **session | {"secret": other["secret"]}).list_buckets)[0] == 403
    # A user's key with a session's token is neither.
    assert refused(gateway.client("s3", **who, token=token).list_buckets)[0] in (400, 403)


def test_sessions_last_between_a_quarter_of_an_hour_and_the_roles_limit(gateway, user, role):
    _, who = user(allow("sts:AssumeRole"))
    arn = role(allow("s3:*"))
    sts = gateway.client("sts", **who, parameter_validation=False)
    for seconds in (899, 3601):
        assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="session", DurationSeconds=seconds)[:2] == (400, "ValidationError")


@pytest.mark.parametrize("scopes, expected", [
    ((None, None), 1),
    ((document(allow("*")), document(allow("*"))), 1),
    ((document(allow("*")), document(allow(["s3:*", "kms:*"]))), 2),
    ((None, document(allow("*"))), 2),
], ids=["both whole", "the same scope", "different scopes", "one whole, one scoped"])
def test_sessions_share_a_bucket_key_where_role_and_scope_are_the_same(gateway, key, bucket, user, role, scopes, expected):
    _, who = user(allow("sts:AssumeRole"))
    arn = role(allow(["s3:*", "kms:*"]))
    sessions = [gateway.client("s3", **assume(gateway, who, arn, f"s{n}", **({"Policy": scope} if scope else {})))
                for n, scope in enumerate(scopes)]

    def calls():
        return tuple(sum(key in (r["ARN"] for r in e.get("resources", [])) for e in gateway.events(name))
                     for name in ("GenerateDataKey", "Decrypt"))

    for n, client in enumerate(sessions):
        for m in range(3):
            client.put_object(Bucket=bucket, Key=f"{n}/{m}", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=True)
    assert calls() == (expected, 0)
    for client in sessions:
        for m in range(3):
            assert client.get_object(Bucket=bucket, Key=f"0/{m}")["Body"].read() == b"x"
    assert calls() == (expected, expected)


def test_two_roles_do_not_share_a_bucket_key(gateway, key, bucket, user, role):
    _, who = user(allow("sts:AssumeRole"))
    for n in range(2):
        client = gateway.client("s3", **assume(gateway, who, role(allow(["s3:*", "kms:*"]))))
        client.put_object(Bucket=bucket, Key=str(n), Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=True)
    made = [e for e in gateway.events("GenerateDataKey") if key in (r["ARN"] for r in e.get("resources", []))]
    assert len(made) == 2
    assert all(e["userIdentity"]["type"] == "AssumedRole" for e in made)


def test_a_scoped_session_without_the_key_gets_nothing_from_its_siblings_bucket_key(gateway, key, bucket, user, role):
    _, who = user(allow("sts:AssumeRole"))
    arn = role(allow(["s3:*", "kms:*"]))
    whole = gateway.client("s3", **assume(gateway, who, arn))
    whole.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=True)
    whole.get_object(Bucket=bucket, Key="k")["Body"].read()
    scoped = gateway.client("s3", **assume(gateway, who, arn, Policy=document(allow("s3:*"))))
    status, code, message = refused(scoped.get_object, Bucket=bucket, Key="k")
    assert (status, code) == (403, "AccessDenied") and "kms:Decrypt" in message


def test_a_trust_policy_means_whom_it_was_written_for(gateway, iam):
    name = "t-" + secrets.token_hex(6)
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    trust = document({"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]

    def assumes():
        made = iam.create_access_key(UserName=name)["AccessKey"]
        sts = gateway.client("sts", made["AccessKeyId"], made["SecretAccessKey"])
        call = {"RoleArn": role, "RoleSessionName": "session"}
        try:
            return sts.assume_role(**call)["AssumedRoleUser"]["Arn"]
        except Exception as error:  # noqa: BLE001
            return error.response["Error"]["Code"]
        finally:
            iam.delete_access_key(UserName=name, AccessKeyId=made["AccessKeyId"])

    assert assumes().endswith("/session")
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == json.loads(trust)
    iam.delete_user(UserName=name)
    iam.create_user(UserName=name)
    assert assumes() == "AccessDenied"
    shown = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]
    assert shown.startswith("AIDA")
    status, code, message = refused(iam.update_assume_role_policy, RoleName=name, PolicyDocument=trust.replace(name, "nobody-at-all"))
    assert (status, code) == (400, "MalformedPolicyDocument") and message.startswith("Invalid principal in policy")
