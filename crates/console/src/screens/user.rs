//! One user: access keys, policies, and its end.

use maud::{Markup, html};

use crate::client::Fault;
use crate::client::xml::Node;
use crate::page::{Page, Section};
use crate::screens::holder::{self, Holder, Kind};
use crate::screens::raise::ask;
use crate::view::{confirm, copyable, csrf, done, fact, fault, head, is_confirmed, moment};
use crate::visit::{Outcome, Visit};

/// The page; `made` is an access key that was just made, `refusal` of an act.
pub(crate) async fn page(
    visit: &Visit<'_>,
    name: &str,
    made: Option<&Node>,
    refusal: Option<&Fault>,
) -> Result<Outcome, Fault> {
    let t = visit.t;
    let of = [("UserName", name)];
    let user = match ask(visit, "GetUser", &of).await? {
        Ok(answer) => answer.take("User").unwrap_or_default(),
        Err(page) => return Ok(page),
    };
    let client = visit.strong_client();
    let keys = client.query("iam", "ListAccessKeys", &of).await;
    let groups = client.query("iam", "ListGroupsForUser", &of).await;
    let holder = Holder { kind: Kind::User, name };
    let boundary = user.child("PermissionsBoundary").map(|boundary| boundary.text("PermissionsBoundaryArn"));
    let cards = holder::cards(visit, holder, boundary.as_deref()).await;
    let body = html! {
        (head(&[("identities", t.identities)], name, &html! {}))
        (done(visit))
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        @if let Some(made) = made { (secret(visit, made)) }
        section.card {
            h2 { (t.details) }
            dl.facts {
                (fact("ARN", &copyable(t, &user.text("Arn"))))
                (fact(t.created, &moment(&user.text("CreateDate"))))
                @if let Ok(groups) = &groups { (fact(t.groups, &html! { (listed(groups, "Groups", "GroupName")) })) }
            }
        }
        (keys_card(visit, name, keys))
        (cards)
        details.card {
            summary { h2 { (t.delete_user) } }
            (confirm(visit, &format!("identities/users/{name}/delete"), t.delete_user_warning, name, t.delete_user, &html! {}))
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Identities, name, body).status(status)))
}

fn listed(answer: &Node, list: &str, name: &str) -> String {
    dashed(answer.members(list).map(|member| member.text(name)).collect())
}

fn dashed(names: Vec<String>) -> String {
    if names.is_empty() { "—".to_owned() } else { names.join(", ") }
}

/// The only moment that the secret is shown.
fn secret(visit: &Visit<'_>, made: &Node) -> Markup {
    let t = visit.t;
    html! {
        div.alert.good role="status" {
            p.title { (t.key_made) }
            p { (t.key_made_help) }
            dl.facts {
                (fact(t.access_key, &copyable(t, &made.text("AccessKeyId"))))
                (fact(t.secret_key, &copyable(t, &made.text("SecretAccessKey"))))
            }
        }
    }
}

fn keys_card(visit: &Visit<'_>, name: &str, keys: Result<Node, Fault>) -> Markup {
    let t = visit.t;
    let act = |act: &str, id: &str, label: &str| {
        html! {
            form method="post" action={ "identities/users/" (name) "/" (act) } {
                (csrf(visit)) input type="hidden" name="key" value=(id);
                button.quiet type="submit" aria-label={ (label) ": " (id) } { (label) }
            }
        }
    };
    html! {
        section.card {
            h2 { (t.access_keys) }
            @match &keys {
                Err(refusal) => (fault(t, refusal)),
                Ok(keys) => {
                    @for key in keys.members("AccessKeyMetadata") {
                        @let (id, is_active) = (key.text("AccessKeyId"), key.text("Status") == "Active");
                        div.row {
                            code { (id) }
                            span.badge.good[is_active].warn[!is_active] { (if is_active { t.active } else { t.inactive }) }
                            span.small { (moment(&key.text("CreateDate"))) }
                            (act(if is_active { "deactivate" } else { "activate" }, &id, if is_active { t.deactivate } else { t.activate }))
                            @if !is_active { (act("delete-key", &id, t.delete)) }
                        }
                    }
                    form method="post" action={ "identities/users/" (name) "/key" } { (csrf(visit)) button type="submit" { (t.create_access_key) } }
                },
            }
        }
    }
}

/// Performs one act on a user.
pub(crate) async fn act(visit: &Visit<'_>, name: &str, act: &str) -> Result<Outcome, Fault> {
    let form = &visit.form;
    let (user, key) = (("UserName", name), ("AccessKeyId", form.get("key")));
    let done = match act {
        "key" => ask(visit, "CreateAccessKey", &[user]).await,
        "activate" => ask(visit, "UpdateAccessKey", &[user, key, ("Status", "Active")]).await,
        "deactivate" => ask(visit, "UpdateAccessKey", &[user, key, ("Status", "Inactive")]).await,
        "delete-key" => ask(visit, "DeleteAccessKey", &[user, key]).await,
        "delete" => {
            is_confirmed(visit, name)?;
            ask(visit, "DeleteUser", &[user]).await
        }
        other => match holder::act(visit, Holder { kind: Kind::User, name }, other).await {
            Some(Err(fault)) => return page(visit, name, None, Some(&fault)).await,
            Some(done) => return done,
            None => return Err(Fault::nowhere()),
        },
    };
    match done {
        Ok(Err(page)) => Ok(page),
        Ok(Ok(answer)) if act == "key" => {
            let made = answer.take("AccessKey").unwrap_or_default();
            page(visit, name, Some(&made), None).await
        }
        Ok(Ok(_)) if act == "delete" => Ok(Outcome::Go("identities?done=deleted".to_owned())),
        Ok(Ok(_)) => Ok(Outcome::Go(format!("identities/users/{name}?done=saved"))),
        Err(fault) => page(visit, name, None, Some(&fault)).await,
    }
}
