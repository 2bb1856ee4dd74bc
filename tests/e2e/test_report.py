"""`arqueta audit report`: who used which key, for what, when, against what was done and what the record holds."""

import collections
import csv
import html.parser
import io
import json

import pytest
from conftest import ACCOUNT, refused
from test_record import audit

SIGNER = f"arn:aws:iam::{ACCOUNT}:user/teller"


@pytest.fixture(scope="module")
def used(start):
    """A gateway on which one key was used by two people, for two buckets, rotated and disabled."""
    gateway = start()
    kms, s3, iam = gateway.client("kms"), gateway.client("s3"), gateway.client("iam")
    gateway.key = kms.create_key(Tags=[{"TagKey": "owner", "TagValue": "<b>finance</b>"}])["KeyMetadata"]["Arn"]
    gateway.other = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/ledger", TargetKeyId=gateway.key)
    iam.create_user(UserName="teller")
    iam.put_user_policy(UserName="teller", PolicyName="all", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kms:Encrypt"], "Resource": "*"}]}))
    made = iam.create_access_key(UserName="teller")["AccessKey"]
    teller = gateway.client("kms", made["AccessKeyId"], made["SecretAccessKey"])
    for bucket in ("ledgers", "letters"):
        s3.create_bucket(Bucket=bucket)
        for n in range(3):
            s3.put_object(Bucket=bucket, Key=str(n), Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=gateway.key)
    for _ in range(5):
        sealed = teller.encrypt(KeyId="alias/ledger", Plaintext=b"x")["CiphertextBlob"]
    assert refused(teller.decrypt, CiphertextBlob=sealed)[1] == "AccessDeniedException"
    kms.rotate_key_on_demand(KeyId=gateway.key)
    teller.encrypt(KeyId=gateway.key, Plaintext=b"x")
    kms.encrypt(KeyId=gateway.other, Plaintext=b"x")
    kms.disable_key(KeyId=gateway.key)
    return gateway


def report(gateway, *arguments):
    code, lines = audit(gateway, "report", "--admin", gateway.admin_url.removeprefix("http://"), *arguments)
    return code, "\n".join(lines)


def test_a_key_is_told_whole(used):
    code, text = report(used, "--key", used.key, "--format", "json")
    assert code == 0, text
    told = json.loads(text)
    assert told["proof"]["valid"] and told["proof"]["chainEnd"] > 0 and len(told["proof"]["chainTag"]) == 64
    [key] = told["keys"]
    assert key["arn"] == used.key and key["state"] == "Disabled" and key["aliases"] == ["alias/ledger"]
    assert key["tags"] == {"owner": "<b>finance</b>"} and key["facts"]["spec"] == "SYMMETRIC_DEFAULT"
    assert len(key["materials"]) == 2
    # The same sum out of the record's files.
    wanted = collections.Counter(
        (event["userIdentity"]["arn"], event["eventName"]) for event in used.events()
        if event["readOnly"] and "errorCode" not in event and any(r["ARN"] == used.key for r in event.get("resources", [])))
    found = collections.Counter()
    for row in key["uses"]:
        found[row["principal"], row["what"].removeprefix("kms:")] += row["count"]
    assert found == wanted and found[SIGNER, "Encrypt"] == 6
    assert {row["bucket"] for row in key["uses"] if row["through"]} == {"ledgers", "letters"}
    changes = [act["what"] for act in key["changes"]]
    assert changes == ["kms:CreateKey", "kms:CreateAlias", "kms:RotateKeyOnDemand", "kms:DisableKey"]
    [refusal] = told["refused"]
    assert (refusal["principal"], refusal["what"], refusal["count"]) == (SIGNER, "kms:Decrypt", 1)


def test_buckets_people_and_periods(used):
    told = json.loads(report(used, "--bucket", "ledgers", "--format", "json")[1])
    assert {row["bucket"] for key in told["keys"] for row in key["uses"]} == {"ledgers"}
    assert [act["what"] for act in told["changes"]] == ["s3:CreateBucket"]
    told = json.loads(report(used, "--principal", SIGNER, "--format", "json")[1])
    assert {row["principal"] for key in told["keys"] for row in key["uses"]} == {SIGNER}
    told = json.loads(report(used, "--to", "2026-01-01", "--format", "json")[1])
    assert not told["keys"] and not told["changes"] and told["proof"]["valid"]
    assert report(used, "--key", "a", "--bucket", "b")[0] != 0


def test_the_page_and_the_table(used):
    _, page = report(used, "--key", used.key)
    assert (0, page) == report(used, "--key", used.key, "--format", "html"), "the same record, the same bytes"
    assert "<b>finance" not in page and "&lt;b&gt;finance&lt;/b&gt;" in page
    assert "The record is what was written." in page and "<script" not in page

    open_tags = []

    class Balanced(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            assert not {"src", "href"} & dict(attrs).keys(), "nothing from elsewhere"
            if tag != "meta":
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Balanced().feed(page)
    assert not open_tags
    rows = list(csv.DictReader(io.StringIO(report(used, "--key", used.key, "--format", "csv")[1])))
    assert sum(int(row["count"]) for row in rows if row["kind"] == "use" and row["principal"] == SIGNER) == 6


def test_a_tampered_record_is_reported_as_such(start):
    gateway = start()
    gateway.client("kms").create_key()
    gateway.stop()
    [line_file, *_] = sorted((gateway.data / "audit").rglob("*.jsonl"))
    line_file.write_text(line_file.read_text().replace("CreateKey", "CreateGrant", 1))
    code, lines = audit(gateway, "report")
    assert code != 0
    assert "not proven" in "\n".join(lines)
