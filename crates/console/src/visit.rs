//! One request of a browser: who asks for what, in which language.

use arqueta_call::Connection;
use arqueta_model::Timestamp;
use http::Response;
use http::header::USER_AGENT;
use http::request::Parts;
use maud::Markup;

use crate::client::{Client, Scope};
use crate::guard;
use crate::house::House;
use crate::lead::PATH;
use crate::page::{Page, Section};
use crate::service::{CallBody, Service};
use crate::session::{Credentials, Session};
use crate::texts::{Language, Texts};

/// Cookie of the language.
pub(crate) const LANGUAGE: &str = "arqueta-language";
/// Most characters of the browser's own user agent that the record has.
const AGENT: usize = 200;

/// Parameters of an address, or fields of a form.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    pub fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// Fields that nobody sent.
    pub fn of(pairs: &[(&str, String)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    /// The first of a name; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
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
        Client { service, connection: self.connection, scope, agent: self.agent() }
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

    /// The token that a change states, in its form or its header.
    pub fn stated_token(&self) -> &str {
        match self.parts.headers.get("x-csrf-token").and_then(|token| token.to_str().ok()) {
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
        let here = self.plain_here();
        if here.is_empty() { "./".to_owned() } else { here }
    }
}

/// Where somebody wanted to go, if that is a page of the console: an address that leads elsewhere is
/// nobody's wish.
pub(crate) fn wished(next: &str) -> &str {
    let path = next.split('?').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./%".contains(c);
    let leads_out = path.starts_with('/') || path.contains("//") || path.contains("..") || !path.chars().all(plain);
    if leads_out || next.contains(['\\', '\r', '\n']) { "" } else { next }
}

/// Text as it stands in a parameter of an address.
pub(crate) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_out_of_the_console() {
        for good in ["", "buckets", "buckets/b/objects?prefix=a%2Fb", "keys/1-2?x=//y"] {
            assert_eq!(wished(good), good);
        }
        for bad in
            ["//evil.example", "/x", "https://evil.example", "javascript:alert(1)", "a/../../b", "\\\\evil", "a\r\nb"]
        {
            assert_eq!(wished(bad), "", "{bad}");
        }
    }

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let fields = Fields::parse(b"a=1+2%26&b=&a=3&c=+x+");
        assert_eq!((fields.get("a"), fields.is_on("b"), fields.trimmed("c")), ("1 2&", false, "x"));
        assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1 2&", "3"]);
    }
}
