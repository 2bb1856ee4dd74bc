//! What is read of a request before anyone knows who sent it.

use std::time::Duration;

use arqueta_call::{Service, Visitor};
use arqueta_model::Clock;
use bytes::Buf;
use http::request::Parts;
use http::{HeaderMap, Method, Request, header};
use http_body::Body;
use http_body_util::BodyExt;
use zeroize::Zeroizing;

use crate::Error;

/// Largest body: several times the largest policy, or plaintext, that any operation takes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;
/// Largest body of the one call that needs no signature: a token of 20,000 characters, and a policy.
pub(crate) const MAX_UNSIGNED: usize = 64 * 1024;
/// How long a body may take to arrive. Who sends it is not known before the last of it.
const BODY_TIME: Duration = Duration::from_secs(5);
/// How long a body may take to arrive that nobody reads.
const UNREAD_TIME: Duration = Duration::from_millis(500);

const FORM: &[u8] = b"application/x-www-form-urlencoded";
/// Signing names of the services that this edge answers for.
const SERVICES: [Service; 4] = [Service::Kms, Service::Iam, Service::Sts, Service::CloudTrail];

/// Whether a request is for this edge rather than for S3: by the service in its credential
/// scope; without one, by an `X-Amz-Target` header or a form for `/`.
pub(crate) fn matches<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    let query = request.uri().query().unwrap_or_default();
    match credential_service(headers, query) {
        Credential::Of(service) => SERVICES.iter().any(|known| known.name() == service),
        Credential::Foreign => false,
        Credential::None => {
            let root = request.uri().path() == "/";
            let form = headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(FORM));
            let action = query.split('&').any(|pair| pair.starts_with("Action="));
            headers.contains_key("x-amz-target")
                || (root && form && request.method() == Method::POST)
                || (root && action && request.method() == Method::GET)
        }
    }
}

/// The service of the credential scope, as claimed.
pub(crate) fn signed_service(parts: &Parts) -> Option<String> {
    match credential_service(&parts.headers, parts.uri.query().unwrap_or_default()) {
        Credential::Of(service) => Some(service),
        Credential::Foreign | Credential::None => None,
    }
}

enum Credential {
    /// A Signature Version 4 scope naming this service.
    Of(String),
    /// Signed in some other way.
    Foreign,
    None,
}

fn credential_service(headers: &HeaderMap, query: &str) -> Credential {
    // `<access key>/<day>/<region>/<service>/aws4_request`
    let service =
        |scope: &str| scope.split('/').nth(3).map_or(Credential::Foreign, |service| Credential::Of(service.to_owned()));
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let scope = value.to_str().ok().and_then(|value| value.split_once("Credential="));
        return scope.map_or(Credential::Foreign, |(_, scope)| service(scope));
    }
    let presigned = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="));
    presigned.map_or(Credential::None, |scope| service(&scope.replace("%2F", "/").replace("%2f", "/")))
}

/// The whole body, which may hold a plaintext, of at most `limit` bytes. What it holds is counted for
/// `visitor`.
pub(crate) async fn body<B>(
    body: B,
    limit: usize,
    visitor: Option<&Visitor>,
    clock: &dyn Clock,
) -> Result<Zeroizing<Vec<u8>>, Error>
where
    B: Body,
{
    tokio::select! {
        body = collect(body, limit, visitor) => body,
        () = clock.sleep(BODY_TIME) => Err(Error::Body),
    }
}

async fn collect<B: Body>(body: B, limit: usize, visitor: Option<&Visitor>) -> Result<Zeroizing<Vec<u8>>, Error> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Error::TooLarge);
    }
    // Whatever length is announced, there is room for what came.
    let mut whole = Zeroizing::new(Vec::new());
    let mut body = std::pin::pin!(body);
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.map_err(|_| Error::Body)?.into_data() else { continue };
        if whole.len() + data.remaining() > limit {
            return Err(Error::TooLarge);
        }
        if visitor.is_some_and(|visitor| !visitor.hold(data.remaining())) {
            return Err(Error::Crowded);
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            append(&mut whole, chunk);
            let taken = chunk.len();
            data.advance(taken);
        }
    }
    Ok(whole)
}

/// Appends, and leaves nothing in memory where the bytes stood before: a vector that grows by itself
/// does not wipe its old place.
fn append(whole: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    let length = whole.len() + chunk.len();
    if length > whole.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(whole.capacity() * 2)));
        larger.extend_from_slice(whole);
        *whole = larger;
    }
    whole.extend_from_slice(chunk);
}

