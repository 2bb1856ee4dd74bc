//! Parts that pages share.

use maud::{Markup, html};

use crate::client::Fault;
use crate::texts::{Texts, fill};
use crate::visit::Visit;

/// The token that goes with every change.
pub(crate) fn csrf(visit: &Visit<'_>) -> Markup {
    html! {
        @if let Some(session) = &visit.session { input type="hidden" name="csrf" value=(session.csrf); }
    }
}

/// The head of a page: where it is, what it is, and what can be done.
pub(crate) fn head(trail: &[(&str, &str)], title: &str, actions: &Markup) -> Markup {
    html! {
        div.head {
            div {
                @if !trail.is_empty() {
                    nav.trail aria-label="breadcrumb" {
                        ol { @for (to, name) in trail { li { a href=(to) { (name) } } } }
                    }
                }
                h1 { (title) }
            }
            div.actions { (actions) }
        }
    }
}

/// A list with nothing in it, and what to do about that.
pub(crate) fn empty(title: &str, advice: &str, action: &Markup) -> Markup {
    html! { div.empty { p.title { (title) } p { (advice) } (action) } }
}

/// A refusal in AWS's words, with what to change.
pub(crate) fn fault(t: &Texts, fault: &Fault) -> Markup {
    let hint = hint(t, &fault.code);
    html! {
        div.alert.bad role="alert" {
            p.title { (fault.code) }
            p { (fault.message) }
            @if !hint.is_empty() { p.hint { (hint) } }
            @if !fault.request.is_empty() { p.small { (t.request_id) " " code { (fault.request) } } }
        }
    }
}

/// As [`fault`], for a page that has nothing else.
pub(crate) fn refused(visit: &Visit<'_>, refusal: &Fault) -> Markup {
    html! {
        (head(&[], visit.t.refused, &html! {}))
        (fault(visit.t, refusal))
        p { a href="./" { (visit.t.to_start) } }
    }
}

/// What somebody can do about a refusal; empty where AWS's words say it all.
fn hint<'t>(t: &'t Texts, code: &str) -> &'t str {
    match code {
        "AccessDenied" | "AccessDeniedException" => t.hint_denied,
        "BucketAlreadyExists" | "BucketAlreadyOwnedByYou" => t.hint_taken,
        "InvalidBucketName" => t.hint_bucket_name,
        "BucketNotEmpty" => t.hint_not_empty,
        "MalformedPolicy" | "MalformedPolicyDocument" | "MalformedPolicyDocumentException" => t.hint_policy,
        "MalformedXML" => t.hint_xml,
        "SlowDown" | "ThrottlingException" | "Throttling" => t.hint_slow,
        "KMSInvalidStateException" | "DisabledException" | "KMS.DisabledException" => t.hint_key_state,
        "InvalidBucketState" => t.hint_bucket_state,
        "AccessForbidden" => t.hint_foreign,
        _ => "",
    }
}

/// What was just done, by the word that an address carries; nothing for words that there are not.
pub(crate) fn done(visit: &Visit<'_>) -> Markup {
    let t = visit.t;
    let text = match visit.query.get("done") {
        "created" => t.done_created,
        "deleted" => t.done_deleted,
        "saved" => t.done_saved,
        "uploaded" => t.done_uploaded,
        "undeleted" => t.done_undeleted,
        "scheduled" => t.done_scheduled,
        "raised" => t.done_raised,
        _ => return html! {},
    };
    html! { div.alert.good role="status" { p { (text) } } }
}

/// A field with its name above and a word of help below.
pub(crate) fn field(label: &str, name: &str, help: &str, input: &Markup) -> Markup {
    html! {
        div.field {
            label for=(name) { (label) }
            (input)
            @if !help.is_empty() { p.help id={ (name) "-help" } { (help) } }
        }
    }
}

/// A line of text to fill in.
pub(crate) fn text_field(label: &str, name: &str, help: &str, value: &str) -> Markup {
    let described = (!help.is_empty()).then(|| format!("{name}-help"));
    field(
        label,
        name,
        help,
        &html! {
            input id=(name) name=(name) value=(value) autocomplete="off" spellcheck="false" aria-describedby=[described];
        },
    )
}

