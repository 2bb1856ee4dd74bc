"""Roles for whom an OpenID Connect provider vouches: AssumeRoleWithWebIdentity against a local issuer."""

import base64
import hashlib
import http.server
import ipaddress
import json
import secrets
import ssl
import threading
import time
from datetime import datetime, timedelta, timezone

import boto3
import pytest
from accounts import Account, allow, document
from botocore import UNSIGNED
from botocore.config import Config
from conftest import ACCOUNT, REGION, refused
from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

AUDIENCE = "arqueta-tests"


def b64(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Key:
    """A signature key of an issuer."""

    def __init__(self, algorithm="RS256"):
        self.algorithm, self.kid = algorithm, secrets.token_hex(4)
        self.digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
        self.curve = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1()}.get(algorithm)
        self.private = ec.generate_private_key(self.curve) if self.curve else rsa.generate_private_key(65537, 2048)

    def jwk(self):
        public = self.private.public_key().public_numbers()
        common = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        if self.curve:
            size = self.curve.key_size // 8
            return common | {"kty": "EC", "crv": f"P-{self.curve.key_size}", "x": number(public.x, size), "y": number(public.y, size)}
        return common | {"kty": "RSA", "n": number(public.n), "e": number(public.e)}

    def sign(self, data):
        if self.curve:
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(self.digest)))
            size = self.curve.key_size // 8
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        return self.private.sign(data, padding.PKCS1v15(), self.digest)

    def token(self, claims, **header):
        head = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid} | header
        signed = f"{b64({k: v for k, v in head.items() if v is not None})}.{b64(claims)}"
        return f"{signed}.{b64(self.sign(signed.encode()))}"


class Issuer:
    """An OpenID Connect provider on this machine. Counts what it is asked."""

    def __init__(self, tls=None):
        self.keys, self.asked, self.broken, self.discovery = [Key()], [], False, {}
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                documents = {
                    "/realm/.well-known/openid-configuration": {"issuer": issuer.url, "jwks_uri": issuer.url + "/keys"} | issuer.discovery,
                    "/realm/keys": {"keys": [{"kty": "AKP", "kid": "unknown kind"}] + [key.jwk() for key in issuer.keys]},
                }
                body = json.dumps(documents.get(self.path, {})).encode()
                self.send_response(500 if issuer.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server.server_port}/realm"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def name(self):
        return self.url.split("://")[1]

    def claims(self, **more):
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 600} | more
        return {key: value for key, value in claims.items() if value is not None}

    def token(self, **more):
        return self.keys[0].token(self.claims(**more))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture
def home(gateway):
    return Account(gateway)


class Federation:
    """A provider, and a role that trusts it."""

    def __init__(self, home, issuer, *statements, condition=None, url=None, actions="sts:AssumeRoleWithWebIdentity", **provider):
        self.home, self.issuer = home, issuer
        self.provider = home.iam.create_open_id_connect_provider(
            Url=url or issuer.url, ClientIDList=[AUDIENCE], **provider)["OpenIDConnectProviderArn"]
        self.role = home.role(*(statements or [allow("s3:*")]))
        self.trust(condition, actions)
        self.sts = boto3.client("sts", endpoint_url=home.gateway.url, region_name=REGION,
                                config=Config(signature_version=UNSIGNED, retries={"max_attempts": 1}))

    def trust(self, condition=None, actions="sts:AssumeRoleWithWebIdentity"):
        statement = {"Effect": "Allow", "Principal": {"Federated": self.provider}, "Action": actions}
        statement |= {"Condition": condition or {"StringEquals": {f"{self.issuer.name}:aud": AUDIENCE}}}
        self.home.iam.update_assume_role_policy(RoleName=self.role.rpartition("/")[2], PolicyDocument=document(statement))

    def assume(self, token, **more):
        return self.sts.assume_role_with_web_identity(**{"RoleArn": self.role, "RoleSessionName": "web", "WebIdentityToken": token} | more)

    def refused(self, token, **more):
        return refused(self.assume, token=token, **more)

    def who(self, token, **more):
        made = self.assume(token, **more)["Credentials"]
        return {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"], "token": made["SessionToken"]}


@pytest.fixture
def federation(home, issuer):
    return Federation(home, issuer)


def test_a_token_is_worth_a_session_of_the_role(gateway, home, federation, issuer):
    answer = federation.assume(issuer.token())
    role = federation.role.rpartition("/")[2]
    assert answer["SubjectFromWebIdentityToken"] == "ann" and answer["Audience"] == AUDIENCE and answer["Provider"] == issuer.url
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/web"
    session = federation.who(issuer.token())
    home.client("s3", **session).list_buckets()
    assert home.client("sts", **session).get_caller_identity()["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert refused(home.client("iam", **session).list_users)[0] == 403


def test_boto3s_own_provider(gateway, federation, issuer, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "token").write_text(issuer.token())
    (tmp_path / "config").write_text("[default]\n")
    for name, value in {"AWS_WEB_IDENTITY_TOKEN_FILE": tmp_path / "token", "AWS_ROLE_ARN": federation.role, "AWS_ROLE_SESSION_NAME": "pod",
                        "AWS_ENDPOINT_URL": gateway.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
                        "AWS_CONFIG_FILE": tmp_path / "config", "AWS_SHARED_CREDENTIALS_FILE": tmp_path / "none"}.items():
        monkeypatch.setenv(name, str(value))
    session = boto3.Session()
    session.client("s3").list_buckets()
    assert session.client("sts").get_caller_identity()["Arn"].endswith("/pod")


def test_the_call_is_recorded_in_the_subjects_name_without_the_token(gateway, federation, issuer):
    token = issuer.token(sub=secrets.token_hex(8))
    federation.assume(token)
    [event] = [e for e in gateway.events("AssumeRoleWithWebIdentity") if (e["requestParameters"] or {}).get("roleArn") == federation.role]
    subject = event["userIdentity"]["userName"]
    assert event["userIdentity"] == {"type": "WebIdentityUser", "principalId": f"{federation.provider}:{AUDIENCE}:{subject}",
                                     "userName": subject, "identityProvider": federation.provider}
    assert event["eventSource"] == "sts.amazonaws.com" and event["recipientAccountId"] == ACCOUNT and event["readOnly"]
    assert "webIdentityToken" not in event["requestParameters"] and token not in json.dumps(event)
    assert set(event["responseElements"]["credentials"]) == {"accessKeyId", "expiration"}


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "ES256", "ES384"])
def test_algorithms(federation, issuer, algorithm):
    issuer.keys = [Key(algorithm)]
    federation.assume(issuer.token())
    # The only key that there is needs no name.
    federation.assume(issuer.keys[0].token(issuer.claims(), kid=None))


