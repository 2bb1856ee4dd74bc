"""What a bucket does by itself, and what its objects are kept by, from the console."""

import datetime
import json
import re
import secrets

import pytest
from accounts import Account, allow, document
from browsing import CORPUS, Visitor, asked, browser, cookies, guest, house, opened, press, raised, root, s3, token  # noqa: F401
from conftest import ACCOUNT, REGION, refused
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def house(start, tmp_path_factory):  # noqa: F811
    """A gateway with a target of notifications that nobody listens at."""
    folder = tmp_path_factory.mktemp("targets")
    (folder / "secret").write_text("secret")
    (folder / "arqueta.toml").write_text(
        f'[notifications.targets.thumbnails]\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\nsecret_file = "{folder}/secret"\n')
    return start("--config", str(folder / "arqueta.toml"))


@pytest.fixture
def bucket(s3):  # noqa: F811
    name = "b-" + secrets.token_hex(6)
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def locked(s3):  # noqa: F811
    name = "l-" + secrets.token_hex(6)
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def posted(house, visitor, path, **fields):  # noqa: F811
    """A form that no browser sends, without or with a wrong token."""
    headers = {"cookie": cookies(visitor), "origin": house.url, "content-type": "application/x-www-form-urlencoded"}
    return asked(house, "POST", f"/-/console/{path}", headers, "&".join(f"{name}={value}" for name, value in fields.items()))[0]


def test_new_forms_take_no_change_without_the_sessions_token(root, house, bucket):  # noqa: F811
    for path in [*(f"buckets/{bucket}/properties/{name}" for name in ("object-lock", "expire", "notification", "notify", "website")),
                 *(f"buckets/{bucket}/object/{name}" for name in ("retention", "hold", "copy")), f"buckets/{bucket}/objects/sweep",
                 "simulate", "role", "role/back"]:
        assert posted(house, root, path) == 403 and posted(house, root, path, csrf="00") == 403, path


def test_rules_of_lifecycle_are_added_one_by_one(root, s3, bucket):  # noqa: F811
    page = root.page
    for prefix, days in [("logs/", 30), (CORPUS[0], 7)]:
        root.at(f"buckets/{bucket}/properties")
        opened(page, "#expire-prefix")
        page.fill("#expire-prefix", prefix)
        page.fill("#expire-days", str(days))
        page.fill("#abort-days", "2")
        press(page, "form[action$='/expire'] button")
        expect(page.locator(".alert.good")).to_have_text("Saved.")
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [(rule["Filter"]["Prefix"], rule["Expiration"]["Days"]) for rule in rules] == [("logs/", 30), (CORPUS[0], 7)]
    assert rules[0]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 2
    # A rule without anything to do is refused in AWS's words, and what was filled in stays.
    opened(page, "#expire-prefix")
    page.fill("#expire-prefix", "nothing/")
    press(page, "form[action$='/expire'] button")
    expect(page.locator(".alert.bad")).to_have_count(1)
    expect(page.locator("#expire-prefix")).to_have_value("nothing/")


def test_targets_are_told_of_what_happens(root, s3, bucket):  # noqa: F811
    page, arn = root.page, f"arn:aws:sqs:{REGION}:{ACCOUNT}:thumbnails"
    root.at(f"buckets/{bucket}/properties")
    opened(page, "#target")
    page.fill("#target", arn + "x")
    page.check("input[value='s3:ObjectCreated:*']")
    press(page, "form[action$='/notify'] button")
    expect(page.locator(".alert.bad")).to_contain_text("Unable to validate the following destination configurations")
    expect(page.locator("#target")).to_have_value(arn + "x")
    page.fill("#target", arn)
    page.fill("#notify-suffix", ".jpg")
    press(page, "form[action$='/notify'] button")
    expect(page.locator(".alert.good")).to_have_text("Saved.")
    [queue] = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert queue["QueueArn"] == arn and queue["Events"] == ["s3:ObjectCreated:*"]
    assert queue["Filter"]["Key"]["FilterRules"][0]["Value"] == ".jpg"
    page.fill("#notification", "")
    press(page, "form[action$='/notification'] button")
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_a_bucket_keeps_what_is_written_to_it(root, s3, locked, bucket):  # noqa: F811
    page = root.page
    root.at(f"buckets/{locked}/properties")
    page.select_option("#lock-mode", "GOVERNANCE")
    page.fill("#lock-period", "3")
    press(page, "form[action$='/object-lock'] button")
    rule = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert rule == {"Mode": "GOVERNANCE", "Days": 3}
    page.select_option("#lock-mode", "")
    press(page, "form[action$='/object-lock'] button")
    assert "Rule" not in s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    # Object lock needs versions.
    root.at(f"buckets/{bucket}/properties")
    press(page, "form[action$='/object-lock'] button")
    expect(page.locator(".alert.bad")).to_contain_text("InvalidBucketState")


