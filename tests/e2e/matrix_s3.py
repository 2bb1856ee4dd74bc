"""The S3 half of the authorization matrix: every operation, what it needs, and what it is answered."""

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property

from conftest import ACCOUNT
from matrix import DENIED

BODY = b"what only readers learn"
BUCKET, OBJECT, NEW = "arn:aws:s3:::{b}", "arn:aws:s3:::{b}/k", "arn:aws:s3:::{b}/new"
XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
VERSIONING = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
CORS = "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>{origin}</AllowedOrigin></CORSRule></CORSConfiguration>"
LIFECYCLE = ("<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix>none/</Prefix></Filter><Status>Enabled</Status>"
             "<Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>")
REPLICATION = (f"<ReplicationConfiguration><Role>arn:aws:iam::{ACCOUNT}:role/replicator</Role><Rule><ID>r</ID><Priority>1</Priority>"
               "<Status>Enabled</Status><Filter/><DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>"
               "<Destination><Bucket>arn:aws:s3:::{there}</Bucket></Destination></Rule></ReplicationConfiguration>")
WEBSITE = "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>"
TAGS = "<Tagging><TagSet><Tag><Key>{tag}</Key><Value>1</Value></Tag></TagSet></Tagging>"
OWNERSHIP = "<OwnershipControls><Rule><ObjectOwnership>{who}</ObjectOwnership></Rule></OwnershipControls>"
BLOCK = "<PublicAccessBlockConfiguration><BlockPublicAcls>{on}</BlockPublicAcls></PublicAccessBlockConfiguration>"
LOCK = ("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode>"
        "<Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>")
RETENTION = "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate></Retention>"
ENCRYPTION = ("<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>"
              "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>")
RE_KEY = f"<ObjectEncryption {XMLNS}><SSE-KMS><KMSKeyArn>{{key}}</KMSKeyArn></SSE-KMS></ObjectEncryption>"
COMPLETE = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
DELETE = "<Delete><Object><Key>k</Key></Object></Delete>"


