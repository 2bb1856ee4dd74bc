"""What is taken away is gone with the next request, although its bucket key is still in memory."""

import datetime

import pytest
from accounts import Account, allow, deny, document
from conftest import refused

EVERYTHING = allow(["s3:*", "kms:*"])


@pytest.fixture
def home(gateway):
    return Account(gateway)


@pytest.fixture
def stored(s3, bucket, key):
    """A bucket with an object under a bucket key of a customer managed key."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=True)
    return bucket


def reader(gateway, stored, who):
    """A call that reads the object; it has done so once, so the reader's bucket key is in memory."""
    client = gateway.client("s3", **who)

    def read():
        return client.get_object(Bucket=stored, Key="k")["Body"].read()
    assert read() == b"x"
    return read


def test_a_deactivated_access_key(gateway, home, stored):
    arn, who = home.user(EVERYTHING)
    read, name = reader(gateway, stored, who), arn.rpartition("/")[2]
    home.iam.update_access_key(UserName=name, AccessKeyId=who["key"], Status="Inactive")
    assert refused(read)[:2] == (403, "InvalidAccessKeyId")
    home.iam.update_access_key(UserName=name, AccessKeyId=who["key"], Status="Active")
    assert read() == b"x"


def test_a_deleted_user_and_the_sessions_it_made(gateway, home, stored):
    arn, who = home.user(EVERYTHING)
    made = gateway.client("sts", **who).get_session_token()["Credentials"]
    session = {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"], "token": made["SessionToken"]}
    reads = [reader(gateway, stored, credentials) for credentials in (who, session)]
    name = arn.rpartition("/")[2]
    home.iam.delete_user_policy(UserName=name, PolicyName="p")
    home.iam.delete_access_key(UserName=name, AccessKeyId=who["key"])
    home.iam.delete_user(UserName=name)
    assert refused(reads[0])[:2] == (403, "InvalidAccessKeyId")
    assert refused(reads[1])[0] in (400, 403)
    # A new user of the old name is somebody else.
    home.user(EVERYTHING, name=name)
    for read in reads:
        assert refused(read)[0] in (400, 403)


def test_a_role_that_no_longer_trusts(gateway, home, stored):
    _, who = home.user(allow("sts:AssumeRole"))
    role = home.role(EVERYTHING)
    read = reader(gateway, stored, home.session(role, who))
    other = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    home.iam.update_assume_role_policy(RoleName=role.rpartition("/")[2], PolicyDocument=other)
    assert refused(gateway.client("sts", **who).assume_role, RoleArn=role, RoleSessionName="session")[:2] == (403, "AccessDenied")
    # As in AWS, trust decides who gets in; sessions that are in end by policy or by time.
    assert read() == b"x"


@pytest.mark.parametrize("statements", [[allow("s3:*")], [allow("kms:*")], [EVERYTHING, deny("kms:Decrypt")], [EVERYTHING, deny("s3:GetObject")]],
                         ids=["no kms", "no s3", "kms denied", "s3 denied"])
def test_a_role_whose_policy_changed(gateway, home, stored, statements):
    role = home.role(EVERYTHING)
    read = reader(gateway, stored, home.session(role, home.user(allow("sts:AssumeRole"))[1]))
    home.iam.put_role_policy(RoleName=role.rpartition("/")[2], PolicyName="p", PolicyDocument=document(*statements))
    assert refused(read)[:2] == (403, "AccessDenied")


def test_a_managed_policy_whose_default_version_changed(gateway, home, stored):
    arn, who = home.user()
    policy = home.iam.create_policy(PolicyName=arn.rpartition("/")[2], PolicyDocument=document(EVERYTHING))["Policy"]["Arn"]
    home.iam.attach_user_policy(UserName=arn.rpartition("/")[2], PolicyArn=policy)
    read = reader(gateway, stored, who)
    home.iam.create_policy_version(PolicyArn=policy, PolicyDocument=document(allow("s3:*")), SetAsDefault=True)
    assert refused(read)[:2] == (403, "AccessDenied")
    home.iam.set_default_policy_version(PolicyArn=policy, VersionId="v1")
    assert read() == b"x"


def test_a_boundary(gateway, home, stored):
    arn, who = home.user(EVERYTHING)
    read, name = reader(gateway, stored, who), arn.rpartition("/")[2]
    home.iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    assert refused(read)[:2] == (403, "AccessDenied")
    home.iam.delete_user_permissions_boundary(UserName=name)
    assert read() == b"x"


def test_leaving_a_group(gateway, home, stored):
    arn, who = home.user()
    name = arn.rpartition("/")[2]
    home.iam.create_group(GroupName=name)
    home.iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=document(EVERYTHING))
    home.iam.add_user_to_group(GroupName=name, UserName=name)
    read = reader(gateway, stored, who)
    home.iam.remove_user_from_group(GroupName=name, UserName=name)
    assert refused(read)[:2] == (403, "AccessDenied")


