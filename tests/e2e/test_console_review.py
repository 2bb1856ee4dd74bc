"""Who may do what, and what a key's destruction takes, in the console."""

import secrets
import urllib.parse

from accounts import Account, allow
from browsing import CORPUS, Visitor, asked, browser, cookies, guest, house, opened, press, raised, root, s3  # noqa: F401
from playwright.sync_api import expect


def test_everybody_who_may_and_why(root, house, s3, browser):  # noqa: F811
    page, bucket = root.page, "ledgers-" + secrets.token_hex(4)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="2026", Body=b"x")
    reader, _ = Account(house).user(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    guarded, _ = Account(house).user(allow("s3:GetObject", "*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))
    other, _ = Account(house).user(allow("s3:PutObject"))
    raised(root)
    page.click("a[href=access]")
    page.fill("#action", "s3:GetObject")
    page.fill("#resource", f"s3://{bucket}/2026")
    press(page, "form[action=access] button")
    expect(page.locator(f"#who tr:has-text('{reader}')")).to_contain_text("always")
    expect(page.locator(f"#who tr:has-text('{guarded}')")).to_contain_text("depends on the request")
    expect(page.locator(f"#who tr:has-text('{guarded}')")).to_contain_text("aws:SourceIp")
    assert page.locator(f"#who tr:has-text('{other}')").count() == 0
    # What cannot be asked is told, and stays to be mended.
    page.fill("#action", CORPUS[0])
    press(page, "form[action=access] button")
    expect(page.locator(".alert.bad")).to_have_count(1)
    expect(page.locator("#action")).to_have_value(CORPUS[0])
    # It tells of every account, so it is the operator's: whoever may not LookupEvents is refused as that is, with a 400.
    _, who = Account(house).user(allow(["s3:*", "iam:*"]))
    nobody = Visitor(browser, house).sign_in(who["key"], who["secret"])
    assert nobody.at("access?action=s3:GetObject&resource=" + urllib.parse.quote(f"s3://{bucket}/2026")).status == 400
    assert reader not in nobody.page.content()
    nobody.close()


def test_what_would_become_unreadable(root, house, s3, browser):  # noqa: F811
    page, kms, bucket = root.page, house.client("kms"), "doomed-" + secrets.token_hex(4)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    s3.create_bucket(Bucket=bucket)
    for name in "ab":
        s3.put_object(Bucket=bucket, Key=name, Body=b"x" * 1024, ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    root.at(f"keys/{key}")
    opened(page, "#confirm-delete")
    page.click(f"a[href='keys/{key}/plan']")
    assert page.locator("#lost .figure").all_inner_texts()[:3] == ["2", "0", "2.0 KiB"]
    expect(page.locator(f"tr:has-text('{bucket}')")).to_contain_text("2.0 KiB")
    _, who = Account(house).user(allow("kms:*"))
    nobody = Visitor(browser, house).sign_in(who["key"], who["secret"])
    assert nobody.at(f"keys/{key}/plan").status == 400 and bucket not in nobody.page.content()
    nobody.close()
