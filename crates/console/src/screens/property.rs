//! What each property of a bucket has: a call that reads it, a card, and a call that puts it.

use http::Method;
use maud::{Markup, html};

use crate::client::xml::{Node, escape};
use crate::client::{Ask, Fault, Reply};
use crate::screens::wire::checksum;
use crate::view::{area, csrf, fault};
use crate::visit::Visit;

/// A property that is a document of its own, put and deleted as it is.
pub(crate) struct Document {
    /// The sub-resource of S3, and the last part of the form's address.
    pub name: &'static str,
    /// An example to begin with.
    pub example: &'static str,
    /// What is put in its place to take it away; deleted where that is nothing.
    pub nothing: &'static str,
}

/// What S3 has of a bucket at one of its sub-resources.
pub(crate) async fn read(visit: &Visit<'_>, bucket: &str, name: &str) -> Result<Reply, Fault> {
    visit.client().send(Ask::bucket(Method::GET, bucket).query(name, "")).await
}

/// What a call read, or nothing where there is nothing of the kind.
pub(crate) fn present<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.is_absence() => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A card with a form, or with what keeps its content from the reader.
pub(crate) fn card(
    visit: &Visit<'_>,
    title: &str,
    trouble: &Markup,
    action: &str,
    content: &Result<Markup, Fault>,
) -> Markup {
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

/// The card of a document, with more below it.
pub(crate) async fn document_card(
    visit: &Visit<'_>,
    bucket: &str,
    document: &Document,
    (title, help): (&str, &str),
    trouble: &Markup,
) -> Markup {
    let stated = visit.form.get(document.name);
    let content = present(read(visit, bucket, document.name).await).map(|reply| {
        // Some are there always, and empty at first.
        let has = |reply: &&Reply| {
            serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok()
                || Node::parse(&reply.body).is_some_and(|node| !node.children.is_empty())
        };
        let text = reply.as_ref().filter(has).map(|reply| pretty(&reply.body));
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
pub(crate) fn pretty(body: &[u8]) -> String {
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
        return serde_json::to_string_pretty(&value).unwrap_or_default();
    }
    Node::parse(body).map_or_else(|| String::from_utf8_lossy(body).into_owned(), |node| indented(&node, 0))
}

/// An element and what is in it, a line each.
pub(crate) fn indented(node: &Node, depth: usize) -> String {
    let (space, name) = ("  ".repeat(depth), &node.name);
    if node.children.is_empty() {
        return format!("{space}<{name}>{}</{name}>\n", escape(node.content.trim()));
    }
    let inner: String = node.children.iter().map(|child| indented(child, depth + 1)).collect();
    format!("{space}<{name}>\n{inner}{space}</{name}>\n")
}

/// Puts a document at one of a bucket's sub-resources.
pub(crate) async fn put(visit: &Visit<'_>, bucket: &str, name: &str, document: String) -> Result<(), Fault> {
    let digest = checksum(document.as_bytes());
    let ask = Ask::bucket(Method::PUT, bucket).query(name, "").header("x-amz-checksum-sha256", &digest).body(document);
    visit.client().send(ask).await.map(drop)
}

/// Takes away what is at one of a bucket's sub-resources.
pub(crate) async fn delete(visit: &Visit<'_>, bucket: &str, name: &str) -> Result<(), Fault> {
    visit.client().send(Ask::bucket(Method::DELETE, bucket).query(name, "")).await.map(drop)
}

/// Puts a document as it was typed; an empty one takes the property away.
pub(crate) async fn put_document(visit: &Visit<'_>, bucket: &str, document: &Document) -> Result<(), Fault> {
    match visit.form.trimmed(document.name) {
        "" if document.nothing.is_empty() => delete(visit, bucket, document.name).await,
        "" => put(visit, bucket, document.name, document.nothing.to_owned()).await,
        text => put(visit, bucket, document.name, text.to_owned()).await,
    }
}

/// Adds `part` to what is at a sub-resource whose root is `root`.
pub(crate) async fn add(visit: &Visit<'_>, bucket: &str, (name, root): (&str, &str), part: &str) -> Result<(), Fault> {
    let now = present(read(visit, bucket, name).await)?;
    let before: String =
        now.map(|reply| reply.xml().children.iter().map(|child| indented(child, 1)).collect()).unwrap_or_default();
    put(visit, bucket, name, format!("<{root}>\n{before}{part}</{root}>")).await
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
