//! How a request says who sends it.

/// How a request was signed (`s3:authType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// `Authorization` header.
    Header,
    /// Presigned URL.
    Query,
    /// Presigned URL, by Signature Version 2.
    QueryV2,
    /// POST form.
    Form,
    /// POST form, by Signature Version 2.
    FormV2,
    /// Not at all.
    None,
}

impl Signing {
    /// Whether it is by Signature Version 2.
    #[must_use]
    pub const fn is_version_2(self) -> bool {
        matches!(self, Self::QueryV2 | Self::FormV2)
    }
}