def hs256(secret, claims, **header):
    signed = f"{b64({'alg': 'HS256', 'typ': 'JWT'} | header)}.{b64(claims)}"
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(signed.encode())
    return f"{signed}.{b64(mac.finalize())}"


def test_tokens_that_prove_nothing(federation, issuer):
    key, good = issuer.keys[0], issuer.token()
    federation.assume(good)
    head, body, signature = good.split(".")
    public = key.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    other = Key()
    other.kid = key.kid
    forged = {
        "unsigned": f"{b64({'alg': 'none'})}.{body}.",
        "unsigned, signature kept": f"{b64({'alg': 'none', 'kid': key.kid})}.{body}.{signature}",
        "symmetric under the public key": hs256(public, issuer.claims(), kid=key.kid),
        "another key of the same id": other.token(issuer.claims()),
        "another key, brought along": other.token(issuer.claims(), jwk=other.jwk()),
        "another subject": f"{head}.{b64(issuer.claims(sub='bob'))}.{signature}",
        "another algorithm": key.token(issuer.claims(), alg="RS512"),
        "no signature": f"{head}.{body}.",
        "not a token": "nonsense",
        "of nobody": key.token(issuer.claims(), kid="nobody"),
    }
    for why, token in forged.items():
        status, code, _ = federation.refused(token)
        assert (status, code) == (400, "InvalidIdentityToken"), (why, code)
    assert federation.refused("a" * 20_001)[:2] == (400, "ValidationError")


@pytest.mark.parametrize("claims, code, message", [
    ({"exp": 1_600_000_000}, "ExpiredTokenException", "Token expired"),
    ({"exp": None}, "InvalidIdentityToken", "exp"),
    ({"iat": None}, "InvalidIdentityToken", "iat"),
    ({"iat": 4_000_000_000}, "InvalidIdentityToken", "not valid yet"),
    ({"nbf": 4_000_000_000}, "InvalidIdentityToken", "not valid yet"),
    ({"sub": None}, "InvalidIdentityToken", "sub"),
    ({"aud": None}, "InvalidIdentityToken", "aud"),
    ({"aud": "somebody-else"}, "InvalidIdentityToken", "Incorrect token audience"),
    ({"aud": [AUDIENCE], "azp": "somebody-else"}, "InvalidIdentityToken", "Incorrect token audience"),
    ({"iss": None}, "InvalidIdentityToken", "iss"),
    ({"iss": "https://accounts.example.com"}, "InvalidIdentityToken", "No OpenIDConnect provider found"),
], ids=str)
def test_claims_that_do_not_hold(federation, issuer, claims, code, message):
    status, said, text = federation.refused(issuer.token(**claims))
    assert (status, said) == (400, code) and message in text


