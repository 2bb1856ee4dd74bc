"""What people buy a key service for, end to end: duties apart, sharing across accounts, three keys in
one bucket, and an auditor who sees the record and nothing else."""

import datetime
import secrets

from accounts import OTHER, allow, deny, document, named
from conftest import refused

ADMINISTRATION = ["kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*", "kms:Disable*",
                  "kms:Get*", "kms:Delete*", "kms:TagResource", "kms:UntagResource", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion"]


def fresh(account, **who):
    name = "b-" + secrets.token_hex(8)
    account.client("s3", **who).create_bucket(Bucket=name)
    return name


def under(key):
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "BucketKeyEnabled": True}


def denied(call, action, **options):
    """A refusal that names the action that was missing."""
    status, code, message = refused(call, **options)
    assert (status, code) == (403, "AccessDenied"), (status, code, message)
    assert action in message, message


class Duties:
    """Security owns the key, developers own the bucket. The account's root user holds neither right."""

    def __init__(self, home):
        self.security_arn, security = home.user(allow("kms:*"))
        self.developer_arn, developer = home.user(allow("s3:*"))
        self.keys = home.client("kms", **security)
        self.key = self.keys.create_key(Policy=document(allow(ADMINISTRATION, Principal={"AWS": self.security_arn})))["KeyMetadata"]["Arn"]
        self.bucket = fresh(home, **developer)
        self.objects = home.client("s3", **developer)
        self.intruder = home.client("s3", **security)
        self.developers_keys = home.client("kms", **developer)
        self.root = home

    def put(self):
        return self.objects.put_object(Bucket=self.bucket, Key="k", Body=b"secret", **under(self.key))

    def get(self, client=None):
        return (client or self.objects).get_object(Bucket=self.bucket, Key="k")["Body"].read()

    def grant(self):
        return self.keys.create_grant(KeyId=self.key, GranteePrincipal=self.developer_arn, Operations=["GenerateDataKey", "Decrypt"])["GrantId"]


def test_developers_cannot_write_or_read_without_securitys_grant(home):
    duties = Duties(home)
    denied(duties.put, "kms:GenerateDataKey")
    grant = duties.grant()
    duties.put()
    assert duties.get() == b"secret"
    duties.keys.revoke_grant(KeyId=duties.key, GrantId=grant)
    denied(duties.get, "kms:Decrypt")
    denied(duties.put, "kms:GenerateDataKey")


def test_security_cannot_read_without_the_developers_grant_and_not_by_that_alone(home):
    duties = Duties(home)
    duties.grant()
    duties.put()
    denied(lambda: duties.get(duties.intruder), "s3:GetObject")
    assert refused(duties.intruder.list_objects_v2, Bucket=duties.bucket)[:2] == (403, "AccessDenied")
    assert refused(duties.intruder.list_buckets)[:2] == (403, "AccessDenied")
    # The developers let security into the bucket; its own key policy lets nobody of security decrypt.
    statement = allow("s3:GetObject", f"arn:aws:s3:::{duties.bucket}/*", Principal={"AWS": duties.security_arn})
    duties.objects.put_bucket_policy(Bucket=duties.bucket, Policy=document(statement))
    denied(lambda: duties.get(duties.intruder), "kms:Decrypt")
    duties.objects.delete_bucket_policy(Bucket=duties.bucket)
    denied(lambda: duties.get(duties.intruder), "s3:GetObject")


def test_developers_do_not_govern_the_key_and_security_does_not_govern_the_bucket(home):
    duties = Duties(home)
    for call, options in ((duties.developers_keys.disable_key, {}), (duties.developers_keys.get_key_policy, {}),
                          (duties.developers_keys.schedule_key_deletion, {}), (duties.developers_keys.create_grant, {
                              "GranteePrincipal": duties.developer_arn, "Operations": ["Decrypt"]})):
        assert refused(call, KeyId=duties.key, **options)[1] == "AccessDeniedException"
    for call in (duties.intruder.delete_bucket, duties.intruder.get_bucket_policy, duties.intruder.get_bucket_encryption):
        assert refused(call, Bucket=duties.bucket)[:2] == (403, "AccessDenied")


def test_the_root_user_is_not_above_a_key_policy_that_leaves_it_out(home):
    duties = Duties(home)
    duties.grant()
    duties.put()
    denied(lambda: duties.get(home.client("s3")), "kms:Decrypt")
    assert refused(home.client("kms").put_key_policy, KeyId=duties.key, Policy=document(allow("kms:*", Principal="*")))[1] == "AccessDeniedException"


def test_a_disabled_key_is_a_shut_door_for_its_users(home):
    duties = Duties(home)
    duties.grant()
    duties.put()
    assert duties.get() == b"secret"
    duties.keys.disable_key(KeyId=duties.key)
    assert refused(duties.get)[1] == "KMS.DisabledException"
    duties.keys.enable_key(KeyId=duties.key)
    assert duties.get() == b"secret"


