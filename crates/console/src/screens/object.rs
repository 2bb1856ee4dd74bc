//! One object: what it is, its versions, tags and metadata, and ways to it.

use std::time::Duration;

use http::Method;
use maud::{Markup, html};

use crate::client::xml::escape;
use crate::client::{Fault, Reply};
use crate::page::{Page, Section};
use crate::screens::named::Named;
use crate::screens::transfer::is_image;
use crate::screens::versions::{copy, is_marker, marker, versions, versions_panel};
use crate::screens::{copies, locks, sealed};
use crate::view::{area, confirm, copyable, done, fact, fault, head, is_confirmed, moment, size};
use crate::visit::{Outcome, Visit, encode};

/// Longest life of an address, in minutes: seven days (S3 User Guide, "Sharing objects with presigned URLs").
const LONGEST_SHARE: u64 = 7 * 24 * 60;
/// Largest text that is shown.
const PREVIEW: u64 = 64 << 10;
/// Headers that describe an object's content, in S3's order.
const CONTENT: [&str; 6] =
    ["content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires"];

/// The page; `shared` is an address that was just made.
pub(crate) async fn page(visit: &Visit<'_>, bucket: &str, shared: Option<&str>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let named = Named::of(visit, shared.is_some());
    let client = visit.client();
    let title = named.key.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let folder = named.key.trim_end_matches('/').rfind('/').map_or("", |at| &named.key[..=at]);
    let up = format!("buckets/{bucket}/objects?prefix={}", encode(folder));
    let trail = [("buckets", t.buckets), (up.as_str(), bucket)];
    let versions = versions(visit, bucket, &named).await;
    let head_of = client.send(named.ask(Method::HEAD, bucket)).await;
    let details = match &head_of {
        Ok(reply) => {
            let tags = client.send(named.ask(Method::GET, bucket).query("tagging", "")).await;
            let preview = preview(visit, bucket, &named, reply).await;
            let locks = locks::panel(visit, bucket, &named, reply).await;
            html! {
                div.columns {
                    (facts(visit, bucket, &named, reply))
                    (sealed::panel(visit, bucket, &named.key, &named.version, reply))
                }
                (preview)
                (tags_panel(visit, bucket, &named, tags))
                (metadata_panel(visit, bucket, &named, reply))
                (locks)
                (share_panel(visit, bucket, &named, shared))
                (copies::panel(visit, bucket, &named))
                (delete_panel(visit, bucket, &named))
            }
        }
        Err(refusal) if is_marker(&versions, &named) => marker(visit, bucket, &named, refusal),
        Err(refusal) => fault(t, refusal),
    };
    let download = format!("buckets/{bucket}/download?key={}&version={}", encode(&named.key), encode(&named.version));
    let actions = html! { @if head_of.is_ok() { a.button.primary href=(download) { (t.download) } } };
    let body = html! {
        (head(&trail, title, &actions))
        (done(visit))
        (details)
        (versions_panel(visit, bucket, &named, &versions))
    };
    Ok(Outcome::Page(Page::new(Section::Buckets, title, body)))
}

fn facts(visit: &Visit<'_>, bucket: &str, named: &Named, reply: &Reply) -> Markup {
    let t = visit.t;
    let header = |name: &str| reply.header(name).unwrap_or_default();
    let bytes = header("content-length").parse().unwrap_or_default();
    let lock = header("x-amz-object-lock-mode");
    html! {
        section.card {
            h2 { (t.details) }
            dl.facts {
                (fact(t.key, &copyable(t, &named.key)))
                (fact(t.address, &copyable(t, &format!("s3://{bucket}/{}", named.key))))
                (fact(t.size, &html! { (size(bytes)) @if bytes >= 1024 { " (" (bytes) " B)" } }))
                (fact(t.modified, &html! { (header("last-modified")) }))
                (fact("ETag", &html! { code { (header("etag").trim_matches('"')) } }))
                @if !header("x-amz-version-id").is_empty() { (fact(t.version, &html! { code { (header("x-amz-version-id")) } })) }
                @for name in ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"] {
                    @let value = header(&format!("x-amz-checksum-{name}"));
                    @if !value.is_empty() { (fact(&name.to_uppercase(), &html! { code { (value) } })) }
                }
                @if !lock.is_empty() { (fact(t.retention, &html! { (lock) " " (moment(&header("x-amz-object-lock-retain-until-date"))) })) }
                @let replication = header("x-amz-replication-status");
                @if !replication.is_empty() { (fact(t.replication, &html! { span.badge.good[replication != "FAILED"].bad[replication == "FAILED"] { (replication) } })) }
                @if header("x-amz-object-lock-legal-hold") == "ON" { (fact(t.legal_hold, &html! { span.badge.warn { "ON" } })) }
            }
        }
    }
}

