//! Calls of IAM, and the secret that they want once more.

use maud::html;

use crate::client::Fault;
use crate::client::xml::Node;
use crate::page::{Page, Section};
use crate::session::{Credentials, RAISED, Session};
use crate::view::{csrf, fault, head};
use crate::visit::{Outcome, Visit};

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
