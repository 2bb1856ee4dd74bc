//! How an object is sealed: under which key, by a bucket key or not, and who may open it.

use http::Method;
use maud::{Markup, html};
use serde_json::json;

use crate::client::xml::escape;
use crate::client::{Ask, Fault, Reply};
use crate::view::{check, copyable, csrf, fact, text_field};
use crate::visit::{Outcome, Visit, encode};

/// The panel of an object whose head is `reply`.
pub(crate) fn panel(visit: &Visit<'_>, bucket: &str, key: &str, version: &str, reply: &Reply) -> Markup {
    let t = visit.t;
    let header = |name: &str| reply.header(&format!("x-amz-server-side-encryption{name}")).unwrap_or_default();
    let (mode, kms, bucket_key) = (header(""), header("-aws-kms-key-id"), header("-bucket-key-enabled") == "true");
    let (name, words) = match mode.as_str() {
        "AES256" => ("SSE-S3", t.sealed_s3),
        "aws:kms" if bucket_key => (t.sse_kms, t.sealed_bucket_key),
        "aws:kms" => (t.sse_kms, t.sealed_kms),
        "aws:kms:dsse" => ("DSSE-KMS", t.sealed_twice),
        _ => (t.unencrypted, t.sealed_not),
    };
    let context = if bucket_key { format!("arn:aws:s3:::{bucket}") } else { format!("arn:aws:s3:::{bucket}/{key}") };
    html! {
        section.card.sealed {
            h2 { (t.how_sealed) }
            p { span.badge.good[!mode.is_empty()].warn[mode.is_empty()] { (name) } " " (words) }
            dl.facts {
                @if !kms.is_empty() {
                    (fact(t.kms_key, &html! { a href={ "keys/" (kms.rsplit('/').next().unwrap_or_default()) } { code { (kms) } } }))
                    (fact(t.bucket_key, &html! { (if bucket_key { t.yes } else { t.no }) }))
                    (fact(t.context, &copyable(t, &format!("aws:s3:arn = {context}"))))
                    (fact(t.who_may_open, &html! { (t.who_may_open_kms) }))
                } @else if !mode.is_empty() {
                    (fact(t.who_may_open, &html! { (t.who_may_open_s3) }))
                }
            }
            @if mode == "AES256" || mode == "aws:kms" {
                details {
                    summary { (t.seal_again) }
                    form method="post" action={ "buckets/" (bucket) "/object/seal" } {
                        (csrf(visit))
                        input type="hidden" name="key" value=(key);
                        @if !version.is_empty() { input type="hidden" name="version" value=(version); }
                        (text_field(t.kms_key, "kms-key", t.kms_key_help, ""))
                        (check(t.bucket_key, "bucket-key", t.bucket_key_help, true))
                        button type="submit" { (t.seal_again) }
                    }
                }
            }
        }
    }
}

/// Wraps the object's key under another: its bytes stay as they are.
pub(crate) async fn change(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let (key, version) = (visit.form.get("key"), visit.form.get("version"));
    let client = visit.client();
    let wanted = visit.form.trimmed("kms-key");
    // S3 takes an ARN here; people know aliases.
    let described =
        client.kms("DescribeKey", json!({ "KeyId": if wanted.is_empty() { "alias/aws/s3" } else { wanted } })).await?;
    let arn = described["KeyMetadata"]["Arn"].as_str().unwrap_or_default().to_owned();
    let document = format!(
        "<ObjectEncryption><SSE-KMS><BucketKeyEnabled>{}</BucketKeyEnabled><KMSKeyArn>{}</KMSKeyArn></SSE-KMS></ObjectEncryption>",
        visit.form.is_on("bucket-key"),
        escape(&arn)
    );
    let ask = Ask::object(Method::PUT, bucket, key)
        .query("encryption", "")
        .query_some("versionId", Some(version))
        .body(document);
    client.send(ask).await?;
    let version = if version.is_empty() { String::new() } else { format!("&version={}", encode(version)) };
    Ok(Outcome::Go(format!("buckets/{bucket}/object?key={}{version}&done=saved", encode(key))))
}
