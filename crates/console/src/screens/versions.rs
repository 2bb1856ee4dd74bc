//! Versions of one object: the list, deletion taken back, an older one made current.

use http::Method;
use maud::{Markup, html};

use crate::client::xml::Node;
use crate::client::{Ask, Fault, Reply};
use crate::screens::named::Named;
use crate::view::{fault, moment, size};
use crate::visit::{Outcome, Visit, encode};

/// Versions that are shown; the list of the bucket has all of them.
const VERSIONS: &str = "50";
/// The versions of this very key, newest first.
pub(crate) async fn versions(visit: &Visit<'_>, bucket: &str, named: &Named) -> Result<Vec<Node>, Fault> {
    let ask = Ask::bucket(Method::GET, bucket)
        .query("versions", "")
        .query("prefix", &named.key)
        .query("max-keys", VERSIONS)
        .query("encoding-type", "url");
    let answer = visit.client().send(ask).await?.xml();
    let plain =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let is_one = |child: &Node| ["Version", "DeleteMarker"].contains(&child.name.as_str());
    Ok(answer.children.into_iter().filter(|child| is_one(child) && plain(&child.text("Key")) == named.key).collect())
}

pub(crate) fn is_marker(versions: &Result<Vec<Node>, Fault>, named: &Named) -> bool {
    let Ok(versions) = versions else { return false };
    versions.iter().any(|version| {
        let is_this = if named.version.is_empty() {
            version.text("IsLatest") == "true"
        } else {
            version.text("VersionId") == named.version
        };
        version.name == "DeleteMarker" && is_this
    })
}

pub(crate) fn marker(visit: &Visit<'_>, bucket: &str, named: &Named, refusal: &Fault) -> Markup {
    let t = visit.t;
    html! {
        div.alert {
            p.title { (t.is_deleted) }
            p { (t.is_deleted_help) }
            p.small { code { (refusal.code) } }
            form method="post" action={ "buckets/" (bucket) "/object/restore" } {
                (named.fields(visit))
                button.primary type="submit" { (t.undelete) }
            }
        }
    }
}

pub(crate) fn versions_panel(
    visit: &Visit<'_>,
    bucket: &str,
    named: &Named,
    versions: &Result<Vec<Node>, Fault>,
) -> Markup {
    let t = visit.t;
    let versions = match versions {
        Ok(versions) => versions,
        Err(refusal) => return html! { section.card { h2 { (t.versions) } (fault(t, refusal)) } },
    };
    if versions.len() < 2 {
        return html! {};
    }
    html! {
        section.card {
            h2 { (t.versions) }
            div.scroll { table {
                caption.hidden { (t.versions) }
                thead { tr { th scope="col" { (t.version) } th.number scope="col" { (t.size) } th scope="col" { (t.modified) } th scope="col" { span.hidden { (t.actions) } } } }
                tbody {
                    @for version in versions {
                        @let id = version.text("VersionId");
                        @let marks = version.name == "DeleteMarker";
                        tr {
                            td {
                                a href={ "buckets/" (bucket) "/object?key=" (encode(&named.key)) "&version=" (encode(&id)) } { code { (id) } }
                                @if version.text("IsLatest") == "true" { " " span.badge { (t.latest) } }
                                @if marks { " " span.badge.warn { (t.delete_marker) } }
                            }
                            td.number { @if !marks { (size(version.text("Size").parse().unwrap_or_default())) } }
                            td { (moment(&version.text("LastModified"))) }
                            td.end {
                                @if !marks && version.text("IsLatest") != "true" {
                                    form method="post" action={ "buckets/" (bucket) "/object/restore" } {
                                        (Named { key: named.key.clone(), version: id.clone() }.fields(visit))
                                        button.quiet type="submit" aria-label={ (t.make_current) ": " (id) } { (t.make_current) }
                                    }
                                }
                            }
                        }
                    }
                }
            } }
        }
    }
}

/// What a copy does not take with it by itself (S3 API Reference, "CopyObject").
const KEPT: [&str; 5] = [
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];

/// The name of a version as the source of a copy.
pub(crate) fn source(bucket: &str, named: &Named) -> String {
    let version =
        if named.version.is_empty() { String::new() } else { format!("?versionId={}", encode(&named.version)) };
    format!("{bucket}/{}{version}", encode(&named.key))
}

/// A copy of the version that `now` tells of onto its own name, sealed and kept as it is; of no other,
/// should it have been written since.
pub(crate) fn copy(bucket: &str, named: &Named, now: &Reply) -> Ask {
    let mut ask = Ask::object(Method::PUT, bucket, &named.key).header("x-amz-copy-source", &source(bucket, named));
    if let Some(tag) = now.header("etag") {
        ask = ask.header("x-amz-copy-source-if-match", &tag);
    }
    for name in KEPT {
        if let Some(value) = now.header(name) {
            ask = ask.header(name, &value);
        }
    }
    ask
}

/// Makes a version the current one: removes the delete marker above it, or copies it to the top.
pub(crate) async fn restore(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let named = Named::of(visit, true);
    let client = visit.client();
    let listed = versions(visit, bucket, &named).await?;
    let newest = Named { key: named.key.clone(), version: String::new() };
    if is_marker(&Ok(listed.clone()), &named) {
        let marker = listed.iter().find(|version| {
            version.name == "DeleteMarker"
                && (version.text("VersionId") == named.version
                    || (named.version.is_empty() && version.text("IsLatest") == "true"))
        });
        let version = marker.map(|marker| marker.text("VersionId")).unwrap_or_default();
        let marker = Named { key: named.key.clone(), version };
        client.send(marker.ask(Method::DELETE, bucket)).await?;
    } else {
        let now = client.send(named.ask(Method::HEAD, bucket)).await?;
        client.send(copy(bucket, &named, &now)).await?;
    }
    Ok(Outcome::Go(format!("{}&done=undeleted", newest.page(bucket))))
}
