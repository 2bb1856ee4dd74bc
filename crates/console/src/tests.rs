//! The console as a browser meets it, over a service that notes what it is called for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use arqueta_call::{Antechamber, Connection, Visitor};
use arqueta_model::{Clock, Timestamp};
use async_trait::async_trait;
use bytes::Bytes;
use futures::executor::block_on;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use crate::answer::full;
use crate::receive::{PERSON, STRANGER};
use crate::service::{BoxError, CallBody, Service, whole};
use crate::session::{Credentials, Place, Session};
use crate::{About, Chain, Console, Errands, Facts, Form, Settings, Told, Usage};

const CSRF: &str = "the-token-of-the-session";

/// A clock that stands; waits end at once, or never.
#[derive(Debug, Default)]
struct Still {
    is_late: bool,
}

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_000_000)
    }

    async fn sleep(&self, _: Duration) {
        if !self.is_late {
            std::future::pending::<()>().await;
        }
    }
}

/// Says nothing, and notes what was asked.
#[derive(Default)]
struct Noted {
    calls: Mutex<Vec<String>>,
    known: AtomicBool,
}

#[async_trait]
impl Service for Noted {
    async fn call(&self, request: Request<CallBody>, _: &Connection) -> Response<CallBody> {
        let visitor = request.extensions().get::<Arc<Visitor>>();
        self.known.store(visitor.is_some_and(|visitor| !visitor.is_stranger()), Ordering::Relaxed);
        let asked = format!("{} {}", request.method(), request.uri());
        self.calls.lock().unwrap().push(asked);
        Response::new(full("<Nothing/>"))
    }
}

struct Nothing;

#[async_trait]
impl Facts for Nothing {
    fn configuration(&self) -> String {
        String::new()
    }
    fn key_calls(&self) -> (u64, u64) {
        (0, 0)
    }
    async fn health(&self) -> Vec<(String, bool)> {
        Vec::new()
    }
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
    async fn usage(&self, _: &str) -> Option<Usage> {
        None
    }
    async fn total(&self) -> Option<Usage> {
        None
    }
    fn errands(&self) -> Errands {
        Errands::default()
    }
    async fn report(&self, _: About, _: Option<String>, _: Option<String>, _: Form) -> Told<String> {
        Told::Busy
    }
    async fn verify(&self) -> Told<Chain> {
        Told::Busy
    }
    async fn who_can(&self, _: &str, _: &str) -> Result<serde_json::Value, String> {
        Err("nobody is here".to_owned())
    }
    async fn destroy_plan(&self, _: &str) -> Result<serde_json::Value, String> {
        Err("nothing is here".to_owned())
    }
}

struct House {
    console: Console,
    service: Arc<Noted>,
    chamber: Arc<Antechamber>,
}

impl House {
    fn new(is_late: bool) -> Self {
        let settings = Settings {
            region: "eu-west-1".parse().unwrap(),
            account: "000000000000".to_owned(),
            version: "0",
            oidc: None,
            clock: Arc::new(Still { is_late }),
        };
        let service = Arc::new(Noted::default());
        Self { console: Console::new(service.clone(), Arc::new(Nothing), settings), service, chamber: Arc::default() }
    }

    /// The cookies of a session, as a browser returns them.
    fn session(&self, base: &str) -> String {
        let long = |id: &str| Credentials { access_key_id: id.to_owned(), secret: "s".to_owned().into(), token: None };
        let session = Session {
            id: crate::session::random(),
            credentials: long("ASIA"),
            raised: None,
            before: None,
            expires: i64::MAX,
            arn: "arn:aws:iam::000000000000:user/ana".to_owned(),
            account: "000000000000".to_owned(),
            csrf: CSRF.to_owned(),
            base: base.to_owned(),
        };
        let mut answer = Response::new(());
        self.console.house.sessions.keep(&session, &Place::of(base, false), answer.headers_mut());
        let line = answer.headers()[SET_COOKIE].to_str().unwrap();
        line.split(';').next().unwrap().to_owned()
    }

