//! Addresses that people who come from MinIO ask: its health checks are answered, its administration
//! is not here, and who asks for it is told where this gateway's is.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use s3s::Body;

use crate::answer::Whole;

/// What MinIO's administration is, and what is here instead.
const ADMINISTRATION: &str = r#"{"Code":"NotImplemented","Message":"MinIO's administration API is not served here. Users, access keys and policies are managed by AWS IAM's API at this endpoint: aws iam --endpoint-url ... list-users."}"#;

/// The bucket under whose name they stand.
pub const BUCKET: &str = "minio";

/// The answer to one of MinIO's own addresses; none for any other. A bucket of that name has the
/// better right to them: ask only where there is none.
#[must_use]
pub fn answer(method: &Method, path: &str) -> Option<Response<Body>> {
    let rest = path.strip_prefix("/minio/")?;
    if rest.starts_with("admin/") {
        let mut answer = Response::new(Body::from(ADMINISTRATION.to_owned()));
        *answer.status_mut() = StatusCode::NOT_IMPLEMENTED;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer.extensions_mut().insert(Whole);
        return Some(answer);
    }
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let is_health = matches!(rest, "health/live" | "health/ready" | "health/cluster" | "health/cluster/read");
    (is_read && is_health).then(|| Response::new(Body::empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_answered_and_administration_is_named() {
        let status = |method, path| answer(method, path).map(|answer| answer.status().as_u16());
        for path in ["/minio/health/live", "/minio/health/ready", "/minio/health/cluster"] {
            assert_eq!(status(&Method::GET, path), Some(200), "{path}");
            assert_eq!(status(&Method::HEAD, path), Some(200), "{path}");
            assert_eq!(status(&Method::PUT, path), None, "{path}");
        }
        assert_eq!(status(&Method::PUT, "/minio/admin/v3/add-user"), Some(501));
        for path in ["/minio", "/minio/", "/minio/health", "/minio/health/live/x", "/other/health/live"] {
            assert_eq!(status(&Method::GET, path), None, "{path}");
        }
    }
}
