"""The record: which calls are in it, in which shape, and what `arqueta audit` says of it."""

import base64
import json
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import urllib.request

import pytest
from conftest import ACCOUNT, BINARY, SECRET_KEY, Gateway, customer, refused, take_customer_keys

OTHER = "111122223333"

# CloudTrail User Guide, "CloudTrail record contents for management, data, and network activity events".
FIELDS = {
    "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
    "userAgent", "errorCode", "errorMessage", "requestParameters", "responseElements", "additionalEventData",
    "requestID", "eventID", "eventType", "apiVersion", "managementEvent", "readOnly", "resources",
    "recipientAccountId", "serviceEventDetails", "sharedEventID", "vpcEndpointId", "eventCategory",
    "sessionCredentialFromConsole", "edgeDeviceDetails", "tlsDetails"}
ALWAYS = {
    "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
    "userAgent", "requestParameters", "responseElements", "requestID", "eventID", "eventType", "managementEvent",
    "readOnly", "recipientAccountId", "eventCategory"}
IDENTITY = {
    "type", "userName", "principalId", "arn", "accountId", "accessKeyId", "sessionContext", "invokedBy",
    "onBehalfOf", "inScopeOf", "credentialId", "identityProvider"}
TYPES = {"Root", "IAMUser", "AssumedRole", "FederatedUser", "AWSAccount", "AWSService"}


