"""The table of docs/s3.md is what the running gateway answers to every operation of botocore's model.

`python tests/e2e/test_s3_table.py` writes it anew, with the gateway of ARQUETA_BIN."""

import base64
import hashlib
import re
import secrets
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import botocore.serialize
import botocore.session
import pytest
from conftest import ROOT, Gateway, operations, signed

DOCUMENT = ROOT / "docs/s3.md"
MODEL = botocore.session.get_session().get_service_model("s3")
SERIALIZER = botocore.serialize.create_serializer("rest-xml", include_validation=False)
BEGIN, END = "<!-- begin: made by tests/e2e/test_s3_table.py -->\n", "<!-- end -->"

# Names that AWS keeps for earlier forms of the same requests.
SAME = {"GetBucketLifecycle": "GetBucketLifecycleConfiguration", "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
        "GetBucketNotification": "GetBucketNotificationConfiguration",
        "PutBucketNotification": "PutBucketNotificationConfiguration"}

# Errors by which an operation says that there is nothing of its kind, here and ever.
NOTHING = {"NoSuchConfiguration", "MetadataConfigurationNotFound", "InvalidObjectState"}

# By which errors operations that are served answer the sample of their requests, or where there is nothing yet.
SERVED = {
    "CopyObject": "InvalidRequest", "DeleteBucket": "NoSuchBucket", "GetBucketCors": "NoSuchCORSConfiguration",
    "GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration", "GetBucketTagging": "NoSuchTagSet",
    "GetBucketOwnershipControls": "OwnershipControlsNotFoundError", "GetBucketWebsite": "NoSuchWebsiteConfiguration",
    "GetBucketReplication": "ReplicationConfigurationNotFoundError", "PutBucketReplication": "InvalidArgument",
    "GetObjectLockConfiguration": "ObjectLockConfigurationNotFoundError", "PutBucketPolicy": "MalformedPolicy",
    "GetPublicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "PutBucketVersioning": "IllegalVersioningConfigurationException",
    **dict.fromkeys(["AbortMultipartUpload", "CompleteMultipartUpload", "ListParts", "UploadPart", "UploadPartCopy"], "NoSuchUpload"),
    **dict.fromkeys(["GetBucketPolicy", "GetBucketPolicyStatus"], "NoSuchBucketPolicy"),
    **dict.fromkeys(["PutBucketAcl", "PutObjectAcl"], "MissingSecurityHeader"),
    **dict.fromkeys(["GetObjectLegalHold", "GetObjectRetention", "PutBucketCors", "PutObjectLockConfiguration"], "InvalidRequest"),
    **dict.fromkeys(["PutBucketAccelerateConfiguration", "PutBucketLifecycleConfiguration", "PutObjectLegalHold",
                     "PutObjectRetention", "UpdateObjectEncryption"], "MalformedXML"),
}

ENFORCED = {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}
RULE = {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": ""}}
# What a request must have beside what its shape requires.
WHOLE = {"PutBucketWebsite": {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}}}
# What differs from AWS, and a request that shows it: operation -> (how, parameters, code) ...
DIFFERS = {
    "CreateBucket": [
        ("directory buckets: `NotImplemented`", {"CreateBucketConfiguration": {"Bucket": {"Type": "Directory"}}}, "NotImplemented"),
        ("object ownership is BucketOwnerEnforced, others: `NotImplemented`", {"ObjectOwnership": "ObjectWriter"}, "NotImplemented"),
        ("other Regions: `IllegalLocationConstraintException`, since a gateway is one",
         {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}, "IllegalLocationConstraintException")],
    "PutBucketAcl": [("lists are disabled, as in AWS where ownership is BucketOwnerEnforced", {"ACL": "public-read"},
                      "AccessControlListNotSupported")],
    "PutObjectAcl": [("lists are disabled, as in AWS where ownership is BucketOwnerEnforced", {"ACL": "public-read"},
                      "AccessControlListNotSupported")],
    "PutBucketOwnershipControls": [("BucketOwnerEnforced alone", {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}},
                                    "NotImplemented")],
    "PutBucketAccelerateConfiguration": [("`Suspended` alone: nothing is accelerated", {"AccelerateConfiguration": {"Status": "Enabled"}},
                                          "NotImplemented")],
    "PutBucketVersioning": [("without MFA delete", {"MFA": "a 1", "VersioningConfiguration": {"Status": "Enabled", "MFADelete": "Enabled"}},
                             "NotImplemented")],
    "PutBucketLifecycleConfiguration": [
        ("without transitions: every object is in one place",
         {"LifecycleConfiguration": {"Rules": [RULE | {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}]}}, "NotImplemented")],
    "CopyObject": [("without event holds", {"ObjectLockEventHoldDurationDays": 1}, "NotImplemented")],
    "CreateMultipartUpload": [("without event holds", {"ObjectLockEventHold": "ON"}, "NotImplemented")],
    "PutObjectRetention": [
        ("without event holds", {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": "2030-01-01T00:00:00Z", "EventHold": "ON"}},
         "NotImplemented")],
    "PutObjectLockConfiguration": [
        ("without event holds", {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {
            "DefaultEventHold": {"Days": 1}}}}}, "NotImplemented")],
    "PutObject": [("nothing is appended", {"WriteOffsetBytes": 3}, "NotImplemented"),
                  ("without event holds", {"ObjectLockEventHold": "ON"}, "NotImplemented"),
                  ("without the storage classes of archives", {"StorageClass": "GLACIER"}, "InvalidStorageClass")],
}


