//! What pages of keys share.

use maud::{Markup, html};
use serde_json::Value;

use crate::view::moment;

/// A moment of KMS: seconds since the epoch.
pub(crate) fn at(value: &Value) -> Markup {
    let Some(seconds) = value.as_f64() else { return html! { "—" } };
    moment(&arqueta_model::Timestamp::from_millis((seconds * 1000.0) as i64).rfc3339())
}

/// A public key as a file (RFC 7468).
pub(crate) fn pem(base64: &str) -> String {
    let lines: Vec<String> =
        base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_a_file_that_programs_read() {
        let file = pem(&"A".repeat(100));
        let lines: Vec<_> = file.lines().collect();
        assert_eq!((lines.len(), lines[1].len(), lines[2].len()), (4, 64, 36));
    }
}
