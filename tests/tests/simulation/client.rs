//! Calls as signed requests to a gateway in this process, and its answers as what the model says.

use std::sync::Arc;

use arqueta_aws::{AwsEdge, Peer};
use arqueta_gateway::route::Router;
use arqueta_model::{Clock, ManualClock};
use arqueta_s3::Connection;
use arqueta_store::power::Dice;
use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use s3s_sigv4::{AmzDate, Payload};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::call::{Call, Mode, Row, Said, Sse, in_order};
use crate::history::Heard;

const HOST: &str = "127.0.0.1:9000";
const REGION: &str = "us-east-1";
/// Where trails deliver; nobody else writes there.
pub const LOGS: &str = "logs";
/// The key whose objects are all under the customer's key.
pub const OWN: &str = "own";
/// A customer's key and its MD5, base64.
const CUSTOMER_KEY: &str = "YXJxdWV0YS10ZXN0LWN1c3RvbWVyLWtleS0wMTIzNDU=";
const CUSTOMER_MD5: &str = "sgs2UKlQpYNFOznqLGm4hw==";
/// Codes of refusals that the model has.
const CODES: [&str; 18] = [
    "BucketNotEmpty",
    "EntityAlreadyExists",
    "KMS.DisabledException",
    "KMS.KMSInvalidStateException",
    "KMS.NotFoundException",
    "KMSInvalidStateException",
    "MethodNotAllowed",
    "NoSuchBucket",
    "NoSuchEntity",
    "NoSuchKey",
    "NoSuchUpload",
    "NoSuchVersion",
    "NotFoundException",
    "PreconditionFailed",
    "TrailAlreadyExistsException",
    "TrailNotFoundException",
    "InvalidPart",
    "AccessDenied",
];

/// The bytes of a body. All of them tell that they are plaintext.
pub fn body(seed: u64, len: usize) -> Bytes {
    let mut dice = Dice::new(seed);
    let mut bytes = Vec::with_capacity(len + 32);
    while bytes.len() < len {
        bytes.extend_from_slice(CANARY);
        bytes.extend_from_slice(&dice.roll().to_be_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// What no disk may ever hold.
pub const CANARY: &[u8] = b"plaintext-canary";

/// A print of bytes: FNV-1a (Fowler, Noll, Vo).
pub fn print(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325 ^ bytes.len() as u64, step)
}

/// Whoever signs.
#[derive(Clone)]
pub struct Signer {
    pub id: String,
    pub secret: String,
}

/// Clients of one gateway.
#[derive(Clone)]
pub struct Client {
    pub signer: Signer,
    pub router: Router,
    pub clock: Arc<ManualClock>,
}

/// An answer, whole.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// A request before it is signed.
struct Draft {
    service: &'static str,
    method: &'static str,
    uri: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Client {
    /// Makes the call, the `number`th, and hears what comes of it.
    pub async fn call(&self, number: u32, call: &Call<String>) -> Heard {
        let mut draft = draft(call);
        draft.headers.push(("user-agent", user_agent(number)));
        let answer = self.send(self.sign(draft)).await;
        match answer {
            Err(why) => Heard::Failed(why),
            Ok(answer) => heard(call, &answer),
        }
    }

    /// What a bucket of logs needs that trails can be made.
    pub async fn prepare(&self) {
        let statement = |action: &str, resource: String| {
            json!({ "Effect": "Allow", "Principal": { "Service": "cloudtrail.amazonaws.com" },
                "Action": action, "Resource": resource })
        };
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            statement("s3:GetBucketAcl", format!("arn:aws:s3:::{LOGS}")),
            statement("s3:PutObject", format!("arn:aws:s3:::{LOGS}/*")),
        ] });
        for (uri, body) in [(format!("/{LOGS}"), String::new()), (format!("/{LOGS}?policy"), policy.to_string())] {
            let draft = Draft { service: "s3", method: "PUT", uri, headers: Vec::new(), body: body.into() };
            let answer = self.send(self.sign(draft)).await.unwrap();
            assert!(answer.status < 300, "the bucket of logs: {:?}", answer.body);
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let ip = [127, 0, 0, 1].into();
        if AwsEdge::matches(&request) {
            let (parts, body) =
                self.router.aws.call(request, Peer { ip, tls: None, cipher_suite: "" }).await.into_parts();
            let body = body.collect().await.map_err(|never| format!("{never:?}"))?.to_bytes();
            return Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body });
        }
        let s3 = self.router.s3.as_ref().expect("S3 is served");
        let connection = Connection { peer: ip, tls: None, cipher_suite: "" };
        let (parts, body) = s3.call(request, &connection).await.into_parts();
        // A body that breaks off is a failure of the gateway's own.
        let body = body.collect().await.map_err(|error| format!("the body breaks off: {error:?}"))?.to_bytes();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    fn sign(&self, draft: Draft) -> Request<Full<Bytes>> {
        let Draft { service, method, uri, headers, body } = draft;
        let text: String = self.clock.now().rfc3339().chars().filter(|c| !"-:".contains(*c)).collect();
        let date = AmzDate::parse(&text).expect("a date");
        let hash = hex::encode(Sha256::digest(&body));
        let mut signed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let iso = date.fmt_iso8601();
        signed.push(("host", HOST));
        signed.push(("x-amz-date", &iso));
        signed.push(("x-amz-content-sha256", &hash));
        signed.sort_unstable();
        let parsed: Uri = uri.parse().expect("a URI");
        let pairs = parsed.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query: Vec<(&str, &str)> = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        let payload = Payload::SingleChunk(&hash);
        let canonical = s3s_sigv4::create_canonical_request(method, parsed.path(), &query, &signed, payload);
        let to_sign = s3s_sigv4::create_string_to_sign(&canonical, &date, REGION, service);
        let signature = s3s_sigv4::calculate_signature(&to_sign, &self.signer.secret, &date, REGION, service);
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}/{REGION}/{service}/aws4_request, SignedHeaders={}, Signature={signature}",
            self.signer.id,
            date.fmt_date(),
            names.join(";")
        );
        let mut request = Request::builder().method(method).uri(&uri).header("authorization", authorization);
        for (name, value) in signed {
            request = request.header(name, value);
        }
        request.header("content-length", body.len()).body(Full::new(body)).expect("a request")
    }
}