def sample(shape):
    """A value of a shape, of what it requires."""
    if shape.type_name == "structure":
        return {name: sample(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [sample(shape.member)]
    if shape.type_name == "string":
        return shape.enum[0] if getattr(shape, "enum", None) else "a"
    return {"integer": 1, "long": 1, "boolean": True, "timestamp": "2030-01-01T00:00:00Z", "blob": b"a"}.get(shape.type_name, "a")


class Asker:
    """A gateway with a bucket and an object, asked by root."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.bucket = "table-" + secrets.token_hex(6)
        s3 = gateway.client("s3")
        s3.create_bucket(Bucket=self.bucket)
        s3.put_object(Bucket=self.bucket, Key="k", Body=b"a")

    def ask(self, operation, more=None):
        """Status, code and message."""
        model = MODEL.operation_model(operation)
        parameters = sample(model.input_shape) if model.input_shape else {}
        for name, value in (("Bucket", self.bucket), ("Key", "k"), ("CopySource", f"{self.bucket}/k")):
            if model.input_shape and name in model.input_shape.members:
                parameters[name] = value
        parameters |= WHOLE.get(operation, {}) | (more or {})
        if operation in ("DeleteObject", "DeleteObjects", "PutBucketOwnershipControls"):
            # Nothing that the others need.
            parameters |= {"DeleteObject": {"Key": "missing"}, "DeleteObjects": {"Delete": {"Objects": [{"Key": "missing"}]}},
                           "PutBucketOwnershipControls": ENFORCED}[operation] if not more else {}
        if operation == "CreateBucket":
            parameters["Bucket"] = "table-" + secrets.token_hex(6)
        if operation == "DeleteBucket":
            parameters["Bucket"] = "missing-" + secrets.token_hex(6)
        request = SERIALIZER.serialize_to_request(parameters, model)
        query = dict(request["query_string"])
        if operation == "ListDirectoryBuckets":
            # On the wire it is ListBuckets, but for the name of the service in its signature.
            query["x-id"] = operation
        path = request["url_path"]
        parts = [f"{name}={urllib.request.quote(str(value), safe='')}" if value else name for name, value in query.items()]
        url = self.gateway.url + path + ("&" if "?" in path else "?") * bool(parts) + "&".join(parts)
        body = request["body"].encode() if isinstance(request["body"], str) else request["body"] or None
        headers = {name: str(value) for name, value in request["headers"].items()}
        if body:
            headers["Content-MD5"] = base64.b64encode(hashlib.md5(body).digest()).decode()
        asked = urllib.request.Request(url, data=body, method=request["method"],
                                       headers=signed(request["method"], url, headers))
        if request["method"] in ("PUT", "POST") and body is None:
            asked.add_unredirected_header("Content-Length", "0")
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, None, ""
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            found = {name: re.search(f"<{name}>(.*?)</{name}>", text, re.S) for name in ("Code", "Message")}
            return error.code, found["Code"] and found["Code"][1], found["Message"][1] if found["Message"] else ""

    def table(self):
        rows = []
        for operation in sorted(MODEL.operation_names):
            status, code, message = self.ask(operation)
            if operation in SAME:
                kind, why = "served", f"as {SAME[operation]}, whose request it is"
            elif code == "NotImplemented":
                kind, why = "refused", message.removeprefix(f"{operation} is not implemented. ")
            elif code in NOTHING:
                kind, why = f"{status} `{code}`", "always, since there is nothing of the kind"
            else:
                assert status < 300 or code == SERVED.get(operation), (operation, status, code, message)
                kind, why = "served", "; ".join(how for how, _, _ in DIFFERS.get(operation, []))
            rows.append(f"| {operation} | {kind} | {why} |\n")
        return "| operation | answer | why, or what differs from AWS |\n| --- | --- | --- |\n" + "".join(rows)


@pytest.fixture(scope="module")
def asker(gateway):
    return Asker(gateway)


def test_the_table_is_what_is_answered(asker):
    document = DOCUMENT.read_text()
    assert document.split(BEGIN)[1].split(END)[0] == asker.table(), "python tests/e2e/test_s3_table.py writes it"


def test_what_is_refused_are_the_rows_that_say_so(asker):
    rows = {row["name"]: row for row in operations("s3")}
    assert set(MODEL.operation_names) <= set(rows) | set(SAME)
    for operation in MODEL.operation_names:
        if operation in SAME:
            continue
        status, code, message = asker.ask(operation)
        assert (code == "NotImplemented") is not rows[operation]["served"], (operation, code, message)
        if code == "NotImplemented":
            assert (status, message) == (501, f"{operation} is not implemented. {rows[operation]['reason']}")


@pytest.mark.parametrize("operation", DIFFERS)
def test_what_differs_is_answered_so(asker, operation):
    for how, parameters, code in DIFFERS[operation]:
        assert asker.ask(operation, parameters)[1] == code, how


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(Path(folder) / "data")
        try:
            before, rest = DOCUMENT.read_text().split(BEGIN)
            DOCUMENT.write_text(before + BEGIN + Asker(gateway).table() + END + rest.split(END)[1])
        finally:
            gateway.stop()
    sys.exit(0)
