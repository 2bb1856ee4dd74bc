//! Bodies of the JSON protocols.

use std::borrow::Cow;
use std::fmt;

use arqueta_model::Timestamp;
use serde::de::value::CowStrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};
use serde_json::value::RawValue;

use crate::Error;

/// A request; an empty body is an empty one, and a member that is null is absent (Smithy, "AWS
/// JSON 1.1 protocol"). The message of an error names no value: it may be a plaintext.
pub(crate) fn decoded<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    // A struct would also deserialise from a JSON array, by position.
    let body = match body.iter().find(|b| !b.is_ascii_whitespace()) {
        None => b"{}",
        Some(b'{') => body,
        Some(_) => return Err(Error::Serialization("The request body is not a JSON object.".to_owned())),
    };
    let whole: Result<&RawValue, _> = serde_json::from_slice(body);
    let whole = whole.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Error::Serialization(format!("The request body is not JSON at line {line}, column {column}."))
    })?;
    T::deserialize(Document { text: whole.get(), depth: 0 })
        .map_err(|_| Error::Serialization("The request body is not of this operation's shape.".to_owned()))
}

/// A JSON text that counts null members of objects as absent, however deep.
struct Document<'de> {
    text: &'de str,
    depth: u8,
}

/// Objects and lists within each other; shapes have a handful.
const MAX_DEPTH: u8 = 32;

impl<'de> Document<'de> {
    /// How deep what is inside lies.
    fn below(&self) -> Result<u8, serde_json::Error> {
        if self.depth < MAX_DEPTH { Ok(self.depth + 1) } else { Err(serde::de::Error::custom("too deep")) }
    }

    fn plain(&self) -> serde_json::Deserializer<serde_json::de::StrRead<'de>> {
        serde_json::Deserializer::from_str(self.text)
    }
}

impl<'de> Deserializer<'de> for Document<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.text.as_bytes().first() {
            Some(b'{') => self.deserialize_map(visitor),
            Some(b'[') => self.deserialize_seq(visitor),
            _ => self.plain().deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.text == "null" { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.plain().deserialize_enum(name, variants, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let (depth, members) = (self.below()?, self.plain().deserialize_map(Members)?);
        visitor.visit_map(Object { members: members.into_iter(), value: "", depth })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let items: Vec<&'de RawValue> = serde_json::from_str(self.text)?;
        visitor.visit_seq(List { depth: self.below()?, items: items.into_iter() })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        // It was read already, when its end was looked for.
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct tuple tuple_struct identifier
    }
}

/// The members of an object that are not null, in order, also those that come twice.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            let value: &'de RawValue = map.next_value()?;
            if value.get() != "null" {
                members.push((name, value));
            }
        }
        Ok(members)
    }
}

/// Borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct Object<'de> {
    members: std::vec::IntoIter<(Cow<'de, str>, &'de RawValue)>,
    value: &'de str,
    depth: u8,
}

impl<'de> MapAccess<'de> for Object<'de> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.value = value.get();
        seed.deserialize(CowStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Self::Error> {
        seed.deserialize(Document { text: self.value, depth: self.depth })
    }
}

struct List<'de> {
    items: std::vec::IntoIter<&'de RawValue>,
    depth: u8,
}

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = serde_json::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Self::Error> {
        let item = self.items.next();
        item.map(|item| seed.deserialize(Document { text: item.get(), depth: self.depth })).transpose()
    }
}

/// An answer.
pub(crate) fn encoded<T: Serialize>(answer: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(answer).map_err(Error::Encoding)
}

/// Seconds since the epoch, saturating.
pub(crate) fn instant(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0) as i64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Shape {
        number: u8,
        text: Option<String>,
        pairs: std::collections::BTreeMap<String, String>,
        inner: Vec<Inner>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner {
        flag: bool,
        name: String,
    }

    #[test]
    fn an_empty_body_is_an_empty_request() {
        for body in [&b""[..], b" \n", b"{}"] {
            assert_eq!(decoded::<Shape>(body).unwrap(), Shape::default());
        }
    }

    #[test]
    fn a_member_that_is_null_is_absent_wherever_it_is() {
        let body = br#"{"number": null, "text" :null, "pairs":{"a":"b","c":null}, "unknown":null,
            "inner":[{"flag":null,"name":"\u0078"},{"flag":true}]}"#;
        let shape = decoded::<Shape>(body).unwrap();
        let inner = [Inner { flag: false, name: "x".to_owned() }, Inner { flag: true, name: String::new() }];
        assert_eq!(
            shape,
            Shape { pairs: [("a".to_owned(), "b".to_owned())].into(), inner: inner.into(), ..Shape::default() }
        );
        assert!(decoded::<Shape>(br#"{"inner":[null]}"#).is_err(), "an item is no member");
        assert!(decoded::<Shape>(br#"{"inner":null}"#).unwrap().inner.is_empty());
    }

    #[test]
    fn depth_is_passed_over_or_refused() {
        let nested = |name: &str| format!("{{\"{name}\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(decoded::<Shape>(nested("unknown").as_bytes()).unwrap(), Shape::default());
        assert!(decoded::<Shape>(nested("inner").as_bytes()).is_err());
        #[derive(Debug, Deserialize)]
        struct Free {
            any: serde_json::Value,
        }
        assert!(decoded::<Free>(nested("any").as_bytes()).is_err());
        assert_eq!(decoded::<Free>(b"{\"any\":{\"a\":[1]}}").unwrap().any, serde_json::json!({ "a": [1] }));
    }

    #[test]
    fn other_shapes_are_refused_and_not_repeated() {
        for body in [
            "[1]",
            "1",
            "null",
            "\"x\"",
            "{",
            "{\"number\":\"hunter2\"}",
            "{\"number\":1,\"number\":2}",
            "{} {}",
            "{\"text\":[\"hunter2\"]}",
        ] {
            let error = decoded::<Shape>(body.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::Serialization(_)), "{body}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(body in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decoded::<Shape>(&body);
        }
    }
}
