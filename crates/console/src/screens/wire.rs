//! Names and documents as S3 sends and wants them.

/// The SHA-256 of a document, by which S3 knows that it came whole; some operations want one.
pub(crate) fn checksum(document: &[u8]) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::prelude::BASE64_STANDARD.encode(sha2::Sha256::digest(document))
}

/// A name as it is: lists have them encoded, since XML has no control characters.
pub(crate) fn unescaped(text: &str) -> String {
    // S3 encodes as forms do.
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_as_they_are() {
        assert_eq!(unescaped("a+b%2Bc%2F%C3%A9"), "a b+c/é");
    }
}
