//! Continuation tokens of ListObjectsV2: opaque to clients, not secret, checked for form only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::Error;

/// First byte of a token: another one was not made by this version.
const VERSION: u8 = 1;

/// The token that continues after `entry`, a key or common prefix
/// ([`ListedObjects::next`](crate::api::ListedObjects::next)).
#[must_use]
pub fn continuation_token(entry: &str) -> String {
    URL_SAFE_NO_PAD.encode([&[VERSION], entry.as_bytes()].concat())
}

/// The entry that a token continues after, for [`ListObjects::after`](crate::api::ListObjects::after).
///
/// # Errors
/// [`Error::InvalidArgument`], with AWS's message, for anything that [`continuation_token`] did
/// not write.
pub fn continue_after(token: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let entry = bytes.as_deref().and_then(|bytes| bytes.strip_prefix(&[VERSION]));
    let entry = entry.and_then(|entry| std::str::from_utf8(entry).ok()).filter(|entry| !entry.is_empty());
    entry.map(str::to_owned).ok_or_else(|| Error::argument("The continuation token provided is incorrect"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tokens_round_trip(entry in "\\PC{1,40}") {
            prop_assert_eq!(continue_after(&continuation_token(&entry)).unwrap(), entry);
        }

        #[test]
        fn noise_never_panics(text in "\\PC{0,40}") {
            let _ = continue_after(&text);
        }
    }

    #[test]
    fn malformed_tokens_are_refused() {
        let bad = [&[2, b'e'][..], &[1], &[], &[1, 0xff]].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        for token in ["a", "!", "some-key", "AQ=="].into_iter().chain(bad.iter().map(String::as_str)) {
            assert!(matches!(continue_after(token), Err(Error::InvalidArgument { .. })), "{token:?}");
        }
    }
}
