"""Signature Version 4 on every protocol of the port: the shapes of AWS's published test suite, signed by
botocore, are answered; each request that breaks one rule is refused. test_access.py has S3's own rules."""

import datetime
import http.client
import re
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY, signed

IDENTITY = "Action=GetCallerIdentity&Version=2011-06-15"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.ListKeys"}
TRAIL = JSON | {"X-Amz-Target": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"}


def send(gateway, method, path, headers, body=b""):
    """Status and error code (or the body) of a request that is sent as it stands; headers may repeat."""
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    data = answer.read().decode()
    if answer.status < 300:
        return answer.status, data
    code = re.search(r"<Code>(\w+)</Code>", data) or re.search(r'"__type":"(?:[\w.]+#)?(\w+)"', data)
    return answer.status, code[1]


def sign(gateway, method, path, headers=(), body=b"", service="sts", region=REGION, signer=SigV4Auth, token=None):
    """The header pairs of a request that botocore signed."""
    host = gateway.url.removeprefix("http://")
    request = AWSRequest(method, gateway.url + path, data=body, headers={"Host": host} | dict(headers))
    signer(Credentials(ACCESS_KEY, SECRET_KEY, token), service, region).add_auth(request)
    return list(request.headers.items())


SUITE = {
    # name in the published suite: method, query, headers, body
    "get-vanilla-query": ("GET", IDENTITY, {}, b""),
    "get-vanilla-query-order-key": ("GET", "Version=2011-06-15&Action=GetCallerIdentity", {}, b""),
    "get-vanilla-query-unreserved": ("GET", IDENTITY + "&X=-._~0123456789ABCxyz", {}, b""),
    "get-vanilla-utf8-query": ("GET", IDENTITY + "&" + quote("ሴ") + "=bar", {}, b""),
    "get-vanilla-empty-query-key": ("GET", IDENTITY + "&Param1=", {}, b""),
    "get-header-value-trim": ("GET", IDENTITY, {"My-Header1": " a   b   c "}, b""),
    "post-header-key-case": ("POST", "", {"CONTENT-TYPE": FORM["Content-Type"]}, IDENTITY.encode()),
    "post-header-key-sort": ("POST", "", FORM | {"My-Header1": "value1", "A-Header": "z"}, IDENTITY.encode()),
    "post-header-value-case": ("POST", "", FORM | {"My-Header1": "VALUE1"}, IDENTITY.encode()),
    "post-x-www-form-urlencoded": ("POST", "", FORM, IDENTITY.encode()),
    "post-x-www-form-urlencoded-parameters":
        ("POST", "", {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, IDENTITY.encode()),
}


@pytest.mark.parametrize("case", SUITE)
def test_shapes_of_the_published_suite_verify(gateway, case):
    method, query, headers, body = SUITE[case]
    path = "/?" + query if query else "/"
    pairs = sign(gateway, method, path, headers, body)
    status, answer = send(gateway, method, path, pairs, body)
    assert status == 200 and f"<Account>{ACCOUNT}</Account>" in answer, answer
    # The same request, one character of its signature changed.
    flip = {"0": "1"}.get(dict(pairs)["Authorization"][-1], "0")
    broken = [(k, v[:-1] + flip) if k == "Authorization" else (k, v) for k, v in pairs]
    assert send(gateway, method, path, broken, body) == (403, "SignatureDoesNotMatch")


CALLS = {
    "kms": ("POST", "/", JSON, b"{}", "kms"),
    "cloudtrail": ("POST", "/", TRAIL, b"{}", "cloudtrail"),
    "sts": ("POST", "/", FORM, IDENTITY.encode(), "sts"),
    "iam": ("POST", "/", FORM, b"Action=ListUsers&Version=2010-05-08", "iam"),
}
DENIALS = {"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "IncompleteSignatureException",
           "InvalidClientTokenId", "UnrecognizedClientException", "MissingAuthenticationToken",
           "MissingAuthenticationTokenException", "AccessDeniedException", "RequestExpired"}


# The scope of another service leads to S3's side of the port, which takes no POST at its root.
REFUSED = {(status, code) for status in (400, 403) for code in DENIALS} | {(405, "MethodNotAllowed")}


def replaced(pairs, name, change):
    assert any(k.lower() == name for k, _ in pairs), name
    return [(k, change(v)) if k.lower() == name else (k, v) for k, v in pairs]


def unsigned(name):
    """The request with `name` taken out of the list of signed headers, and so out of what is verified."""
    return lambda pairs: replaced(pairs, "authorization", lambda v: re.sub(rf"(=|;){name}(;|,)", lambda m: m[1] if m[2] == ";" else m[2], v))


TOUCHED = {
    "an altered header": lambda p: replaced(p, "x-amz-date", lambda v: v[:-3] + ("00Z" if v[-3:] != "00Z" else "01Z")),
    "an added x-amz header": lambda p: [*p, ("X-Amz-Evil", "1")],
    "an added session token": lambda p: [*p, ("X-Amz-Security-Token", "AAAA")],
    "an unsigned host": unsigned("host"),
    "another host": lambda p: replaced(p, "host", lambda v: "example.com"),
    "a doubled authorization": lambda p: [*p, next(pair for pair in p if pair[0] == "Authorization")],
    "a doubled date": lambda p: [*p, next(pair for pair in p if pair[0] == "X-Amz-Date")],
    "no date": lambda p: [pair for pair in p if pair[0] != "X-Amz-Date"],
    "no authorization": lambda p: [pair for pair in p if pair[0] != "Authorization"],
    "another algorithm": lambda p: replaced(p, "authorization", lambda v: v.replace("HMAC-SHA256", "HMAC-SHA1")),
    "another key": lambda p: replaced(p, "authorization", lambda v: v.replace(ACCESS_KEY, "AKIAUNKNOWNUNKNOWN00")),
    "a scope of another service": lambda p: replaced(p, "authorization", lambda v: re.sub(r"/\w+/aws4_request", "/s3/aws4_request", v)),
    "a scope of another day": lambda p: replaced(p, "authorization", lambda v: re.sub(r"/\d{8}/", "/20150830/", v)),
    "a shortened signature": lambda p: replaced(p, "authorization", lambda v: v[:-2]),
}


@pytest.mark.parametrize("case", TOUCHED)
@pytest.mark.parametrize("api", CALLS)
def test_a_touched_request_is_refused(gateway, api, case):
    method, path, headers, body, service = CALLS[api]
    pairs = sign(gateway, method, path, headers, body, service)
    assert send(gateway, method, path, pairs, body)[0] == 200
    assert send(gateway, method, path, TOUCHED[case](pairs), body) in REFUSED


@pytest.mark.parametrize("api", CALLS)
def test_body_path_query_region_and_service_are_bound(gateway, api):
    method, path, headers, body, service = CALLS[api]
    pairs = sign(gateway, method, path, headers, body, service)
    for answer in (
        send(gateway, method, path, pairs, body + b" "),
        send(gateway, method, path + "?X=1", pairs, body),
        send(gateway, method, path, sign(gateway, method, path, headers, body, service, region="eu-west-9"), body),
    ):
        assert answer in REFUSED
    # A service that is not here is said to be none, whoever asks.
    elsewhere = send(gateway, method, path, sign(gateway, method, path, headers, body, "ec2"), body)
    assert elsewhere in {(400, "UnknownOperationException"), (400, "InvalidAction")}


@pytest.mark.parametrize("minutes", [-16, 16])
@pytest.mark.parametrize("api", CALLS)
def test_a_replay_outside_the_window_is_refused(gateway, api, minutes, monkeypatch):
    method, path, headers, body, service = CALLS[api]
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    for offset, accepted in ((minutes, False), (minutes // 2, True)):
        when = now + datetime.timedelta(minutes=offset)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, when=when, **__: when)
        status, code = send(gateway, method, path, sign(gateway, method, path, headers, body, service), body)
        assert (status == 200) if accepted else (status in (400, 403) and code in DENIALS), (offset, status, code)


def presigned(gateway, expires=60, query=IDENTITY):
    request = AWSRequest("GET", f"{gateway.url}/?{query}", headers={"Host": gateway.url.removeprefix("http://")})
    SigV4QueryAuth(Credentials(ACCESS_KEY, SECRET_KEY), "sts", REGION, expires=expires).add_auth(request)
    return request.url.removeprefix(gateway.url)


def test_presigned_identity(gateway):
    host = [("Host", gateway.url.removeprefix("http://"))]
    url = presigned(gateway)
    assert send(gateway, "GET", url, host)[0] == 200
    for case, broken in {
        "a duplicate signature": url + "&X-Amz-Signature=" + "0" * 64,
        "a duplicate parameter": url + "&Action=GetSessionToken",
        "a duplicate date": url + "&X-Amz-Date=20150830T123600Z",
        "another lifetime": url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"),
        "no lifetime": url.replace("&X-Amz-Expires=60", ""),
        "another method's parameter": url.replace("GetCallerIdentity", "GetSessionToken"),
        "longer than a week": presigned(gateway, 604_801),
        "no time at all": presigned(gateway, 0),
        "a negative life": presigned(gateway, -1),
    }.items():
        status, code = send(gateway, "GET", broken, host)
        assert status in (400, 403) and code in DENIALS, (case, status, code)
    headers = sign(gateway, "GET", url)
    status, code = send(gateway, "GET", url, headers)
    assert status in (400, 403) and code in DENIALS, "signed twice over"


def test_s3_reads_its_path_as_it_stands(gateway, s3, bucket):
    """Other services normalise paths, S3 does not: the suite's normalize-path cases are distinct keys there."""
    for key in ("a//b", "./a", "a/../b", "é ü+~%", "-._~0123456789ABCxyz"):
        path = f"/{bucket}/{quote(key, safe='/-._~')}"
        url = gateway.url + path
        pairs = [*signed("PUT", url).items(), ("Host", gateway.url.removeprefix("http://"))]
        assert send(gateway, "PUT", path, pairs, key.encode())[0] == 200, key
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert len(s3.list_objects_v2(Bucket=bucket)["Contents"]) == 5
