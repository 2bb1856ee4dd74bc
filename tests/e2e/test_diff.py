"""`arqueta diff`: two buckets on two gateways, on one, and at an endpoint that is not ours."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request

import boto3
import pytest
from botocore.config import Config
from conftest import ACCESS_KEY, BINARY, REGION, SECRET_KEY, until

ABROAD = "eu-west-1"
TEXT = b"a text of forty bytes, no more, no less."


@pytest.fixture(scope="module")
def there(start):
    """A gateway in another Region."""
    return start("--region", ABROAD)


@pytest.fixture
def sides(gateway, s3, there):
    """A bucket of each, and a way to compare them."""
    return Sides(gateway, s3, there, there.client("s3", region=ABROAD))


class Sides:
    def __init__(self, here, source, there, destination):
        self.source, self.destination = source, destination
        self.a, self.b = ("diff-" + secrets.token_hex(6) for _ in "ab")
        source.create_bucket(Bucket=self.a)
        location = {"CreateBucketConfiguration": {"LocationConstraint": ABROAD}} if there is not here else {}
        destination.create_bucket(Bucket=self.b, **location)
        self.words = ["--source-endpoint", here.url, "--destination-endpoint", there.url, "--destination-region", ABROAD]

    def put(self, key, body=TEXT, both=True, **options):
        """The same on both sides, or on the source alone."""
        self.source.put_object(Bucket=self.a, Key=key, Body=body, **options)
        if both:
            self.destination.put_object(Bucket=self.b, Key=key, Body=body, **options)

    def start(self, *words, **options):
        return started(f"s3://{self.a}", f"s3://{self.b}", *self.words, *words, **options)

    def diff(self, *words, expect):
        process = self.start(*words)
        out, said = process.communicate(timeout=120)
        assert process.returncode == expect, (out, said)
        return out.splitlines(), said


def environment(**more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_"))}
    return clean | {"AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
                    "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY} | more


def started(*words, env=None):
    return subprocess.Popen([BINARY, "diff", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env or environment())


def uploaded(s3, bucket, key, parts, **options):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]
    how = {"ChecksumAlgorithm": options["ChecksumAlgorithm"]} if "ChecksumAlgorithm" in options else {}
    done = [{"PartNumber": number, "ETag": s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part, **how)["ETag"]}
            for number, part in enumerate(parts, 1)]
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": done})


def test_what_is_the_same_has_no_line_and_says_what_proved_it(sides):
    for number in range(30):
        sides.put(f"same/{number:02}/ü +%", Metadata={"a": "1"}, Tagging="t=x", ContentType="text/plain")
    sides.put("empty", b"")
    lines, said = sides.diff(expect=0)
    assert lines == [] and "31 compared" in said and "31 same" in said
    lines, _ = sides.diff("--all", expect=0)
    assert lines[0] == "empty: same (both are empty)" and len(lines) == 31
    assert lines[1].startswith("same/00/ü +%: same (same CRC"), lines[1]
    assert sides.diff("--combined", expect=0)[0][1] == "= same/00/ü +%"


def test_a_line_for_each_difference(sides, kms, there):
    key = there.client("kms", region=ABROAD).create_key()["KeyMetadata"]["Arn"]
    a, b, source, destination = sides.a, sides.b, sides.source, sides.destination
    destination.put_bucket_versioning(Bucket=b, VersioningConfiguration={"Status": "Enabled"})
    # An unencrypted source takes the destination's default, and its ETag is no MD5 any more (AWS's second example).
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}, "BucketKeyEnabled": True}
    sides.put("content", TEXT, both=False)
    destination.put_object(Bucket=b, Key="content", Body=TEXT[::-1])
    sides.put("deleted")
    destination.delete_object(Bucket=b, Key="deleted")
    sides.put("here", both=False)
    uploaded(source, a, "parts", [bytes(5 << 20), bytes(5 << 20), b"end"], ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    destination.put_object(Bucket=b, Key="parts", Body=bytes(10 << 20) + b"end", ChecksumAlgorithm="CRC32")
    sides.put("size", both=False)
    destination.put_object(Bucket=b, Key="size", Body=b"x")
    sides.put("stated", Metadata={"a": "1"}, Tagging="t=x", both=False)
    destination.put_object(Bucket=b, Key="stated", Body=TEXT, CacheControl="no-store")
    destination.put_object(Bucket=b, Key="there", Body=TEXT)
    destination.put_bucket_encryption(Bucket=b, ServerSideEncryptionConfiguration={"Rules": [rule]})
    sides.put("sealed")
    sides.put("told", both=False, ChecksumAlgorithm="SHA256")
    destination.put_object(Bucket=b, Key="told", Body=TEXT, ChecksumAlgorithm="CRC32")
    sealed = f"SSE-S3 against SSE-KMS under {key} with a bucket key"
    lines, said = sides.diff(expect=1)
    since = lines.pop(1)
    assert since.startswith("deleted: missing in the destination: delete marker since 20") and since.endswith("Z")
    assert lines[0].startswith("content: content differs: CRC")
    assert lines[1:] == [
        "here: missing in the destination",
        "parts: same bytes, ETag differs: 3 parts of 5 MiB against one PUT (same CRC32 of the whole object)",
        *[line for line in lines if line.startswith("sealed: ")],
        "size: content differs: 40 bytes against 1 bytes",
        'stated: metadata differs: cache-control none against "no-store", x-amz-meta-a "1" against none',
        'stated: tags differ: t "x" against none',
        "there: missing in the source",
        "told: cannot tell without reading: no common checksum",
        "told: checksums differ in kind: SHA256 against CRC32",
        f"told: encryption differs: {sealed}",
    ]
    of_sealed = [line for line in lines if line.startswith("sealed: ")]
    assert of_sealed[0].startswith("sealed: same bytes, ETag differs: the destination is SSE-KMS (same CRC")
    assert of_sealed[1] == f"sealed: encryption differs: {sealed}"
    signs, _ = sides.diff("--combined", expect=1)
    assert signs == ["* content", "+ deleted", "+ here", "= parts", "= sealed", "* size", "* stated", "- there", "! told"]
    strict, _ = sides.diff("--combined", "--strict", expect=1)
    assert strict[3:5] == ["* parts", "* sealed"]
    # One side is read, and what the other has written down is computed of it.
    read, _ = sides.diff("--read", "--ignore", "checksums,encryption", expect=1)
    told = [line for line in read if line.startswith("told: ")]
    assert told == ["told: same bytes, ETag differs: the destination is SSE-KMS (SHA256 of one side computed of the other's bytes)"]
    assert "5 same (4 with" not in said and "1 not to be told" in said
    rows = [json.loads(line) for line in sides.diff("--json", expect=1)[0]]
    assert [row["key"] for row in rows[:-1]] == ["content", "deleted", "here", "parts", "sealed", "size", "stated", "there", "told"]
    assert rows[2]["missingIn"] == "destination" and rows[2]["destination"] is None and rows[2]["source"]["size"] == 40
    assert rows[3]["content"] == {"same": True, "rung": 1, "by": "same CRC32 of the whole object"}
    assert rows[-1]["summary"] | {"rungs": 0, "bytes": 0} == {
        "compared": 9, "same": 2, "explained": 2, "differ": 3, "missing": 3, "unknown": 1, "rungs": 0, "bytes": 0}


def test_what_cannot_be_told_is_2_and_what_cannot_be_done_is_3(sides):
    sides.put("told", both=False, ChecksumAlgorithm="SHA256", ServerSideEncryption="aws:kms")
    sides.destination.put_object(Bucket=sides.b, Key="told", Body=TEXT, ChecksumAlgorithm="CRC32", ServerSideEncryption="aws:kms")
    lines, _ = sides.diff(expect=2)
    assert lines[0] == "told: cannot tell without reading: no common checksum"
    sides.diff("--read", expect=0)
    for words, said in ((("--no-such-option",), "unexpected argument"), (("--at-once", "0"), "invalid value")):
        assert said in sides.diff(*words, expect=3)[1]
    sides.a = "nowhere-" + secrets.token_hex(6)
    lines, said = sides.diff(expect=3)
    assert lines == [] and "NoSuchBucket" in said
    sides.words[1] = "http://127.0.0.1:1"
    process = sides.start(env=environment(AWS_ACCESS_KEY_ID=""))
    assert "ARQUETA_SOURCE_ACCESS_KEY_ID" in process.communicate(timeout=60)[1] and process.returncode == 3


def test_credentials_are_each_sides_own(sides, there, tmp_path):
    sides.put("k")
    iam = there.client("iam")
    name = "reader-" + secrets.token_hex(4)
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject*", "s3:ListBucket*"], "Resource": ["arn:aws:s3:::*"]}]}))
    pair = iam.create_access_key(UserName=name)["AccessKey"]
    own = {"ARQUETA_DESTINATION_ACCESS_KEY_ID": pair["AccessKeyId"], "ARQUETA_DESTINATION_SECRET_ACCESS_KEY": pair["SecretAccessKey"]}
    process = sides.start(env=environment(**own))
    assert process.communicate(timeout=60)[0] == "" and process.returncode == 0
    # A profile is an endpoint: its address, its Region and who asks.
    (tmp_path / "config").write_text(f"[profile away]\nendpoint_url = {there.url}\nregion = {ABROAD}\n[profile asked]\nrole_arn = arn:aws:iam::000000000000:role/r\n")
    (tmp_path / "credentials").write_text(f"[away]\naws_access_key_id = {pair['AccessKeyId']}\naws_secret_access_key = {pair['SecretAccessKey']}\n")
    files = environment(AWS_CONFIG_FILE=str(tmp_path / "config"), AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"))
    for profile, code, said in (("away", 0, "1 same"), ("none", 3, "there is no profile or endpoint `none`"), ("asked", 3, "export-credentials")):
        process = started(f"s3://{sides.a}", f"{profile}:{sides.b}", "--source-endpoint", sides.words[1], env=files)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (code, "") and said in err, err


def test_versions_and_delete_markers(sides):
    for s3, bucket in ((sides.source, sides.a), (sides.destination, sides.b)):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        # All in one second: only their order tells what came when.
        for body in (b"1", b"2"):
            s3.put_object(Bucket=bucket, Key="k", Body=body)
            s3.delete_object(Bucket=bucket, Key="k")
    lines, said = sides.diff("--versions", expect=0)
    assert lines == [] and "4 compared" in said
    sides.put("k", b"3", both=False)
    newest = sides.source.head_object(Bucket=sides.a, Key="k")["VersionId"]
    assert sides.diff("--versions", expect=1)[0] == [f"k ({newest}): missing in the destination"]


def test_prefixes_and_pages(sides):
    for number in range(1100):
        sides.source.put_object(Bucket=sides.a, Key=f"old/{number:05}", Body=b"x")
    # Every third is missing, and the prefix is another.
    for number in range(1100):
        if number % 3:
            sides.source.copy_object(Bucket=sides.a, Key=f"new/n-{number:05}", CopySource={"Bucket": sides.a, "Key": f"old/{number:05}"})
    process = started(f"s3://{sides.a}/old/", f"s3://{sides.a}/new/n-", "--endpoint", sides.words[1], "--combined")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert out.splitlines() == [f"{'=' if number % 3 else '+'} old/{number:05}" for number in range(1100)]


def test_an_interruption_is_told_and_leaves_nothing_behind(sides):
    for number in range(300):
        sides.put(f"k{number}")
    process = sides.start("--all", "--at-once", "1")
    assert process.stdout.readline().startswith("k0: same")
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=30)
    assert process.returncode == 3 and "interrupted; so far: " in said and len(out.splitlines()) < 300


def test_rclone_finds_the_same(sides, tmp_path):
    for number in range(120):
        body = secrets.token_bytes(number * 50)
        kind = number % 6
        if kind != 4:
            sides.put(f"d/{number:03}", body, both=kind != 3)
        if kind == 4 or (kind == 5 and body):
            sides.destination.put_object(Bucket=sides.b, Key=f"d/{number:03}", Body=body[:-1] + b"!")
    setting = {"RCLONE_CONFIG": str(tmp_path / "none.conf")}
    for name, url, region in (("A", sides.words[1], REGION), ("B", sides.words[3], ABROAD)):
        setting |= {f"RCLONE_CONFIG_{name}_{word}": value for word, value in (
            ("TYPE", "s3"), ("PROVIDER", "Other"), ("ENV_AUTH", "true"), ("ENDPOINT", url), ("REGION", region))}
    combined = tmp_path / "combined"
    subprocess.run(["rclone", "check", "--download", "--combined", str(combined), f"A:{sides.a}", f"B:{sides.b}"],
                   capture_output=True, timeout=300, env=environment(**setting))
    found, _ = sides.diff("--combined", "--ignore", "metadata", expect=1)
    assert {line[0] for line in found} == set("=-+*")
    assert sorted(found) == sorted(combined.read_text().splitlines())
    assert sides.diff("--combined", "--read", "--ignore", "metadata", expect=1)[0] == found


@pytest.fixture
def moto(tmp_path):
    """An S3 endpoint that is not ours."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                               stdout=open(tmp_path / "moto.log", "wb"), stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return urllib.request.urlopen(url + "/moto-api/", timeout=5).status == 200
        except OSError:
            return False

    until(answers)
    yield url
    process.kill()
    process.wait()


