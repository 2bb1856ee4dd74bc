//! One user: access keys, policies, and its end.

use maud::{Markup, html};

use crate::client::Fault;
use crate::client::xml::Node;
use crate::page::{Page, Section};
use crate::screens::identities::ask;
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
    let attached = client.query("iam", "ListAttachedUserPolicies", &of).await;
    let inline = client.query("iam", "ListUserPolicies", &of).await;
    let groups = client.query("iam", "ListGroupsForUser", &of).await;
    let policies = client.query("iam", "ListPolicies", &[("MaxItems", "200")]).await.unwrap_or_default();
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
                @if let Ok(inline) = &inline { (fact(t.inline_policies, &html! { (names(inline, "PolicyNames")) })) }
            }
        }
        (keys_card(visit, name, keys))
        (policies_card(visit, name, attached, &policies))
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

fn names(answer: &Node, list: &str) -> String {
    dashed(answer.members(list).map(|member| member.content.clone()).collect())
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

fn policies_card(visit: &Visit<'_>, name: &str, attached: Result<Node, Fault>, policies: &Node) -> Markup {
    let t = visit.t;
    html! {
        section.card {
            h2 { (t.attached_policies) }
            @match &attached {
                Err(refusal) => (fault(t, refusal)),
                Ok(attached) => {
                    @for policy in attached.members("AttachedPolicies") {
                        div.row {
                            span { strong { (policy.text("PolicyName")) } " " code.small { (policy.text("PolicyArn")) } }
                            form method="post" action={ "identities/users/" (name) "/detach" } {
                                (csrf(visit)) input type="hidden" name="arn" value=(policy.text("PolicyArn"));
                                button.quiet type="submit" aria-label={ (t.detach) ": " (policy.text("PolicyName")) } { (t.detach) }
                            }
                        }
                    }
                    form.row method="post" action={ "identities/users/" (name) "/attach" } {
                        (csrf(visit))
                        div.field {
                            label for="arn" { (t.policy) }
                            select id="arn" name="arn" {
                                @for policy in policies.members("Policies") { option value=(policy.text("Arn")) { (policy.text("PolicyName")) } }
                            }
                        }
                        button type="submit" { (t.attach) }
                    }
                },
            }
        }
    }
}

/// Performs one act on a user.
pub(crate) async fn act(visit: &Visit<'_>, name: &str, act: &str) -> Result<Outcome, Fault> {
    let form = &visit.form;
    let (user, key, arn) = (("UserName", name), ("AccessKeyId", form.get("key")), ("PolicyArn", form.get("arn")));
    let done = match act {
        "key" => ask(visit, "CreateAccessKey", &[user]).await,
        "activate" => ask(visit, "UpdateAccessKey", &[user, key, ("Status", "Active")]).await,
        "deactivate" => ask(visit, "UpdateAccessKey", &[user, key, ("Status", "Inactive")]).await,
        "delete-key" => ask(visit, "DeleteAccessKey", &[user, key]).await,
        "attach" => ask(visit, "AttachUserPolicy", &[user, arn]).await,
        "detach" => ask(visit, "DetachUserPolicy", &[user, arn]).await,
        "delete" => {
            is_confirmed(visit, name)?;
            ask(visit, "DeleteUser", &[user]).await
        }
        _ => return Err(Fault::own(http::StatusCode::NOT_FOUND, "NoSuchPage", "There is no such act.")),
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
