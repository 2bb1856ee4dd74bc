//! One key: its state, aliases, policy, rotation, grants, and its end.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::key_parts::{at, pem};
use crate::screens::keys::{aliases, named, state, text};
use crate::screens::{key_tags, material};
use crate::view::{area, confirm, copyable, csrf, done, fact, fault, head, is_confirmed, text_field};
use crate::visit::{Outcome, Visit};

/// Operations that a grant may allow.
const GRANTABLE: [&str; 16] = [
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "DescribeKey",
    "CreateGrant",
    "RetireGrant",
    "Sign",
    "Verify",
    "GetPublicKey",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "GenerateDataKeyPair",
];

/// The page; `refusal` is of the act `named`.
pub(crate) async fn page(visit: &Visit<'_>, id: &str, refusal: Option<(&str, &Fault)>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let client = visit.client();
    let described = client.kms("DescribeKey", json!({ "KeyId": id })).await?;
    let key = &described["KeyMetadata"];
    let id = text(key, "KeyId");
    let names: Vec<String> =
        aliases(&client).await.into_iter().filter(|(_, of)| *of == id).map(|(name, _)| name).collect();
    let title = names.first().cloned().unwrap_or_else(|| id.clone());
    let is_ours = text(key, "KeyManager") == "AWS";
    let is_symmetric = text(key, "KeySpec") == "SYMMETRIC_DEFAULT";
    let body = html! {
        (head(&[("keys", t.keys)], &title, &html! {
            a.button href={ "keys/" (id) "/try" } { (t.try_key) }
            a.button href={ "simulate?key=" (id) } { (t.simulate) }
        }))
        (done(visit))
        @if let Some((_, refusal)) = refusal { (fault(t, refusal)) }
        div.columns {
            (facts(visit, key).await)
            div.stack {
                (state_card(visit, key, is_ours))
                (aliases_card(visit, &id, &names, is_ours))
            }
        }
        @if is_symmetric { (rotation_card(visit, key, is_ours).await) }
        (material::card(visit, key))
        (policy_card(visit, &id, is_ours).await)
        (grants_card(visit, &id).await)
        @if !is_symmetric && !text(key, "KeySpec").starts_with("HMAC") { (public_card(visit, &id).await) }
        @if !is_ours { (key_tags::cards(visit, key).await) }
        (key_tags::uses(visit, key).await)
        @if !is_ours { (deletion_card(visit, key)) }
    };
    let status = refusal.map_or(http::StatusCode::OK, |(_, refusal)| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Keys, title, body).status(status)))
}

async fn facts(visit: &Visit<'_>, key: &Value) -> Markup {
    let t = visit.t;
    let id = text(key, "KeyId");
    let used = visit.client().kms("GetKeyLastUsage", json!({ "KeyId": id })).await;
    html! {
        section.card {
            h2 { (t.details) }
            dl.facts {
                (fact("ARN", &copyable(t, &text(key, "Arn"))))
                @if !text(key, "Description").is_empty() { (fact(t.description, &html! { (text(key, "Description")) })) }
                (fact(t.spec, &html! { (text(key, "KeySpec")) " · " (text(key, "KeyUsage")) }))
                (fact(t.origin, &html! { (text(key, "Origin")) @if key["MultiRegion"] == true { " · " (t.multi_region) } }))
                (fact(t.created, &at(&key["CreationDate"])))
                @if let Ok(used) = &used {
                    @let last = &used["KeyLastUsage"];
                    @if last["Timestamp"].is_number() {
                        (fact(t.last_used, &html! { (at(&last["Timestamp"])) " · " (text(last, "Operation")) }))
                    } @else { (fact(t.last_used, &html! { (t.never) })) }
                }
                @if key["DeletionDate"].is_number() { (fact(t.deleted_at, &html! { span.badge.bad { (at(&key["DeletionDate"])) } })) }
            }
        }
    }
}

/// A form of one button.
fn button(visit: &Visit<'_>, id: &str, act: &str, label: &str, hidden: &Markup) -> Markup {
    html! {
        form method="post" action={ "keys/" (id) "/" (act) } { (csrf(visit)) (hidden) button type="submit" { (label) } }
    }
}

fn state_card(visit: &Visit<'_>, key: &Value, is_ours: bool) -> Markup {
    let t = visit.t;
    let (id, now) = (text(key, "KeyId"), text(key, "KeyState"));
    let act = match now.as_str() {
        "Enabled" => Some(("disable", t.disable)),
        "Disabled" => Some(("enable", t.enable)),
        "PendingDeletion" => Some(("cancel", t.cancel_deletion)),
        _ => None,
    };
    html! {
        section.card {
            h2 { (t.state) }
            p { (state(&now)) }
            @if is_ours { p.help { (t.key_of_gateway) } }
            @else if let Some((act, label)) = act { (button(visit, &id, act, label, &html! {})) }
        }
    }
}

