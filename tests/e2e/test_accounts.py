"""`arqueta accounts`: listed and created, by way of the gateway that runs or in its folder when none does."""

import os
import re
import subprocess

import pytest
from conftest import ACCOUNT, BINARY, refused

OTHER = "222233334444"


def accounts(gateway, *words):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_"))} | {
        "ARQUETA_ROOT_ACCESS_KEY_ID": "AKIAARQUETATESTROOT1", "ARQUETA_ROOT_SECRET_ACCESS_KEY": "arqueta/test/secret/not/for/production/01"}
    return subprocess.run([BINARY, "accounts", *words, "--data-dir", str(gateway.data)], env=clean, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("running", [True, False])
def test_an_account_is_created_and_its_root_user_let_in(start, running):
    gateway = start()
    gateway.client("s3").create_bucket(Bucket="of-the-first")
    if not running:
        gateway.stop()
    assert [line.split()[0] for line in accounts(gateway, "list").stdout.splitlines()] == [ACCOUNT]
    made = accounts(gateway, "create", OTHER)
    assert made.returncode == 0, made.stderr
    key, secret = re.search(r"AWS_ACCESS_KEY_ID=(\S+) AWS_SECRET_ACCESS_KEY=(\S+)", made.stdout).groups()
    assert [line.split()[0] for line in accounts(gateway, "list").stdout.splitlines()] == [ACCOUNT, OTHER]
    if running:
        [event] = gateway.events("CreateAccountResult")
        assert event["serviceEventDetails"] == {"createAccountStatus": {"accountId": OTHER, "state": "SUCCEEDED"}}
        assert secret not in gateway.stderr_path.read_text()
    if not running:
        gateway.start()
    root = {"key": key, "secret": secret}
    assert gateway.client("sts", **root).get_caller_identity()["Arn"] == f"arn:aws:iam::{OTHER}:root"
    assert gateway.client("s3", **root).list_buckets()["Buckets"] == []
    assert refused(gateway.client("s3", **root).list_objects_v2, Bucket="of-the-first")[:2] == (403, "AccessDenied")


@pytest.mark.parametrize("running", [True, False])
def test_what_cannot_be_created(start, tmp_path, running):
    gateway = start()
    if not running:
        gateway.stop()
    for words, said in ((("create", ACCOUNT), "exists already"), (("create", "12"), "twelve decimal digits"), (("create",), "required")):
        failed = accounts(gateway, *words)
        assert failed.returncode != 0 and said in failed.stderr and "SECRET" not in failed.stdout, failed
    gateway.data = tmp_path / "nothing-here"
    assert "no data folder" in accounts(gateway, "list").stderr
