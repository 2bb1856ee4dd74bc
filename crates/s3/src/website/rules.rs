//! What a bucket's website is, and where its rules send whom.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::path_of;

/// A website's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// What a path that ends with a slash shows.
    pub index: Option<String>,
    /// What is shown where something is wrong.
    pub error: Option<String>,
    /// Host and protocol to which everyone is sent.
    pub elsewhere: Option<(String, Option<String>)>,
    /// Rules, the first that matches counts.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// It is for keys that begin with this.
    pub prefix: Option<String>,
    /// It is for answers with this status.
    pub status: Option<u16>,
    /// Where to.
    pub to: Redirect,
}

/// Where somebody is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// Another host.
    pub host: Option<String>,
    /// Another protocol.
    pub protocol: Option<String>,
    /// The status; 301 if nothing is said.
    pub code: Option<u16>,
    /// In place of the prefix of the rule.
    pub prefix: Option<String>,
    /// In place of the whole key.
    pub key: Option<String>,
}

impl Site {
    /// As it is kept.
    #[must_use]
    pub fn document(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }

    /// From what was kept.
    #[must_use]
    pub fn from_document(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The key that a path shows.
    #[must_use]
    pub fn target(&self, key: &str) -> String {
        match &self.index {
            Some(index) if key.is_empty() || key.ends_with('/') => format!("{key}{index}"),
            _ => key.to_owned(),
        }
    }

    /// The rule for a key before anything was read, or for the status of what was.
    #[must_use]
    pub fn rule(&self, key: &str, status: Option<u16>) -> Option<&Rule> {
        self.rules
            .iter()
            .find(|rule| rule.status == status && rule.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix)))
    }
}

impl Rule {
    /// Status and address to which this rule sends who asked for `key` at `origin`, protocol and host.
    #[must_use]
    pub fn location(&self, key: &str, (protocol, host): (&str, &str)) -> (u16, String) {
        let to = &self.to;
        let path = match (&to.key, &to.prefix) {
            (Some(whole), _) => as_set(whole),
            (None, Some(prefix)) => {
                let rest = self.prefix.as_deref().and_then(|prefix| key.strip_prefix(prefix)).unwrap_or(key);
                as_set(prefix) + &path_of(rest)
            }
            (None, None) => path_of(key),
        };
        let (protocol, host) = (to.protocol.as_deref().unwrap_or(protocol), to.host.as_deref().unwrap_or(host));
        (to.code.unwrap_or(301), format!("{protocol}://{host}/{path}"))
    }
}

/// What cannot stand in an address. A rule may send to a fragment or a query, as those of applications in one
/// page do; what was asked for is never one.
const NO_ADDRESS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\');

/// A part of an address as the rule has it.
fn as_set(part: &str) -> String {
    utf8_percent_encode(part, NO_ADDRESS).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HERE: (&str, &str) = ("http", "site.example");

    fn rule(prefix: Option<&str>, status: Option<u16>, to: Redirect) -> Rule {
        Rule { prefix: prefix.map(str::to_owned), status, to }
    }

    #[test]
    fn rules_send_where_they_say() {
        let to = |change: fn(&mut Redirect)| {
            let mut to = Redirect::default();
            change(&mut to);
            to
        };
        for (rule, want) in [
            (
                rule(Some("docs/"), None, to(|to| to.prefix = Some("documents/".into()))),
                "http://site.example/documents/a b",
            ),
            (rule(Some("docs/"), None, to(|to| to.key = Some("gone.html".into()))), "http://site.example/gone.html"),
            (rule(None, Some(404), to(|to| to.prefix = Some("report/".into()))), "http://site.example/report/docs/a b"),
            (rule(None, Some(404), to(|to| to.prefix = Some("#!/".into()))), "http://site.example/#!/docs/a b"),
            (
                rule(Some("docs/"), Some(404), to(|to| to.prefix = Some("prod/resize?key=".into()))),
                "http://site.example/prod/resize?key=a b",
            ),
            (rule(None, None, to(|to| to.key = Some("a\r\nb: \u{f6}".into()))), "http://site.example/a%0D%0Ab: %C3%B6"),
            (
                rule(
                    None,
                    Some(404),
                    to(|to| (to.host, to.protocol) = (Some("other.example".into()), Some("https".into()))),
                ),
                "https://other.example/docs/a b",
            ),
        ] {
            assert_eq!(rule.location("docs/a b", HERE), (301, want.replace(' ', "%20")));
        }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let site = Site {
            index: Some("index.html".into()),
            rules: vec![
                rule(Some("a/"), Some(404), Redirect::default()),
                rule(Some("a/"), None, Redirect { code: Some(302), ..Redirect::default() }),
                rule(None, Some(403), Redirect::default()),
            ],
            ..Site::default()
        };
        assert_eq!(site.rule("a/b", None), Some(&site.rules[1]));
        assert_eq!(site.rule("a/b", Some(404)), Some(&site.rules[0]));
        assert_eq!(site.rule("b", Some(403)), Some(&site.rules[2]));
        assert_eq!(site.rule("b", None), None);
        assert_eq!(
            (site.target(""), site.target("a/"), site.target("a")),
            ("index.html".into(), "a/index.html".into(), "a".into())
        );
        assert_eq!(Site::from_document(&site.document()), Some(site));
    }
}