def test_retention_and_a_legal_hold(root, s3, locked, bucket):  # noqa: F811
    page, until = root.page, datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
    s3.put_object(Bucket=locked, Key="k", Body=b"x")
    root.at(f"buckets/{locked}/object?key=k")
    opened(page, "#retain-mode")
    page.select_option("#retain-mode", "GOVERNANCE")
    page.fill("#retain-until", until.strftime("%Y-%m-%dT%H:%M"))
    press(page, "form[action$='/retention'] button")
    kept = s3.get_object_retention(Bucket=locked, Key="k")["Retention"]
    assert kept["Mode"] == "GOVERNANCE" and abs(kept["RetainUntilDate"] - until) < datetime.timedelta(minutes=1)
    press(page, "form[action$='/hold'] button")
    assert s3.get_object_legal_hold(Bucket=locked, Key="k")["LegalHold"]["Status"] == "ON"
    press(page, "form[action$='/hold'] button")
    assert s3.get_object_legal_hold(Bucket=locked, Key="k")["LegalHold"]["Status"] == "OFF"
    # Less only for who may bypass it and says so.
    page.select_option("#retain-mode", "")
    press(page, "form[action$='/retention'] button")
    expect(page.locator(".alert.bad")).to_contain_text("AccessDenied")
    root.at(f"buckets/{locked}/object?key=k")
    page.select_option("#retain-mode", "")
    page.check("#bypass")
    press(page, "form[action$='/retention'] button")
    assert refused(s3.get_object_retention, Bucket=locked, Key="k")[1] == "NoSuchObjectLockConfiguration"
    # Where nothing can be locked there is no such panel.
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    root.at(f"buckets/{bucket}/object?key=k")
    assert page.locator("#retain-mode").count() == 0


def test_a_copy_elsewhere(root, s3, bucket, locked):  # noqa: F811
    page, name = root.page, "ä b+c?" + CORPUS[1]
    s3.put_object(Bucket=bucket, Key="from it", Body=b"content", Metadata={"by": "ana"})
    root.at(f"buckets/{bucket}/object?key=from+it")
    opened(page, "#to-key")
    page.fill("#to-bucket", locked)
    page.fill("#to-key", name)
    press(page, "form[action$='/copy'] button")
    expect(page.locator("h1")).to_have_text(name.rsplit("/", 1)[-1])
    made = s3.get_object(Bucket=locked, Key=name)
    assert made["Body"].read() == b"content" and made["Metadata"] == {"by": "ana"}


def test_everything_in_a_folder_goes_at_once(root, house, s3, bucket):  # noqa: F811
    page = root.page
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    keys = [f"folder/{n:03}{CORPUS[n % len(CORPUS)]}" for n in range(120)]
    for key in [*keys, "other"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    root.at(f"buckets/{bucket}/objects?prefix=folder/")
    page.click("details.card:has(#confirm-sweep) summary")
    expect(page.locator(".danger button")).to_be_disabled()
    page.fill("#confirm-sweep", "folder/")
    press(page, ".danger button")
    expect(page.locator(".alert.good")).to_have_text("Deleted.")
    listed = s3.list_object_versions(Bucket=bucket)
    assert len(listed["DeleteMarkers"]) == 120 and len(listed["Versions"]) == 121
    # And then for good, unless the word is another.
    assert posted(house, root, f"buckets/{bucket}/objects/sweep", csrf=token(root), prefix="folder/", versions=1, confirm="x") == 400
    root.at(f"buckets/{bucket}/objects?prefix=folder/&versions=1")
    page.click("details.card:has(#confirm-sweep) summary")
    page.fill("#confirm-sweep", "folder/")
    press(page, ".danger button")
    assert [version["Key"] for version in s3.list_object_versions(Bucket=bucket)["Versions"]] == ["other"]


def test_may_x_do_y(root, house, s3, bucket):  # noqa: F811
    page, (arn, _) = root.page, Account(house).user(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    raised(root)
    own = document(allow("s3:PutObject", f"arn:aws:s3:::{bucket}/open/*", Principal={"AWS": arn}))
    s3.put_bucket_policy(Bucket=bucket, Policy=own)
    root.at(f"simulate?bucket={bucket}")
    assert json.loads(page.input_value("#resource-policy")) == json.loads(own)
    page.fill("#principal", arn)
    page.fill("#action", "s3:GetObject s3:PutObject s3:DeleteObject")
    page.fill("#resource", f"arn:aws:s3:::{bucket}/open/k")
    press(page, "form[action=simulate] button[type=submit]")
    rows = page.locator(".decision").all_inner_texts()
    assert [row.split("\n")[0].strip().split("s3:")[0].strip() for row in rows] == ["allowed", "allowed", "not allowed by any statement"]
    # A policy that is none is told here, before it is saved anywhere.
    page.fill("#resource-policy", "{")
    press(page, "form[action=simulate] button[type=submit]")
    expect(page.locator(".alert.bad")).to_have_count(1)
    expect(page.locator("#resource-policy")).to_have_value("{")
    assert json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]) == json.loads(own)


