"""The console in a real browser: signing in, buckets, objects, keys, the record, and what other sites try."""

import hashlib
import http.client
import json
import os
import re
import secrets
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from browsing import CORPUS, Visitor, asked, browser, cookies, guest, house, press, raised, root, s3, token  # noqa: F401
from conftest import ACCESS_KEY, SECRET_KEY, refused
from playwright.sync_api import expect

def test_a_browser_at_the_bare_address_is_led_to_the_console_and_no_client_is(house, s3):
    html = {"accept": "text/html,*/*"}
    status, headers, _ = asked(house, "GET", "/", html)
    assert (status, headers["location"]) == (303, "-/console/")
    assert asked(house, "GET", "/")[0] == 403
    assert asked(house, "GET", "/", {"accept": "*/*"})[0] == 403
    # A bucket that the host names has its own keys, this one too.
    s3.create_bucket(Bucket="hosted")
    s3.put_object(Bucket="hosted", Key="-/console/", Body=b"mine")
    host = f"hosted.localhost:{urllib.parse.urlsplit(house.url).port}"
    assert asked(house, "GET", "/-/console/", {"host": host} | html)[2].startswith("<?xml")
    assert asked(house, "GET", "/", {"host": host} | html)[2].startswith("<?xml")
    assert any(line.startswith("console on http") for line in house.banner)
    admin = urllib.parse.urlsplit(house.admin_url)
    connection = http.client.HTTPConnection(admin.hostname, admin.port, timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("location")) == (303, f"{house.url}/-/console/")


def test_the_console_can_be_turned_off(start):
    house = start("--console", "false")
    for path in ["/", "/-/console/", "/-/console/sign-in"]:
        assert asked(house, "GET", path, {"accept": "text/html"})[2].startswith("<?xml"), path
    assert not any(line.startswith("console on") for line in house.banner)


def test_signing_in_and_out(guest, house):
    page = guest.page
    guest.at("buckets?prefix=x")
    expect(page).to_have_url(re.compile("sign-in"))
    page.fill("#key", ACCESS_KEY)
    page.fill("#secret", "wrong")
    page.click("main button[type=submit]")
    expect(page.locator(".alert.bad")).to_contain_text("SignatureDoesNotMatch")
    page.fill("#secret", SECRET_KEY)
    page.click("main button[type=submit]")
    expect(page.locator("h1")).to_be_visible()
    (session,) = [c for c in guest.context.cookies() if c["name"] == "arqueta-console"]
    assert session["httpOnly"] and session["sameSite"] == "Strict" and session["path"] == "/-/console"
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert SECRET_KEY not in page.content() and ACCESS_KEY not in session["value"]
    stolen = cookies(guest)
    page.click(".person summary")
    page.click(".person form[action=sign-out] button")
    expect(page.locator(".alert")).to_contain_text("signed out")
    assert [c["name"] for c in guest.context.cookies() if c["name"].startswith("arqueta-console")] == []
    # Whoever kept the cookie has nothing of it.
    status, headers, _ = asked(house, "GET", "/-/console/buckets", {"cookie": stolen})
    assert (status, headers["location"]) == (303, "./sign-in?next=buckets")


def test_an_address_may_not_guess_for_ever(start):
    house = start()
    headers = {"origin": house.url, "content-type": "application/x-www-form-urlencoded"}
    answers = [asked(house, "POST", "/-/console/sign-in", headers, f"key={ACCESS_KEY}&secret=wrong{n}")[0] for n in range(12)]
    assert answers == [403] * 10 + [429] * 2


def test_the_record_shows_the_console_and_where_its_browser_is(root, house):
    tells = [e for e in house.events("GetSessionToken") if e["userAgent"].startswith("[ArquetaConsole/")]
    assert tells and tells[-1]["sourceIPAddress"] == "127.0.0.1"
    assert "Chrome" in tells[-1]["userAgent"]


