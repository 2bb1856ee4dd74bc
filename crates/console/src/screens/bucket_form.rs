//! A new bucket, in one form: name, versions, lock, and how its objects are sealed.

use http::Method;
use maud::{Markup, html};

use crate::client::xml::escape;
use crate::client::{Ask, Client, Fault};
use crate::page::{Page, Section};
use crate::screens::keys::aliases;
use crate::view::{check, csrf, fault, head, text_field};
use crate::visit::{Fields, Outcome, Visit};

/// The page; `refusal` stands over what was filled in.
pub(crate) async fn page(visit: &Visit<'_>, refusal: Option<&Fault>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let keys = aliases(&visit.client()).await;
    let first = visit.form.get("csrf").is_empty();
    let body = html! {
        (head(&[("buckets", t.buckets)], t.create_bucket, &html! {}))
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        form.card method="post" action="buckets/new" {
            (csrf(visit))
            (text_field(t.bucket_name, "name", t.bucket_name_help, visit.form.get("name")))
            fieldset {
                legend { (t.protection) }
                (check(t.versioning, "versioning", t.versioning_help, visit.form.is_on("versioning")))
                (check(t.object_lock, "lock", t.object_lock_help, visit.form.is_on("lock")))
            }
            (encryption_fields(visit, &visit.form, &keys, first))
            div.buttons {
                button.primary type="submit" { (t.create_bucket) }
                a href="buckets" { (t.cancel) }
            }
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Buckets, t.create_bucket, body).status(status)))
}

/// What asks how objects are sealed; `first` for a form that nobody has filled in yet.
pub(crate) fn encryption_fields(visit: &Visit<'_>, form: &Fields, keys: &[(String, String)], first: bool) -> Markup {
    let t = visit.t;
    let mode = form.get("mode");
    let radio = |value: &str, name: &str, help: &str, checked: bool| {
        html! {
            div.check {
                input type="radio" name="mode" id={ "mode-" (value) } value=(value) checked[checked] aria-describedby={ "mode-" (value) "-help" };
                div { label for={ "mode-" (value) } { (name) } p.help id={ "mode-" (value) "-help" } { (help) } }
            }
        }
    };
    html! {
        fieldset {
            legend { (t.encryption) }
            (radio("AES256", t.sse_s3, t.sse_s3_help, mode == "AES256" || mode.is_empty()))
            (radio("aws:kms", t.sse_kms, t.sse_kms_help, mode == "aws:kms"))
            div.nested {
                div.field {
                    label for="kms-key" { (t.kms_key) }
                    input id="kms-key" name="kms-key" list="kms-keys" value=(form.get("kms-key")) placeholder="alias/aws/s3" autocomplete="off" spellcheck="false" aria-describedby="kms-key-help";
                    datalist id="kms-keys" { @for (alias, id) in keys { option value=(alias) { (id) } } }
                    p.help id="kms-key-help" { (t.kms_key_help) }
                }
                (check(t.bucket_key, "bucket-key", t.bucket_key_help, first || form.is_on("bucket-key")))
            }
        }
    }
}

/// Creates it: one call for the bucket, one for each choice that CreateBucket does not take.
pub(crate) async fn create(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let name = visit.form.trimmed("name");
    if let Err(fault) = make(visit, name).await {
        return page(visit, Some(&fault)).await;
    }
    if let Err(fault) = set_up(visit, name).await {
        // The bucket is there; what is missing is done on its page.
        let body = html! {
            (head(&[("buckets", visit.t.buckets)], name, &html! {}))
            (half_done(visit, name, &fault))
        };
        return Ok(Outcome::Page(Page::new(Section::Buckets, name, body).status(fault.status)));
    }
    Ok(Outcome::Go(format!("buckets/{name}/objects?done=created")))
}

fn half_done(visit: &Visit<'_>, name: &str, refusal: &Fault) -> Markup {
    html! {
        (fault(visit.t, refusal))
        p { (visit.t.bucket_half_done) " " a href={ "buckets/" (name) "/properties" } { (visit.t.properties) } }
    }
}

async fn make(visit: &Visit<'_>, name: &str) -> Result<(), Fault> {
    let region = visit.house.settings.region.as_str();
    let mut ask = Ask::bucket(Method::PUT, name);
    if visit.form.is_on("lock") {
        ask = ask.header("x-amz-bucket-object-lock-enabled", "true");
    }
    if region != "us-east-1" {
        let location = format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        );
        ask = ask.body(location);
    }
    visit.client().send(ask).await.map(drop)
}

async fn set_up(visit: &Visit<'_>, name: &str) -> Result<(), Fault> {
    let client = visit.client();
    // A bucket with lock has versions already.
    if visit.form.is_on("versioning") && !visit.form.is_on("lock") {
        let document = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        client.send(Ask::bucket(Method::PUT, name).query("versioning", "").body(document)).await?;
    }
    if visit.form.get("mode") == "aws:kms" {
        put_encryption(&client, name, &visit.form).await?;
    }
    Ok(())
}

/// Sets a bucket's default encryption as a form has it.
pub(crate) async fn put_encryption(client: &Client<'_>, bucket: &str, form: &Fields) -> Result<(), Fault> {
    let key = form.trimmed("kms-key");
    let key = if key.is_empty() { String::new() } else { format!("<KMSMasterKeyID>{}</KMSMasterKeyID>", escape(key)) };
    let (mode, key) = if form.get("mode") == "aws:kms" { ("aws:kms", key) } else { ("AES256", String::new()) };
    let bucket_key = mode == "aws:kms" && form.is_on("bucket-key");
    let document = format!(
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{mode}</SSEAlgorithm>{key}\
         </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>{bucket_key}</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
    );
    client.send(Ask::bucket(Method::PUT, bucket).query("encryption", "").body(document)).await.map(drop)
}
