//! What the gateway does by itself, and what of it fails: lifecycle, notifications.

use arqueta_model::Timestamp;
use maud::{Markup, html};

use crate::client::Fault;
use crate::house::Errands;
use crate::page::Section;
use crate::screens::overview::{is_operator, latest_changes};
use crate::view::{fact, head, moment};
use crate::visit::{Outcome, Visit};

/// The page.
pub(crate) async fn page(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let operator = is_operator(visit, &latest_changes(visit).await);
    let body = html! {
        (head(&[("settings", t.settings)], t.errands, &html! {}))
        @if operator { (shown(visit, &visit.house.facts.errands())) }
        @else { p.quiet { (t.for_operators) } }
    };
    Ok(Outcome::page(Section::Settings, t.errands, body))
}

fn shown(visit: &Visit<'_>, errands: &Errands) -> Markup {
    let t = visit.t;
    let when = |seconds: i64| {
        if seconds == 0 {
            html! { (t.never) }
        } else {
            moment(&Timestamp::from_millis(seconds * 1000).rfc3339())
        }
    };
    html! {
        section.card #lifecycle {
            h2 { (t.lifecycle) }
            dl.facts {
                (fact(t.last_round, &when(errands.last_round)))
                (fact(t.rounds, &html! { (errands.rounds) }))
                (fact(t.rounds_failed, &html! { span.badge.bad[errands.failures > 0] { (errands.failures) } }))
                (fact(t.buckets_left, &html! { (errands.buckets_left) }))
                @for (what, count) in &errands.removed { (fact(removed(visit, what), &html! { (count) })) }
            }
            p.help { (t.since_start) }
        }
        section.card #notifications {
            h2 { (t.notifications) }
            @if errands.targets.is_empty() { p.quiet { (t.no_targets) } }
            @else {
                div.scroll tabindex="0" { table {
                    caption.hidden { (t.notifications) }
                    thead { tr { th scope="col" { (t.target) } th.number scope="col" { (t.told) } th.number scope="col" { (t.failed_attempts) } th.number scope="col" { (t.waiting) } th scope="col" { (t.oldest_waiting) } } }
                    tbody { @for target in &errands.targets { tr {
                        td.strong { (target.name) }
                        td.number { (target.sent) }
                        td.number { (target.failures) }
                        td.number { (target.waiting) }
                        td { @if let Some(oldest) = target.oldest { (when(oldest)) } @else { "—" } }
                    } } }
                } }
            }
            @if errands.unnamed > 0 { p { span.badge.warn { (errands.unnamed) } " " (t.unnamed) } }
        }
    }
}

fn removed<'t>(visit: &Visit<'t>, what: &'t str) -> &'t str {
    let t = visit.t;
    match what {
        "object" => t.removed_object,
        "hidden" => t.removed_hidden,
        "version" => t.removed_version,
        "delete_marker" => t.removed_marker,
        "upload" => t.removed_upload,
        other => other,
    }
}
