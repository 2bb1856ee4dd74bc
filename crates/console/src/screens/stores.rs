//! Custom key stores: clusters of tokens in which keys are made.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::key_parts::at;
use crate::screens::keys::text;
use crate::view::{area, confirm_one, csrf, done, empty, fact, fault, field, head, is_confirmed, text_field};
use crate::visit::{Outcome, Visit};

/// The page; `refusal` is of an act.
pub(crate) async fn page(visit: &Visit<'_>, refusal: Option<&Fault>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let listed = visit.client().kms("DescribeCustomKeyStores", json!({ "Limit": 100 })).await?;
    let stores = listed["CustomKeyStores"].as_array().cloned().unwrap_or_default();
    let body = html! {
        (head(&[("keys", t.keys)], t.stores, &html! {}))
        (done(visit))
        p.lead { (t.stores_lead) }
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        @if stores.is_empty() { (empty(t.no_stores, t.no_stores_advice, &html! {})) }
        @for store in &stores { (card(visit, store)) }
        details.card open[refusal.is_some() && !visit.form.get("cluster").is_empty()] {
            summary { h2 { (t.new_store) } }
            form method="post" action="keys/stores" {
                (csrf(visit))
                (text_field(t.name, "name", "", visit.form.get("name")))
                (text_field(t.cluster, "cluster", t.cluster_help, visit.form.get("cluster")))
                (area(t.anchor, "anchor", t.anchor_help, visit.form.get("anchor")))
                (password(visit))
                button type="submit" { (t.create) }
            }
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Keys, t.stores, body).status(status)))
}

fn password(visit: &Visit<'_>) -> Markup {
    field(
        visit.t.store_password,
        "store-password",
        visit.t.store_password_help,
        &html! {
            input id="store-password" name="store-password" type="password" autocomplete="off" aria-describedby="store-password-help";
        },
    )
}

fn card(visit: &Visit<'_>, store: &Value) -> Markup {
    let t = visit.t;
    let (id, name, state) =
        (text(store, "CustomKeyStoreId"), text(store, "CustomKeyStoreName"), text(store, "ConnectionState"));
    let act = if state == "CONNECTED" { ("disconnect", t.disconnect) } else { ("connect", t.connect) };
    html! {
        section.card {
            h2 { (name) }
            p { span.badge.good[state == "CONNECTED"].warn[state != "CONNECTED"] { (state) }
                @if !text(store, "ConnectionErrorCode").is_empty() { " " span.badge.bad { (text(store, "ConnectionErrorCode")) } } }
            dl.facts {
                (fact("ID", &html! { code { (id) } }))
                (fact(t.cluster, &html! { code { (text(store, "CloudHsmClusterId")) } }))
                (fact(t.created, &at(&store["CreationDate"])))
            }
            div.row {
                form method="post" action={ "keys/stores/" (id) "/" (act.0) } { (csrf(visit)) button type="submit" aria-label={ (act.1) ": " (name) } { (act.1) } }
                @if state == "CONNECTED" { a href={ "keys/new?store=" (id) } { (t.create_key) } }
            }
            @if state != "CONNECTED" {
                details {
                    summary { (t.delete_store) }
                    (confirm_one(visit, &id, &format!("keys/stores/{id}/delete"), t.delete_store_warning, &name, t.delete_store, &html! {
                        input type="hidden" name="name" value=(name);
                    }))
                }
            }
        }
    }
}

/// Makes one.
pub(crate) async fn create(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let form = &visit.form;
    let input = json!({
        "CustomKeyStoreName": form.trimmed("name"),
        "CloudHsmClusterId": form.trimmed("cluster"),
        "TrustAnchorCertificate": form.get("anchor").replace("\r\n", "\n"),
        "KeyStorePassword": form.get("store-password"),
    });
    match visit.client().kms("CreateCustomKeyStore", input).await {
        Ok(_) => Ok(Outcome::Go("keys/stores?done=created".to_owned())),
        Err(fault) => page(visit, Some(&fault)).await,
    }
}

/// Connects one, disconnects it, or removes it.
pub(crate) async fn act(visit: &Visit<'_>, id: &str, act: &str) -> Result<Outcome, Fault> {
    let (operation, done) = match act {
        "connect" => ("ConnectCustomKeyStore", "saved"),
        "disconnect" => ("DisconnectCustomKeyStore", "saved"),
        "delete" => ("DeleteCustomKeyStore", "deleted"),
        _ => return Err(Fault::nowhere()),
    };
    if act == "delete" {
        is_confirmed(visit, visit.form.get("name"))?;
    }
    match visit.client().kms(operation, json!({ "CustomKeyStoreId": id })).await {
        Ok(_) => Ok(Outcome::Go(format!("keys/stores?done={done}"))),
        Err(fault) => page(visit, Some(&fault)).await,
    }
}
