//! How a request says who sends it.

use http::{HeaderMap, Uri};

use crate::query;

/// How a request was signed (`s3:authType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// `Authorization` header.
    Header,
    /// Presigned URL.
    Query,
    /// POST form.
    Form,
    /// POST form, by Signature Version 2.
    FormV2,
    /// Not at all.
    None,
}

impl Signing {
    /// How the request of these headers and this URI is signed.
    #[must_use]
    pub fn of(headers: &HeaderMap, uri: &Uri) -> Self {
        if query::has(uri, "X-Amz-Signature") {
            Self::Query
        } else if headers.contains_key(http::header::AUTHORIZATION) {
            Self::Header
        } else {
            Self::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_in_the_query_wins_over_a_header() {
        let mut headers = HeaderMap::new();
        assert_eq!(Signing::of(&headers, &Uri::from_static("/b")), Signing::None);
        headers.insert("authorization", http::HeaderValue::from_static("x"));
        assert_eq!(Signing::of(&headers, &Uri::from_static("/b")), Signing::Header);
        assert_eq!(Signing::of(&headers, &Uri::from_static("/b?X-Amz-Signature=1")), Signing::Query);
    }
}
