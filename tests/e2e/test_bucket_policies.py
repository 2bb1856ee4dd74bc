"""Bucket policies: which are taken, and every condition key that S3 requests have."""

import datetime
import hashlib
import json
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest
from accounts import Account, allow, deny, document
from conftest import ACCOUNT, refused, signed

TODAY = datetime.datetime.now(datetime.timezone.utc)


@pytest.fixture
def home(gateway):
    return Account(gateway)


@pytest.mark.parametrize("statement, message", [
    ({"Resource": "*"}, "Policy has invalid resource"),
    ({"Resource": "arn:aws:s3:::*"}, "Policy has invalid resource"),
    ({"Resource": "arn:aws:s3:::another-bucket/*"}, "Policy has invalid resource"),
    ({"Resource": ["arn:aws:s3:::{bucket}/*", "arn:aws:s3:::{bucket}2/*"]}, "Policy has invalid resource"),
    ({"Action": "s3:FlyObject"}, "Policy has invalid action"),
    ({"Action": ["s3:GetObject", "kms:Decrypt"]}, "Policy has invalid action"),
    ({"Action": "s3:ListBucket"}, "Action does not apply to any resource(s) in statement"),
    ({"Resource": "arn:aws:s3:::{bucket}"}, "Action does not apply to any resource(s) in statement"),
    ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody-of-that-name"}}, "Invalid principal in policy"),
    ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/nobody-of-that-name"}}, "Invalid principal in policy"),
    ({"Principal": {"AWS": "999999999999"}}, "Invalid principal in policy"),
    ({"Principal": {"AWS": "AIDACKCEVSQ6C2EXAMPLE"}}, "Invalid principal in policy"),
    ({"Principal": {"CanonicalUser": "0" * 64}}, "Invalid principal in policy"),
    ({"Principal": {"Federated": "accounts.google.com"}}, "Invalid principal in policy"),
    ({"Condition": {"StringIs": {"s3:prefix": "x"}}}, "Invalid Condition type"),
    ({"Condition": {"Null": {"s3:if-nonematch": "true"}}}, "Policy has an invalid condition key"),
    ({"Condition": {"Null": {"aws:SourceIpp": "true"}}}, "Policy has an invalid condition key"),
    ({"Condition": {"Null": {"kms:ViaService": "true"}}}, "Policy has an invalid condition key"),
    ({"Condition": {"StringEquals": {"s3:prefix": "x"}}}, "Conditions do not apply to combination of actions and resources in statement"),
], ids=str)
def test_a_policy_that_is_not_for_this_bucket(s3, bucket, statement, message):
    whole = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{bucket}/*"} | statement
    policy = document(whole).replace("{bucket}", bucket)
    status, code, said = refused(s3.put_bucket_policy, Bucket=bucket, Policy=policy)
    assert (status, code) == (400, "MalformedPolicy") and message in said
    assert refused(s3.get_bucket_policy, Bucket=bucket)[:2] == (404, "NoSuchBucketPolicy")


def test_principals_that_exist(gateway, s3, home, bucket):
    user, _ = home.user()
    role = home.role()
    session = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/s"
    unique = home.iam.get_user(UserName=user.rpartition("/")[2])["User"]["UserId"], home.iam.get_role(RoleName=role.rpartition("/")[2])["Role"]["RoleId"]
    mine = s3.list_buckets()["Owner"]["ID"]
    for principal in ([user, role, session, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", *unique], ):
        s3.put_bucket_policy(Bucket=bucket, Policy=document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal={"AWS": principal})))
    for principal in ({"Service": "cloudtrail.amazonaws.com"}, {"CanonicalUser": mine}):
        s3.put_bucket_policy(Bucket=bucket, Policy=document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal=principal)))


def test_the_owners_root_user_can_always_mend_the_policy(gateway, s3, home, bucket):
    _, who = home.user(allow("s3:*"))
    s3.put_bucket_policy(Bucket=bucket, Policy=document(deny("s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], Principal="*")))
    assert refused(s3.list_objects_v2, Bucket=bucket)[:2] == (403, "AccessDenied")
    for call, options in (("get_bucket_policy", {}), ("delete_bucket_policy", {}), ("put_bucket_policy", {"Policy": "{}"})):
        assert refused(getattr(gateway.client("s3", **who), call), Bucket=bucket, **options)[:2] == (403, "AccessDenied")
    assert "Deny" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    s3.list_objects_v2(Bucket=bucket)


class Conditions:
    """A user who may do everything, in a bucket whose policy denies one thing under one condition."""

    def __init__(self, home, s3, bucket):
        self.root, self.bucket = s3, bucket
        self.who = home.user(allow(["s3:*", "kms:*"]))[1]
        self.s3 = home.client("s3", **self.who)

    def deny(self, action, condition):
        resources = [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"]
        resources = resources[:1] if action.startswith("s3:List") else resources[1:]
        self.root.put_bucket_policy(Bucket=self.bucket, Policy=document(deny(action, resources, Principal="*", Condition=condition)))

    def denied(self, call, **options):
        status, code, message = refused(getattr(self.s3, call), Bucket=self.bucket, **options)
        assert (status, code) == (403, "AccessDenied") and "explicit deny" in message, message

    def allowed(self, call, **options):
        return getattr(self.s3, call)(Bucket=self.bucket, **options)


@pytest.fixture
def conditions(home, s3, bucket):
    return Conditions(home, s3, bucket)


PUT = {"Key": "k", "Body": b"x"}


@pytest.mark.parametrize("action, condition, call, met, unmet", [
    ("s3:ListBucket", {"StringEquals": {"s3:prefix": "hr/"}}, "list_objects_v2", {"Prefix": "hr/"}, {"Prefix": "it/"}),
    ("s3:ListBucket", {"StringEquals": {"s3:prefix": "hr/"}}, "list_objects", {"Prefix": "hr/"}, {}),
    ("s3:ListBucketVersions", {"StringEquals": {"s3:prefix": "hr/"}}, "list_object_versions", {"Prefix": "hr/"}, {}),
    ("s3:ListBucket", {"StringNotEquals": {"s3:delimiter": "/"}}, "list_objects_v2", {}, {"Delimiter": "/"}),
    ("s3:ListBucket", {"NumericGreaterThan": {"s3:max-keys": "10"}}, "list_objects_v2", {"MaxKeys": 11}, {"MaxKeys": 10}),
    ("s3:PutObject", {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}, "put_object", PUT | {"ACL": "bucket-owner-full-control"}, PUT),
    ("s3:PutObject", {"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}}, "put_object", PUT | {"ServerSideEncryption": "AES256"}, PUT),
    ("s3:PutObject", {"Null": {"s3:x-amz-server-side-encryption": "true"}}, "put_object", PUT, PUT | {"ServerSideEncryption": "AES256"}),
    ("s3:PutObject", {"Null": {"s3:x-amz-server-side-encryption": "true"}}, "create_multipart_upload", {"Key": "k"}, {"Key": "k", "ServerSideEncryption": "AES256"}),
    ("s3:PutObject", {"StringNotEquals": {"s3:x-amz-storage-class": "STANDARD"}}, "put_object", PUT, PUT | {"StorageClass": "STANDARD"}),
    ("s3:PutObject", {"StringEquals": {"s3:RequestObjectTag/class": "secret"}}, "put_object", PUT | {"Tagging": "class=secret"}, PUT | {"Tagging": "class=open"}),
    ("s3:PutObject", {"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": "class"}}, "put_object", PUT | {"Tagging": "class=x"}, PUT | {"Tagging": "kind=x"}),
    ("s3:PutObject", {"Null": {"s3:if-none-match": "true"}}, "put_object", PUT, PUT | {"IfNoneMatch": "*"}),
    ("s3:PutObject", {"StringEquals": {"s3:x-amz-website-redirect-location": "/x"}}, "put_object", PUT | {"WebsiteRedirectLocation": "/x"}, PUT),
    ("s3:PutObject", {"StringEquals": {"s3:x-amz-server-side-encryption-customer-algorithm": "AES256"}}, "put_object",
     PUT | {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}, PUT),
], ids=lambda value: next(iter(next(iter(value.values())))) if isinstance(value, dict) and isinstance(next(iter(value.values()), None), dict) else "")
def test_a_condition_on_what_a_request_says(conditions, action, condition, call, met, unmet):
    conditions.deny(action, condition)
    conditions.denied(call, **met)
    conditions.allowed(call, **unmet)


@pytest.mark.parametrize("action, condition, call, met, unmet", [
    ("s3:GetObject", {"StringEquals": {"s3:ResourceAccount": ACCOUNT}}, "get_object", {"Key": "o"}, None),
    ("s3:GetObject", {"StringNotEquals": {"s3:ResourceAccount": ACCOUNT}}, "get_object", None, {"Key": "o"}),
    ("s3:*", {"Bool": {"s3:ObjectCreationOperation": "true"}}, "put_object", PUT, None),
    ("s3:*", {"Bool": {"s3:ObjectCreationOperation": "true"}}, "get_object", None, {"Key": "o"}),
    ("s3:*", {"Bool": {"s3:ObjectCreationOperation": "false"}}, "create_multipart_upload", {"Key": "m"}, None),
    ("s3:*", {"Bool": {"s3:ObjectCreationOperation": "false"}}, "put_object", None, PUT),
], ids=str)
def test_a_condition_on_what_is_done(conditions, s3, bucket, action, condition, call, met, unmet):
    s3.put_object(Bucket=bucket, Key="o", Body=b"x")
    conditions.deny(action, condition)
    if met:
        conditions.denied(call, **met)
    if unmet:
        conditions.allowed(call, **unmet)


def test_writes_only_where_nothing_is(conditions, s3, bucket):
    """S3 User Guide, "Enforce conditional writes": uploads in parts carry the condition only when completed."""
    conditions.deny("s3:PutObject", {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}})
    conditions.denied("put_object", **PUT)
    conditions.allowed("put_object", **PUT, IfNoneMatch="*")
    for key, options in (("a", {"IfNoneMatch": "*"}), ("b", {})):
        upload = conditions.allowed("create_multipart_upload", Key=key)["UploadId"]
        part = conditions.allowed("upload_part", Key=key, UploadId=upload, PartNumber=1, Body=b"x")
        call = {"Key": key, "UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}} | options
        if options:
            conditions.allowed("complete_multipart_upload", **call)
        else:
            conditions.denied("complete_multipart_upload", **call)


def test_where_a_browser_comes_from(gateway, conditions, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    conditions.deny("s3:GetObject", {"StringNotLike": {"aws:Referer": "https://example.com/*"}})
    url = conditions.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    assert [send(url, {"Referer": page}) for page in ("https://example.com/a", "https://example.org/a")] == [200, 403]
    assert send(url) == 403


def test_a_policy_means_whom_it_was_written_for(gateway, s3, home, bucket):
    """A user or role made again under a deleted one's name is another principal."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    name = "u-" + secrets.token_hex(6)
    arn, who = home.user(name=name)
    role = home.role(name=name)
    session = role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/session"
    _, trusted = home.user(allow("sts:AssumeRole"))
    statements = [allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal={"AWS": [arn, role, session]})]
    s3.put_bucket_policy(Bucket=bucket, Policy=document(*statements))
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"] == statements
    unique = [home.iam.get_user(UserName=name)["User"]["UserId"], home.iam.get_role(RoleName=name)["Role"]["RoleId"]]
    reads = lambda who: gateway.client("s3", **who).get_object(Bucket=bucket, Key="k")["Body"].read()  # noqa: E731
    assert reads(who) == reads(home.session(role, trusted)) == b"x"
    home.iam.delete_access_key(UserName=name, AccessKeyId=who["key"])
    home.iam.delete_user(UserName=name)
    home.iam.delete_role(RoleName=name)
    shown = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"][0]["Principal"]["AWS"]
    assert shown == [*unique, unique[1] + ":session"]
    _, again = home.user(name=name)
    for credentials in (again, home.session(home.role(name=name), trusted)):
        assert refused(gateway.client("s3", **credentials).get_object, Bucket=bucket, Key="k")[:2] == (403, "AccessDenied")
    # What is shown now names nobody who could be put there.
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=s3.get_bucket_policy(Bucket=bucket)["Policy"])[1] == "MalformedPolicy"


def test_what_nobody_needs_is_refused_before_policies_see_it(gateway, bucket):
    """Anyone may send it, so it must cost nothing: tags, prefixes and headers have their limits."""
    tags = "&".join(f"k{n}=v" for n in range(2000))
    for target, headers, code in (
            (f"{bucket}/k", {"x-amz-tagging": tags[:100]}, "BadRequest"), (f"{bucket}/k", {"x-amz-tagging": tags}, "BadRequest"),
            (f"{bucket}?list-type=2&prefix={'a' * 1025}", {}, "KeyTooLongError"), (f"{bucket}?list-type=2&delimiter={'a' * 1025}", {}, "InvalidArgument")):
        request = urllib.request.Request(f"{gateway.url}/{target}", headers=headers, method="PUT" if headers else "GET", data=b"" if headers else None)
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=10)
        assert error.value.code == 400 and f"<Code>{code}</Code>" in error.value.read().decode(), target


def test_which_kms_key(conditions, kms, key):
    other = kms.create_key()["KeyMetadata"]["Arn"]
    conditions.deny("s3:PutObject", {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key}})
    for options in ({}, {"ServerSideEncryption": "aws:kms"}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": other}):
        conditions.denied("put_object", **PUT, **options)
    conditions.allowed("put_object", **PUT, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)


def test_what_is_copied_and_how(conditions, s3, bucket):
    for name in ("open", "shut"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    conditions.deny("s3:PutObject", {"StringLike": {"s3:x-amz-copy-source": f"*{bucket}/shut"}})
    conditions.denied("copy_object", Key="c", CopySource=f"{bucket}/shut")
    conditions.allowed("copy_object", Key="c", CopySource=f"{bucket}/open")
    conditions.deny("s3:PutObject", {"StringEquals": {"s3:x-amz-metadata-directive": "REPLACE"}})
    conditions.denied("copy_object", Key="c", CopySource=f"{bucket}/open", MetadataDirective="REPLACE")
    conditions.allowed("copy_object", Key="c", CopySource=f"{bucket}/open", MetadataDirective="COPY")


def tags(**pairs):
    return {"Tagging": {"TagSet": [{"Key": key, "Value": value} for key, value in pairs.items()]}}


def test_the_tags_that_an_object_has(conditions, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="class=secret")
    s3.put_object(Bucket=bucket, Key="l", Body=b"x", Tagging="class=open")
    condition = {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}}
    for action, call, options in (("s3:GetObject", "get_object", {}), ("s3:GetObject", "head_object", {}), ("s3:GetObjectTagging", "get_object_tagging", {}),
                                  ("s3:PutObjectTagging", "put_object_tagging", tags(a="b")), ("s3:DeleteObjectTagging", "delete_object_tagging", {})):
        conditions.deny(action, condition)
        assert refused(getattr(conditions.s3, call), Bucket=bucket, Key="k", **options)[0] == 403, call
        conditions.allowed(call, Key="l", **options)


def test_the_tags_that_stand_in_a_body(conditions, home, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    conditions.deny("s3:PutObjectTagging", {"StringEquals": {"s3:RequestObjectTag/class": "secret"}})
    conditions.denied("put_object_tagging", Key="k", **tags(**{"kind": "x", "class": "secret"}))
    conditions.allowed("put_object_tagging", Key="k", **tags(**{"class": "open"}))
    conditions.deny("s3:PutObjectTagging", {"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": ["class"]}})
    conditions.denied("put_object_tagging", Key="k", **tags(**{"class": "open"}))
    conditions.allowed("put_object_tagging", Key="k", **tags(kind="open"))
    # An allow that asks for a tag is met by the tag in the body, too.
    _, who = home.user(
        allow("s3:PutObjectTagging", f"arn:aws:s3:::{bucket}/*", Condition={"StringEquals": {"s3:RequestObjectTag/kind": "open"}}))
    client = home.client("s3", **who)
    client.put_object_tagging(Bucket=bucket, Key="k", **tags(kind="open"))
    assert refused(client.put_object_tagging, Bucket=bucket, Key="k", **tags(kind="shut"))[:2] == (403, "AccessDenied")


def test_object_lock(conditions, s3, home):
    name = "b-" + secrets.token_hex(8)
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    conditions = Conditions(home, s3, name)
    version = s3.put_object(Bucket=name, Key="k", Body=b"x")["VersionId"]
    in_days = lambda days: TODAY + datetime.timedelta(days=days)  # noqa: E731
    locked = lambda days, mode="GOVERNANCE": {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": in_days(days)}  # noqa: E731
    retention = lambda days, mode="GOVERNANCE": {"Retention": {"Mode": mode, "RetainUntilDate": in_days(days)}}  # noqa: E731
    conditions.deny("s3:PutObjectRetention", {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}})
    conditions.denied("put_object", **PUT, **locked(12))
    conditions.allowed("put_object", **PUT, **locked(9))
    conditions.denied("put_object_retention", Key="k", VersionId=version, **retention(12))
    conditions.allowed("put_object_retention", Key="k", VersionId=version, **retention(9))
    conditions.deny("s3:PutObjectRetention", {"StringEquals": {"s3:object-lock-mode": "COMPLIANCE"}})
    conditions.denied("put_object", **PUT, **locked(1, "COMPLIANCE"))
    conditions.denied("put_object_retention", Key="k", VersionId=version, **retention(10, "COMPLIANCE"))
    conditions.allowed("put_object_retention", Key="k", VersionId=version, **retention(10))
    conditions.deny("s3:PutObjectRetention", {"DateGreaterThan": {"s3:object-lock-retain-until-date": in_days(20).strftime("%Y-%m-%dT%H:%M:%SZ")}})
    conditions.denied("put_object", **PUT, **locked(21))
    conditions.denied("put_object_retention", Key="k", VersionId=version, **retention(21))
    conditions.allowed("put_object_retention", Key="k", VersionId=version, **retention(19))
    conditions.deny("s3:PutObjectLegalHold", {"StringEquals": {"s3:object-lock-legal-hold": "OFF"}})
    conditions.allowed("put_object_legal_hold", Key="k", VersionId=version, LegalHold={"Status": "ON"})
    conditions.denied("put_object_legal_hold", Key="k", VersionId=version, LegalHold={"Status": "OFF"})
    conditions.denied("put_object", **PUT, ObjectLockLegalHoldStatus="OFF")


def test_which_version(conditions, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    one, two = (s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"] for _ in range(2))
    condition = {"StringEquals": {"s3:versionid": one}}
    conditions.deny("s3:GetObjectVersion", condition)
    conditions.denied("get_object", Key="k", VersionId=one)
    conditions.allowed("get_object", Key="k", VersionId=two)
    conditions.deny("s3:DeleteObjectVersion", condition)
    conditions.denied("delete_object", Key="k", VersionId=one)
    answer = conditions.allowed("delete_objects", Delete={"Objects": [{"Key": "k", "VersionId": version} for version in (one, two)]})
    assert [(error["VersionId"], error["Code"]) for error in answer["Errors"]] == [(one, "AccessDenied")]
    assert [gone["VersionId"] for gone in answer["Deleted"]] == [two]


def send(url, headers=None):
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=10, context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_how_a_request_is_signed(gateway, conditions, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = conditions.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    for condition, presigned in (
            ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, True), ({"StringEquals": {"s3:authType": "REST-HEADER"}}, False),
            ({"NumericGreaterThan": {"s3:signatureAge": "600000"}}, None), ({"StringNotEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, None)):
        conditions.deny("s3:GetObject", condition)
        assert send(url) == (403 if presigned is True else 200), condition
        if presigned is False:
            conditions.denied("get_object", Key="k")
        else:
            conditions.allowed("get_object", Key="k")
    conditions.deny("s3:GetObject", {"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}})
    conditions.denied("get_object", Key="k")
    assert send(url) == 403


def test_how_old_a_signature_is(conditions, s3, bucket, monkeypatch):
    import botocore.auth
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    conditions.deny("s3:GetObject", {"NumericGreaterThan": {"s3:signatureAge": "60000"}})
    then = (TODAY - datetime.timedelta(seconds=120)).replace(tzinfo=None)
    fresh = conditions.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=600)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: then)
    old = conditions.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=600)
    assert (send(fresh), send(old)) == (200, 403)


def test_which_digest_a_request_is_signed_with(gateway, conditions, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    conditions.deny("s3:GetObject", {"StringEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}})
    url = f"{gateway.url}/{bucket}/k"
    for payload, status in (("UNSIGNED-PAYLOAD", 403), (hashlib.sha256(b"").hexdigest(), 200)):
        assert send(url, signed("GET", url, {"x-amz-content-sha256": payload}, payload=payload, **conditions.who)) == status


@pytest.mark.parametrize("version, status", [("1.2", 403), ("1.3", 200)])
def test_which_tls(start, tmp_path, version, status):
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                    "-keyout", key, "-out", certificate, "-days", "1"], check=True, capture_output=True)
    gateway = start("--tls-cert", str(certificate), "--tls-key", str(key))
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="tls")
    s3.put_object(Bucket="tls", Key="k", Body=b"x")
    s3.put_bucket_policy(Bucket="tls", Policy=document(
        deny("s3:GetObject", "arn:aws:s3:::tls/*", Principal="*", Condition={"NumericLessThan": {"s3:TlsVersion": "1.3"}}),
        deny("s3:GetObject", "arn:aws:s3:::tls/*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})))
    context = ssl._create_unverified_context()
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, "TLSv" + version.replace(".", "_"))
    url = f"{gateway.url}/tls/k"
    request = urllib.request.Request(url, headers=signed("GET", url))
    try:
        assert urllib.request.urlopen(request, timeout=10, context=context).status == status
    except urllib.error.HTTPError as error:
        assert error.code == status


def test_a_copy_takes_tags_along_only_where_both_ends_allow_it(gateway, s3, home, bucket):
    s3.put_object(Bucket=bucket, Key="tagged", Body=b"x", Tagging="a=b")
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    every = ["s3:GetObject", "s3:PutObject", "s3:GetObjectTagging", "s3:PutObjectTagging"]
    for missing, copies in ((None, True), ("s3:GetObjectTagging", False), ("s3:PutObjectTagging", False)):
        _, who = home.user(allow([action for action in every if action != missing], f"arn:aws:s3:::{bucket}/*"))
        client = gateway.client("s3", **who)
        copy = lambda source, **more: client.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/{source}", **more)  # noqa: B023, E731
        if copies:
            copy("tagged")
            assert s3.get_object_tagging(Bucket=bucket, Key="c")["TagSet"] == [{"Key": "a", "Value": "b"}]
        else:
            status, code, message = refused(copy, source="tagged")
            assert (status, code) == (403, "AccessDenied") and missing in message
        # Without tags, or without taking them, it takes no permission for tags.
        copy("plain")
        if missing != "s3:PutObjectTagging":
            copy("tagged", TaggingDirective="REPLACE", Tagging="")

