//! Identities: users, roles and policies of the account, and the way to change them.

use maud::{Markup, html};

use crate::client::Fault;
use crate::client::xml::Node;
use crate::page::{Page, Section};
use crate::session::{Credentials, RAISED, Session};
use crate::view::{csrf, done, empty, fault, head, moment, text_field};
use crate::visit::{Outcome, Visit};

/// Entries of each list.
const PAGE: &str = "200";

/// What a call of IAM gives, or a page that asks for the secret again, where that is all that is missing:
/// temporary credentials of a user may not call IAM, as in AWS.
pub(crate) async fn ask(
    visit: &Visit<'_>,
    operation: &str,
    parameters: &[(&str, &str)],
) -> Result<Result<Node, Outcome>, Fault> {
    match visit.strong_client().query("iam", operation, parameters).await {
        Ok(answer) => Ok(Ok(answer)),
        Err(fault) if fault.code == "AccessDenied" && may_raise(visit) => Ok(Err(raise_page(visit, None))),
        Err(fault) => Err(fault),
    }
}

/// Whether giving the secret again would help: the session is a user's, and has not been raised.
fn may_raise(visit: &Visit<'_>) -> bool {
    let session = visit.session();
    session.arn.starts_with("arn:aws:iam:") && session.strongest(visit.now).token.is_some()
}

fn raise_page(visit: &Visit<'_>, refusal: Option<&Fault>) -> Outcome {
    let t = visit.t;
    let body = html! {
        (head(&[], t.identities, &html! {}))
        div.gate {
            h2 { (t.raise) }
            p.lead { (t.raise_lead) }
            @if let Some(refusal) = refusal { (fault(t, refusal)) }
            form method="post" action="identities/raise" {
                (csrf(visit))
                div.field { label for="key" { (t.access_key) } input id="key" name="key" autocomplete="username" spellcheck="false" required; }
                div.field { label for="secret" { (t.secret_key) } input id="secret" name="secret" type="password" autocomplete="current-password" required; }
                button.primary type="submit" { (t.go_on) }
            }
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Outcome::Page(Page::new(Section::Identities, t.identities, body).status(status))
}

/// Keeps long-term credentials for a while, if they are those of the same person.
pub(crate) async fn raise(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let (attempts, from) = (&visit.house.attempts, visit.connection.peer);
    let refused = |message: &str| Fault::own(http::StatusCode::FORBIDDEN, "AccessDenied", message);
    let Some(guess) = attempts.guess(from) else {
        return Ok(raise_page(visit, Some(&refused(visit.t.too_many_attempts))));
    };
    let stated = Credentials {
        access_key_id: visit.form.trimmed("key").to_owned(),
        secret: visit.form.trimmed("secret").to_owned().into(),
        token: None,
    };
    let caller = visit.client_by(&stated).query("sts", "GetCallerIdentity", &[]).await;
    let fault = match caller {
        Ok(caller) if caller.text("Arn") == visit.session().arn => {
            guess.take_back();
            let until = visit.now.plus(RAISED).millis();
            let session = Session { raised: Some((stated, until)), ..visit.session().clone() };
            return Ok(Outcome::SignedIn(Box::new(session), "identities?done=raised".to_owned()));
        }
        Ok(_) => {
            guess.take_back();
            refused(visit.t.raise_other)
        }
        Err(fault) => {
            guess.failed(&fault);
            fault
        }
    };
    Ok(raise_page(visit, Some(&fault)))
}

/// The page.
pub(crate) async fn list(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let parameters = [("MaxItems", PAGE)];
    let users = match ask(visit, "ListUsers", &parameters).await? {
        Ok(users) => users,
        Err(page) => return Ok(page),
    };
    let client = visit.strong_client();
    let roles = client.query("iam", "ListRoles", &parameters).await;
    let policies = client.query("iam", "ListPolicies", &[("MaxItems", PAGE), ("Scope", "Local")]).await;
    let body = html! {
        (head(&[], t.identities, &html! {}))
        (done(visit))
        (users_card(visit, &users))
        (others(visit, t.roles, "Roles", "RoleName", roles))
        (others(visit, t.policies, "Policies", "PolicyName", policies))
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

fn others(visit: &Visit<'_>, title: &str, list: &str, name: &str, read: Result<Node, Fault>) -> Markup {
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
                            td.strong { (entry.text(name)) } td { code.small { (entry.text("Arn")) } } td { (moment(&entry.text("CreateDate"))) }
                        } } }
                    } } }
                },
            }
        }
    }
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
