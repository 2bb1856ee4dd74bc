//! An error as a value, from where it is found to the document that tells it.
//!
//! s3s's error has no field for the further elements of S3's error documents, and what s3s writes
//! of an error cannot be added to. So an error carries its elements as its source, and is handed
//! to the [`Exchange`](crate::exchange::Exchange) once, where it becomes the answer; an error that
//! is dropped on the way leaves nothing behind.

use std::fmt;

use arqueta_model::with_causes;
use http::StatusCode;
use s3s::S3Error;

/// What an error says beside code, message, status and headers.
#[derive(Debug, Clone, Default)]
struct Carried {
    details: Vec<(&'static str, String)>,
    cause: Option<String>,
}

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause.as_deref().unwrap_or("refused"))
    }
}

impl std::error::Error for Carried {}

/// Elements of an error document, and what is told to the log alone.
pub trait Detail {
    /// Adds an element.
    #[must_use]
    fn detail(self, name: &'static str, value: impl Into<String>) -> Self;

    /// Says why, for the log.
    #[must_use]
    fn because(self, cause: &(dyn std::error::Error + 'static)) -> Self;
}

fn carried(error: &S3Error) -> Option<&Carried> {
    error.source().and_then(|source| source.downcast_ref())
}

impl Detail for S3Error {
    fn detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let mut all = carried(&self).cloned().unwrap_or_default();
        let mut value = value.into();
        value.truncate(element(name, &value).len());
        all.details.push((name, value));
        self.set_source(Box::new(all));
        self
    }

    fn because(mut self, cause: &(dyn std::error::Error + 'static)) -> Self {
        let mut all = carried(&self).cloned().unwrap_or_default();
        all.cause = Some(with_causes(cause));
        self.set_source(Box::new(all));
        self
    }
}

/// Most bytes of one thing that an error repeats: of what the caller sent, more tells nobody anything, and
/// escaped it would be six times as long.
const REPEATED: usize = 1024;
/// The same of a message, which may repeat a name or two and says something of them.
const SAID: usize = 4 * REPEATED;
/// The same of what a signature was computed over: it is there to be compared as a whole.
const SIGNED: usize = 16 * REPEATED;

/// As much of a message as is told.
#[must_use]
pub fn message(text: &str) -> &str {
    &text[..text.floor_char_boundary(SAID)]
}

/// As much of an element of an error as is told.
#[must_use]
pub fn element<'a>(name: &str, text: &'a str) -> &'a str {
    let is_signed = name.starts_with("CanonicalRequest") || name.starts_with("StringToSign");
    &text[..text.floor_char_boundary(if is_signed { SIGNED } else { REPEATED })]
}

/// What is answered instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// AWS's error code.
    pub code: String,
    /// HTTP status.
    pub status: StatusCode,
    /// Message.
    pub message: String,
    /// Further elements of the document, in order.
    pub details: Vec<(&'static str, String)>,
    /// Why, for the log.
    pub cause: Option<String>,
}

impl Refusal {
    /// One without further elements.
    #[must_use]
    pub fn new(code: impl Into<String>, status: StatusCode, message: impl Into<String>) -> Self {
        Self { code: code.into(), status, message: message.into(), details: Vec::new(), cause: None }
    }

    /// Whether the document has an element of this name already.
    #[must_use]
    pub fn tells(&self, name: &str) -> bool {
        self.details.iter().any(|(known, _)| *known == name)
    }
}

impl From<&S3Error> for Refusal {
    fn from(error: &S3Error) -> Self {
        let Carried { details, cause } = carried(error).cloned().unwrap_or_default();
        Self {
            code: error.code().as_str().to_owned(),
            status: error.status_code().unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            message: message(error.message().unwrap_or_default()).to_owned(),
            details,
            cause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use s3s::s3_error;

    #[test]
    fn an_error_keeps_its_elements_in_order_and_its_cause() {
        let cause = std::io::Error::other("disk");
        let error = s3_error!(NoSuchVersion, "gone").detail("Key", "k").because(&cause).detail("VersionId", "v");
        let refusal = Refusal::from(&error);
        assert_eq!((refusal.code.as_str(), refusal.status.as_u16()), ("NoSuchVersion", 404));
        assert_eq!(refusal.details, [("Key", "k".to_owned()), ("VersionId", "v".to_owned())]);
        assert_eq!(refusal.cause.as_deref(), Some("disk"));
        assert!(refusal.tells("Key") && !refusal.tells("BucketName"));
    }

    #[test]
    fn what_is_repeated_is_bounded() {
        let long = "\u{1}\u{20ac}".repeat(100_000);
        let error = S3Error::with_message(s3s::S3ErrorCode::InvalidArgument, long.clone());
        let refusal = Refusal::from(&error.detail("ArgumentValue", long.clone()).detail("StringToSign", long));
        assert!(refusal.message.len() <= SAID && refusal.message.len() > SAID - 4);
        let lengths: Vec<_> = refusal.details.iter().map(|(_, value)| value.len()).collect();
        assert_eq!(lengths, [REPEATED, SIGNED]);
    }

    #[test]
    fn an_error_of_another_make_has_none() {
        let error = S3Error::with_source(s3s::S3ErrorCode::InternalError, Box::new(std::io::Error::other("x")));
        assert_eq!(Refusal::from(&error).details, []);
    }
}
