//! What people call a key, where it has replicas, and who used it last.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::client::Fault;
use crate::screens::keys::text;
use crate::screens::record::{events, target};
use crate::view::{csrf, fault, text_field};
use crate::visit::{Visit, encode};

/// Calls that are looked through; the record has all of them.
const LOOKED: u32 = 50;
/// Calls that are shown.
const LATEST: usize = 8;

/// Its description, its tags, and its replicas.
pub(crate) async fn cards(visit: &Visit<'_>, key: &Value) -> Markup {
    let t = visit.t;
    let id = text(key, "KeyId");
    let tags = visit.client().kms("ListResourceTags", json!({ "KeyId": id })).await;
    html! {
        details.card {
            summary { h2 { (t.description) " · " (t.tags) } }
            form.row method="post" action={ "keys/" (id) "/description" } {
                (csrf(visit))
                (text_field(t.description, "description", "", &text(key, "Description")))
                button type="submit" aria-label={ (t.save) ": " (t.description) } { (t.save) }
            }
            @match &tags {
                Err(refusal) => (fault(t, refusal)),
                Ok(tags) => (tags_of(visit, &id, tags)),
            }
        }
        @if key["MultiRegion"] == true { (replicas(visit, &id, key)) }
    }
}

fn tags_of(visit: &Visit<'_>, id: &str, tags: &Value) -> Markup {
    let t = visit.t;
    html! {
        @for tag in tags["Tags"].as_array().into_iter().flatten() {
            div.row {
                code { (text(tag, "TagKey")) } span { (text(tag, "TagValue")) }
                form method="post" action={ "keys/" (id) "/untag" } {
                    (csrf(visit)) input type="hidden" name="tag-name" value=(text(tag, "TagKey"));
                    button.quiet type="submit" aria-label={ (t.delete) ": " (text(tag, "TagKey")) } { (t.delete) }
                }
            }
        }
        form.row method="post" action={ "keys/" (id) "/tag" } {
            (csrf(visit))
            (text_field(t.tag_name, "tag-name", "", ""))
            (text_field(t.tag_value, "tag-value", "", ""))
            button type="submit" { (t.add) }
        }
    }
}

fn replicas(visit: &Visit<'_>, id: &str, key: &Value) -> Markup {
    let t = visit.t;
    let configured = &key["MultiRegionConfiguration"];
    let others = configured["ReplicaKeys"].as_array().cloned().unwrap_or_default();
    html! {
        section.card {
            h2 { (t.multi_region) }
            p { (text(configured, "MultiRegionKeyType")) " · " code { (text(&configured["PrimaryKey"], "Region")) } }
            @for replica in &others { p { code { (text(replica, "Arn")) } } }
            @if text(configured, "MultiRegionKeyType") == "PRIMARY" {
                form.row method="post" action={ "keys/" (id) "/replicate" } {
                    (csrf(visit))
                    (text_field(t.region, "region", "", ""))
                    button type="submit" { (t.replicate) }
                }
            }
        }
    }
}

/// The latest calls for the key, as far as the person may read the record.
pub(crate) async fn uses(visit: &Visit<'_>, key: &Value) -> Markup {
    let t = visit.t;
    let input = json!({
        "MaxResults": LOOKED,
        "LookupAttributes": [{ "AttributeKey": "ResourceName", "AttributeValue": text(key, "Arn") }],
    });
    let found: Result<Value, Fault> = visit.client().json("cloudtrail", &target("LookupEvents"), &input).await;
    let found = found.map(|found| used(&found));
    html! {
        section.card {
            h2 { (t.latest_uses) }
            @match &found {
                Err(refusal) => (fault(t, refusal)),
                Ok(found) => {
                    (events(t, found))
                    p { a href={ "record?by=ResourceName&value=" (encode(&text(key, "KeyId"))) } { (t.whole_record) } }
                },
            }
        }
    }
}

/// What was done with the key, of what was asked about it: pages like this one ask all the time.
fn used(found: &Value) -> Value {
    let asks = |event: &&Value| ["Describe", "Get", "List"].iter().any(|ask| text(event, "EventName").starts_with(ask));
    let events: Vec<&Value> = found["Events"].as_array().into_iter().flatten().collect();
    json!({ "Events": events.into_iter().filter(|event| !asks(event)).take(LATEST).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_a_key_is_no_use_of_it() {
        let event = |name: &str| json!({ "EventName": name });
        let found = json!({ "Events": [event("ListGrants"), event("Decrypt"), event("GetKeyPolicy"), event("GenerateDataKey")] });
        assert_eq!(used(&found), json!({ "Events": [event("Decrypt"), event("GenerateDataKey")] }));
    }
}
