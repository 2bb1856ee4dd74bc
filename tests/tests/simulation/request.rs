//! Calls as requests that are not signed yet.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::bodies::body;
use crate::call::{Call, Mode, Secret, Upload, When};

/// Where trails deliver; nobody else writes there.
pub const LOGS: &str = "logs";
/// The key whose objects are all under the customer's key.
pub const OWN: &str = "own";
/// A customer's key and its MD5, base64.
const CUSTOMER_KEY: &str = "YXJxdWV0YS10ZXN0LWN1c3RvbWVyLWtleS0wMTIzNDU=";
const CUSTOMER_MD5: &str = "sgs2UKlQpYNFOznqLGm4hw==";

/// A request before it is signed.
pub struct Draft {
    pub service: &'static str,
    pub method: &'static str,
    pub uri: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

/// The request of a call.
pub fn draft(call: &Call<String>) -> Draft {
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
        Call::Put { bucket, key, body: (seed, len), mode, when, .. } => {
            let mut headers = sealed(mode);
            match when {
                When::Always => {}
                When::Fresh => headers.push(("if-none-match", "*".to_owned())),
                When::Over(known) => headers.push(("if-match", known.etag.clone())),
            }
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
        Call::Delete { bucket, key, version: of, only } => {
            let headers = only.iter().map(|known| ("if-match", known.etag.clone())).collect();
            Draft { headers, ..s3("DELETE", format!("/{bucket}/{key}{}", version(of))) }
        }
        Call::Versions(name) => s3("GET", format!("/{name}?versions")),
        Call::Start(bucket, key) => s3("POST", format!("/{bucket}/{key}?uploads")),
        Call::Part { of, number, body: (seed, len), .. } => {
            Draft { body: body(*seed, *len), ..s3("PUT", format!("{}&partNumber={number}", upload(of))) }
        }
        Call::Complete { of, number, etag } => {
            let part = format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
            let document = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
            with(s3("POST", upload(of)), document)
        }
        Call::Abort(of) => s3("DELETE", upload(of)),
        Call::Uploads(name) => s3("GET", format!("/{name}?uploads")),
        elsewhere => administration(elsewhere),
    }
}

/// The request of a call to KMS, CloudTrail or IAM.
fn administration(call: &Call<String>) -> Draft {
    match call {
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
        Call::Encrypt { key, secret } => target(
            KMS,
            "Encrypt",
            &json!({ "KeyId": key, "Plaintext": plaintext(*secret),
                "EncryptionContext": context(secret.context) }),
        ),
        Call::Decrypt { of, apt } => {
            let context = context(of.secret.context == *apt);
            target(KMS, "Decrypt", &json!({ "CiphertextBlob": of.blob, "EncryptionContext": context }))
        }
        Call::ReEncrypt { of, apt, to } => {
            let (source, other) = (context(of.secret.context == *apt), context(!of.secret.context));
            target(
                KMS,
                "ReEncrypt",
                &json!({ "CiphertextBlob": of.blob, "SourceEncryptionContext": source,
                "DestinationKeyId": to, "DestinationEncryptionContext": other }),
            )
        }
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
        _ => unreachable!("a call to S3"),
    }
}

/// Twelve bytes, base64.
pub fn plaintext(secret: Secret) -> String {
    format!("{:016x}", secret.plaintext)
}

fn context(one: bool) -> Value {
    if one { json!({ "purpose": "simulation" }) } else { json!({}) }
}

fn upload(of: &Upload<String>) -> String {
    let Upload { bucket, key, id } = of;
    format!("/{bucket}/{key}?uploadId={id}")
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
