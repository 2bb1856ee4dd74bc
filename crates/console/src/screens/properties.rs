//! A bucket's properties: each of them a call, and a form that makes another.

use http::Method;
use maud::{Markup, html};

use crate::client::xml::{Node, escape};
use crate::client::{Ask, Fault, Reply};
use crate::page::{Page, Section};
use crate::screens::bucket_form::{encryption_fields, put_encryption};
use crate::screens::keys::aliases;
use crate::screens::objects::checksum;
use crate::view::{area, check, confirm, csrf, done, fault, head};
use crate::visit::{Fields, Outcome, Visit};

/// A property that is a document of its own, put and deleted as it is.
struct Document {
    /// The sub-resource of S3, and the last part of the form's address.
    name: &'static str,
    /// An example to begin with.
    example: &'static str,
}

const POLICY: Document = Document { name: "policy", example: "" };
const LIFECYCLE: Document = Document {
    name: "lifecycle",
    example: "<LifecycleConfiguration>\n  <Rule>\n    <ID>old-versions</ID>\n    <Status>Enabled</Status>\n    <Filter><Prefix></Prefix></Filter>\n    <NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration>\n  </Rule>\n</LifecycleConfiguration>",
};
const CORS: Document = Document {
    name: "cors",
    example: "<CORSConfiguration>\n  <CORSRule>\n    <AllowedOrigin>https://www.example.com</AllowedOrigin>\n    <AllowedMethod>GET</AllowedMethod>\n  </CORSRule>\n</CORSConfiguration>",
};
/// The four switches of a public access block.
const BLOCKS: [&str; 4] = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

/// The page; `refusal` is of the form `named`.
pub(crate) async fn page(visit: &Visit<'_>, bucket: &str, refusal: Option<(&str, &Fault)>) -> Result<Outcome, Fault> {
    let t = visit.t;
    // The one call whose refusal says that there is no such bucket, or nobody's business.
    let encryption = read(visit, bucket, "encryption").await;
    if let Err(fault) = &encryption
        && fault.code == "NoSuchBucket"
    {
        return Err(fault.clone());
    }
    let trouble = |name: &str| match refusal {
        Some((of, refusal)) if of == name => html! { (fault(t, refusal)) },
        _ => html! {},
    };
    let objects = format!("buckets/{bucket}/objects");
    let body = html! {
        (head(&[("buckets", t.buckets), (&objects, bucket)], t.properties, &html! {}))
        (done(visit))
        div.columns {
            (encryption_card(visit, bucket, encryption, &trouble("encryption")).await)
            div.stack {
                (versioning_card(visit, bucket, &trouble("versioning")).await)
                (public_card(visit, bucket, &trouble("public")).await)
            }
        }
        (document_card(visit, bucket, &POLICY, (t.bucket_policy, t.bucket_policy_help), &trouble("policy")).await)
        (tags_card(visit, bucket, &trouble("tags")).await)
        (document_card(visit, bucket, &LIFECYCLE, (t.lifecycle, t.lifecycle_help), &trouble("lifecycle")).await)
        (document_card(visit, bucket, &CORS, (t.cors, t.cors_help), &trouble("cors")).await)
        details.card {
            summary { h2 { (t.delete_bucket) } }
            (confirm(visit, &format!("buckets/{bucket}/delete"), t.delete_bucket_warning, bucket, t.delete_bucket, &html! {}))
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |(_, refusal)| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Buckets, format!("{bucket} · {}", t.properties), body).status(status)))
}

async fn read(visit: &Visit<'_>, bucket: &str, name: &str) -> Result<Reply, Fault> {
    visit.client().send(Ask::bucket(Method::GET, bucket).query(name, "")).await
}

/// What a call read, or nothing where there is nothing of the kind.
fn present<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.is_absence() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A card with a form, or with what keeps its content from the reader.
fn card(visit: &Visit<'_>, title: &str, trouble: &Markup, action: &str, content: &Result<Markup, Fault>) -> Markup {
    html! {
        section.card {
            h2 { (title) }
            (trouble)
            @match content {
                Err(refusal) => (fault(visit.t, refusal)),
                Ok(content) => form method="post" action=(action) {
                    (csrf(visit))
                    (content)
                    button type="submit" aria-label={ (visit.t.save) ": " (title) } { (visit.t.save) }
                },
            }
        }
    }
}

