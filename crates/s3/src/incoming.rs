//! What is known of a body while it comes in: its trailer, and why it was refused.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, StatusCode};

use crate::refusal::Refusal;

/// The body of one request, as its readers tell each other.
#[derive(Debug, Default)]
pub struct Incoming {
    is_chunked: AtomicBool,
    trailer: OnceLock<HeaderMap>,
    fault: OnceLock<BodyFault>,
}

impl Incoming {
    /// Records that the body comes in chunks, so that a trailer may come with it.
    pub fn expect_trailer(&self) {
        self.is_chunked.store(true, Ordering::Release);
    }

    /// Whether a trailer may come.
    #[must_use]
    pub fn expects_trailer(&self) -> bool {
        self.is_chunked.load(Ordering::Acquire)
    }

    /// Keeps the trailer of the body.
    pub fn keep_trailer(&self, trailer: HeaderMap) {
        let _ = self.trailer.set(trailer);
    }

    /// The trailer of the body, once that is over.
    #[must_use]
    pub fn trailer(&self) -> Option<&HeaderMap> {
        self.trailer.get()
    }

    /// Records why the body was refused. The first reason counts.
    pub fn blame(&self, fault: BodyFault) {
        let _ = self.fault.set(fault);
    }

    /// Why the body was refused, if it was.
    #[must_use]
    pub fn fault(&self) -> Option<&BodyFault> {
        self.fault.get()
    }
}

/// Why a request body was refused while it was being read. s3s turns any such failure into an
/// internal error of its own; the edge then answers this instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyFault {
    /// No byte came for the idle time.
    Idle,
    /// `Content-MD5` does not match.
    Md5(Digests),
    /// `x-amz-content-sha256` does not match.
    Sha256(Digests),
    /// An `x-amz-checksum-*` value does not match.
    Checksum(&'static str, Digests),
    /// The trailer is not the announced one.
    Trailer,
    /// Chunks that are malformed, that end too early, or that are not as long as stated.
    Incomplete,
    /// The signature of a chunk or of the trailer does not match.
    Signature,
    /// Longer than the limit of its kind of body.
    TooLong,
    /// Others whose senders are not known hold all the room that there is.
    Crowded,
    /// A document with declarations or CDATA, see [`crate::document::is_plain`].
    Markup,
    /// A lock that asks for an event hold.
    EventHold,
    /// The file of a form is larger (as far as it was read) than its policy allows.
    FileTooLarge(u64, u64),
    /// The file of a form is smaller than its policy allows.
    FileTooSmall(u64, u64),
}

/// A digest as the request states it and as it was computed, in the request's notation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// What the request states.
    pub stated: String,
    /// What was computed.
    pub computed: String,
}

impl BodyFault {
    /// AWS's code, status, message and elements.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let bad = |code: &str, message: &str| Refusal::new(code, StatusCode::BAD_REQUEST, message);
        let with = |mut refusal: Refusal, names: [&'static str; 2], digests: &Digests| {
            refusal.details = names.into_iter().zip([digests.stated.clone(), digests.computed.clone()]).collect();
            refusal
        };
        let digest = ["ExpectedDigest", "CalculatedDigest"];
        match self {
            Self::Idle => bad(
                "RequestTimeout",
                "Your socket connection to the server was not read from or written to within the timeout period. \
                 Idle connections will be closed.",
            ),
            Self::Md5(digests) => {
                with(bad("BadDigest", "The Content-MD5 you specified did not match what we received."), digest, digests)
            }
            Self::Sha256(digests) => with(
                bad(
                    "XAmzContentSHA256Mismatch",
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                ),
                ["ClientComputedContentSHA256", "S3ComputedContentSHA256"],
                digests,
            ),
            Self::Checksum(name, digests) => with(
                bad("BadDigest", &format!("The {name} you specified did not match the calculated checksum.")),
                digest,
                digests,
            ),
            Self::Trailer => bad(
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform to our published schema.",
            ),
            Self::Incomplete => bad("IncompleteBody", "The request body terminated unexpectedly"),
            Self::Signature => Refusal::new(
                "SignatureDoesNotMatch",
                StatusCode::FORBIDDEN,
                "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
            ),
            Self::Crowded => {
                Refusal::new("SlowDown", StatusCode::SERVICE_UNAVAILABLE, "Please reduce your request rate.")
            }
            Self::TooLong => bad("MaxMessageLengthExceeded", "Your request was too big."),
            Self::Markup => bad(
                "MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema",
            ),
            Self::EventHold => Refusal::new(
                "NotImplemented",
                StatusCode::NOT_IMPLEMENTED,
                "Event holds of object lock are not implemented.",
            ),
            Self::FileTooLarge(size, most) => Refusal {
                details: vec![("ProposedSize", size.to_string()), ("MaxSizeAllowed", most.to_string())],
                ..bad("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
            },
            Self::FileTooSmall(size, least) => Refusal {
                details: vec![("ProposedSize", size.to_string()), ("MinSizeAllowed", least.to_string())],
                ..bad("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
            },
        }
    }
}
