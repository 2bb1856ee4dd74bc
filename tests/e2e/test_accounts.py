"""`arqueta accounts`: listed and created on the data folder of a gateway that is not running."""

import os
import re
import subprocess

from conftest import ACCOUNT, BINARY, refused

OTHER = "222233334444"


def accounts(gateway, *words):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_"))} | {
        "ARQUETA_ROOT_ACCESS_KEY_ID": "AKIAARQUETATESTROOT1", "ARQUETA_ROOT_SECRET_ACCESS_KEY": "arqueta/test/secret/not/for/production/01"}
    return subprocess.run([BINARY, "accounts", *words, "--data-dir", str(gateway.data)], env=clean, capture_output=True, text=True, timeout=60)


def test_an_account_is_created_and_its_root_user_let_in(start):
    gateway = start()
    gateway.client("s3").create_bucket(Bucket="of-the-first")
    gateway.stop()
    assert [line.split()[0] for line in accounts(gateway, "list").stdout.splitlines()] == [ACCOUNT]
    made = accounts(gateway, "create", OTHER)
    assert made.returncode == 0, made.stderr
    key, secret = re.search(r"AWS_ACCESS_KEY_ID=(\S+) AWS_SECRET_ACCESS_KEY=(\S+)", made.stdout).groups()
    assert [line.split()[0] for line in accounts(gateway, "list").stdout.splitlines()] == [ACCOUNT, OTHER]
    gateway.start()
    root = {"key": key, "secret": secret}
    assert gateway.client("sts", **root).get_caller_identity()["Arn"] == f"arn:aws:iam::{OTHER}:root"
    assert gateway.client("s3", **root).list_buckets()["Buckets"] == []
    assert refused(gateway.client("s3", **root).list_objects_v2, Bucket="of-the-first")[:2] == (403, "AccessDenied")


def test_what_cannot_be_created(start, tmp_path):
    gateway = start()
    # The folder belongs to the gateway that runs on it.
    busy = accounts(gateway, "create", OTHER)
    assert busy.returncode != 0 and "another process" in busy.stderr and OTHER not in busy.stdout
    gateway.stop()
    for words, said in ((("create", ACCOUNT), "exists already"), (("create", "12"), "twelve decimal digits"), (("create",), "required")):
        failed = accounts(gateway, *words)
        assert failed.returncode != 0 and said in failed.stderr and "SECRET" not in failed.stdout, failed
    gateway.data = tmp_path / "nothing-here"
    assert "no data folder" in accounts(gateway, "list").stderr
