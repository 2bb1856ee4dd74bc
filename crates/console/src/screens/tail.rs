//! What the record gains, as it gains it: an event stream that a browser asks for again and again, each time
//! by one call of LookupEvents as the person. No connection stays open, and nothing is kept between two.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use serde_json::{Value, json};

use crate::answer::full;
use crate::client::Fault;
use crate::screens::keys::text;
use crate::screens::record::{in_words, lookup, target};
use crate::visit::{Outcome, Visit};

/// Events of one answer; what comes faster is found by a search.
const MOST: u32 = 50;
/// Milliseconds until a browser asks again.
const PAUSE: u32 = 2500;

/// What came after the event that the browser had last.
pub(crate) async fn stream(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let known = visit.says("last-event-id").unwrap_or_else(|| visit.query.get("since"));
    let (seconds, last) = known.split_once('.').unwrap_or_default();
    let mut input = lookup(visit, MOST);
    // Whoever has no event yet sees what comes from now on.
    input["StartTime"] = json!(seconds.parse().unwrap_or_else(|_| visit.now.seconds()));
    let found = visit.client().json("cloudtrail", &target("LookupEvents"), &input).await?;
    let body = said(visit, &found, last);
    let mut answer = Response::new(full(Bytes::from(body)));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(Outcome::Raw(Box::new(answer)))
}

/// The events of `found` that are newer than `last`, oldest first (HTML, "Server-sent events").
fn said(visit: &Visit<'_>, found: &Value, last: &str) -> String {
    let mut body = format!("retry: {PAUSE}\n\n");
    let newer: Vec<&Value> =
        found["Events"].as_array().into_iter().flatten().take_while(|event| text(event, "EventId") != last).collect();
    for event in newer.into_iter().rev() {
        let whole: Value = serde_json::from_str(&text(event, "CloudTrailEvent")).unwrap_or_default();
        // Looking would show itself for ever.
        let is_looking =
            text(event, "EventName") == "LookupEvents" && text(&whole, "userAgent").starts_with("[ArquetaConsole/");
        let seconds = event["EventTime"].as_f64().unwrap_or_default() as i64;
        body.push_str(&format!("id: {seconds}.{}\n", text(event, "EventId")));
        if !is_looking {
            // JSON has no line breaks, and the id of an event none either.
            let shown = json!({
                "time": text(&whole, "eventTime"),
                "words": in_words(visit.t, event, &whole),
                "error": text(&whole, "errorCode"),
                "whole": serde_json::to_string_pretty(&whole).unwrap_or_default(),
            });
            body.push_str(&format!("data: {shown}\n"));
        }
        body.push('\n');
    }
    body
}
