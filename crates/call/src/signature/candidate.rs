//! What a signature is held against.

use s3s_sigv4::AmzDate;

use super::keys::{SigningKey, same};

/// A signature under which a request may have been made.
pub struct Candidate {
    /// What it was made over; empty in Version 2, where that is what is signed.
    pub canonical: String,
    /// What was signed.
    pub string_to_sign: String,
    signature: String,
}

impl Candidate {
    /// Signature Version 4 over a canonical request.
    #[must_use]
    pub fn version_4(canonical: String, date: &AmzDate, region: &str, service: &str, key: &SigningKey) -> Self {
        let string_to_sign = s3s_sigv4::create_string_to_sign(&canonical, date, region, service);
        let signature = key.sign(&string_to_sign);
        Self { canonical, string_to_sign, signature }
    }

    /// Signature Version 2 over `string_to_sign`.
    #[must_use]
    pub fn version_2(string_to_sign: String, secret: &str) -> Self {
        let signature = s3s_sigv2::calculate_signature(secret, &string_to_sign);
        Self { canonical: String::new(), string_to_sign, signature }
    }

    /// Whether the request states this signature; compared in constant time.
    #[must_use]
    pub fn is(&self, stated: &str) -> bool {
        same(&self.signature, stated)
    }
}
