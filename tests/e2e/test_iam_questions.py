"""What IAM answers about policies and users without changing anything: simulations, and what Terraform
and other tools ask before they change or delete an identity."""

import pytest
from accounts import Account, allow, deny, document
from conftest import ACCOUNT, refused


@pytest.fixture
def home(gateway):
    return Account(gateway)


def decisions(answer):
    return {(r["EvalActionName"], r["EvalResourceName"]): r["EvalDecision"] for r in answer["EvaluationResults"]}


def test_a_simulation_decides_as_a_request_would(home):
    arn, who = home.user(allow("s3:Get*", "arn:aws:s3:::b/*"), deny("s3:GetObject", "arn:aws:s3:::b/secret/*"))
    answer = home.iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=["s3:GetObject", "s3:PutObject"], ResourceArns=["arn:aws:s3:::b/k", "arn:aws:s3:::b/secret/k"])
    assert decisions(answer) == {
        ("s3:GetObject", "arn:aws:s3:::b/k"): "allowed", ("s3:GetObject", "arn:aws:s3:::b/secret/k"): "explicitDeny",
        ("s3:PutObject", "arn:aws:s3:::b/k"): "implicitDeny", ("s3:PutObject", "arn:aws:s3:::b/secret/k"): "implicitDeny"}
    assert answer["IsTruncated"] is False


def test_groups_managed_policies_and_boundaries_count(home):
    arn, _ = home.user()
    name = arn.rpartition("/")[2]
    home.iam.create_group(GroupName=name)
    home.iam.add_user_to_group(GroupName=name, UserName=name)
    home.iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=document(allow("kms:Decrypt")))
    home.iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    ask = {"PolicySourceArn": arn, "ActionNames": ["kms:Decrypt", "s3:GetObject", "s3:PutObject"]}
    assert list(decisions(home.iam.simulate_principal_policy(**ask)).values()) == ["allowed", "allowed", "implicitDeny"]
    home.iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    results = home.iam.simulate_principal_policy(**ask)["EvaluationResults"]
    assert [r["EvalDecision"] for r in results] == ["implicitDeny", "allowed", "implicitDeny"]
    assert results[0]["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    assert results[1]["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    of_group = home.iam.simulate_principal_policy(PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:group/{name}", ActionNames=["kms:Decrypt", "s3:GetObject"])
    assert list(decisions(of_group).values()) == ["allowed", "implicitDeny"]


def test_conditions_are_met_by_the_context_given(home):
    policy = document(allow("s3:ListBucket", Condition={"StringEquals": {"s3:prefix": "hr/"}, "Bool": {"aws:SecureTransport": "true"}}))
    ask = {"PolicyInputList": [policy], "ActionNames": ["s3:ListBucket"]}
    [result] = home.iam.simulate_custom_policy(**ask)["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:SecureTransport", "s3:prefix"])
    entries = [{"ContextKeyName": "s3:prefix", "ContextKeyValues": ["hr/"], "ContextKeyType": "string"},
               {"ContextKeyName": "aws:SecureTransport", "ContextKeyValues": ["true"], "ContextKeyType": "boolean"}]
    [result] = home.iam.simulate_custom_policy(**ask, ContextEntries=entries)["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])


def test_which_context_keys_policies_ask_for(home):
    policy = document(allow("s3:GetObject", "arn:aws:s3:::b/${aws:username}/*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    assert home.iam.get_context_keys_for_custom_policy(PolicyInputList=[policy])["ContextKeyNames"] == ["aws:SourceIp", "aws:username"]
    arn, _ = home.user(allow("s3:*", Condition={"StringEquals": {"s3:x-amz-acl": "private"}}))
    assert home.iam.get_context_keys_for_principal_policy(PolicySourceArn=arn)["ContextKeyNames"] == ["s3:x-amz-acl"]


def test_simulations_that_cannot_be(home):
    policy = document(allow("s3:*"))
    assert refused(home.iam.simulate_custom_policy, PolicyInputList=["{"], ActionNames=["s3:GetObject"])[:2] == (400, "InvalidInput")
    assert refused(home.iam.simulate_principal_policy, PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/nobody", ActionNames=["s3:GetObject"])[:2] == (404, "NoSuchEntity")
    assert refused(home.iam.simulate_custom_policy, PolicyInputList=[policy], ActionNames=["s3:GetObject"], ResourceHandlingOption="EC2-VPC-EBS")[0] == 501
    _, who = home.user(allow("iam:Get*"))
    asker = home.client("iam", **who)
    assert refused(asker.simulate_custom_policy, PolicyInputList=[policy], ActionNames=["s3:GetObject"])[:2] == (403, "AccessDenied")
    # Who may not ask does not learn who exists.
    for name in ("nobody", home.user()[0].rpartition("/")[2]):
        assert refused(asker.simulate_principal_policy, PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/{name}", ActionNames=["s3:GetObject"])[:2] == (403, "AccessDenied")


def test_what_is_asked_before_a_user_is_deleted(home):
    name = home.user()[0].rpartition("/")[2]
    iam = home.iam
    for call, member in ((iam.list_mfa_devices, "MFADevices"), (iam.list_ssh_public_keys, "SSHPublicKeys"),
                         (iam.list_signing_certificates, "Certificates"), (iam.list_service_specific_credentials, "ServiceSpecificCredentials")):
        assert call(UserName=name)[member] == []
        assert refused(call, UserName="nobody-of-that-name")[:2] == (404, "NoSuchEntity")
    for call in (iam.get_login_profile, iam.delete_login_profile):
        assert refused(call, UserName=name)[:2] == (404, "NoSuchEntity")
    assert refused(iam.get_account_password_policy)[:2] == (404, "NoSuchEntity")
    for call, member in ((iam.list_saml_providers, "SAMLProviderList"),
                         (iam.list_virtual_mfa_devices, "VirtualMFADevices"), (iam.list_server_certificates, "ServerCertificateMetadataList")):
        assert call()[member] == []
    for call, options in ((iam.create_login_profile, {"UserName": name, "Password": "x" * 12}), (iam.create_virtual_mfa_device, {"VirtualMFADeviceName": "x"}),
                          (iam.create_service_linked_role, {"AWSServiceName": "x.amazonaws.com"})):
        assert refused(call, **options)[:2] == (501, "NotImplemented")
