//! One group: its members, and what they may by it.

use maud::html;

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::holder::{self, Holder, Kind};
use crate::screens::raise::ask;
use crate::view::{confirm, copyable, csrf, done, fact, fault, head, is_confirmed, moment, text_field};
use crate::visit::{Outcome, Visit, encode};

/// The page.
pub(crate) async fn page(visit: &Visit<'_>, name: &str, refusal: Option<&Fault>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let holder = Holder { kind: Kind::Group, name };
    let answer = match ask(visit, "GetGroup", &[holder.named()]).await? {
        Ok(answer) => answer,
        Err(page) => return Ok(page),
    };
    let group = answer.child("Group").cloned().unwrap_or_default();
    let cards = holder::cards(visit, holder, None).await;
    let address = holder.page();
    let body = html! {
        (head(&[("identities", t.identities)], name, &html! {}))
        (done(visit))
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        section.card {
            h2 { (t.details) }
            dl.facts {
                (fact("ARN", &copyable(t, &group.text("Arn"))))
                (fact(t.created, &moment(&group.text("CreateDate"))))
            }
        }
        section.card {
            h2 { (t.members) }
            @for user in answer.members("Users") {
                @let member = user.text("UserName");
                div.row {
                    a href={ "identities/users/" (encode(&member)) } { (member) }
                    form method="post" action={ (address) "/remove" } {
                        (csrf(visit)) input type="hidden" name="user" value=(member);
                        button.quiet type="submit" aria-label={ (t.remove) ": " (member) } { (t.remove) }
                    }
                }
            }
            form.row method="post" action={ (address) "/add" } {
                (csrf(visit))
                (text_field(t.user, "user", "", ""))
                button type="submit" { (t.add) }
            }
        }
        (cards)
        details.card {
            summary { h2 { (t.delete_group) } }
            (confirm(visit, &format!("{address}/delete"), t.delete_holder_warning, name, t.delete_group, &html! {}))
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Identities, name, body).status(status)))
}

/// Performs one act on a group.
pub(crate) async fn act(visit: &Visit<'_>, name: &str, act: &str) -> Result<Outcome, Fault> {
    let holder = Holder { kind: Kind::Group, name };
    let (group, user) = (holder.named(), ("UserName", visit.form.trimmed("user")));
    let done = match act {
        "add" => ask(visit, "AddUserToGroup", &[group, user]).await,
        "remove" => ask(visit, "RemoveUserFromGroup", &[group, user]).await,
        "delete" => {
            is_confirmed(visit, name)?;
            ask(visit, "DeleteGroup", &[group]).await
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
