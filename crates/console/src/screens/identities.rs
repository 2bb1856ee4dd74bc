//! Identities: users, groups, roles, policies and providers of the account.

use maud::{Markup, html};

use crate::client::Fault;
use crate::client::xml::Node;
use crate::page::Section;
use crate::screens::providers;
use crate::screens::raise::ask;
use crate::view::{csrf, done, empty, fault, head, moment, text_field};
use crate::visit::{Outcome, Visit, encode};

/// Entries of each list.
const PAGE: &str = "200";

/// The page.
pub(crate) async fn list(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let parameters = [("MaxItems", PAGE)];
    let users = match ask(visit, "ListUsers", &parameters).await? {
        Ok(users) => users,
        Err(page) => return Ok(page),
    };
    let client = visit.strong_client();
    let providers = providers::card(visit).await;
    let groups = client.query("iam", "ListGroups", &parameters).await;
    let roles = client.query("iam", "ListRoles", &parameters).await;
    let policies = client.query("iam", "ListPolicies", &[("MaxItems", PAGE), ("Scope", "Local")]).await;
    let body = html! {
        (head(&[], t.identities, &html! { a.button href="access" { (t.access) } a.button href="simulate" { (t.simulate) } }))
        (done(visit))
        (users_card(visit, &users))
        (others(visit, t.groups, ("Groups", "GroupName", "identities/groups/"), groups, &name_form(visit, "group", t.create_group)))
        (others(visit, t.roles, ("Roles", "RoleName", "identities/roles/"), roles, &role_form(visit)))
        (others(visit, t.policies, ("Policies", "PolicyName", ""), policies, &html! {}))
        (providers)
        details.card { summary { h2 { (t.new_policy) } }
            form method="post" action="identities/policy" {
                (csrf(visit))
                (text_field(t.name, "name", "", ""))
                (crate::view::area(t.policy, "document", t.policy_help, EXAMPLE))
                button type="submit" { (t.create) }
            }
        }
    };
    Ok(Outcome::page(Section::Identities, t.identities, body))
}

const EXAMPLE: &str = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    { \"Effect\": \"Allow\", \"Action\": [\"s3:GetObject\"], \"Resource\": \"arn:aws:s3:::BUCKET/*\" }\n  ]\n}";

fn users_card(visit: &Visit<'_>, users: &Node) -> Markup {
    let t = visit.t;
    let users: Vec<&Node> = users.members("Users").collect();
    let form = html! {
        form.row method="post" action="identities/user" {
            (csrf(visit))
            (text_field(t.user_name, "name", "", ""))
            button type="submit" { (t.create_user) }
        }
    };
    html! {
        section.card {
            h2 { (t.users) }
            @if users.is_empty() { (empty(t.no_users, t.no_users_advice, &html! {})) }
            @else {
                div.scroll { table {
                    caption.hidden { (t.users) }
                    thead { tr { th scope="col" { (t.name) } th scope="col" { "ARN" } th scope="col" { (t.created) } } }
                    tbody { @for user in users { tr {
                        td { a.strong href={ "identities/users/" (user.text("UserName")) } { (user.text("UserName")) } }
                        td { code.small { (user.text("Arn")) } }
                        td { (moment(&user.text("CreateDate"))) }
                    } } }
                } }
            }
            (form)
        }
    }
}

/// A card of those that have a page at `to` and their name, or their ARN where that is nothing.
fn others(
    visit: &Visit<'_>,
    title: &str,
    (list, name, to): (&str, &str, &str),
    read: Result<Node, Fault>,
    form: &Markup,
) -> Markup {
    let t = visit.t;
    html! {
        section.card {
            h2 { (title) }
            @match &read {
                Err(refusal) => (fault(t, refusal)),
                Ok(answer) => {
                    @let entries = answer.members(list).collect::<Vec<_>>();
                    @if entries.is_empty() { p.quiet { (t.none_yet) } }
                    @else { div.scroll tabindex="0" { table {
                        caption.hidden { (title) }
                        thead { tr { th scope="col" { (t.name) } th scope="col" { "ARN" } th scope="col" { (t.created) } } }
                        tbody { @for entry in entries { tr {
                            td { a.strong href={ @if to.is_empty() { "identities/policy?arn=" (encode(&entry.text("Arn"))) } @else { (to) (encode(&entry.text(name))) } } { (entry.text(name)) } } td { code.small { (entry.text("Arn")) } } td { (moment(&entry.text("CreateDate"))) }
                        } } }
                    } } }
                    (form)
                },
            }
        }
    }
}

fn name_form(visit: &Visit<'_>, what: &str, label: &str) -> Markup {
    let id = format!("{what}-name");
    html! {
        form.row method="post" action={ "identities/" (what) } {
            (csrf(visit))
            div.field { label for=(id) { (visit.t.name) } input id=(id) name="name" autocomplete="off" spellcheck="false" required; }
            button type="submit" { (label) }
        }
    }
}

fn role_form(visit: &Visit<'_>) -> Markup {
    let t = visit.t;
    let account = &visit.session().account;
    let trust = TRUST.replace("ACCOUNT", account);
    html! {
        details {
            summary { (t.create_role) }
            form method="post" action="identities/role" {
                (csrf(visit))
                div.field { label for="role-name" { (t.name) } input id="role-name" name="name" autocomplete="off" spellcheck="false" required; }
                (crate::view::area(t.trust_policy, "trust", t.trust_policy_help, &trust))
                button type="submit" { (t.create_role) }
            }
        }
    }
}

/// Whom a new role trusts until somebody says otherwise: those of its account whom their own policies let.
const TRUST: &str = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    { \"Effect\": \"Allow\", \"Principal\": { \"AWS\": \"arn:aws:iam::ACCOUNT:root\" }, \"Action\": \"sts:AssumeRole\" }\n  ]\n}";

/// Makes a group.
pub(crate) async fn create_group(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let name = visit.form.trimmed("name");
    Ok(match ask(visit, "CreateGroup", &[("GroupName", name)]).await? {
        Ok(_) => Outcome::Go(format!("identities/groups/{}?done=created", encode(name))),
        Err(page) => page,
    })
}

/// Makes a role.
pub(crate) async fn create_role(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let name = visit.form.trimmed("name");
    let parameters = [("RoleName", name), ("AssumeRolePolicyDocument", visit.form.get("trust"))];
    Ok(match ask(visit, "CreateRole", &parameters).await? {
        Ok(_) => Outcome::Go(format!("identities/roles/{}?done=created", encode(name))),
        Err(page) => page,
    })
}

/// Makes a user.
pub(crate) async fn create_user(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let name = visit.form.trimmed("name");
    Ok(match ask(visit, "CreateUser", &[("UserName", name)]).await? {
        Ok(_) => Outcome::Go(format!("identities/users/{name}?done=created")),
        Err(page) => page,
    })
}

/// Makes a managed policy.
pub(crate) async fn create_policy(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let form = &visit.form;
    let parameters = [("PolicyName", form.trimmed("name")), ("PolicyDocument", form.get("document"))];
    Ok(match ask(visit, "CreatePolicy", &parameters).await? {
        Ok(_) => Outcome::Go("identities?done=created".to_owned()),
        Err(page) => page,
    })
}
