//! `x-amz-copy-source`: which object a copy reads.

use s3s::dto::CopySource;

/// The header, decoded as a form is: a `+` is a space.
#[must_use]
pub fn parse(text: &str) -> Option<CopySource> {
    CopySource::parse(&text.replace('+', "%20")).ok()
}

/// What policies compare, whichever way it was written: bucket and key, without a slash before them, as AWS's
/// example has it (S3 User Guide, "Bucket policy examples using condition keys"). What is none is left as it is.
#[must_use]
pub fn compared(text: &str) -> String {
    match parse(text) {
        Some(CopySource::Bucket { bucket, key, .. }) => format!("{bucket}/{key}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_compared_alike() {
        for text in ["src/k", "/src/k", "%2Fsrc/k", "s%72c/k", "src/%6b", "src%2Fk", "src/k?versionId=null"] {
            assert_eq!(compared(text), "src/k", "{text}");
        }
        assert_eq!(compared("src/a+b"), "src/a b");
        assert_eq!(compared("nothing"), "nothing");
    }
}
