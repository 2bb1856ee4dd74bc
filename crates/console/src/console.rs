//! The console itself: a browser's request in, a page out.

use std::pin::Pin;
use std::sync::Arc;

use arqueta_call::{Connection, Visitor};
use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::answer::redirect;
use crate::client::Fault;
use crate::house::{Facts, House, Settings};
use crate::lead::PATH;
use crate::limits::Attempts;
use crate::oidc::Desk;
use crate::receive::{PERSON, STRANGER, too_large};
use crate::render::render;
use crate::service::{CallBody, Service};
use crate::session::{self, Sessions};
use crate::texts::Language;
use crate::visit::{Fields, LANGUAGE, Outcome, Visit};
use crate::{assets, guard, screens};

/// The console. Cheap to share behind an `Arc`.
pub struct Console {
    pub(crate) house: House,
}

impl Console {
    /// A console over the public operations.
    #[must_use]
    pub fn new(service: Arc<dyn Service>, facts: Arc<dyn Facts>, mut settings: Settings) -> Self {
        let oidc = settings.oidc.take().map(Desk::new);
        Self { house: House { service, facts, settings, oidc, sessions: Sessions::new(), attempts: Attempts::new() } }
    }

    /// Whether a path is the console's.
    #[must_use]
    pub fn matches(path: &str) -> bool {
        path.starts_with(PATH) || path == PATH.trim_end_matches('/')
    }

    /// Answers one request of a browser that came over `connection`.
    /// Boxed: most requests of the port are for other edges, and must not carry the room that a page needs.
    pub fn answer<'a>(
        &'a self,
        request: Request<CallBody>,
        connection: &'a Connection,
    ) -> Pin<Box<dyn Future<Output = Response<CallBody>> + Send + 'a>> {
        Box::pin(self.answered(request, connection))
    }

    async fn answered(&self, request: Request<CallBody>, connection: &Connection) -> Response<CallBody> {
        let path = request.uri().path();
        let Some(rest) = path.strip_prefix(PATH) else {
            // Whoever opened the bare address; or the console's without its slash, from where relative
            // addresses would lead out of it.
            return redirect(if path == "/" { "-/console/" } else { "console/" });
        };
        if let Some(name) = rest.strip_prefix("assets/") {
            return assets::answer(name, request.headers());
        }
        let depth = rest.matches('/').count();
        let up = if depth == 0 { "./".to_owned() } else { "../".repeat(depth) };
        let nonce = session::random();
        let mut answer = self.page(request, connection, up, &nonce).await;
        guard::dress(answer.headers_mut(), &nonce);
        answer
    }

    async fn page(
        &self,
        request: Request<CallBody>,
        connection: &Connection,
        up: String,
        nonce: &str,
    ) -> Response<CallBody> {
        let (parts, body) = request.into_parts();
        let mut visit = self.visit(&parts, connection, up, nonce);
        let outcome = self.outcome(&mut visit, body).await;
        let mut answer = render(&visit, outcome);
        if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT"));
        }
        answer
    }

    /// What the head of a request tells.
    fn visit<'a>(&'a self, parts: &'a Parts, connection: &Connection, up: String, nonce: &str) -> Visit<'a> {
        let rest = parts.uri.path().strip_prefix(PATH).unwrap_or_default();
        let now = self.house.settings.clock.now();
        let session = self.house.sessions.of(&parts.headers, now);
        let says = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let language =
            Language::of(session::cookie(&parts.headers, LANGUAGE), says("accept-language").unwrap_or_default());
        // Behind a proxy that ends TLS only the browser tells: of a change by its origin, of another
        // request by the page that led there.
        let is_https = |address: &str| address.starts_with("https://");
        let secure = connection.tls.is_some()
            || says("origin").or_else(|| says("referer")).is_some_and(is_https)
            || session.as_ref().is_some_and(|session| is_https(&session.base));
        let visitor = parts.extensions.get::<Arc<Visitor>>().cloned();
        if let (Some(visitor), Some(session)) = (&visitor, &session) {
            // Only we can have sealed it. By account: names of sessions are their holders' to choose.
            visitor.identify(&session.account);
        }
        Visit {
            house: &self.house,
            connection: *connection,
            visitor,
            session,
            language,
            t: language.texts(),
            path: rest.split('/').filter_map(decoded).collect(),
            query: Fields::default(),
            form: Fields::default(),
            up,
            nonce: nonce.to_owned(),
            secure,
            now,
            parts,
        }
    }

    async fn outcome(&self, visit: &mut Visit<'_>, body: CallBody) -> Result<Outcome, Fault> {
        let (method, changes) = (&visit.parts.method, visit.changes());
        if !changes && method != Method::GET && method != Method::HEAD {
            return Err(not_allowed());
        }
        if changes && !guard::is_same_origin(&visit.parts.headers, &visit.parts.uri) {
            return Err(foreign());
        }
        let query = visit.parts.uri.query().unwrap_or_default();
        visit.query = Fields::parse(query.as_bytes(), PERSON.fields).ok_or_else(too_large)?;
        let path: Vec<String> = visit.path.clone();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let is_open = screens::is_open(&path);
        if visit.session.is_none() && !is_open {
            return signed_out(visit);
        }
        let mut body = Some(body);
        if changes
            && visit.has_form()
            && let Some(body) = body.take()
        {
            let bounds = if visit.session.is_some() { PERSON } else { STRANGER };
            let form = visit.receive(body, bounds).await?;
            visit.form = Fields::parse(&form, bounds.fields).ok_or_else(too_large)?;
        }
        if is_open {
            return screens::open(visit, &path, changes).await;
        }
        if changes && !visit.session().is_csrf(visit.stated_token()) {
            return Err(forged());
        }
        match screens::route(visit, &path, body, changes).await {
            Err(fault) if fault.ends_session() => Ok(Outcome::SignedOut("sign-in?reason=expired".to_owned())),
            other => other,
        }
    }
}

/// What becomes of a request for which one has to have signed in. Nothing of its body is read.
fn signed_out(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    if visit.is_script() {
        return Err(Fault::session_over(visit.t));
    }
    // What was to change is not done later, by an address that only takes changes.
    let next = if visit.changes() { "reason=expired".to_owned() } else { format!("next={}", visit.here()) };
    Ok(Outcome::Go(format!("sign-in?{next}")))
}

/// A segment of a path; none for an empty one.
fn decoded(segment: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
    (!text.is_empty()).then(|| text.into_owned())
}

fn not_allowed() -> Fault {
    Fault::own(
        StatusCode::METHOD_NOT_ALLOWED,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
    )
}

fn foreign() -> Fault {
    Fault::own(StatusCode::FORBIDDEN, "AccessForbidden", "This change was asked for by another site, or by no browser.")
}

fn forged() -> Fault {
    Fault::own(StatusCode::FORBIDDEN, "AccessForbidden", "This form is of another session. Open the page again.")
}
