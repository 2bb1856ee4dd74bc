//! Bodies of the JSON protocols.

use arqueta_model::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// A request; an empty body is an empty one. The message of an error names a place, never what
/// stands there: it may be a plaintext.
pub(crate) fn decoded<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    // A struct would also deserialise from a JSON array, by position.
    let body = match body.iter().find(|b| !b.is_ascii_whitespace()) {
        None => b"{}",
        Some(b'{') => body,
        Some(_) => return Err(Error::Serialization("The request body is not a JSON object.".to_owned())),
    };
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Error::Serialization(format!(
            "The request body is not of this operation's shape at line {line}, column {column}."
        ))
    })
}

/// An answer.
pub(crate) fn encoded<T: Serialize>(answer: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(answer).map_err(Error::Encoding)
}

/// Seconds since the epoch, saturating.
#[allow(clippy::cast_possible_truncation)]
pub(crate) fn instant(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1000.0) as i64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Shape {
        number: u8,
        text: Option<String>,
    }

    #[test]
    fn an_empty_body_is_an_empty_request() {
        for body in [&b""[..], b" \n", b"{}"] {
            assert_eq!(decoded::<Shape>(body).unwrap(), Shape::default());
        }
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
