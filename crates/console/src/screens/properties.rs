//! A bucket's properties: each of them a call, and a form that makes another.

use http::Method;
use maud::{Markup, html};

use crate::client::xml::escape;
use crate::client::{Ask, Fault, Reply};
use crate::page::{Page, Section};
use crate::screens::bucket_form::{encryption_fields, put_encryption};
use crate::screens::keys::aliases;
use crate::screens::property::{Document, card, delete, document_card, present, put, put_document, read};
use crate::screens::rules::{
    LIFECYCLE, NOTIFICATION, REPLICATION, add_rule, add_target, lifecycle_card, lock_card, notification_card, put_lock,
};
use crate::view::{area, check, confirm, done, fact, fault, head, size};
use crate::visit::{Fields, Outcome, Visit};

const POLICY: Document = Document { name: "policy", example: "", nothing: "" };
const CORS: Document = Document {
    name: "cors",
    example: "<CORSConfiguration>\n  <CORSRule>\n    <AllowedOrigin>https://www.example.com</AllowedOrigin>\n    <AllowedMethod>GET</AllowedMethod>\n  </CORSRule>\n</CORSConfiguration>",
    nothing: "",
};
const WEBSITE: Document = Document {
    name: "website",
    example: "<WebsiteConfiguration>\n  <IndexDocument><Suffix>index.html</Suffix></IndexDocument>\n</WebsiteConfiguration>",
    nothing: "",
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
    let usage = usage_card(visit, bucket).await;
    let either = |one: &str, other: &str| html! { (trouble(one)) (trouble(other)) };
    let objects = format!("buckets/{bucket}/objects");
    let body = html! {
        (head(&[("buckets", t.buckets), (&objects, bucket)], t.properties, &html! { a.button href={ "simulate?bucket=" (bucket) } { (t.simulate) } }))
        (done(visit))
        (usage)
        div.columns {
            (encryption_card(visit, bucket, encryption, &trouble("encryption")).await)
            div.stack {
                (versioning_card(visit, bucket, &trouble("versioning")).await)
                (public_card(visit, bucket, &trouble("public")).await)
                (lock_card(visit, bucket, &trouble("object-lock")).await)
            }
        }
        (document_card(visit, bucket, &POLICY, (t.bucket_policy, t.bucket_policy_help), &trouble("policy")).await)
        (tags_card(visit, bucket, &trouble("tags")).await)
        (lifecycle_card(visit, bucket, &either("lifecycle", "expire")).await)
        (document_card(visit, bucket, &REPLICATION, (t.replication, t.replication_help), &trouble("replication")).await)
        (notification_card(visit, bucket, &either("notification", "notify")).await)
        (document_card(visit, bucket, &CORS, (t.cors, t.cors_help), &trouble("cors")).await)
        (document_card(visit, bucket, &WEBSITE, (t.website, t.website_help), &trouble("website")).await)
        details.card {
            summary { h2 { (t.delete_bucket) } }
            (confirm(visit, &format!("buckets/{bucket}/delete"), t.delete_bucket_warning, bucket, t.delete_bucket, &html! {}))
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |(_, refusal)| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Buckets, format!("{bucket} · {}", t.properties), body).status(status)))
}

/// What lies in the bucket, for who could count it himself: whoever may list its versions.
async fn usage_card(visit: &Visit<'_>, bucket: &str) -> Markup {
    let t = visit.t;
    let list = Ask::bucket(Method::GET, bucket).query("versions", "").query("max-keys", "1");
    if visit.client().send(list).await.is_err() {
        return html! {};
    }
    let Some(usage) = visit.house.facts.usage(bucket).await else { return html! {} };
    let of = |used: u64, most: Option<u64>| match most {
        Some(most) if most > 0 => {
            html! { " / " (size(most)) " " progress value=(used) max=(most) aria-label=(t.quota) {} }
        }
        Some(_) => html! { " / 0" },
        None => html! {},
    };
    html! {
        section.card #usage {
            h2 { (t.usage) }
            dl.facts {
                (fact(t.size, &html! { (size(usage.bytes)) (of(usage.bytes, usage.most_bytes)) }))
                (fact(t.objects, &html! { (usage.objects) @if let Some(most) = usage.most_objects { " / " (most) } }))
                (fact(t.versions, &html! { (usage.versions) }))
                (fact(t.quota, &html! {
                    @if usage.most_bytes.is_none() && usage.most_objects.is_none() { (t.no_quota) } @else { (t.has_quota) }
                }))
            }
            p.help { (t.quota_help) " " code { "arqueta quota set --bucket " (bucket) } }
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

/// Puts one property as its form has it.
pub(crate) async fn save(visit: &Visit<'_>, bucket: &str, name: &str) -> Result<Outcome, Fault> {
    let saved = match name {
        "encryption" => put_encryption(&visit.client(), bucket, &visit.form).await,
        "versioning" => put_versioning(visit, bucket).await,
        "public" => put_public(visit, bucket).await,
        "tags" => put_tags(visit, bucket).await,
        "policy" => put_document(visit, bucket, &POLICY).await,
        "lifecycle" => put_document(visit, bucket, &LIFECYCLE).await,
        "expire" => add_rule(visit, bucket).await,
        "replication" => put_document(visit, bucket, &REPLICATION).await,
        "notification" => put_document(visit, bucket, &NOTIFICATION).await,
        "notify" => add_target(visit, bucket).await,
        "object-lock" => put_lock(visit, bucket).await,
        "cors" => put_document(visit, bucket, &CORS).await,
        "website" => put_document(visit, bucket, &WEBSITE).await,
        _ => return Err(Fault::own(http::StatusCode::NOT_FOUND, "NoSuchPage", "There is no such property.")),
    };
    match saved {
        Ok(()) => Ok(Outcome::Go(format!("buckets/{bucket}/properties?done=saved"))),
        Err(fault) => page(visit, bucket, Some((name, &fault))).await,
    }
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
