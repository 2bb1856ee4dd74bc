//! To an identity provider and back.

use maud::html;
use subtle::ConstantTimeEq as _;

use crate::answer::redirect;
use crate::client::Fault;
use crate::oidc::{Desk, PATIENCE, Pending, refused};
use crate::page::{Page, Section};
use crate::screens::issued::begun;
use crate::screens::sign_in::{self, LIMIT};
use crate::session::{self, Credentials, Session};
use crate::visit::{Outcome, Visit, wished};

/// Cookie of a sign-in under way.
const PENDING: &str = "arqueta-sign-in";
const AAD: &[u8] = b"arqueta/console/oidc/1";

/// Leads to the provider.
pub(crate) async fn begin(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let Some(desk) = &visit.house.oidc else { return Err(Fault::nowhere()) };
    let Some(guess) = visit.house.attempts.guess(visit.connection.peer) else { return Ok(too_many(visit)) };
    let at: usize = visit.query.get("role").parse().unwrap_or_default();
    let role = desk.provider.roles.get(at).ok_or_else(Fault::nowhere)?;
    let (to, pending) = match desk.begin((role, visit.query.get("next"), visit.base()), visit.now).await {
        Ok(begun) => begun,
        Err(fault) => return Ok(sign_in::page(visit, Some(&fault))),
    };
    guess.take_back();
    let sealed = visit.house.sessions.wrap(AAD, &pending);
    let mut answer = redirect(&to);
    session::set_returning(answer.headers_mut(), PENDING, &sealed, PATIENCE, &visit.place());
    Ok(Outcome::Raw(Box::new(answer)))
}

fn too_many(visit: &Visit<'_>) -> Outcome {
    let fault = Fault::own(LIMIT, "SlowDown", visit.t.too_many_attempts);
    sign_in::page(visit, Some(&fault))
}

/// Somebody comes back.
pub(crate) async fn arrive(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let Some(desk) = &visit.house.oidc else { return Err(Fault::nowhere()) };
    let Some(guess) = visit.house.attempts.guess(visit.connection.peer) else { return Ok(too_many(visit)) };
    match arrived(visit, desk).await {
        Ok((session, next)) => {
            guess.take_back();
            Ok(welcome(visit, session, &next))
        }
        Err(fault) => {
            guess.failed(&fault);
            Ok(sign_in::page(visit, Some(&fault)))
        }
    }
}

async fn arrived(visit: &Visit<'_>, desk: &Desk) -> Result<(Session, String), Fault> {
    let query = &visit.query;
    let sealed = session::cookie(&visit.parts.headers, PENDING).unwrap_or_default();
    let pending: Option<Pending> = visit.house.sessions.unwrap(AAD, sealed);
    // Nobody is signed in as somebody else by an address that was sent to him.
    let pending = pending
        .filter(|pending| visit.now.millis() < pending.until)
        .filter(|pending| pending.state.as_bytes().ct_eq(query.get("state").as_bytes()).into())
        .ok_or_else(|| refused("invalid_state", visit.t.other_sign_in))?;
    if query.is_on("iss") && query.get("iss") != desk.provider.issuer {
        return Err(refused("invalid_issuer", visit.t.other_sign_in));
    }
    if query.is_on("error") {
        return Err(refused(query.get("error"), query.get("error_description")));
    }
    let vouched = desk.redeem(&pending, query.get("code"), visit.now).await?;
    let seconds = desk.provider.session.as_secs().to_string();
    let parameters = [
        ("RoleArn", pending.role.as_str()),
        ("RoleSessionName", &vouched.name),
        ("WebIdentityToken", &vouched.token),
        ("DurationSeconds", &seconds),
    ];
    let nobody = Credentials::none();
    let answer = visit.client_by(&nobody).query("sts", "AssumeRoleWithWebIdentity", &parameters).await?;
    let session = begun(visit, &answer, pending.base).await?;
    Ok((session, wished(&pending.next).to_owned()))
}

/// A page that leads on. A redirection would be the provider's doing still, to which browsers do not send
/// cookies that are `SameSite=Strict`; what this page asks for is its own.
fn welcome(visit: &Visit<'_>, session: Session, next: &str) -> Outcome {
    let t = visit.t;
    let body = html! {
        div.gate {
            h1 { (t.signed_in) }
            p { a.button.primary href={ "./" (next) } { (t.go_on) } }
        }
    };
    let place = session.place();
    let page = Page::new(Section::None, t.signed_in, body).leading(format!("./{next}"));
    Outcome::Arrived(Box::new(session), Box::new(page), session::gone(PENDING, &place))
}
