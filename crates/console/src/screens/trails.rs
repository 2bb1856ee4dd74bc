//! Trails: which events go where, and whether they arrive.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::key_parts::at;
use crate::screens::keys::text;
use crate::screens::record::target;
use crate::view::{area, check, confirm_one, csrf, done, empty, fact, fault, head, is_confirmed, text_field};
use crate::visit::{Outcome, Visit, encode};

async fn call(visit: &Visit<'_>, operation: &str, input: Value) -> Result<Value, Fault> {
    visit.client().json("cloudtrail", &target(operation), &input).await
}

/// The page; `refusal` is of an act.
pub(crate) async fn page(visit: &Visit<'_>, refusal: Option<&Fault>) -> Result<Outcome, Fault> {
    let (t, form) = (visit.t, &visit.form);
    let listed = call(visit, "DescribeTrails", json!({})).await?;
    let mut cards = Vec::new();
    for trail in listed["trailList"].as_array().into_iter().flatten() {
        cards.push(card(visit, trail).await);
    }
    let first = !form.is_on("csrf");
    let body = html! {
        (head(&[("record", t.record)], t.trails, &html! {}))
        (done(visit))
        p.lead { (t.trails_lead) }
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        @if cards.is_empty() { (empty(t.no_trails_yet, t.no_trails, &html! {})) }
        @for card in &cards { (card) }
        details.card open[refusal.is_some() && form.is_on("bucket")] {
            summary { h2 { (t.new_trail) } }
            form method="post" action="record/trails" {
                (csrf(visit))
                (text_field(t.name, "name", "", form.get("name")))
                (text_field(t.bucket, "bucket", t.trail_bucket_help, form.get("bucket")))
                (text_field(t.key_begins, "prefix", "", form.get("prefix")))
                (text_field(t.kms_key, "trail-key", t.trail_key_help, form.get("trail-key")))
                (check(t.digests, "digests", t.digests_help, first || form.is_on("digests")))
                button type="submit" { (t.create_trail) }
            }
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Record, t.trails, body).status(status)))
}

async fn card(visit: &Visit<'_>, trail: &Value) -> Markup {
    let t = visit.t;
    let (name, arn) = (text(trail, "Name"), text(trail, "TrailARN"));
    let status = call(visit, "GetTrailStatus", json!({ "Name": arn })).await;
    let selectors = call(visit, "GetEventSelectors", json!({ "TrailName": arn })).await;
    let is_on = status.as_ref().is_ok_and(|status| status["IsLogging"] == true);
    let act = if is_on { ("stop", t.stop_trail) } else { ("start", t.start_trail) };
    let to = |act: &str| format!("record/trails/{}/{act}", encode(&name));
    html! {
        section.card {
            h2 { (name) }
            p { span.badge.good[is_on].warn[!is_on] { (if is_on { t.delivering } else { t.stopped }) } }
            dl.facts {
                (fact(t.bucket, &html! { code { (text(trail, "S3BucketName")) @if !text(trail, "S3KeyPrefix").is_empty() { "/" (text(trail, "S3KeyPrefix")) } } }))
                (fact(t.digests, &html! { (if trail["LogFileValidationEnabled"] == true { t.yes } else { t.no }) }))
                @if !text(trail, "KmsKeyId").is_empty() { (fact(t.kms_key, &html! { code { (text(trail, "KmsKeyId")) } })) }
                @match &status {
                    Err(refusal) => (fact(t.state, &html! { span.badge.bad { (refusal.code) } })),
                    Ok(status) => {
                        (fact(t.last_delivery, &at(&status["LatestDeliveryTime"])))
                        (fact(t.last_digest, &at(&status["LatestDigestDeliveryTime"])))
                        @for error in ["LatestDeliveryError", "LatestDigestDeliveryError"] {
                            @if !text(status, error).is_empty() { (fact(t.not_working, &html! { span.badge.bad { (text(status, error)) } })) }
                        }
                    },
                }
            }
            form method="post" action=(to(act.0)) { (csrf(visit)) button type="submit" aria-label={ (act.1) ": " (name) } { (act.1) } }
            @match &selectors {
                Err(refusal) => (fault(t, refusal)),
                Ok(selectors) => details {
                    summary { (t.which_events) }
                    form method="post" action=(to("selectors")) {
                        (csrf(visit))
                        (area(t.data_events, &format!("objects-{name}"), t.data_events_help, &objects(selectors)))
                        (check(t.management_events, &format!("management-{name}"), "", selectors["EventSelectors"][0]["IncludeManagementEvents"] != false))
                        button type="submit" aria-label={ (t.save) ": " (name) } { (t.save) }
                    }
                },
            }
            details {
                summary { (t.delete_trail) }
                (confirm_one(visit, &name, &to("delete"), t.delete_trail_warning, &name, t.delete_trail, &html! {}))
            }
        }
    }
}

