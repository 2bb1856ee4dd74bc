"""Fixtures of the end-to-end suites: the real binary, real clients, loopback only."""

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from shapes import judged

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("ARQUETA_BIN", str(ROOT / "target/debug/arqueta"))
ACCESS_KEY = "AKIAARQUETATESTROOT1"
SECRET_KEY = "arqueta/test/secret/not/for/production/01"
REGION = "us-east-1"
ACCOUNT = "000000000000"


def operations(service, **features):
    """The rows of the table of operations, as the binary has them."""
    listed = subprocess.run([BINARY, "operations"], capture_output=True, check=True, text=True).stdout
    rows = [json.loads(line) for line in listed.splitlines()]
    assert len(rows) > 300
    return [row for row in rows if row["service"] == service and all(row[name] is value for name, value in features.items())]


class ByHand(S3SigV4Auth):
    """Signs what boto3 would not: a request whose body is sent by other means."""

    def __init__(self, payload, *of):
        super().__init__(*of)
        self.named = payload

    def payload(self, request):
        return self.named


def signed(method, url, headers=None, region=REGION, key=ACCESS_KEY, secret=SECRET_KEY, payload="UNSIGNED-PAYLOAD"):
    """The headers of a request signed by hand; `payload` stands for its body."""
    request = AWSRequest(method, url, headers=headers or {})
    ByHand(payload, Credentials(key, secret), "s3", region).add_auth(request)
    return dict(request.headers)


def customer(raw=None, prefix="SSECustomer"):
    """The parameters of SSE-C under the key `raw`, or under a new one."""
    raw = raw or secrets.token_bytes(32)
    # boto3 encodes the key only where it also computes the digest.
    return {f"{prefix}Algorithm": "AES256", f"{prefix}Key": base64.b64encode(raw).decode(),
            f"{prefix}KeyMD5": base64.b64encode(hashlib.md5(raw).digest()).decode()}


def take_customer_keys(s3, bucket):
    """Lets a bucket take SSE-C, which new ones do not."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def refused(call, **options):
    """Status, code and message of a call that must fail."""
    with pytest.raises(ClientError) as error:
        call(**options)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"].get("Message", "")


def free_port():
    """A port that nobody listens on, for a server that cannot take any and say which."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(holds, seconds=60):
    """The first true answer of `holds`, which is asked again and again: nothing tells when it comes true."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
    return found


class Gateway:
    """One process on a free port; `data` outlives it, so it can be started again."""

    def __init__(self, data, *options, env=None, listen="127.0.0.1:0", around=()):
        self.data = Path(data)
        self.listen = listen
        self.around = around
        self.options = options
        self.env = env or {}
        self.process = None
        self.start()

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_"))}
        environment |= {
            "ARQUETA_ROOT_ACCESS_KEY_ID": ACCESS_KEY,
            "ARQUETA_ROOT_SECRET_ACCESS_KEY": SECRET_KEY,
        } | self.env
        self.stderr_path = self.data.parent / (self.data.name + ".stderr")
        self.process = subprocess.Popen(
            [*self.around, BINARY, "serve", "--listen", self.listen, "--admin-listen", "127.0.0.1:0",
             "--data-dir", str(self.data), *self.options],
            stdout=subprocess.PIPE, stderr=open(self.stderr_path, "ab"), env=environment, text=True)
        self.url = self.admin_url = None
        self.banner = []
        for line in self.process.stdout:
            self.banner.append(line.rstrip("\n"))
            if match := re.match(r"listening on (\S+)", line):
                self.url = match[1]
            if match := re.match(r"administration on (\S+)", line):
                self.admin_url = match[1]
            if self.url and self.admin_url:
                break
        else:
            raise AssertionError(f"the gateway did not start: {self.stderr_path.read_text()}")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=60)

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        self.start()

    def client(self, service, key=ACCESS_KEY, secret=SECRET_KEY, token=None, region=REGION, **config):
        config = {"retries": {"max_attempts": 1, "mode": "standard"}, "max_pool_connections": 80} | config
        if service == "s3":
            # Without a word botocore presigns by the retired version 2.
            config = {"signature_version": "s3v4", "s3": {"addressing_style": "path"}} | config
        return judged(boto3.client(
            service, endpoint_url=self.url, aws_access_key_id=key, aws_secret_access_key=secret,
            aws_session_token=token, region_name=region, verify=False, config=Config(**config)))

    def metrics(self):
        """Metric name with labels -> value."""
        text = urllib.request.urlopen(self.admin_url + "/metrics", timeout=10).read().decode()
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def kms_calls(self, operation, outcome="ok"):
        """How many calls of users this gateway made to its key service."""
        wanted = {f'operation="{operation}"', f'outcome="{outcome}"'}
        return sum(int(value) for name, value in self.metrics().items()
                   if name.startswith("arqueta_kms_requests_total{") and all(w in name for w in wanted))

    def events(self, name=None):
        """The record, oldest first."""
        events = []
        for path in sorted((self.data / "audit").rglob("*.jsonl")):
            events += [json.loads(line) for line in path.read_text().splitlines() if line]
        # Seals and announcements are lines too.
        return [event for event in events if "eventName" in event and name in (None, event["eventName"])]

    def environment(self):
        """What the AWS CLI and other tools need to reach this gateway."""
        settings = self.data.parent / "aws-config"
        settings.write_text("[default]\ns3 =\n    signature_version = s3v4\n    addressing_style = path\n")
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("ARQUETA_", "AWS_"))}
        return clean | {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": self.url, "AWS_PAGER": "",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": str(settings), "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}


@pytest.fixture(scope="session")
def start(tmp_path_factory):
    """Starts gateways of one's own; all end with the session."""
    started = []

    def start(*options, data=None, env=None):
        gateway = Gateway(data or tmp_path_factory.mktemp("gateway") / "data", *options, env=env)
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        gateway.stop(signal.SIGKILL)
        shutil.rmtree(gateway.data, ignore_errors=True)


@pytest.fixture(scope="session")
def gateway(start):
    """A gateway that the tests of one worker share."""
    return start()


@pytest.fixture(scope="module")
def world(start, tmp_path_factory):
    """A gateway of the module's own with two accounts, and both."""
    from accounts import two_accounts  # which imports from here

    return two_accounts(start, tmp_path_factory.mktemp("settings"))


@pytest.fixture
def home(world):
    return world[1]


@pytest.fixture
def abroad(world):
    return world[2]


@pytest.fixture(scope="session")
def s3(gateway):
    return gateway.client("s3")


@pytest.fixture(scope="session")
def kms(gateway):
    return gateway.client("kms")


@pytest.fixture(scope="session")
def iam(gateway):
    return gateway.client("iam")


@pytest.fixture
def bucket(s3):
    """A fresh bucket of the shared gateway."""
    name = "b-" + secrets.token_hex(8)
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def key(kms):
    """The ARN of a fresh customer managed key."""
    return kms.create_key(Description="test")["KeyMetadata"]["Arn"]
