"""The requester, sentence by sentence: the principal and the digest of its session policies. Who is
the same requester shares a bucket key; whoever is not has its own, made in its own name."""

import secrets

import pytest
from accounts import ACCOUNT, OTHER, allow, document, named
from conftest import refused

EVERYTHING = allow(["s3:*", "kms:*"])
SCOPE = document(EVERYTHING)


@pytest.fixture
def shelf(world, home):
    return Shelf(home)


class Shelf:
    """A bucket and a key, both open to both accounts, and who used the key how often."""

    def __init__(self, account):
        self.gateway, self.bucket = account.gateway, "b-" + secrets.token_hex(8)
        everyone = {"AWS": [ACCOUNT, OTHER]}
        policy = document({"Effect": "Allow", "Principal": everyone, "Action": "kms:*", "Resource": "*"})
        self.key = account.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
        s3 = account.client("s3")
        s3.create_bucket(Bucket=self.bucket)
        resources = [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"]
        s3.put_bucket_policy(Bucket=self.bucket, Policy=document(
            {"Effect": "Allow", "Principal": everyone, "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"], "Resource": resources}))

    def put(self, who, name):
        self.gateway.client("s3", **who).put_object(
            Bucket=self.bucket, Key=name, Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=self.key, BucketKeyEnabled=True)

    def get(self, who, name):
        return self.gateway.client("s3", **who).get_object(Bucket=self.bucket, Key=name)["Body"].read()

    def events(self, name):
        """Each call once: the copy of the caller's own account, which names him in full."""
        return [event for event in named(self.gateway.events(name), self.key)
                if event["recipientAccountId"] == event["userIdentity"]["accountId"]]

    def names(self, name):
        """Who called, oldest first."""
        return [event["userIdentity"]["arn"] for event in self.events(name)]

    def use(self, *sessions):
        """All put and then read everything, twice."""
        for n, who in enumerate(sessions * 2):
            self.put(who, str(n))
        for who in sessions * 2:
            for n in range(len(sessions) * 2):
                assert self.get(who, str(n)) == b"x"


def test_two_users_of_one_role_with_the_same_scope_are_one_requester(home, shelf):
    role = home.role(EVERYTHING)
    sessions = [home.session(role, home.user(allow("sts:AssumeRole"))[1], name, Policy=SCOPE) for name in ("ann", "bob")]
    shelf.use(*sessions)
    # Whoever comes first is in the record for both.
    session = f"arn:aws:sts::{home.id}:assumed-role/{role.rpartition('/')[2]}/ann"
    assert shelf.names("GenerateDataKey") == shelf.names("Decrypt") == [session]


def test_two_users_of_one_role_without_a_scope_are_one_requester(home, shelf):
    role = home.role(EVERYTHING)
    shelf.use(*(home.session(role, home.user(allow("sts:AssumeRole"))[1], name) for name in ("ann", "bob")))
    assert len(shelf.events("GenerateDataKey")) == len(shelf.events("Decrypt")) == 1


def test_two_keys_of_one_user_are_one_requester(home, shelf):
    arn, who = home.user(EVERYTHING)
    made = home.iam.create_access_key(UserName=arn.rpartition("/")[2])["AccessKey"]
    shelf.use(who, {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]})
    assert shelf.names("GenerateDataKey") == shelf.names("Decrypt") == [arn]


