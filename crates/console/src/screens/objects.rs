//! Objects of a bucket: folders, search, versions, upload, deletion.

use http::Method;
use maud::{Markup, html};

use crate::client::xml::{Node, escape};
use crate::client::{Ask, Fault};
use crate::page::{Page, Section};
use crate::screens::sweep;
use crate::screens::wire::{checksum, unescaped};
use crate::view::{csrf, done, empty, fault, head, moment, more, size};
use crate::visit::{Outcome, Visit, encode};

/// Entries of one page.
const PAGE: &str = "100";
/// How long the form of an upload may lie open.
const FORM_LIFE: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// One entry of a list.
struct Entry {
    key: String,
    version: String,
    modified: String,
    size: u64,
    is_latest: bool,
    is_marker: bool,
}

/// What a list has.
struct Listing {
    folders: Vec<String>,
    entries: Vec<Entry>,
    /// Parameters that lead to the next page.
    next: Option<String>,
}

/// The page.
pub(crate) async fn list(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let t = visit.t;
    let prefix = visit.query.get("prefix");
    let versions = visit.query.is_on("versions");
    let listing =
        if versions { versions_of(visit, bucket, prefix).await? } else { current(visit, bucket, prefix).await? };
    let actions = html! {
        a.button href={ "buckets/" (bucket) "/properties" } { (t.properties) }
    };
    let is_empty = listing.folders.is_empty() && listing.entries.is_empty();
    let next = listing.next.as_ref().map(|next| format!("{}{next}", here(bucket, prefix, versions)));
    let bulk = sweep::form(visit, bucket, prefix, versions);
    let body = html! {
        (head(&[("buckets", t.buckets)], bucket, &actions))
        (done(visit))
        (path(visit, bucket, prefix, versions))
        (upload(visit, bucket, prefix))
        (tools(visit, bucket, prefix, versions))
        @if is_empty && prefix.is_empty() && visit.query.get("token").is_empty() {
            (empty(t.no_objects, t.no_objects_advice, &html! {}))
        } @else if is_empty {
            p.quiet { (t.nothing_found) }
        } @else {
            (table(visit, bucket, prefix, &listing, versions))
            (more(t, next.as_deref()))
            (bulk)
        }
    };
    Ok(Outcome::Page(Page::new(Section::Buckets, bucket, body).script(&["upload.js"])))
}

fn here(bucket: &str, prefix: &str, versions: bool) -> String {
    let versions = if versions { "&versions=1" } else { "" };
    format!("buckets/{bucket}/objects?prefix={}{versions}", encode(prefix))
}

async fn current(visit: &Visit<'_>, bucket: &str, prefix: &str) -> Result<Listing, Fault> {
    let ask = Ask::bucket(Method::GET, bucket)
        .query("list-type", "2")
        .query("delimiter", "/")
        .query("encoding-type", "url")
        .query("max-keys", PAGE)
        .query_some("prefix", Some(prefix))
        .query_some("continuation-token", Some(visit.query.get("token")));
    let answer = visit.client().send(ask).await?.xml();
    let next = answer.text("NextContinuationToken");
    Ok(Listing {
        folders: folders(&answer),
        entries: answer.all("Contents").map(|object| entry(object, true)).filter(|entry| entry.key != prefix).collect(),
        next: (!next.is_empty()).then(|| format!("&token={}", encode(&next))),
    })
}

async fn versions_of(visit: &Visit<'_>, bucket: &str, prefix: &str) -> Result<Listing, Fault> {
    let ask = Ask::bucket(Method::GET, bucket)
        .query("versions", "")
        .query("delimiter", "/")
        .query("encoding-type", "url")
        .query("max-keys", PAGE)
        .query_some("prefix", Some(prefix))
        .query_some("key-marker", Some(visit.query.get("key-marker")))
        .query_some("version-id-marker", Some(visit.query.get("version-marker")));
    let answer = visit.client().send(ask).await?.xml();
    let listed = answer.children.iter().filter(|child| ["Version", "DeleteMarker"].contains(&child.name.as_str()));
    let entries = listed.map(|version| entry(version, false)).collect();
    let (key, version) = (unescaped(&answer.text("NextKeyMarker")), answer.text("NextVersionIdMarker"));
    let is_cut = answer.text("IsTruncated") == "true";
    let next = is_cut.then(|| format!("&key-marker={}&version-marker={}", encode(&key), encode(&version)));
    Ok(Listing { folders: folders(&answer), entries, next })
}