def test_an_audience_of_several_and_an_authorized_party(federation, issuer):
    federation.assume(issuer.token(aud=["other", AUDIENCE]))
    federation.assume(issuer.token(aud="other", azp=AUDIENCE))


@pytest.mark.parametrize("condition, claims, good", [
    ({"StringEquals": {"{name}:sub": "ann"}}, {}, True),
    ({"StringEquals": {"{name}:sub": "ann"}}, {"sub": "bob"}, False),
    ({"StringLike": {"{name}:sub": "repo:acme/*"}}, {"sub": "repo:acme/site:ref:main"}, True),
    ({"StringEquals": {"{name}:aud": "other"}}, {}, False),
    ({"ForAnyValue:StringEquals": {"{name}:amr": "mfa"}}, {"amr": ["pwd", "mfa"]}, True),
    ({"ForAnyValue:StringEquals": {"{name}:amr": "mfa"}}, {"amr": ["pwd"]}, False),
    ({"StringEquals": {"sts:RoleSessionName": "web"}}, {}, True),
    ({"StringEquals": {"accounts.example.com:sub": "ann"}}, {}, False),
], ids=str)
def test_the_trust_policy_decides(federation, issuer, condition, claims, good):
    federation.trust(json.loads(json.dumps(condition).replace("{name}", issuer.name)))
    if good:
        federation.assume(issuer.token(**claims))
    else:
        assert federation.refused(issuer.token(**claims))[:2] == (403, "AccessDenied")


