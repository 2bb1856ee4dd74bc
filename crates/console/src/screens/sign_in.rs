//! Signing in: an access key is exchanged at once for temporary credentials.

use arqueta_model::Timestamp;
use http::StatusCode;
use maud::{Markup, html};

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::doors::doors;
use crate::screens::issued::issued;
use crate::session::{self, Credentials, LONGEST, Session};
use crate::view::{csrf, fault, text_field};
use crate::visit::{LANGUAGE, Outcome, Visit, wished};

/// Status of too many attempts.
pub(crate) const LIMIT: StatusCode = StatusCode::TOO_MANY_REQUESTS;

/// The page.
pub(crate) fn page(visit: &Visit<'_>, refusal: Option<&Fault>) -> Outcome {
    let t = visit.t;
    let reason = match visit.query.get("reason") {
        "expired" => t.session_expired,
        "out" => t.signed_out,
        _ => "",
    };
    let body = html! {
        div.gate {
            h1 { (t.sign_in) }
            p.lead { (t.sign_in_lead) }
            @if !reason.is_empty() { div.alert role="status" { p { (reason) } } }
            @if let Some(refusal) = refusal { (fault(t, refusal)) }
            form method="post" action="sign-in" {
                (csrf(visit))
                input type="hidden" name="next" value=(visit.query.get("next"));
                (credentials(visit))
                button.primary type="submit" { (t.sign_in) }
            }
            (doors(visit))
        }
    };
    let status = refusal.map_or(StatusCode::OK, |refusal| refusal.status);
    Outcome::Page(Page::new(Section::None, t.sign_in, body).status(status))
}

fn credentials(visit: &Visit<'_>) -> Markup {
    let t = visit.t;
    html! {
        div.field {
            label for="key" { (t.access_key) }
            input id="key" name="key" value=(visit.form.get("key")) autocomplete="username" spellcheck="false" autocapitalize="off" required;
        }
        div.field {
            label for="secret" { (t.secret_key) }
            input id="secret" name="secret" type="password" autocomplete="current-password" required;
        }
        details {
            summary { (t.have_token) }
            (text_field(t.session_token, "token", t.session_token_help, ""))
        }
    }
}

/// Exchanges what the form has for a session.
pub(crate) async fn sign_in(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let (attempts, from) = (&visit.house.attempts, visit.connection.peer);
    let Some(guess) = attempts.guess(from) else {
        let fault = Fault::own(LIMIT, "SlowDown", visit.t.too_many_attempts);
        return Ok(page(visit, Some(&fault)));
    };
    let token = visit.form.trimmed("token");
    let stated = Credentials {
        access_key_id: visit.form.trimmed("key").to_owned(),
        secret: visit.form.trimmed("secret").to_owned().into(),
        token: (!token.is_empty()).then(|| token.to_owned().into()),
    };
    match begin(visit, stated).await {
        Ok(session) => {
            guess.take_back();
            let next = wished(visit.form.get("next")).to_owned();
            Ok(Outcome::SignedIn(Box::new(session), next))
        }
        Err(fault) => {
            guess.failed(&fault);
            Ok(page(visit, Some(&fault)))
        }
    }
}

async fn begin(visit: &Visit<'_>, stated: Credentials) -> Result<Session, Fault> {
    let latest = visit.now.plus(LONGEST);
    let (credentials, expires) = if stated.token.is_some() {
        // Temporary ones already. When they end they say so.
        (stated, latest)
    } else {
        exchanged(visit, &stated).await?
    };
    let client = visit.client_by(&credentials);
    let caller = client.query("sts", "GetCallerIdentity", &[]).await?;
    Ok(Session {
        id: session::random(),
        raised: None,
        before: None,
        expires: expires.millis(),
        arn: caller.text("Arn"),
        account: caller.text("Account"),
        csrf: session::random(),
        base: visit.base(),
        credentials,
    })
}

/// The temporary credentials that `stated` are good for, and when they end.
async fn exchanged(visit: &Visit<'_>, stated: &Credentials) -> Result<(Credentials, Timestamp), Fault> {
    let result = visit.client_by(stated).query("sts", "GetSessionToken", &[]).await?;
    issued(&result, visit.now)
}

/// Keeps the choice of a language.
pub(crate) fn language(visit: &Visit<'_>) -> Outcome {
    let mut answer = crate::answer::redirect(&format!("{}{}", visit.up, wished(visit.form.get("back"))));
    let tag: String = visit.form.get("to").chars().filter(char::is_ascii_lowercase).take(2).collect();
    session::set(answer.headers_mut(), LANGUAGE, Some(&tag), &visit.place());
    Outcome::Raw(Box::new(answer))
}
