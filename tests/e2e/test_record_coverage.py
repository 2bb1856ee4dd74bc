"""Every operation of IAM and STS that is served, once done and once denied: each is one event of the record,
in CloudTrail's words, and without a secret."""

import base64

import pytest
from accounts import Account, allow, document
from botocore.exceptions import ClientError
from conftest import ACCOUNT, SECRET_KEY, operations
from test_record import check_shape
from test_web_identity import AUDIENCE, Issuer

NAME = "covered"
MANAGED = f"arn:aws:iam::{ACCOUNT}:policy/{NAME}"
TRUST = document({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"})
NONE = document(allow("s3:ListAllMyBuckets"))
TAGS = [{"Key": "team", "Value": "red"}, {"Key": "empty", "Value": ""}]
USER, GROUP, ROLE = {"UserName": NAME}, {"GroupName": NAME}, {"RoleName": NAME}
PROFILE = {"InstanceProfileName": NAME}
INLINE, ATTACHED = {"PolicyName": "inline", "PolicyDocument": NONE}, {"PolicyArn": MANAGED}
READS = ("Get", "List", "Simulate")


def kinds(operation, *more, **common):
    """The same operation on a user, a group and a role."""
    return [(operation.replace("*", kind), {f"{kind}Name": NAME} | common, *more) for kind in ("User", "Group", "Role")]


def iam_table(issuer):
    """Operation, parameters and, where even the administrator is refused, the record's word for it."""
    provider = {"OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer.name}"}
    boundary = {"PermissionsBoundary": MANAGED}
    absent = "NoSuchEntityException"
    return [
        ("CreatePolicy", {"PolicyName": NAME, "PolicyDocument": NONE, "Description": "d", "Tags": TAGS}),
        ("CreateUser", USER | {"Path": "/p/", "Tags": TAGS}),
        ("CreateGroup", GROUP),
        ("CreateRole", ROLE | {"AssumeRolePolicyDocument": TRUST, "MaxSessionDuration": 7200, "Tags": TAGS}),
        ("AddUserToGroup", USER | GROUP), ("GetGroup", GROUP | {"MaxItems": 7}), ("ListGroupsForUser", USER),
        ("GetUser", USER), ("ListUsers", {"PathPrefix": "/p/"}), ("ListGroups", {}), ("GetRole", ROLE), ("ListRoles", {}),
        ("TagUser", USER | {"Tags": TAGS}), ("ListUserTags", USER), ("UntagUser", USER | {"TagKeys": ["team", "empty"]}),
        ("TagRole", ROLE | {"Tags": TAGS}), ("ListRoleTags", ROLE), ("UntagRole", ROLE | {"TagKeys": ["team"]}),
        ("TagPolicy", ATTACHED | {"Tags": TAGS}), ("ListPolicyTags", ATTACHED), ("UntagPolicy", ATTACHED | {"TagKeys": ["team"]}),
        ("PutUserPermissionsBoundary", USER | boundary), ("DeleteUserPermissionsBoundary", USER),
        ("PutRolePermissionsBoundary", ROLE | boundary), ("DeleteRolePermissionsBoundary", ROLE),
        ("UpdateUser", USER | {"NewPath": "/q/"}), ("UpdateGroup", GROUP | {"NewPath": "/q/"}),
        ("UpdateRole", ROLE | {"MaxSessionDuration": 3600}), ("UpdateRoleDescription", ROLE | {"Description": "d"}),
        ("UpdateAssumeRolePolicy", ROLE | {"PolicyDocument": TRUST}),
        ("CreateInstanceProfile", PROFILE | {"Path": "/p/", "Tags": TAGS}), ("AddRoleToInstanceProfile", PROFILE | ROLE),
        ("GetInstanceProfile", PROFILE), ("ListInstanceProfilesForRole", ROLE), ("RemoveRoleFromInstanceProfile", PROFILE | ROLE),
        ("TagInstanceProfile", PROFILE | {"Tags": TAGS}), ("ListInstanceProfileTags", PROFILE),
        ("UntagInstanceProfile", PROFILE | {"TagKeys": ["team"]}), ("DeleteInstanceProfile", PROFILE),
        ("CreateAccountAlias", {"AccountAlias": "covered-alias"}), ("ListAccountAliases", {}),
        ("DeleteAccountAlias", {"AccountAlias": "covered-alias"}),
        *kinds("Put*Policy", **INLINE), *kinds("Get*Policy", PolicyName="inline"), *kinds("List*Policies"),
        *kinds("Delete*Policy", PolicyName="inline"), *kinds("Attach*Policy", **ATTACHED),
        *kinds("ListAttached*Policies"), ("ListEntitiesForPolicy", ATTACHED),
        *kinds("Detach*Policy", **ATTACHED),
        ("GetPolicy", ATTACHED), ("ListPolicies", {"Scope": "Local", "OnlyAttached": False}),
        ("CreatePolicyVersion", ATTACHED | {"PolicyDocument": NONE, "SetAsDefault": True}),
        ("GetPolicyVersion", ATTACHED | {"VersionId": "v1"}), ("ListPolicyVersions", ATTACHED),
        ("SetDefaultPolicyVersion", ATTACHED | {"VersionId": "v1"}), ("DeletePolicyVersion", ATTACHED | {"VersionId": "v2"}),
        ("CreateAccessKey", USER), ("ListAccessKeys", USER),
        ("UpdateAccessKey", lambda made: USER | {"AccessKeyId": made, "Status": "Inactive"}),
        ("GetAccessKeyLastUsed", lambda made: {"AccessKeyId": made}),
        ("DeleteAccessKey", lambda made: USER | {"AccessKeyId": made}),
        ("CreateOpenIDConnectProvider", {"Url": issuer.url, "ClientIDList": [AUDIENCE], "ThumbprintList": ["0" * 40]}),
        ("GetOpenIDConnectProvider", provider), ("ListOpenIDConnectProviders", {}),
        ("UpdateOpenIDConnectProviderThumbprint", provider | {"ThumbprintList": ["1" * 40]}),
        ("AddClientIDToOpenIDConnectProvider", provider | {"ClientID": "another"}),
        ("RemoveClientIDFromOpenIDConnectProvider", provider | {"ClientID": "another"}),
        ("TagOpenIDConnectProvider", provider | {"Tags": TAGS}), ("ListOpenIDConnectProviderTags", provider),
        ("UntagOpenIDConnectProvider", provider | {"TagKeys": ["team"]}), ("DeleteOpenIDConnectProvider", provider),
        ("SimulatePrincipalPolicy", {"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/q/{NAME}", "ActionNames": ["s3:GetObject"]}),
        ("SimulateCustomPolicy", {"PolicyInputList": [NONE], "ActionNames": ["s3:GetObject"], "ContextEntries": [
            {"ContextKeyName": "s3:prefix", "ContextKeyValues": ["a", "b"], "ContextKeyType": "stringList"}]}),
        ("GetContextKeysForPrincipalPolicy", {"PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/q/{NAME}"}),
        ("GetContextKeysForCustomPolicy", {"PolicyInputList": [NONE]}),
        ("ListMFADevices", USER), ("ListVirtualMFADevices", {}), ("ListSSHPublicKeys", USER), ("ListSigningCertificates", USER),
        ("ListServerCertificates", {}), ("ListServiceSpecificCredentials", USER), ("ListInstanceProfiles", {}),
        ("ListSAMLProviders", {}), ("GetAccountSummary", {}),
        ("GetAccountAuthorizationDetails", {"Filter": ["User", "Role"]}), ("GenerateCredentialReport", {}), ("GetCredentialReport", {}),
        ("GetLoginProfile", USER, absent), ("DeleteLoginProfile", USER, absent), ("GetAccountPasswordPolicy", {}, absent),
        ("RemoveUserFromGroup", USER | GROUP), ("DeleteUser", USER), ("DeleteGroup", GROUP), ("DeleteRole", ROLE),
        ("DeletePolicy", ATTACHED),
    ]


def camel(value):
    """A parameter as the record writes it."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: camel(inner) for name, inner in value.items()}
    return [camel(inner) for inner in value] if isinstance(value, list) else value


class Calls:
    """What was called, and what the record must say of it."""

    def __init__(self, gateway):
        self.gateway, self.done, self.secrets = gateway, [], [SECRET_KEY]

    def call(self, source, operation, who, parameters, code=None, recorded=None):
        """Calls; expects the error `code`, in the record's words."""
        arn, credentials = who
        client = self.gateway.client(source, **credentials)
        method = next(name for name, method in client.meta.method_to_api_mapping.items() if method == operation)
        try:
            answer = getattr(client, method)(**parameters)
            assert code is None, f"{operation} was expected to fail with {code}"
        except ClientError as error:
            answer = error.response
            assert code and answer["Error"]["Code"].removesuffix("Exception") == code.removesuffix("Exception"), (operation, answer)
        expected = camel(parameters) if recorded is None else recorded
        self.done.append((source, operation, arn, answer["ResponseMetadata"]["RequestId"], code, expected))
        for part in ("Credentials", "AccessKey"):
            self.secrets += [answer.get(part, {}).get(name) for name in ("SecretAccessKey", "SessionToken") if name in answer.get(part, {})]
        return answer

    def operations(self, source, denied):
        return {call[1] for call in self.done if call[0] == source and (call[4] == "AccessDenied") is denied}


@pytest.fixture(scope="module")
def people(start):
    """A gateway of one's own with an administrator and one who may do nothing."""
    home = Account(start())
    return home, home.user(allow("*"), name="administrator"), home.user(name="nobody")


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def iam_calls(people, issuer):
    home, administrator, nobody = people
    calls, made = Calls(home.gateway), None
    for operation, parameters, *refusal in iam_table(issuer):
        parameters = parameters(made) if callable(parameters) else parameters
        calls.call("iam", operation, nobody, parameters, "AccessDenied")
        answer = calls.call("iam", operation, administrator, parameters, *refusal)
        made = answer.get("AccessKey", {}).get("AccessKeyId", made)
    return calls


@pytest.fixture(scope="module")
def sts_calls(people, issuer):
    home, administrator, nobody = people
    calls = Calls(home.gateway)
    trust = document({"Effect": "Allow", "Principal": {"AWS": administrator[0]}, "Action": ["sts:AssumeRole", "sts:TagSession"]})
    role = home.iam.create_role(RoleName="assumed", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    assume = {"RoleArn": role, "RoleSessionName": "session", "DurationSeconds": 900, "Tags": TAGS, "Policy": NONE}
    federate = {"Name": "federated", "DurationSeconds": 900, "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]}
    for who, code in ((nobody, "AccessDenied"), (administrator, None)):
        calls.call("sts", "AssumeRole", who, assume, code)
        calls.call("sts", "GetFederationToken", who, federate, code)
        calls.call("sts", "GetAccessKeyInfo", who, {"AccessKeyId": nobody[1]["key"]}, code)
        # No message was ever encoded here.
        calls.call("sts", "DecodeAuthorizationMessage", who, {"EncodedMessage": "x"}, code or "InvalidAuthorizationMessageException")
    # Nobody can be denied these (STS API Reference): they tell the caller of itself.
    for who in (nobody, administrator):
        calls.call("sts", "GetCallerIdentity", who, {})
        calls.call("sts", "GetSessionToken", who, {"DurationSeconds": 900})

    provider = home.iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=[AUDIENCE])["OpenIDConnectProviderArn"]
    trust = document({"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
                      "Condition": {"StringEquals": {f"{issuer.name}:sub": "ann"}}})
    web = home.iam.create_role(RoleName="vouched", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    for subject, code in (("eve", "AccessDenied"), ("ann", None)):
        token = issuer.token(sub=subject)
        calls.secrets += [token, token.rpartition(".")[2]]
        told = {"RoleArn": web, "RoleSessionName": "session"}
        answer = calls.call("sts", "AssumeRoleWithWebIdentity", (f"{provider}:{AUDIENCE}:{subject}", home.root),
                            told | {"WebIdentityToken": token}, code, recorded=camel(told))
    made = answer["Credentials"]
    calls.session = {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"], "token": made["SessionToken"]}
    calls.provider = provider
    return calls


def check_events(calls):
    """Each call is one event that says what happened."""
    events = {}
    for event in calls.gateway.events():
        events.setdefault(event["requestID"], []).append(event)
    for source, operation, arn, request, code, parameters in calls.done:
        found = events.get(request, [])
        assert len(found) == 1, (operation, code, found)
        [event] = found
        web = operation == "AssumeRoleWithWebIdentity"
        if not web:
            check_shape(event)
        assert (event["eventSource"], event["eventName"]) == (f"{source}.amazonaws.com", operation)
        assert event["readOnly"] is (source == "sts" or operation.startswith(READS)), operation
        assert event.get("errorCode") == code, (operation, event.get("errorCode"))
        assert ("errorMessage" in event) is (code is not None), operation
        assert event["recipientAccountId"] == ACCOUNT and event["managementEvent"] is True
        identity = event["userIdentity"]
        who = (identity["type"], identity["principalId"] if web else identity["arn"])
        assert who == ("WebIdentityUser" if web else "IAMUser", arn), operation
        assert (event["requestParameters"] or {}) == parameters, operation
        assert code is None or event["responseElements"] is None, operation


def check_no_secret(calls):
    lines = b"".join(path.read_bytes() for path in (calls.gateway.data / "audit").iterdir())
    for secret in (secret.encode() for secret in calls.secrets):
        for form in {secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret)}:
            assert form.rstrip(b"=") not in lines, form


def test_every_operation_of_iam_is_one_event_done_or_denied(iam_calls):
    check_events(iam_calls)


def test_every_operation_of_sts_is_one_event_done_or_denied(sts_calls):
    check_events(sts_calls)


def test_none_of_these_events_holds_a_secret(iam_calls, sts_calls):
    assert len(iam_calls.secrets) > 1 and len(sts_calls.secrets) > 10
    check_no_secret(iam_calls)
    check_no_secret(sts_calls)


def test_no_operation_that_is_served_is_forgotten_here(iam_calls, sts_calls):
    of_iam, of_sts = ({row["name"] for row in operations(service, served=True)} for service in ("iam", "sts"))
    assert len(of_iam) > 80 and len(of_sts) == 7
    assert of_iam == iam_calls.operations("iam", denied=True) == iam_calls.operations("iam", denied=False)
    assert of_sts == sts_calls.operations("sts", denied=False)
    assert of_sts - {"GetCallerIdentity", "GetSessionToken"} == sts_calls.operations("sts", denied=True)


def test_a_session_that_a_provider_vouched_for_is_recorded_with_it(people, sts_calls, issuer):
    home, _, _ = people
    answer = home.gateway.client("sts", **sts_calls.session).get_caller_identity()
    [event] = [e for e in home.gateway.events("GetCallerIdentity") if e["requestID"] == answer["ResponseMetadata"]["RequestId"]]
    check_shape(event)
    assert event["userIdentity"]["sessionContext"]["webIdFederationData"] == {
        "federatedProvider": sts_calls.provider,
        "attributes": {f"{issuer.name}:sub": "ann", f"{issuer.name}:aud": AUDIENCE}}
    others = [e for e in home.gateway.events() if e["userIdentity"].get("type") == "IAMUser"]
    assert others and not any("webIdFederationData" in str(e) for e in others)
    assumed = [e for e in home.gateway.events("AssumeRoleWithWebIdentity") if "errorCode" not in e]
    assert [e["resources"] for e in assumed] == [[
        {"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": f"arn:aws:iam::{ACCOUNT}:role/vouched"}]]


def test_an_account_is_summed_up_in_numbers(people, iam_calls):
    home, _, _ = people
    before = home.iam.get_account_summary()["SummaryMap"]
    home.user(name="counted")
    home.iam.create_policy(PolicyName="counted", PolicyDocument=NONE)
    after = home.iam.get_account_summary()["SummaryMap"]
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        "Users": 1, "Policies": 1, "PolicyVersionsInUse": 1}
    assert (after["AccountAccessKeysPresent"], after["AccessKeysPerUserQuota"], after["MFADevices"]) == (1, 2, 0)