def test_an_endpoint_that_is_not_ours(gateway, s3, bucket, moto):
    foreign = boto3.client("s3", endpoint_url=moto, aws_access_key_id="k", aws_secret_access_key="s", region_name=REGION,
                           config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"))
    foreign.create_bucket(Bucket="foreign")
    foreign.put_bucket_versioning(Bucket="foreign", VersioningConfiguration={"Status": "Enabled"})
    for client, name in ((foreign, "foreign"), (s3, bucket)):
        for number in range(20):
            client.put_object(Bucket=name, Key=f"k/{number}", Body=TEXT, ContentType="text/plain", Tagging="a=b", Metadata={"m": "1"})
        uploaded(client, name, "parts", [bytes(5 << 20), b"end"])
    foreign.put_object(Bucket="foreign", Key="only", Body=b"x")

    def diff(*words):
        own = {"ARQUETA_SOURCE_ACCESS_KEY_ID": "k", "ARQUETA_SOURCE_SECRET_ACCESS_KEY": "s"}
        process = started("s3://foreign", f"s3://{bucket}", "--source-endpoint", moto, "--destination-endpoint", gateway.url, *words, env=environment(**own))
        out, said = process.communicate(timeout=120)
        return process.returncode, out.splitlines(), said

    code, lines, said = diff("--ignore", "checksums,encryption,metadata", "--all")
    assert code == 1, said
    assert "only: missing in the destination" in lines and sum(": same (" in line for line in lines) == 21, lines
    assert any(line.startswith("parts: same (same multipart ETag") for line in lines), lines
    assert diff("--read", "--ignore", "metadata")[0] == 1
