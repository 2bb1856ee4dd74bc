//! What would become unreadable without a key.

use http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::keys::text;
use crate::screens::overview::only_operators;
use crate::view::{fact, fault, head, size};
use crate::visit::{Outcome, Visit};

/// The page. The plan is the operator's, of a key that the person may describe.
pub(crate) async fn page(visit: &Visit<'_>, id: &str) -> Result<Outcome, Fault> {
    let t = visit.t;
    let described = visit.client().kms("DescribeKey", json!({ "KeyId": id })).await?;
    only_operators(visit).await?;
    let arn = text(&described["KeyMetadata"], "Arn");
    let plan = visit.house.facts.destroy_plan(&arn).await;
    let back = format!("keys/{id}");
    let body = html! {
        (head(&[("keys", t.keys), (&back, id)], t.plan, &html! {}))
        p.lead { (t.plan_lead) }
        @match &plan {
            Err(why) => (fault(t, &Fault::own(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", why))),
            Ok(plan) => (shown(visit, plan)),
        }
    };
    let status = if plan.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    Ok(Outcome::Page(Page::new(Section::Keys, t.plan, body).status(status)))
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

fn shown(visit: &Visit<'_>, plan: &Value) -> Markup {
    let t = visit.t;
    let (key, total) = (&plan["key"], &plan["total"]["loss"]);
    let names = |name: &str| {
        key[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    let buckets = plan["buckets"].as_array().cloned().unwrap_or_default();
    html! {
        div.tiles #lost {
            @for (name, value) in [
                (t.objects, number(total, "objects").to_string()),
                (t.noncurrent, number(total, "noncurrentVersions").to_string()),
                (t.size, size(number(total, "bytes"))),
                (t.locked_lost, number(total, "locked").to_string()),
            ] { div.tile { p.quiet { (name) } p.figure { (value) } } }
        }
        section.card {
            h2 { (t.details) }
            dl.facts {
                (fact("ARN", &html! { code { (text(key, "key")) } }))
                (fact(t.state, &html! { (text(key, "state")) }))
                (fact(t.aliases, &html! { (names("aliases")) }))
                (fact(t.grants, &html! { (number(key, "grants")) }))
                (fact(t.under_bucket_keys, &html! { (number(total, "underBucketKeys")) }))
                (fact(t.replicated_lost, &html! { (number(total, "replicated")) }))
                (fact(t.uploads_lost, &html! { (number(total, "uploads")) }))
                @if !names("otherRegions").is_empty() { (fact(t.other_regions, &html! { (names("otherRegions")) })) }
                @if number(total, "unreadable") > 0 { (fact(t.unreadable, &html! { span.badge.bad { (number(total, "unreadable")) } })) }
            }
        }
        @if !buckets.is_empty() { section.card {
            h2 { (t.buckets) }
            div.scroll tabindex="0" { table {
                caption.hidden { (t.buckets) }
                thead { tr { th scope="col" { (t.bucket) } th.number scope="col" { (t.objects) } th.number scope="col" { (t.noncurrent) } th.number scope="col" { (t.size) } } }
                tbody { @for bucket in &buckets { @let loss = &bucket["loss"]; tr {
                    td.strong { (text(bucket, "name")) }
                    td.number { (number(loss, "objects")) } td.number { (number(loss, "noncurrentVersions")) } td.number { (size(number(loss, "bytes"))) }
                } } }
            } }
        } }
        @let settings = plan["settings"].as_array().cloned().unwrap_or_default();
        @if !settings.is_empty() { section.card {
            h2 { (t.names_key) }
            @for setting in &settings { p { strong { (text(setting, "of")) } " · " (text(setting, "what")) " " code { (text(setting, "named")) } } }
        } }
    }
}
