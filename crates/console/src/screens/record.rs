//! The record: who did what, with what, from where.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::keys::text;
use crate::texts::{Texts, fill};
use crate::view::{fault, head, moment, more};
use crate::visit::{Outcome, Visit, encode};

/// Events of one page.
const PAGE: u32 = 50;
/// What LookupEvents can be asked for, one at a time.
const ATTRIBUTES: [&str; 5] = ["Username", "ResourceName", "EventName", "EventSource", "AccessKeyId"];

/// The page.
pub(crate) async fn page(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let query = &visit.query;
    let mut input = lookup(visit, PAGE);
    let (by, value) = (query.get("by"), query.trimmed("value"));
    for (field, name) in [("from", "StartTime"), ("to", "EndTime")] {
        if let Some(seconds) = seconds(query.trimmed(field)) {
            input[name] = json!(seconds);
        }
    }
    if query.is_on("token") {
        input["NextToken"] = json!(query.get("token"));
    }
    let found = visit.client().json("cloudtrail", &target("LookupEvents"), &input).await;
    let next = found.as_ref().ok().map(|found| text(found, "NextToken")).filter(|token| !token.is_empty());
    let next = next.map(|token| {
        format!(
            "record?by={}&value={}&from={}&to={}&token={}",
            encode(by),
            encode(value),
            encode(query.trimmed("from")),
            encode(query.trimmed("to")),
            encode(&token)
        )
    });
    let body = html! {
        (head(&[], t.record, &html! {
            a.button href="record/report" { (t.report) }
            a.button href="record/trails" { (t.trails) }
        }))
        p.lead { (t.record_lead) }
        (form(visit, by, value))
        @if let Ok(found) = &found { (live(visit, found)) }
        @match &found {
            Err(refusal) => (fault(t, refusal)),
            Ok(found) => {
                (events(t, found))
                (more(t, next.as_deref()))
            },
        }
    };
    Ok(Outcome::Page(Page::new(Section::Record, t.record, body).script(&["tail.js"])))
}

/// Where what comes from now on is shown, by a script.
fn live(visit: &Visit<'_>, found: &Value) -> Markup {
    let t = visit.t;
    let newest = &found["Events"][0];
    let seconds = newest["EventTime"].as_f64().unwrap_or_default() as i64;
    // The list of an older page is not the newest.
    let since = if seconds == 0 || visit.query.is_on("token") || visit.query.is_on("to") {
        String::new()
    } else {
        format!("{seconds}.{}", text(newest, "EventId"))
    };
    let address = format!(
        "record/tail?by={}&value={}&since={since}",
        encode(visit.query.get("by")),
        encode(visit.query.trimmed("value"))
    );
    html! {
        section #tail data-address=(address) data-live=(t.tail_live) data-lost=(t.tail_lost) data-over=(t.tail_over) {
            div.row { button type="button" hidden aria-pressed="false" { (t.tail) } span.state.help role="status" {} }
            ol.events hidden aria-label=(t.tail) {}
        }
    }
}

/// A call of LookupEvents for what the address asks about.
pub(crate) fn lookup(visit: &Visit<'_>, most: u32) -> Value {
    let (by, value) = (visit.query.get("by"), visit.query.trimmed("value"));
    let mut input = json!({ "MaxResults": most });
    if !value.is_empty() && ATTRIBUTES.contains(&by) {
        let value = if by == "ResourceName" { resource(visit, value) } else { value.to_owned() };
        input["LookupAttributes"] = json!([{ "AttributeKey": by, "AttributeValue": value }]);
    }
    input
}

/// The ARN by which the record names what people call by its short name: a key by its id, a bucket.
fn resource(visit: &Visit<'_>, name: &str) -> String {
    let is_key = name.len() == 36 && name.matches('-').count() == 4 || name.starts_with("mrk-");
    match name {
        _ if name.contains(':') || name.starts_with("alias/") => name.to_owned(),
        _ if is_key => {
            format!("arn:aws:kms:{}:{}:key/{name}", visit.house.settings.region, visit.session().account)
        }
        _ => format!("arn:aws:s3:::{name}"),
    }
}

/// The target of an operation of CloudTrail.
pub(crate) fn target(operation: &str) -> String {
    format!("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{operation}")
}

