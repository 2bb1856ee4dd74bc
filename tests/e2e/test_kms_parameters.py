"""No parameter of the KMS API is ignored: each is acted on, or refused by its name."""

import json
import urllib.request

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY

MODEL = botocore.session.get_session().get_service_model("kms")
KEY = object()
"""Stands for a fresh symmetric key."""
BLOB = "AAAA"
PRINCIPAL = f"arn:aws:iam::{ACCOUNT}:root"
GRANT = {"KeyId": KEY, "GranteePrincipal": PRINCIPAL, "Operations": ["Decrypt"]}
STORE = {"CustomKeyStoreName": "s"}
RECIPIENT = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": BLOB}
PROXY = {"XksProxyUriEndpoint": "https://xks.example.com", "XksProxyUriPath": "/kms/xks/v1",
         "XksProxyVpcEndpointServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-example",
         "XksProxyVpcEndpointServiceOwner": ACCOUNT, "XksProxyConnectivity": "PUBLIC_ENDPOINT",
         "XksProxyAuthenticationCredential": {"AccessKeyId": "A" * 20, "RawSecretAccessKey": "s" * 43}}

REFUSED = [
    ("CreateKey", {"Origin": "EXTERNAL_KEY_STORE"}, "XksKeyId", "x"),
    ("CreateGrant", GRANT, "GranteeServicePrincipal", "s3.amazonaws.com"),
    ("CreateGrant", GRANT, "RetiringServicePrincipal", "s3.amazonaws.com"),
    ("ListGrants", {"KeyId": KEY}, "GranteeServicePrincipal", "s3.amazonaws.com"),
    ("ListRetirableGrants", {"RetiringPrincipal": PRINCIPAL}, "RetiringServicePrincipal", "s3.amazonaws.com"),
    ("Decrypt", {"CiphertextBlob": BLOB}, "Recipient", RECIPIENT),
    ("DeriveSharedSecret", {"KeyId": KEY, "KeyAgreementAlgorithm": "ECDH", "PublicKey": BLOB}, "Recipient", RECIPIENT),
    ("GenerateDataKey", {"KeyId": KEY, "KeySpec": "AES_256"}, "Recipient", RECIPIENT),
    ("GenerateDataKeyPair", {"KeyId": KEY, "KeyPairSpec": "RSA_2048"}, "Recipient", RECIPIENT),
    ("GenerateRandom", {"NumberOfBytes": 1}, "Recipient", RECIPIENT),
]
"""Operation, a request that it would answer, the parameter that it refuses, and its value."""

PROXIES = [
    *(("CreateCustomKeyStore", STORE, name, value) for name, value in PROXY.items()),
    *(("UpdateCustomKeyStore", {"CustomKeyStoreId": "cks-1"}, name, value) for name, value in PROXY.items()),
]
"""Parameters of external key stores, which AWS refuses for the stores that there are, too."""

VALUES = [
    ("CreateKey", {}, "KeySpec", "SM2"),
    ("CreateKey", {"KeyUsage": "ENCAPSULATE_DECAPSULATE"}, "KeySpec", "ML_KEM_768"),
    ("CreateKey", {"KeySpec": "SYMMETRIC_DEFAULT"}, "KeyUsage", "ENCAPSULATE_DECAPSULATE"),
    ("CreateKey", {}, "Origin", "EXTERNAL_KEY_STORE"),
    ("CreateKey", {"Origin": "EXTERNAL", "KeyUsage": "SIGN_VERIFY"}, "KeySpec", "ML_DSA_65"),
    ("CreateCustomKeyStore", STORE, "CustomKeyStoreType", "EXTERNAL_KEY_STORE"),
    ("ListKeys", {}, "ResourceOwners", ["OTHER_ACCOUNTS_VIA_RAM"]),
    ("CreateGrant", GRANT, "Constraints", {"SourceArn": "arn:aws:s3:::b"}),
]
"""The same for values of parameters that are served."""

UNSERVED = {"Decapsulate", "Encapsulate"}


def call(gateway, operation, request):
    """The answer as it came: status, code and message."""
    headers = {"X-Amz-Target": "TrentService." + operation, "Content-Type": "application/x-amz-json-1.1"}
    signed = AWSRequest("POST", gateway.url + "/", headers=headers, data=json.dumps(request).encode())
    SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "kms", REGION).add_auth(signed)
    sent = urllib.request.Request(gateway.url + "/", signed.body, dict(signed.headers), method="POST")
    try:
        return 200, "", urllib.request.urlopen(sent, timeout=30).read().decode()
    except urllib.error.HTTPError as error:
        answer = json.loads(error.read())
        return error.code, answer["__type"].rsplit("#")[-1], answer.get("message") or answer.get("Message") or ""


def filled(request, key):
    return {name: key if value is KEY else value for name, value in request.items()}


@pytest.mark.parametrize("operation, request_, name, value", REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_parameter_is_refused_by_its_name(gateway, key, operation, request_, name, value):
    status, code, message = call(gateway, operation, filled(request_, key) | {name: value})
    assert (status, code) == (400, "UnsupportedOperationException") and name in message, (code, message)


@pytest.mark.parametrize("operation, request_, name, value", PROXIES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_parameter_of_another_kind_of_store_is_refused_by_its_name(gateway, operation, request_, name, value):
    status, code, message = call(gateway, operation, request_ | {name: value})
    assert (status, code) == (400, "ValidationException") and name in message, (code, message)


@pytest.mark.parametrize("operation, request_, name, value", VALUES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_value_is_refused_by_its_name(gateway, key, operation, request_, name, value):
    status, code, message = call(gateway, operation, filled(request_, key) | {name: value})
    inner = next(iter(value)) if isinstance(value, (list, dict)) else value
    assert (status, code) == (400, "UnsupportedOperationException") and inner in message, (code, message)


@pytest.mark.parametrize("operation", sorted(UNSERVED))
def test_an_operation_that_is_not_served_says_so(gateway, operation):
    status, code, message = call(gateway, operation, {})
    assert (status, code) == (400, "UnsupportedOperationException") and operation in message


@pytest.mark.parametrize("operation", sorted(set(MODEL.operation_names) - UNSERVED))
def test_every_parameter_of_the_model_is_read(gateway, operation):
    """What is ignored may have any type. So a type that it cannot have must be noticed."""
    refused = {name for of, _, name, _ in REFUSED + PROXIES if of == operation}
    for name, shape in MODEL.operation_model(operation).input_shape.members.items():
        if name not in refused:
            wrong = 7 if shape.type_name in ("structure", "map", "list", "string", "blob") else ["x"]
            status, code, message = call(gateway, operation, {name: wrong})
            assert (status, code) == (400, "SerializationException"), (name, code, message)


def test_owners_that_are_served(gateway):
    assert call(gateway, "ListKeys", {"ResourceOwners": ["SELF"]})[0] == 200
    assert call(gateway, "ListKeys", {"ResourceOwners": ["self"]})[1] == "ValidationException"
