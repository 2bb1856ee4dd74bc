//! One request of a browser: who asks for what, in which language.

use std::sync::Arc;

use arqueta_call::{Connection, Visitor};
use arqueta_model::Timestamp;
use http::header::{CONTENT_TYPE, ORIGIN, REFERER, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Method, Response};
use maud::Markup;
use zeroize::Zeroizing;

use crate::client::{Client, Fault, Scope};
use crate::guard;
use crate::house::House;
use crate::lead::PATH;
use crate::page::{Page, Section};
use crate::receive::{Bounds, receive};
use crate::service::{CallBody, Service};
use crate::session::{Credentials, Place, Session};
use crate::texts::{Language, Texts};

/// Cookie of the language.
pub(crate) const LANGUAGE: &str = "arqueta-language";
/// Most characters of the browser's own user agent that the record has.
const AGENT: usize = 200;

/// Parameters of an address, or fields of a form. They may be secrets: there is no `Debug`, and they
/// are wiped.
#[derive(Default)]
pub(crate) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    /// `None` where there are more than `most`: each costs more than its bytes.
    pub fn parse(text: &[u8], most: usize) -> Option<Self> {
        let mut fields = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if fields.len() == most {
                return None;
            }
            fields.push((name.into_owned(), Zeroizing::new(value.into_owned())));
        }
        Some(Self(fields))
    }

    /// Fields that nobody sent.
    pub fn of(pairs: &[(&str, String)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect())
    }

    /// The first of a name; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// As [`Fields::get`], without spaces around it.
    pub fn trimmed(&self, name: &str) -> &str {
        self.get(name).trim()
    }

    /// Whether a box was checked.
    pub fn is_on(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// All of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What becomes of a request.
pub(crate) enum Outcome {
    Page(Page),
    /// An address below the console's.
    Go(String),
    /// As [`Outcome::Go`], with a session that begins or changes.
    SignedIn(Box<Session>, String),
    /// As [`Outcome::SignedIn`], with a page and more headers.
    Arrived(Box<Session>, Box<Page>, HeaderMap),
    SignedOut(String),
    Raw(Box<Response<CallBody>>),
}

impl Outcome {
    /// A page.
    pub fn page(section: Section, title: impl Into<String>, body: Markup) -> Self {
        Self::Page(Page::new(section, title, body))
    }
}

/// One request.
pub(crate) struct Visit<'a> {
    pub house: &'a House,
    pub connection: Connection,
    pub visitor: Option<Arc<Visitor>>,
    pub session: Option<Session>,
    pub language: Language,
    pub t: &'static Texts,
    pub path: Vec<String>,
    pub query: Fields,
    pub form: Fields,
    /// From this page's folder to the console's: `../`, or `./`.
    pub up: String,
    pub nonce: String,
    /// Whether cookies go over TLS only.
    pub secure: bool,
    pub now: Timestamp,
    pub parts: &'a Parts,
}