def test_a_bucket_with_a_bucket_key_in_a_few_clicks(root, house, s3):
    page, name = root.page, "few-" + secrets.token_hex(4)
    root.at("buckets")
    page.click("a[href='buckets/new'] >> nth=0")
    page.fill("#name", name)
    page.check("#versioning")
    page.check("#mode-aws\\:kms")
    expect(page.locator("#bucket-key")).to_be_checked()
    page.click("main form.card button[type=submit]")
    expect(page.locator(".alert.good")).to_have_text("Created.")
    rule = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms" and rule["BucketKeyEnabled"] is True
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    # And a name that is taken keeps what was filled in.
    root.at("buckets/new")
    page.fill("#name", "Not_A_Name")
    page.click("main form.card button[type=submit]")
    expect(page.locator(".alert.bad")).to_contain_text("InvalidBucketName")
    expect(page.locator("#name")).to_have_value("Not_A_Name")
    # Deleting asks for the name.
    status, _, text = asked(house, "POST", f"/-/console/buckets/{name}/delete", {
        "cookie": cookies(root), "origin": house.url, "content-type": "application/x-www-form-urlencoded"},
        f"csrf={token(root)}&confirm=other")
    assert status == 400 and "ConfirmationMissing" in text
    s3.head_bucket(Bucket=name)


def test_uploads_small_and_large_arrive_whole(root, s3, bucket, tmp_path):
    page = root.page
    small, large = tmp_path / "small ñ.txt", tmp_path / "large.bin"
    small.write_text("hello")
    # 200 MiB take their time.
    mebibytes = 200 if os.environ.get("ARQUETA_NIGHTLY") else 40
    content = os.urandom(1 << 20) * mebibytes + b"end"
    large.write_bytes(content)
    root.at(f"buckets/{bucket}/objects")
    page.click("#upload > summary")
    page.set_input_files("#file", [str(small), str(large)])
    page.click("#upload form button[type=submit]")
    expect(page.locator(".queue li.good")).to_have_count(2, timeout=60_000)
    assert s3.get_object(Bucket=bucket, Key="small ñ.txt")["Body"].read() == b"hello"
    stored = s3.get_object(Bucket=bucket, Key="large.bin")
    assert hashlib.sha256(stored["Body"].read()).digest() == hashlib.sha256(content).digest()
    assert s3.head_object(Bucket=bucket, Key="large.bin")["ETag"].strip('"').endswith(f"-{mebibytes // 16 + 1}")
    # And back by the console.
    root.at(f"buckets/{bucket}/object?key=large.bin")
    with page.expect_download() as download:
        page.click("main .actions a")
    assert Path(download.value.path()).read_bytes() == content


def test_an_upload_that_was_broken_off_goes_on_where_it_was(root, s3, bucket, tmp_path):
    page, part = root.page, 16 << 20
    content = os.urandom(1 << 20) * 33
    file = tmp_path / "again.bin"
    file.write_bytes(content)
    begun = s3.create_multipart_upload(Bucket=bucket, Key="again.bin", ChecksumAlgorithm="CRC32")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="again.bin", UploadId=begun, PartNumber=1, Body=content[:part], ChecksumAlgorithm="CRC32")
    # Of another file: this one is not believed.
    s3.upload_part(Bucket=bucket, Key="again.bin", UploadId=begun, PartNumber=2, Body=b"x" * part, ChecksumAlgorithm="CRC32")
    sent = []
    page.on("request", lambda request: sent.append(request.url) if "/upload/part" in request.url else None)
    root.at(f"buckets/{bucket}/objects")
    page.click("#upload > summary")
    page.set_input_files("#file", str(file))
    page.click("#upload form button[type=submit]")
    expect(page.locator(".queue li.good")).to_have_count(1, timeout=60_000)
    assert sorted(re.findall(r"part=(\d)", " ".join(sent))) == ["2", "3"]
    assert s3.get_object(Bucket=bucket, Key="again.bin")["Body"].read() == content


def upload(page, file):
    """Puts a file into the queue of the page."""
    page.click("#upload > summary")
    page.set_input_files("#file", str(file))
    page.click("#upload form button[type=submit]")