def test_other_roles_are_other_requesters(home, shelf):
    _, who = home.user(allow("sts:AssumeRole"))
    roles = [home.role(EVERYTHING) for _ in range(2)]
    shelf.use(*(home.session(role, who, Policy=SCOPE) for role in roles))
    issuers = [[e["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] for e in shelf.events(name)] for name in ("GenerateDataKey", "Decrypt")]
    # Each opens its own bucket key and the other's.
    assert issuers == [roles, [roles[0]] * 2 + [roles[1]] * 2]


def test_the_same_role_made_again_is_another_requester_only_by_its_sessions(home, shelf):
    """A bucket key belongs to an ARN: the sessions of a deleted role are void, whoever made it anew."""
    _, who = home.user(allow("sts:AssumeRole"))
    role = home.role(EVERYTHING)
    name = role.rpartition("/")[2]
    old = home.session(role, who)
    shelf.put(old, "k")
    home.iam.delete_role_policy(RoleName=name, PolicyName="p")
    home.iam.delete_role(RoleName=name)
    assert home.role(EVERYTHING, name=name) == role
    assert refused(shelf.gateway.client("s3", **old).get_object, Bucket=shelf.bucket, Key="k")[0] in (400, 403)
    assert shelf.get(home.session(role, who), "k") == b"x"


def test_roles_of_one_name_in_other_accounts_are_other_requesters(home, abroad, shelf):
    sessions, roles = [], []
    for account in (home, abroad):
        roles.append(account.role(EVERYTHING, name=shelf.bucket))
        sessions.append(account.session(roles[-1], account.user(allow("sts:AssumeRole"))[1], Policy=SCOPE))
    shelf.use(*sessions)
    for name in ("GenerateDataKey", "Decrypt"):
        events = shelf.events(name)
        issuers = {e["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] for e in events}
        assert issuers == set(roles), name
        assert {e["userIdentity"]["accountId"] for e in events} == {ACCOUNT, OTHER}


def managed(account, statement):
    made = account.iam.create_policy(PolicyName="p-" + secrets.token_hex(6), PolicyDocument=document(statement))
    return [{"arn": made["Policy"]["Arn"]}]


@pytest.mark.parametrize("other", [
    lambda _: {},
    lambda _: {"Policy": document(allow("*"))},
    lambda account: {"PolicyArns": managed(account, EVERYTHING)},
    lambda account: {"Policy": SCOPE, "PolicyArns": managed(account, EVERYTHING)},
], ids=["none", "another policy", "a managed policy of the same text", "a managed policy beside it"])
def test_other_scopes_are_other_requesters(home, shelf, other):
    _, who = home.user(allow("sts:AssumeRole"))
    role = home.role(EVERYTHING)
    shelf.use(home.session(role, who, "ann", Policy=SCOPE), home.session(role, who, "bob", **other(home)))
    names = [[arn.rpartition("/")[2] for arn in shelf.names(name)] for name in ("GenerateDataKey", "Decrypt")]
    assert names == [["ann", "bob"], ["ann", "ann", "bob", "bob"]]


def test_a_user_and_a_session_of_a_role_it_assumed_are_two_requesters(home, shelf):
    arn, who = home.user(EVERYTHING, allow("sts:AssumeRole"))
    role = home.role(EVERYTHING)
    shelf.use(who, home.session(role, who))
    assert shelf.names("GenerateDataKey")[0] == arn
    assert len(shelf.names("GenerateDataKey")) == 2


def test_the_first_use_of_each_is_in_the_record_in_its_own_name(home, shelf):
    arn, who = home.user(EVERYTHING)
    role = home.role(EVERYTHING)
    session = home.session(role, home.user(allow("sts:AssumeRole"))[1], "ann")
    shelf.put(who, "k")
    shelf.put(session, "l")
    [first, second] = shelf.events("GenerateDataKey")
    identity = first["userIdentity"]
    assert identity.pop("principalId").startswith("AIDA") and identity.pop("invokedBy").startswith("s3.")
    assert identity == {"type": "IAMUser", "arn": arn, "accountId": home.id, "accessKeyId": who["key"], "userName": arn.rpartition("/")[2]}
    identity = second["userIdentity"]
    assert (identity["type"], identity["accountId"], identity["accessKeyId"]) == ("AssumedRole", home.id, session["key"])
    assert identity["principalId"].endswith(":ann") and identity["principalId"].startswith("AROA")
    issuer = identity["sessionContext"]["sessionIssuer"]
    assert (issuer["type"], issuer["arn"], issuer["accountId"]) == ("Role", role, home.id)
    for event in (first, second):
        assert event["requestParameters"]["encryptionContext"] == {"aws:s3:arn": f"arn:aws:s3:::{shelf.bucket}"}


def test_who_may_only_write_cannot_read_what_its_own_bucket_key_sealed(home, shelf):
    role = home.role(allow("s3:*"), allow("kms:GenerateDataKey"))
    session = home.session(role, home.user(allow("sts:AssumeRole"))[1])
    shelf.put(session, "k")
    status, code, message = refused(shelf.gateway.client("s3", **session).get_object, Bucket=shelf.bucket, Key="k")
    assert (status, code) == (403, "AccessDenied") and "kms:Decrypt" in message


def test_a_requester_gets_nothing_from_anothers_bucket_key(home, shelf):
    _, rich = home.user(EVERYTHING)
    _, poor = home.user(allow("s3:*"))
    shelf.put(rich, "k")
    assert shelf.get(rich, "k") == b"x"
    client = shelf.gateway.client("s3", **poor)
    for call, options in ((client.get_object, {}), (client.put_object, {
            "Body": b"y", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": shelf.key, "BucketKeyEnabled": True})):
        status, code, message = refused(call, Bucket=shelf.bucket, Key="k", **options)
        assert (status, code) == (403, "AccessDenied") and "kms:" in message
    assert shelf.get(rich, "k") == b"x"