/// What the record has of the `number`th call in any case.
pub fn user_agent(number: u32) -> String {
    format!("simulation/{number}")
}

fn draft(call: &Call<String>) -> Draft {
    let s3 = |method, uri: String| Draft { service: "s3", method, uri, headers: Vec::new(), body: Bytes::new() };
    let with = |draft: Draft, body: String| Draft { body: body.into(), ..draft };
    let version = |version: &Option<String>| version.as_ref().map_or(String::new(), |id| format!("?versionId={id}"));
    match call {
        Call::MakeBucket(name) => s3("PUT", format!("/{name}")),
        Call::DropBucket(name) => s3("DELETE", format!("/{name}")),
        Call::ListBuckets => s3("GET", "/".to_owned()),
        Call::Version(name, on) => {
            let status = if *on { "Enabled" } else { "Suspended" };
            let document = format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
            with(s3("PUT", format!("/{name}?versioning")), document)
        }
        Call::Versioning(name) => s3("GET", format!("/{name}?versioning")),
        Call::Default(name, key) => {
            let rule = match key {
                None => "<SSEAlgorithm>AES256</SSEAlgorithm>".to_owned(),
                Some(key) => format!("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{key}</KMSMasterKeyID>"),
            };
            let document = format!(
                "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>{rule}\
                 </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule>\
                 </ServerSideEncryptionConfiguration>"
            );
            with(s3("PUT", format!("/{name}?encryption")), document)
        }
        Call::DefaultOf(name) => s3("GET", format!("/{name}?encryption")),
        Call::Put { bucket, key, body: (seed, len), mode, fresh, .. } => {
            let mut headers = sealed(mode);
            headers.extend(fresh.then(|| ("if-none-match", "*".to_owned())));
            Draft { headers, body: body(*seed, *len), ..s3("PUT", format!("/{bucket}/{key}")) }
        }
        Call::Copy { from: (from, key), to: (to, new) } => {
            let headers = vec![("x-amz-copy-source", format!("/{from}/{key}"))];
            Draft { headers, ..s3("PUT", format!("/{to}/{new}")) }
        }
        Call::Get { bucket, key, version: of } => {
            let headers = if *key == OWN { customer() } else { Vec::new() };
            Draft { headers, ..s3("GET", format!("/{bucket}/{key}{}", version(of))) }
        }
        Call::Delete { bucket, key, version: of } => s3("DELETE", format!("/{bucket}/{key}{}", version(of))),
        Call::Versions(name) => s3("GET", format!("/{name}?versions")),
        Call::CreateKey => target(KMS, "CreateKey", &json!({})),
        Call::Key(change, key) => {
            let mut body = json!({ "KeyId": key });
            if *change == "ScheduleKeyDeletion" {
                body["PendingWindowInDays"] = json!(7);
            }
            target(KMS, change, &body)
        }
        Call::ListKeys => target(KMS, "ListKeys", &json!({ "Limit": 1000 })),
        Call::Describe(key) => target(KMS, "DescribeKey", &json!({ "KeyId": key })),
        Call::CreateTrail(name) => target(TRAIL, "CreateTrail", &json!({ "Name": name, "S3BucketName": LOGS })),
        Call::DeleteTrail(name) => target(TRAIL, "DeleteTrail", &json!({ "Name": name })),
        Call::Logging(name, true) => target(TRAIL, "StartLogging", &json!({ "Name": name })),
        Call::Logging(name, false) => target(TRAIL, "StopLogging", &json!({ "Name": name })),
        Call::Select(name, writes_only) => {
            let kind = if *writes_only { "WriteOnly" } else { "All" };
            let selector = json!({ "ReadWriteType": kind, "IncludeManagementEvents": true, "DataResources": [] });
            target(TRAIL, "PutEventSelectors", &json!({ "TrailName": name, "EventSelectors": [selector] }))
        }
        Call::TrailStatus(name) => target(TRAIL, "GetTrailStatus", &json!({ "Name": name })),
        Call::Selection(name) => target(TRAIL, "GetEventSelectors", &json!({ "TrailName": name })),
        Call::CreateUser(name) => query("CreateUser", Some(*name)),
        Call::DeleteUser(name) => query("DeleteUser", Some(*name)),
        Call::ListUsers => query("ListUsers", None),
    }
}