def test_an_upload_after_the_session_has_failed(root, s3, bucket, tmp_path, house):
    page = root.page
    small, large = tmp_path / "small.txt", tmp_path / "large.bin"
    small.write_text("x")
    large.write_bytes(b"x" * (17 << 20))
    root.at(f"buckets/{bucket}/objects")
    root.context.clear_cookies()
    page.click("#upload > summary")
    page.set_input_files("#file", [str(small), str(large)])
    page.click("#upload form button[type=submit]")
    expect(page.locator(".queue li.bad")).to_have_count(2, timeout=60_000)
    expect(page.locator(".queue li.bad .state >> nth=0")).to_contain_text("ExpiredToken")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    # Nor is a page of something before the gateway taken for an answer.
    root.sign_in()
    root.at(f"buckets/{bucket}/objects")
    page.route("**/upload/whole*", lambda route: route.fulfill(status=200, content_type="text/html", body="<h1>Sign in</h1>"))
    upload(page, small)
    expect(page.locator(".queue li.bad .state")).to_contain_text("sign in again")


def test_an_upload_of_another_file_or_person_is_not_gone_on_with(root, house, s3, bucket, tmp_path):
    page, part = root.page, 16 << 20
    content = os.urandom(1 << 20) * 33
    file = tmp_path / "mine.bin"
    file.write_bytes(content)

    def begun(client, *bodies):
        upload_id = client.create_multipart_upload(Bucket=bucket, Key="mine.bin", ChecksumAlgorithm="CRC32")["UploadId"]
        for number, body in enumerate(bodies, 1):
            client.upload_part(Bucket=bucket, Key="mine.bin", UploadId=upload_id, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
        return upload_id

    iam = house.client("iam")
    name = "other-" + secrets.token_hex(4)
    iam.create_user(UserName=name)
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    key = iam.create_access_key(UserName=name)["AccessKey"]
    other = house.client("s3", key["AccessKeyId"], key["SecretAccessKey"])
    for case, left in [
        ("a longer file", lambda: begun(s3, content[:part], content[part:2 * part], content[2 * part:], b"more")),
        ("another file of the size", lambda: begun(s3, b"x" * part, content[part:2 * part])),
        ("another person", lambda: begun(other, content[:part])),
    ]:
        before = left()
        root.at(f"buckets/{bucket}/objects")
        upload(page, file)
        expect(page.locator(".queue li.good")).to_have_count(1, timeout=60_000)
        assert s3.get_object(Bucket=bucket, Key="mine.bin")["Body"].read() == content, case
        s3.abort_multipart_upload(Bucket=bucket, Key="mine.bin", UploadId=before)


def test_the_end_of_an_upload_names_its_parts(root, house, s3, bucket):
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32")["UploadId"]
    parts = [s3.upload_part(Bucket=bucket, Key="k", UploadId=begun, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")["ChecksumCRC32"]
             for number, body in enumerate([b"a" * (5 << 20), b"end", b"of a longer file"], 1)]
    root.at(f"buckets/{bucket}/objects")
    headers = {"cookie": cookies(root), "origin": house.url, "x-csrf-token": token(root)}
    finish = f"/-/console/buckets/{bucket}/upload/finish?key=k&upload={begun}"
    for body in ["", "[]", json.dumps([parts[0], parts[0]]), json.dumps(parts + parts[:1])]:
        status, _, text = asked(house, "POST", finish, headers, body)
        assert (status, json.loads(text)["code"]) == (400, "InvalidPart"), body
    assert asked(house, "POST", finish, headers, json.dumps(parts[:2]))[::2] == (200, "{}")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"a" * (5 << 20) + b"end"


def test_metadata_that_is_set_keeps_the_rest(root, s3, bucket):
    page = root.page
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/html", Metadata={"by": "ana"}, Expires="Fri, 01 Jan 2027 00:00:00 GMT",
                  WebsiteRedirectLocation="/elsewhere")
    root.at(f"buckets/{bucket}/object?key=k")
    page.click("details.card:has(#metadata) summary")
    text = page.locator("#metadata").input_value()
    page.fill("#metadata", text.replace("=ana", "=eva"))
    press(page, "form[action$='object/metadata'] button")
    expect(page.locator(".alert.good")).to_have_text("Saved.")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["Metadata"], head["ContentType"], head["WebsiteRedirectLocation"]) == ({"by": "eva"}, "text/html", "/elsewhere")
    assert head["ExpiresString"] == "Fri, 01 Jan 2027 00:00:00 GMT"


