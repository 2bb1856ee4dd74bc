"""The authorization matrix: one gateway whose clock can be moved, its callers, and how requests reach it.

Requests are signed by botocore and sent over one connection: thousands of them take seconds."""

import base64
import datetime
import glob
import hashlib
import http.client
import json
import re
from dataclasses import dataclass, field

import botocore.auth
from accounts import allow, document, two_accounts
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import REGION

ELSEWHERE = "eu-west-1"
# Sessions end a quarter of an hour after they began, at the earliest.
LATER = datetime.timedelta(minutes=16)
DENIED = (403, "AccessDenied")
TARGET = "TrentService."


@dataclass(frozen=True)
class Who:
    """Somebody who asks: credentials, and the Region of the signature."""
    name: str
    key: str = ""
    secret: str = ""
    token: str = None
    region: str = REGION

    @property
    def anonymous(self):
        return not self.key


@dataclass
class Answer:
    status: int
    code: str
    body: str
    headers: dict = field(repr=False)

    @property
    def verdict(self):
        return self.status, self.code

    def told(self, **names):
        """All that the answer says, with the names of resources in it replaced by words."""
        said = re.sub(r"<(RequestId|HostId)>[^<]*</\1>", "", self.body)
        for word, name in names.items():
            said = said.replace(name, word)
        own = {"date", "x-amz-request-id", "x-amz-id-2", "x-amzn-requestid", "content-length", "connection"}
        return self.status, said, sorted(self.headers.keys() - own)


class PinnedPayload(S3SigV4Auth):
    """Signs the headers alone: what is sent is of the tests' own making."""

    def payload(self, request):
        return "UNSIGNED-PAYLOAD"


class World:
    """The gateway with two accounts, and everyone who asks it something."""

    def __init__(self, start, folder, patch):
        library = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        assert library, "the package faketime is missing"
        self.clock = folder / "clock"
        self.clock.write_text("+0")
        env = {"LD_PRELOAD": library[0], "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_NO_CACHE": "1",
               "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        self.gateway, self.account, self.foreign = two_accounts(lambda *options: start(*options, env=env), folder)
        self.connection = http.client.HTTPConnection(self.gateway.url.removeprefix("http://"), timeout=60)
        self.root = Who("root", **self.account.root)
        self.other = Who("other account", **self.foreign.root)
        self.anonymous = Who("anonymous")
        self.user_arn, user = self.account.user(name="matrix")
        self.user = Who("user", **user)
        self.nobody = Who("no policy", **self.account.user(name="nobody")[1])
        self.stranger = Who("no policy in another account", **self.foreign.user(name="stranger")[1])
        role = self.account.role(allow("*"), name="everything")
        self.expired = Who("expired session", **self.account.session(role, user_allowed(self.account), DurationSeconds=900))
        assert self.kms(self.expired, "ListKeys", {}).verdict == (200, None)
        self.move_clock(patch)

    def move_clock(self, patch):
        """From here on it is later, for the gateway and for whoever signs."""
        self.clock.write_text(f"+{int(LATER.total_seconds())}")
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: self.now().replace(tzinfo=None))

    def now(self):
        return datetime.datetime.now(datetime.timezone.utc) + LATER

    @property
    def elsewhere(self):
        return Who("wrong region", self.root.key, self.root.secret, region=ELSEWHERE)

    def grant(self, *statements):
        """The user's one policy from now on."""
        self.account.iam.put_user_policy(UserName="matrix", PolicyName="p", PolicyDocument=document(*statements))

    def send(self, who, service, method, path, headers, body=b""):
        headers = {"Host": self.gateway.url.removeprefix("http://")} | headers
        if body and service == "s3":
            headers["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
        if not who.anonymous:
            request = AWSRequest(method, self.gateway.url + path, data=body, headers=headers)
            signer = PinnedPayload if service == "s3" else SigV4Auth
            signer(Credentials(who.key, who.secret, who.token), service, who.region).add_auth(request)
            headers = dict(request.headers)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if body:
            # Where the answer was given before the body was read, the connection is over.
            self.connection.close()
        code = re.search(r"<Code>([\w.]+)</Code>", text) or re.search(r'"__type":"(?:[\w.]+#)?(\w+)"', text)
        return Answer(answer.status, code and code[1], text, {name.lower(): value for name, value in answer.getheaders()})

    def s3(self, who, method, path, headers=None, body=b""):
        return self.send(who, "s3", method, path, headers or {}, body)

    def kms(self, who, operation, request):
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET + operation}
        return self.send(who, "kms", "POST", "/", headers, json.dumps(request).encode())

    def made(self, operation, **request):
        """What root is answered to a KMS call that must succeed."""
        answer = self.kms(self.root, operation, request)
        assert answer.status == 200, (operation, answer)
        return json.loads(answer.body) if answer.body else {}


def user_allowed(account):
    """Somebody who may assume every role."""
    return account.user(allow("sts:AssumeRole"))[1]