fn sealed(mode: &Mode<String>) -> Vec<(&'static str, String)> {
    match mode {
        Mode::Default => Vec::new(),
        Mode::Kms(key, bucket_key) => vec![
            ("x-amz-server-side-encryption", "aws:kms".to_owned()),
            ("x-amz-server-side-encryption-aws-kms-key-id", key.clone()),
            ("x-amz-server-side-encryption-bucket-key-enabled", bucket_key.to_string()),
        ],
        Mode::Customer => customer(),
    }
}

fn customer() -> Vec<(&'static str, String)> {
    vec![
        ("x-amz-server-side-encryption-customer-algorithm", "AES256".to_owned()),
        ("x-amz-server-side-encryption-customer-key", CUSTOMER_KEY.to_owned()),
        ("x-amz-server-side-encryption-customer-key-md5", CUSTOMER_MD5.to_owned()),
    ]
}

const KMS: (&str, &str) = ("kms", "TrentService");
const TRAIL: (&str, &str) = ("cloudtrail", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101");

fn target((service, prefix): (&'static str, &str), operation: &str, body: &Value) -> Draft {
    let headers = vec![
        ("content-type", "application/x-amz-json-1.1".to_owned()),
        ("x-amz-target", format!("{prefix}.{operation}")),
    ];
    Draft { service, method: "POST", uri: "/".to_owned(), headers, body: body.to_string().into() }
}

fn query(action: &str, user: Option<&str>) -> Draft {
    let user = user.map_or(String::new(), |name| format!("&UserName={name}"));
    let body = format!("Action={action}&Version=2010-05-08{user}");
    let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
    Draft { service: "iam", method: "POST", uri: "/".to_owned(), headers, body: body.into() }
}

/// An answer as the model says it.
fn heard(call: &Call<String>, answer: &Answer) -> Heard {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status >= 300 {
        let json = || serde_json::from_str::<Value>(&text).ok()?["__type"].as_str().map(str::to_owned);
        let code = element(&text, "Code").map(str::to_owned).or_else(json).unwrap_or_default();
        if answer.status >= 500 || code == "OperationAborted" {
            return Heard::Failed(format!("{} {code}", answer.status));
        }
        return Heard::Said(match CODES.iter().find(|known| **known == code) {
            Some(code) => Said::Refused(*code),
            None => Said::RefusedOddly(format!("{} {code}: {text}", answer.status)),
        });
    }
    let json = || serde_json::from_str::<Value>(&text).expect("a JSON document");
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let made = || header("x-amz-version-id").map_or(Said::Done, Said::Made);
    Heard::Said(match call {
        Call::Put { .. } | Call::Copy { .. } | Call::Delete { version: None, .. } => made(),
        Call::Get { .. } => {
            let sse = match header("x-amz-server-side-encryption").as_deref() {
                Some("aws:kms") => Sse::Kms(key_id(&header("x-amz-server-side-encryption-aws-kms-key-id"))),
                Some(_) => Sse::Managed,
                None => Sse::Customer,
            };
            let id = header("x-amz-version-id").unwrap_or_else(|| "null".to_owned());
            Said::Body { id, print: print(&answer.body), sse }
        }
        Call::ListBuckets => {
            Said::Names(elements(&text, "Name").filter(|name| *name != LOGS).map(str::to_owned).collect())
        }
        Call::Versioning(_) => Said::State(element(&text, "Status").unwrap_or("Off").to_owned()),
        Call::DefaultOf(_) => Said::Encryption(element(&text, "KMSMasterKeyID").map(str::to_owned)),
        Call::Versions(_) => Said::Rows(rows(&text)),
        Call::CreateKey => Said::Made(json()["KeyMetadata"]["KeyId"].as_str().unwrap_or_default().to_owned()),
        Call::ListKeys => {
            let keys = json()["Keys"].as_array().cloned().unwrap_or_default();
            Said::Ids(keys.iter().map(|key| key["KeyId"].as_str().unwrap_or_default().to_owned()).collect())
        }
        Call::Describe(_) => Said::State(json()["KeyMetadata"]["KeyState"].as_str().unwrap_or_default().to_owned()),
        Call::TrailStatus(_) => Said::State(json()["IsLogging"].to_string()),
        Call::Selection(_) => {
            let first = json()["EventSelectors"][0]["ReadWriteType"].as_str().map(str::to_owned);
            Said::State((first.as_deref() == Some("WriteOnly")).to_string())
        }
        Call::ListUsers => Said::Names(elements(&text, "UserName").map(str::to_owned).collect()),
        _ => Said::Done,
    })
}

/// The id at the end of a key's ARN.
fn key_id(arn: &Option<String>) -> String {
    arn.as_deref().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned()
}

fn rows(text: &str) -> Vec<Row<String>> {
    let mut rows = Vec::new();
    let mut rest = text;
    while let Some(at) = ["<Version>", "<DeleteMarker>"].iter().filter_map(|open| rest.find(*open)).min() {
        rest = &rest[at..];
        let marker = rest.starts_with("<DeleteMarker>");
        let end = rest.find(if marker { "</DeleteMarker>" } else { "</Version>" }).unwrap_or(rest.len());
        let one = &rest[..end];
        let of = |name| element(one, name).unwrap_or_default().to_owned();
        rows.push(Row { key: of("Key"), id: of("VersionId"), latest: of("IsLatest") == "true", marker });
        rest = &rest[end..];
    }
    in_order(rows)
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let start = text.find(&open)? + open.len();
    Some(&text[start..start + text[start..].find(&close)?])
}

fn elements<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let found = element(rest, name)?;
        rest = &rest[found.as_ptr() as usize - rest.as_ptr() as usize + found.len()..];
        Some(found)
    })
}
