"""Replication between buckets of one gateway: what goes, what it is there, what it says of itself, and whom the
record names. What leaves the gateway is test_replication_elsewhere's, where there is one."""

import hashlib
import http.server
import json
import secrets
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from accounts import Account, allow, document
from conftest import ACCOUNT, customer, refused, take_customer_keys, until
from told import listen, settings, webhook

OTHER = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/replicator"
SOURCE_ACTIONS = ["s3:GetReplicationConfiguration", "s3:ListBucket", "s3:GetObjectVersionForReplication",
                  "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"]
DESTINATION_ACTIONS = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags", "s3:ObjectOwnerOverrideToBucketOwner"]
TRUST = document({"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"})
BODY = b"what is to be in two places " * 100


def rule(to, priority=1, **more):
    destination = {"Bucket": f"arn:aws:s3:::{to}"} | more.pop("Destination", {})
    return {"ID": f"r{priority}", "Priority": priority, "Status": "Enabled", "Filter": {},
            "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": destination} | more


def under_kms(to, key, priority=1, **more):
    criteria = {"SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}}}
    return rule(to, priority, Destination={"EncryptionConfiguration": {"ReplicaKmsKeyID": key}}, **criteria | more)


class Place:
    """A gateway with a role that may replicate, and buckets made on demand."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.s3, self.kms = gateway.client("s3"), gateway.client("kms")
        self.account = Account(gateway)

    def role(self, name="replicator", trust=TRUST, statements=None):
        self.account.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        statements = statements or [allow(SOURCE_ACTIONS + DESTINATION_ACTIONS), allow(["kms:Decrypt", "kms:GenerateDataKey"])]
        self.account.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    def key(self):
        return self.kms.create_key()["KeyMetadata"]["Arn"]

    def bucket(self, default=None, lock=False, versions=True, s3=None):
        s3 = s3 or self.s3
        name = "b-" + secrets.token_hex(6)
        s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        if versions and not lock:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if default:
            s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [default]})
        return name

    def replicate(self, source, *rules, role=ROLE):
        self.s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role, "Rules": list(rules)})

    def status(self, bucket, key, version=None):
        which = {"VersionId": version} if version else {}
        return self.s3.head_object(Bucket=bucket, Key=key, **which).get("ReplicationStatus")

    def settled(self, bucket, key, version=None):
        """The state of a version once it waits no more."""
        return until(lambda: (state := self.status(bucket, key, version)) != "PENDING" and state)

    def waiting(self):
        return sum(count for name, count in self.gateway.metrics().items() if name.startswith("arqueta_replication_waiting{"))

    def failed(self, reason):
        return sum(count for name, count in self.gateway.metrics().items()
                   if name.startswith("arqueta_replication_failed_total{") and f'reason="{reason}"' in name)


@pytest.fixture(scope="module")
def place(start, tmp_path_factory):
    """Objects are unencrypted unless somebody asks for more: the case of AWS's second example."""
    return begun(start, "--config", settings(tmp_path_factory.mktemp("settings"), "[objects]\ndefault_encryption = false\n"))


def begun(start, *options):
    place = Place(start(*options))
    place.role()
    return place


def test_a_version_is_where_the_rule_says_and_says_so(place):
    source, there = place.bucket(), place.bucket()
    place.replicate(source, rule(there))
    made = place.s3.put_object(Bucket=source, Key="a/ü", Body=BODY, Metadata={"who": "me"}, ContentType="text/x",
                               Tagging="team=a", StorageClass="STANDARD_IA", CacheControl="no-store")
    assert place.settled(source, "a/ü") == "COMPLETED"
    replica = place.s3.get_object(Bucket=there, Key="a/ü")
    original = place.s3.head_object(Bucket=source, Key="a/ü")
    assert replica["Body"].read() == BODY
    assert replica["ReplicationStatus"] == "REPLICA"
    assert replica["VersionId"] == made["VersionId"]
    for same in ("ETag", "LastModified", "Metadata", "ContentType", "CacheControl", "StorageClass", "ContentLength"):
        assert replica[same] == original[same], same
    assert place.s3.get_object_tagging(Bucket=there, Key="a/ü")["TagSet"] == [{"Key": "team", "Value": "a"}]
    assert place.waiting() == 0


def test_parts_stay_parts(place):
    source, there = place.bucket(), place.bucket()
    place.replicate(source, rule(there))
    upload = place.s3.create_multipart_upload(Bucket=source, Key="k")["UploadId"]
    bodies = [secrets.token_bytes(5 << 20), b"tail"]
    parts = [{"PartNumber": n, "ETag": place.s3.upload_part(Bucket=source, Key="k", UploadId=upload, PartNumber=n, Body=body)["ETag"]}
             for n, body in enumerate(bodies, 1)]
    place.s3.complete_multipart_upload(Bucket=source, Key="k", UploadId=upload, MultipartUpload={"Parts": parts})
    assert place.settled(source, "k") == "COMPLETED"
    ours, theirs = (place.s3.head_object(Bucket=name, Key="k", PartNumber=1) for name in (source, there))
    assert (theirs["ETag"], theirs["PartsCount"], theirs["ContentLength"]) == (ours["ETag"], 2, 5 << 20)
    assert place.s3.get_object(Bucket=there, Key="k")["Body"].read() == b"".join(bodies)


def test_filters_and_priorities(place):
    source, one, two = place.bucket(), place.bucket(), place.bucket()
    place.replicate(source, rule(one, 1, Filter={"Prefix": "one/"}), rule(two, 2, Filter={"And": {
        "Prefix": "two/", "Tags": [{"Key": "go", "Value": "yes"}]}}), rule(two, 3, Filter={"Prefix": "two/never/"}, Status="Disabled"))
    for key, tags in [("one/a", ""), ("two/a", "go=yes"), ("two/b", "go=no"), ("three", "go=yes"), ("two/never/x", "go=yes")]:
        place.s3.put_object(Bucket=source, Key=key, Body=b"x", Tagging=tags)
    assert [place.settled(source, key) for key in ("one/a", "two/a", "two/never/x")] == ["COMPLETED"] * 3
    assert [place.status(source, key) for key in ("two/b", "three")] == [None, None]
    def there(name):
        return [found["Key"] for found in place.s3.list_objects_v2(Bucket=name).get("Contents", [])]
    assert (there(one), there(two)) == (["one/a"], ["two/a", "two/never/x"])


def test_completed_means_every_destination(place):
    source, one, two = place.bucket(), place.bucket(), place.bucket()
    place.replicate(source, rule(one, 1), rule(two, 2))
    place.s3.put_object(Bucket=source, Key="k", Body=b"x")
    assert place.settled(source, "k") == "COMPLETED"
    assert [place.status(name, "k") for name in (one, two)] == ["REPLICA"] * 2
    # One destination that does not take it is enough to fail, and the other has it all the same.
    place.s3.put_bucket_policy(Bucket=two, Policy=document({
        "Effect": "Deny", "Principal": "*", "Action": "s3:ReplicateObject", "Resource": f"arn:aws:s3:::{two}/*"}))
    place.s3.put_object(Bucket=source, Key="l", Body=b"x")
    assert until(lambda: place.status(source, "l") == "FAILED")
    until(lambda: place.waiting() == 0)
    assert (place.status(source, "l"), place.status(one, "l")) == ("FAILED", "REPLICA")
    assert place.failed("DstPutObjectNotPermitted") >= 1


def test_delete_markers_go_where_a_rule_says_so_and_deletes_of_versions_never(place):
    source, there, without = place.bucket(), place.bucket(), place.bucket()
    place.replicate(source, rule(there, 1, DeleteMarkerReplication={"Status": "Enabled"}), rule(without, 2))
    made = place.s3.put_object(Bucket=source, Key="k", Body=b"x")["VersionId"]
    assert place.settled(source, "k") == "COMPLETED"
    marker = place.s3.delete_object(Bucket=source, Key="k")["VersionId"]
    def markers(name):
        return [found["VersionId"] for found in place.s3.list_object_versions(Bucket=name, Prefix="k").get("DeleteMarkers", [])]
    until(lambda: markers(there))
    until(lambda: place.waiting() == 0)
    assert (markers(there), markers(without)) == ([marker], [])
    place.s3.delete_object(Bucket=source, Key="k", VersionId=made)
    place.s3.put_object(Bucket=source, Key="after", Body=b"x")
    assert place.settled(source, "after") == "COMPLETED"
    assert place.s3.get_object(Bucket=there, Key="k", VersionId=made)["Body"].read() == b"x"


def test_tags_and_locks_follow(place):
    source, there = place.bucket(lock=True), place.bucket(lock=True)
    place.replicate(source, rule(there))
    place.s3.put_object(Bucket=source, Key="k", Body=b"x", Tagging="a=1", ObjectLockMode="GOVERNANCE",
                        ObjectLockRetainUntilDate="2099-01-01T00:00:00Z")
    assert place.settled(source, "k") == "COMPLETED"
    assert place.s3.head_object(Bucket=there, Key="k")["ObjectLockMode"] == "GOVERNANCE"
    version = place.s3.head_object(Bucket=there, Key="k")["VersionId"]
    assert refused(place.s3.delete_object, Bucket=there, Key="k", VersionId=version)[1] == "AccessDenied"
    place.s3.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": [{"Key": "b", "Value": "2"}]})
    place.s3.put_object_legal_hold(Bucket=source, Key="k", LegalHold={"Status": "ON"})
    assert until(lambda: place.s3.head_object(Bucket=there, Key="k").get("ObjectLockLegalHoldStatus") == "ON")
    assert place.s3.get_object_tagging(Bucket=there, Key="k")["TagSet"] == [{"Key": "b", "Value": "2"}]
    assert place.settled(source, "k") == "COMPLETED"
    assert place.status(there, "k") == "REPLICA"


def test_a_loop_of_rules_does_not_run_away(place):
    one, two = place.bucket(), place.bucket()
    both = {"SourceSelectionCriteria": {"ReplicaModifications": {"Status": "Enabled"}},
            "DeleteMarkerReplication": {"Status": "Enabled"}}
    place.replicate(one, rule(two, **both))
    place.replicate(two, rule(one, **both))
    place.s3.put_object(Bucket=one, Key="a", Body=b"1")
    place.s3.put_object(Bucket=two, Key="b", Body=b"2")
    assert [place.settled(one, "a"), place.settled(two, "b")] == ["COMPLETED"] * 2
    assert [place.status(two, "a"), place.status(one, "b")] == ["REPLICA"] * 2
    # A change of a replica goes back, and no further.
    place.s3.put_object_tagging(Bucket=two, Key="a", Tagging={"TagSet": [{"Key": "from", "Value": "two"}]})
    assert until(lambda: place.s3.get_object_tagging(Bucket=one, Key="a")["TagSet"]) == [{"Key": "from", "Value": "two"}]
    until(lambda: place.waiting() == 0)
    assert [place.status(one, "a"), place.status(two, "a")] == ["COMPLETED", "REPLICA"]
    place.s3.delete_object(Bucket=one, Key="a")
    until(lambda: place.s3.list_object_versions(Bucket=two, Prefix="a").get("DeleteMarkers"))
    until(lambda: place.waiting() == 0)
    for name in (one, two):
        listed = place.s3.list_object_versions(Bucket=name)
        assert [len(listed.get("Versions", [])), len(listed.get("DeleteMarkers", []))] == [2, 1]


# How sources are encrypted, and what the replica then is under a destination's default.
KINDS = ["none", "SSE-S3", "SSE-KMS", "SSE-KMS + bucket key", "DSSE"]
DEFAULTS = ["none", "SSE-S3", "SSE-KMS", "SSE-KMS + bucket key", "DSSE"]


def asked(kind, key):
    under = {"SSEKMSKeyId": key}
    return {"none": {}, "SSE-S3": {"ServerSideEncryption": "AES256"}, "SSE-KMS": {"ServerSideEncryption": "aws:kms"} | under,
            "SSE-KMS + bucket key": {"ServerSideEncryption": "aws:kms", "BucketKeyEnabled": True} | under,
            "DSSE": {"ServerSideEncryption": "aws:kms:dsse"} | under}[kind]


def default(kind, key):
    by = {"none": None, "SSE-S3": {"SSEAlgorithm": "AES256"}, "DSSE": {"SSEAlgorithm": "aws:kms:dsse", "KMSMasterKeyID": key}}
    by = by.get(kind, {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key})
    return by and {"ApplyServerSideEncryptionByDefault": by, "BucketKeyEnabled": "bucket key" in kind}


def told(head):
    return head.get("ServerSideEncryption"), head.get("SSEKMSKeyId"), head.get("BucketKeyEnabled")


@pytest.mark.parametrize("there", DEFAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_replica_is_encrypted_as_its_source_and_an_unencrypted_one_by_default(place, kind, there):
    ours, theirs, usual = place.key(), place.key(), place.key()
    source, destination = place.bucket(), place.bucket(default(there, usual))
    place.replicate(source, under_kms(destination, theirs))
    place.s3.put_object(Bucket=source, Key="k", Body=BODY, **asked(kind, ours))
    assert place.settled(source, "k") == "COMPLETED"
    original, replica = (place.s3.head_object(Bucket=name, Key="k") for name in (source, destination))
    expected = {
        "none": told({}) if there == "none" else told(asked(there, usual)), "SSE-S3": ("AES256", None, None),
        "SSE-KMS": ("aws:kms", theirs, None), "SSE-KMS + bucket key": ("aws:kms", theirs, True), "DSSE": ("aws:kms:dsse", theirs, None),
    }[kind]
    assert told(replica) == expected
    assert place.s3.get_object(Bucket=destination, Key="k")["Body"].read() == BODY
    digest = f'"{hashlib.md5(BODY).hexdigest()}"'
    plain = {None, "AES256"}
    assert (original["ETag"] == digest) is (original.get("ServerSideEncryption") in plain)
    assert (replica["ETag"] == digest) is (replica.get("ServerSideEncryption") in plain)
    assert (replica["ETag"] == original["ETag"]) is (original["ETag"] == replica["ETag"] == digest)


def test_the_context_is_kept_and_the_record_names_the_role(place):
    ours, theirs = place.key(), place.key()
    source, destination = place.bucket(), place.bucket()
    place.replicate(source, under_kms(destination, theirs))
    place.s3.put_object(Bucket=source, Key="k", Body=BODY, **asked("SSE-KMS", ours),
                        SSEKMSEncryptionContext="eyJ0ZWFtIjoiYSJ9")  # {"team":"a"}
    assert place.settled(source, "k") == "COMPLETED"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/replicator/s3-replication"
    def of_role(name, key):
        return [event for event in place.gateway.events(name) if event["userIdentity"].get("arn") == session
                and any(found["ARN"] == key for found in event["resources"])]
    read, written = of_role("Decrypt", ours), of_role("GenerateDataKey", theirs)
    assert (len(read), len(written)) == (1, 1)
    assert read[0]["requestParameters"]["encryptionContext"] == {"aws:s3:arn": f"arn:aws:s3:::{source}/k", "team": "a"}
    assert written[0]["requestParameters"]["encryptionContext"] == {"aws:s3:arn": f"arn:aws:s3:::{destination}/k", "team": "a"}
    for event in read + written:
        assert event["userIdentity"]["type"] == "AssumedRole"
        assert event["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == ROLE
        assert event["userIdentity"]["invokedBy"].startswith("s3.")
    assumed = [event for event in place.gateway.events("AssumeRole") if event["requestParameters"]["roleArn"] == ROLE]
    assert assumed[0]["userIdentity"] == {"type": "AWSService", "invokedBy": "s3.amazonaws.com"}


def test_a_thousand_objects_cost_a_handful_of_calls_to_the_key_service(start):
    place = begun(start)
    ours, theirs = place.key(), place.key()
    source, destination = place.bucket(), place.bucket()
    place.replicate(source, under_kms(destination, theirs))
    def calls():
        return place.gateway.kms_calls("GenerateDataKey") + place.gateway.kms_calls("Decrypt")
    def put(n):
        place.s3.put_object(Bucket=source, Key=f"k/{n}", Body=b"x" * 4096, **asked("SSE-KMS + bucket key", ours))
    put(0)
    assert place.settled(source, "k/0") == "COMPLETED"
    before = calls()
    with ThreadPoolExecutor(16) as many:
        list(many.map(put, range(1, 1000)))
    until(lambda: place.waiting() == 0)
    assert {place.status(source, f"k/{n}") for n in range(0, 1000, 37)} == {"COMPLETED"}
    listed = place.s3.get_paginator("list_objects_v2").paginate(Bucket=destination)
    assert sum(page["KeyCount"] for page in listed) == 1000
    assert calls() - before < 10


def test_objects_under_kms_keys_stay_unless_the_rule_says_otherwise(place):
    source, there = place.bucket(), place.bucket()
    place.replicate(source, rule(there))
    place.s3.put_object(Bucket=source, Key="sealed", Body=b"x", **asked("SSE-KMS", place.key()))
    place.s3.put_object(Bucket=source, Key="plain", Body=b"x")
    assert (place.settled(source, "plain"), place.status(source, "sealed")) == ("COMPLETED", None)


def test_a_disabled_key_fails_and_a_changed_version_tries_again(place):
    ours, theirs = place.key(), place.key()
    source, destination = place.bucket(), place.bucket()
    place.replicate(source, under_kms(destination, theirs))
    place.kms.disable_key(KeyId=theirs)
    place.s3.put_object(Bucket=source, Key="k", Body=BODY, **asked("SSE-KMS", ours))
    assert place.settled(source, "k") == "FAILED"
    assert place.failed("DstKmsKeyInvalidState") == 1
    place.kms.enable_key(KeyId=theirs)
    # A change of a version that is not there brings the version.
    place.s3.put_object_tagging(Bucket=source, Key="k", Tagging={"TagSet": [{"Key": "again", "Value": "1"}]})
    assert until(lambda: place.status(source, "k") == "COMPLETED")
    assert place.s3.get_object(Bucket=destination, Key="k")["Body"].read() == BODY


@pytest.mark.parametrize("statements, reason", [
    ([allow(SOURCE_ACTIONS)], "DstPutObjectNotPermitted"),
    ([allow([a for a in SOURCE_ACTIONS if not a.endswith("ForReplication")] + DESTINATION_ACTIONS)], "SrcGetObjectNotPermitted"),
    ([allow([a for a in SOURCE_ACTIONS if not a.endswith("Tagging")] + DESTINATION_ACTIONS)], "SrcGetTaggingNotPermitted"),
    ([allow(SOURCE_ACTIONS + [a for a in DESTINATION_ACTIONS if not a.endswith("Tags")])], "DstPutTaggingNotPermitted"),
], ids=lambda of: of if isinstance(of, str) else "")
def test_what_the_role_may_not_fails_by_its_reason(place, statements, reason):
    role = place.role("r-" + secrets.token_hex(6), statements=statements)
    source, there = place.bucket(), place.bucket()
    place.replicate(source, rule(there), role=role)
    before = place.failed(reason)
    place.s3.put_object(Bucket=source, Key="k", Body=b"x", Tagging="a=1")
    assert place.settled(source, "k") == "FAILED"
    assert place.failed(reason) == before + 1


def test_a_role_that_does_not_trust_s3_is_not_assumed(place):
    role = place.role("r-" + secrets.token_hex(6), trust=TRUST.replace("s3.amazonaws.com", "lambda.amazonaws.com"))
    source, there = place.bucket(), place.bucket()
    place.replicate(source, rule(there), role=role)
    place.s3.put_object(Bucket=source, Key="k", Body=b"x")
    assert place.settled(source, "k") == "FAILED"
    assert place.failed("AssumeRoleNotPermitted") >= 1
    denied = [event for event in place.gateway.events("AssumeRole") if event["requestParameters"]["roleArn"] == role]
    assert denied[0]["errorCode"] == "AccessDenied"


def test_a_destination_that_is_gone_or_has_no_versions_fails(place):
    source, gone, bare = place.bucket(), place.bucket(), place.bucket()
    place.replicate(source, rule(gone, 1, Filter={"Prefix": "gone/"}), rule(bare, 2, Filter={"Prefix": "bare/"}))
    place.s3.delete_bucket(Bucket=gone)
    place.s3.put_bucket_versioning(Bucket=bare, VersioningConfiguration={"Status": "Suspended"})
    for key, reason in (("gone/k", "DstBucketNotFound"), ("bare/k", "DstBucketUnversioned")):
        before = place.failed(reason)
        place.s3.put_object(Bucket=source, Key=key, Body=b"x")
        assert place.settled(source, key) == "FAILED"
        assert place.failed(reason) == before + 1


def test_nothing_is_lost_when_it_is_killed_in_the_middle(start):
    place = begun(start)
    source, there = place.bucket(), place.bucket()
    place.replicate(source, rule(there))
    def put(n):
        place.s3.put_object(Bucket=source, Key=f"k/{n:04}", Body=str(n).encode())
    with ThreadPoolExecutor(8) as many:
        list(many.map(put, range(300)))
    place.gateway.restart(signal.SIGKILL)
    place.s3 = place.gateway.client("s3")
    with ThreadPoolExecutor(8) as many:
        list(many.map(put, range(300, 400)))
    place.gateway.restart(signal.SIGKILL)
    place.s3 = place.gateway.client("s3")
    until(lambda: {place.status(source, f"k/{n:04}") for n in range(400)} == {"COMPLETED"})
    for n in range(0, 400, 7):
        assert place.s3.get_object(Bucket=there, Key=f"k/{n:04}")["Body"].read() == str(n).encode()
    ours, theirs = ([(v["Key"], v["VersionId"]) for page in place.s3.get_paginator("list_object_versions").paginate(Bucket=name)
                     for v in page["Versions"]] for name in (source, there))
    assert ours == theirs


def test_configurations_come_back_as_they_were_set(place):
    source, there = place.bucket(), place.bucket()
    key = place.key()
    rules = [
        under_kms(there, key, 1, Filter={"And": {"Prefix": "a", "Tags": [{"Key": "k", "Value": "v"}]}}),
        rule(there, 2, Filter={"Tag": {"Key": "k", "Value": "v"}}, Destination={
            "Account": ACCOUNT, "StorageClass": "STANDARD_IA", "AccessControlTranslation": {"Owner": "Destination"},
            "Metrics": {"Status": "Enabled"}}),
        rule(there, 3, Status="Disabled", SourceSelectionCriteria={"ReplicaModifications": {"Status": "Enabled"}}),
    ]
    place.replicate(source, *rules)
    assert place.s3.get_bucket_replication(Bucket=source)["ReplicationConfiguration"] == {"Role": ROLE, "Rules": rules}
    changed = place.gateway.events("PutBucketReplication")[-1]
    assert changed["requestParameters"]["ReplicationConfiguration"]["Role"] == ROLE
    suspended = refused(place.s3.put_bucket_versioning, Bucket=source, VersioningConfiguration={"Status": "Suspended"})
    assert suspended[:2] == (409, "InvalidBucketState")
    place.s3.delete_bucket_replication(Bucket=source)
    assert refused(place.s3.get_bucket_replication, Bucket=source)[:2] == (404, "ReplicationConfigurationNotFoundError")
    place.s3.put_bucket_versioning(Bucket=source, VersioningConfiguration={"Status": "Suspended"})
    first = {"ID": "v1", "Status": "Enabled", "Prefix": "", "Destination": {"Bucket": f"arn:aws:s3:::{there}"}}
    again = place.bucket()
    place.replicate(again, first)
    assert place.s3.get_bucket_replication(Bucket=again)["ReplicationConfiguration"]["Rules"] == [first]


def test_configurations_that_cannot_work_are_refused(place):
    source, there, bare, locked = place.bucket(), place.bucket(), place.bucket(versions=False), place.bucket(lock=True)
    def answer(bucket, *rules, role=ROLE):
        return refused(place.s3.put_bucket_replication, Bucket=bucket, ReplicationConfiguration={"Role": role, "Rules": list(rules)})
    for got, wanted, said in [
        (answer(bare, rule(there)), "InvalidRequest", "Versioning must be 'Enabled' on the bucket to apply a replication configuration"),
        (answer(source, rule(bare)), "InvalidRequest", "Destination bucket must have versioning enabled."),
        (answer(source, rule("b-" + "0" * 12)), "InvalidRequest", "Destination bucket must exist."),
        (answer(source, rule(source)), "InvalidRequest", "Destination bucket cannot be the same as the source bucket."),
        (answer(locked, rule(there)), "InvalidRequest", "Object Lock must be enabled on the destination bucket"),
        (answer(source, rule(there), role="arn:aws:iam::1:role/x"), "InvalidArgument", "Invalid Role specified in replication configuration"),
    ]:
        assert (got[0], got[1]) == (400, wanted), got
        assert said in got[2]
    foreign = answer(source, rule(there), role=ROLE.replace(ACCOUNT, OTHER))
    assert foreign[:2] == (403, "AccessDenied")
    _, who = place.account.user(allow("s3:*"))
    call = place.gateway.client("s3", **who).put_bucket_replication
    denied = refused(call, Bucket=source, ReplicationConfiguration={"Role": ROLE, "Rules": [rule(there)]})
    assert denied[:2] == (403, "AccessDenied") and "iam:PassRole" in denied[2] and ROLE in denied[2]
    _, who = place.account.user(allow("s3:*"), allow("iam:PassRole", ROLE, Condition={
        "StringEquals": {"iam:PassedToService": "s3.amazonaws.com"}}))
    place.gateway.client("s3", **who).put_bucket_replication(
        Bucket=source, ReplicationConfiguration={"Role": ROLE, "Rules": [rule(there)]})


def test_objects_under_customers_keys_fail_by_name(place):
    source, there = place.bucket(), place.bucket()
    take_customer_keys(place.s3, source)
    place.replicate(source, rule(there))
    key = customer()
    place.s3.put_object(Bucket=source, Key="k", Body=b"x", **key)
    assert until(lambda: place.s3.head_object(Bucket=source, Key="k", **key)["ReplicationStatus"] == "FAILED")
    assert place.failed("SrcObjectNotEligible") >= 1


def test_lifecycle_and_replicas_leave_no_rows_behind(place):
    """A version that goes away before it was replicated is nobody's any more."""
    source, there = place.bucket(), place.bucket()
    place.replicate(source, rule(there))
    made = [place.s3.put_object(Bucket=source, Key="k", Body=json.dumps(n).encode())["VersionId"] for n in range(20)]
    for version in made:
        place.s3.delete_object(Bucket=source, Key="k", VersionId=version)
    until(lambda: place.waiting() == 0)
    place.s3.delete_bucket(Bucket=source)


def test_what_was_there_before_goes_where_a_rule_says_so(place):
    source, there, without = place.bucket(), place.bucket(), place.bucket()
    versions = [place.s3.put_object(Bucket=source, Key="k", Body=str(n).encode())["VersionId"] for n in range(3)]
    place.s3.put_object(Bucket=source, Key="tagged", Body=b"x", Tagging="a=1")
    place.replicate(source, rule(there, 1, ExistingObjectReplication={"Status": "Enabled"}), rule(without, 2))
    until(lambda: [place.status(source, "k", version) for version in versions] == ["COMPLETED"] * 3)
    assert place.settled(source, "tagged") == "COMPLETED"
    listed = place.s3.list_object_versions(Bucket=there, Prefix="k")["Versions"]
    assert [found["VersionId"] for found in listed] == versions[::-1]
    assert place.s3.get_object(Bucket=there, Key="k")["Body"].read() == b"2"
    assert "Versions" not in place.s3.list_object_versions(Bucket=without)


def test_a_failure_is_told_where_the_rule_has_metrics(start, tmp_path):
    heard = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        place = begun(start, "--config", settings(tmp_path, webhook("hook", server.server_address[1])))
        source, there, quiet = place.bucket(), place.bucket(), place.bucket()
        place.replicate(source, rule(there, 1, Filter={"Prefix": "told/"}, Destination={"Metrics": {"Status": "Enabled"}}),
                        rule(quiet, 2, Filter={"Prefix": "quiet/"}))
        listen(place.s3, source, "s3:Replication:*")
        for name in (there, quiet):
            place.s3.delete_bucket(Bucket=name)
        for key in ("quiet/k", "told/k"):
            made = place.s3.put_object(Bucket=source, Key=key, Body=b"x")
            assert place.settled(source, key) == "FAILED"
        record = until(lambda: heard)[0]["Records"][0]
        server.shutdown()
    assert len(heard) == 1
    assert (record["eventName"], record["s3"]["object"]["key"]) == ("Replication:OperationFailedReplication", "told/k")
    assert (record["s3"]["object"]["versionId"], record["userIdentity"]) == (made["VersionId"], {"principalId": "s3.amazonaws.com"})
    data = record["replicationEventData"]
    assert (data["failureReason"], data["destinationBucket"]) == ("DstBucketNotFound", f"arn:aws:s3:::{there}")
    assert (data["replicationRuleId"], data["s3Operation"]) == ("r1", "OBJECT_PUT")


def test_another_account_lets_replicas_in(world):
    gateway, home, abroad = world
    place = Place(gateway)
    place.role("to-others")
    role = f"arn:aws:iam::{home.id}:role/to-others"
    theirs = abroad.client("s3")
    key = abroad.client("kms").create_key()["KeyMetadata"]["Arn"]
    source, there = place.bucket(), place.bucket(s3=theirs)
    ours = place.key()
    destination = {"Account": abroad.id, "AccessControlTranslation": {"Owner": "Destination"}}
    sealed = under_kms(there, key)
    place.replicate(source, sealed | {"Destination": sealed["Destination"] | destination}, role=role)
    place.s3.put_object(Bucket=source, Key="k", Body=BODY)
    assert place.settled(source, "k") == "FAILED"
    theirs.put_bucket_policy(Bucket=there, Policy=document({
        "Effect": "Allow", "Principal": {"AWS": role}, "Resource": f"arn:aws:s3:::{there}/*", "Action": DESTINATION_ACTIONS}))
    place.s3.put_object(Bucket=source, Key="l", Body=BODY)
    assert place.settled(source, "l") == "COMPLETED"
    assert theirs.get_object(Bucket=there, Key="l")["Body"].read() == BODY
    # Their key has to let the role in, too.
    place.s3.put_object(Bucket=source, Key="m", Body=BODY, **asked("SSE-KMS", ours))
    assert place.settled(source, "m") == "FAILED"
    policy = json.loads(abroad.client("kms").get_key_policy(KeyId=key)["Policy"])
    policy["Statement"].append({"Effect": "Allow", "Principal": {"AWS": role}, "Action": "kms:GenerateDataKey", "Resource": "*"})
    abroad.client("kms").put_key_policy(KeyId=key, Policy=json.dumps(policy))
    place.s3.put_object(Bucket=source, Key="n", Body=BODY, **asked("SSE-KMS", ours))
    assert place.settled(source, "n") == "COMPLETED"
    assert theirs.head_object(Bucket=there, Key="n")["SSEKMSKeyId"] == key
    # A rule that names another owner than the bucket has sends nothing.
    place.replicate(source, rule(there, Destination={"Account": home.id}), role=role)
    place.s3.put_object(Bucket=source, Key="o", Body=BODY)
    assert place.settled(source, "o") == "FAILED"
    assert place.failed("DstBucketNotFound") >= 1
