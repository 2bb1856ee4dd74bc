//! One role: whom it trusts, and what it may.

use maud::html;

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::holder::{self, Holder, Kind, readable};
use crate::screens::raise::ask;
use crate::view::{area, confirm, copyable, csrf, done, fact, fault, field, head, is_confirmed, moment};
use crate::visit::{Outcome, Visit};

/// The page.
pub(crate) async fn page(visit: &Visit<'_>, name: &str, refusal: Option<&Fault>) -> Result<Outcome, Fault> {
    let (t, form) = (visit.t, &visit.form);
    let holder = Holder { kind: Kind::Role, name };
    let role = match ask(visit, "GetRole", &[holder.named()]).await? {
        Ok(answer) => answer.take("Role").unwrap_or_default(),
        Err(page) => return Ok(page),
    };
    let boundary = role.child("PermissionsBoundary").map(|boundary| boundary.text("PermissionsBoundaryArn"));
    let used = role.child("RoleLastUsed").map(|used| used.text("LastUsedDate")).unwrap_or_default();
    let cards = holder::cards(visit, holder, boundary.as_deref()).await;
    let address = holder.page();
    let trust = if form.is_on("trust") {
        form.get("trust").to_owned()
    } else {
        readable(&role.text("AssumeRolePolicyDocument"))
    };
    let body = html! {
        (head(&[("identities", t.identities)], name, &html! {}))
        (done(visit))
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        section.card {
            h2 { (t.details) }
            dl.facts {
                (fact("ARN", &copyable(t, &role.text("Arn"))))
                @if !role.text("Description").is_empty() { (fact(t.description, &html! { (role.text("Description")) })) }
                (fact(t.created, &moment(&role.text("CreateDate"))))
                @if !used.is_empty() { (fact(t.last_used, &moment(&used))) }
            }
            form.row method="post" action={ (address) "/length" } {
                (csrf(visit))
                (field(t.longest_session, "seconds", "", &html! {
                    input id="seconds" name="seconds" type="number" min="3600" max="43200" value=(role.text("MaxSessionDuration"));
                }))
                button type="submit" aria-label={ (t.save) ": " (t.longest_session) } { (t.save) }
            }
        }
        section.card {
            h2 { (t.trust_policy) }
            form method="post" action={ (address) "/trust" } {
                (csrf(visit))
                (area(t.trust_policy, "trust", t.trust_policy_help, &trust))
                button type="submit" aria-label={ (t.save) ": " (t.trust_policy) } { (t.save) }
            }
        }
        (cards)
        details.card {
            summary { h2 { (t.delete_role) } }
            (confirm(visit, &format!("{address}/delete"), t.delete_holder_warning, name, t.delete_role, &html! {}))
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Identities, name, body).status(status)))
}

/// Performs one act on a role.
pub(crate) async fn act(visit: &Visit<'_>, name: &str, act: &str) -> Result<Outcome, Fault> {
    let holder = Holder { kind: Kind::Role, name };
    let (role, form) = (holder.named(), &visit.form);
    let done = match act {
        "trust" => ask(visit, "UpdateAssumeRolePolicy", &[role, ("PolicyDocument", form.get("trust"))]).await,
        "length" => ask(visit, "UpdateRole", &[role, ("MaxSessionDuration", form.trimmed("seconds"))]).await,
        "delete" => {
            is_confirmed(visit, name)?;
            ask(visit, "DeleteRole", &[role]).await
        }
        other => match holder::act(visit, holder, other).await {
            Some(Err(fault)) => return page(visit, name, Some(&fault)).await,
            Some(done) => return done,
            None => return Err(Fault::nowhere()),
        },
    };
    match done {
        Ok(Err(page)) => Ok(page),
        Ok(Ok(_)) if act == "delete" => Ok(Outcome::Go("identities?done=deleted".to_owned())),
        Ok(Ok(_)) => Ok(Outcome::Go(format!("{}?done=saved", holder.page()))),
        Err(fault) => page(visit, name, Some(&fault)).await,
    }
}