fn aliases_card(visit: &Visit<'_>, id: &str, names: &[String], is_ours: bool) -> Markup {
    let t = visit.t;
    html! {
        section.card {
            h2 { (t.aliases) }
            @if names.is_empty() { p.quiet { (t.none_yet) } }
            @for name in names {
                div.row {
                    code { (name) }
                    @if !is_ours {
                        form method="post" action={ "keys/" (id) "/unalias" } {
                            (csrf(visit)) input type="hidden" name="alias" value=(name);
                            button.quiet type="submit" aria-label={ (t.delete) ": " (name) } { (t.delete) }
                        }
                    }
                }
            }
            @if !is_ours {
                form.row method="post" action={ "keys/" (id) "/alias" } {
                    (csrf(visit))
                    (text_field(t.alias, "alias", "", ""))
                    button type="submit" { (t.add) }
                }
            }
        }
    }
}

async fn rotation_card(visit: &Visit<'_>, key: &Value, is_ours: bool) -> Markup {
    let t = visit.t;
    let id = text(key, "KeyId");
    let client = visit.client();
    let status = match client.kms("GetKeyRotationStatus", json!({ "KeyId": id })).await {
        Ok(status) => status,
        Err(refusal) => return html! { section.card { h2 { (t.rotation) } (fault(t, &refusal)) } },
    };
    let rotations = client.kms("ListKeyRotations", json!({ "KeyId": id })).await.unwrap_or_default();
    let is_on = status["KeyRotationEnabled"] == true;
    html! {
        section.card {
            h2 { (t.rotation) }
            p {
                span.badge.good[is_on] { (if is_on { t.on } else { t.off }) }
                @if is_on { " " (t.every) " " (status["RotationPeriodInDays"]) " " (t.days) ". " (t.next_rotation) " " (at(&status["NextRotationDate"])) }
            }
            @for rotation in rotations["Rotations"].as_array().into_iter().flatten() {
                p.small { (at(&rotation["RotationDate"])) " · " (text(rotation, "RotationType")) }
            }
            @if !is_ours && text(key, "Origin") == "AWS_KMS" {
                form.row method="post" action={ "keys/" (id) "/rotation" } {
                    (csrf(visit))
                    div.field { label for="days" { (t.rotation_days) } input id="days" name="days" type="number" min="90" max="2560" value=(status["RotationPeriodInDays"].as_u64().unwrap_or(365)); }
                    button type="submit" name="turn" value="on" { (if is_on { t.change } else { t.turn_on }) }
                    @if is_on { button type="submit" name="turn" value="off" { (t.turn_off) } }
                    button type="submit" name="turn" value="now" { (t.rotate_now) }
                }
            }
        }
    }
}

async fn policy_card(visit: &Visit<'_>, id: &str, is_ours: bool) -> Markup {
    let t = visit.t;
    let read = visit.client().kms("GetKeyPolicy", json!({ "KeyId": id, "PolicyName": "default" })).await;
    html! {
        section.card {
            h2 { (t.key_policy) }
            @match read {
                Err(refusal) => (fault(t, &refusal)),
                Ok(read) => {
                    @let stored = text(&read, "Policy");
                    @let pretty = serde_json::from_str::<Value>(&stored).ok().and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or(stored);
                    @if is_ours { pre tabindex="0" { (pretty) } }
                    @else {
                        form method="post" action={ "keys/" (id) "/policy" } {
                            (csrf(visit))
                            (area(t.key_policy, "policy", t.key_policy_help, if visit.form.is_on("policy") { visit.form.get("policy") } else { &pretty }))
                            button type="submit" { (t.save) }
                        }
                    }
                },
            }
        }
    }
}

async fn grants_card(visit: &Visit<'_>, id: &str) -> Markup {
    let t = visit.t;
    let listed = visit.client().kms("ListGrants", json!({ "KeyId": id, "Limit": 50 })).await;
    let grants = match listed {
        Ok(listed) => listed["Grants"].as_array().cloned().unwrap_or_default(),
        Err(refusal) => return html! { section.card { h2 { (t.grants) } (fault(t, &refusal)) } },
    };
    html! {
        section.card {
            h2 { (t.grants) }
            @if grants.is_empty() { p.quiet { (t.no_grants) } }
            @else {
                div.scroll { table {
                    caption.hidden { (t.grants) }
                    thead { tr { th scope="col" { (t.grantee) } th scope="col" { (t.operations) } th scope="col" { (t.created) } th scope="col" { span.hidden { (t.actions) } } } }
                    tbody { @for grant in &grants { tr {
                        td { code { (text(grant, "GranteePrincipal")) } @if !text(grant, "Name").is_empty() { br; span.small { (text(grant, "Name")) } } }
                        td { (grant["Operations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")) }
                        td { (at(&grant["CreationDate"])) }
                        td.end { form method="post" action={ "keys/" (id) "/revoke" } {
                            (csrf(visit)) input type="hidden" name="grant" value=(text(grant, "GrantId"));
                            button.quiet type="submit" aria-label={ (t.revoke) ": " (text(grant, "GrantId")) } { (t.revoke) }
                        } }
                    } } }
                } }
            }
            details {
                summary { (t.new_grant) }
                form method="post" action={ "keys/" (id) "/grant" } {
                    (csrf(visit))
                    (text_field(t.grantee, "grantee", t.grantee_help, ""))
                    fieldset.boxes { legend { (t.operations) }
                        @for name in GRANTABLE { label { input type="checkbox" name="operation" value=(name); " " (name) } }
                    }
                    button type="submit" { (t.create) }
                }
            }
        }
    }
}