def test_everything_but_the_queue_works_without_scripts(browser, house, s3, bucket, tmp_path):
    plain = Visitor(browser, house, java_script_enabled=False).sign_in()
    page = plain.page
    file = tmp_path / "plain.txt"
    file.write_text("no script")
    plain.at(f"buckets/{bucket}/objects?prefix=a/")
    page.click("#upload > summary")
    page.set_input_files("#file", str(file))
    page.click("#upload form button[type=submit]")
    expect(page.locator(".alert.good")).to_have_text("Uploaded.")
    expect(page.locator("table a.file")).to_have_text("plain.txt")
    assert s3.get_object(Bucket=bucket, Key="a/plain.txt")["Body"].read() == b"no script"
    page.click("table a.file")
    page.click("details.card:has(#tags) summary")
    page.fill("#tags", "colour=blue\nteam=a=b")
    page.click("form[action$='object/tags'] button")
    expect(page.locator(".alert.good")).to_have_text("Saved.")
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key="a/plain.txt")["TagSet"]}
    assert tags == {"colour": "blue", "team": "a=b"}
    plain.close()


def test_versions_come_back(root, s3, bucket):
    page = root.page
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="f", Body=b"1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="f", Body=b"2")
    root.at(f"buckets/{bucket}/object?key=f")
    page.click("details.card:has(#confirm-delete) summary")
    expect(page.locator(".danger button")).to_be_disabled()
    page.fill("#confirm-delete", "f")
    page.click(".danger button")
    expect(page.locator(".alert.good")).to_have_text("Deleted.")
    assert refused(s3.get_object, Bucket=bucket, Key="f")[0] == 404
    root.at(f"buckets/{bucket}/object?key=f")
    page.click("form[action$='object/restore'] button >> nth=0")
    assert s3.get_object(Bucket=bucket, Key="f")["Body"].read() == b"2"
    root.at(f"buckets/{bucket}/object?key=f")
    page.click(f"form:has(input[value='{first}']) button")
    expect(page.locator(".alert.good")).to_be_visible()
    assert s3.get_object(Bucket=bucket, Key="f")["Body"].read() == b"1"


def test_a_shared_address_opens_the_object_and_how_it_is_sealed_is_shown(root, s3, bucket):
    page = root.page
    s3.put_object(Bucket=bucket, Key="dir/s ñ.txt", Body=b"shared", ServerSideEncryption="aws:kms", BucketKeyEnabled=True)
    root.at(f"buckets/{bucket}/object?key=dir%2Fs%20%C3%B1.txt")
    sealed = page.locator(".sealed")
    expect(sealed).to_contain_text("derived from a bucket key")
    expect(sealed).to_contain_text(f"arn:aws:s3:::{bucket}")
    page.click("#share summary")
    page.click("form[action$='object/share'] button")
    address = page.locator("#share .copyable code").inner_text()
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert answer.read() == b"shared"


def test_texts_of_others_run_nowhere(root, s3, bucket, house):
    page = root.page
    for n, attack in enumerate(CORPUS):
        s3.put_object(Bucket=bucket, Key=f"{n}/{attack}", Body=attack.encode(), ContentType="text/html",
                      Tagging=urllib.parse.urlencode({"k": re.sub(r"[^\w ]", "", attack)[:60]}),
                      Metadata={"m": urllib.parse.quote(attack)})
        key = urllib.parse.quote(f"{n}/{attack}", safe="")
        for path in [f"buckets/{bucket}/objects?prefix={key[:6]}", f"buckets/{bucket}/object?key={key}",
                     f"buckets/{bucket}/objects?versions=1&prefix={key[:6]}", f"buckets?prefix={urllib.parse.quote(attack)}",
                     f"buckets/{urllib.parse.quote(attack, safe='')}/objects"]:
            root.at(path)
            assert page.evaluate("window.pwned") is None, (path, attack)
        # Opened as a page, it is a file.
        status, headers, _ = asked(house, "GET", f"/-/console/buckets/{bucket}/download?show=1&key={key}", {"cookie": cookies(root)})
        assert status == 200 and headers["content-disposition"].startswith("attachment")
        assert headers["content-security-policy"].startswith("sandbox")


