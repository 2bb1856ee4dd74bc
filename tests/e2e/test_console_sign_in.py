"""Signing in to the console at an OpenID Connect provider, and switching roles."""

import re
import secrets
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest
from accounts import Account, allow, document
from browsing import CORPUS, Visitor, asked, browser, cookies, guest, house, press, root, s3, token  # noqa: F401
from conftest import ACCOUNT
from idp import CLIENT, PASSWORD, SECRET, USER
from playwright.sync_api import expect


class Federated:
    """A gateway whose console has a provider, and roles that trust it."""

    def __init__(self, start, folder):
        self.process = subprocess.Popen([sys.executable, Path(__file__).with_name("idp.py"), folder / "idp"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.issuer = f"http://localhost:{int(self.process.stdout.readline())}/o"
        (folder / "secret").write_text(SECRET + "\n")
        self.roles = [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("readers", "writers", "strangers")]
        (folder / "arqueta.toml").write_text(
            f'[console.oidc]\nname = "Example"\nissuer = "{self.issuer}"\nclient_id = "{CLIENT}"\n'
            f'client_secret_file = "{folder}/secret"\nroles = {self.roles}\n')
        self.gateway = start("--config", str(folder / "arqueta.toml"))
        self.process.stdin.write(f"{self.gateway.url}/-/console/sign-in/oidc\n")
        self.process.stdin.flush()
        iam = Account(self.gateway).iam
        provider = iam.create_open_id_connect_provider(Url=self.issuer, ClientIDList=[CLIENT])["OpenIDConnectProviderArn"]
        trust = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
                 "Condition": {"StringEquals": {self.issuer.split("://")[1] + ":aud": CLIENT}}}
        nobody = trust | {"Condition": {"StringEquals": {self.issuer.split("://")[1] + ":aud": "another"}}}
        for role, trusted, actions in zip(("readers", "writers", "strangers"), (trust, trust, nobody), (["s3:List*"], ["s3:*"], ["*"])):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(trusted))
            iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document(allow(actions)))
        assert self.process.stdout.readline() == "ready\n"

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture(scope="module")
def federated(start, tmp_path_factory):
    federated = Federated(start, tmp_path_factory.mktemp("federated"))
    yield federated
    federated.stop()


def at_the_provider(page):
    page.fill("#id_username", USER)
    page.fill("#id_password", PASSWORD)
    page.click("button[type=submit]")


def test_somebody_without_an_access_key_signs_in_at_a_provider(browser, federated):
    house = federated.gateway
    visitor = Visitor(browser, house)
    page = visitor.page
    visitor.at("buckets/new")
    doors = page.locator(".doors a")
    assert doors.all_inner_texts() == ["Sign in with Example · readers", "Sign in with Example · writers", "Sign in with Example · strangers"]
    doors.nth(0).click()
    expect(page).to_have_url(re.compile("^http://localhost:.*/login"))
    went = urllib.parse.parse_qs(urllib.parse.urlsplit(page.url).query)["next"][0]
    asked_for = urllib.parse.parse_qs(urllib.parse.urlsplit(went).query)
    assert asked_for["code_challenge_method"] == ["S256"] and len(asked_for["code_challenge"][0]) == 43
    assert asked_for["scope"] == ["openid profile email"] and asked_for["response_type"] == ["code"]
    at_the_provider(page)
    # And to where one was going, although another site led here.
    expect(page).to_have_url(f"{house.url}/-/console/buckets/new")
    expect(page.locator(".bar .role")).to_have_text("readers")
    expect(page.locator(".person .who")).to_have_text(USER)
    page.fill("#name", "not-mine")
    page.click("main form.card button[type=submit]")
    expect(page.locator(".alert.bad")).to_contain_text(f"assumed-role/readers/{USER} is not authorized to perform: s3:CreateBucket")
    kept = {cookie["name"]: cookie for cookie in visitor.context.cookies() if cookie["domain"] == "127.0.0.1"}
    assert set(kept) == {"arqueta-console"} and kept["arqueta-console"]["sameSite"] == "Strict"
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    [event] = house.events("AssumeRoleWithWebIdentity")
    assert event["userIdentity"]["type"] == "WebIdentityUser" and event["requestParameters"]["roleSessionName"] == USER
    page.click(".person summary")
    page.click(".person form[action=sign-out] button")
    expect(page.locator(".alert")).to_contain_text("signed out")
    # The provider knows its person still; a role that does not trust it is refused in AWS's words.
    page.locator(".doors a").nth(2).click()
    expect(page.locator(".alert.bad")).to_contain_text("Not authorized to perform sts:AssumeRoleWithWebIdentity")
    page.locator(".doors a").nth(1).click()
    expect(page.locator(".bar .role")).to_have_text("writers")
    visitor.close()


