"""Keys in the console: tried, their own material, stores; and identities beside users."""

import base64
import json
import re
import secrets

import pytest
from accounts import Account, allow, document
from browsing import CORPUS, asked, browser, cookies, guest, house, opened, press, raised, root, s3, token  # noqa: F401
from conftest import ACCOUNT, refused
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def kms(house):  # noqa: F811
    return house.client("kms")


@pytest.fixture
def admin(root):  # noqa: F811
    """Somebody who may change identities."""
    raised(root)
    return root


def answers(page):
    """What a trial gave, by name."""
    rows = page.locator("section.card[aria-live] dl > div")
    return {rows.nth(n).locator("dt").inner_text(): rows.nth(n).locator("dd code").text_content() for n in range(rows.count())}


def attempt(page, operation, text, **fields):
    page.fill("#text", text)
    for name, value in fields.items():
        page.fill(f"#{name}", value)
    press(page, f"button[value={operation}]")
    return answers(page)


def test_new_forms_take_no_change_without_the_sessions_token(root, house):  # noqa: F811
    headers = {"cookie": cookies(root), "origin": house.url, "content-type": "application/x-www-form-urlencoded"}
    for path in ["keys/stores", "keys/stores/x/connect", "keys/x/try", "keys/x/import", "keys/x/tag", "keys/x/delete-material", "keys/x/replicate",
                 *(f"identities/{name}" for name in ("group", "role", "policy", "provider", "provider/delete", "policy/version", "policy/delete")),
                 *(f"identities/{kind}/x/{act}" for kind in ("users", "groups", "roles") for act in ("inline", "boundary", "delete"))]:
        for body in ["", "csrf=00"]:
            assert asked(house, "POST", f"/-/console/{path}", headers, body)[0] == 403, path


def test_a_key_is_tried(root, kms):  # noqa: F811
    page, key = root.page, kms.create_key()["KeyMetadata"]["KeyId"]
    root.at(f"keys/{key}")
    page.click(f"a[href='keys/{key}/try']")
    sealed = attempt(page, "Encrypt", CORPUS[0] + "\nñ", context="by = ana")["CiphertextBlob"]
    opened_text = kms.decrypt(CiphertextBlob=base64.b64decode(sealed), EncryptionContext={"by": "ana"})["Plaintext"]
    assert opened_text.decode() == CORPUS[0] + "\nñ"
    assert attempt(page, "Decrypt", sealed, context="by=ana")["Plaintext"] == CORPUS[0] + "\nñ"
    assert attempt(page, "Decrypt", sealed, context="by=bob") == {}
    expect(page.locator(".alert.bad")).to_contain_text("InvalidCiphertextException")
    signer = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    root.at(f"keys/{signer}/try")
    signature = attempt(page, "Sign", "message")["Signature"]
    assert attempt(page, "Verify", "message", proof=signature)["SignatureValid"] == "true"
    attempt(page, "Verify", "another", proof=signature)
    expect(page.locator(".alert.bad")).to_contain_text("KMSInvalidSignatureException")
    macs = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    root.at(f"keys/{macs}/try")
    mac = attempt(page, "GenerateMac", "message")["Mac"]
    assert attempt(page, "VerifyMac", "message", proof=mac)["MacValid"] == "true"
    # And the record has it, on the key's own page.
    root.at(f"keys/{macs}")
    expect(page.locator("section.card:has(h2:text('Latest uses')) .events li").first).to_contain_text("called VerifyMac on")


def test_material_of_ones_own(root, kms):  # noqa: F811
    page = root.page
    root.at("keys/new")
    page.check("#external")
    press(page, "form.card button[type=submit]")
    key = page.url.rsplit("/", 1)[1].split("?")[0]
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    page.click(f"a[href='keys/{key}/import']")
    pem = page.locator("section.card pre").inner_text()
    material = secrets.token_bytes(32)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    wrapped = serialization.load_pem_public_key(pem.strip().encode()).encrypt(material, oaep)
    page.fill("#wrapped", "AAAA")
    press(page, "form.card button[type=submit]")
    expect(page.locator(".alert.bad")).to_contain_text("InvalidCiphertextException")
    # The page that told so has another wrapping key.
    pem = page.locator("section.card pre").inner_text()
    wrapped = serialization.load_pem_public_key(pem.strip().encode()).encrypt(material, oaep)
    page.fill("#wrapped", base64.encodebytes(wrapped).decode())
    press(page, "form.card button[type=submit]")
    expect(page.locator(".alert.good")).to_have_text("Saved.")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"])["Plaintext"] == b"x"
    opened(page, "#confirm-delete-material")
    page.fill("#confirm-delete-material", key)
    press(page, "form[action$='/delete-material'] button")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"


def test_what_people_call_a_key(root, kms):  # noqa: F811
    page, key = root.page, kms.create_key()["KeyMetadata"]["KeyId"]
    root.at(f"keys/{key}")
    opened(page, "#tag-name")
    page.fill("#description", CORPUS[1])
    press(page, "form[action$='/description'] button")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == CORPUS[1]
    opened(page, "#tag-name")
    page.fill("#tag-name", "owner")
    page.fill("#tag-value", "team a")
    press(page, "form[action$='/tag'] button")
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "owner", "TagValue": "team a"}]
    opened(page, "#tag-name")
    press(page, "form[action$='/untag'] button")
    assert kms.list_resource_tags(KeyId=key)["Tags"] == []