def test_a_policy_that_locks_somebody_out_shows_it(browser, house, s3, bucket):  # noqa: F811
    _, who = Account(house).user(allow("s3:*"))
    deny = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"}]})
    person = Visitor(browser, house).sign_in(who["key"], who["secret"])
    page = person.page
    person.at(f"buckets/{bucket}/properties")
    page.fill("#policy", deny)
    press(page, "form[action$='/policy'] button")
    expect(page.locator(".alert.good")).to_have_text("Saved.")
    assert person.at(f"buckets/{bucket}/objects").status == 403
    expect(page.locator(".alert.bad")).to_contain_text("with an explicit deny in a resource-based policy")
    person.close()


def test_a_bucket_is_replicated_and_its_objects_say_so(root, house, s3, bucket):  # noqa: F811
    page, there, role = root.page, "there-" + secrets.token_hex(4), "replicator-" + secrets.token_hex(4)
    s3.create_bucket(Bucket=there)
    for name in (bucket, there):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    iam, trusted = house.client("iam"), {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(trusted))
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document(allow("s3:*")))
    rules = (f"<ReplicationConfiguration><Role>arn:aws:iam::{ACCOUNT}:role/{role}</Role><Rule><ID>r</ID><Priority>1</Priority>"
             "<Status>Enabled</Status><Filter><Prefix>{}</Prefix></Filter><DeleteMarkerReplication><Status>Disabled</Status>"
             f"</DeleteMarkerReplication><Destination><Bucket>arn:aws:s3:::{there}</Bucket></Destination></Rule></ReplicationConfiguration>")
    # A session that an access key was exchanged for hands no role over; what was written stays.
    root.at(f"buckets/{bucket}/properties")
    page.fill("#replication", rules.format("kept/"))
    press(page, "form[action$='/replication'] button")
    expect(page.locator(".alert.bad")).to_contain_text("iam:PassRole")
    expect(page.locator("#replication")).to_have_value(re.compile("kept/"))
    assert refused(s3.get_bucket_replication, Bucket=bucket)[1] == "ReplicationConfigurationNotFoundError"
    s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration={
        "Role": f"arn:aws:iam::{ACCOUNT}:role/{role}",
        "Rules": [{"ID": "r", "Priority": 1, "Status": "Enabled", "Filter": {}, "DeleteMarkerReplication": {"Status": "Disabled"},
                   "Destination": {"Bucket": f"arn:aws:s3:::{there}"}}]})
    root.at(f"buckets/{bucket}/properties")
    expect(page.locator("#replication")).to_have_value(re.compile(there))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.get_waiter("object_exists").wait(Bucket=there, Key="k", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    root.at(f"buckets/{bucket}/object?key=k")
    expect(page.locator("main")).to_contain_text(re.compile("COMPLETED|PENDING"))
    root.at(f"buckets/{there}/object?key=k")
    expect(page.locator("main")).to_contain_text("REPLICA")
    # To take it away hands nothing over.
    root.at(f"buckets/{bucket}/properties")
    page.fill("#replication", "")
    press(page, "form[action$='/replication'] button")
    expect(page.locator(".alert.good")).to_have_text("Saved.")
    assert refused(s3.get_bucket_replication, Bucket=bucket)[1] == "ReplicationConfigurationNotFoundError"
