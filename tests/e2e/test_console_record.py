"""The record in the console: as it grows, where it goes, what it proves; and what the gateway does by itself."""

import json
import secrets
import subprocess

import pytest
from accounts import Account, allow
from browsing import CORPUS, Visitor, asked, browser, cookies, guest, house, opened, press, root, s3, token  # noqa: F401
from conftest import ACCOUNT, BINARY, until
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def house(start, tmp_path_factory):  # noqa: F811
    """A gateway with a target of notifications that nobody listens at, and lifecycle of short days."""
    folder = tmp_path_factory.mktemp("record")
    (folder / "secret").write_text("secret")
    (folder / "arqueta.toml").write_text(
        f'[lifecycle]\nday_seconds = 10\n[notifications.targets.thumbnails]\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\n'
        f'secret_file = "{folder}/secret"\n')
    return start("--config", str(folder / "arqueta.toml"))


@pytest.fixture(scope="module")
def kms(house):  # noqa: F811
    return house.client("kms")


def person(browser, house, *statements):  # noqa: F811
    _, who = Account(house).user(*statements)
    return Visitor(browser, house).sign_in(who["key"], who["secret"])


def test_new_forms_take_no_change_without_the_sessions_token(root, house):  # noqa: F811
    headers = {"cookie": cookies(root), "origin": house.url, "content-type": "application/x-www-form-urlencoded"}
    for path in ["record/trails", *(f"record/trails/x/{act}" for act in ("start", "stop", "delete", "selectors"))]:
        for body in ["", "csrf=00"]:
            assert asked(house, "POST", f"/-/console/{path}", headers, body)[0] == 403, path


def test_the_record_is_followed(root, house, kms):  # noqa: F811
    page = root.page
    root.at("record")
    button = page.locator("#tail button")
    expect(button).to_have_attribute("aria-pressed", "false")
    with page.expect_response("**/record/tail*") as answer:
        button.click()
    assert answer.value.headers["content-type"] == "text/event-stream" and answer.value.headers["cache-control"] == "no-store"
    key = kms.create_key(Description=CORPUS[0])["KeyMetadata"]["Arn"]
    first = page.locator("#tail .events li").first
    expect(first).to_contain_text(f"called CreateKey on {key} from 127.0.0.1", timeout=20_000)
    first.locator("summary").click()
    expect(first.locator("pre")).to_contain_text(CORPUS[0])
    # What came before is there once, and looking shows no looking.
    kms.disable_key(KeyId=key)
    expect(page.locator("#tail .events li").first).to_contain_text("called DisableKey", timeout=20_000)
    whats = page.locator("#tail .events .what").all_inner_texts()
    assert sum("CreateKey" in what for what in whats) == 1 and not any("LookupEvents" in what for what in whats)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    # Each look was one call of the person, and is in the record as that.
    assert all(event["userIdentity"]["type"] == "Root" for event in house.events("LookupEvents"))
    # When the session is over nothing is told, and that is said.
    root.context.clear_cookies()
    button.click()
    expect(page.locator("#tail .state")).to_contain_text("Stopped", timeout=20_000)
    status, headers, _ = asked(house, "GET", "/-/console/record/tail")
    assert status == 303 and "sign-in" in headers["location"]
    assert asked(house, "GET", "/-/console/record/tail", {"accept": "text/event-stream"})[0] == 401


def test_who_may_not_look_up_events_follows_none(browser, house):  # noqa: F811
    nobody = person(browser, house, allow("s3:*"))
    status, _, text = asked(house, "GET", "/-/console/record/tail", {"cookie": cookies(nobody)})
    # CloudTrail's AccessDeniedException is a 400.
    assert status == 400 and "cloudtrail:LookupEvents" in text
    for path in ["record/report", "record/report/file", "record/verify"]:
        assert nobody.at(path).status == 400
        expect(nobody.page.locator(".alert.bad")).to_contain_text("AccessDenied")
    nobody.close()