async fn preview(visit: &Visit<'_>, bucket: &str, named: &Named, reply: &Reply) -> Markup {
    let t = visit.t;
    let kind = reply.header("content-type").unwrap_or_default();
    let bytes: u64 = reply.header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    let plain = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if is_image(&plain) {
        let from =
            format!("buckets/{bucket}/download?show=1&key={}&version={}", encode(&named.key), encode(&named.version));
        return html! { section.card { h2 { (t.preview) } img.preview src=(from) alt=(t.preview) loading="lazy"; } };
    }
    let is_text = plain.starts_with("text/")
        || ["application/json", "application/xml", "application/toml", "application/yaml"].contains(&plain.as_str());
    // Encoded text would be none.
    if !is_text || bytes == 0 || bytes > PREVIEW || reply.header("content-encoding").is_some() {
        return html! {};
    }
    match visit.client().send(named.ask(Method::GET, bucket)).await {
        Ok(reply) => html! {
            section.card { h2 { (t.preview) } pre.preview tabindex="0" { (String::from_utf8_lossy(&reply.body)) } }
        },
        Err(refusal) => html! { section.card { h2 { (t.preview) } (fault(t, &refusal)) } },
    }
}

fn tags_panel(visit: &Visit<'_>, bucket: &str, named: &Named, tags: Result<Reply, Fault>) -> Markup {
    let t = visit.t;
    let text = tags.map(|reply| {
        let tags = reply.xml();
        tags.members("TagSet").map(|tag| format!("{}={}\n", tag.text("Key"), tag.text("Value"))).collect::<String>()
    });
    html! {
        details.card {
            summary { h2 { (t.tags) } @if let Ok(text) = &text { span.count { (text.lines().count()) } } }
            @match &text {
                Err(refusal) => (fault(t, refusal)),
                Ok(text) => form method="post" action={ "buckets/" (bucket) "/object/tags" } {
                    (named.fields(visit))
                    (area(t.tags, "tags", t.tags_help, text))
                    button type="submit" { (t.save) }
                },
            }
        }
    }
}

fn metadata_panel(visit: &Visit<'_>, bucket: &str, named: &Named, reply: &Reply) -> Markup {
    let t = visit.t;
    let mut text = String::new();
    for name in CONTENT {
        if let Some(value) = reply.header(name) {
            text.push_str(&format!("{name}={value}\n"));
        }
    }
    for (name, value) in &reply.headers {
        if name.as_str().starts_with("x-amz-meta-") {
            text.push_str(&format!("{name}={}\n", String::from_utf8_lossy(value.as_bytes())));
        }
    }
    html! {
        details.card {
            summary { h2 { (t.metadata) } span.count { (text.lines().count()) } }
            form method="post" action={ "buckets/" (bucket) "/object/metadata" } {
                (named.fields(visit))
                (area(t.metadata, "metadata", t.metadata_help, &text))
                button type="submit" { (t.save) }
            }
        }
    }
}

