//! Calls of AWS services that are not here. S3 knows no POST to `/`, so whoever sends one that is
//! signed for another service is told which services there are, in a form that its client shows.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;

/// Longest name of a service that is repeated.
const NAME: usize = 40;

/// The answer to a call of a service that is not here; `None` for all other requests.
pub(crate) fn answer<B>(request: &Request<B>) -> Option<Response<Full<Bytes>>> {
    if request.method() != Method::POST || request.uri().path() != "/" {
        return None;
    }
    let service = signed_for(request).filter(|service| *service != "s3")?;
    let message = format!("There is no service {service} here; this endpoint has S3, KMS, IAM, STS and CloudTrail.");
    let (kind, document) = match (request.headers().get("x-amz-target"), service) {
        (Some(_), _) => (
            "application/x-amz-json-1.0",
            serde_json::json!({ "__type": "UnknownOperationException", "message": message }).to_string(),
        ),
        (None, "ec2") => (
            "text/xml",
            format!(
                "<Response><Errors><Error><Code>InvalidAction</Code><Message>{message}</Message></Error></Errors></Response>"
            ),
        ),
        (None, _) => (
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>{message}</Message></Error></ErrorResponse>"
            ),
        ),
    };
    let mut answer = Response::new(Full::new(Bytes::from(document)));
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Some(answer)
}

/// The service in the scope of a signature (`Credential=AKID/date/region/service/aws4_request`). It is
/// told nothing that everybody may not know, so whether the signature is right does not matter.
fn signed_for<B>(request: &Request<B>) -> Option<&str> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let scope = header.split_once("Credential=")?.1.split([',', ' ']).next()?;
    let service = scope.split('/').nth(3)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!service.is_empty() && service.len() <= NAME && service.chars().all(plain)).then_some(service)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str, service: &str, target: Option<&str>) -> Request<()> {
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host");
        let mut request = Request::builder().method(method).uri(path).header(AUTHORIZATION, authorization);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn only_posts_to_the_root_for_another_service_are_told_so() {
        for (method, path, service) in [
            ("POST", "/", "s3"),
            ("GET", "/", "sqs"),
            ("POST", "/bucket", "sqs"),
            ("POST", "/", ""),
            ("POST", "/", "<script>"),
            ("POST", "/", &"a".repeat(41)),
        ] {
            assert!(answer(&request(method, path, service, None)).is_none(), "{method} {path} {service}");
        }
        assert!(answer(&Request::post("/").body(()).unwrap()).is_none());
        for (service, target, kind) in [
            ("dynamodb", Some("DynamoDB_20120810.ListTables"), "application/x-amz-json-1.0"),
            ("sns", None, "text/xml"),
            ("ec2", None, "text/xml"),
        ] {
            let answer = answer(&request("POST", "/", service, target)).unwrap();
            assert_eq!(
                (answer.status(), &answer.headers()[CONTENT_TYPE]),
                (StatusCode::BAD_REQUEST, &HeaderValue::from_static(kind))
            );
        }
    }
}
