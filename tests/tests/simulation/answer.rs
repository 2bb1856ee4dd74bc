//! Answers as what the model says.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use crate::bodies::print;
use crate::call::{Call, Row, Said, Sse, in_order};
use crate::history::Heard;
use crate::request::LOGS;

/// Codes of refusals that the model has.
const CODES: [&str; 20] = [
    "BucketNotEmpty",
    "DisabledException",
    "EntityAlreadyExists",
    "InvalidCiphertextException",
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

/// Codes of calls that met too many others: whether they took effect is not told.
const UNDECIDED: [&str; 4] =
    ["ConcurrentModification", "ConditionalRequestConflict", "ConflictException", "OperationAborted"];

/// An answer, whole.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer as the model says it.
pub fn heard(call: &Call<String>, answer: &Answer) -> Heard {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status >= 300 {
        let json = || serde_json::from_str::<Value>(&text).ok()?["__type"].as_str().map(str::to_owned);
        let code = element(&text, "Code").map(str::to_owned).or_else(json).unwrap_or_default();
        if answer.status >= 500 || UNDECIDED.contains(&code.as_str()) {
            return Heard::Failed(format!("{} {code}", answer.status));
        }
        return Heard::Said(match CODES.iter().find(|known| **known == code) {
            Some(code) => Said::Refused(code),
            None => Said::RefusedOddly(format!("{} {code}: {text}", answer.status)),
        });
    }
    let json = || serde_json::from_str::<Value>(&text).expect("a JSON document");
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let made = || header("x-amz-version-id").map_or(Said::Done, Said::Made);
    Heard::Said(match call {
        Call::Put { .. } | Call::Copy { .. } | Call::Delete { version: None, .. } | Call::Complete { .. } => made(),
        Call::Start(..) => Said::Made(element(&text, "UploadId").unwrap_or_default().to_owned()),
        Call::Part { .. } => Said::Made(header("etag").unwrap_or_default().trim_matches('"').to_owned()),
        Call::Uploads(_) => Said::Uploads(rows(&text)),
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
        Call::Encrypt { .. } | Call::ReEncrypt { .. } => {
            Said::Made(json()["CiphertextBlob"].as_str().unwrap_or_default().to_owned())
        }
        Call::Decrypt { .. } => Said::State(json()["Plaintext"].as_str().unwrap_or_default().to_owned()),
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

/// Versions, delete markers or uploads of a listing.
fn rows(text: &str) -> Vec<Row<String>> {
    let mut rows = Vec::new();
    for (name, id) in [("Version", "VersionId"), ("DeleteMarker", "VersionId"), ("Upload", "UploadId")] {
        rows.extend(elements(text, name).map(|one| {
            let of = |name| element(one, name).unwrap_or_default().to_owned();
            Row { key: of("Key"), id: of(id), latest: of("IsLatest") == "true", marker: name == "DeleteMarker" }
        }));
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