    fn ask(&self, request: Request<CallBody>) -> Answer {
        let connection = Connection { peer: "192.0.2.1".parse().unwrap(), tls: None, cipher_suite: "" };
        let mut request = request;
        request.extensions_mut().insert(self.chamber.enter(connection.peer, || ()));
        request.headers_mut().insert("host", HeaderValue::from_static("h"));
        let (parts, body) = block_on(self.console.answer(request, &connection)).into_parts();
        let text = String::from_utf8(block_on(whole(body, 1 << 20)).unwrap().to_vec()).unwrap();
        Answer { parts, text }
    }

    /// A form that a page of this origin sends.
    fn post(&self, path: &str, cookie: &str, form: impl Into<Bytes>) -> Answer {
        self.ask(sent(path, cookie, full(form)))
    }

    fn get(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::builder().uri(format!("/-/console/{path}")).header(COOKIE, cookie);
        self.ask(request.body(full("")).unwrap())
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.service.calls.lock().unwrap())
    }
}

fn sent(path: &str, cookie: &str, body: CallBody) -> Request<CallBody> {
    let request = Request::builder().method(Method::POST).uri(format!("/-/console/{path}"));
    let request = request.header(COOKIE, cookie).header("sec-fetch-site", "same-origin");
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body).unwrap()
}

struct Answer {
    parts: http::response::Parts,
    text: String,
}

impl Answer {
    fn status(&self) -> StatusCode {
        self.parts.status
    }

    fn leads_to(&self) -> &str {
        self.parts.headers.get(LOCATION).map_or("", |to| to.to_str().unwrap())
    }

    fn cookies(&self) -> Vec<&str> {
        self.parts.headers.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect()
    }
}

type Piece = Result<Frame<Bytes>, BoxError>;

/// A body that must not be read.
fn unread() -> CallBody {
    let frames = futures::stream::poll_fn(|_| -> Poll<Option<Piece>> { panic!("nobody asked for this body") });
    StreamBody::new(frames).boxed_unsync()
}

/// A body of which nothing comes.
fn stuck() -> CallBody {
    StreamBody::new(futures::stream::pending::<Piece>()).boxed_unsync()
}