def test_an_object_that_is_opened_as_a_page_is_of_another_origin(root, s3, bucket):
    """Objects and the console share a port: a page among them must not act as whoever opens it."""
    page = root.page
    script = """<script>window.tried=fetch('/-/console/buckets').then(r=>r.text()).then(t=>t.includes('csrf')?'in':'out').catch(()=>'out')</script>"""
    s3.put_object(Bucket=bucket, Key="evil.html", Body=script.encode(), ContentType="text/html")
    address = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "evil.html"})
    page.goto(address)
    assert page.evaluate("window.tried") == "out"
    assert page.evaluate("window.origin") == "null"
    root.errors.clear()  # Chromium tells of the refused request.
    # Whatever was asked, and of errors too: what a browser keeps does not depend on what it is for.
    html = {"accept": "text/html"}
    path = urllib.parse.urlsplit(address).path + "?" + urllib.parse.urlsplit(address).query
    for headers in [html, {}, {"sec-fetch-dest": "image", "accept": "image/*"}, {"sec-fetch-dest": "empty"}]:
        for answered in [path, f"/{bucket}/no", "/?Action=GetCallerIdentity"]:
            assert asked(root.house, "GET", answered, headers)[1]["content-security-policy"].startswith("sandbox "), headers
    # A bucket's own host is another origin already.
    host = {"host": f"{bucket}.localhost:{urllib.parse.urlsplit(root.house.url).port}"}
    assert "content-security-policy" not in asked(root.house, "GET", "/evil.html", html | host)[1]


def test_a_picture_that_was_kept_opens_in_another_origin_too(root, s3, bucket):
    """A page has the browser fetch an SVG as a picture, which it then opens as a document from its cache."""
    page = root.page
    script = "window.tried=fetch('/-/console/buckets').then(r=>r.text()).then(t=>t.includes('csrf')?'in':'out').catch(()=>'out')"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>{script.replace(">", "&gt;")}</script></svg>'
    s3.put_object(Bucket=bucket, Key="evil.svg", Body=svg.encode(), ContentType="image/svg+xml", CacheControl="max-age=3600")
    address = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "evil.svg"})
    load = "address => new Promise((good, bad) => { const i = new Image(); i.onload = () => good(i.width); i.onerror = bad; i.src = address; })"
    assert page.evaluate(load, address) == 9
    page.goto(address)
    assert page.evaluate("window.tried") == "out"
    assert page.evaluate("window.origin") == "null"
    root.errors.clear()  # Chromium tells of the refused request.


def test_changes_of_others_are_refused(root, house, bucket):
    headers = {"cookie": cookies(root), "content-type": "application/x-www-form-urlencoded"}
    path, good = f"/-/console/buckets/{bucket}/objects/folder", f"csrf={token(root)}&folder=x&prefix="
    own = {"origin": house.url}
    for case, extra, body in [
        ("no origin", {}, good),
        ("another origin", {"origin": "http://evil.example"}, good),
        ("a null origin", {"origin": "null"}, good),
        ("another site", own | {"sec-fetch-site": "cross-site"}, good),
        ("a subdomain", {"origin": house.url.replace("127.0.0.1", "x.localhost")}, good),
        ("no token", own, "folder=x&prefix="),
        ("another token", own, "csrf=00&folder=x&prefix="),
    ]:
        status, _, text = asked(house, "POST", path, headers | extra, body)
        assert status == 403 and "AccessForbidden" in text, case
    assert asked(house, "POST", path, headers | own, good)[0] == 303
    # Without a session nothing is done either.
    status, answer, _ = asked(house, "POST", path, {k: v for k, v in headers.items() if k != "cookie"} | own, good)
    assert status == 303 and "sign-in" in answer["location"]
    assert asked(house, "DELETE", path, headers | own, good)[0] == 405