def test_an_answer_to_another_sign_in_signs_nobody_in(browser, federated):
    """An address with somebody else's code, sent to a victim; a code that was used; a provider that refuses."""
    house = federated.gateway
    visitor = Visitor(browser, house)
    page = visitor.page
    seen = []
    page.on("request", lambda request: seen.append(request.url) if "sign-in/oidc?" in request.url else None)
    visitor.at("sign-in")
    page.locator(".doors a").nth(0).click()
    at_the_provider(page)
    expect(page.locator(".bar .role")).to_have_text("readers")
    visitor.close()
    callback = seen[0].removeprefix(house.url)
    state = re.search("state=([0-9a-f]+)", callback)[1]
    # Nobody who did not begin it, nor who began another one.
    status, _, text = asked(house, "GET", callback)
    assert status == 403 and "invalid_state" in text
    _, headers, _ = asked(house, "GET", "/-/console/sign-in/begin?role=0", {"host": house.url.split("://")[1]})
    assert "SameSite=Lax" in headers["set-cookie"] and "HttpOnly" in headers["set-cookie"] and headers["location"].startswith(federated.issuer)
    mine = {"cookie": headers["set-cookie"].split(";")[0]}
    own = re.search("state=([0-9a-f]+)", headers["location"])[1]
    for changed, code in [
        (callback, "invalid_state"),
        (callback.replace(state, own), "invalid_grant"),
        (f"/-/console/sign-in/oidc?state={own}&error=access_denied&error_description={urllib.parse.quote(CORPUS[0])}", "access_denied"),
        (f"/-/console/sign-in/oidc?state={own}&code=x&iss=https://evil.example", "invalid_issuer"),
    ]:
        status, headers, text = asked(house, "GET", changed, mine)
        assert status == 403 and code in text and CORPUS[0] not in text, changed
        assert "arqueta-console=" not in headers.get("set-cookie", "")
    # A sealed session is no sign-in under way, and the other way round.
    status, _, text = asked(house, "GET", callback.replace(state, own), {"cookie": "arqueta-sign-in=AAAA"})
    assert status == 403 and "invalid_state" in text
    status, headers, _ = asked(house, "GET", "/-/console/buckets", {"cookie": mine["cookie"].replace("sign-in", "console")})
    assert status == 303 and "sign-in" in headers["location"]


def test_a_console_without_a_provider_has_no_such_door(house, guest):
    guest.at("sign-in")
    assert guest.page.locator(".doors").count() == 0
    assert asked(house, "GET", "/-/console/sign-in/begin")[0] == 404
    assert asked(house, "GET", "/-/console/sign-in/oidc?state=x&code=y")[0] == 404


def test_switching_roles_and_back(browser, house):
    iam = house.client("iam")
    name, role = "switcher-" + secrets.token_hex(4), "role-" + secrets.token_hex(4)
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    trust = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}
    role_arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document(allow("s3:*"), allow("iam:List*")))
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(allow("sts:AssumeRole")))
    visitor = Visitor(browser, house).sign_in(key["AccessKeyId"], key["SecretAccessKey"])
    page = visitor.page
    assert visitor.at("buckets").status == 403
    mine = cookies(visitor)
    page.click(".person summary")
    page.click(".person a[href=role]")
    page.fill("#role", role_arn + "x")
    page.click("main form.card button[type=submit]")
    expect(page.locator(".alert.bad")).to_contain_text("is not authorized to perform: sts:AssumeRole")
    expect(page.locator("#role")).to_have_value(role_arn + "x")
    page.fill("#role", role_arn)
    page.click("main form.card button[type=submit]")
    expect(page.locator(".bar .role")).to_have_text(role)
    assert visitor.at("buckets").status == 200
    # Roles may call IAM; users' sessions may not.
    assert visitor.at("identities").status == 200 and page.locator(".gate").count() == 0
    # The session before is of no use beside it.
    assert asked(house, "GET", "/-/console/buckets", {"cookie": mine})[0] == 303
    visitor.at("buckets")
    headers = {"cookie": cookies(visitor), "origin": house.url, "content-type": "application/x-www-form-urlencoded"}
    assert asked(house, "POST", "/-/console/role/back", headers, "csrf=00")[0] == 403
    page.click(".person summary")
    page.click("form[action='role/back'] button")
    expect(page.locator(".person .who")).to_have_text(name)
    assert page.locator(".bar .role").count() == 0
    assert visitor.at("buckets").status == 403
    visitor.close()
