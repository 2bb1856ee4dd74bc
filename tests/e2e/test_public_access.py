"""Block public access: what new buckets have, what it refuses, whom it leaves in."""

import secrets
import urllib.error
import urllib.request

import pytest
from accounts import OTHER, allow, document
from conftest import ACCOUNT, refused

SETTINGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def block(**on):
    return {"PublicAccessBlockConfiguration": {name: False for name in SETTINGS} | on}


def to_everyone(bucket, **more):
    return document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*", **more))


@pytest.fixture
def shelf(home):
    s3, name = home.client("s3"), "b-" + secrets.token_hex(8)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    return s3, name


def anonymous(gateway, bucket):
    try:
        with urllib.request.urlopen(f"{gateway.url}/{bucket}/k", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_new_buckets_block_everything(shelf):
    s3, bucket = shelf
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == dict.fromkeys(SETTINGS, True)


def test_settings_are_kept_one_by_one_and_deleted(shelf):
    s3, bucket = shelf
    for name in SETTINGS:
        s3.put_public_access_block(Bucket=bucket, **block(**{name: True}))
        assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == block(**{name: True})["PublicAccessBlockConfiguration"]
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] is False
    for _ in range(2):
        s3.delete_public_access_block(Bucket=bucket)
    assert refused(s3.get_public_access_block, Bucket=bucket)[:2] == (404, "NoSuchPublicAccessBlockConfiguration")
    for call in (s3.get_public_access_block, s3.delete_public_access_block):
        assert refused(call, Bucket="no-such-bucket-anywhere")[:2] == (404, "NoSuchBucket")


def test_a_gateway_can_leave_new_buckets_open(start, tmp_path):
    (tmp_path / "c.toml").write_text("[objects]\nblock_public_access = false\n")
    s3 = start("--config", str(tmp_path / "c.toml")).client("s3")
    s3.create_bucket(Bucket="open")
    assert refused(s3.get_public_access_block, Bucket="open")[:2] == (404, "NoSuchPublicAccessBlockConfiguration")


def test_a_public_policy_is_refused_where_it_is_blocked(shelf):
    s3, bucket = shelf
    status, code, message = refused(s3.put_bucket_policy, Bucket=bucket, Policy=to_everyone(bucket))
    assert (status, code) == (403, "AccessDenied") and "BlockPublicPolicy" in message
    assert refused(s3.get_bucket_policy, Bucket=bucket)[:2] == (404, "NoSuchBucketPolicy")
    # Nobody's user id is everybody's.
    for condition in ({"StringEquals": {"aws:userid": "anonymous"}}, {"StringEquals": {"aws:userid": ["AIDACKCEVSQ6C2EXAMPLE", "anonymous"]}}):
        assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=to_everyone(bucket, Condition=condition))[:2] == (403, "AccessDenied")
    # One that is not public is none of its business.
    s3.put_bucket_policy(Bucket=bucket, Policy=to_everyone(bucket, Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))
    s3.put_public_access_block(Bucket=bucket, **block(BlockPublicAcls=True, IgnorePublicAcls=True, RestrictPublicBuckets=True))
    s3.put_bucket_policy(Bucket=bucket, Policy=to_everyone(bucket))


def test_a_restricted_bucket_lets_nobody_in_unsigned(world, shelf):
    """Whatever its policy says, and however little of it is public."""
    s3, bucket = shelf
    s3.put_public_access_block(Bucket=bucket, **block())
    s3.put_bucket_policy(Bucket=bucket, Policy=to_everyone(bucket, Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": False}
    assert anonymous(world[0], bucket) == 200
    s3.put_public_access_block(Bucket=bucket, **block(RestrictPublicBuckets=True))
    assert anonymous(world[0], bucket) == 403


def test_blocking_policies_does_not_touch_the_one_that_is_there(world, shelf):
    s3, bucket = shelf
    s3.put_public_access_block(Bucket=bucket, **block())
    s3.put_bucket_policy(Bucket=bucket, Policy=to_everyone(bucket))
    s3.put_public_access_block(Bucket=bucket, **block(BlockPublicPolicy=True))
    assert anonymous(world[0], bucket) == 200


def test_a_restricted_bucket_is_for_its_own_account(world, home, shelf):
    gateway, _, abroad = world
    s3, bucket = shelf
    s3.delete_public_access_block(Bucket=bucket)
    # The statement for the other account is not public; it is barred all the same beside one that is.
    arn, stranger = abroad.user(allow("s3:*"))
    s3.put_bucket_policy(Bucket=bucket, Policy=document(
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*"),
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal={"AWS": arn})))
    _, colleague = home.user()
    clients = [gateway.client("s3", **who) for who in (stranger, colleague)]
    for client in clients:
        assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert anonymous(gateway, bucket) == 200
    s3.put_public_access_block(Bucket=bucket, **block(RestrictPublicBuckets=True))
    assert anonymous(gateway, bucket) == 403
    status, code, message = refused(clients[0].get_object, Bucket=bucket, Key="k")
    # Why is for the account that owns the bucket.
    assert (status, code, message) == (403, "AccessDenied", "Access Denied")
    assert clients[1].get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    # Without the public statement the other account is let in again.
    s3.put_bucket_policy(Bucket=bucket, Policy=document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal={"AWS": arn})))
    assert clients[0].get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