/// A document to edit.
pub(crate) fn area(label: &str, name: &str, help: &str, value: &str) -> Markup {
    let described = (!help.is_empty()).then(|| format!("{name}-help"));
    let rows = value.lines().count().clamp(6, 24);
    field(
        label,
        name,
        help,
        &html! {
            textarea.code id=(name) name=(name) rows=(rows) spellcheck="false" autocomplete="off" aria-describedby=[described] {
                // A browser drops the first line break.
                "\n" (value)
            }
        },
    )
}

/// A box to check.
pub(crate) fn check(label: &str, name: &str, help: &str, checked: bool) -> Markup {
    html! {
        div.check {
            input type="checkbox" id=(name) name=(name) value="on" checked[checked] aria-describedby=[(!help.is_empty()).then(|| format!("{name}-help"))];
            div { label for=(name) { (label) } @if !help.is_empty() { p.help id={ (name) "-help" } { (help) } } }
        }
    }
}

/// A form that takes a word typed to confirm what cannot be undone.
pub(crate) fn confirm(
    visit: &Visit<'_>,
    action: &str,
    warning: &str,
    word: &str,
    button: &str,
    hidden: &Markup,
) -> Markup {
    confirm_one(visit, action.rsplit('/').next().unwrap_or_default(), action, warning, word, button, hidden)
}

/// As [`confirm`], of several on one page; `id` tells its field from theirs.
pub(crate) fn confirm_one(
    visit: &Visit<'_>,
    id: &str,
    action: &str,
    warning: &str,
    word: &str,
    button: &str,
    hidden: &Markup,
) -> Markup {
    let t = visit.t;
    let id = format!("confirm-{id}");
    html! {
        form.danger method="post" action=(action) data-confirm=(word) {
            (csrf(visit)) (hidden)
            p { (warning) }
            div.field {
                label for=(id) { (t.type_to_confirm) " " code { (word) } }
                input id=(id) name="confirm" autocomplete="off" spellcheck="false" required;
            }
            button.bad type="submit" { (button) }
        }
    }
}

/// A moment: UTC, which a script puts into the reader's zone.
pub(crate) fn moment(text: &str) -> Markup {
    let readable = text.get(..16).map_or_else(|| text.to_owned(), |short| format!("{} UTC", short.replace('T', " ")));
    html! { time datetime=(text) title=(readable) { (readable) } }
}

/// Bytes, in binary units.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A fact: its name and what it is.
pub(crate) fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// Text that somebody may want to have elsewhere.
pub(crate) fn copyable(t: &Texts, text: &str) -> Markup {
    html! { span.copyable { code { (text) } button.copy.quiet type="button" data-copy=(text) hidden aria-label={ (t.copy) ": " (text) } { (t.copy) } } }
}

/// The next page of a list.
pub(crate) fn more(t: &Texts, to: Option<&str>) -> Markup {
    html! { @if let Some(to) = to { p.more { a.button href=(to) { (t.next_page) } } } }
}

/// Whether the word that was typed is the one that was asked for.
pub(crate) fn is_confirmed(visit: &Visit<'_>, word: &str) -> Result<(), Fault> {
    if visit.form.trimmed("confirm") == word {
        return Ok(());
    }
    let message = fill(visit.t.not_confirmed, &[word]);
    Err(Fault::own(http::StatusCode::BAD_REQUEST, "ConfirmationMissing", &message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (200 << 20, "200.0 MiB"), (u64::MAX, "16.0 EiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn texts_of_others_are_escaped() {
        let attack = "<script>alert(1)</script>\"'";
        for page in [
            head(&[("x", attack)], attack, &html! {}).into_string(),
            text_field(attack, "n", attack, attack).into_string(),
            area("l", "n", "", "</textarea><script>").into_string(),
            moment(attack).into_string(),
        ] {
            assert!(!page.contains("<script"), "{page}");
            assert!(!page.contains("\"'"), "{page}");
        }
    }
}
