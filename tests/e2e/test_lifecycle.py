"""Lifecycle: rules are held to S3's, told as they were set, and acted on; a day lasts two seconds here."""

import datetime
import json
import secrets
import signal
import urllib.parse

import pytest
from conftest import Gateway, customer, refused, take_customer_keys, until

DAY = 2


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lifecycle")
    settings = folder / "arqueta.toml"
    settings.write_text(f"[lifecycle]\nday_seconds = {DAY}\n")
    gateway = Gateway(folder / "data", "--config", str(settings))
    yield gateway
    gateway.stop()


@pytest.fixture
def s3(quick):
    return quick.client("s3")


@pytest.fixture
def bucket(s3):
    name = "lc-" + secrets.token_hex(8)
    s3.create_bucket(Bucket=name)
    return name


def put(s3, bucket, *rules):
    filled = [{"ID": f"rule {n}", "Status": "Enabled", "Filter": {}} | rule for n, rule in enumerate(rules)]
    return s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": filled})


def keys(s3, bucket):
    return [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def versions(s3, bucket):
    page = s3.list_object_versions(Bucket=bucket)
    return [v["VersionId"] for v in page.get("Versions", [])], [m["VersionId"] for m in page.get("DeleteMarkers", [])]


def test_rules_are_told_as_they_were_set(gateway, request):
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="lc-told")
    assert refused(s3.get_bucket_lifecycle_configuration, Bucket="lc-told")[:2] == (404, "NoSuchLifecycleConfiguration")
    rules = [
        {"ID": "legacy", "Prefix": "old/", "Status": "Enabled", "Expiration": {"Days": 365}},
        {"ID": "all", "Filter": {}, "Status": "Disabled", "Expiration": {"ExpiredObjectDeleteMarker": True}},
        {"ID": "date", "Filter": {"Prefix": ""}, "Status": "Enabled",
         "Expiration": {"Date": datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)}},
        {"ID": "tag", "Filter": {"Tag": {"Key": "k", "Value": "v"}}, "Status": "Enabled", "Expiration": {"Days": 1}},
        {"ID": "size", "Filter": {"ObjectSizeGreaterThan": 500}, "Status": "Enabled", "Expiration": {"Days": 1}},
        {"ID": "and", "Filter": {"And": {"Prefix": "p/", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
                                         "ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 9}},
         "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2}},
        {"ID": "uploads", "Filter": {"Prefix": "u/"}, "Status": "Enabled",
         "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    ]
    s3.put_bucket_lifecycle_configuration(Bucket="lc-told", LifecycleConfiguration={"Rules": rules})
    told = s3.get_bucket_lifecycle_configuration(Bucket="lc-told")
    assert told["Rules"] == rules
    assert told["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    assert s3.delete_bucket_lifecycle(Bucket="lc-told")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.get_bucket_lifecycle_configuration, Bucket="lc-told")[:2] == (404, "NoSuchLifecycleConfiguration")


DAYS = {"Expiration": {"Days": 1}}


@pytest.mark.parametrize("rules, code", [
    ([{"Filter": {}}], "InvalidRequest"),
    ([{"Filter": {}, "Expiration": {"Days": 0}}], "InvalidArgument"),
    ([{"Filter": {}, "Expiration": {"Days": -1}}], "InvalidArgument"),
    ([{"Filter": {}, "Expiration": {}}], "MalformedXML"),
    ([{"Filter": {}, "Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}], "MalformedXML"),
    ([{"Filter": {}, "Expiration": {"Date": datetime.datetime(2099, 1, 1, 5)}}], "InvalidArgument"),
    ([DAYS], "MalformedXML"),
    ([{"Filter": {}, "Prefix": "", **DAYS}], "MalformedXML"),
    ([{"Filter": {}, "ID": "x" * 256, **DAYS}], "InvalidArgument"),
    ([{"Filter": {}, "ID": "same", **DAYS}] * 2, "InvalidArgument"),
    ([{"Filter": {}, "Status": "enabled", **DAYS}], "MalformedXML"),
    ([{"Filter": {"Prefix": "a", "ObjectSizeLessThan": 5}, **DAYS}], "MalformedXML"),
    ([{"Filter": {"And": {"Prefix": "a"}}, **DAYS}], "MalformedXML"),
    ([{"Filter": {"And": {"ObjectSizeGreaterThan": 5, "ObjectSizeLessThan": 5}}, **DAYS}], "InvalidRequest"),
    ([{"Filter": {"Tag": {"Key": "k", "Value": "v"}}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}],
     "InvalidRequest"),
    ([{"Filter": {"Tag": {"Key": "k", "Value": "v"}}, "Expiration": {"ExpiredObjectDeleteMarker": True}}], "InvalidRequest"),
    ([{"Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 0}}], "InvalidArgument"),
    ([{"Filter": {}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 101}}], "InvalidArgument"),
    ([{"Prefix": "", "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 1}}], "InvalidRequest"),
    ([{"Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 0}}], "InvalidArgument"),
    ([{"Filter": {}, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}], "NotImplemented"),
    ([{"Filter": {}, "NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "GLACIER"}]}], "NotImplemented"),
    ([{"Filter": {}, "ID": str(n), **DAYS} for n in range(1001)], "MalformedXML"),
])
def test_rules_that_s3_refuses_are_refused(gateway, rules, code):
    s3 = gateway.client("s3", parameter_validation=False)
    name = "lc-refused"
    try:
        s3.create_bucket(Bucket=name)
    except s3.exceptions.ClientError:
        pass
    filled = [{"Status": "Enabled"} | rule for rule in rules]
    answer = refused(s3.put_bucket_lifecycle_configuration, Bucket=name, LifecycleConfiguration={"Rules": filled})
    assert (answer[1], answer[0]) == (code, 501 if code == "NotImplemented" else 400)


@pytest.mark.parametrize("mode", ["none", "s3", "kms", "bucket-key", "customer"])
def test_objects_of_every_mode_go_and_the_header_said_when(quick, s3, bucket, mode):
    extra = {
        "none": {}, "s3": {"ServerSideEncryption": "AES256"}, "kms": {"ServerSideEncryption": "aws:kms"},
        "bucket-key": {"ServerSideEncryption": "aws:kms", "BucketKeyEnabled": True}, "customer": customer(),
    }[mode]
    take_customer_keys(s3, bucket)
    reading = {name: value for name, value in extra.items() if name.startswith("SSECustomer")}
    s3.put_object(Bucket=bucket, Key="stays", Body=b"x", **extra)
    put(s3, bucket, {"ID": "a b/c", "Filter": {"Prefix": "goes/"}, "Expiration": {"Days": 1}})
    written = s3.put_object(Bucket=bucket, Key="goes/1", Body=b"x" * 100_000, **extra)
    assert urllib.parse.quote("a b/c", safe="") in written["Expiration"]
    head = s3.head_object(Bucket=bucket, Key="goes/1", **reading)
    assert head["Expiration"] == written["Expiration"]
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="stays", **reading)
    until(lambda: keys(s3, bucket) == ["stays"])


def test_versions_markers_and_uploads_go(quick, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for n in range(4):
        s3.put_object(Bucket=bucket, Key="k", Body=str(n).encode())
    upload = s3.create_multipart_upload(Bucket=bucket, Key="u")
    s3.upload_part(Bucket=bucket, Key="u", UploadId=upload["UploadId"], PartNumber=1, Body=b"x" * 100)
    put(s3, bucket,
        {"Expiration": {"Days": 1}},
        {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}},
        {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}})
    parts = s3.list_parts(Bucket=bucket, Key="u", UploadId=upload["UploadId"])
    assert parts["AbortRuleId"] == "rule 2" and parts["AbortDate"]
    until(lambda: versions(s3, bucket) == ([], []))
    until(lambda: not s3.list_multipart_uploads(Bucket=bucket).get("Uploads"))
    s3.delete_bucket(Bucket=bucket)


def test_some_versions_are_kept(quick, s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made = [s3.put_object(Bucket=bucket, Key="k", Body=str(n).encode())["VersionId"] for n in range(6)]
    put(s3, bucket, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2}})
    until(lambda: versions(s3, bucket)[0] == [made[5], made[4], made[3]])


def test_locked_versions_stay(quick, s3):
    s3.create_bucket(Bucket="lc-locked", ObjectLockEnabledForBucket=True)
    locked = s3.put_object(Bucket="lc-locked", Key="k", Body=b"1", ObjectLockLegalHoldStatus="ON", ContentMD5="xMpCOKC5I4INzFCab3WEmw==")
    free = s3.put_object(Bucket="lc-locked", Key="k", Body=b"2")
    put(s3, "lc-locked", {"Expiration": {"Days": 1}}, {"NoncurrentVersionExpiration": {"NoncurrentDays": 1}})
    until(lambda: free["VersionId"] not in versions(s3, "lc-locked")[0])
    assert versions(s3, "lc-locked")[0] == [locked["VersionId"]]


def test_a_policy_that_denies_everything_does_not_stop_it(quick, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    put(s3, bucket, {"Expiration": {"Days": 1}})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    until(lambda: keys(s3, bucket) == [])


def test_it_goes_on_after_a_kill_and_counts_what_it_does(tmp_path):
    settings = tmp_path / "arqueta.toml"
    settings.write_text(f"[lifecycle]\nday_seconds = {DAY}\n")
    gateway = Gateway(tmp_path / "data", "--config", str(settings))
    try:
        s3 = gateway.client("s3")
        s3.create_bucket(Bucket="many")
        for n in range(300):
            s3.put_object(Bucket="many", Key=f"k{n:04}", Body=b"x" * 10)
        put(s3, "many", {"Expiration": {"Days": 1}})
        until(lambda: len(keys(s3, "many")) < 300)
        gateway.restart(signal.SIGKILL)
        s3 = gateway.client("s3")
        until(lambda: keys(s3, "many") == [])
        until(lambda: gateway.metrics()["arqueta_lifecycle_rounds_total"] > 0)
        assert gateway.metrics()["arqueta_lifecycle_last_round_timestamp_seconds"] > 0
    finally:
        gateway.stop()


def test_only_who_may_sets_rules(quick, bucket):
    iam = quick.client("iam")
    iam.create_user(UserName="lc-reader")
    iam.put_user_policy(UserName="lc-reader", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetLifecycleConfiguration", "Resource": f"arn:aws:s3:::{bucket}"}]}))
    key = iam.create_access_key(UserName="lc-reader")["AccessKey"]
    theirs = quick.client("s3", key["AccessKeyId"], key["SecretAccessKey"])
    assert refused(theirs.get_bucket_lifecycle_configuration, Bucket=bucket)[:2] == (404, "NoSuchLifecycleConfiguration")
    rules = {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}
    assert refused(theirs.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=rules)[:2] == (403, "AccessDenied")
    assert refused(theirs.delete_bucket_lifecycle, Bucket=bucket)[:2] == (403, "AccessDenied")
