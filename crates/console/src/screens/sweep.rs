//! Deletion of everything in a folder, some pages at a time.

use http::Method;
use maud::{Markup, html};

use crate::client::xml::{Node, escape};
use crate::client::{Ask, Client, Fault};
use crate::page::Section;
use crate::screens::wire::{checksum, unescaped};
use crate::texts::fill;
use crate::view::{confirm, csrf, fault, head, is_confirmed};
use crate::visit::{Outcome, Visit, encode};

/// Pages of a thousand keys that one request deletes: what a browser waits for.
const PAGES: usize = 10;

/// The form below a list.
pub(crate) fn form(visit: &Visit<'_>, bucket: &str, prefix: &str, versions: bool) -> Markup {
    let t = visit.t;
    let word = if prefix.is_empty() { bucket } else { prefix };
    let hidden = html! {
        input type="hidden" name="prefix" value=(prefix);
        @if versions { input type="hidden" name="versions" value="1"; }
    };
    let warning = if versions { t.sweep_versions_warning } else { t.sweep_warning };
    html! {
        details.card {
            summary { h2 { (t.sweep) } }
            (confirm(visit, &format!("buckets/{bucket}/objects/sweep"), warning, word, t.sweep, &hidden))
        }
    }
}

/// What became of one request.
#[derive(Default)]
struct Swept {
    gone: usize,
    kept: Vec<Node>,
    /// Whether there was more than one request deletes.
    goes_on: bool,
}

/// Deletes, and tells how far it came.
pub(crate) async fn sweep(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let (t, prefix, versions) = (visit.t, visit.form.get("prefix"), visit.form.is_on("versions"));
    let word = if prefix.is_empty() { bucket } else { prefix };
    is_confirmed(visit, word)?;
    let swept = delete(&visit.client(), bucket, prefix, versions).await?;
    let shown = if versions { "&versions=1" } else { "" };
    let back = format!("buckets/{bucket}/objects?prefix={}{shown}", encode(prefix));
    if swept.kept.is_empty() && !swept.goes_on {
        return Ok(Outcome::Go(format!("{back}&done=deleted")));
    }
    let title = if swept.kept.is_empty() { t.sweep } else { t.not_all_deleted };
    let body = html! {
        (head(&[("buckets", t.buckets), (&back, bucket)], title, &html! {}))
        p { (fill(t.swept, &[&swept.gone.to_string()])) }
        @if swept.kept.is_empty() {
            form method="post" action={ "buckets/" (bucket) "/objects/sweep" } {
                (csrf(visit))
                input type="hidden" name="prefix" value=(prefix);
                @if versions { input type="hidden" name="versions" value="1"; }
                input type="hidden" name="confirm" value=(word);
                button.bad type="submit" { (t.go_on) }
            }
        }
        @for error in &swept.kept {
            p { code { (error.text("Key")) } " " code.small { (error.text("VersionId")) } }
            (fault(t, &Fault::own(http::StatusCode::CONFLICT, &error.text("Code"), &error.text("Message"))))
        }
    };
    Ok(Outcome::page(Section::Buckets, title, body))
}

async fn delete(client: &Client<'_>, bucket: &str, prefix: &str, versions: bool) -> Result<Swept, Fault> {
    let mut swept = Swept::default();
    for _ in 0..PAGES {
        // From the start each time: what was there is gone.
        let list = Ask::bucket(Method::GET, bucket).query("encoding-type", "url").query_some("prefix", Some(prefix));
        let list = if versions { list.query("versions", "") } else { list.query("list-type", "2") };
        let answer = client.send(list).await?.xml();
        let entries: Vec<&Node> = answer
            .children
            .iter()
            .filter(|child| ["Contents", "Version", "DeleteMarker"].contains(&child.name.as_str()))
            .collect();
        swept.goes_on = answer.text("IsTruncated") == "true";
        if entries.is_empty() {
            break;
        }
        let document = document(&entries);
        let ask = Ask::bucket(Method::POST, bucket)
            .query("delete", "")
            .header("x-amz-checksum-sha256", &checksum(document.as_bytes()))
            .body(document);
        let answer = client.send(ask).await?.xml();
        swept.kept = answer.all("Error").cloned().collect();
        swept.gone += entries.len() - swept.kept.len();
        // What does not go now would be first again.
        if !swept.kept.is_empty() || !swept.goes_on {
            break;
        }
    }
    Ok(swept)
}

fn document(entries: &[&Node]) -> String {
    let object = |entry: &&Node| {
        let version = entry.text("VersionId");
        let version =
            if version.is_empty() { String::new() } else { format!("<VersionId>{}</VersionId>", escape(&version)) };
        format!("<Object><Key>{}</Key>{version}</Object>", escape(&unescaped(&entry.text("Key"))))
    };
    format!("<Delete><Quiet>true</Quiet>{}</Delete>", entries.iter().map(object).collect::<String>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_what_is_deleted() {
        let listed = Node::parse(
            b"<L><Contents><Key>a%26b+c</Key></Contents><Version><Key>d</Key><VersionId>v</VersionId></Version></L>",
        )
        .unwrap();
        let entries: Vec<_> = listed.children.iter().collect();
        assert_eq!(
            document(&entries),
            "<Delete><Quiet>true</Quiet><Object><Key>a&amp;b c</Key></Object>\
             <Object><Key>d</Key><VersionId>v</VersionId></Object></Delete>"
        );
    }
}