#[test]
fn without_a_session_nothing_is_read_but_what_signs_in() {
    let house = House::new(false);
    for path in ["buckets/bucket/delete", "keys/new", "nowhere", "sign-out"] {
        let answer = house.ask(sent(path, "", unread()));
        assert_eq!(
            (answer.status(), answer.leads_to().contains("sign-in?reason=expired")),
            (StatusCode::SEE_OTHER, true)
        );
        assert!(!answer.leads_to().contains("next"), "a change is no page to go back to");
    }
    assert_eq!(house.get("buckets", "").leads_to(), "./sign-in?next=buckets");
    for path in ["sign-in", "language"] {
        let form = vec![b'a'; STRANGER.bytes + 1];
        assert_eq!(house.post(path, "", form).status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        let form = "a&".repeat(STRANGER.fields + 1);
        assert_eq!(house.post(path, "", form).status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
    assert_eq!(house.post("language", "", "to=es&back=sign-in").leads_to(), "./sign-in");
    let cookie = house.session("http://h/-/console/");
    let form = format!("csrf={CSRF}{}", "&a".repeat(PERSON.fields));
    assert_eq!(house.post("keys/new", &cookie, form).status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!((house.calls().len(), house.chamber.held()), (0, (0, 0)));
}

#[test]
fn what_does_not_come_is_not_waited_for_and_what_waits_is_counted() {
    let late = House::new(true);
    for cookie in [String::new(), late.session("http://h/-/console/")] {
        let answer = late.ask(sent("sign-in", &cookie, stuck()));
        assert!(answer.status() == StatusCode::BAD_REQUEST && answer.text.contains("RequestTimeout"));
    }
    let house = House::new(false);
    // Others from the same address have all of its room.
    let others = house.chamber.enter("192.0.2.1".parse().unwrap(), || ());
    assert!(others.hold(16 << 20));
    assert_eq!(house.post("sign-in", "", "key=a&secret=b").status(), StatusCode::SERVICE_UNAVAILABLE);
    let cookie = house.session("http://h/-/console/");
    let answer = house.post("buckets/bucket/delete", &cookie, format!("csrf={CSRF}&confirm=bucket"));
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "who has signed in has room of his own");
    assert!(house.service.known.load(Ordering::Relaxed), "and the services know that he is none of them");
}

#[test]
fn a_script_is_told_in_json_that_the_session_is_over() {
    let house = House::new(false);
    for path in ["buckets/bucket/upload/whole?key=k", "buckets/bucket/upload/finish?key=k&upload=u"] {
        let mut request = sent(path, "arqueta-console=gone", unread());
        request.headers_mut().insert("x-csrf-token", HeaderValue::from_static(CSRF));
        let answer = house.ask(request);
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.parts.headers[CONTENT_TYPE], "application/json");
        assert!(answer.text.contains("\"code\":\"ExpiredToken\""), "{}", answer.text);
    }
    // And of every other refusal.
    let mut request = sent("nowhere", &house.session("http://h/-/console/"), full(""));
    request.headers_mut().insert("x-csrf-token", HeaderValue::from_static(CSRF));
    let answer = house.ask(request);
    assert!(answer.status() == StatusCode::NOT_FOUND && answer.text.starts_with('{'), "{}", answer.text);
    assert_eq!(house.calls().len(), 0);
}

#[test]
fn no_address_means_another_bucket_or_object_than_it_says() {
    let house = House::new(false);
    let cookie = house.session("http://h/-/console/");
    for path in [
        "buckets/bucket%2Fkey/objects",
        "buckets/bucket%2Fkey/properties",
        "buckets/Bucket/objects",
        "buckets/..%2Fx/objects",
        "buckets/%FFbucket/objects",
        "buckets/bucket/download?key=",
        "buckets/bucket/download",
    ] {
        assert_eq!(house.get(path, &cookie).status(), StatusCode::BAD_REQUEST, "{path}");
    }
    for (path, form) in [
        ("buckets/bucket%2Fkey/delete", "confirm=bucket%2Fkey"),
        ("buckets/bucket/object/delete", "key=&confirm="),
        ("buckets/bucket/object/tags", "key=&tags=a%3Db"),
        ("buckets/bucket/object/share", "key=&minutes=1"),
        ("buckets/new", "name=bucket%2Fkey"),
    ] {
        let answer = house.post(path, &cookie, format!("csrf={CSRF}&{form}"));
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
    let changes: Vec<_> =
        house.calls().into_iter().filter(|call| !call.starts_with("POST / ") && call != "POST /").collect();
    assert!(changes.is_empty(), "{changes:?}");
    house.post("buckets/bucket/object/delete", &cookie, format!("csrf={CSRF}&key=a%2Fb&confirm=b"));
    assert_eq!(house.calls(), ["DELETE /bucket/a/b"]);
}

#[test]
fn the_skip_link_leads_to_the_page_that_it_is_on() {
    let house = House::new(false);
    let cookie = house.session("http://h/-/console/");
    for path in ["javascript:alert(1)", "/evil.example/x", "keys"] {
        let page = house.get(path, &cookie).text;
        let link = page.split("class=\"skip\" href=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(link, format!("./{path}#main"));
    }
}

#[test]
fn every_cookie_is_the_whole_consoles_and_goes_with_the_session() {
    let house = House::new(false);
    for (base, path) in [("http://h/-/console/", "/-/console"), ("https://h/a/-/console/", "/a/-/console")] {
        let cookie = house.session(base);
        let form = format!("csrf={CSRF}");
        for answer in [house.post("language", &cookie, "to=es&back="), house.post("sign-out", &cookie, form)] {
            assert!(!answer.cookies().is_empty());
            for line in answer.cookies() {
                assert!(line.contains(&format!("; Path={path}; ")), "{line}");
                // A browser's `Origin` is not on every request; the session knows how it came.
                assert_eq!(line.contains("; Secure"), base.starts_with("https"), "{line}");
            }
        }
        assert!(house.get("keys", &cookie).leads_to().contains("sign-in"), "a copy is of no use");
    }
}
