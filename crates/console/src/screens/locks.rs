//! What keeps one version from being removed: its retention, and a legal hold.

use http::Method;
use maud::{Markup, html};

use crate::client::xml::escape;
use crate::client::{Ask, Fault, Reply};
use crate::screens::named::Named;
use crate::screens::wire::checksum;
use crate::view::{check, field, moment};
use crate::visit::{Outcome, Visit};

/// The panel; nothing for an object of a bucket without object lock.
pub(crate) async fn panel(visit: &Visit<'_>, bucket: &str, named: &Named, reply: &Reply) -> Markup {
    let t = visit.t;
    let header = |name: &str| reply.header(&format!("x-amz-object-lock-{name}")).unwrap_or_default();
    let (mode, until, hold) = (header("mode"), header("retain-until-date"), header("legal-hold") == "ON");
    let locks = mode.is_empty() && !hold;
    // Of an object that has neither only its bucket tells whether it could.
    if locks && visit.client().send(Ask::bucket(Method::GET, bucket).query("object-lock", "")).await.is_err() {
        return html! {};
    }
    html! {
        details.card open[!locks] {
            summary { h2 { (t.object_lock) } }
            @if !mode.is_empty() { p { (t.retention) " " span.badge.warn { (mode) } " " (moment(&until)) } }
            form method="post" action={ "buckets/" (bucket) "/object/retention" } {
                (named.fields(visit))
                div.row {
                    (field(t.lock_mode, "retain-mode", "", &html! {
                        select id="retain-mode" name="retain-mode" {
                            option value="" { (t.lock_none) }
                            @for known in ["GOVERNANCE", "COMPLIANCE"] { option value=(known) selected[mode == known] { (known) } }
                        }
                    }))
                    (field(t.retain_until, "retain-until", "", &html! {
                        input id="retain-until" name="retain-until" type="datetime-local" value=(until.get(..16).unwrap_or_default());
                    }))
                }
                p.help { (t.lock_mode_help) }
                @if mode == "GOVERNANCE" { (check(t.bypass, "bypass", t.bypass_help, false)) }
                button type="submit" { (t.save_retention) }
            }
            form method="post" action={ "buckets/" (bucket) "/object/hold" } {
                (named.fields(visit))
                p { (t.legal_hold) " " span.badge.warn[hold] { (if hold { t.on } else { t.off }) } }
                button type="submit" name="hold" value=(if hold { "OFF" } else { "ON" }) { (if hold { t.release_hold } else { t.place_hold }) }
            }
        }
    }
}

/// Sets the retention, or takes it away.
pub(crate) async fn retain(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let named = Named::of(visit, true);
    let (mode, until) = (visit.form.get("retain-mode"), visit.form.trimmed("retain-until"));
    let document = if mode.is_empty() {
        "<Retention/>".to_owned()
    } else {
        // A browser's field has minutes; the day is UTC's, as the field says.
        let until = if until.len() == 16 { format!("{until}:00Z") } else { format!("{until}Z") };
        format!(
            "<Retention><Mode>{}</Mode><RetainUntilDate>{}</RetainUntilDate></Retention>",
            escape(mode),
            escape(&until)
        )
    };
    let mut ask = document_of(&named, bucket, "retention", document);
    if visit.form.is_on("bypass") {
        ask = ask.header("x-amz-bypass-governance-retention", "true");
    }
    visit.client().send(ask).await?;
    Ok(Outcome::Go(format!("{}&done=saved", named.page(bucket))))
}

/// Places a legal hold, or releases it.
pub(crate) async fn hold(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let named = Named::of(visit, true);
    let document = format!("<LegalHold><Status>{}</Status></LegalHold>", escape(visit.form.get("hold")));
    visit.client().send(document_of(&named, bucket, "legal-hold", document)).await?;
    Ok(Outcome::Go(format!("{}&done=saved", named.page(bucket))))
}

fn document_of(named: &Named, bucket: &str, name: &str, document: String) -> Ask {
    let digest = checksum(document.as_bytes());
    named.ask(Method::PUT, bucket).query(name, "").header("x-amz-checksum-sha256", &digest).body(document)
}
