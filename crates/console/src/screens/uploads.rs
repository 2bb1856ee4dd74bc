//! Uploads by the script of the page: small files whole, large ones in parts that several connections
//! carry, and that go on after a broken one.
//!
//! Bytes pass through as they come. Each part states its CRC-32, by which S3 checks it and the script
//! knows again what arrived of a file before. The end names every part of the file by its CRC-32: what
//! else was uploaded under the same id is no part of it.

use std::collections::HashMap;

use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode};
use serde_json::json;

use crate::answer;
use crate::client::xml::{Node, escape};
use crate::client::{Ask, Fault, Reply};
use crate::receive::PERSON;
use crate::render;
use crate::service::CallBody;
use crate::session::Session;
use crate::visit::{Outcome, Visit};

fn told(value: &serde_json::Value) -> Outcome {
    Outcome::Raw(Box::new(answer::json(StatusCode::OK, value)))
}

/// What arrived of a file before: the newest upload of its key that this person began in this way. The
/// script looks whether it is of the same file.
pub(crate) async fn found(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let key = visit.query.get("key");
    let mut ask =
        Ask::bucket(Method::GET, bucket).query("uploads", "").query("prefix", key).query("max-uploads", "100");
    if visit.session().is_root() {
        ask = ask.header("x-amz-expected-bucket-owner", &visit.session().account);
    }
    let listed = match visit.client().send(ask).await {
        Ok(reply) => reply.xml(),
        // Who may not look begins anew.
        Err(_) => return Ok(told(&json!({}))),
    };
    let newest = listed
        .all("Upload")
        .filter(|upload| upload.text("Key") == key && upload.text("ChecksumAlgorithm") == "CRC32")
        .filter(|upload| is_own(visit.session(), upload))
        .max_by_key(|upload| upload.text("Initiated"));
    let Some(upload) = newest.map(|upload| upload.text("UploadId")) else { return Ok(told(&json!({}))) };
    let parts: Vec<_> = parts(visit, bucket, key, &upload)
        .await?
        .iter()
        .map(|part| json!({ "number": part.text("PartNumber").parse::<u32>().unwrap_or_default(), "size": part.text("Size").parse::<u64>().unwrap_or_default(), "crc32": part.text("ChecksumCRC32") }))
        .collect();
    Ok(told(&json!({ "upload": upload, "parts": parts })))
}

/// Whether a person began an upload. S3 calls users and roles by their ARNs, root by the id of its
/// account, which is the one of the owner if the bucket is the account's own: others are not listed to root.
fn is_own(session: &Session, upload: &Node) -> bool {
    let id = |element: &str| upload.child(element).map(|who| who.text("ID")).unwrap_or_default();
    let initiator = id("Initiator");
    let is_root = session.is_root() && !initiator.is_empty() && initiator == id("Owner");
    initiator == session.arn || is_root
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
        "finish" => finish(visit, bucket, (key, upload), body).await.map(|_| json!({})),
        "abandon" => abandon(visit, bucket, key, upload).await.map(|_| json!({})),
        _ => Err(Fault::own(StatusCode::NOT_FOUND, "NoSuchPage", "There is no such step.")),
    };
    Ok(match outcome {
        Ok(value) => told(&value),
        Err(fault) => Outcome::Raw(Box::new(render::told(&fault))),
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

/// Puts the parts of the file together: the body has the CRC-32 of each of them, in order.
async fn finish(
    visit: &Visit<'_>,
    bucket: &str,
    (key, upload): (&str, &str),
    body: Option<CallBody>,
) -> Result<Reply, Fault> {
    let (body, _) = stated(visit, body)?;
    let file: Vec<String> = serde_json::from_slice(&visit.receive(body, PERSON).await?).unwrap_or_default();
    let document = completion(&parts(visit, bucket, key, upload).await?, &file).ok_or_else(|| {
        let message = "One or more of the specified parts could not be found. The part might not have been uploaded, \
                       or the specified entity tag might not have matched the part's entity tag.";
        Fault::own(StatusCode::BAD_REQUEST, "InvalidPart", message)
    })?;
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

/// The document that makes of `arrived` a file whose parts have the checksums `file`; `None` where one
/// is missing or another.
fn completion(arrived: &[Node], file: &[String]) -> Option<String> {
    let arrived: HashMap<String, &Node> = arrived.iter().map(|part| (part.text("PartNumber"), part)).collect();
    let mut document = String::from("<CompleteMultipartUpload>");
    for (number, checksum) in (1_u32..).zip(file) {
        let part = arrived.get(&number.to_string()).filter(|part| part.text("ChecksumCRC32") == *checksum)?;
        document.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag><ChecksumCRC32>{}</ChecksumCRC32></Part>",
            escape(&part.text("ETag")),
            escape(checksum)
        ));
    }
    document.push_str("</CompleteMultipartUpload>");
    (!file.is_empty()).then_some(document)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn part(number: u32, checksum: &str) -> String {
        format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>e{number}</ETag><ChecksumCRC32>{checksum}</ChecksumCRC32></Part>"
        )
    }

    #[test]
    fn a_file_is_its_own_parts_and_all_of_them() {
        let listed =
            Node::parse(format!("<L>{}{}{}</L>", part(1, "a"), part(2, "b"), part(3, "c")).as_bytes()).unwrap();
        let made = |file: &[&str]| {
            let file: Vec<String> = file.iter().map(|checksum| (*checksum).to_owned()).collect();
            completion(&listed.children, &file)
        };
        // The third is of a longer file that was uploaded before.
        let two = format!("<CompleteMultipartUpload>{}{}</CompleteMultipartUpload>", part(1, "a"), part(2, "b"));
        assert_eq!(made(&["a", "b"]), Some(two));
        for file in [&["a", "x"][..], &["a", "b", "c", "d"], &["b", "a"], &[]] {
            assert_eq!(made(file), None, "{file:?}");
        }
    }
}