@pytest.mark.parametrize("more, public", [
    ({}, True),
    ({"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}}, True),
    ({"Condition": {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}}, False),
    ({"Condition": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}}, True),
    ({"Condition": {"StringEquals": {"aws:PrincipalAccount": OTHER}}}, False),
    ({"Principal": {"AWS": OTHER}}, False),
    ({"Effect": "Deny"}, False),
], ids=str)
def test_whether_a_policy_is_public(shelf, more, public):
    s3, bucket = shelf
    s3.put_public_access_block(Bucket=bucket, **block())
    assert refused(s3.get_bucket_policy_status, Bucket=bucket)[:2] == (404, "NoSuchBucketPolicy")
    s3.put_bucket_policy(Bucket=bucket, Policy=document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", **({"Principal": "*"} | more))))
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"] == {"IsPublic": public}


def test_who_may_see_and_set_it(home, shelf):
    s3, bucket = shelf
    for action, call, options in (
            ("s3:GetBucketPublicAccessBlock", "get_public_access_block", {}), ("s3:PutBucketPublicAccessBlock", "put_public_access_block", block()),
            ("s3:PutBucketPublicAccessBlock", "delete_public_access_block", {}), ("s3:GetBucketPolicyStatus", "get_bucket_policy_status", {})):
        _, without = home.user(allow("s3:*"), {"Effect": "Deny", "Action": action, "Resource": "*"})
        assert refused(getattr(home.client("s3", **without), call), Bucket=bucket, **options)[:2] == (403, "AccessDenied"), action
    s3.get_public_access_block(Bucket=bucket)


def test_public_lists_are_refused_whatever_is_set(shelf):
    s3, bucket = shelf
    for settings in (block(), block(BlockPublicAcls=True, IgnorePublicAcls=True)):
        s3.put_public_access_block(Bucket=bucket, **settings)
        for acl in ("public-read", "public-read-write", "authenticated-read"):
            assert refused(s3.put_object, Bucket=bucket, Key="l", Body=b"x", ACL=acl)[:2] == (400, "AccessControlListNotSupported")
            assert refused(s3.put_bucket_acl, Bucket=bucket, ACL=acl)[:2] == (400, "AccessControlListNotSupported")


def s3control(gateway, **who):
    """boto3 writes the account before the host, and a gateway under test has an address for its host."""
    client = gateway.client("s3control", **who)

    def at_the_address(request, **_):
        request.url = request.url.replace(f"//{ACCOUNT}.", "//").replace(f"//{OTHER}.", "//")

    client.meta.events.register_first("before-sign.s3-control", at_the_address)
    return client


@pytest.fixture
def control(home):
    control = s3control(home.gateway, **home.root)
    yield control
    control.delete_public_access_block(AccountId=ACCOUNT)


def test_an_account_blocks_for_all_its_buckets(world, shelf, control):
    (s3, bucket), gateway = shelf, world[0]
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=to_everyone(bucket))
    assert anonymous(gateway, bucket) == 200
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    control.put_public_access_block(AccountId=ACCOUNT, **block(RestrictPublicBuckets=True))
    assert control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"] == block(
        RestrictPublicBuckets=True)["PublicAccessBlockConfiguration"]
    assert anonymous(gateway, bucket) == 403
    assert not s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    s3.put_bucket_policy(Bucket=bucket, Policy=to_everyone(bucket))
    control.put_public_access_block(AccountId=ACCOUNT, **block(BlockPublicPolicy=True))
    assert anonymous(gateway, bucket) == 200, "what is there is not in question"
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=to_everyone(bucket))[:2] == (403, "AccessDenied")
    assert refused(s3.get_public_access_block, Bucket=bucket)[1] == "NoSuchPublicAccessBlockConfiguration", "the bucket's own are its own"
    for _ in range(2):
        control.delete_public_access_block(AccountId=ACCOUNT)
    assert refused(control.get_public_access_block, AccountId=ACCOUNT)[:2] == (404, "NoSuchPublicAccessBlockConfiguration")
    s3.put_bucket_policy(Bucket=bucket, Policy=to_everyone(bucket))


def test_an_account_is_its_own(home, control):
    for call, more in ((control.get_public_access_block, {}), (control.put_public_access_block, block(BlockPublicPolicy=True)),
                       (control.delete_public_access_block, {})):
        assert refused(call, AccountId=OTHER, **more)[:2] == (403, "AccessDenied")
    wrong = urllib.request.Request(home.gateway.url + "/v20180820/configuration/publicAccessBlock", method="PUT",
                                   data=b"<PublicAccessBlockConfiguration/>", headers={"x-amz-account-id": ACCOUNT})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(wrong)
    assert error.value.code == 403 and b"<ErrorResponse><Error><Code>AccessDenied</Code>" in error.value.read()
    assert refused(control.get_public_access_block, AccountId=ACCOUNT)[1] == "NoSuchPublicAccessBlockConfiguration"


def test_what_an_account_blocks_outlives_the_gateway(start):
    gateway = start()
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="shown")
    s3.delete_public_access_block(Bucket="shown")
    s3.put_bucket_policy(Bucket="shown", Policy=to_everyone("shown"))
    s3.put_object(Bucket="shown", Key="k", Body=b"x")
    s3control(gateway).put_public_access_block(AccountId=ACCOUNT, **block(RestrictPublicBuckets=True))
    gateway.restart()
    assert anonymous(gateway, "shown") == 403