def test_no_page_can_be_framed_and_every_page_says_so(root, browser, house):
    for path in ["sign-in", "buckets", "buckets/new", "assets/console.css", "nowhere"]:
        _, headers, _ = asked(house, "GET", f"/-/console/{path}", {"cookie": cookies(root)})
        assert headers["x-content-type-options"] == "nosniff", path
        if path.startswith("assets"):
            continue
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy and "unsafe" not in policy and "default-src 'self'" in policy, path
        assert headers["x-frame-options"] == "DENY" and headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"


def test_who_may_not_read_is_told_in_the_words_of_aws(browser, house, bucket):
    iam = house.client("iam")
    name = "nobody-" + secrets.token_hex(4)
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    nobody = Visitor(browser, house).sign_in(key["AccessKeyId"], key["SecretAccessKey"])
    for path, action in [("buckets", "s3:ListAllMyBuckets"), (f"buckets/{bucket}/objects", "s3:ListBucket")]:
        answer = nobody.at(path)
        assert answer.status == 403
        expect(nobody.page.locator(".alert.bad")).to_contain_text(f"is not authorized to perform: {action}")
    nobody.close()


def test_both_languages_say_everything(browser, house):
    spanish = Visitor(browser, house, language="es-ES")
    spanish.at("sign-in")
    expect(spanish.page.locator("h1")).to_have_text("Iniciar sesión")
    spanish.page.click("button[lang=en]")
    expect(spanish.page.locator("h1")).to_have_text("Sign in")
    assert spanish.page.evaluate("document.documentElement.lang") == "en"
    spanish.close()


def test_a_key_from_its_making_to_its_end(root, house):
    page, kms = root.page, house.client("kms")
    root.at("keys/new")
    page.fill("#alias", "console-key")
    page.fill("#description", CORPUS[0])
    page.click("form.card button[type=submit]")
    expect(page.locator("h1")).to_have_text("alias/console-key")
    key = kms.describe_key(KeyId="alias/console-key")["KeyMetadata"]
    assert key["Description"] == CORPUS[0] and kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
    page.click("form[action$='/disable'] button")
    expect(page.locator(".alert.good")).to_have_text("Saved.")
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    page.click("form[action$='/enable'] button")
    # A policy that is none stays to be mended, and says where it is wrong.
    page.fill("#policy", "{}<script>")
    page.click("form[action$='/policy'] button")
    expect(page.locator(".alert.bad")).to_contain_text("MalformedPolicyDocumentException")
    expect(page.locator("#policy")).to_have_value("{}<script>")
    page.click("details:has(#grantee) summary")
    page.fill("#grantee", "arn:aws:iam::000000000000:root")
    page.check("input[value=Decrypt]")
    page.click("form[action$='/grant'] button")
    expect(page.locator("form[action$='/revoke'] button")).to_have_count(1)
    page.click("form[action$='/revoke'] button")
    assert kms.list_grants(KeyId=key["KeyId"])["Grants"] == []
    page.click("details.card:has(#confirm-delete) summary")
    page.fill("#confirm-delete", key["KeyId"])
    page.fill("#wait", "7")
    page.click(".danger button")
    expect(page.locator(".alert.good")).to_have_text("The deletion is scheduled.")
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    page.click("form[action$='/cancel'] button")
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"


