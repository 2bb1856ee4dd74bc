"""What the AWS provider of Terraform calls: create, wait, read back everything, plan no change, destroy.

The order of the calls is the provider's own: it reads what it has set until it sees it, and compares
policies as documents and tags as sets.
"""

import json
import secrets

import pytest
from conftest import ACCOUNT, REGION, refused

TAGS = [{"TagKey": "Name", "TagValue": "example"}, {"TagKey": "Team", "TagValue": "data"}]


def policy(*more):
    root = {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [root, *more]}


def read_key(kms, key):
    """What a refresh of aws_kms_key reads."""
    metadata = kms.describe_key(KeyId=key)["KeyMetadata"]
    document = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    rotation = kms.get_key_rotation_status(KeyId=key)
    tags = [tag for page in kms.get_paginator("list_resource_tags").paginate(KeyId=key) for tag in page["Tags"]]
    return metadata, json.loads(document), rotation, sorted(tags, key=lambda tag: tag["TagKey"])


def test_a_key_as_terraform_keeps_it(kms):
    made = kms.create_key(
        BypassPolicyLockoutSafetyCheck=False, CustomerMasterKeySpec="SYMMETRIC_DEFAULT", KeyUsage="ENCRYPT_DECRYPT",
        Description="example", MultiRegion=False, Policy=json.dumps(policy()), Tags=TAGS)["KeyMetadata"]
    key = made["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    metadata, document, rotation, tags = read_key(kms, key)
    assert (metadata["Arn"], metadata["Description"], metadata["Enabled"], metadata["MultiRegion"], metadata["KeyState"]) == \
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}", "example", True, False, "Enabled")
    assert (metadata["CustomerMasterKeySpec"], metadata["KeyUsage"], metadata["Origin"]) == ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "AWS_KMS")
    assert document == policy() and tags == TAGS
    assert (rotation["KeyRotationEnabled"], rotation["RotationPeriodInDays"]) == (True, 180)

    changed = policy({"Sid": "Deny", "Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(changed), BypassPolicyLockoutSafetyCheck=False)
    kms.update_key_description(KeyId=key, Description="changed")
    kms.disable_key_rotation(KeyId=key)
    kms.untag_resource(KeyId=key, TagKeys=["Team"])
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "Name", "TagValue": "changed"}])
    kms.disable_key(KeyId=key)
    metadata, document, rotation, tags = read_key(kms, made["Arn"])
    assert (metadata["Description"], metadata["Enabled"], metadata["KeyState"]) == ("changed", False, "Disabled")
    assert document == changed and not rotation["KeyRotationEnabled"]
    assert tags == [{"TagKey": "Name", "TagValue": "changed"}]

    gone = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert gone["KeyState"] == "PendingDeletion" and kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert refused(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=7)[:2] == (400, "KMSInvalidStateException")


def test_an_alias_is_found_page_by_page(kms, key):
    """aws_kms_alias reads by paging through all aliases until it meets its own."""
    names = sorted(f"alias/tf-{secrets.token_hex(4)}" for _ in range(7))
    for name in names:
        kms.create_alias(AliasName=name, TargetKeyId=key)
    pages = list(kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 3}))
    found = {alias["AliasName"]: alias for page in pages for alias in page["Aliases"]}
    assert len(pages) > 2 and set(names) <= set(found)
    assert found[names[0]]["AliasArn"] == f"arn:aws:kms:{REGION}:{ACCOUNT}:{names[0]}"
    assert key.endswith(found[names[0]]["TargetKeyId"])
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName=names[0], TargetKeyId=other)
    assert [alias["AliasName"] for alias in kms.list_aliases(KeyId=other)["Aliases"]] == [names[0]]
    for name in names:
        kms.delete_alias(AliasName=name)
    assert refused(kms.delete_alias, AliasName=names[0])[:2] == (400, "NotFoundException")
    status, code, message = refused(kms.create_alias, AliasName=names[0], TargetKeyId=names[1])
    assert (status, code) == (400, "ValidationException") and "Not aliases" in message
    assert refused(kms.create_alias, AliasName="alias/a:b", TargetKeyId=key)[1] == "ValidationException"