async fn encryption_card(visit: &Visit<'_>, bucket: &str, read: Result<Reply, Fault>, trouble: &Markup) -> Markup {
    let offered = aliases(&visit.client()).await;
    let content = present(read).map(|reply| {
        let document = reply.map(|reply| reply.xml()).unwrap_or_default();
        let rule = document.child("Rule").cloned().unwrap_or_default();
        let default = rule.child("ApplyServerSideEncryptionByDefault").cloned().unwrap_or_default();
        let stated = [
            ("mode", default.text("SSEAlgorithm")),
            ("kms-key", default.text("KMSMasterKeyID")),
            ("bucket-key", if rule.text("BucketKeyEnabled") == "true" { "on".to_owned() } else { String::new() }),
        ];
        let form = Fields::of(&stated);
        // Whoever chooses a key for the first time wants its bucket key on.
        encryption_fields(visit, &form, &offered, form.get("mode") != "aws:kms")
    });
    card(visit, visit.t.encryption, trouble, &format!("buckets/{bucket}/properties/encryption"), &content)
}

async fn versioning_card(visit: &Visit<'_>, bucket: &str, trouble: &Markup) -> Markup {
    let t = visit.t;
    let content = read(visit, bucket, "versioning").await.map(|reply| {
        let status = reply.xml().text("Status");
        html! {
            p { span.badge.good[status == "Enabled"].warn[status == "Suspended"] {
                (match status.as_str() { "Enabled" => t.versions_kept, "Suspended" => t.versions_suspended, _ => t.versions_never })
            } }
            (check(t.versioning, "versioning", t.versioning_help, status == "Enabled"))
        }
    });
    card(visit, t.versions, trouble, &format!("buckets/{bucket}/properties/versioning"), &content)
}

async fn public_card(visit: &Visit<'_>, bucket: &str, trouble: &Markup) -> Markup {
    let t = visit.t;
    let content = present(read(visit, bucket, "publicAccessBlock").await).map(|reply| {
        let block = reply.map(|reply| reply.xml()).unwrap_or_default();
        let helps = [t.block_acls, t.ignore_acls, t.block_policy, t.restrict];
        html! { @for (name, help) in BLOCKS.iter().zip(helps) { (check(name, name, help, block.text(name) == "true")) } }
    });
    card(visit, t.public_access, trouble, &format!("buckets/{bucket}/properties/public"), &content)
}

async fn tags_card(visit: &Visit<'_>, bucket: &str, trouble: &Markup) -> Markup {
    let t = visit.t;
    let content = present(read(visit, bucket, "tagging").await).map(|reply| {
        let tags = reply.map(|reply| reply.xml()).unwrap_or_default();
        let text: String =
            tags.members("TagSet").map(|tag| format!("{}={}\n", tag.text("Key"), tag.text("Value"))).collect();
        area(t.tags, "tags", t.bucket_tags_help, &text)
    });
    card(visit, t.tags, trouble, &format!("buckets/{bucket}/properties/tags"), &content)
}

async fn document_card(
    visit: &Visit<'_>,
    bucket: &str,
    document: &Document,
    (title, help): (&str, &str),
    trouble: &Markup,
) -> Markup {
    let stated = visit.form.get(document.name);
    let content = present(read(visit, bucket, document.name).await).map(|reply| {
        let text = reply.as_ref().map(|reply| pretty(&reply.body));
        let is_absent = text.is_none();
        // What was refused stays to be mended.
        let shown = if stated.is_empty() { text.unwrap_or_default() } else { stated.to_owned() };
        html! {
            @if is_absent { p.quiet { (visit.t.none_yet) } }
            (area(title, document.name, help, &shown))
            @if is_absent && !document.example.is_empty() {
                details { summary { (visit.t.example) } pre tabindex="0" { (document.example) } }
            }
        }
    });
    card(visit, title, trouble, &format!("buckets/{bucket}/properties/{}", document.name), &content)
}

