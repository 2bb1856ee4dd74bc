//! Another role for a while, and back.

use maud::html;

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::issued::begun;
use crate::session::{Before, Session, random};
use crate::view::{csrf, fault, field, head, text_field};
use crate::visit::{Outcome, Visit};

/// The page.
pub(crate) async fn page(visit: &Visit<'_>, refusal: Option<&Fault>) -> Outcome {
    let t = visit.t;
    // Whoever may not list roles knows the one that he was told of.
    let listed = visit.strong_client().query("iam", "ListRoles", &[("MaxItems", "200")]).await.unwrap_or_default();
    let input = html! {
        input id="role" name="role" list="roles" value=(visit.form.get("role")) autocomplete="off" spellcheck="false" required aria-describedby="role-help";
        datalist id="roles" { @for role in listed.members("Roles") { option value=(role.text("Arn")) {} } }
    };
    let body = html! {
        (head(&[], t.switch_role, &html! {}))
        p.lead { (t.switch_role_lead) }
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        form.card method="post" action="role" {
            (csrf(visit))
            (field(t.role, "role", t.role_help, &input))
            (text_field(t.role_session, "session", t.role_session_help, visit.form.get("session")))
            div.buttons { button.primary type="submit" { (t.switch_role) } a href="./" { (t.cancel) } }
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Outcome::Page(Page::new(Section::None, t.switch_role, body).status(status))
}

/// Takes a role.
pub(crate) async fn switch(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let now = visit.session();
    let name = visit.form.trimmed("session");
    let own: String =
        now.name().chars().filter(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c)).take(64).collect();
    let name = if name.is_empty() { &own } else { name };
    let parameters = [("RoleArn", visit.form.trimmed("role")), ("RoleSessionName", name)];
    let answer = match visit.client().query("sts", "AssumeRole", &parameters).await {
        Ok(answer) => answer,
        Err(fault) => return Ok(page(visit, Some(&fault)).await),
    };
    let session = begun(visit, &answer, now.base.clone()).await?;
    let me = || Before {
        credentials: now.credentials.clone(),
        expires: now.expires,
        arn: now.arn.clone(),
        account: now.account.clone(),
    };
    // From role to role, the way back is to oneself.
    let before = now.before.clone().unwrap_or_else(|| Box::new(me()));
    Ok(Outcome::SignedIn(Box::new(Session { before: Some(before), ..session }), String::new()))
}

/// Gives the role back.
pub(crate) fn back(visit: &Visit<'_>) -> Outcome {
    let now = visit.session().clone();
    let Some(before) = now.before.filter(|before| visit.now.millis() < before.expires) else {
        return Outcome::SignedOut("sign-in?reason=expired".to_owned());
    };
    let Before { credentials, expires, arn, account } = *before;
    let session = Session {
        id: random(),
        csrf: random(),
        raised: None,
        before: None,
        base: now.base,
        credentials,
        expires,
        arn,
        account,
    };
    Outcome::SignedIn(Box::new(session), String::new())
}
