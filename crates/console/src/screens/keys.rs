//! Keys: the list, and a new one.

use futures::future::join_all;
use http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::client::{Client, Fault};
use crate::page::{Page, Section};
use crate::view::{check, csrf, done, empty, fault, head, more, text_field};
use crate::visit::{Outcome, Visit, encode};

/// Keys of one page: each is described by a call of its own.
const PAGE: u32 = 20;
/// Specs with the usage that a key of each has; where AWS leaves a choice, another row.
const SPECS: [(&str, &[(&str, &str)]); 5] = [
    ("symmetric", &[("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")]),
    (
        "RSA",
        &[
            ("RSA_2048", "SIGN_VERIFY"),
            ("RSA_3072", "SIGN_VERIFY"),
            ("RSA_4096", "SIGN_VERIFY"),
            ("RSA_2048", "ENCRYPT_DECRYPT"),
            ("RSA_3072", "ENCRYPT_DECRYPT"),
            ("RSA_4096", "ENCRYPT_DECRYPT"),
        ],
    ),
    (
        "ECC",
        &[
            ("ECC_NIST_P256", "SIGN_VERIFY"),
            ("ECC_NIST_P384", "SIGN_VERIFY"),
            ("ECC_NIST_P521", "SIGN_VERIFY"),
            ("ECC_SECG_P256K1", "SIGN_VERIFY"),
            ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"),
            ("ECC_NIST_P256", "KEY_AGREEMENT"),
            ("ECC_NIST_P384", "KEY_AGREEMENT"),
            ("ECC_NIST_P521", "KEY_AGREEMENT"),
        ],
    ),
    ("ML-DSA", &[("ML_DSA_44", "SIGN_VERIFY"), ("ML_DSA_65", "SIGN_VERIFY"), ("ML_DSA_87", "SIGN_VERIFY")]),
    (
        "HMAC",
        &[
            ("HMAC_224", "GENERATE_VERIFY_MAC"),
            ("HMAC_256", "GENERATE_VERIFY_MAC"),
            ("HMAC_384", "GENERATE_VERIFY_MAC"),
            ("HMAC_512", "GENERATE_VERIFY_MAC"),
        ],
    ),
];

/// A member of an answer, as text.
pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// The state of a key, as a badge.
pub(crate) fn state(value: &str) -> Markup {
    html! {
        span.badge.good[value == "Enabled"].warn[value == "Disabled" || value == "PendingImport"].bad[value.starts_with("PendingDel")] { (value) }
    }
}

/// The list.
pub(crate) async fn list(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let client = visit.client();
    let mut input = json!({ "Limit": PAGE });
    if visit.query.is_on("marker") {
        input["Marker"] = json!(visit.query.get("marker"));
    }
    let listed = client.kms("ListKeys", input).await?;
    let ids: Vec<String> = listed["Keys"].as_array().into_iter().flatten().map(|key| text(key, "KeyId")).collect();
    let described = join_all(ids.iter().cloned().map(|id| describe(&client, id))).await;
    let aliases = aliases(&client).await;
    let next = text(&listed, "NextMarker");
    let next = (!next.is_empty()).then(|| format!("keys?marker={}", encode(&next)));
    let create =
        html! { a.button href="keys/stores" { (t.stores) } a.button.primary href="keys/new" { (t.create_key) } };
    let body = html! {
        (head(&[], t.keys, &create))
        (done(visit))
        @if ids.is_empty() && !visit.query.is_on("marker") {
            (empty(t.no_keys, t.no_keys_advice, &create))
        } @else {
            div.scroll { table {
                caption.hidden { (t.keys) }
                thead { tr {
                    th scope="col" { (t.key) } th scope="col" { (t.spec) } th scope="col" { (t.managed_by) } th scope="col" { (t.state) }
                } }
                tbody { @for (id, key) in ids.iter().zip(&described) { (row(visit, id, key, &aliases)) } }
            } }
            (more(t, next.as_deref()))
        }
    };
    Ok(Outcome::page(Section::Keys, t.keys, body))
}

async fn describe(client: &Client<'_>, id: String) -> Result<Value, Fault> {
    client.kms("DescribeKey", json!({ "KeyId": id })).await
}