def older_than(minutes):
    """The policy that the console's "Revoke sessions" attaches."""
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    return document(deny("*", Condition={"DateLessThan": {"aws:TokenIssueTime": then.strftime("%Y-%m-%dT%H:%M:%SZ")}}))


def test_sessions_issued_before_a_moment(gateway, home, stored):
    role = home.role(EVERYTHING)
    read = reader(gateway, stored, home.session(role, home.user(allow("sts:AssumeRole"))[1]))
    name = role.rpartition("/")[2]
    home.iam.put_role_policy(RoleName=name, PolicyName="AWSRevokeOlderSessions", PolicyDocument=older_than(60))
    assert refused(read)[:2] == (403, "AccessDenied")
    # Sessions issued after the moment are not meant.
    home.iam.put_role_policy(RoleName=name, PolicyName="AWSRevokeOlderSessions", PolicyDocument=older_than(-60))
    assert read() == b"x"


def test_a_moment_says_nothing_about_credentials_that_were_never_issued_as_a_session(gateway, home, stored):
    arn, who = home.user(EVERYTHING)
    read = reader(gateway, stored, who)
    home.iam.put_user_policy(UserName=arn.rpartition("/")[2], PolicyName="older", PolicyDocument=older_than(60))
    assert read() == b"x"


def test_a_bucket_policy_that_lets_in_and_then_does_not(gateway, s3, home, stored):
    arn, who = home.user(allow("kms:*"))
    statement = allow("s3:GetObject", f"arn:aws:s3:::{stored}/*", Principal={"AWS": arn})
    s3.put_bucket_policy(Bucket=stored, Policy=document(statement))
    read = reader(gateway, stored, who)
    s3.delete_bucket_policy(Bucket=stored)
    assert refused(read)[:2] == (403, "AccessDenied")


def test_a_key_policy_and_a_grant(gateway, kms, home, stored, key):
    arn, who = home.user(allow("s3:*"))
    grant = kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Decrypt"])["GrantId"]
    read = reader(gateway, stored, who)
    kms.revoke_grant(KeyId=key, GrantId=grant)
    assert refused(read)[:2] == (403, "AccessDenied")
    whole = kms.get_key_policy(KeyId=key)["Policy"]
    statements = [allow("kms:*", Principal={"AWS": f"arn:aws:iam::{home.id}:root"}), allow("kms:Decrypt", Principal={"AWS": arn})]
    kms.put_key_policy(KeyId=key, Policy=document(*statements))
    assert read() == b"x"
    kms.put_key_policy(KeyId=key, Policy=whole)
    assert refused(read)[:2] == (403, "AccessDenied")


def test_multi_factor_authentication_is_absent_where_none_is_offered(gateway, home, stored):
    """`false` in sessions and absent for access keys, so a deny must say BoolIfExists to meet both."""
    role = home.role(EVERYTHING)
    arn, who = home.user(EVERYTHING, allow("sts:AssumeRole"))
    reads = reader(gateway, stored, who), reader(gateway, stored, home.session(role, who))
    for operator, met in (("Bool", (False, True)), ("BoolIfExists", (True, True))):
        denied = document(deny("s3:GetObject", Condition={operator: {"aws:MultiFactorAuthPresent": "false"}}))
        home.iam.put_role_policy(RoleName=role.rpartition("/")[2], PolicyName="mfa", PolicyDocument=denied)
        home.iam.put_user_policy(UserName=arn.rpartition("/")[2], PolicyName="mfa", PolicyDocument=denied)
        for read, denied in zip(reads, met):
            if denied:
                assert refused(read)[:2] == (403, "AccessDenied"), operator
            else:
                assert read() == b"x", operator
