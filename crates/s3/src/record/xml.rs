//! Configuration documents as CloudTrail shows them: XML as JSON.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

/// Deepest document that is shown.
const DEPTH: usize = 16;

/// The root element's name and content: elements become members, repeated ones arrays, and an
/// element without elements its text. `None` for what is no such document.
#[must_use]
pub fn to_json(document: &[u8]) -> Option<(String, Value)> {
    let mut reader = Reader::from_str(std::str::from_utf8(document).ok()?);
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if open.len() < DEPTH => open.push(Element::new(&start)?),
            Event::Empty(start) => {
                let element = Element::new(&start)?;
                match open.last_mut() {
                    Some(parent) => parent.add(element),
                    None => return Some(element.value()),
                }
            }
            Event::End(_) => {
                let element = open.pop()?;
                match open.last_mut() {
                    Some(parent) => parent.add(element),
                    None => return Some(element.value()),
                }
            }
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let text = quick_xml::escape::unescape(&format!("&{};", &*reference)).ok()?.into_owned();
                open.last_mut()?.text.push_str(&text);
            }
            Event::Start(_) | Event::Eof | Event::DocType(_) => return None,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

/// The texts of all elements called `name`, in order.
#[must_use]
pub fn texts(document: &[u8], name: &str) -> Vec<String> {
    fn collect(value: &Value, name: &str, found: &mut Vec<String>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| collect(value, name, found)),
            Value::Object(members) => {
                for (member, value) in members {
                    match value {
                        Value::String(text) if member == name => found.push(text.clone()),
                        value => collect(value, name, found),
                    }
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Some((_, root)) = to_json(document) {
        collect(&root, name, &mut found);
    }
    found
}

struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
}

impl Element {
    /// With its attributes; a prefix of its name goes.
    fn new(start: &BytesStart<'_>) -> Option<Self> {
        let name = start.local_name().into_inner().to_owned();
        let mut members = Map::new();
        for attribute in start.attributes() {
            let attribute = attribute.ok()?;
            let key = attribute.key.into_inner().to_owned();
            members.insert(key, quick_xml::escape::unescape(&attribute.value).ok()?.into_owned().into());
        }
        Some(Self { name, members, text: String::new() })
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
        let text = self.text.trim();
        match self.members.is_empty() {
            true => (self.name, text.into()),
            false => (self.name, Value::Object(self.members)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_become_members_and_repeated_ones_arrays() {
        let document = br#"<?xml version="1.0"?><CORSConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
            <CORSRule><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>
            <AllowedOrigin>https://a&amp;b</AllowedOrigin><ID/></CORSRule></CORSConfiguration>"#;
        let (name, value) = to_json(document).unwrap();
        assert_eq!(name, "CORSConfiguration");
        let rule = json!({ "AllowedMethod": ["GET", "PUT"], "AllowedOrigin": "https://a&b", "ID": "" });
        assert_eq!(value, json!({ "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "CORSRule": rule }));
    }

    #[test]
    fn what_is_no_document_is_not_shown() {
        let deep = "<a>".repeat(40) + &"</a>".repeat(40);
        for document in ["", "<a>", "text", "<a></b>", "<!DOCTYPE a><a/>", "<a>&unknown;</a>", &deep] {
            assert_eq!(to_json(document.as_bytes()), None, "{document}");
        }
    }

    #[test]
    fn keys_are_found_wherever_they_stand() {
        let document =
            b"<Delete><Object><Key>a</Key></Object><Object><Key>b&lt;</Key></Object><Quiet>true</Quiet></Delete>";
        assert_eq!(texts(document, "Key"), ["a", "b<"]);
        assert_eq!(texts(b"<Delete><Object><Key>a</Key></Object></Delete>", "Key"), ["a"]);
        assert_eq!(texts(b"<Delete/>", "Key"), [""; 0]);
    }
}