def check_shape(event):
    assert ALWAYS <= event.keys() <= FIELDS, event.keys() ^ ALWAYS
    assert re.fullmatch(r"1\.\d+", event["eventVersion"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["eventTime"])
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", event["eventID"])
    assert re.fullmatch(r"\d{12}", event["recipientAccountId"])
    assert event["eventCategory"] == ("Management" if event["managementEvent"] else "Data")
    identity = event["userIdentity"]
    assert identity.keys() <= IDENTITY and identity["type"] in TYPES, identity
    if identity["type"] in ("Root", "IAMUser", "AssumedRole", "FederatedUser"):
        assert {"principalId", "arn", "accountId"} <= identity.keys()
    if identity["type"] in ("AssumedRole", "FederatedUser"):
        issuer = identity["sessionContext"]["sessionIssuer"]
        assert issuer.keys() == {"type", "principalId", "arn", "accountId", "userName"}
    for resource in event.get("resources", []):
        assert {"ARN", "type"} <= resource.keys() <= {"ARN", "type", "accountId"}


def audit(gateway, *arguments, data=None):
    """Exit code and lines of `arqueta audit`."""
    command = [BINARY, "audit", *arguments, "--data-dir", str(data or gateway.data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60,
                          env={k: v for k, v in os.environ.items() if not k.startswith("ARQUETA_")})
    return done.returncode, done.stdout.splitlines() + done.stderr.splitlines()


def verify(gateway, **options):
    running = gateway.process.poll() is None and "data" not in options
    admin = ("--admin", gateway.admin_url.removeprefix("http://")) if running else ()
    return audit(gateway, "verify", *admin, **options)


@pytest.fixture(scope="module")
def recorded(start, tmp_path_factory):
    """A gateway on which a little of everything has happened."""
    settings = tmp_path_factory.mktemp("config") / "arqueta.toml"
    settings.write_text(f'accounts = ["{OTHER}"]\n')
    gateway = start("--config", str(settings))
    text = "\n".join(gateway.banner)
    other_key, other_secret = re.search(
        rf"of account {OTHER}.*?AWS_ACCESS_KEY_ID=(\S+) AWS_SECRET_ACCESS_KEY=(\S+)", text, re.S).groups()
    gateway.other = (other_key, other_secret)
    return gateway


def test_bucket_administration_is_recorded_in_cloudtrails_shape(recorded):
    s3 = recorded.client("s3")
    s3.create_bucket(Bucket="administered")
    s3.put_bucket_versioning(Bucket="administered", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_encryption(Bucket="administered", ServerSideEncryptionConfiguration={
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
    s3.put_bucket_cors(Bucket="administered", CORSConfiguration={
        "CORSRules": [{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"]}]})
    s3.put_bucket_tagging(Bucket="administered", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:PutObjectAcl", "Resource": "arn:aws:s3:::administered/*"}]}
    s3.put_bucket_policy(Bucket="administered", Policy=json.dumps(policy))
    s3.get_bucket_policy(Bucket="administered")
    s3.list_buckets()
    s3.delete_bucket_policy(Bucket="administered")
    s3.delete_bucket_website(Bucket="administered")
    assert refused(s3.get_bucket_cors, Bucket="no-such-bucket-" + secrets.token_hex(4))[1] == "NoSuchBucket"
    s3.put_object(Bucket="administered", Key="k", Body=b"x")

    events = [event for event in recorded.events() if event["eventSource"] == "s3.amazonaws.com"]
    assert not [event for event in events if event["eventName"] == "PutObject"], "no trail selects data events"
    found = {event["eventName"]: event for event in events}
    for name in ["CreateBucket", "PutBucketVersioning", "PutBucketEncryption", "PutBucketCors", "PutBucketTagging",
                 "PutBucketPolicy", "GetBucketPolicy", "ListBuckets", "DeleteBucketPolicy", "DeleteBucketWebsite", "GetBucketCors"]:
        event = found[name]
        check_shape(event)
        assert event["managementEvent"] is True and event["recipientAccountId"] == ACCOUNT
        assert event["readOnly"] is name.startswith(("Get", "List"))
        assert event["responseElements"] is None
        assert {"SignatureVersion", "AuthenticationMethod", "bytesTransferredIn", "bytesTransferredOut",
                "x-amz-id-2"} <= event["additionalEventData"].keys()
    assert found["PutBucketPolicy"]["requestParameters"]["bucketPolicy"] == policy
    assert found["PutBucketVersioning"]["requestParameters"]["VersioningConfiguration"]["Status"] == "Enabled"
    assert found["PutBucketCors"]["requestParameters"]["CORSConfiguration"]["CORSRule"]["AllowedMethod"] == ["GET", "PUT"]
    assert found["GetBucketCors"]["errorCode"] == "NoSuchBucket"
    assert found["CreateBucket"]["resources"] == [
        {"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::administered"}]
    assert found["CreateBucket"]["requestParameters"]["bucketName"] == "administered"


def test_each_account_concerned_has_its_copy_and_sees_only_its_own(recorded):
    kms = recorded.client("kms")
    other = recorded.client("kms", *recorded.other)
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in (ACCOUNT, OTHER)]},
         "Action": "kms:*", "Resource": "*"}]}
    arn = kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]
    made = other.generate_data_key(KeyId=arn, KeySpec="AES_256")
    request = made["ResponseMetadata"]["RequestId"]
    copies = {event["recipientAccountId"]: event for event in recorded.events("GenerateDataKey")
              if event["requestID"] == request}
    assert copies.keys() == {ACCOUNT, OTHER}
    for copy in copies.values():
        check_shape(copy)
        assert copy["additionalEventData"]["keyMaterialId"] == made["KeyMaterialId"]
    assert copies[ACCOUNT]["sharedEventID"] == copies[OTHER]["sharedEventID"]
    assert copies[ACCOUNT]["eventID"] != copies[OTHER]["eventID"]
    assert copies[OTHER]["userIdentity"]["type"] == "Root"
    assert copies[ACCOUNT]["userIdentity"] == {"type": "AWSAccount", "principalId": OTHER, "accountId": OTHER}

    for client, account in ((recorded.client("cloudtrail"), ACCOUNT), (recorded.client("cloudtrail", *recorded.other), OTHER)):
        pages = client.get_paginator("lookup_events").paginate()
        seen = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]
        assert seen and {event["recipientAccountId"] for event in seen} == {account}


def test_an_assumed_role_is_an_event_of_both_accounts(recorded):
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Action": "sts:AssumeRole"}]}
    iam = recorded.client("iam")
    arn = iam.create_role(RoleName="shared", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    user = recorded.client("iam", *recorded.other)
    user.create_user(UserName="guest")
    user.put_user_policy(UserName="guest", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn}]}))
    key = user.create_access_key(UserName="guest")["AccessKey"]
    sts = recorded.client("sts", key["AccessKeyId"], key["SecretAccessKey"])
    issued = sts.assume_role(RoleArn=arn, RoleSessionName="visit")
    copies = [event for event in recorded.events("AssumeRole")
              if event["requestID"] == issued["ResponseMetadata"]["RequestId"]]
    assert {copy["recipientAccountId"] for copy in copies} == {ACCOUNT, OTHER}
    assert len({copy["sharedEventID"] for copy in copies}) == 1
    for copy in copies:
        check_shape(copy)
        assert copy["readOnly"] is True
        assert copy["resources"] == [{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": arn}]
    text = json.dumps(recorded.events())
    for secret in (issued["Credentials"]["SecretAccessKey"], issued["Credentials"]["SessionToken"], key["SecretAccessKey"]):
        assert secret not in text
    assert refused(sts.assume_role, RoleArn=arn.replace("shared", "none"), RoleSessionName="visit")[1] == "AccessDenied"
    denied = recorded.events("AssumeRole")[-1]
    assert (denied["errorCode"], denied["recipientAccountId"]) == ("AccessDenied", OTHER)


def test_no_secret_is_ever_in_the_record(recorded):
    kms, s3, sts, iam = (recorded.client(name) for name in ("kms", "s3", "sts", "iam"))
    known = [SECRET_KEY.encode(), b"a plaintext that nobody may read, 0123456789"]
    key = kms.create_key()["KeyMetadata"]["Arn"]
    sealed = kms.encrypt(KeyId=key, Plaintext=known[1])["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=sealed)
    kms.re_encrypt(CiphertextBlob=sealed, DestinationKeyId=key)
    known.append(kms.generate_data_key(KeyId=key, NumberOfBytes=32)["Plaintext"])
    known.append(kms.generate_random(NumberOfBytes=32)["Plaintext"])
    token = sts.get_session_token()["Credentials"]
    known += [token["SecretAccessKey"].encode(), token["SessionToken"].encode()]
    session = recorded.client("s3", token["AccessKeyId"], token["SecretAccessKey"], token["SessionToken"])
    session.list_buckets()
    iam.create_user(UserName="keeper")
    known.append(iam.create_access_key(UserName="keeper")["AccessKey"]["SecretAccessKey"].encode())
    s3.create_bucket(Bucket="secretive")
    take_customer_keys(s3, "secretive")
    raw = secrets.token_bytes(32)
    known.append(raw)
    s3.put_object(Bucket="secretive", Key="k", Body=known[1], **customer(raw))
    s3.get_object(Bucket="secretive", Key="k", **customer(raw))
    url = s3.generate_presigned_url("get_bucket_versioning", Params={"Bucket": "secretive"})
    urllib.request.urlopen(url, timeout=10).read()
    known.append(re.search("X-Amz-Signature=([0-9a-f]{64})", url)[1].encode())

    lines = b"".join(path.read_bytes() for path in (recorded.data / "audit").iterdir())
    for secret in known:
        forms = {secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret)}
        for form in forms:
            assert form not in lines, form
    for event in recorded.events():
        check_shape(event)


def test_people_can_search_the_record(recorded):
    recorded.client("s3").create_bucket(Bucket="searched")
    code, lines = audit(recorded, "search", "--event", "createbucket", "--resource", "searched")
    assert code == 0 and len(lines) == 1 and "s3:CreateBucket" in lines[0] and "arn:aws:s3:::searched" in lines[0]
    code, lines = audit(recorded, "search", "--event", "Create*", "--resource", "searched", "--json")
    assert [json.loads(line)["eventName"] for line in lines] == ["CreateBucket"]
    assert audit(recorded, "search", "--resource", "searched", "--from", "2099-01-01") == (0, [])
    assert audit(recorded, "search", "--resource", "searched", "--error", "*") == (0, [])
    assert len(audit(recorded, "search", "--resource", "searched", "--user", ":root", "--account", ACCOUNT)[1]) == 1
    assert audit(recorded, "search", "--unfinished") == (0, []), "every announced change has its outcome"
    code, lines = audit(recorded, "tail", "-n", "3", "--json")
    assert code == 0 and len(lines) == 3 and json.loads(lines[-1])["resources"][0]["ARN"] == "arn:aws:s3:::searched"
    assert audit(recorded, "search", "--from", "yesterday")[0] != 0


def test_tail_follows(recorded):
    command = [BINARY, "audit", "tail", "-f", "-n", "0", "--data-dir", str(recorded.data)]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        # Whenever the follower has begun, a later bucket is seen.
        for n in range(100):
            recorded.client("s3").create_bucket(Bucket=f"followed-{n}")
            if select.select([follower.stdout], [], [], 0.5)[0]:
                break
        assert "s3:CreateBucket" in follower.stdout.readline()
    finally:
        follower.kill()
        follower.wait()


def test_an_untouched_record_is_valid_running_stopped_and_after_a_kill(start):
    gateway = start()
    s3 = gateway.client("s3")
    for n in range(5):
        s3.create_bucket(Bucket=f"valid-{n}")
    code, lines = verify(gateway)
    assert code == 0 and lines[0].startswith("valid: 5 events"), lines
    gateway.stop()
    assert verify(gateway)[0] == 0
    gateway.start()
    gateway.client("s3").create_bucket(Bucket="valid-5")
    gateway.stop(signal.SIGKILL)
    code, lines = verify(gateway)
    assert code == 0 and lines[0].startswith("valid: 6 events"), lines
    gateway.start()
    gateway.client("s3").create_bucket(Bucket="valid-6")
    code, lines = verify(gateway)
    assert code == 0 and lines[0].startswith("valid: 7 events"), lines
    code, lines = audit(gateway, "verify", "--admin", "127.0.0.1:1")
    assert code != 0 and "--admin" in lines[-1], "a gateway that runs is not taken for one that is stopped"


@pytest.fixture(scope="module")
def stopped(start):
    """A stopped gateway with some events, to be copied and tampered with."""
    gateway = start()
    s3 = gateway.client("s3")
    for n in range(4):
        s3.create_bucket(Bucket=f"tampered-{n}")
    gateway.stop()
    return gateway


def edited(lines):
    at = next(n for n, line in enumerate(lines) if "tampered-2" in line and "eventVersion" in line)
    lines[at] = lines[at].replace("tampered-2", "tampered-9")


def group_of(lines, name):
    """Borders of the group that holds an event of this bucket."""
    at = next(n for n, line in enumerate(lines) if name in line and line.startswith('{"eventVersion'))
    first = max([n + 1 for n in range(at) if lines[n].startswith('{"seal"')], default=0)
    last = next(n for n in range(at, len(lines)) if lines[n].startswith('{"seal"'))
    return first, last + 1


def removed_event(lines):
    del lines[next(n for n, line in enumerate(lines) if "tampered-2" in line)]


def removed_group(lines):
    first, last = group_of(lines, "tampered-2")
    del lines[first:last]


def truncated(lines):
    first, _ = group_of(lines, "tampered-3")
    del lines[first:]


def reordered(lines):
    (first, middle), (_, last) = group_of(lines, "tampered-1"), group_of(lines, "tampered-2")
    lines[first:last] = lines[middle:last] + lines[first:middle]


def added(lines):
    lines.append(next(line for line in lines if "tampered-2" in line).replace("tampered-2", "tampered-9"))


@pytest.mark.parametrize("how, said", [
    (edited, "are not what was recorded"),
    (removed_event, "are not what was recorded"),
    (removed_group, "removed"),
    (truncated, "the end of the record was removed"),
    (reordered, "does not belong there"),
    (added, "nothing vouches"),
])
def test_a_tampered_record_is_not_valid(stopped, tmp_path, how, said):
    data = tmp_path / "data"
    shutil.copytree(stopped.data, data)
    assert verify(stopped, data=data)[0] == 0
    path = next((data / "audit").iterdir())
    lines = path.read_text().splitlines(keepends=True)
    how(lines)
    path.write_text("".join(lines))
    code, found = verify(stopped, data=data)
    assert code == 1 and said in "\n".join(found), found


def test_a_removed_file_is_noticed_and_stays_noticed(stopped, start, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(stopped.data, data)
    next((data / "audit").iterdir()).unlink()
    code, found = verify(stopped, data=data)
    assert code == 1 and "the end of the record was removed" in found[0], found
    gateway = start(data=data)
    gateway.client("s3").create_bucket(Bucket="later")
    code, found = verify(gateway)
    assert code == 1 and "removed (1 to " in found[0], found


def test_a_rewritten_record_needs_the_root_key(stopped, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(stopped.data, data)
    (data / "root.key").write_bytes(secrets.token_bytes(32))
    code, found = verify(stopped, data=data)
    assert code == 1 and "root key" in found[-1], found


def folder_in_the_way(gateway):
    """Nothing can be written to the record any more, not even by root."""
    record = gateway.data / "audit"
    shutil.move(record, gateway.data / "audit.away")
    record.write_text("a file where the folder was")


def test_what_cannot_be_recorded_does_not_happen(start):
    gateway = start()
    s3, iam, kms = (gateway.client(name) for name in ("s3", "iam", "kms"))
    s3.create_bucket(Bucket="closed")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    folder_in_the_way(gateway)
    # The file that is open is no longer the record's: it was moved away, not removed.
    for path in (gateway.data / "audit.away").iterdir():
        path.unlink()
    assert refused(s3.create_bucket, Bucket="unrecorded")[0] == 500
    assert refused(s3.put_bucket_versioning, Bucket="closed", VersioningConfiguration={"Status": "Enabled"})[0] == 500
    assert refused(s3.list_buckets)[0] == 500
    assert refused(iam.create_user, UserName="unrecorded")[0] == 500
    assert refused(kms.disable_key, KeyId=key)[0] == 500
    assert refused(kms.generate_data_key, KeyId=key, KeySpec="AES_256")[0] == 500
    s3.put_object(Bucket="closed", Key="k", Body=b"objects that no trail selects go on")
    (gateway.data / "audit").unlink()
    (gateway.data / "audit").mkdir()
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["closed"]
    assert "Status" not in s3.get_bucket_versioning(Bucket="closed")
    assert iam.list_users()["Users"] == []
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Enabled"] is True
    code, found = verify(gateway)
    assert code == 1 and "removed" in "\n".join(found), "the record that was taken away is missed"


def test_a_log_that_cannot_be_written_stops_no_record(start, tmp_path):
    gateway = start()
    gateway.stop()
    gateway.stderr_path.unlink()
    gateway.stderr_path.symlink_to("/dev/full")
    gateway.start()
    kms = gateway.client("kms")
    folder_in_the_way(gateway)
    for path in (gateway.data / "audit.away").iterdir():
        path.unlink()
    # Each failure is told to the log, which is full.
    for _ in range(3):
        assert refused(kms.create_key)[0] == 500
    (gateway.data / "audit").unlink()
    (gateway.data / "audit").mkdir()
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert [event for event in gateway.events("CreateKey") if key in json.dumps(event)]


def test_a_lenient_gateway_goes_on_and_says_so(start, tmp_path):
    settings = tmp_path / "arqueta.toml"
    settings.write_text("[audit]\nfail_closed = false\n")
    gateway = start("--config", str(settings))
    gateway.client("s3").create_bucket(Bucket="before")
    folder_in_the_way(gateway)
    for path in (gateway.data / "audit.away").iterdir():
        path.unlink()
    gateway.client("s3").create_bucket(Bucket="after")
    assert "NOT RECORDED" in gateway.stderr_path.read_text()


def test_pruning_is_for_a_stopped_gateway_and_leaves_the_last_file(start):
    gateway = start()
    gateway.client("s3").create_bucket(Bucket="kept")
    code, lines = audit(gateway, "prune", "--before", "2100-01-01")
    assert code != 0 and "another process" in lines[-1] and "stop it first" in lines[-1], lines
    gateway.stop()
    assert audit(gateway, "prune", "--before", "2100-01-01") == (0, ["nothing to remove"])
    code, lines = audit(gateway, "prune", "--before", "tomorrow")
    assert code != 0 and "2026-11-21" in "\n".join(lines)
    code, lines = verify(gateway)
    assert code == 0 and lines[0].startswith("valid: 1 events"), lines


def test_what_nobody_signed_and_a_delete_written_oddly_are_told_as_they_are(start):
    gateway = start()
    s3, trail = gateway.client("s3"), gateway.client("cloudtrail")
    for bucket in ("record", "vault"):
        s3.create_bucket(Bucket=bucket)
    statement = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
    s3.put_bucket_policy(Bucket="record", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        statement | {"Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::record"},
        statement | {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::record/AWSLogs/{ACCOUNT}/*"}]}))
    trail.create_trail(Name="vault-trail", S3BucketName="record")
    trail.put_event_selectors(TrailName="vault-trail", EventSelectors=[{"ReadWriteType": "All", "DataResources": [
        {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::vault/secret/"]}]}])
    trail.start_logging(Name="vault-trail")
    s3.put_object(Bucket="vault", Key="secret/payroll", Body=b"x")
    s3.copy_object(Bucket="record", Key="stolen", CopySource="vault/secret/payroll")
    [copied] = gateway.events("CopyObject")
    arns = [resource["ARN"] for resource in copied["resources"]]
    assert arns[:2] == ["arn:aws:s3:::record/stolen", "arn:aws:s3:::vault/secret/payroll"]
    s3.delete_objects(Bucket="vault", Delete={"Objects": [{"Key": "secret/payroll"}, {"Key": "other"}]})
    [deleted] = gateway.events("DeleteObjects")
    assert [resource["ARN"] for resource in deleted["resources"]] == [
        "arn:aws:s3:::vault/secret/payroll", "arn:aws:s3:::vault"]
    announced = [json.loads(line)["announced"]["eventName"] for path in (gateway.data / "audit").glob("*.jsonl")
                 for line in path.read_text().splitlines() if line.startswith('{"announced"')]
    assert announced == [], "what is about to happen is durable with it, not before"
    assert {"CreateTrail", "PutEventSelectors", "StartLogging"} <= {event["eventName"] for event in gateway.events()}
    assert verify(gateway)[0] == 0


def test_metadata_that_was_put_back_is_refused_until_it_is_accepted(tmp_path):
    """Policies, identities and keys of yesterday under the record of today."""
    gateway = Gateway(tmp_path / "data")
    iam = gateway.client("iam")
    iam.create_user(UserName="kept")
    gateway.stop()
    backup = tmp_path / "backup"
    backup.mkdir()
    shutil.copytree(gateway.data / "meta.journal", backup / "meta.journal")
    shutil.copy(gateway.data / "meta.redb", backup / "meta.redb")

    gateway.start()
    iam = gateway.client("iam")
    iam.delete_user(UserName="kept")
    gateway.stop()
    for restart in (signal.SIGTERM, signal.SIGKILL):
        gateway.start()
        gateway.stop(restart)

    def put_back():
        shutil.rmtree(gateway.data / "meta.journal")
        shutil.copytree(backup / "meta.journal", gateway.data / "meta.journal")
        shutil.copy(backup / "meta.redb", gateway.data / "meta.redb")

    put_back()
    code, told = audit(gateway, "verify")
    assert code == 1 and "the metadata was put back" in told[0], told
    for _ in range(2):
        with pytest.raises(AssertionError, match="older than the audit record.*--accept-older-metadata"):
            gateway.start()
        assert gateway.process.wait(timeout=60) != 0
    gateway.options = ("--accept-older-metadata",)
    gateway.start()
    assert [u["UserName"] for u in gateway.client("iam").list_users()["Users"]] == ["kept"]
    [accepted] = gateway.events("OlderMetadataAccepted")
    assert accepted["serviceEventDetails"]["notedGroup"] > accepted["serviceEventDetails"]["knownGroup"]
    gateway.stop(signal.SIGKILL)
    gateway.options = ()
    gateway.start()
    gateway.stop()
    assert audit(gateway, "verify")[0] == 0


def test_whatever_was_answered_before_a_kill_is_told_once(tmp_path):
    """The event of a change is committed with it; the record's files follow."""
    gateway = Gateway(tmp_path / "data")
    for n in range(6):
        gateway.client("iam").create_user(UserName=f"killed-{n}")
        gateway.client("kms").create_key(Description=f"killed-{n}")
        gateway.client("s3").create_bucket(Bucket=f"killed-{n}")
        gateway.stop(signal.SIGKILL)
        gateway.start()
        for name in ("CreateUser", "CreateKey", "CreateBucket"):
            told = gateway.events(name)
            assert len(told) == n + 1 and len({event["requestID"] for event in told}) == n + 1, (name, told)
            assert not any("outcome" in (event.get("additionalEventData") or {}) for event in told)
    gateway.stop()
    assert audit(gateway, "search", "--unfinished") == (0, [])
    assert verify(gateway)[0] == 0