def test_a_trail_from_its_making_to_its_end(root, house, s3):  # noqa: F811
    page, cloudtrail = root.page, house.client("cloudtrail")
    bucket, name = "trail-" + secrets.token_hex(4), "console-" + secrets.token_hex(4)
    s3.create_bucket(Bucket=bucket)
    root.at("record/trails")
    expect(page.locator(".empty")).to_contain_text("No trails yet")
    opened(page, "#bucket")
    page.fill("#name", name)
    page.fill("#bucket", bucket)
    press(page, "form[action='record/trails'] button")
    expect(page.locator(".alert.bad")).to_contain_text("InsufficientS3BucketPolicyException")
    expect(page.locator("#name")).to_have_value(name)
    allowed = [{"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{bucket}"},
               {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{bucket}/AWSLogs/{ACCOUNT}/*", "Condition": {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}}]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": allowed}))
    press(page, "form[action='record/trails'] button")
    expect(page.locator(".alert.good")).to_have_text("Created.")
    expect(page.locator(".badge.good")).to_have_text("delivering")
    assert cloudtrail.get_trail_status(Name=name)["IsLogging"]
    opened(page, f"#objects-{name}")
    page.fill(f"#objects-{name}", f"arn:aws:s3:::{bucket}/watched/")
    press(page, "form[action$='/selectors'] button")
    [selector] = cloudtrail.get_event_selectors(TrailName=name)["EventSelectors"]
    assert selector["DataResources"][0]["Values"] == [f"arn:aws:s3:::{bucket}/watched/"] and selector["IncludeManagementEvents"]
    press(page, "form[action$='/stop'] button")
    expect(page.locator("main .badge.warn")).to_have_text("stopped")
    assert not cloudtrail.get_trail_status(Name=name)["IsLogging"]
    opened(page, f"#confirm-{name}")
    page.fill(f"#confirm-{name}", name)
    press(page, ".danger button")
    assert cloudtrail.describe_trails()["trailList"] == []


def test_a_report_and_whether_the_record_is_whole(root, house, kms, browser):  # noqa: F811
    page, key = root.page, kms.create_key(Description=CORPUS[0])["KeyMetadata"]["KeyId"]
    kms.encrypt(KeyId=key, Plaintext=b"x")
    root.at("record")
    page.click("a[href='record/report']")
    page.select_option("#about", "key")
    page.fill("#of", key)
    files = {}
    for form in ["html", "csv", "json"]:
        page.select_option("#format", form)
        with page.expect_download() as download:
            page.click("form[action='record/report/file'] button")
        assert download.value.suggested_filename == f"report.{form}"
        files[form] = open(download.value.path()).read()
    assert key in files["html"] and CORPUS[0] not in files["html"]
    report = json.loads(files["json"])
    assert key in files["csv"] and key in json.dumps(report)
    press(page, "form[action='record/verify'] button")
    expect(page.locator(".badge.good")).to_contain_text("Nothing was changed")
    assert int(page.locator("dl.facts dd").nth(0).inner_text()) >= 2
    # A member of the account who may look up events may have it, too; one of another account may not.
    auditor = person(browser, house, allow("cloudtrail:LookupEvents"))
    assert auditor.at("record/report").status == 200
    auditor.close()


def test_what_the_gateway_does_by_itself(root, house, s3):  # noqa: F811
    page, name = root.page, "errands-" + secrets.token_hex(4)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration={"QueueConfigurations": [
        {"QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:thumbnails", "Events": ["s3:ObjectCreated:*"]}]})
    s3.put_object(Bucket=name, Key="k", Body=b"x" * 2048)
    root.at("settings")
    page.click("a[href='settings/state']")

    def failed():
        root.at("settings/state")
        return int(page.locator("#notifications td.number").nth(1).inner_text()) > 0

    until(failed)
    assert page.locator("#notifications td").first.inner_text() == "thumbnails"
    assert int(page.locator("#notifications td.number").nth(2).inner_text()) > 0
    expect(page.locator("#lifecycle")).to_contain_text("Last round finished")


def test_usage_and_quota_of_a_bucket_for_who_may_list_it(root, house, s3, browser):  # noqa: F811
    page, name = root.page, "usage-" + secrets.token_hex(4)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"x" * 2048)
    subprocess.run([BINARY, "quota", "set", "--data-dir", str(house.data), "--bucket", name, "--bytes", "4KiB"], check=True, capture_output=True)
    root.at(f"buckets/{name}/properties")
    expect(page.locator("#usage")).to_contain_text("2.0 KiB / 4.0 KiB")
    expect(page.locator("#usage")).to_contain_text("what would exceed it is refused")
    root.at("")
    expect(page.locator(".tile:has-text('Objects') .figure")).not_to_have_text("0")
    other = person(browser, house, allow(["s3:GetEncryptionConfiguration", "s3:GetBucketPolicy"]))
    other.at(f"buckets/{name}/properties")
    assert other.page.locator("#usage").count() == 0
    other.close()


def test_what_wants_attention(root, house, s3, kms):  # noqa: F811
    page, name = root.page, "open-" + secrets.token_hex(4)
    s3.create_bucket(Bucket=name)
    s3.delete_public_access_block(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}]}))
    gone, plain, fine = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3))
    kms.schedule_key_deletion(KeyId=gone, PendingWindowInDays=7)
    kms.enable_key_rotation(KeyId=fine)
    root.at("")
    page.click("a[href=attention]")
    expect(page.locator("#buckets")).to_contain_text(name)
    expect(page.locator(f"#keys p:has(a[href='keys/{gone}'])")).to_contain_text("PendingDeletion")
    expect(page.locator(f"#keys p:has(a[href='keys/{plain}'])")).to_contain_text("Rotation: off")
    assert page.locator(f"#keys a[href='keys/{fine}']").count() == 0