def test_a_grant_as_terraform_keeps_it(kms, iam, key):
    role = "tf-" + secrets.token_hex(4)
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    grantee = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    wanted = {"GranteePrincipal": grantee, "Operations": ["Encrypt", "Decrypt", "GenerateDataKey"], "Name": "my-grant",
              "Constraints": {"EncryptionContextEquals": {"Department": "Finance"}}}
    made = kms.create_grant(KeyId=key, **wanted)
    listed = [grant for page in kms.get_paginator("list_grants").paginate(KeyId=key) for grant in page["Grants"]]
    (grant,) = [grant for grant in listed if grant["GrantId"] == made["GrantId"]]
    assert {name: sorted(grant[name]) if name == "Operations" else grant[name] for name in wanted} == wanted | {"Operations": sorted(wanted["Operations"])}
    kms.revoke_grant(KeyId=key, GrantId=made["GrantId"])
    assert kms.list_grants(KeyId=key)["Grants"] == []
    iam.delete_role(RoleName=role)


def test_tags_of_a_role_are_listed_page_by_page(iam):
    role = "tf-" + secrets.token_hex(4)
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    tags = [{"Key": key, "Value": "v"} for key in ("b", "C", "a", "d", "E")]
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust), Tags=tags)
    pages = [iam.list_role_tags(RoleName=role, MaxItems=2)]
    while pages[-1]["IsTruncated"]:
        pages.append(iam.list_role_tags(RoleName=role, MaxItems=2, Marker=pages[-1]["Marker"]))
    assert [[tag["Key"] for tag in page["Tags"]] for page in pages] == [["a", "b"], ["C", "d"], ["E"]]
    assert len(iam.list_role_tags(RoleName=role)["Tags"]) == 5
    iam.delete_role(RoleName=role)


def test_a_bucket_under_a_key_as_terraform_keeps_it(s3, key):
    """aws_s3_bucket and its companions: encryption, versioning, policy, public access block, tags."""
    name = "tf-" + secrets.token_hex(6)
    s3.create_bucket(Bucket=name)
    s3.head_bucket(Bucket=name)
    rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, "BucketKeyEnabled": True}]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert {part: rule[part] for part in rules[0]} == rules[0]
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    block = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == block
    secure = {"Version": "2012-10-17", "Statement": [{"Sid": "Secure", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
              "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"], "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}]}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(secure))
    assert json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]) == secure
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "Name", "Value": "example"}]})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "Name", "Value": "example"}]
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    s3.delete_bucket_policy(Bucket=name)
    assert refused(s3.get_bucket_policy, Bucket=name)[:2] == (404, "NoSuchBucketPolicy")
    s3.delete_bucket(Bucket=name)
    assert refused(s3.head_bucket, Bucket=name)[0] == 404


# What the provider asks of every bucket that it reads, and takes these codes for "not there".
@pytest.mark.parametrize("call, codes", [
    ("get_bucket_cors", ["NoSuchCORSConfiguration"]),
    ("get_bucket_policy", ["NoSuchBucketPolicy"]),
    ("get_bucket_tagging", ["NoSuchTagSet"]),
    ("get_object_lock_configuration", ["ObjectLockConfigurationNotFoundError"]),
    ("get_bucket_lifecycle_configuration", ["NoSuchLifecycleConfiguration", "NotImplemented"]),
    ("get_bucket_replication", ["ReplicationConfigurationNotFoundError", "NotImplemented"]),
    ("get_bucket_website", ["NoSuchWebsiteConfiguration", "NotImplemented"]),
])
def test_what_a_bucket_does_not_have_is_said_in_the_words_of_s3(s3, bucket, call, codes):
    assert refused(getattr(s3, call), Bucket=bucket)[1] in codes
