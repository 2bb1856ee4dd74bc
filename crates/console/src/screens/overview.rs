//! The first page: what there is, what bucket keys saved, and what wants looking after.

use http::Method;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::client::{Ask, Fault};
use crate::page::Section;
use crate::screens::keys::text;
use crate::screens::record::{events, target};
use crate::view::{fault, head, size};
use crate::visit::{Outcome, Visit};

/// Buckets that are counted.
const COUNTED: &str = "1000";

/// The latest changes, which not everybody may read.
pub(crate) async fn latest_changes(visit: &Visit<'_>) -> Result<Value, Fault> {
    // Not what the console itself reads all the time.
    let changes = json!([{ "AttributeKey": "ReadOnly", "AttributeValue": "false" }]);
    let input = json!({ "MaxResults": 8, "LookupAttributes": changes });
    visit.client().json("cloudtrail", &target("LookupEvents"), &input).await
}

/// Whether the person may see what is the operator's: a member of the home account that may read its
/// record, as `latest` shows.
pub(crate) fn is_operator(visit: &Visit<'_>, latest: &Result<Value, Fault>) -> bool {
    latest.is_ok() && visit.session().account == visit.house.settings.account
}

/// Whoever is no operator is told so.
pub(crate) async fn only_operators(visit: &Visit<'_>) -> Result<(), Fault> {
    let latest = latest_changes(visit).await;
    if is_operator(visit, &latest) {
        return Ok(());
    }
    // In AWS's words where these are what keeps somebody out.
    latest?;
    Err(Fault::own(http::StatusCode::FORBIDDEN, "AccessDenied", visit.t.for_operators_only))
}

/// The page.
pub(crate) async fn page(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let client = visit.client();
    let buckets = client.send(Ask::account(Method::GET).query("max-buckets", COUNTED)).await;
    let keys = client.kms("ListKeys", json!({ "Limit": 1000 })).await;
    let latest = latest_changes(visit).await;
    let operator = is_operator(visit, &latest);
    let total = if operator { visit.house.facts.total().await } else { None };
    let count = |count: usize, more: bool| format!("{count}{}", if more { "+" } else { "" });
    let body = html! {
        (head(&[], t.overview, &html! { a.button href="attention" { (t.attention) } a.button.primary href="buckets/new" { (t.create_bucket) } }))
        @if operator { (warnings(visit).await) }
        div.tiles {
            (tile(t.buckets, "buckets", &buckets.map(|reply| {
                let answer = reply.xml();
                count(answer.members("Buckets").count(), !answer.text("ContinuationToken").is_empty())
            })))
            (tile(t.keys, "keys", &keys.map(|listed| count(listed["Keys"].as_array().map_or(0, Vec::len), listed["Truncated"] == true))))
            @if operator {
                @let (made, saved) = visit.house.facts.key_calls();
                @if let Some(total) = &total {
                    div.tile { p.quiet { (t.objects) } p.figure { (total.objects) } }
                    div.tile { p.quiet { (t.size) } p.figure { (size(total.bytes)) } }
                }
                div.tile { p.quiet { (t.key_calls_made) } p.figure #made { (made) } }
                div.tile { p.quiet { (t.key_calls_saved) } p.figure #saved { (saved) } p.help { (t.key_calls_help) } }
            }
        }
        (trails(visit).await)
        section.card {
            h2 { (t.latest_changes) }
            @match &latest {
                Err(refusal) => (fault(t, refusal)),
                Ok(latest) => (events(t, latest)),
            }
            p { a href="record" { (t.whole_record) } }
        }
    };
    Ok(Outcome::page(Section::Overview, t.overview, body))
}

fn tile(name: &str, to: &str, value: &Result<String, Fault>) -> Markup {
    html! {
        div.tile {
            p { a href=(to) { (name) } }
            @match value {
                Ok(value) => p.figure { (value) },
                Err(fault) => p { span.badge.bad { (fault.code) } },
            }
        }
    }
}

async fn warnings(visit: &Visit<'_>) -> Markup {
    let t = visit.t;
    let broken: Vec<String> =
        visit.house.facts.health().await.into_iter().filter(|(_, works)| !works).map(|(part, _)| part).collect();
    html! {
        @for part in &broken { div.alert.bad role="alert" { p.title { (t.not_working) } p { code { (part) } } } }
        @for warning in visit.house.facts.warnings() { div.alert.warn { p.title { (t.warning) } p { (warning) } } }
    }
}

async fn trails(visit: &Visit<'_>) -> Markup {
    let t = visit.t;
    let client = visit.client();
    let listed = match client.json("cloudtrail", &target("DescribeTrails"), &json!({})).await {
        Ok(listed) => listed["trailList"].as_array().cloned().unwrap_or_default(),
        Err(refusal) => return html! { section.card { h2 { (t.trails) } (fault(t, &refusal)) } },
    };
    let mut rows = Vec::new();
    for trail in &listed {
        let arn = text(trail, "TrailARN");
        let status = client.json("cloudtrail", &target("GetTrailStatus"), &json!({ "Name": arn })).await;
        rows.push((text(trail, "Name"), text(trail, "S3BucketName"), status));
    }
    html! {
        section.card {
            h2 { a href="record/trails" { (t.trails) } }
            @if rows.is_empty() { p.quiet { (t.no_trails) } }
            @for (name, bucket, status) in &rows {
                div.row {
                    strong { (name) } code { (bucket) }
                    @match status {
                        Ok(status) => {
                            @let is_on = status["IsLogging"] == true;
                            span.badge.good[is_on].warn[!is_on] { (if is_on { t.delivering } else { t.stopped }) }
                            @let error = text(status, "LatestDeliveryError");
                            @if !error.is_empty() { span.badge.bad { (error) } }
                        },
                        Err(fault) => span.badge.bad { (fault.code) },
                    }
                }
            }
        }
    }
}