impl Visit<'_> {
    /// Calls as the person, by the session's temporary credentials.
    ///
    /// # Panics
    /// Before somebody has signed in; [`crate::screens::route`] is reached by nobody else.
    pub fn client(&self) -> Client<'_> {
        self.client_by(&self.session().credentials)
    }

    /// Calls as the person, by the strongest credentials that the session has.
    pub fn strong_client(&self) -> Client<'_> {
        self.client_by(self.session().strongest(self.now))
    }

    /// Calls by `credentials`.
    pub fn client_by<'b>(&'b self, credentials: &'b Credentials) -> Client<'b> {
        let service: &dyn Service = &*self.house.service;
        let host = guard::host(&self.parts.headers, &self.parts.uri);
        let scope = Scope { credentials, region: &self.house.settings.region, host, now: self.now };
        Client { service, connection: self.connection, visitor: self.visitor.clone(), scope, agent: self.agent() }
    }

    /// The person's session.
    pub fn session(&self) -> &Session {
        self.session.as_ref().expect("only a person who has signed in gets here")
    }

    /// The console's name, and the browser's behind it.
    fn agent(&self) -> String {
        let browser = self.parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let browser: String = browser.chars().filter(|c| !"[]".contains(*c)).take(AGENT).collect();
        format!("[ArquetaConsole/{}, {browser}]", self.house.settings.version)
    }

    /// A header of the request.
    pub fn says(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether something is to change.
    pub fn changes(&self) -> bool {
        self.parts.method == Method::POST || self.parts.method == Method::PUT
    }

    /// Whether a form was sent. What an upload carries is none, and is not read here.
    pub fn has_form(&self) -> bool {
        self.says(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
    }

    /// Whether a script of ours asks, which can make nothing of a page.
    pub fn is_script(&self) -> bool {
        self.parts.headers.contains_key("x-csrf-token") || self.says("accept") == Some("text/event-stream")
    }

    /// A body that this request came with.
    pub async fn receive(&self, body: CallBody, bounds: Bounds) -> Result<Zeroizing<Vec<u8>>, Fault> {
        receive(body, bounds, self.visitor.as_deref(), &*self.house.settings.clock).await
    }

    /// The console's address as the browser has it; a proxy may have put something before our path.
    pub fn base(&self) -> String {
        let host = guard::host(&self.parts.headers, &self.parts.uri);
        let referer = self.says(REFERER.as_str()).and_then(|from| console_of(from, host));
        let scheme = if self.secure { "https" } else { "http" };
        let origin = || match self.says(ORIGIN.as_str()) {
            Some(origin) if origin != "null" => format!("{origin}{PATH}"),
            _ => format!("{scheme}://{host}{PATH}"),
        };
        referer.map_or_else(origin, str::to_owned)
    }

    /// Where cookies count: where those of the session do, if there is one.
    pub fn place(&self) -> Place {
        let base = self.session.as_ref().map_or_else(|| self.base(), |session| session.base.clone());
        Place::of(&base, self.secure)
    }

    /// The token that a change states, in its form or its header.
    pub fn stated_token(&self) -> &str {
        match self.says("x-csrf-token") {
            Some(token) => token,
            None => self.form.get("csrf"),
        }
    }

    /// This page below the console's address.
    pub fn plain_here(&self) -> String {
        let path = self.parts.uri.path().strip_prefix(PATH).unwrap_or_default();
        let query = self.parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{path}{query}")
    }

    /// As [`Visit::plain_here`], encoded to stand in a parameter.
    pub fn here(&self) -> String {
        encode(&self.plain_here())
    }

    /// This page, as an address that leads to itself.
    pub fn this(&self) -> String {
        // Whatever stands in the path, it leads from here: `javascript:x` and `/x` would be other addresses.
        format!("./{}", self.plain_here())
    }
}

/// The address of the console that the page at `from` is of, if that is on `host`: a page of another site that
/// leads here says nothing of where we are.
fn console_of<'a>(from: &'a str, host: &str) -> Option<&'a str> {
    let (_, rest) = from.split_once("://")?;
    let named = rest.split('/').next()?;
    let console = &from[..from.find(PATH)? + PATH.len()];
    (!host.is_empty() && named.eq_ignore_ascii_case(host)).then_some(console)
}

/// Where somebody wanted to go, if that is a page of the console: an address that leads elsewhere is
/// nobody's wish.
pub(crate) fn wished(next: &str) -> &str {
    let path = next.split('?').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./%".contains(c);
    // Browsers take encoded dots for dots, and a backslash for a slash.
    let dots = path.to_ascii_lowercase().replace("%2e", ".");
    let leads_out = path.starts_with('/') || path.contains("//") || dots.contains("..") || !path.chars().all(plain);
    let is_odd = |c: char| c == '\\' || c.is_control();
    if leads_out || dots.contains("%5c") || next.contains(is_odd) { "" } else { next }
}

/// Text as it stands in a parameter of an address.
pub(crate) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_out_of_the_console() {
        for good in ["", "buckets", "buckets/b/objects?prefix=a%2Fb", "keys/1-2?x=//y"] {
            assert_eq!(wished(good), good);
        }
        for bad in
            ["//evil.example", "/x", "https://evil.example", "javascript:alert(1)", "a/../../b", "\\\\evil", "a\r\nb"]
                .into_iter()
                .chain(["%2e%2e/%2e%2e/bucket/evil.html", ".%2E/x", "%2E./x", "a/%5c..", "a?x=\\", "a?\tx", "a?\u{7f}"])
        {
            assert_eq!(wished(bad), "", "{bad}");
        }
    }

    #[test]
    fn only_a_page_of_this_host_says_where_the_console_is() {
        let here = |from| console_of(from, "s3.example.com:9000");
        assert_eq!(
            here("https://S3.example.com:9000/below/-/console/keys?x=/-/console/"),
            Some("https://S3.example.com:9000/below/-/console/")
        );
        for other in [
            "https://evil.example/-/console/",
            "https://s3.example.com/-/console/",
            "https://s3.example.com:9000.evil.example/-/console/",
            "https://s3.example.com:9000/elsewhere",
            "-/console/",
        ] {
            assert_eq!(here(other), None, "{other}");
        }
        assert_eq!(console_of("https:///-/console/", ""), None);
    }

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let fields = Fields::parse(b"a=1+2%26&b=&a=3&c=+x+", 4).unwrap();
        assert_eq!((fields.get("a"), fields.is_on("b"), fields.trimmed("c")), ("1 2&", false, "x"));
        assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1 2&", "3"]);
        assert!(Fields::parse(b"a&b&c&d&e", 4).is_none() && Fields::parse(b"&&&&a&&&&&&", 1).is_some());
    }
}