fn row(visit: &Visit<'_>, id: &str, key: &Result<Value, Fault>, aliases: &[(String, String)]) -> Markup {
    let t = visit.t;
    let names: Vec<&str> = aliases.iter().filter(|(_, of)| of == id).map(|(name, _)| name.as_str()).collect();
    let metadata = key.as_ref().map(|key| &key["KeyMetadata"]);
    html! {
        tr {
            td {
                a.strong href={ "keys/" (id) } { @if names.is_empty() { code { (id) } } @else { (names.join(", ")) } }
                @if !names.is_empty() { br; code.small { (id) } }
                @if let Ok(metadata) = metadata { p.help { (text(metadata, "Description")) } }
            }
            @match metadata {
                Ok(metadata) => {
                    td { (text(metadata, "KeySpec")) br; span.small { (text(metadata, "KeyUsage")) } }
                    td { (if text(metadata, "KeyManager") == "AWS" { t.by_gateway } else { t.by_customer }) }
                    td { (state(&text(metadata, "KeyState"))) }
                },
                Err(fault) => td colspan="3" { span.badge.bad { (fault.code) } },
            }
        }
    }
}

/// Aliases with the ids of their keys, as far as the person may see them.
pub(crate) async fn aliases(client: &Client<'_>) -> Vec<(String, String)> {
    let listed = client.kms("ListAliases", json!({ "Limit": 100 })).await.unwrap_or_default();
    let all = listed["Aliases"].as_array().into_iter().flatten();
    all.map(|alias| (text(alias, "AliasName"), text(alias, "TargetKeyId"))).collect()
}

/// The form of a new key.
pub(crate) fn form(visit: &Visit<'_>, refusal: Option<&Fault>) -> Outcome {
    let t = visit.t;
    let chosen = visit.form.get("spec");
    // Whoever comes from a store wants a key of it.
    let store = if visit.form.is_on("store") { visit.form.get("store") } else { visit.query.get("store") };
    let body = html! {
        (head(&[("keys", t.keys)], t.create_key, &html! {}))
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        form.card method="post" action="keys/new" {
            (csrf(visit))
            (text_field(t.alias, "alias", t.alias_help, visit.form.get("alias")))
            (text_field(t.description, "description", "", visit.form.get("description")))
            div.field {
                label for="spec" { (t.spec) }
                select id="spec" name="spec" {
                    @for (group, specs) in &SPECS {
                        optgroup label=(group) {
                            @for (spec, usage) in *specs {
                                @let value = format!("{spec}/{usage}");
                                option value=(value) selected[value == chosen] { (spec) " · " (usage) }
                            }
                        }
                    }
                }
                p.help { (t.spec_help) }
            }
            fieldset {
                legend { (t.options) }
                (check(t.rotate_yearly, "rotate", t.rotate_help, visit.form.get("csrf").is_empty() || visit.form.is_on("rotate")))
                (check(t.multi_region, "multi", t.multi_region_help, visit.form.is_on("multi")))
                (check(t.external, "external", t.external_help, visit.form.is_on("external")))
            }
            @if !store.is_empty() { (text_field(t.store, "store", t.store_help, store)) }
            div.buttons { button.primary type="submit" { (t.create_key) } a href="keys" { (t.cancel) } }
        }
    };
    let status = refusal.map_or(StatusCode::OK, |refusal| refusal.status);
    Outcome::Page(Page::new(Section::Keys, t.create_key, body).status(status))
}

/// Makes it.
pub(crate) async fn create(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let client = visit.client();
    let (spec, usage) = visit.form.get("spec").split_once('/').unwrap_or(("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"));
    let external = visit.form.is_on("external");
    let store = visit.form.trimmed("store");
    let mut input = json!({
        "KeySpec": spec,
        "KeyUsage": usage,
        "Description": visit.form.trimmed("description"),
        "MultiRegion": visit.form.is_on("multi"),
        "Origin": if external { "EXTERNAL" } else { "AWS_KMS" },
    });
    if !store.is_empty() {
        input["Origin"] = json!("AWS_CLOUDHSM");
        input["CustomKeyStoreId"] = json!(store);
    }
    let made = match client.kms("CreateKey", input).await {
        Ok(made) => made,
        Err(fault) => return Ok(form(visit, Some(&fault))),
    };
    let id = text(&made["KeyMetadata"], "KeyId");
    let alias = visit.form.trimmed("alias");
    if !alias.is_empty() {
        client.kms("CreateAlias", json!({ "AliasName": named(alias), "TargetKeyId": id })).await?;
    }
    // Only keys that the service made and that encrypt can be rotated by it.
    if visit.form.is_on("rotate") && spec == "SYMMETRIC_DEFAULT" && !external && store.is_empty() {
        client.kms("EnableKeyRotation", json!({ "KeyId": id })).await?;
    }
    Ok(Outcome::Go(format!("keys/{id}?done=created")))
}

/// An alias as KMS has it.
pub(crate) fn named(alias: &str) -> String {
    if alias.starts_with("alias/") { alias.to_owned() } else { format!("alias/{alias}") }
}
