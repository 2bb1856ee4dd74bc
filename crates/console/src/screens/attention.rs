//! What wants looking after: keys whose end or whose next rotation is near, buckets that everyone may read.

use futures::future::join_all;
use http::Method;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::client::{Ask, Client, Fault};
use crate::page::Section;
use crate::screens::key_parts::at;
use crate::screens::keys::{state, text};
use crate::texts::fill;
use crate::view::{fault, head};
use crate::visit::{Outcome, Visit};

/// Most keys and buckets that are looked at, each by calls of its own; a page is no survey.
const LOOKED: usize = 200;
/// Calls under way at once.
const AT_ONCE: usize = 16;
/// A rotation is due that comes within so many seconds.
const SOON: f64 = 30.0 * 24.0 * 3600.0;

/// The page.
pub(crate) async fn page(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let client = visit.client();
    let keys = keys(visit, &client).await;
    let buckets = buckets(&client).await;
    let body = html! {
        (head(&[("./", t.overview)], t.attention, &html! {}))
        p.lead { (fill(t.attention_lead, &[&LOOKED.to_string()])) }
        section.card #keys {
            h2 { (t.keys) }
            @match &keys {
                Err(refusal) => (fault(t, refusal)),
                Ok(rows) if rows.is_empty() => p.quiet { (t.nothing_wanted) },
                Ok(rows) => @for row in rows { (row) },
            }
        }
        section.card #buckets {
            h2 { (t.public_buckets) }
            @match &buckets {
                Err(refusal) => (fault(t, refusal)),
                Ok(names) if names.is_empty() => p.quiet { (t.nothing_wanted) },
                Ok(names) => @for name in names { p { span.badge.warn { (t.public_badge) } " " a href={ "buckets/" (name) "/properties" } { (name) } } },
            }
        }
    };
    Ok(Outcome::page(Section::Overview, t.attention, body))
}

async fn keys(visit: &Visit<'_>, client: &Client<'_>) -> Result<Vec<Markup>, Fault> {
    let listed = client.kms("ListKeys", json!({ "Limit": 1000 })).await?;
    let ids: Vec<String> =
        listed["Keys"].as_array().into_iter().flatten().map(|key| text(key, "KeyId")).take(LOOKED).collect();
    let mut rows = Vec::new();
    for some in ids.chunks(AT_ONCE) {
        rows.extend(join_all(some.iter().map(|id| look(visit, client, id))).await.into_iter().flatten());
    }
    Ok(rows)
}

/// A row for a key that wants something.
async fn look(visit: &Visit<'_>, client: &Client<'_>, id: &str) -> Option<Markup> {
    let t = visit.t;
    let described = client.kms("DescribeKey", json!({ "KeyId": id })).await.ok()?;
    let key = &described["KeyMetadata"];
    if text(key, "KeyManager") == "AWS" {
        return None;
    }
    let now = text(key, "KeyState");
    let name = html! { a href={ "keys/" (id) } { code { (id) } } " " (text(key, "Description")) };
    if now != "Enabled" {
        return Some(html! {
            p { (state(&now)) " " (name) @if key["DeletionDate"].is_number() { " · " (t.deleted_at) " " (at(&key["DeletionDate"])) } }
        });
    }
    if text(key, "KeySpec") != "SYMMETRIC_DEFAULT" || text(key, "Origin") != "AWS_KMS" {
        return None;
    }
    let status: Value = client.kms("GetKeyRotationStatus", json!({ "KeyId": id })).await.ok()?;
    let due = status["NextRotationDate"].as_f64().is_some_and(|next| next - visit.now.seconds() as f64 <= SOON);
    match status["KeyRotationEnabled"] == true {
        false => Some(html! { p { span.badge.warn { (t.rotation) ": " (t.off) } " " (name) } }),
        true if due => {
            Some(html! { p { span.badge { (t.next_rotation) " " (at(&status["NextRotationDate"])) } " " (name) } })
        }
        true => None,
    }
}

/// Buckets whose policy lets everyone in.
async fn buckets(client: &Client<'_>) -> Result<Vec<String>, Fault> {
    let listed = client.send(Ask::account(Method::GET).query("max-buckets", &LOOKED.to_string())).await?.xml();
    let names: Vec<String> = listed.members("Buckets").map(|bucket| bucket.text("Name")).collect();
    let mut public = Vec::new();
    for some in names.chunks(AT_ONCE) {
        let asked = some.iter().map(|name| async move {
            let status = client.send(Ask::bucket(Method::GET, name).query("policyStatus", "")).await.ok()?;
            (status.xml().text("IsPublic").eq_ignore_ascii_case("true")).then(|| name.clone())
        });
        public.extend(join_all(asked).await.into_iter().flatten());
    }
    Ok(public)
}