async fn public_card(visit: &Visit<'_>, id: &str) -> Markup {
    let t = visit.t;
    let read = visit.client().kms("GetPublicKey", json!({ "KeyId": id })).await;
    html! {
        section.card {
            h2 { (t.public_key) }
            @match read {
                Err(refusal) => (fault(t, &refusal)),
                Ok(read) => pre tabindex="0" { (pem(&text(&read, "PublicKey"))) },
            }
        }
    }
}

fn deletion_card(visit: &Visit<'_>, key: &Value) -> Markup {
    let t = visit.t;
    let id = text(key, "KeyId");
    if text(key, "KeyState").starts_with("Pending") && text(key, "KeyState") != "PendingImport" {
        return html! {};
    }
    let days = html! {
        div.field { label for="wait" { (t.waiting_days) } input id="wait" name="days" type="number" min="7" max="30" value="30" required; }
    };
    html! {
        details.card {
            summary { h2 { (t.delete_key) } }
            p { a href={ "keys/" (id) "/plan" } { (t.plan) } }
            (confirm(visit, &format!("keys/{id}/delete"), t.delete_key_warning, &id, t.delete_key, &days))
        }
    }
}

/// Performs one act on a key.
pub(crate) async fn act(visit: &Visit<'_>, id: &str, act: &str) -> Result<Outcome, Fault> {
    let form = &visit.form;
    let of = |more: Value| {
        let mut input = json!({ "KeyId": id });
        if let (Some(input), Some(more)) = (input.as_object_mut(), more.as_object()) {
            input.extend(more.clone());
        }
        input
    };
    let (operation, input, done) = match act {
        "enable" => ("EnableKey", of(json!({})), "saved"),
        "disable" => ("DisableKey", of(json!({})), "saved"),
        "cancel" => ("CancelKeyDeletion", of(json!({})), "saved"),
        "alias" => ("CreateAlias", json!({ "AliasName": named(form.trimmed("alias")), "TargetKeyId": id }), "created"),
        "unalias" => ("DeleteAlias", json!({ "AliasName": form.get("alias") }), "deleted"),
        "policy" => ("PutKeyPolicy", of(json!({ "PolicyName": "default", "Policy": form.get("policy") })), "saved"),
        "rotation" => match form.get("turn") {
            "off" => ("DisableKeyRotation", of(json!({})), "saved"),
            "now" => ("RotateKeyOnDemand", of(json!({})), "saved"),
            _ => {
                let days = form.trimmed("days").parse::<u32>().unwrap_or(365);
                ("EnableKeyRotation", of(json!({ "RotationPeriodInDays": days })), "saved")
            }
        },
        "grant" => {
            let operations: Vec<&str> = form.all("operation").collect();
            (
                "CreateGrant",
                of(json!({ "GranteePrincipal": form.trimmed("grantee"), "Operations": operations })),
                "created",
            )
        }
        "revoke" => ("RevokeGrant", of(json!({ "GrantId": form.get("grant") })), "deleted"),
        "description" => ("UpdateKeyDescription", of(json!({ "Description": form.trimmed("description") })), "saved"),
        "tag" => {
            let tag = json!([{ "TagKey": form.trimmed("tag-name"), "TagValue": form.trimmed("tag-value") }]);
            ("TagResource", of(json!({ "Tags": tag })), "saved")
        }
        "untag" => ("UntagResource", of(json!({ "TagKeys": [form.get("tag-name")] })), "saved"),
        "replicate" => ("ReplicateKey", of(json!({ "ReplicaRegion": form.trimmed("region") })), "saved"),
        "delete-material" => {
            is_confirmed(visit, id)?;
            ("DeleteImportedKeyMaterial", of(json!({})), "deleted")
        }
        "delete" => {
            is_confirmed(visit, id)?;
            let days = form.trimmed("days").parse::<u32>().unwrap_or(30);
            ("ScheduleKeyDeletion", of(json!({ "PendingWindowInDays": days })), "scheduled")
        }
        _ => return Err(Fault::own(http::StatusCode::NOT_FOUND, "NoSuchPage", "There is no such act.")),
    };
    match visit.client().kms(operation, input).await {
        Ok(_) => Ok(Outcome::Go(format!("keys/{id}?done={done}"))),
        Err(fault) => page(visit, id, Some((act, &fault))).await,
    }
}
