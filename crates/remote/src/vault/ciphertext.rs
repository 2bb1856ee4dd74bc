//! Transit ciphertexts as bytes.
//!
//! The engine's text, `vault:v<version>:<base64>`, can be written in more than one way: `v0` means
//! `v1` to it, and its base64 decoder forgives. Kept as four bytes of version (big-endian) and the
//! decoded rest there is one form, and no byte of it can change unnoticed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The bytes of a ciphertext that the engine made; `None` if it is none.
pub(super) fn packed(text: &str) -> Option<Vec<u8>> {
    let (version, body) = text.strip_prefix("vault:v")?.split_once(':')?;
    let version: u32 = version.parse().ok().filter(|version| *version > 0)?;
    let body = STANDARD.decode(body).ok().filter(|body| !body.is_empty())?;
    Some([&version.to_be_bytes()[..], &body].concat())
}

/// The engine's text of it; `None` for bytes that [`packed`] never makes.
pub(super) fn unpacked(bytes: &[u8]) -> Option<String> {
    let (version, body) = bytes.split_first_chunk()?;
    let version = u32::from_be_bytes(*version);
    (version > 0 && !body.is_empty()).then(|| format!("vault:v{version}:{}", STANDARD.encode(body)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in ["vault:v1:AAAA", "vault:v4294967295:AQIDBA=="] {
            assert_eq!(unpacked(&packed(text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn other_texts_and_bytes_are_refused() {
        for text in [
            "",
            "vault:v0:AAAA",
            "vault:v1:",
            "vault:v1:A",
            "vault:v-1:AAAA",
            "vault:1:AAAA",
            "v1:AAAA",
            "vault:v1:AB==",
        ] {
            assert_eq!(packed(text), None, "{text:?}");
        }
        for bytes in [&b""[..], &[0, 0, 0, 1], &[0, 0, 0, 0, 9], &[0, 1]] {
            assert_eq!(unpacked(bytes), None, "{bytes:?}");
        }
    }
}