def test_a_store_of_a_cluster_that_there_is_not(root):  # noqa: F811
    page = root.page
    root.at("keys")
    page.click("a[href='keys/stores']")
    expect(page.locator(".empty")).to_contain_text("No stores yet")
    opened(page, "#cluster")
    page.fill("#name", CORPUS[2])
    page.fill("#cluster", "cluster-abcdefghijk")
    page.fill("#anchor", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    page.fill("#store-password", "1234567")
    press(page, "form[action='keys/stores'] button")
    expect(page.locator(".alert.bad")).to_contain_text("CloudHsmClusterNotFoundException")
    expect(page.locator("#name")).to_have_value(CORPUS[2])
    assert "1234567" not in page.content()


def test_a_group_and_who_is_in_it(admin, house):  # noqa: F811
    page, iam = admin.page, house.client("iam")
    group, user = "group-" + secrets.token_hex(4), "user-" + secrets.token_hex(4)
    iam.create_user(UserName=user)
    page.fill("#group-name", group)
    press(page, "form[action='identities/group'] button")
    expect(page.locator("h1")).to_have_text(group)
    page.fill("#user", user)
    press(page, "form[action$='/add'] button")
    assert [member["UserName"] for member in iam.get_group(GroupName=group)["Users"]] == [user]
    page.select_option("#arn", label="ReadOnlyAccess")
    press(page, "form[action$='/attach'] button")
    assert iam.list_attached_group_policies(GroupName=group)["AttachedPolicies"][0]["PolicyName"] == "ReadOnlyAccess"
    # It is not deleted while somebody is in it.
    opened(page, "#confirm-delete")
    page.fill("#confirm-delete", group)
    press(page, ".danger button")
    expect(page.locator(".alert.bad")).to_contain_text("DeleteConflict")
    for button in ["form[action$='/remove'] button", "form[action$='/detach'] button"]:
        press(page, button)
    opened(page, "#confirm-delete")
    page.fill("#confirm-delete", group)
    press(page, ".danger button")
    assert refused(iam.get_group, GroupName=group)[1] == "NoSuchEntity"


def test_a_role_its_trust_its_boundary_and_a_policy_of_its_own(admin, house):  # noqa: F811
    page, iam = admin.page, house.client("iam")
    role = "role-" + secrets.token_hex(4)
    opened(page, "#role-name")
    page.fill("#role-name", role)
    press(page, "form[action='identities/role'] button")
    expect(page.locator("h1")).to_have_text(role)
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    page.fill("#trust", "{")
    press(page, "form[action$='/trust'] button")
    expect(page.locator(".alert.bad")).to_contain_text("MalformedPolicyDocument")
    expect(page.locator("#trust")).to_have_value("{")
    trust["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]
    page.fill("#trust", json.dumps(trust))
    press(page, "form[action$='/trust'] button")
    assert iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"] == trust
    page.fill("#seconds", "7200")
    press(page, "form[action$='/length'] button")
    assert iam.get_role(RoleName=role)["Role"]["MaxSessionDuration"] == 7200
    page.select_option("#boundary", label="ReadOnlyAccess")
    press(page, "form[action$='/boundary'] button")
    assert iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith("/ReadOnlyAccess")
    page.select_option("#boundary", label="none")
    press(page, "form[action$='/boundary'] button")
    assert "PermissionsBoundary" not in iam.get_role(RoleName=role)["Role"]
    # A policy of its own.
    page.click("a[href$='/inline']")
    page.fill("#name", "own")
    page.fill("#document", CORPUS[0])
    press(page, "form.card button.primary")
    expect(page.locator(".alert.bad")).to_contain_text("MalformedPolicyDocument")
    expect(page.locator("#document")).to_have_value(CORPUS[0])
    page.fill("#document", document(allow("s3:GetObject")))
    press(page, "form.card button.primary")
    assert iam.get_role_policy(RoleName=role, PolicyName="own")["PolicyDocument"]["Statement"][0]["Action"] == "s3:GetObject"
    page.click("a[href$='/inline?name=own']")
    assert json.loads(page.input_value("#document"))["Statement"][0]["Action"] == "s3:GetObject"
    press(page, "form.card button.bad")
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == []
    opened(page, "#confirm-delete")
    page.fill("#confirm-delete", role)
    press(page, ".danger button")
    assert refused(iam.get_role, RoleName=role)[1] == "NoSuchEntity"


def test_versions_of_a_policy(admin, house):  # noqa: F811
    page, iam = admin.page, house.client("iam")
    name = "policy-" + secrets.token_hex(4)
    arn = iam.create_policy(PolicyName=name, PolicyDocument=document(allow("s3:GetObject")))["Policy"]["Arn"]
    admin.at("identities")
    page.click(f"a:text-is('{name}')")
    page.fill("#document", document(allow("s3:PutObject")))
    press(page, "form[action$='/version'] button")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"
    press(page, "form[action$='/default'] button")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v1"
    press(page, "form[action$='/forget'] button")
    assert [version["VersionId"] for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v1"]
    opened(page, "#confirm-delete")
    page.fill("#confirm-delete", name)
    press(page, ".danger button")
    assert refused(iam.get_policy, PolicyArn=arn)[1] == "NoSuchEntity"
    # What is AWS's is read.
    admin.at("identities/policy?arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FReadOnlyAccess")
    expect(page.locator("h1")).to_have_text("ReadOnlyAccess")
    assert page.locator("textarea").count() == 0


def test_identity_providers(admin, house):  # noqa: F811
    page, iam = admin.page, house.client("iam")
    page.fill("#url", "https://id.example.com")
    page.fill("#audience", "console")
    press(page, "form[action='identities/provider'] button")
    [provider] = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])["ClientIDList"] == ["console"]
    press(page, "form[action='identities/provider/delete'] button")
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
