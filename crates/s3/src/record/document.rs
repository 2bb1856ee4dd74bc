//! Configurations as CloudTrail shows them: XML as JSON.
//!
//! What is shown is the value that was read from a request and is acted on, written anew. The
//! request's own bytes are not read again: whoever reads them twice can be shown two things.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use s3s::xml::{SerializeContent, Serializer};
use serde_json::{Map, Value};

/// Deepest configuration that is shown.
const DEPTH: usize = 16;

/// The content of a configuration called `name`: elements become members, repeated ones arrays, and
/// an element without elements its text. `None` for what cannot be written as XML.
#[must_use]
pub fn shown<T: SerializeContent>(name: &str, configuration: &T) -> Option<Value> {
    let mut text = Vec::new();
    Serializer::new(&mut text).content(name, configuration).ok()?;
    to_json(std::str::from_utf8(&text).ok()?)
}

/// The root element's content. Reads what [`Serializer`] writes.
fn to_json(document: &str) -> Option<Value> {
    let mut reader = Reader::from_str(document);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let closed = match reader.read_event().ok()? {
            Event::Start(start) if open.len() < DEPTH => {
                open.push(Element::new(&start));
                continue;
            }
            Event::Empty(start) => Element::new(&start),
            Event::End(_) => open.pop()?,
            Event::Text(text) => {
                open.last_mut()?.text.push_str(&text);
                continue;
            }
            Event::GeneralRef(reference) => {
                let text = quick_xml::escape::unescape(&format!("&{};", &*reference)).ok()?.into_owned();
                open.last_mut()?.text.push_str(&text);
                continue;
            }
            _ => return None,
        };
        match open.last_mut() {
            Some(parent) => parent.add(closed),
            None => return Some(closed.value().1),
        }
    }
}

struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
}

impl Element {
    /// A prefix of its name goes; attributes say nothing that elements do not.
    fn new(start: &BytesStart<'_>) -> Self {
        Self { name: start.local_name().into_inner().to_owned(), members: Map::new(), text: String::new() }
    }

    fn add(&mut self, child: Self) {
        let (name, value) = child.value();
        match self.members.get_mut(&name) {
            None => drop(self.members.insert(name, value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }

    fn value(self) -> (String, Value) {
        match self.members.is_empty() {
            true => (self.name, self.text.into()),
            false => (self.name, Value::Object(self.members)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use s3s::dto::{CORSConfiguration, CORSRule, Tag, Tagging};
    use serde_json::json;

    #[test]
    fn elements_become_members_and_repeated_ones_arrays() {
        let rule = CORSRule {
            allowed_headers: None,
            allowed_methods: vec!["GET".to_owned(), "PUT".to_owned()],
            allowed_origins: vec!["https://a&b<c>".to_owned()],
            expose_headers: None,
            id: Some(String::new()),
            max_age_seconds: Some(7),
        };
        let value = shown("CORSConfiguration", &CORSConfiguration { cors_rules: vec![rule] }).unwrap();
        let rule = json!({ "AllowedMethod": ["GET", "PUT"], "AllowedOrigin": "https://a&b<c>", "ID": "",
            "MaxAgeSeconds": "7" });
        assert_eq!(value, json!({ "CORSRule": rule }));
    }

    #[test]
    fn what_looks_like_markup_is_shown_as_the_text_that_it_is() {
        let tag = |key: &str, value: &str| Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) };
        let tagging = Tagging { tag_set: vec![tag("<![CDATA[a]]>", " ]]>&amp; "), tag("b", "")] };
        let value = shown("Tagging", &tagging).unwrap();
        let tags = json!([{ "Key": "<![CDATA[a]]>", "Value": " ]]>&amp; " }, { "Key": "b", "Value": "" }]);
        assert_eq!(value, json!({ "TagSet": { "Tag": tags } }));
    }
}