fn share_panel(visit: &Visit<'_>, bucket: &str, named: &Named, shared: Option<&str>) -> Markup {
    let t = visit.t;
    html! {
        details.card #share open[shared.is_some()] {
            summary { h2 { (t.share) } }
            @if let Some(address) = shared {
                div.alert.good role="status" { p { (t.shared) } (copyable(t, address)) }
            }
            form.row method="post" action={ "buckets/" (bucket) "/object/share" } {
                (named.fields(visit))
                div.field {
                    label for="minutes" { (t.share_minutes) }
                    input id="minutes" name="minutes" type="number" min="1" max=(LONGEST_SHARE) value="60" required;
                }
                button type="submit" { (t.make_address) }
            }
            p.help { (t.share_help) }
        }
    }
}

fn delete_panel(visit: &Visit<'_>, bucket: &str, named: &Named) -> Markup {
    let t = visit.t;
    let action = format!("buckets/{bucket}/object/delete");
    let name = named.key.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let warning = if named.version.is_empty() { t.delete_object_warning } else { t.delete_version_warning };
    html! {
        details.card {
            summary { h2 { (t.delete) } }
            (confirm(visit, &action, warning, name, t.delete, &named.hidden()))
        }
    }
}

/// Lines of `name=value`.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.split_once('=').unwrap_or((line, ""))).map(|(name, value)| (name.trim(), value.trim()))
}

/// Sets the tags.
pub(crate) async fn save_tags(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let named = Named::of(visit, true);
    let tag = |(name, value)| format!("<Tag><Key>{}</Key><Value>{}</Value></Tag>", escape(name), escape(value));
    let tags: String = pairs(visit.form.get("tags")).map(tag).collect();
    let document = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
    visit.client().send(named.ask(Method::PUT, bucket).query("tagging", "").body(document)).await?;
    Ok(Outcome::Go(format!("{}&done=saved", named.page(bucket))))
}

/// Sets metadata: a copy of the object onto itself, as S3 has it.
pub(crate) async fn save_metadata(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let named = Named::of(visit, true);
    let client = visit.client();
    let now = client.send(named.ask(Method::HEAD, bucket)).await?;
    let mut ask = copy(bucket, &named, &now).header("x-amz-metadata-directive", "REPLACE");
    for (name, value) in pairs(visit.form.get("metadata")) {
        let name = name.to_ascii_lowercase();
        let known = CONTENT.iter().find(|known| **known == name);
        if let Some(known) = known {
            ask = ask.header(known, value);
        } else if http::HeaderName::try_from(&name).is_ok() {
            let name = if name.starts_with("x-amz-meta-") { name } else { format!("x-amz-meta-{name}") };
            ask = ask.header_named(name, value);
        }
    }
    client.send(ask).await?;
    // Where there are versions, what was changed is a new one.
    let named = Named { version: String::new(), ..named };
    Ok(Outcome::Go(format!("{}&done=saved", named.page(bucket))))
}

/// Deletes the object, or one version of it for good.
pub(crate) async fn delete(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let named = Named::of(visit, true);
    is_confirmed(visit, named.key.trim_end_matches('/').rsplit('/').next().unwrap_or_default())?;
    visit.client().send(named.ask(Method::DELETE, bucket)).await?;
    let folder = named.key.rfind('/').map_or("", |at| &named.key[..=at]);
    Ok(Outcome::Go(format!("buckets/{bucket}/objects?prefix={}&done=deleted", encode(folder))))
}

/// Makes an address that is good for a while.
pub(crate) async fn share(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let named = Named::of(visit, true);
    named.ask(Method::GET, bucket).sound()?;
    let minutes = visit.form.trimmed("minutes").parse::<u64>().unwrap_or(60).clamp(1, LONGEST_SHARE);
    let query: Vec<_> = [("versionId", &named.version)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    let life = Duration::from_secs(minutes * 60);
    let target = visit.client().scope.presign(&format!("/{bucket}/{}", named.key), &query, life);
    let root = visit.session().base.trim_end_matches(crate::lead::PATH);
    page(visit, bucket, Some(&format!("{root}{target}"))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_pairs() {
        let read: Vec<_> = pairs(" a = 1=2 \n\nb\n=c").collect();
        assert_eq!(read, [("a", "1=2"), ("b", ""), ("", "c")]);
    }
}
