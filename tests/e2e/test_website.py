"""Websites: pages of public buckets under a domain of their own, redirects, errors; and what is not public stays so."""

import http.client
import json
import secrets
import urllib.parse

import pytest
from conftest import customer, refused, take_customer_keys

INDEX, WRONG = b"<p>the index</p>", b"<p>not here</p>"


@pytest.fixture(scope="module")
def site(start, tmp_path_factory):
    gateway = start()
    s3 = gateway.client("s3")
    bucket = "site-" + secrets.token_hex(6)
    s3.create_bucket(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    for key, body in (("index.html", INDEX), ("docs/index.html", b"docs"), ("a b/ö.html", b"odd"), ("error.html", WRONG)):
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/html", ServerSideEncryption="AES256")
    s3.put_object(Bucket=bucket, Key="moved", Body=b"", WebsiteRedirectLocation="/index.html")
    s3.put_object(Bucket=bucket, Key="secret/k", Body=b"secret")
    take_customer_keys(s3, bucket)
    for key, mode in (("sealed", {"ServerSideEncryption": "aws:kms"}), ("twice", {"ServerSideEncryption": "aws:kms:dsse"}), ("theirs", customer())):
        s3.put_object(Bucket=bucket, Key=key, Body=b"sealed", **mode)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/secret/*",
         "Condition": {"StringEquals": {"aws:PrincipalType": "Anonymous"}}}]}))
    return gateway, s3, bucket


def configure(site, **more):
    _, s3, bucket = site
    configuration = {"IndexDocument": {"Suffix": "index.html"}} | more
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=configuration)
    told = s3.get_bucket_website(Bucket=bucket)
    told.pop("ResponseMetadata")
    assert told == configuration


def browse(site, path, method="GET", host=None, headers=None):
    gateway, _, bucket = site
    where = urllib.parse.urlsplit(gateway.url)
    connection = http.client.HTTPConnection(where.netloc, timeout=30)
    host = host or f"{bucket}.s3-website.localhost:{where.port}"
    connection.request(method, path, headers={"Host": host} | (headers or {}))
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def test_pages(site):
    configure(site)
    assert browse(site, "/")[:2] == (200, INDEX)
    assert browse(site, "/docs/")[:2] == (200, b"docs")
    assert browse(site, "/a%20b/%C3%B6.html")[:2] == (200, b"odd")
    status, body, headers = browse(site, "/index.html?anything=else", headers={"Authorization": "AWS nonsense"})
    assert (status, body, headers["Content-Type"]) == (200, INDEX, "text/html"), "a website knows nobody"
    assert browse(site, "/index.html", "HEAD")[:2] == (200, b"")
    assert browse(site, "/index.html", headers={"Range": "bytes=0-2"})[:2] == (206, INDEX[:3])
    assert browse(site, "/index.html", headers={"If-None-Match": headers["ETag"]})[0] == 304
    status, _, headers = browse(site, "/docs")
    assert (status, headers["Location"]) == (302, "/docs/")
    status, _, headers = browse(site, "/moved")
    assert (status, headers["Location"]) == (301, "/index.html")


def test_what_is_wrong(site):
    configure(site)
    for path, status, code in (("/missing", 403, "AccessDenied"), ("/secret/k", 403, "AccessDenied"), ("/sealed", 403, "AccessDenied"),
                               ("/twice", 403, "AccessDenied"), ("/theirs", 400, "InvalidRequest")):
        answer = browse(site, path)
        assert answer[0] == status and f"<li>Code: {code}</li>".encode() in answer[1] and b"secret" not in answer[1].replace(b"secret/", b"")
        assert (answer[2]["Content-Type"].partition(";")[0], answer[2]["x-amz-error-code"]) == ("text/html", code)
        assert answer[2]["x-amz-request-id"]
    for method in ("PUT", "POST", "DELETE"):
        assert browse(site, "/index.html", method)[0] == 405
    assert site[1].get_object(Bucket=site[2], Key="index.html")["Body"].read() == INDEX
    configure(site, ErrorDocument={"Key": "error.html"})
    assert browse(site, "/missing")[:2] == (403, WRONG)
    assert browse(site, "/missing", headers={"Range": "bytes=0-1"})[:2] == (403, WRONG)
    configure(site, ErrorDocument={"Key": "secret/k"})
    assert b"<li>Code: AccessDenied</li>" in browse(site, "/missing")[1], "an error document is read by nobody in particular, too"


def test_rules(site):
    gateway, _, bucket = site
    port = urllib.parse.urlsplit(gateway.url).port
    here = f"http://{bucket}.s3-website.localhost:{port}"
    configure(site, RoutingRules=[
        {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "docs/"}},
        {"Condition": {"HttpErrorCodeReturnedEquals": "403"}, "Redirect": {
            "HostName": "else.example", "Protocol": "https", "HttpRedirectCode": "307", "ReplaceKeyWith": "lost"}}])
    status, _, headers = browse(site, "/old/a%20b")
    assert (status, headers["Location"]) == (301, f"{here}/docs/a%20b")
    status, _, headers = browse(site, "/missing")
    assert (status, headers["Location"]) == (307, "https://else.example/lost")
    _, s3, _ = site
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"RedirectAllRequestsTo": {"HostName": "new.example", "Protocol": "https"}})
    status, _, headers = browse(site, "/any/%C3%B6")
    assert (status, headers["Location"]) == (301, "https://new.example/any/%C3%B6")


def test_what_is_no_website(site):
    _, s3, bucket = site
    bad = {"IndexDocument": {"Suffix": "a/b"}}
    assert refused(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=bad)[:2] == (400, "InvalidArgument")
    s3.delete_bucket_website(Bucket=bucket)
    assert refused(s3.get_bucket_website, Bucket=bucket)[:2] == (404, "NoSuchWebsiteConfiguration")
    assert browse(site, "/")[0] == 404 and b"NoSuchWebsiteConfiguration" in browse(site, "/")[1]
    unknown = browse(site, "/", host="none-such.s3-website.localhost")
    assert unknown[0] == 404 and b"NoSuchWebsiteConfiguration" in unknown[1], "strangers do not learn which buckets there are"
    assert browse(site, "/" + "k" * 1025)[0] == 404
    configure(site)
    assert browse(site, "/" + "k" * 1025)[2]["x-amz-error-code"] == "KeyTooLongError"
    loop = {"RoutingRules": [{"Redirect": {}}], "IndexDocument": {"Suffix": "index.html"}}
    assert refused(s3.put_bucket_website, Bucket=bucket, WebsiteConfiguration=loop)[:2] == (400, "MalformedXML")


def test_where_no_bucket_is_shown_no_website_is_kept(start, tmp_path):
    (tmp_path / "none.toml").write_text("website_domains = []\n")
    s3 = start("--config", str(tmp_path / "none.toml")).client("s3")
    s3.create_bucket(Bucket="plain")
    kept = {"IndexDocument": {"Suffix": "index.html"}}
    assert refused(s3.put_bucket_website, Bucket="plain", WebsiteConfiguration=kept)[:2] == (501, "NotImplemented")