/// Where the trail's data events are selected, a line each.
fn objects(selectors: &Value) -> String {
    let selectors = selectors["EventSelectors"].as_array().into_iter().flatten();
    let resources = selectors.flat_map(|selector| selector["DataResources"].as_array().into_iter().flatten());
    let values = resources.flat_map(|resource| resource["Values"].as_array().into_iter().flatten());
    values.filter_map(Value::as_str).map(|value| format!("{value}\n")).collect()
}

/// Makes a trail, and starts it: one that is made and not started is nobody's wish.
pub(crate) async fn create(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let form = &visit.form;
    let mut input = json!({
        "Name": form.trimmed("name"),
        "S3BucketName": form.trimmed("bucket"),
        "EnableLogFileValidation": form.is_on("digests"),
    });
    for (field, name) in [("prefix", "S3KeyPrefix"), ("trail-key", "KmsKeyId")] {
        if !form.trimmed(field).is_empty() {
            input[name] = json!(form.trimmed(field));
        }
    }
    let made = match call(visit, "CreateTrail", input).await {
        Ok(made) => made,
        Err(fault) => return page(visit, Some(&fault)).await,
    };
    match call(visit, "StartLogging", json!({ "Name": text(&made, "TrailARN") })).await {
        Ok(_) => Ok(Outcome::Go("record/trails?done=created".to_owned())),
        Err(fault) => page(visit, Some(&fault)).await,
    }
}

/// Performs one act on a trail.
pub(crate) async fn act(visit: &Visit<'_>, name: &str, act: &str) -> Result<Outcome, Fault> {
    let form = &visit.form;
    let named = json!({ "Name": name });
    let (operation, input, done) = match act {
        "start" => ("StartLogging", named, "saved"),
        "stop" => ("StopLogging", named, "saved"),
        "delete" => {
            is_confirmed(visit, name)?;
            ("DeleteTrail", named, "deleted")
        }
        "selectors" => {
            let lines = form.get(&format!("objects-{name}")).lines().map(str::trim);
            let values: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
            let mut selector = json!({
                "ReadWriteType": "All",
                "IncludeManagementEvents": form.is_on(&format!("management-{name}")),
            });
            if !values.is_empty() {
                selector["DataResources"] = json!([{ "Type": "AWS::S3::Object", "Values": values }]);
            }
            ("PutEventSelectors", json!({ "TrailName": name, "EventSelectors": [selector] }), "saved")
        }
        _ => return Err(Fault::nowhere()),
    };
    match call(visit, operation, input).await {
        Ok(_) => Ok(Outcome::Go(format!("record/trails?done={done}"))),
        Err(fault) => page(visit, Some(&fault)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trail_selects_is_a_line_each() {
        let selectors =
            json!({ "EventSelectors": [{ "DataResources": [{ "Values": ["arn:aws:s3:::a/", "arn:aws:s3:::b/c"] }] }] });
        assert_eq!(objects(&selectors), "arn:aws:s3:::a/\narn:aws:s3:::b/c\n");
        assert_eq!(objects(&json!({ "EventSelectors": [{}] })), "");
    }
}
