//! A service's refusal, in its own words.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::xml::Node;
use crate::texts::Texts;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub status: StatusCode,
    /// AWS's code, such as `AccessDenied`.
    pub code: String,
    /// AWS's sentence.
    pub message: String,
    /// The id of the request, by which the record has it.
    pub request: String,
}

impl Fault {
    /// A refusal of the console itself, in words that it has from its caller.
    pub fn own(status: StatusCode, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), request: String::new() }
    }

    /// For an address that leads to nothing.
    pub fn nowhere() -> Self {
        Self::own(StatusCode::NOT_FOUND, "NoSuchPage", "There is no such page.")
    }

    /// An answer that could not be read.
    pub fn unreadable() -> Self {
        Self::own(StatusCode::BAD_GATEWAY, "InternalError", "The answer of the service could not be read.")
    }

    /// What a script is told who asks for somebody that is not signed in.
    pub fn session_over(t: &Texts) -> Self {
        Self::own(StatusCode::UNAUTHORIZED, "ExpiredToken", t.session_expired)
    }

    /// What an answer says.
    pub fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let request = [header("x-amz-request-id"), header("x-amzn-requestid")].concat();
        let (code, message) = json(body).or_else(|| xml(body)).unwrap_or_else(|| {
            // An answer to HEAD has no body; its status is all that S3 tells.
            let reason = status.canonical_reason().unwrap_or_default();
            let code = if status == StatusCode::FORBIDDEN { "AccessDenied" } else { &reason.replace(' ', "") };
            (code.to_owned(), reason.to_owned())
        });
        Self { status, code, message, request }
    }

    /// Whether there is just nothing of the kind: no policy, no tags.
    pub fn is_absence(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
            && (self.code.starts_with("NoSuch") || self.code.ends_with("NotFoundError"))
            || self.code == "NoSuchTagSet"
    }

    /// Whether the session is over, whatever was asked.
    pub fn ends_session(&self) -> bool {
        matches!(
            self.code.as_str(),
            "ExpiredToken"
                | "ExpiredTokenException"
                | "InvalidToken"
                | "InvalidAccessKeyId"
                | "InvalidClientTokenId"
                | "UnrecognizedClientException"
        )
    }
}

fn json(body: &[u8]) -> Option<(String, String)> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let code = value["__type"].as_str()?.rsplit('#').next().unwrap_or_default().to_owned();
    let message = value["message"].as_str().or_else(|| value["Message"].as_str()).unwrap_or_default();
    Some((code, message.to_owned()))
}

fn xml(body: &[u8]) -> Option<(String, String)> {
    let document = Node::parse(body)?;
    // S3: `Error`; the others: `ErrorResponse` around it.
    let error = if document.name == "Error" { document } else { document.take("Error")? };
    let mut message = error.text("Message");
    for (name, value) in error.rest(&["Code", "Message", "RequestId", "HostId", "Resource", "Type", "Key"]) {
        if !value.is_empty() {
            message.push_str(&format!(" ({name}: {value})"));
        }
    }
    Some((error.text("Code"), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> (String, String) {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        let fault = Fault::of(status, &HeaderMap::new(), body.as_bytes());
        (fault.code, fault.message)
    }

    #[test]
    fn a_refusal_keeps_its_services_words() {
        let s3 =
            "<?xml version=\"1.0\"?><Error><Code>BucketNotEmpty</Code><Message>Not &lt;empty&gt;</Message></Error>";
        assert_eq!(told(409, s3), ("BucketNotEmpty".to_owned(), "Not <empty>".to_owned()));
        let kms = r#"{"__type":"com.amazonaws.kms#NotFoundException","message":"no key"}"#;
        assert_eq!(told(400, kms), ("NotFoundException".to_owned(), "no key".to_owned()));
        let iam = "<ErrorResponse xmlns=\"x\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>none</Message></Error></ErrorResponse>";
        assert_eq!(told(404, iam), ("NoSuchEntity".to_owned(), "none".to_owned()));
        assert_eq!(told(403, ""), ("AccessDenied".to_owned(), "Forbidden".to_owned()));
        assert_eq!(told(404, "").0, "NotFound");
    }
}
