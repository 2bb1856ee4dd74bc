//! Uploads by the script of the page: small files whole, large ones in parts that several connections
//! carry, and that go on after a broken one.
//!
//! Bytes pass through as they come. Each part states its CRC-32, by which S3 checks it and the script
//! knows again what arrived of a file before.

use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode};
use serde_json::json;

use crate::answer;
use crate::client::xml::{Node, escape};
use crate::client::{Ask, Fault, Reply};
use crate::service::CallBody;
use crate::visit::{Outcome, Visit};

fn told(value: &serde_json::Value) -> Outcome {
    Outcome::Raw(Box::new(answer::json(StatusCode::OK, value)))
}

fn refused(fault: &Fault) -> Outcome {
    let value = json!({ "code": fault.code, "message": fault.message });
    Outcome::Raw(Box::new(answer::json(fault.status, &value)))
}

/// What arrived of a file before: the newest upload of its key that was begun in this way.
pub(crate) async fn found(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let key = visit.query.get("key");
    let ask = Ask::bucket(Method::GET, bucket).query("uploads", "").query("prefix", key).query("max-uploads", "100");
    let listed = match visit.client().send(ask).await {
        Ok(reply) => reply.xml(),
        // Who may not look begins anew.
        Err(_) => return Ok(told(&json!({}))),
    };
    let newest = listed
        .all("Upload")
        .filter(|upload| upload.text("Key") == key && upload.text("ChecksumAlgorithm") == "CRC32")
        .max_by_key(|upload| upload.text("Initiated"));
    let Some(upload) = newest.map(|upload| upload.text("UploadId")) else { return Ok(told(&json!({}))) };
    let parts: Vec<_> = parts(visit, bucket, key, &upload)
        .await?
        .iter()
        .map(|part| json!({ "number": part.text("PartNumber").parse::<u32>().unwrap_or_default(), "size": part.text("Size").parse::<u64>().unwrap_or_default(), "crc32": part.text("ChecksumCRC32") }))
        .collect();
    Ok(told(&json!({ "upload": upload, "parts": parts })))
}

/// One step of an upload.
pub(crate) async fn step(
    visit: &Visit<'_>,
    bucket: &str,
    step: &str,
    body: Option<CallBody>,
) -> Result<Outcome, Fault> {
    let (key, upload) = (visit.query.get("key"), visit.query.get("upload"));
    let outcome = match step {
        "whole" => whole(visit, bucket, key, body).await.map(|_| json!({})),
        "begin" => begin(visit, bucket, key).await,
        "part" => part(visit, bucket, (key, upload), body).await,
        "finish" => finish(visit, bucket, key, upload).await.map(|_| json!({})),
        "abandon" => abandon(visit, bucket, key, upload).await.map(|_| json!({})),
        _ => Err(Fault::own(StatusCode::NOT_FOUND, "NoSuchPage", "There is no such step.")),
    };
    Ok(match outcome {
        Ok(value) => told(&value),
        Err(fault) => refused(&fault),
    })
}

/// The body of a request, and its length, which a browser always states.
fn stated(visit: &Visit<'_>, body: Option<CallBody>) -> Result<(CallBody, u64), Fault> {
    let length = visit.parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let missing = || {
        Fault::own(
            StatusCode::LENGTH_REQUIRED,
            "MissingContentLength",
            "You must provide the Content-Length HTTP header.",
        )
    };
    body.zip(length).ok_or_else(missing)
}

fn with_type(visit: &Visit<'_>, ask: Ask) -> Ask {
    match visit.query.get("type") {
        "" => ask,
        kind => ask.header("content-type", kind),
    }
}

fn with_checksum(visit: &Visit<'_>, ask: Ask) -> Ask {
    match visit.query.get("crc32") {
        "" => ask,
        checksum => ask.header("x-amz-checksum-crc32", checksum),
    }
}

async fn whole(visit: &Visit<'_>, bucket: &str, key: &str, body: Option<CallBody>) -> Result<Reply, Fault> {
    let (body, length) = stated(visit, body)?;
    let ask = with_checksum(visit, with_type(visit, Ask::object(Method::PUT, bucket, key)));
    visit.client().send(ask.stream(body, length)).await
}

async fn begin(visit: &Visit<'_>, bucket: &str, key: &str) -> Result<serde_json::Value, Fault> {
    let ask = Ask::object(Method::POST, bucket, key).query("uploads", "").header("x-amz-checksum-algorithm", "CRC32");
    let begun = visit.client().send(with_type(visit, ask)).await?.xml();
    Ok(json!({ "upload": begun.text("UploadId") }))
}

async fn part(
    visit: &Visit<'_>,
    bucket: &str,
    (key, upload): (&str, &str),
    body: Option<CallBody>,
) -> Result<serde_json::Value, Fault> {
    let (body, length) = stated(visit, body)?;
    let ask = Ask::object(Method::PUT, bucket, key)
        .query("partNumber", visit.query.get("part"))
        .query("uploadId", upload)
        .stream(body, length);
    visit.client().send(with_checksum(visit, ask)).await?;
    Ok(json!({}))
}

/// Puts the parts together, as S3 has them.
async fn finish(visit: &Visit<'_>, bucket: &str, key: &str, upload: &str) -> Result<Reply, Fault> {
    let mut document = String::from("<CompleteMultipartUpload>");
    for part in parts(visit, bucket, key, upload).await? {
        document.push_str(&format!(
            "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag><ChecksumCRC32>{}</ChecksumCRC32></Part>",
            escape(&part.text("PartNumber")),
            escape(&part.text("ETag")),
            escape(&part.text("ChecksumCRC32"))
        ));
    }
    document.push_str("</CompleteMultipartUpload>");
    let ask = Ask::object(Method::POST, bucket, key).query("uploadId", upload).body(document);
    let reply = visit.client().send(ask).await?;
    let answer = reply.xml();
    // It may fail after its head has gone.
    if answer.name == "Error" {
        return Err(Fault::of(StatusCode::BAD_GATEWAY, &reply.headers, &reply.body));
    }
    Ok(reply)
}

async fn abandon(visit: &Visit<'_>, bucket: &str, key: &str, upload: &str) -> Result<Reply, Fault> {
    visit.client().send(Ask::object(Method::DELETE, bucket, key).query("uploadId", upload)).await
}

/// All parts of an upload.
async fn parts(visit: &Visit<'_>, bucket: &str, key: &str, upload: &str) -> Result<Vec<Node>, Fault> {
    let mut parts = Vec::new();
    let mut marker = String::new();
    loop {
        let ask = Ask::object(Method::GET, bucket, key)
            .query("uploadId", upload)
            .query_some("part-number-marker", Some(&marker));
        let listed = visit.client().send(ask).await?.xml();
        parts.extend(listed.all("Part").cloned());
        marker = listed.text("NextPartNumberMarker");
        if listed.text("IsTruncated") != "true" || marker.is_empty() {
            return Ok(parts);
        }
    }
}