def test_properties_of_a_bucket_are_calls_of_s3(root, s3, bucket):
    page = root.page
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject",
                                                                "Resource": f"arn:aws:s3:::{bucket}/kept/*"}]})
    root.at(f"buckets/{bucket}/properties")
    page.fill("#policy", policy)
    press(page, "form[action$='/policy'] button")
    expect(page.locator(".alert.good")).to_have_text("Saved.")
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(policy)
    page.fill("#policy", "{")
    press(page, "form[action$='/policy'] button")
    expect(page.locator(".alert.bad")).to_contain_text("MalformedPolicy")
    expect(page.locator("#policy")).to_have_value("{")
    root.at(f"buckets/{bucket}/properties")
    page.fill("#policy", "")
    press(page, "form[action$='/policy'] button")
    assert refused(s3.get_bucket_policy, Bucket=bucket)[1] == "NoSuchBucketPolicy"
    page.check("#versioning")
    press(page, "form[action$='/versioning'] button")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    root.at(f"buckets/{bucket}/properties")
    for name in ["lifecycle", "cors"]:
        example = page.locator(f"form[action$='/{name}'] pre").text_content()
        page.fill(f"#{name}", example)
        press(page, f"form[action$='/{name}'] button[type=submit]")
        expect(page.locator(".alert.good")).to_have_text("Saved.")
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"][0]["ID"] == "old-versions"
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"][0]["AllowedMethods"] == ["GET"]
    page.fill("#tags", "team=blue")
    press(page, "form[action$='/tags'] button")
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "team", "Value": "blue"}]
    page.uncheck("#BlockPublicPolicy")
    press(page, "form[action$='/public'] button")
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert block["BlockPublicPolicy"] is False and block["BlockPublicAcls"] is True


def test_identities_want_the_secret_again_and_show_a_new_one_once(root, house):
    page, iam = root.page, house.client("iam")
    name = "user-" + secrets.token_hex(4)
    root.at("identities")
    page.fill("#key", ACCESS_KEY)
    page.fill("#secret", "wrong")
    page.click(".gate button[type=submit]")
    expect(page.locator(".alert.bad")).to_contain_text("SignatureDoesNotMatch")
    # Somebody else's key raises nobody.
    iam.create_user(UserName=name)
    other = iam.create_access_key(UserName=name)["AccessKey"]
    page.fill("#key", other["AccessKeyId"])
    page.fill("#secret", other["SecretAccessKey"])
    page.click(".gate button[type=submit]")
    expect(page.locator(".alert.bad")).to_contain_text("somebody else")
    before = cookies(root)
    raised(root)
    expect(page.locator(".alert.good")).to_contain_text("15 minutes")
    # The raised session takes the other's place; it does not stand beside it.
    held = [cookie for cookie in root.context.cookies() if cookie["name"].startswith("arqueta-console")]
    assert len({cookie["name"] for cookie in held}) == len(held) and {c["path"] for c in held} == {"/-/console"}
    assert cookies(root) != before
    root.at(f"identities/users/{name}")
    page.click("form[action$='/key'] button")
    secret = page.locator(".alert.good code").nth(1).inner_text()
    assert len(secret) == 40
    root.at(f"identities/users/{name}")
    assert secret not in page.content()
    page.select_option("#arn", label="ReadOnlyAccess")
    page.click("form[action$='/attach'] button")
    assert iam.list_attached_user_policies(UserName=name)["AttachedPolicies"][0]["PolicyName"] == "ReadOnlyAccess"
    # Who signs in after is that person, on every page, and the session before is over.
    stolen = cookies(root)
    root.sign_in(other["AccessKeyId"], other["SecretAccessKey"])
    root.at("identities")
    expect(page.locator(".person .who")).to_have_text(name)
    assert asked(house, "GET", "/-/console/identities", {"cookie": stolen})[0] == 303


def test_the_record_is_searched_and_a_bucket_key_shows_what_it_saves(root, house, s3):
    page, name = root.page, "saving-" + secrets.token_hex(4)
    root.at("")
    before = int(page.locator("#saved").inner_text())
    s3.create_bucket(Bucket=name)
    for n in range(5):
        s3.put_object(Bucket=name, Key=str(n), Body=b"x", ServerSideEncryption="aws:kms", BucketKeyEnabled=True)
    root.at("")
    assert int(page.locator("#saved").inner_text()) - before == 4
    root.at("record")
    page.select_option("#by", "ResourceName")
    page.fill("#value", name)
    page.click("form.filters button")
    expect(page.locator(".events li").first).to_contain_text(f"called CreateBucket on arn:aws:s3:::{name} from 127.0.0.1")
    page.click(".events summary >> nth=0")
    expect(page.locator(".events pre >> nth=0")).to_contain_text('"eventName": "CreateBucket"')
