//! The access review: everybody who may do something, and by which statement or grant.

use http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::keys::text;
use crate::screens::overview::only_operators;
use crate::texts::fill;
use crate::view::{fault, head, text_field};
use crate::visit::{Outcome, Visit};

/// The page, with the answer where the address asks something. Reading changes nothing: the address is the question.
pub(crate) async fn page(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    only_operators(visit).await?;
    let t = visit.t;
    let (action, resource) = (visit.query.trimmed("action"), visit.query.trimmed("resource"));
    let asked = !action.is_empty() || !resource.is_empty();
    let answer = if asked { Some(visit.house.facts.who_can(action, resource).await) } else { None };
    let body = html! {
        (head(&[("identities", t.identities)], t.access, &html! { a.button href="simulate" { (t.simulate) } }))
        p.lead { (t.access_lead) }
        form.card method="get" action="access" {
            (text_field(t.action, "action", t.access_action_help, action))
            (text_field(t.resource, "resource", t.access_resource_help, resource))
            button.primary type="submit" { (t.ask) }
        }
        @match &answer {
            None => {},
            Some(Err(why)) => (fault(t, &Fault::own(StatusCode::BAD_REQUEST, "ValidationError", why))),
            Some(Ok(answer)) => (shown(visit, answer)),
        }
    };
    let status = if matches!(answer, Some(Err(_))) { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(Outcome::Page(Page::new(Section::Identities, t.access, body).status(status)))
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn shown(visit: &Visit<'_>, answer: &Value) -> Markup {
    let t = visit.t;
    let may = answer["may"].as_u64().unwrap_or_default();
    let more = answer["more"].as_u64().unwrap_or_default();
    html! {
        section.card #who {
            h2 { (t.answer) }
            @for ask in list(answer, "asked") { p { code { (text(ask, "action")) } " " code { (text(ask, "resource")) } } }
            @for note in list(answer, "notes") { p.help { (note.as_str().unwrap_or_default()) } }
            p { (fill(t.access_found, &[&may.to_string(), &answer["principals"].to_string()])) }
            @for one in list(answer, "unreadable") { p { span.badge.bad { (t.unreadable) } " " code { (one.as_str().unwrap_or_default()) } } }
            @if may > 0 {
                div.scroll tabindex="0" { table {
                    caption.hidden { (t.access) }
                    thead { tr { th scope="col" { (t.principal) } th scope="col" { (t.answer) } th scope="col" { (t.access_by) } } }
                    tbody { @for one in list(answer, "found") { (row(visit, one)) } }
                } }
            }
            @if more > 0 { p.help { (fill(t.access_more, &[&more.to_string()])) } }
        }
    }
}

fn row(visit: &Visit<'_>, one: &Value) -> Markup {
    let t = visit.t;
    let may = &one["may"];
    let example = may["sometimes"].as_object();
    html! {
        tr {
            td { code { (text(one, "principal")) } br; span.small { (text(one, "kind")) } }
            td {
                @if may == "always" { span.badge.good { (t.always) } }
                @else if let Some(example) = example {
                    span.badge.warn { (t.sometimes) }
                    @if !example.is_empty() { p.help { (t.access_example) " " @for (key, values) in example { code { (key) " = " (values) } " " } } }
                } @else { span.badge.warn { (t.undecided) } }
            }
            td {
                @for said in list(one, "by") { (statement(said)) }
                @for said in list(one, "unless") { p { span.badge.bad { (t.access_unless) } " " } (statement(said)) }
            }
        }
    }
}

fn statement(said: &Value) -> Markup {
    let plain = ["name", "group", "statement"].map(|name| text(said, name));
    html! {
        p {
            (text(said, "by"))
            @for part in plain.iter().filter(|part| !part.is_empty()) { " · " code { (part) } }
            @if said["onlyIf"].is_object() { br; code.small { (said["onlyIf"]) } }
        }
    }
}
