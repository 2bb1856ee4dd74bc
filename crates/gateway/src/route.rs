//! One port, two edges: which of them a request is for.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arqueta_aws::AwsEdge;
use arqueta_call::{Antechamber, Connection};
use arqueta_console::Console;
use arqueta_model::{Clock, Served, Timestamp};
use arqueta_s3::S3Edge;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, EXPECT, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use crate::bodies::{Counted, Ended, Told};
use crate::elsewhere;
use crate::listen::seats::{Asking, Seats, counted};
use crate::listen::{Peer, Standing};
use crate::live::Live;
use crate::metrics::{Api, Metrics};
use crate::regions::RegionEdge;
use crate::request_log::{Entry, RequestLog};
use crate::strays::{self, Strays};

/// The body of any edge's answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The edges behind the S3 port.
#[derive(Clone)]
pub struct Router {
    /// S3; `None` where the key service is served alone.
    pub s3: Option<Arc<S3Edge>>,
    /// KMS, IAM, STS, CloudTrail.
    pub aws: Arc<AwsEdge>,
    /// The console; absent where it is turned off.
    pub console: Option<Arc<Console>>,
    /// Other Regions; absent where none are configured.
    pub regions: Option<RegionEdge>,
    /// Counts answers.
    pub metrics: Arc<Metrics>,
    /// Places for clients, those behind trusted proxies included.
    pub seats: Arc<Seats>,
    /// What requests hold before it is known who sends them.
    pub antechamber: Arc<Antechamber>,
    /// Who is believed to be a proxy, and the log of requests.
    pub live: Arc<Live>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Hosts that nobody serves.
    pub(crate) strays: Arc<Strays>,
}