/// Seconds since the epoch of what a field for date and time has: UTC, to the minute or second.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let digits: String = text.chars().filter(|c| c.is_ascii_digit()).collect();
    let padded = match digits.len() {
        8 => format!("{digits}000000"),
        12 => format!("{digits}00"),
        14 => digits,
        _ => return None,
    };
    let date = s3s_sigv4::AmzDate::parse(&format!("{}T{}Z", &padded[..8], &padded[8..])).ok()?;
    arqueta_call::signature::moment(&date).map(arqueta_model::Timestamp::seconds)
}

fn form(visit: &Visit<'_>, by: &str, value: &str) -> Markup {
    let t = visit.t;
    let names = [t.by_person, t.by_resource, t.by_event, t.by_service, t.by_access_key];
    html! {
        form.tools.filters method="get" action="record" role="search" {
            div.field { label for="by" { (t.search_by) } select id="by" name="by" {
                @for (attribute, name) in ATTRIBUTES.iter().zip(names) { option value=(attribute) selected[*attribute == by] { (name) } }
            } }
            div.field.grow { label for="value" { (t.exactly) } input id="value" name="value" value=(value) type="search" autocomplete="off" spellcheck="false"; }
            div.field { label for="from" { (t.from_utc) } input id="from" name="from" type="datetime-local" value=(visit.query.trimmed("from")); }
            div.field { label for="to" { (t.to_utc) } input id="to" name="to" type="datetime-local" value=(visit.query.trimmed("to")); }
            button.primary type="submit" { (t.search) }
        }
    }
}

/// Events as a list, each of which opens.
pub(crate) fn events(t: &Texts, found: &Value) -> Markup {
    let events: Vec<&Value> = found["Events"].as_array().into_iter().flatten().collect();
    if events.is_empty() {
        return html! { p.quiet { (t.nothing_found) } };
    }
    html! {
        ol.events {
            @for event in events {
                @let whole = serde_json::from_str::<Value>(&text(event, "CloudTrailEvent")).unwrap_or_default();
                li {
                    details {
                        summary {
                            span.when { (moment(&text(&whole, "eventTime"))) }
                            span.what { (in_words(t, event, &whole)) }
                            @if !text(&whole, "errorCode").is_empty() { " " span.badge.bad { (text(&whole, "errorCode")) } }
                        }
                        pre tabindex="0" { (serde_json::to_string_pretty(&whole).unwrap_or_default()) }
                    }
                }
            }
        }
    }
}

/// An event in a sentence.
pub(crate) fn in_words(t: &Texts, event: &Value, whole: &Value) -> String {
    let identity = &whole["userIdentity"];
    let arn = text(identity, "arn");
    let who = [
        text(event, "Username"),
        arn.rsplit([':', '/']).next().unwrap_or_default().to_owned(),
        text(identity, "invokedBy"),
    ];
    let who = who.iter().find(|name| !name.is_empty()).map_or(t.somebody, String::as_str);
    let on: Vec<String> = event["Resources"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|resource| text(resource, "ResourceName"))
        .filter(|name| !name.is_empty())
        .collect();
    let (name, from) = (text(event, "EventName"), text(whole, "sourceIPAddress"));
    if on.is_empty() {
        fill(t.event_plain, &[who, &name, &from])
    } else {
        fill(t.event_on, &[who, &name, &on.join(", "), &from])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    #[test]
    fn what_a_browser_writes_is_a_time() {
        assert_eq!(seconds("2026-01-01T00:00"), Some(1_767_225_600));
        assert_eq!(seconds("2026-01-01T00:00:01"), Some(1_767_225_601));
        assert_eq!(seconds("2026-01-01"), Some(1_767_225_600));
        for text in ["", "yesterday", "2026-13-01T00:00", "20260"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn an_event_is_a_sentence() {
        let event = json!({ "Username": "ana", "EventName": "Decrypt", "Resources": [{ "ResourceName": "k" }] });
        let whole = json!({ "sourceIPAddress": "192.0.2.1" });
        assert_eq!(in_words(Language::English.texts(), &event, &whole), "ana called Decrypt on k from 192.0.2.1");
        assert!(!in_words(Language::Spanish.texts(), &json!({}), &json!({})).is_empty());
    }
}
