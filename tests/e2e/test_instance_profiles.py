"""Instance profiles and account aliases, as Terraform and the AWS CLI make them, with boto3."""

import pytest
from accounts import Account, allow, document
from conftest import ACCOUNT, refused

TRUST = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})


@pytest.fixture(scope="module")
def home(start):
    return Account(start())


def test_an_instance_profile_from_its_making_to_its_end(home):
    iam = home.iam
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)["Role"]
    made = iam.create_instance_profile(InstanceProfileName="web", Path="/p/", Tags=[{"Key": "team", "Value": "a"}])["InstanceProfile"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/p/web" and made["InstanceProfileId"].startswith("AIPA")
    assert made["Roles"] == [] and made["Tags"] == [{"Key": "team", "Value": "a"}]
    assert refused(iam.create_instance_profile, InstanceProfileName="WEB")[:2] == (409, "EntityAlreadyExists")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="app")
    assert iam.get_waiter("instance_profile_exists").wait(InstanceProfileName="web") is None
    [held] = iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"]["Roles"]
    assert (held["Arn"], held["RoleId"]) == (role["Arn"], role["RoleId"])
    assert refused(iam.add_role_to_instance_profile, InstanceProfileName="web", RoleName="app")[:2] == (409, "LimitExceeded")
    [listed] = iam.list_instance_profiles_for_role(RoleName="app")["InstanceProfiles"]
    assert listed["InstanceProfileName"] == "web" and "Tags" not in listed
    [told] = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    assert [profile["Arn"] for profile in told["InstanceProfileList"]] == [made["Arn"]]
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["InstanceProfiles"], summary["InstanceProfilesQuota"]) == (1, 1000)

    for call, names in ((iam.delete_role, {"RoleName": "app"}), (iam.delete_instance_profile, {"InstanceProfileName": "web"})):
        said = refused(call, **names)
        assert said == (409, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first.")
    iam.tag_instance_profile(InstanceProfileName="web", Tags=[{"Key": "stage", "Value": "b"}])
    assert [tag["Key"] for tag in iam.list_instance_profile_tags(InstanceProfileName="web")["Tags"]] == ["stage", "team"]
    iam.untag_instance_profile(InstanceProfileName="web", TagKeys=["stage", "team"])
    assert iam.list_instance_profile_tags(InstanceProfileName="web")["Tags"] == []
    iam.remove_role_from_instance_profile(InstanceProfileName="web", RoleName="app")
    assert refused(iam.remove_role_from_instance_profile, InstanceProfileName="web", RoleName="app")[:2] == (404, "NoSuchEntity")
    iam.delete_instance_profile(InstanceProfileName="web")
    iam.delete_role(RoleName="app")
    assert refused(iam.get_instance_profile, InstanceProfileName="web") == (404, "NoSuchEntity", "Instance Profile web cannot be found.")


def test_pages(home):
    for n in range(5):
        home.iam.create_instance_profile(InstanceProfileName=f"page{n}", Path="/pages/")
    pages = home.iam.get_paginator("list_instance_profiles").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 2})
    assert [[profile["InstanceProfileName"][-1] for profile in page["InstanceProfiles"]] for page in pages] == [["0", "1"], ["2", "3"], ["4"]]


def test_a_role_is_handed_over_only_by_who_may_pass_it(home):
    home.iam.create_role(RoleName="strong", AssumeRolePolicyDocument=TRUST)
    home.iam.create_instance_profile(InstanceProfileName="held")
    add = {"InstanceProfileName": "held", "RoleName": "strong"}
    profile, role = f"arn:aws:iam::{ACCOUNT}:instance-profile/held", f"arn:aws:iam::{ACCOUNT}:role/strong"
    adds = allow("iam:AddRoleToInstanceProfile", profile)
    _, who = home.user(adds)
    status, code, message = refused(home.gateway.client("iam", **who).add_role_to_instance_profile, **add)
    assert (status, code) == (403, "AccessDenied") and f"iam:PassRole on resource: {role}" in message
    _, who = home.user(adds, allow("iam:PassRole", role, Condition={"StringEquals": {"iam:PassedToService": "s3.amazonaws.com"}}))
    assert refused(home.gateway.client("iam", **who).add_role_to_instance_profile, **add)[:2] == (403, "AccessDenied")
    _, who = home.user(adds, allow("iam:PassRole", role, Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}))
    home.gateway.client("iam", **who).add_role_to_instance_profile(**add)


def test_an_account_has_one_alias(home):
    iam = home.iam
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias="first-name")
    assert refused(iam.create_account_alias, AccountAlias="first-name") == (409, "EntityAlreadyExists", "The account alias first-name already exists.")
    iam.create_account_alias(AccountAlias="second")
    assert iam.list_account_aliases()["AccountAliases"] == ["second"]
    for alias in ("Not", "a--b", "-ab", "123456789012"):
        assert refused(iam.create_account_alias, AccountAlias=alias)[:2] == (400, "ValidationError")
    assert refused(iam.delete_account_alias, AccountAlias="first-name")[:2] == (404, "NoSuchEntity")
    iam.delete_account_alias(AccountAlias="second")
    assert iam.list_account_aliases()["AccountAliases"] == []
