//! The report for an auditor, and whether the record is what was written.

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use maud::html;

use crate::answer::full;
use crate::client::Fault;
use crate::house::{About, Form, Told};
use crate::page::{Page, Section};
use crate::screens::overview::only_operators;
use crate::view::{fact, fault, field, head, moment, text_field};
use crate::visit::{Outcome, Visit};

/// The page.
pub(crate) async fn page(visit: &Visit<'_>, refusal: Option<&Fault>) -> Result<Outcome, Fault> {
    only_operators(visit).await?;
    let (t, query) = (visit.t, &visit.query);
    let date = |label: &str, name: &str| {
        field(label, name, "", &html! { input id=(name) name=(name) type="date" value=(query.trimmed(name)); })
    };
    let body = html! {
        (head(&[("record", t.record)], t.report, &html! {}))
        p.lead { (t.report_lead) }
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        form.card method="get" action="record/report/file" {
            (field(t.report_about, "about", "", &html! {
                select id="about" name="about" {
                    @for (value, name) in [("all", t.whole_record), ("key", t.key), ("bucket", t.bucket), ("principal", t.by_person)] {
                        option value=(value) selected[query.get("about") == value] { (name) }
                    }
                }
            }))
            (text_field(t.report_name, "of", t.report_name_help, query.trimmed("of")))
            div.row { (date(t.report_from, "from")) (date(t.report_to, "to")) }
            (field(t.report_format, "format", "", &html! {
                select id="format" name="format" { @for name in ["html", "csv", "json"] { option value=(name) selected[query.get("format") == name] { (name.to_uppercase()) } } }
            }))
            button.primary type="submit" { (t.make_report) }
        }
        section.card {
            h2 { (t.chain) }
            p.help { (t.chain_help) }
            form method="get" action="record/verify" { button type="submit" { (t.verify) } }
        }
    };
    let status = refusal.map_or(StatusCode::OK, |refusal| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Record, t.report, body).status(status)))
}

/// The report, as a file.
pub(crate) async fn file(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    only_operators(visit).await?;
    let query = &visit.query;
    let of = query.trimmed("of").to_owned();
    let about = match query.get("about") {
        "key" => About::Key(of),
        "bucket" => About::Bucket(of),
        "principal" => About::Principal(of),
        _ => About::Everything,
    };
    let (form, kind, name) = match query.get("format") {
        "csv" => (Form::Csv, "text/csv; charset=utf-8", "attachment; filename=\"report.csv\""),
        "json" => (Form::Json, "application/json", "attachment; filename=\"report.json\""),
        _ => (Form::Html, "text/html; charset=utf-8", "attachment; filename=\"report.html\""),
    };
    let day = |name: &str| {
        let day = query.trimmed(name);
        let plain = day.len() == 10 && day.chars().all(|c| c.is_ascii_digit() || c == '-');
        plain.then(|| format!("{day}T00:00:00Z"))
    };
    let made = visit.house.facts.report(about, day("from"), day("to"), form).await;
    let text = match made {
        Told::Done(text) => text,
        Told::Busy => return page(visit, Some(&busy(visit))).await,
        Told::Failed(why) => return page(visit, Some(&failed(&why))).await,
    };
    let mut answer = Response::new(full(text));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(Outcome::Raw(Box::new(answer)))
}

fn busy(visit: &Visit<'_>) -> Fault {
    Fault::own(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", visit.t.report_busy)
}

fn failed(why: &str) -> Fault {
    Fault::own(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", why)
}

/// Whether the record is what was written, looked at now.
pub(crate) async fn verify(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    only_operators(visit).await?;
    let t = visit.t;
    let chain = match visit.house.facts.verify().await {
        Told::Done(chain) => chain,
        Told::Busy => return page(visit, Some(&busy(visit))).await,
        Told::Failed(why) => return page(visit, Some(&failed(&why))).await,
    };
    let valid = chain.findings.is_empty();
    let body = html! {
        (head(&[("record", t.record), ("record/report", t.report)], t.chain, &html! {}))
        section.card {
            p { span.badge.good[valid].bad[!valid] { (if valid { t.chain_valid } else { t.chain_broken }) } " " (moment(&visit.now.rfc3339())) }
            dl.facts {
                (fact(t.events, &html! { (chain.events) }))
                (fact(t.chain_groups, &html! { (chain.groups) }))
                (fact(t.chain_end, &html! { (chain.end) " " code { (chain.tag) } }))
                @if chain.pruned > 0 { (fact(t.chain_pruned, &html! { (chain.pruned) })) }
            }
            @for finding in &chain.findings { p { code { (finding) } } }
        }
    };
    Ok(Outcome::page(Section::Record, t.chain, body))
}