fn folders(answer: &Node) -> Vec<String> {
    answer.all("CommonPrefixes").map(|folder| unescaped(&folder.text("Prefix"))).collect()
}

fn entry(object: &Node, current: bool) -> Entry {
    Entry {
        key: unescaped(&object.text("Key")),
        version: object.text("VersionId"),
        modified: object.text("LastModified"),
        size: object.text("Size").parse().unwrap_or_default(),
        is_latest: current || object.text("IsLatest") == "true",
        is_marker: object.name == "DeleteMarker",
    }
}

fn path(visit: &Visit<'_>, bucket: &str, prefix: &str, versions: bool) -> Markup {
    let mut steps = Vec::new();
    for (at, _) in prefix.match_indices('/') {
        let whole = &prefix[..=at];
        let name = whole.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        steps.push((whole.to_owned(), name.to_owned()));
    }
    html! {
        nav.path aria-label=(visit.t.folders) {
            a href=(here(bucket, "", versions)) { (bucket) }
            @for (whole, name) in &steps { span aria-hidden="true" { "/" } a href=(here(bucket, whole, versions)) { (name) } }
        }
    }
}

/// Upload: a form that S3 takes as it is, which a script turns into a queue.
fn upload(visit: &Visit<'_>, bucket: &str, prefix: &str) -> Markup {
    let t = visit.t;
    let folder = prefix.rfind('/').map_or("", |at| &prefix[..=at]);
    let session = visit.session();
    let back = format!("{}buckets/{bucket}/objects?prefix={}&done=uploaded", session.base, encode(folder));
    let form = visit.client().scope.form(bucket, folder, &back, FORM_LIFE);
    html! {
        details.upload #upload open[prefix.is_empty() && visit.query.get("done") == "created"]
            data-address={ "buckets/" (bucket) "/upload" } data-folder=(folder) data-csrf=(session.csrf)
            data-done=(t.upload_done) data-failed=(t.upload_failed) data-again=(t.upload_again) data-waiting=(t.upload_waiting)
            data-sending=(t.upload_sending) data-checking=(t.upload_checking) data-reload=(t.upload_reload) data-lost=(t.upload_lost) {
            summary.button.primary { (t.upload) }
            div.drop {
                p { (t.upload_drop) }
                form method="post" action={ "../../" (bucket) } enctype="multipart/form-data" {
                    @for (name, value) in &form.fields { input type="hidden" name=(name) value=(value); }
                    label.hidden for="file" { (t.file) }
                    input type="file" id="file" name="file" required;
                    button type="submit" { (t.upload) }
                }
                ul.queue aria-live="polite" {}
            }
        }
    }
}

fn tools(visit: &Visit<'_>, bucket: &str, prefix: &str, versions: bool) -> Markup {
    let t = visit.t;
    let folder = prefix.rfind('/').map_or("", |at| &prefix[..=at]);
    html! {
        div.tools {
            form.search method="get" action={ "buckets/" (bucket) "/objects" } role="search" {
                label.hidden for="prefix" { (t.key_begins) }
                input id="prefix" name="prefix" value=(prefix) placeholder=(t.key_begins) type="search" autocomplete="off" spellcheck="false";
                @if versions { input type="hidden" name="versions" value="1"; }
                button type="submit" { (t.search) }
            }
            @if versions { a.button href=(here(bucket, prefix, false)) { (t.hide_versions) } }
            @else { a.button href=(here(bucket, prefix, true)) { (t.show_versions) } }
            details.popup {
                summary.button { (t.new_folder) }
                form.menu method="post" action={ "buckets/" (bucket) "/objects/folder" } {
                    (csrf(visit))
                    input type="hidden" name="prefix" value=(folder);
                    div.field { label for="folder" { (t.folder_name) } input id="folder" name="folder" required autocomplete="off"; }
                    button type="submit" { (t.create) }
                }
            }
        }
    }
}

