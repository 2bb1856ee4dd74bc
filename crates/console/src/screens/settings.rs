//! What is in force here, and who is signed in.

use arqueta_model::Timestamp;
use maud::html;

use crate::client::Fault;
use crate::page::Section;
use crate::screens::overview::{is_operator, latest_changes};
use crate::view::{copyable, fact, head, moment};
use crate::visit::{Outcome, Visit};

/// The page.
pub(crate) async fn page(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let (session, settings) = (visit.session(), &visit.house.settings);
    let operator = is_operator(visit, &latest_changes(visit).await);
    let endpoint = session.base.trim_end_matches(crate::lead::PATH);
    let health = if operator { visit.house.facts.health().await } else { Vec::new() };
    let body = html! {
        (head(&[], t.settings, &html! {}))
        div.columns {
            section.card {
                h2 { (t.session) }
                dl.facts {
                    (fact("ARN", &copyable(t, &session.arn)))
                    (fact(t.account, &html! { code { (session.account) } }))
                    (fact(t.ends, &moment(&Timestamp::from_millis(session.expires).rfc3339())))
                }
            }
            section.card {
                h2 { (t.endpoint) }
                dl.facts {
                    (fact(t.version, &html! { (settings.version) }))
                    (fact(t.region, &html! { code { (settings.region) } }))
                    (fact(t.address, &copyable(t, endpoint)))
                }
            }
        }
        @if operator {
            section.card {
                h2 { (t.health) }
                p { a href="settings/state" { (t.errands) } }
                ul.plain { @for (part, works) in &health { li { span.badge.good[*works].bad[!*works] { (if *works { "✓" } else { "✗" }) } " " (part) } } }
            }
            section.card { h2 { (t.configuration) } pre tabindex="0" { (visit.house.facts.configuration()) } }
        } @else {
            p.quiet { (t.for_operators) }
        }
    };
    Ok(Outcome::page(Section::Settings, t.settings, body))
}
