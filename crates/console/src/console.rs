//! The console itself: a browser's request in, a page out.

use std::pin::Pin;
use std::sync::Arc;

use arqueta_call::Connection;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::answer::redirect;
use crate::client::Fault;
use crate::house::{Facts, House, Settings};
use crate::lead::PATH;
use crate::limits::Attempts;
use crate::render::render;
use crate::service::{CallBody, Service, whole};
use crate::session::{self, Sessions};
use crate::texts::Language;
use crate::visit::{Fields, LANGUAGE, Outcome, Visit};
use crate::{assets, guard, screens};

/// Largest form: a policy of the largest size, encoded, and some room.
const LARGEST_FORM: usize = 1 << 20;
/// The console. Cheap to share behind an `Arc`.
pub struct Console {
    house: House,
}

impl Console {
    /// A console over the public operations.
    #[must_use]
    pub fn new(service: Arc<dyn Service>, facts: Arc<dyn Facts>, settings: Settings) -> Self {
        Self { house: House { service, facts, settings, sessions: Sessions::new(), attempts: Attempts::new() } }
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
        let rest = parts.uri.path().strip_prefix(PATH).unwrap_or_default();
        let now = self.house.settings.clock.now();
        let session = self.house.sessions.of(&parts.headers, now);
        let says = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let language =
            Language::of(session::cookie(&parts.headers, LANGUAGE), says("accept-language").unwrap_or_default());
        let changes = parts.method == Method::POST || parts.method == Method::PUT;
        let secure = connection.tls.is_some() || says("origin").is_some_and(|origin| origin.starts_with("https://"));
        let mut visit = Visit {
            house: &self.house,
            connection: *connection,
            session,
            language,
            t: language.texts(),
            path: rest.split('/').filter_map(decoded).collect(),
            query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
            form: Fields::default(),
            up,
            nonce: nonce.to_owned(),
            secure,
            now,
            parts: &parts,
        };
        if !changes && parts.method != Method::GET && parts.method != Method::HEAD {
            let mut answer = render(&visit, Err(not_allowed()));
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT"));
            return answer;
        }
        if changes && !guard::is_same_origin(&parts.headers, &parts.uri) {
            return render(&visit, Err(foreign()));
        }
        // What an upload carries is not read here.
        let mut body = Some(body);
        let is_form =
            says(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if changes && is_form {
            let read = match body.take() {
                Some(body) => whole(body, LARGEST_FORM).await,
                None => None,
            };
            match read {
                Some(form) => visit.form = Fields::parse(&form),
                None => return render(&visit, Err(too_large())),
            }
        }
        let outcome = self.outcome(&mut visit, body, changes).await;
        render(&visit, outcome)
    }

    async fn outcome(&self, visit: &mut Visit<'_>, body: Option<CallBody>, changes: bool) -> Result<Outcome, Fault> {
        let path: Vec<String> = visit.path.clone();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        if let Some(outcome) = screens::open(visit, &path, changes).await {
            return outcome;
        }
        let Some(session) = &visit.session else {
            return Ok(Outcome::Go(format!("sign-in?next={}", visit.here())));
        };
        if changes && !session.is_csrf(visit.stated_token()) {
            return Err(forged());
        }
        let outcome = screens::route(visit, &path, body, changes).await;
        match outcome {
            Err(fault) if fault.ends_session() => Ok(Outcome::SignedOut("sign-in?reason=expired".to_owned())),
            other => other,
        }
    }
}

/// A segment of a path; none for an empty one.
fn decoded(segment: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(segment).decode_utf8().ok()?;
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

fn too_large() -> Fault {
    Fault::own(StatusCode::PAYLOAD_TOO_LARGE, "EntityTooLarge", "The form is larger than any that the console has.")
}