impl Router {
    /// Answers one request.
    pub async fn answer(&self, mut request: Request<Incoming>, peer: Peer) -> Response<Told<AnswerBody>> {
        let start = Instant::now();
        let ip = self.live.proxies().client(peer.ip(), request.headers());
        let continuation = Continuation::of(&request);
        let api = self.api(&request);
        let host = strays::host(request.headers(), request.uri());
        // A bucket that the host names is an origin of its own.
        let isolates = api != Api::Console && self.console.is_some() && !self.names_bucket(host.as_deref());
        let mut call = Call {
            metrics: self.metrics.clone(),
            log: self.live.log(),
            api,
            start,
            begun: self.clock.now(),
            source: ip,
            method: request.method().clone(),
            read: Arc::default(),
            id: String::new(),
            status: GONE,
            served: Served::default(),
            over: false,
            asking: None,
        };
        self.metrics.begun(api);
        // The connection may be a proxy's, who has no share; its client has one.
        call.asking = self.seats.ask_for(ip);
        let mut answer = match call.asking {
            Some(_) => {
                let standing = request.extensions_mut().remove::<Standing>().unwrap_or_default();
                let visitor = self.antechamber.enter(counted(ip), move || standing.make_known());
                request.extensions_mut().insert(visitor);
                let read = call.read.clone();
                self.pass_on(api, request.map(|body| Counted::new(body, read)), ip, peer).await
            }
            None => too_many(),
        };
        if isolates {
            arqueta_console::isolate(answer.headers_mut());
        }
        call.note(&mut answer);
        if let (Some("NoSuchBucket" | "InvalidBucketName"), Some(host)) = (call.served.code.as_deref(), &host) {
            self.strays.not_found(host);
        }
        self.metrics.answered(api, call.served.operation, answer.status(), start.elapsed());
        if continuation.may_be_missing(answer.status()) {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer.map(|body| Told::new(body, Box::new(call)))
    }

    /// Which edge a request is for.
    fn api<B>(&self, request: &Request<B>) -> Api {
        if self.regions.is_some() && RegionEdge::matches(request) {
            Api::Regions
        } else if self.console.is_some() && self.is_for_console(request) {
            Api::Console
        } else if AwsEdge::matches(request) {
            Api::Aws
        } else {
            Api::S3
        }
    }

    /// Whether a request is for the console, or of a browser that looks for it: no request of an S3 client
    /// that signs, and none for an object of a bucket that the host names.
    fn is_for_console<B>(&self, request: &Request<B>) -> bool {
        let path = Console::matches(request.uri().path()) && !request.headers().contains_key(AUTHORIZATION);
        (path || arqueta_console::leads_here(request))
            && !self.names_bucket(strays::host(request.headers(), request.uri()).as_deref())
    }

    fn names_bucket(&self, host: Option<&str>) -> bool {
        self.s3.as_ref().zip(host).is_some_and(|(s3, host)| s3.is_bucket_host(host))
    }

    async fn pass_on(
        &self,
        api: Api,
        request: Request<Counted<Incoming>>,
        ip: IpAddr,
        peer: Peer,
    ) -> Response<AnswerBody> {
        let Peer { tls, cipher_suite, .. } = peer;
        let connection = Connection { peer: ip, tls, cipher_suite };
        if let (Api::Console, Some(console)) = (api, &self.console) {
            return console.answer(request.map(|body| body.map_err(Into::into).boxed_unsync()), &connection).await;
        }
        match (api, &self.regions, &self.s3) {
            (Api::Regions, Some(regions), _) => {
                regions.call(request).await.map(|body| body.map_err(|never| match never {}).boxed_unsync())
            }
            (Api::Aws, ..) => {
                let answer = self.aws.call(request, &connection).await;
                answer.map(|body| body.map_err(|never| match never {}).boxed_unsync())
            }
            (_, _, Some(s3)) => {
                if let Some(answer) = elsewhere::answer(&request) {
                    return closing(answer.map(|body| body.map_err(|never| match never {}).boxed_unsync()));
                }
                s3.call(request, &connection).await.map(BodyExt::boxed_unsync)
            }
            (_, _, None) => no_objects(),
        }
    }
}

/// What stands in the log for the status of a request whose client went away before its answer, as
/// other servers' logs have it.
const GONE: u16 = 499;

/// One request, until its answer is out.
struct Call {
    metrics: Arc<Metrics>,
    log: Option<Arc<RequestLog>>,
    api: Api,
    start: Instant,
    begun: Timestamp,
    source: IpAddr,
    method: Method,
    read: Arc<AtomicU64>,
    id: String,
    status: u16,
    served: Served,
    over: bool,
    asking: Option<Asking>,
}

impl Call {
    /// Takes what the edge tells of it.
    fn note(&mut self, answer: &mut Response<AnswerBody>) {
        self.status = answer.status().as_u16();
        self.served = answer.extensions_mut().remove().unwrap_or_default();
        if self.log.is_some() {
            let id = answer.headers().get("x-amz-request-id").or_else(|| answer.headers().get("x-amzn-requestid"));
            self.id = id.and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        }
    }
}

impl Drop for Call {
    /// A client that goes away before there is an answer ends the request, too.
    fn drop(&mut self) {
        if !self.over {
            self.ended(0, false);
        }
    }
}

impl Ended for Call {
    fn ended(&mut self, sent: u64, whole: bool) {
        self.over = true;
        let received = self.read.load(Ordering::Relaxed);
        self.metrics.ended(self.api, received, sent);
        let Some(log) = &self.log else { return };
        log.note(&Entry {
            begun: self.begun,
            id: std::mem::take(&mut self.id),
            source: self.source,
            api: self.api.name(),
            method: self.method.clone(),
            served: std::mem::take(&mut self.served),
            status: self.status,
            received,
            sent,
            seconds: self.start.elapsed().as_secs_f64(),
            // The answer to HEAD has a length and no body.
            cut: !whole && self.method != Method::HEAD,
        });
    }
}

/// What a client is answered who has as many requests under way as it may have.
fn too_many() -> Response<AnswerBody> {
    let mut answer = told(
        StatusCode::SERVICE_UNAVAILABLE,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
    );
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// S3's answer where only the key service is served: the same to everyone, whatever was asked.
pub(crate) fn no_objects() -> Response<AnswerBody> {
    told(
        StatusCode::NOT_IMPLEMENTED,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NotImplemented</Code><Message>This endpoint serves the key service only.</Message></Error>",
    )
}

/// An answer of the port itself.
fn told(status: StatusCode, document: &'static str) -> Response<AnswerBody> {
    let body = Full::new(Bytes::from_static(document.as_bytes())).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    closing(answer)
}

/// An answer to a request whose body is not read.
fn closing(mut answer: Response<AnswerBody>) -> Response<AnswerBody> {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// What became of a client's `Expect: 100-continue` (RFC 9110, 10.1.1). hyper sends the interim
/// answer when the body is first read, so never for an empty body and seldom before a refusal.
/// botocore, and with it the AWS CLI, then takes the status line of the next answer on the same
/// connection for a header and finds none of the real ones: such a connection ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Continuation {
    NotAskedFor,
    /// Sent as soon as the body is read.
    WithBody,
    /// There is no body to send it before.
    Never,
}

impl Continuation {
    fn of<B: Body>(request: &Request<B>) -> Self {
        let expects = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
        if request.version() > Version::HTTP_11 || !request.headers().get(EXPECT).is_some_and(expects) {
            Self::NotAskedFor
        } else if request.body().is_end_stream() {
            Self::Never
        } else {
            Self::WithBody
        }
    }

    fn may_be_missing(self, status: StatusCode) -> bool {
        match self {
            Self::NotAskedFor => false,
            Self::WithBody => !status.is_success(),
            Self::Never => true,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http_body_util::Empty;

    fn asking<B: Body>(expect: Option<&str>, version: Version, body: B) -> Continuation {
        let mut request = Request::builder().version(version);
        if let Some(expect) = expect {
            request = request.header(EXPECT, expect);
        }
        Continuation::of(&request.body(body).unwrap())
    }

    #[test]
    fn a_connection_ends_where_a_final_answer_may_have_come_instead_of_the_interim_one() {
        let (empty, full) = (Empty::<Bytes>::new, || Full::new(Bytes::from_static(b"x")));
        let (old, new) = (Version::HTTP_11, Version::HTTP_2);
        for (case, ok, refused) in [
            (asking(Some("100-continue"), old, empty()), true, true),
            (asking(Some("100-Continue"), old, full()), false, true),
            (asking(None, old, empty()), false, false),
            (asking(None, old, full()), false, false),
            (asking(Some("something else"), old, empty()), false, false),
            (asking(Some("100-continue"), new, empty()), false, false),
        ] {
            assert_eq!(case.may_be_missing(StatusCode::OK), ok, "{case:?}");
            assert_eq!(case.may_be_missing(StatusCode::FORBIDDEN), refused, "{case:?}");
        }
    }
}