def policy(bucket, prefix):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/{prefix}/*"}]})


@dataclass(frozen=True)
class Row:
    """One operation as it is asked for; texts in braces are filled in from a [`Place`]."""
    operation: str
    method: str
    path: str
    needs: tuple
    body: str = ""
    headers: dict = field(default_factory=dict)
    allowed: tuple = (200, None)
    # What differs from the columns' usual answers.
    denied: tuple = DENIED
    others: dict = field(default_factory=dict)
    title: str = ""
    # What of the bucket it wants prepared.
    wants: str = ""

    def __str__(self):
        return self.title or self.operation


def on(resource, *actions):
    return tuple((f"s3:{action}", resource) for action in actions)


def bucket(operation, method, query, action, body="", **more):
    return Row(operation, method, "/{b}" + query, on(BUCKET, action), body, **more)


def thing(operation, method, query, *actions, body="", **more):
    return Row(operation, method, "/{b}/k" + query, on(OBJECT, *actions), body, **more)


ATTRIBUTES = {"x-amz-object-attributes": "ETag,ObjectSize"}
COPY = {"x-amz-copy-source": "/{b}/k"}
BLOCKS = "/v20180820/configuration/publicAccessBlock"
OF_ACCOUNT = {"x-amz-account-id": ACCOUNT}

ROWS = [
    Row("ListBuckets", "GET", "/", (("s3:ListAllMyBuckets", "*"),), others={"other account": (200, None)}),
    Row("CreateBucket", "PUT", "/{fresh}", (("s3:CreateBucket", "arn:aws:s3:::fresh-*"),), others={"other account": (200, None)}),
    Row("CreateBucket", "PUT", "/{b}", on(BUCKET, "CreateBucket"),
        others={"other account": (409, "BucketAlreadyExists")}, title="CreateBucket of a name that is taken"),
    Row("DeleteBucket", "DELETE", "/{empty}", (("s3:DeleteBucket", "arn:aws:s3:::{empty}"),), allowed=(204, None)),
    bucket("HeadBucket", "HEAD", "", "ListBucket"),
    bucket("ListObjects", "GET", "", "ListBucket"),
    bucket("ListObjectsV2", "GET", "?list-type=2", "ListBucket"),
    bucket("ListObjectVersions", "GET", "?versions", "ListBucketVersions"),
    bucket("ListMultipartUploads", "GET", "?uploads", "ListBucketMultipartUploads"),
    bucket("GetBucketLocation", "GET", "?location", "GetBucketLocation"),
    bucket("GetBucketEncryption", "GET", "?encryption", "GetEncryptionConfiguration"),
    bucket("PutBucketEncryption", "PUT", "?encryption", "PutEncryptionConfiguration", ENCRYPTION),
    bucket("DeleteBucketEncryption", "DELETE", "?encryption", "PutEncryptionConfiguration", allowed=(204, None)),
    bucket("GetBucketVersioning", "GET", "?versioning", "GetBucketVersioning"),
    bucket("PutBucketVersioning", "PUT", "?versioning", "PutBucketVersioning", VERSIONING),
    bucket("GetBucketCors", "GET", "?cors", "GetBucketCORS"),
    bucket("PutBucketCors", "PUT", "?cors", "PutBucketCORS", CORS.format(origin="https://new.example")),
    bucket("DeleteBucketCors", "DELETE", "?cors", "PutBucketCORS", allowed=(204, None)),
    bucket("GetBucketTagging", "GET", "?tagging", "GetBucketTagging"),
    bucket("PutBucketTagging", "PUT", "?tagging", "PutBucketTagging", TAGS.format(tag="new"), allowed=(204, None)),
    bucket("DeleteBucketTagging", "DELETE", "?tagging", "PutBucketTagging", allowed=(204, None)),
    bucket("GetBucketPolicy", "GET", "?policy", "GetBucketPolicy"),
    bucket("PutBucketPolicy", "PUT", "?policy", "PutBucketPolicy", "{policy}", allowed=(204, None)),
    bucket("DeleteBucketPolicy", "DELETE", "?policy", "DeleteBucketPolicy", allowed=(204, None)),
    bucket("GetBucketPolicyStatus", "GET", "?policyStatus", "GetBucketPolicyStatus"),
    bucket("GetBucketAcl", "GET", "?acl", "GetBucketAcl"),
    bucket("PutBucketAcl", "PUT", "?acl", "PutBucketAcl", headers={"x-amz-acl": "private"}),
    bucket("GetBucketOwnershipControls", "GET", "?ownershipControls", "GetBucketOwnershipControls"),
    bucket("PutBucketOwnershipControls", "PUT", "?ownershipControls", "PutBucketOwnershipControls", OWNERSHIP.format(who="BucketOwnerEnforced")),
    bucket("DeleteBucketOwnershipControls", "DELETE", "?ownershipControls", "PutBucketOwnershipControls", allowed=(204, None)),
    bucket("GetPublicAccessBlock", "GET", "?publicAccessBlock", "GetBucketPublicAccessBlock"),
    bucket("PutPublicAccessBlock", "PUT", "?publicAccessBlock", "PutBucketPublicAccessBlock", BLOCK.format(on="false")),
    bucket("DeletePublicAccessBlock", "DELETE", "?publicAccessBlock", "PutBucketPublicAccessBlock", allowed=(204, None)),
    Row("GetAccountPublicAccessBlock", "GET", BLOCKS, (("s3:GetAccountPublicAccessBlock", "*"),), headers=OF_ACCOUNT,
        wants="account's block"),
    Row("PutAccountPublicAccessBlock", "PUT", BLOCKS, (("s3:PutAccountPublicAccessBlock", "*"),), BLOCK.format(on="true"), OF_ACCOUNT),
    Row("DeleteAccountPublicAccessBlock", "DELETE", BLOCKS, (("s3:PutAccountPublicAccessBlock", "*"),), headers=OF_ACCOUNT),
    bucket("GetObjectLockConfiguration", "GET", "?object-lock", "GetBucketObjectLockConfiguration"),
    bucket("PutObjectLockConfiguration", "PUT", "?object-lock", "PutBucketObjectLockConfiguration", LOCK),
    bucket("GetBucketRequestPayment", "GET", "?requestPayment", "GetBucketRequestPayment"),
    bucket("GetBucketAccelerateConfiguration", "GET", "?accelerate", "GetAccelerateConfiguration"),
    bucket("GetBucketLogging", "GET", "?logging", "GetBucketLogging"),
    bucket("GetBucketNotificationConfiguration", "GET", "?notification", "GetBucketNotification"),
    bucket("GetBucketLifecycleConfiguration", "GET", "?lifecycle", "GetLifecycleConfiguration", allowed=(404, "NoSuchLifecycleConfiguration")),
    bucket("GetBucketReplication", "GET", "?replication", "GetReplicationConfiguration", allowed=(404, "ReplicationConfigurationNotFoundError")),
    bucket("GetBucketWebsite", "GET", "?website", "GetBucketWebsite", allowed=(404, "NoSuchWebsiteConfiguration")),
    bucket("PutBucketRequestPayment", "PUT", "?requestPayment", "PutBucketRequestPayment",
           "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"),
    bucket("PutBucketAccelerateConfiguration", "PUT", "?accelerate", "PutAccelerateConfiguration",
           "<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>"),
    bucket("PutBucketNotificationConfiguration", "PUT", "?notification", "PutBucketNotification", "<NotificationConfiguration/>"),
    bucket("PutBucketLifecycleConfiguration", "PUT", "?lifecycle", "PutLifecycleConfiguration", LIFECYCLE),
    bucket("DeleteBucketLifecycle", "DELETE", "?lifecycle", "PutLifecycleConfiguration", allowed=(204, None)),
    Row("PutBucketReplication", "PUT", "/{b}?replication", on(BUCKET, "PutReplicationConfiguration")
        + (("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/replicator"),), REPLICATION, wants="destination"),
    bucket("DeleteBucketReplication", "DELETE", "?replication", "PutReplicationConfiguration", allowed=(204, None)),
    bucket("DeleteBucketWebsite", "DELETE", "?website", "DeleteBucketWebsite", allowed=(204, None)),
    bucket("DeleteBucketAnalyticsConfiguration", "DELETE", "?analytics&id=a", "PutAnalyticsConfiguration", allowed=(204, None)),
    bucket("DeleteBucketIntelligentTieringConfiguration", "DELETE", "?intelligent-tiering&id=a", "PutIntelligentTieringConfiguration",
           allowed=(204, None)),
    bucket("DeleteBucketInventoryConfiguration", "DELETE", "?inventory&id=a", "PutInventoryConfiguration", allowed=(204, None)),
    bucket("DeleteBucketMetadataConfiguration", "DELETE", "?metadataConfiguration", "DeleteBucketMetadataTableConfiguration",
           allowed=(404, "MetadataConfigurationNotFound")),
    bucket("DeleteBucketMetadataTableConfiguration", "DELETE", "?metadataTable", "DeleteBucketMetadataTableConfiguration",
           allowed=(404, "MetadataConfigurationNotFound")),
    bucket("GetBucketMetadataConfiguration", "GET", "?metadataConfiguration", "GetBucketMetadataTableConfiguration",
           allowed=(404, "MetadataConfigurationNotFound")),
    bucket("GetBucketMetadataTableConfiguration", "GET", "?metadataTable", "GetBucketMetadataTableConfiguration",
           allowed=(404, "MetadataConfigurationNotFound")),
    bucket("GetBucketAbac", "GET", "?abac", "GetBucketAbac"),
    bucket("GetBucketAnalyticsConfiguration", "GET", "?analytics&id=a", "GetAnalyticsConfiguration", allowed=(404, "NoSuchConfiguration")),
    bucket("GetBucketIntelligentTieringConfiguration", "GET", "?intelligent-tiering&id=a", "GetIntelligentTieringConfiguration",
           allowed=(404, "NoSuchConfiguration")),
    bucket("GetBucketInventoryConfiguration", "GET", "?inventory&id=a", "GetInventoryConfiguration", allowed=(404, "NoSuchConfiguration")),
    bucket("GetBucketMetricsConfiguration", "GET", "?metrics&id=a", "GetMetricsConfiguration", allowed=(404, "NoSuchConfiguration")),
    bucket("ListBucketAnalyticsConfigurations", "GET", "?analytics", "GetAnalyticsConfiguration"),
    bucket("ListBucketIntelligentTieringConfigurations", "GET", "?intelligent-tiering", "GetIntelligentTieringConfiguration"),
    bucket("ListBucketInventoryConfigurations", "GET", "?inventory", "GetInventoryConfiguration"),
    bucket("ListBucketMetricsConfigurations", "GET", "?metrics", "GetMetricsConfiguration"),
    bucket("PutBucketWebsite", "PUT", "?website", "PutBucketWebsite", WEBSITE),
    bucket("PutBucketMetricsConfiguration", "PUT", "?metrics&id=a", "PutMetricsConfiguration", "<x/>", allowed=(501, "NotImplemented")),
    thing("SelectObjectContent", "POST", "?select&select-type=2", "GetObject", body="<x/>", allowed=(501, "NotImplemented")),
    thing("GetObjectTorrent", "GET", "?torrent", "GetObjectTorrent", allowed=(501, "NotImplemented")),
    thing("RestoreObject", "POST", "?restore", "RestoreObject", body="<RestoreRequest><Days>1</Days></RestoreRequest>",
          allowed=(403, "InvalidObjectState")),
    bucket("DeleteBucketMetricsConfiguration", "DELETE", "?metrics&id=a", "PutMetricsConfiguration", allowed=(204, None)),
    thing("GetObject", "GET", "", "GetObject"),
    thing("GetObject", "GET", "?versionId={version}", "GetObjectVersion", title="GetObject of a version"),
    thing("HeadObject", "HEAD", "", "GetObject"),
    thing("HeadObject", "HEAD", "?versionId={version}", "GetObjectVersion", title="HeadObject of a version"),
    thing("GetObjectAttributes", "GET", "?attributes", "GetObject", "GetObjectAttributes", headers=ATTRIBUTES),
    thing("GetObjectAttributes", "GET", "?attributes&versionId={version}", "GetObjectVersion", "GetObjectVersionAttributes",
          headers=ATTRIBUTES, title="GetObjectAttributes of a version"),
    thing("GetObjectAcl", "GET", "?acl", "GetObjectAcl"),
    thing("GetObjectAcl", "GET", "?acl&versionId={version}", "GetObjectVersionAcl", title="GetObjectAcl of a version"),
    thing("PutObjectAcl", "PUT", "?acl", "PutObjectAcl", headers={"x-amz-acl": "private"}),
    thing("GetObjectTagging", "GET", "?tagging", "GetObjectTagging"),
    thing("GetObjectTagging", "GET", "?tagging&versionId={version}", "GetObjectVersionTagging", title="GetObjectTagging of a version"),
    thing("PutObjectTagging", "PUT", "?tagging", "PutObjectTagging", body=TAGS.format(tag="new")),
    thing("PutObjectTagging", "PUT", "?tagging&versionId={version}", "PutObjectVersionTagging", body=TAGS.format(tag="new"),
          title="PutObjectTagging of a version"),
    thing("DeleteObjectTagging", "DELETE", "?tagging", "DeleteObjectTagging", allowed=(204, None)),
    thing("GetObjectRetention", "GET", "?retention", "GetObjectRetention", allowed=(404, "NoSuchObjectLockConfiguration")),
    thing("PutObjectRetention", "PUT", "?retention", "PutObjectRetention", body=RETENTION),
    thing("GetObjectLegalHold", "GET", "?legal-hold", "GetObjectLegalHold", allowed=(404, "NoSuchObjectLockConfiguration")),
    thing("PutObjectLegalHold", "PUT", "?legal-hold", "PutObjectLegalHold", body="<LegalHold><Status>ON</Status></LegalHold>"),
    thing("DeleteObject", "DELETE", "", "DeleteObject", allowed=(204, None)),
    thing("DeleteObject", "DELETE", "?versionId={version}", "DeleteObjectVersion", allowed=(204, None), title="DeleteObject of a version"),
    thing("DeleteObject", "DELETE", "?versionId={version}", "DeleteObjectVersion", "BypassGovernanceRetention", allowed=(204, None),
          headers={"x-amz-bypass-governance-retention": "true"}, title="DeleteObject past its retention", wants="retention"),
    # Keys are decided one by one, so that the whole call succeeds; not where nothing lets strangers in.
    Row("DeleteObjects", "POST", "/{b}?delete", on(OBJECT, "DeleteObject"), DELETE, denied=(200, "AccessDenied"),
        others={"anonymous": DENIED}),
    Row("UpdateObjectEncryption", "PUT", "/{b}/k?encryption",
        on(OBJECT, "UpdateObjectEncryption") + (("kms:GenerateDataKey", "{key}"),), RE_KEY),
    Row("PutObject", "PUT", "/{b}/new", on(NEW, "PutObject"), "new"),
    Row("PutObject", "PUT", "/{b}/k", on(OBJECT, "PutObject", "PutObjectTagging", "PutObjectRetention", "PutObjectLegalHold", "PutObjectAcl"), "new",
        headers={"x-amz-tagging": "a=b", "x-amz-object-lock-mode": "GOVERNANCE", "x-amz-acl": "private",
                 "x-amz-object-lock-retain-until-date": "2099-01-01T00:00:00Z", "x-amz-object-lock-legal-hold": "ON"},
        title="PutObject with all that headers set"),
    Row("PutObject", "PUT", "/{b}/new", on(NEW, "PutObject") + (("kms:GenerateDataKey", "{key}"),), "new",
        headers={"x-amz-server-side-encryption": "aws:kms", "x-amz-server-side-encryption-aws-kms-key-id": "{key}"},
        title="PutObject under a KMS key"),
    Row("GetObject", "GET", "/{b}/sealed", on("arn:aws:s3:::{b}/sealed", "GetObject") + (("kms:Decrypt", "{sealed}"),),
        title="GetObject under a KMS key", wants="sealed"),
    Row("CopyObject", "PUT", "/{b}/new", on(NEW, "PutObject", "PutObjectTagging") + on(OBJECT, "GetObject", "GetObjectTagging"), headers=COPY),
    Row("CreateMultipartUpload", "POST", "/{b}/new?uploads", on(NEW, "PutObject")),
    Row("UploadPart", "PUT", "/{b}/u?partNumber=2&uploadId={upload}", on("arn:aws:s3:::{b}/u", "PutObject"), "part"),
    Row("UploadPartCopy", "PUT", "/{b}/u?partNumber=2&uploadId={upload}", on("arn:aws:s3:::{b}/u", "PutObject") + on(OBJECT, "GetObject"),
        headers=COPY),
    Row("CompleteMultipartUpload", "POST", "/{b}/u?uploadId={upload}", on("arn:aws:s3:::{b}/u", "PutObject"), COMPLETE),
    Row("AbortMultipartUpload", "DELETE", "/{b}/u?uploadId={upload}", on("arn:aws:s3:::{b}/u", "AbortMultipartUpload"), allowed=(204, None)),
    Row("ListParts", "GET", "/{b}/u?uploadId={upload}", on("arn:aws:s3:::{b}/u", "ListMultipartUploadParts")),
    Row("PostObject", "POST", "/{b}", on(NEW, "PutObject"), "form", allowed=(204, None)),
]

# Requests by which root sees all that a denied call might have changed.
VIEWS = ["/", "/{b}?versions", "/{b}?uploads", "/{b}/u?uploadId={upload}", "/{b}?encryption", "/{b}?versioning", "/{b}?cors",
         "/{b}?tagging", "/{b}?policy", "/{b}?acl", "/{b}?ownershipControls", "/{b}?publicAccessBlock", "/{b}?website", "/{b}?replication", "/{b}?object-lock", "/{b}/k?acl",
         "/{b}/k?tagging", "/{b}/k?retention", "/{b}/k?legal-hold", "/{b}/k", "/{b}/sealed", "/{empty}"]


class Place:
    """A bucket with everything in it that an operation can be about; what few need is made on demand."""

    def __init__(self, world):
        self.world = world
        self.b = "b-" + secrets.token_hex(8)
        self.root("PUT", "/{b}", headers={"x-amz-bucket-object-lock-enabled": "true"})
        self.version = self.root("PUT", "/{b}/k", BODY, {"x-amz-tagging": "old=1"}).headers["x-amz-version-id"]
        self.upload = re.search("<UploadId>(.*?)</", self.root("POST", "/{b}/u?uploads").body)[1]
        self.etag = self.root("PUT", "/{b}/u?partNumber=1&uploadId={upload}", b"first").headers["etag"].strip('"')
        self.root("PUT", "/{b}?cors", CORS.format(origin="https://old.example").encode())
        self.root("PUT", "/{b}?tagging", TAGS.format(tag="old").encode())
        self.root("PUT", "/{b}?policy", policy(self.b, "old").encode())

    def root(self, method, path, body=b"", headers=None):
        answer = self.world.s3(self.world.root, method, self.fill(path), headers, body)
        assert answer.status < 300, (method, path, answer)
        return answer

    def fill(self, text):
        return re.sub(r"\{(\w+)\}", lambda found: getattr(self, found[1]), text)

    def __getattr__(self, name):
        raise KeyError(name)

    @property
    def fresh(self):
        return "fresh-" + secrets.token_hex(8)

    @property
    def policy(self):
        return policy(self.b, "new")

    @cached_property
    def empty(self):
        name = "e-" + secrets.token_hex(8)
        self.root("PUT", "/" + name)
        return name

    @cached_property
    def there(self):
        """Where versions may be replicated to."""
        name = "t-" + secrets.token_hex(8)
        self.root("PUT", "/" + name, headers={"x-amz-bucket-object-lock-enabled": "true"})
        return name

    @property
    def key(self):
        """One KMS key for all places; it holds no state that S3 changes."""
        return self.world.shared_key

    @property
    def sealed(self):
        return self.world.shared_key

    def prepare(self, row):
        if row.wants == "sealed":
            self.root("PUT", "/{b}/sealed", BODY, {"x-amz-server-side-encryption": "aws:kms",
                                                   "x-amz-server-side-encryption-aws-kms-key-id": self.key})
        if row.wants == "destination":
            self.fill("{there}")
        if row.wants == "account's block":
            self.root("PUT", BLOCKS, BLOCK.format(on="false").encode(), OF_ACCOUNT)
        if row.wants == "retention":
            self.root("PUT", "/{b}/k?retention", RETENTION.encode())

    def ask(self, who, row, **instead):
        """The answer to `who`; the words of `instead` take other ones' places in the path."""
        path = self.fill(row.path)
        for this, that in instead.items():
            path = path.replace(f"/{getattr(self, this) if this != 'k' else 'k'}", "/" + that, 1)
        headers = {name: self.fill(value) for name, value in row.headers.items()}
        if row.operation == "PostObject":
            kind, body = form(who, path.strip("/"), self.world.now())
            return self.world.s3(self.world.anonymous, row.method, path, {"Content-Type": kind}, body)
        return self.world.s3(who, row.method, path, headers, self.fill(row.body).encode())

    def statements(self, row):
        return [(action, self.fill(resource)) for action, resource in row.needs]

    def state(self):
        """All that there is, as root sees it."""
        seen = [self.world.s3(self.world.root, "GET", self.fill(view)) for view in VIEWS]
        # Buckets of the other rows come and go.
        return [answer.told() for answer in seen[1:]] + [self.b in seen[0].body, self.fresh_buckets(seen[0].body)]

    @staticmethod
    def fresh_buckets(body):
        return sorted(re.findall(r"<Name>(fresh-\w+)</Name>", body))

    def secrets(self):
        """What no denied answer may contain, unless the request did."""
        return [BODY.decode(), "old.example", "<Key>old</Key>", "<UploadId>", "<Owner>", "x-amz-version-id"]


def form(who, name, now):
    """A browser's form that `who` signed: its content type and itself."""
    day, stamp = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    fields = {"key": "new"}
    if not who.anonymous:
        scope = f"{day}/{who.region}/s3/aws4_request"
        fields |= {"x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": f"{who.key}/{scope}", "x-amz-date": stamp}
        if who.token:
            fields["x-amz-security-token"] = who.token
        conditions = [{name: value} for name, value in fields.items()] + [{"bucket": name}]
        rules = json.dumps({"expiration": "2999-01-01T00:00:00Z", "conditions": conditions}).encode()
        fields["policy"] = base64.b64encode(rules).decode()
        key = ("AWS4" + who.secret).encode()
        for part in (day, who.region, "s3", "aws4_request", fields["policy"]):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        fields["x-amz-signature"] = key.hex()
    boundary = "matrix" + secrets.token_hex(8)
    text = "".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    text += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--{boundary}--\r\n'
    return f"multipart/form-data; boundary={boundary}", text.encode()