/// Reads a body to its end for nobody, so that the answer arrives that refuses it: a small one, and
/// for a moment.
pub(crate) async fn discard<B: Body>(body: B, clock: &dyn Clock) {
    let all = async {
        let mut body = std::pin::pin!(body);
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, Buf::remaining);
            if seen > MAX_BODY {
                return;
            }
        }
    };
    tokio::select! {
        () = all => {}
        () = clock.sleep(UNREAD_TIME) => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arqueta_call::antechamber::{Antechamber, Room};
    use arqueta_model::ManualClock;
    use bytes::Bytes;
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn signed(service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AK/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        )
    }

    #[test]
    fn the_signed_service_decides() {
        for service in SERVICES.map(Service::name) {
            assert!(matches(&request("POST", "/", &[("authorization", &signed(service))])), "{service}");
            let uri = format!("/?X-Amz-Credential=AK%2F20260101%2Fus-east-1%2F{service}%2Faws4_request");
            assert!(matches(&request("GET", &uri, &[])), "{service}");
        }
        let target = ("x-amz-target", "TrentService.ListKeys");
        assert!(!matches(&request("POST", "/", &[("authorization", &signed("s3")), target])));
        assert!(!matches(&request("GET", "/?Action=x&X-Amz-Credential=AK/20260101/us-east-1/s3/aws4_request", &[])));
        assert!(!matches(&request("POST", "/", &[("authorization", "AWS AK:sig"), target])));
    }

    #[test]
    fn unsigned_requests_are_told_by_their_form() {
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        assert!(matches(&request("POST", "/", &[form])));
        assert!(matches(&request("POST", "/", &[("x-amz-target", "TrentService.ListKeys")])));
        assert!(matches(&request("GET", "/?Action=GetCallerIdentity", &[])));
        for other in [
            request("GET", "/", &[]),
            request("GET", "/bucket?Action=x", &[]),
            request("POST", "/bucket", &[form]),
            request("POST", "/", &[("content-type", "multipart/form-data; boundary=x")]),
            request("PUT", "/", &[form]),
        ] {
            assert!(!matches(&other), "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_refused_announced_or_not() {
        let clock = ManualClock::default();
        let whole = Full::new(Bytes::from(vec![0; MAX_BODY]));
        assert_eq!(body(whole, MAX_BODY, None, &clock).await.unwrap().len(), MAX_BODY);
        let larger = Full::new(Bytes::from(vec![0; MAX_BODY + 1]));
        assert!(matches!(body(larger, MAX_BODY, None, &clock).await, Err(Error::TooLarge)));
        let frames = (0..1025).map(|_| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from(vec![0; 1024]))));
        let larger = StreamBody::new(futures::stream::iter(frames));
        assert!(matches!(body(larger, MAX_BODY, None, &clock).await, Err(Error::TooLarge)));
    }

    #[tokio::test]
    async fn what_comes_in_pieces_is_put_together_and_counted_for_whom_nobody_knows() {
        let clock = ManualClock::default();
        let room = Room { all: 5000, each: 3000, floor: 0 };
        let chamber = Arc::new(Antechamber::new(room, room));
        let sent = |count: u8| {
            let frames =
                (0..count).map(|n| Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from(vec![n; 1000]))));
            StreamBody::new(futures::stream::iter(frames))
        };
        let first = chamber.enter([192, 0, 2, 1].into(), || ());
        let whole = body(sent(3), MAX_BODY, Some(&first), &clock).await.unwrap();
        assert_eq!(**whole, [vec![0; 1000], vec![1; 1000], vec![2; 1000]].concat());
        let second = chamber.enter([192, 0, 2, 1].into(), || ());
        assert!(matches!(body(sent(1), MAX_BODY, Some(&second), &clock).await, Err(Error::Crowded)));
        assert_eq!(chamber.held(), (3000, 0));
        first.admit();
        assert_eq!(body(sent(1), MAX_BODY, Some(&second), &clock).await.unwrap().len(), 1000);
    }

    #[tokio::test]
    async fn a_body_that_never_comes_is_given_up() {
        let clock = Arc::new(ManualClock::default());
        let waiting = tokio::spawn({
            let clock = clock.clone();
            let never = futures::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
            async move { body(StreamBody::new(never), MAX_BODY, None, &*clock).await.map(|_| ()) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.advance(BODY_TIME);
        assert!(matches!(waiting.await.unwrap(), Err(Error::Body)));
    }
}