fn table(visit: &Visit<'_>, bucket: &str, prefix: &str, listing: &Listing, versions: bool) -> Markup {
    let t = visit.t;
    let folder = prefix.rfind('/').map_or("", |at| &prefix[..=at]);
    let short = |key: &str| key.strip_prefix(folder).filter(|rest| !rest.is_empty()).unwrap_or(key).to_owned();
    html! {
        form method="post" action={ "buckets/" (bucket) "/objects/delete" } data-selection {
            (csrf(visit))
            input type="hidden" name="prefix" value=(prefix);
            @if versions { input type="hidden" name="versions" value="1"; }
            div.scroll {
                table {
                    caption.hidden { (t.objects) }
                    thead { tr {
                        th.box scope="col" { input type="checkbox" data-all hidden aria-label=(t.select_all); }
                        th scope="col" { (t.name) }
                        th.number scope="col" { (t.size) }
                        th scope="col" { (t.modified) }
                    } }
                    tbody {
                        @for name in &listing.folders {
                            tr { td {} td colspan="3" { a.folder href=(here(bucket, name, versions)) { (short(name)) } } }
                        }
                        @for entry in &listing.entries { (row(visit, bucket, entry, &short(&entry.key), versions)) }
                    }
                }
            }
            div.bulk {
                button.bad type="submit" { (t.delete_selected) }
                p.help { (if versions { t.delete_versions_help } else { t.delete_objects_help }) }
            }
        }
    }
}

fn row(visit: &Visit<'_>, bucket: &str, entry: &Entry, name: &str, versions: bool) -> Markup {
    let t = visit.t;
    let version = if versions { entry.version.as_str() } else { "" };
    let mut to = format!("buckets/{bucket}/object?key={}", encode(&entry.key));
    if !version.is_empty() {
        to.push_str(&format!("&version={}", encode(version)));
    }
    html! {
        tr {
            td.box { input type="checkbox" name="key" value={ (version) "/" (entry.key) } aria-label={ (t.select) ": " (entry.key) }; }
            td {
                a.file href=(to) { (name) }
                @if versions { " " code.small { (entry.version) } }
                @if versions && entry.is_latest { " " span.badge { (t.latest) } }
                @if entry.is_marker { " " span.badge.warn { (t.delete_marker) } }
            }
            td.number { @if !entry.is_marker { (size(entry.size)) } }
            td { (moment(&entry.modified)) }
        }
    }
}

/// Deletes what was selected, by one call.
pub(crate) async fn delete_many(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let prefix = visit.form.get("prefix");
    let versions = visit.form.is_on("versions");
    let mut document = String::from("<Delete>");
    for (version, key) in visit.form.all("key").filter_map(|named| named.split_once('/')) {
        document.push_str(&format!("<Object><Key>{}</Key>", escape(key)));
        if !version.is_empty() {
            document.push_str(&format!("<VersionId>{}</VersionId>", escape(version)));
        }
        document.push_str("</Object>");
    }
    document.push_str("</Delete>");
    let back = here(bucket, prefix, versions);
    if document.len() == "<Delete></Delete>".len() {
        return Ok(Outcome::Go(back));
    }
    let digest = checksum(document.as_bytes());
    let ask =
        Ask::bucket(Method::POST, bucket).query("delete", "").header("x-amz-checksum-sha256", &digest).body(document);
    let answer = visit.client().send(ask).await?.xml();
    let errors: Vec<_> = answer.all("Error").collect();
    if errors.is_empty() {
        return Ok(Outcome::Go(format!("{back}&done=deleted")));
    }
    let body = html! {
        (head(&[("buckets", visit.t.buckets), (&here(bucket, prefix, versions), bucket)], visit.t.not_all_deleted, &html! {}))
        @for error in errors {
            p { code { (error.text("Key")) } " " code.small { (error.text("VersionId")) } }
            (fault(visit.t, &Fault::own(http::StatusCode::CONFLICT, &error.text("Code"), &error.text("Message"))))
        }
    };
    Ok(Outcome::page(Section::Buckets, visit.t.not_all_deleted, body))
}

/// Makes a folder: an empty object whose name ends with a slash, as S3's console makes them.
pub(crate) async fn make_folder(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let name = visit.form.trimmed("folder").trim_matches('/');
    let key = format!("{}{name}/", visit.form.get("prefix"));
    if !name.is_empty() {
        visit.client().send(Ask::object(Method::PUT, bucket, &key)).await?;
    }
    Ok(Outcome::Go(here(bucket, &key, false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_leads_to_itself() {
        assert_eq!(here("b", "a b/", true), "buckets/b/objects?prefix=a%20b%2F&versions=1");
    }
}
