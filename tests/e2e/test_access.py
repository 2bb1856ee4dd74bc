"""Who gets in: signatures, presigned URLs, forms, hosts, anonymous callers, bucket policies."""

import base64
import datetime
import hashlib
import hmac
import http.client
import json
import re
import secrets
import socket

import pytest
from conftest import ACCESS_KEY, REGION, SECRET_KEY, refused, signed


def send(gateway, method, url, headers=None, body=b""):
    """Status and error code (or body) of one request, sent as it stands."""
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=30)
    path = url.removeprefix(gateway.url)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    data = answer.read()
    code = re.search(rb"<Code>(\w+)</Code>", data)
    return answer.status, code[1].decode() if code else data


@pytest.fixture
def stored(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    return bucket


def test_a_request_signed_by_hand_is_served(gateway, stored):
    """The negative cases below differ from this one in one thing each."""
    url = f"{gateway.url}/{stored}/k"
    assert send(gateway, "GET", url, signed("GET", url)) == (200, b"hello")


def edited(headers, name, change):
    found = next(k for k in headers if k.lower() == name)
    return headers | {found: change(headers[found])}


EDITS = {
    "another signature": lambda h: edited(h, "authorization", lambda v: v[:-1] + ("0" if v[-1] != "0" else "1")),
    "a header changed after signing": lambda h: edited(h, "x-amz-meta-a", lambda v: v + "x"),
    "another date": lambda h: edited(h, "x-amz-date", lambda v: v[:-3] + ("00Z" if v[-3:] != "00Z" else "01Z")),
    "another payload hash": lambda h: edited(h, "x-amz-content-sha256", lambda v: hashlib.sha256(b"y").hexdigest()),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_signed_cannot_be_changed(gateway, stored, edit):
    url = f"{gateway.url}/{stored}/new"
    headers = EDITS[edit](signed("PUT", url, {"x-amz-meta-a": "b"}))
    assert send(gateway, "PUT", url, headers, b"x") == (403, "SignatureDoesNotMatch")
    assert send(gateway, "GET", url, signed("GET", url)) == (404, "NoSuchKey")


def test_neither_method_nor_path_nor_query_can_be_changed(gateway, stored):
    url = f"{gateway.url}/{stored}/k"
    for method, other in (("DELETE", url), ("GET", url + "2"), ("GET", url + "?versionId=null"), ("GET", f"{gateway.url}/{stored}")):
        assert send(gateway, method, other, signed("GET", url)) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("name, value", [("x-amz-acl", "private"), ("x-amz-meta-evil", "1"), ("x-amz-server-side-encryption", "AES256"),
                                         ("x-amz-copy-source", "/b/k")])
def test_amz_headers_must_be_signed(gateway, stored, name, value):
    url = f"{gateway.url}/{stored}/new"
    assert send(gateway, "PUT", url, signed("PUT", url) | {name: value}, b"x")[0] == 403
    assert send(gateway, "GET", url, signed("GET", url)) == (404, "NoSuchKey")


def test_other_credentials_regions_and_bodies(gateway, stored):
    url = f"{gateway.url}/{stored}/k"
    assert send(gateway, "GET", url, signed("GET", url, secret="wrong")) == (403, "SignatureDoesNotMatch")
    assert send(gateway, "GET", url, signed("GET", url, key="AKIAUNKNOWNUNKNOWN00")) == (403, "InvalidAccessKeyId")
    assert send(gateway, "GET", url, signed("GET", url, region="eu-west-1")) == (400, "AuthorizationHeaderMalformed")
    headers = signed("PUT", url, payload=hashlib.sha256(b"signed").hexdigest())
    assert send(gateway, "PUT", url, headers, b"sent!!") == (400, "XAmzContentSHA256Mismatch")
    assert send(gateway, "GET", url, signed("GET", url)) == (200, b"hello")
    assert send(gateway, "GET", url, {"Authorization": f"AWS {ACCESS_KEY}:c2lnbmF0dXJl", "Date": "x"})[0] in (400, 403)


def v4(gateway, path, when, names, host=None):
    """A signature of our own making, so that it may break the rules that botocore keeps."""
    stamp, day = when.strftime("%Y%m%dT%H%M%SZ"), when.strftime("%Y%m%d")
    host = host or gateway.url.removeprefix("http://")
    headers = {"host": host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": stamp}
    canonical = "".join(f"{name}:{headers[name]}\n" for name in sorted(names))
    request = f"GET\n{path}\n\n{canonical}\n{';'.join(sorted(names))}\nUNSIGNED-PAYLOAD"
    scope = f"{day}/{REGION}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = ("AWS4" + SECRET_KEY).encode()
    for part in (day, REGION, "s3", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    authorization = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={';'.join(sorted(names))}, Signature={key.hex()}"
    return {"Host": host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": stamp, "Authorization": authorization}


ALL = ("host", "x-amz-content-sha256", "x-amz-date")


def test_the_host_must_be_signed_and_the_date_be_near(gateway, stored):
    now = datetime.datetime.now(datetime.timezone.utc)
    path = f"/{stored}/k"
    assert send(gateway, "GET", path, v4(gateway, path, now, ALL)) == (200, b"hello")
    assert send(gateway, "GET", path, v4(gateway, path, now, ALL[1:])) == (403, "AccessDenied")
    for minutes in (-16, 16):
        when = now + datetime.timedelta(minutes=minutes)
        assert send(gateway, "GET", path, v4(gateway, path, when, ALL)) == (403, "RequestTimeTooSkewed")


def test_virtual_host_style(gateway, stored):
    now = datetime.datetime.now(datetime.timezone.utc)
    port = gateway.url.rpartition(":")[2]
    assert send(gateway, "GET", "/k", v4(gateway, "/k", now, ALL, f"{stored}.localhost:{port}")) == (200, b"hello")
    assert send(gateway, "GET", "/k", v4(gateway, "/k", now, ALL, f"{stored}x.localhost:{port}")) == (404, "NoSuchBucket")
    # A signature for one bucket's host is none for another's.
    headers = v4(gateway, "/k", now, ALL, f"{stored}.localhost:{port}") | {"Host": f"other.localhost:{port}"}
    assert send(gateway, "GET", "/k", headers) == (403, "SignatureDoesNotMatch")


def test_presigned_urls(gateway, s3, stored):
    url = s3.generate_presigned_url("get_object", Params={"Bucket": stored, "Key": "k"}, ExpiresIn=60)
    assert send(gateway, "GET", url) == (200, b"hello")
    put = s3.generate_presigned_url("put_object", Params={"Bucket": stored, "Key": "p"})
    assert send(gateway, "PUT", put, body=b"put")[0] == 200
    assert s3.get_object(Bucket=stored, Key="p")["Body"].read() == b"put"
    assert send(gateway, "DELETE", url) == (403, "SignatureDoesNotMatch")
    assert send(gateway, "GET", url.replace("/k?", "/p?")) == (403, "SignatureDoesNotMatch")
    assert send(gateway, "GET", url + "&response-content-type=text/html") == (403, "SignatureDoesNotMatch")
    assert send(gateway, "GET", url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")) == (403, "SignatureDoesNotMatch")
    assert send(gateway, "GET", re.sub("&X-Amz-Signature=[0-9a-f]+", "", url))[0] in (400, 403)
    week = s3.generate_presigned_url("get_object", Params={"Bucket": stored, "Key": "k"}, ExpiresIn=604_801)
    assert send(gateway, "GET", week)[0] in (400, 403)


def test_a_presigned_url_expires(gateway, s3, stored, monkeypatch):
    import botocore.auth
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=61)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: then.replace(tzinfo=None))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": stored, "Key": "k"}, ExpiresIn=60)
    assert then.strftime("%Y%m%dT%H%M%SZ") in url
    assert send(gateway, "GET", url) == (403, "AccessDenied")
    longer = s3.generate_presigned_url("get_object", Params={"Bucket": stored, "Key": "k"}, ExpiresIn=600)
    assert send(gateway, "GET", longer) == (200, b"hello")


def post(gateway, form, body, drop=(), **changed):
    boundary = "----" + secrets.token_hex(8)
    fields = {k: v for k, v in (form["fields"] | changed).items() if k not in drop}
    data = "".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    data += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: text/x\r\n\r\n'
    data = data.encode() + body + f"\r\n--{boundary}--\r\n".encode()
    return send(gateway, "POST", form["url"], {"Content-Type": f"multipart/form-data; boundary={boundary}"}, data)


SIGNATURE = ("policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")


@pytest.mark.parametrize("part", [
    'form-data; name="x-ignore-a"; name="acl"', 'form-data; name="a"; name*=UTF-8\'\'acl', 'form-data; name="a\\"; name="acl"',
    'form-data; name="a"\r\nContent-Disposition: form-data; name="acl"'])
def test_a_form_part_that_can_be_read_in_two_ways_is_refused(gateway, s3, bucket, part):
    form = s3.generate_presigned_post(bucket, "k")
    fields = [(f'form-data; name="{name}"', value) for name, value in form["fields"].items()] + [(part, "public-read")]
    data = "".join(f"--xyz\r\nContent-Disposition: {head}\r\n\r\n{value}\r\n" for head, value in fields)
    data += '--xyz\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--xyz--\r\n'
    answer = send(gateway, "POST", form["url"], {"Content-Type": "multipart/form-data; boundary=xyz"}, data.encode())
    assert answer == (400, "MalformedPOSTRequest")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_form_is_refused_before_its_file_is_asked_for(gateway, bucket):
    head = "".join(f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n' for name in ("key", "file"))
    piece = head.replace("\r\n\r\n--", "\r\n\r\nk\r\n--").encode()
    host, _, port = gateway.url.partition("//")[2].partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            f"POST /{bucket} HTTP/1.1\r\nHost: {host}:{port}\r\nTransfer-Encoding: chunked\r\n"
            f"Content-Type: multipart/form-data; boundary=xyz\r\n\r\n{len(piece):x}\r\n".encode() + piece + b"\r\n")
        # Nothing of the file was sent, and the form is not over.
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 403"), answer


def test_forms_under_a_policy(gateway, s3, bucket):
    conditions = [["starts-with", "$key", "in/"], ["content-length-range", 1, 10], {"x-amz-meta-a": "b"}]
    form = s3.generate_presigned_post(bucket, "in/${filename}", Fields={"x-amz-meta-a": "b"}, Conditions=conditions)
    assert post(gateway, form, b"hello")[0] == 204
    got = s3.get_object(Bucket=bucket, Key="in/f")
    assert got["Body"].read() == b"hello" and got["Metadata"] == {"a": "b"}
    assert post(gateway, form, b"hello", key="in/other")[0] == 204
    before = s3.list_objects_v2(Bucket=bucket)["KeyCount"]
    wider = base64.b64decode(form["fields"]["policy"]).replace(b"10]", b"99]")
    bare = b'{"expiration":"2999-01-01T00:00:00Z","conditions":[["starts-with","$key",""]]}'
    for case, (answer, status) in enumerate((
        (post(gateway, form, b"hello", key="out/x"), 403),
        (post(gateway, form, b"hello", **{"x-amz-meta-a": "c"}), 403),
        (post(gateway, form, b"hello", **{"x-amz-meta-more": "c"}), 403),
        (post(gateway, form, b"hello", acl="public-read"), 403),
        (post(gateway, form, b"hello, world"), 400),
        (post(gateway, form, b""), 400),
        (post(gateway, form, b"hello", **{"x-amz-signature": "0" * 64}), 403),
        (post(gateway, form, b"hello, world", policy=base64.b64encode(wider).decode()), 403),
        (post(gateway, form, b"hello", policy=base64.b64encode(bare).decode()), 403),
        (post(gateway, form, b"hello", drop=("x-amz-signature", "x-amz-credential", "policy")), 400),
        (post(gateway, form, b"hello", drop=SIGNATURE), 403),
    )):
        assert answer[0] == status, (case, answer)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == before


def test_an_expired_form(gateway, s3, bucket):
    form = s3.generate_presigned_post(bucket, "k", ExpiresIn=-10)
    assert post(gateway, form, b"x")[0] == 403
    assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404


def test_the_answer_to_a_form_is_what_it_asked_for(gateway, s3, bucket):
    form = s3.generate_presigned_post(bucket, "k", Fields={"success_action_status": "201"}, Conditions=[{"success_action_status": "201"}])
    status, body = post(gateway, form, b"x")
    assert status == 201 and b"<Key>k</Key>" in body and hashlib.md5(b"x").hexdigest().encode() in body


def everyone(bucket, action="s3:GetObject", **more):
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{bucket}/open/*"} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_nobody_is_let_in_without_a_policy_and_only_where_it_says(gateway, s3, stored):
    s3.put_object(Bucket=stored, Key="open/k", Body=b"open")
    url = f"{gateway.url}/{stored}"
    for method, path in (("GET", "/open/k"), ("GET", ""), ("PUT", "/open/k"), ("DELETE", "/open/k"), ("GET", "/missing")):
        assert send(gateway, method, url + path) == (403, "AccessDenied")
    assert send(gateway, "GET", gateway.url + "/")[0] in (307, 403)
    s3.delete_public_access_block(Bucket=stored)
    s3.put_bucket_policy(Bucket=stored, Policy=everyone(stored))
    assert send(gateway, "GET", url + "/open/k") == (200, b"open")
    for method, path in (("GET", "/k"), ("GET", ""), ("PUT", "/open/k"), ("DELETE", "/open/k"), ("GET", "/open/k?acl")):
        assert send(gateway, method, url + path) == (403, "AccessDenied"), path
    s3.delete_bucket_policy(Bucket=stored)
    assert send(gateway, "GET", url + "/open/k") == (403, "AccessDenied")


def test_an_anonymous_reader_gets_no_use_of_a_customer_managed_key(gateway, s3, stored, key):
    s3.put_object(Bucket=stored, Key="open/k", Body=b"open", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    s3.delete_public_access_block(Bucket=stored)
    s3.put_bucket_policy(Bucket=stored, Policy=everyone(stored))
    assert send(gateway, "GET", f"{gateway.url}/{stored}/open/k")[0] in (400, 403)


def test_conditions_of_a_bucket_policy(gateway, s3, stored):
    s3.put_object(Bucket=stored, Key="open/k", Body=b"open")
    s3.delete_public_access_block(Bucket=stored)
    url = f"{gateway.url}/{stored}/open/k"
    for address, status in (("127.0.0.0/8", 200), ("10.0.0.0/8", 403)):
        s3.put_bucket_policy(Bucket=stored, Policy=everyone(stored, Condition={"IpAddress": {"aws:SourceIp": address}}))
        assert send(gateway, "GET", url)[0] == status
    secure = everyone(stored, Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}})
    s3.put_bucket_policy(Bucket=stored, Policy=secure)
    # A deny holds for the owner, too.
    assert refused(s3.get_object, Bucket=stored, Key="open/k")[:2] == (403, "AccessDenied")
    assert s3.get_object(Bucket=stored, Key="k")["Body"].read() == b"hello"


@pytest.mark.parametrize("policy", ["{", "[]", '{"Version":"2012-10-17"}',
                                    '{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Principal":"*","Action":"s3:*","Resource":"*"}]}'])
def test_a_policy_that_is_none(s3, bucket, policy):
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=policy)[:2] == (400, "MalformedPolicy")
    assert refused(s3.get_bucket_policy, Bucket=bucket)[:2] == (404, "NoSuchBucketPolicy")
