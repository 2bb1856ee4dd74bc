//! Cross-origin rules acted on: preflight answers and the headers of actual answers
//! (S3 User Guide, "Using cross-origin resource sharing"; WHATWG Fetch, "CORS protocol").

use std::collections::BTreeSet;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderName, VARY,
};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

/// One rule of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// Id given by the user.
    pub id: Option<String>,
    /// Origins, each with at most one `*`.
    pub origins: Vec<String>,
    /// Methods.
    pub methods: Vec<String>,
    /// Request headers, each with at most one `*`.
    pub headers: Vec<String>,
    /// Headers of answers that scripts may read.
    pub exposed: Vec<String>,
    /// How long a preflight answer may be kept, in seconds.
    pub max_age: Option<i32>,
}

/// What the rules are asked about.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// `Origin`.
    pub origin: &'a str,
    /// The method of the request, or the announced one of a preflight.
    pub method: &'a str,
    /// `Access-Control-Request-Headers` of a preflight.
    pub headers: &'a str,
}

impl Rule {
    fn allows(&self, question: &Question<'_>, asked: &BTreeSet<String>) -> bool {
        self.methods.iter().any(|method| method == question.method)
            && self.origins.iter().any(|pattern| matches(pattern, question.origin, false))
            && self.allows_headers(asked)
    }

    /// Whether each is allowed: by its name, which is looked up, or by a pattern.
    fn allows_headers(&self, asked: &BTreeSet<String>) -> bool {
        if asked.is_empty() || self.headers.iter().any(|pattern| pattern == "*") {
            return true;
        }
        let (patterns, names): (Vec<&String>, Vec<&String>) = self.headers.iter().partition(|it| it.contains('*'));
        let names: BTreeSet<String> = names.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        let patterned = |name: &&String| patterns.iter().any(|pattern| matches(pattern, name, true));
        let mut left = asked.iter().filter(|name| !names.contains(*name)).peekable();
        left.peek().is_none() || (left.clone().count() <= MOST_PATTERNED && left.all(|name| patterned(&name)))
    }
}

/// Longest `Access-Control-Request-Headers`: what S3 takes for all headers together. Nobody has signed it.
pub const LONGEST_HEADERS: usize = 8 * 1024;
/// Most names that are held against patterns: more than any browser's script sets.
const MOST_PATTERNED: usize = 100;

/// The first rule that allows what is asked.
#[must_use]
pub fn find<'a>(rules: &'a [Rule], question: &Question<'_>) -> Option<&'a Rule> {
    if question.headers.len() > LONGEST_HEADERS {
        return None;
    }
    let headers = question.headers.split(',').map(str::trim).filter(|name| !name.is_empty());
    let asked = headers.map(str::to_ascii_lowercase).collect();
    rules.iter().find(|rule| rule.allows(question, &asked))
}

/// Adds the CORS headers of `rule` to an answer.
pub fn decorate(answer: &mut HeaderMap, rule: &Rule, question: &Question<'_>) {
    let mut set = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            answer.insert(name, value);
        }
    };
    // A rule for everyone says so; any other origin is named and may send credentials.
    if rule.origins.iter().any(|origin| origin == "*") {
        set(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    } else {
        set(ACCESS_CONTROL_ALLOW_ORIGIN, question.origin);
        set(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
    }
    set(ACCESS_CONTROL_ALLOW_METHODS, &rule.methods.join(", "));
    if !question.headers.is_empty() {
        set(ACCESS_CONTROL_ALLOW_HEADERS, &question.headers.to_ascii_lowercase());
    }
    if !rule.exposed.is_empty() {
        set(ACCESS_CONTROL_EXPOSE_HEADERS, &rule.exposed.join(", "));
    }
    if let Some(seconds) = rule.max_age {
        set(ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
    }
    set(VARY, "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
}

/// `pattern` with at most one `*` against `text`.
fn matches(pattern: &str, text: &str, ignore_case: bool) -> bool {
    let same = |a: &str, b: &str| if ignore_case { a.eq_ignore_ascii_case(b) } else { a == b };
    match pattern.split_once('*') {
        None => same(pattern, text),
        Some((head, tail)) => {
            text.len() >= head.len() + tail.len()
                && text.get(..head.len()).is_some_and(|start| same(start, head))
                && text.get(text.len() - tail.len()..).is_some_and(|end| same(end, tail))
        }
    }
}

/// The stored form of a bucket's rules.
#[must_use]
pub fn to_document(rules: &[Rule]) -> String {
    let rules: Vec<Value> = rules
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id, "origins": rule.origins, "methods": rule.methods,
                "headers": rule.headers, "exposed": rule.exposed, "maxAge": rule.max_age,
            })
        })
        .collect();
    Value::Array(rules).to_string()
}