class Sharing:
    """A bucket and a key here, a role of another account that may decrypt the bucket's objects."""

    def __init__(self, home, abroad):
        self.role = abroad.role(allow(["s3:*", "kms:*"]))
        self.stranger = abroad.role(allow(["s3:*", "kms:*"]))
        self.powerless = abroad.role()
        self.shared, self.private = fresh(home), fresh(home)
        only = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com",
                                 "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{self.shared}"}}
        self.key = home.client("kms").create_key(Policy=document(
            allow("kms:*", Principal={"AWS": f"arn:aws:iam::{home.id}:root"}),
            allow("kms:Decrypt", Principal={"AWS": [self.role, self.powerless]}, Condition=only)))["KeyMetadata"]["Arn"]
        for bucket in (self.shared, self.private):
            home.client("s3").put_object(Bucket=bucket, Key="k", Body=b"x", **under(self.key))
            # Both buckets let the role in, so that the key alone tells them apart.
            home.client("s3").put_bucket_policy(Bucket=bucket, Policy=document(
                allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{bucket}/*", Principal={"AWS": [self.role, self.powerless]})))
        by = abroad.user(allow("sts:AssumeRole"))[1]
        self.sessions = {role: abroad.session(role, by) for role in (self.role, self.stranger, self.powerless)}

    def s3(self, account, role):
        return account.client("s3", **self.sessions[role])


def test_a_role_of_another_account_decrypts_one_buckets_objects(world, home, abroad):
    sharing = Sharing(home, abroad)
    s3 = sharing.s3(abroad, sharing.role)
    assert s3.get_object(Bucket=sharing.shared, Key="k")["Body"].read() == b"x"
    events = [e for e in named(world[0].events("Decrypt"), sharing.key) if e["userIdentity"]["accountId"] == OTHER]
    assert {event["recipientAccountId"] for event in events} == {home.id, OTHER} and len(events) == 2
    assert len({event["sharedEventID"] for event in events}) == 1
    for event in events:
        assert event["resources"][0]["accountId"] == home.id
        if event["recipientAccountId"] == OTHER:
            assert event["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == sharing.role


def test_and_nothing_else(home, abroad):
    sharing = Sharing(home, abroad)
    s3, kms = sharing.s3(abroad, sharing.role), abroad.client("kms", **sharing.sessions[sharing.role])
    # Another bucket under the same key; writing; the key itself, past S3.
    denied(s3.get_object, "kms:Decrypt", Bucket=sharing.private, Key="k")
    denied(s3.put_object, "kms:GenerateDataKey", Bucket=sharing.shared, Key="l", Body=b"y", **under(sharing.key))
    for call, options in ((s3.list_objects_v2, {}), (s3.delete_object, {"Key": "k"}), (s3.get_object_tagging, {"Key": "k"}), (s3.get_bucket_policy, {})):
        assert refused(call, Bucket=sharing.shared, **options)[:2] == (403, "AccessDenied")
    for call, options in ((kms.encrypt, {"Plaintext": b"x"}), (kms.generate_data_key, {"KeySpec": "AES_256"}), (kms.describe_key, {}),
                          (kms.disable_key, {}), (kms.create_grant, {"GranteePrincipal": sharing.role, "Operations": ["Decrypt"]})):
        assert refused(call, KeyId=sharing.key, **options)[1] == "AccessDeniedException"
    mine = home.client("kms").encrypt(KeyId=sharing.key, Plaintext=b"x", EncryptionContext={"aws:s3:arn": f"arn:aws:s3:::{sharing.shared}"})
    assert refused(kms.decrypt, CiphertextBlob=mine["CiphertextBlob"], KeyId=sharing.key,
                   EncryptionContext={"aws:s3:arn": f"arn:aws:s3:::{sharing.shared}"})[1] == "AccessDeniedException"


def test_across_accounts_both_sides_must_agree(home, abroad):
    sharing = Sharing(home, abroad)
    # Named by bucket and key, allowed nothing by its own account; and the other way round.
    for role in (sharing.powerless, sharing.stranger):
        assert refused(sharing.s3(abroad, role).get_object, Bucket=sharing.shared, Key="k")[:2] == (403, "AccessDenied")
    abroad.iam.put_role_policy(RoleName=sharing.powerless.rpartition("/")[2], PolicyName="p", PolicyDocument=document(allow("s3:GetObject")))
    denied(sharing.s3(abroad, sharing.powerless).get_object, "kms:Decrypt", Bucket=sharing.shared, Key="k")
    abroad.iam.put_role_policy(RoleName=sharing.powerless.rpartition("/")[2], PolicyName="k", PolicyDocument=document(allow("kms:Decrypt", sharing.key)))
    assert sharing.s3(abroad, sharing.powerless).get_object(Bucket=sharing.shared, Key="k")["Body"].read() == b"x"


CLASSES = ("public", "hr", "pci")


class Selective:
    """One bucket, three classes of data: each under its own prefix, key and policy."""

    def __init__(self, home):
        self.bucket, root = fresh(home), {"AWS": f"arn:aws:iam::{home.id}:root"}
        people = {name: home.user(allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{self.bucket}/*")) for name in CLASSES}
        arns = {name: arn for name, (arn, _) in people.items()}
        self.clients = {name: home.client("s3", **who) for name, (_, who) in people.items()}
        users = {"public": list(arns.values()), "hr": [arns["hr"]], "pci": [arns["pci"]]}
        kms = home.client("kms")
        self.keys = {name: kms.create_key(Policy=document(
            allow(ADMINISTRATION, Principal=root), allow(["kms:GenerateDataKey", "kms:Decrypt"], Principal={"AWS": users[name]})))["KeyMetadata"]["Arn"]
            for name in CLASSES}
        # What lies under a prefix is sealed under its class's key, or not stored.
        home.client("s3").put_bucket_policy(Bucket=self.bucket, Policy=document(*(
            deny("s3:PutObject", f"arn:aws:s3:::{self.bucket}/{name}/*", Principal="*", Condition={
                "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": self.keys[name]}}) for name in CLASSES)))

    def put(self, who, name, key=None):
        return self.clients[who].put_object(Bucket=self.bucket, Key=f"{name}/k", Body=name.encode(), **under(self.keys[key or name]))

    def get(self, who, name):
        return self.clients[who].get_object(Bucket=self.bucket, Key=f"{name}/k")["Body"].read()


def test_three_classes_of_data_in_one_bucket(home):
    data = Selective(home)
    for name in CLASSES:
        data.put(name, name)
    for who in CLASSES:
        assert data.get(who, "public") == b"public"
        for name in ("hr", "pci"):
            if who == name:
                assert data.get(who, name) == name.encode()
            else:
                denied(lambda: data.get(who, name), "kms:Decrypt")
                denied(lambda: data.put(who, name), "kms:GenerateDataKey")


def test_a_class_of_data_is_stored_under_its_own_key_or_not_at_all(home):
    data = Selective(home)
    for who, name, key in (("hr", "hr", "public"), ("pci", "pci", "public"), ("hr", "public", "hr")):
        denied(lambda: data.put(who, name, key), "explicit deny")
    for options in ({}, {"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms"}):
        denied(data.clients["hr"].put_object, "explicit deny", Bucket=data.bucket, Key="hr/k", Body=b"x", **options)


def test_an_administrator_of_all_three_keys_reads_none_of_the_data(home):
    data = Selective(home)
    for name in CLASSES:
        data.put(name, name)
        denied(home.client("s3").get_object, "kms:Decrypt", Bucket=data.bucket, Key=f"{name}/k")


def test_an_auditor_reads_the_record(world, home):
    duties = Duties(home)
    duties.grant()
    duties.put()
    auditor = home.role()
    home.iam.attach_role_policy(RoleName=auditor.rpartition("/")[2], PolicyArn="arn:aws:iam::aws:policy/AWSCloudTrail_ReadOnlyAccess")
    session = home.session(auditor, home.user(allow("sts:AssumeRole"))[1], "auditor")
    trail = home.client("cloudtrail", **session)
    since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    found = trail.lookup_events(LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": duties.key}], StartTime=since)["Events"]
    assert {"CreateKey", "CreateGrant", "GenerateDataKey"} <= {event["EventName"] for event in found}
    developer = duties.developer_arn.rpartition("/")[2]
    assert {event["Username"] for event in found if event["EventName"] == "GenerateDataKey"} == {developer}


def test_and_an_auditor_reads_and_changes_nothing_else(home):
    duties = Duties(home)
    duties.grant()
    duties.put()
    auditor = home.role()
    home.iam.attach_role_policy(RoleName=auditor.rpartition("/")[2], PolicyArn="arn:aws:iam::aws:policy/AWSCloudTrail_ReadOnlyAccess")
    session = home.session(auditor, home.user(allow("sts:AssumeRole"))[1])
    s3, kms, iam = (home.client(service, **session) for service in ("s3", "kms", "iam"))
    for call, options in ((s3.list_buckets, {}), (s3.list_objects_v2, {"Bucket": duties.bucket}), (s3.get_object, {"Bucket": duties.bucket, "Key": "k"}),
                          (s3.head_object, {"Bucket": duties.bucket, "Key": "k"}), (s3.put_object, {"Bucket": duties.bucket, "Key": "l"}),
                          (s3.delete_bucket, {"Bucket": duties.bucket}), (iam.list_users, {}), (iam.create_user, {"UserName": "x"}),
                          (iam.get_role, {"RoleName": auditor.rpartition("/")[2]})):
        assert refused(call, **options)[0] == 403, options
    for call, options in ((kms.list_keys, {}), (kms.describe_key, {"KeyId": duties.key}), (kms.disable_key, {"KeyId": duties.key}),
                          (kms.get_key_policy, {"KeyId": duties.key})):
        assert refused(call, **options)[1] == "AccessDeniedException"


def test_who_is_no_auditor_does_not_read_the_record(home):
    _, who = home.user(allow(["s3:*", "kms:*", "iam:*"]))
    assert refused(home.client("cloudtrail", **who).lookup_events)[1] == "AccessDeniedException"