/// A document as somebody edits it: JSON and XML with line breaks.
fn pretty(body: &[u8]) -> String {
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
        return serde_json::to_string_pretty(&value).unwrap_or_default();
    }
    Node::parse(body).map_or_else(|| String::from_utf8_lossy(body).into_owned(), |node| indented(&node, 0))
}

fn indented(node: &Node, depth: usize) -> String {
    let (space, name) = ("  ".repeat(depth), &node.name);
    if node.children.is_empty() {
        return format!("{space}<{name}>{}</{name}>\n", escape(node.content.trim()));
    }
    let inner: String = node.children.iter().map(|child| indented(child, depth + 1)).collect();
    format!("{space}<{name}>\n{inner}{space}</{name}>\n")
}

/// Puts one property as its form has it.
pub(crate) async fn save(visit: &Visit<'_>, bucket: &str, name: &str) -> Result<Outcome, Fault> {
    let saved = match name {
        "encryption" => put_encryption(&visit.client(), bucket, &visit.form).await,
        "versioning" => put_versioning(visit, bucket).await,
        "public" => put_public(visit, bucket).await,
        "tags" => put_tags(visit, bucket).await,
        "policy" | "lifecycle" | "cors" => put_document(visit, bucket, name).await,
        _ => return Err(Fault::own(http::StatusCode::NOT_FOUND, "NoSuchPage", "There is no such property.")),
    };
    match saved {
        Ok(()) => Ok(Outcome::Go(format!("buckets/{bucket}/properties?done=saved"))),
        Err(fault) => page(visit, bucket, Some((name, &fault))).await,
    }
}

async fn put(visit: &Visit<'_>, bucket: &str, name: &str, document: String) -> Result<(), Fault> {
    let digest = checksum(document.as_bytes());
    let ask = Ask::bucket(Method::PUT, bucket).query(name, "").header("x-amz-checksum-sha256", &digest).body(document);
    visit.client().send(ask).await.map(drop)
}

async fn delete(visit: &Visit<'_>, bucket: &str, name: &str) -> Result<(), Fault> {
    visit.client().send(Ask::bucket(Method::DELETE, bucket).query(name, "")).await.map(drop)
}

async fn put_versioning(visit: &Visit<'_>, bucket: &str) -> Result<(), Fault> {
    let status = if visit.form.is_on("versioning") { "Enabled" } else { "Suspended" };
    put(
        visit,
        bucket,
        "versioning",
        format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"),
    )
    .await
}

async fn put_public(visit: &Visit<'_>, bucket: &str) -> Result<(), Fault> {
    let switches: String = BLOCKS.iter().map(|name| format!("<{name}>{}</{name}>", visit.form.is_on(name))).collect();
    let document = format!("<PublicAccessBlockConfiguration>{switches}</PublicAccessBlockConfiguration>");
    put(visit, bucket, "publicAccessBlock", document).await
}

async fn put_tags(visit: &Visit<'_>, bucket: &str) -> Result<(), Fault> {
    let lines = visit.form.get("tags").lines().map(str::trim).filter(|line| !line.is_empty());
    let tags: String = lines
        .map(|line| line.split_once('=').unwrap_or((line, "")))
        .map(|(name, value)| {
            format!("<Tag><Key>{}</Key><Value>{}</Value></Tag>", escape(name.trim()), escape(value.trim()))
        })
        .collect();
    if tags.is_empty() {
        return delete(visit, bucket, "tagging").await;
    }
    put(visit, bucket, "tagging", format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")).await
}

/// A document as it was typed; an empty one takes the property away.
async fn put_document(visit: &Visit<'_>, bucket: &str, name: &str) -> Result<(), Fault> {
    match visit.form.trimmed(name) {
        "" => delete(visit, bucket, name).await,
        text => put(visit, bucket, name, text.to_owned()).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_shown_to_be_edited() {
        assert_eq!(pretty(br#"{"a":[1]}"#), "{\n  \"a\": [\n    1\n  ]\n}");
        assert_eq!(pretty(b"<a><b>1 &lt;</b><c/></a>"), "<a>\n  <b>1 &lt;</b>\n  <c></c>\n</a>\n");
        assert_eq!(pretty(b"neither"), "neither");
    }
}