/// Rules from their stored form; `None` if it is not one.
#[must_use]
pub fn from_document(document: &str) -> Option<Vec<Rule>> {
    let texts = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let rules: Value = serde_json::from_str(document).ok()?;
    rules
        .as_array()?
        .iter()
        .map(|rule| {
            Some(Rule {
                id: rule["id"].as_str().map(str::to_owned),
                origins: texts(&rule["origins"])?,
                methods: texts(&rule["methods"])?,
                headers: texts(&rule["headers"])?,
                exposed: texts(&rule["exposed"])?,
                max_age: rule["maxAge"].as_i64().and_then(|seconds| i32::try_from(seconds).ok()),
            })
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(origins: &[&str], methods: &[&str], headers: &[&str]) -> Rule {
        let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        Rule { origins: owned(origins), methods: owned(methods), headers: owned(headers), ..Rule::default() }
    }

    fn ask<'a>(origin: &'a str, method: &'a str, headers: &'a str) -> Question<'a> {
        Question { origin, method, headers }
    }

    #[test]
    fn origin_method_and_every_header_must_fit() {
        let rules = [rule(&["https://*.example.com"], &["GET"], &["x-amz-*"])];
        assert!(find(&rules, &ask("https://a.example.com", "GET", "")).is_some());
        assert!(find(&rules, &ask("https://a.example.com", "GET", "X-Amz-Date, x-amz-meta-a")).is_some());
        for question in [
            ask("https://a.example.com", "PUT", ""),
            ask("http://a.example.com", "GET", ""),
            ask("https://a.example.com.evil.net", "GET", ""),
            ask("https://a.example.com", "GET", "x-amz-date, authorization"),
            ask("https://.example.co", "GET", ""),
        ] {
            assert!(find(&rules, &question).is_none(), "{question:?}");
        }
    }

    #[test]
    fn headers_are_looked_up_and_few_are_held_against_patterns() {
        let names: Vec<String> = (0..2000).map(|number| format!("x-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let asked = |count: usize| names[..count].join(", ").to_uppercase();
        let named = [rule(&["*"], &["GET"], &names)];
        assert!(find(&named, &ask("https://a", "GET", &asked(900))).is_some());
        assert!(find(&named, &ask("https://a", "GET", &(asked(900) + ",y"))).is_none());
        assert!(find(&named, &ask("https://a", "GET", &asked(2000))).is_none(), "longer than any header");
        let patterned = [rule(&["*"], &["GET"], &["x-*"])];
        assert!(find(&patterned, &ask("https://a", "GET", &asked(MOST_PATTERNED))).is_some());
        assert!(find(&patterned, &ask("https://a", "GET", &asked(MOST_PATTERNED + 1))).is_none());
        let all = [rule(&["*"], &["GET"], &["*"])];
        assert!(find(&all, &ask("https://a", "GET", &asked(900))).is_some());
    }

    #[test]
    fn a_rule_for_all_origins_never_allows_credentials() {
        let mut answer = HeaderMap::new();
        let all = rule(&["*"], &["GET", "PUT"], &["*"]);
        decorate(&mut answer, &all, &ask("https://x", "GET", "A,B"));
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_METHODS], "GET, PUT");
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_HEADERS], "a,b");
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }

    #[test]
    fn a_named_origin_is_echoed() {
        let mut answer = HeaderMap::new();
        decorate(&mut answer, &rule(&["https://x"], &["GET"], &[]), &ask("https://x", "GET", ""));
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_ORIGIN], "https://x");
        assert_eq!(answer[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_HEADERS));
    }

    #[test]
    fn stored_rules_round_trip_and_damage_is_seen() {
        let rules = vec![
            Rule { id: Some("a".into()), max_age: Some(3000), ..rule(&["*"], &["GET"], &["*"]) },
            rule(&["x"], &["PUT"], &[]),
        ];
        assert_eq!(from_document(&to_document(&rules)).unwrap(), rules);
        for damaged in ["", "{}", "[{}]", "[{\"origins\":[1]}]"] {
            assert!(from_document(damaged).is_none(), "{damaged:?}");
        }
    }
}