def test_a_role_that_does_not_trust_and_one_that_does_not_exist_answer_alike(home, federation, issuer):
    other = home.role(allow("*"))
    answers = {federation.refused(issuer.token(), RoleArn=arn) for arn in (other, other + "x")}
    assert answers == {(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")}
    # Trust in a provider is no trust for anyone with credentials, and the other way round.
    _, who = home.user(allow("sts:*"))
    assert refused(home.client("sts", **who).assume_role, RoleArn=federation.role, RoleSessionName="web")[:2] == (403, "AccessDenied")


def test_what_the_token_says_holds_for_the_session(gateway, home, issuer, bucket, s3):
    own = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/${{{issuer.name}:sub}}/*")
    federation = Federation(home, issuer, own)
    for name in ("ann", "bob"):
        s3.put_object(Bucket=bucket, Key=f"{name}/k", Body=name.encode())
    client = home.client("s3", **federation.who(issuer.token()))
    assert client.get_object(Bucket=bucket, Key="ann/k")["Body"].read() == b"ann"
    assert refused(client.get_object, Bucket=bucket, Key="bob/k")[:2] == (403, "AccessDenied")


def test_session_tags_of_a_token(gateway, home, issuer, bucket, s3):
    s3.put_object(Bucket=bucket, Key="red/k", Body=b"x")
    federation = Federation(home, issuer, allow("s3:GetObject", f"arn:aws:s3:::{bucket}/${{aws:PrincipalTag/team}}/*"))
    token = issuer.token(**{"https://aws.amazon.com/tags": {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}})
    assert federation.refused(token)[:2] == (403, "AccessDenied")
    federation.trust(actions=["sts:AssumeRoleWithWebIdentity", "sts:TagSession"])
    client = home.client("s3", **federation.who(token))
    assert client.get_object(Bucket=bucket, Key="red/k")["Body"].read() == b"x"
    assert refused(home.client("s3", **federation.who(issuer.token())).get_object, Bucket=bucket, Key="red/k")[:2] == (403, "AccessDenied")


def test_a_session_policy_and_a_duration(home, federation, issuer):
    scoped = federation.who(issuer.token(), Policy=document(allow("s3:GetObject")), DurationSeconds=900)
    assert refused(home.client("s3", **scoped).list_buckets)[:2] == (403, "AccessDenied")
    assert federation.refused(issuer.token(), DurationSeconds=3601)[:2] == (400, "ValidationError")


def test_new_keys_are_found_and_an_issuer_is_not_asked_without_end(start, issuer):
    gateway = start()
    federation = Federation(Account(gateway), issuer)
    for _ in range(5):
        federation.assume(issuer.token())
    assert issuer.asked == ["/realm/.well-known/openid-configuration", "/realm/keys"]
    # A key that is not known is asked for, but not by every request that names one.
    for _ in range(5):
        assert federation.refused(issuer.keys[0].token(issuer.claims(), kid=secrets.token_hex(4)))[:2] == (400, "InvalidIdentityToken")
    assert len(issuer.asked) <= 4
    federation.assume(issuer.token())


def test_an_issuer_that_is_down(start):
    gateway = start()
    issuer = Issuer()
    federation = Federation(Account(gateway), issuer)
    issuer.broken = True
    for _ in range(3):
        assert federation.refused(issuer.token())[:2] == (400, "IDPCommunicationError")
    assert len(issuer.asked) == 1
    token = issuer.token()
    issuer.stop()
    assert federation.refused(token)[:2] == (400, "IDPCommunicationError")


@pytest.mark.parametrize("discovery", [{"issuer": "https://accounts.example.com"}, {"jwks_uri": "http://192.0.2.1/keys"}, {"jwks_uri": None},
                                       {"jwks_uri": "file:///etc/passwd"}], ids=str)
def test_a_discovery_document_that_is_not_the_issuers(home, issuer, discovery):
    issuer.discovery = discovery
    status, code, message = Federation(home, issuer).refused(issuer.token())
    assert (status, code) == (400, "InvalidIdentityToken") and "verification key" in message


def authority():
    """A certification authority, and a context of a server that it certified."""
    def certificate(subject, key, by, signer, *extensions):
        now = datetime.now(timezone.utc)
        named = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])  # noqa: E731
        builder = (x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named(by)).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1)))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(signer, hashes.SHA256())

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = certificate("ca", root, "ca", root, x509.BasicConstraints(True, None))
    own = certificate("issuer", leaf, "ca", root, x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]))
    return ca, own, leaf


def test_an_authority_that_only_the_providers_thumbprint_knows(home, tmp_path):
    ca, own, leaf = authority()
    pem = serialization.Encoding.PEM
    (tmp_path / "chain.pem").write_bytes(own.public_bytes(pem) + ca.public_bytes(pem))
    (tmp_path / "key.pem").write_bytes(leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    issuer = Issuer(context)
    thumbprint = hashlib.sha1(ca.public_bytes(serialization.Encoding.DER)).hexdigest()
    federation = Federation(home, issuer, ThumbprintList=["0" * 40])
    assert federation.refused(issuer.token())[:2] == (400, "IDPCommunicationError")
    home.iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=federation.provider, ThumbprintList=[thumbprint.upper()])
    federation.assume(issuer.token())
    issuer.stop()


def test_providers_are_administered(home, issuer):
    iam = home.iam
    arn = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["a"], ThumbprintList=["ab" * 20], Tags=[{"Key": "k", "Value": "v"}])[
        "OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer.name}"
    assert refused(iam.create_open_id_connect_provider, Url=issuer.url)[:2] == (409, "EntityAlreadyExists")
    assert arn in [provider["Arn"] for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    of = {"OpenIDConnectProviderArn": arn}
    for _ in range(2):
        iam.add_client_id_to_open_id_connect_provider(**of, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(**of, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(**of, ThumbprintList=["cd" * 20])
    iam.tag_open_id_connect_provider(**of, Tags=[{"Key": "l", "Value": "w"}])
    iam.untag_open_id_connect_provider(**of, TagKeys=["k"])
    found = iam.get_open_id_connect_provider(**of)
    assert (found["Url"], found["ClientIDList"], found["ThumbprintList"], found["Tags"]) == (
        issuer.name, ["b"], ["cd" * 20], [{"Key": "l", "Value": "w"}])
    assert iam.list_open_id_connect_provider_tags(**of)["Tags"] == [{"Key": "l", "Value": "w"}]
    iam.delete_open_id_connect_provider(**of)
    for call in (iam.get_open_id_connect_provider, iam.delete_open_id_connect_provider):
        assert refused(call, **of)[:2] == (404, "NoSuchEntity")


@pytest.mark.parametrize("url", ["http://accounts.example.com", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "accounts.example.com",
                                 "https://", "https://a.example.com?x=y", "https://a.example.com#x", "https://user@a.example.com"])
def test_urls_that_no_issuer_has(home, url):
    assert refused(home.iam.create_open_id_connect_provider, Url=url)[0] == 400


def test_who_may_not_administer_providers_does_not(home, issuer):
    _, who = home.user(allow("s3:*"))
    iam = home.client("iam", **who)
    assert refused(iam.create_open_id_connect_provider, Url=issuer.url)[:2] == (403, "AccessDenied")
    assert refused(iam.list_open_id_connect_providers)[:2] == (403, "AccessDenied")
    for arn in (Federation(home, issuer).provider, f"arn:aws:iam::{ACCOUNT}:oidc-provider/nothing.example.com"):
        assert refused(iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn)[:2] == (403, "AccessDenied")


def test_nothing_else_may_come_unsigned(gateway):
    sts = boto3.client("sts", endpoint_url=gateway.url, region_name=REGION, config=Config(signature_version=UNSIGNED, retries={"max_attempts": 1}))
    for call, options in ((sts.get_caller_identity, {}), (sts.assume_role, {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r", "RoleSessionName": "s2"})):
        assert refused(call, **options)[:2] == (403, "MissingAuthenticationToken")
