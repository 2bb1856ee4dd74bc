//! The administration port: `/healthz`, `/readyz`, `/metrics`, `/audit/head`, `/damage`,
//! `/keys/<key>/usage`.
//! Unauthenticated, so it listens on loopback by default. It says of objects how many of a bucket depend
//! on a key, and at `/damage` the names of records that are damaged: keys of objects, names of users. It
//! answers only to addresses and to names that are its own: a web page that lets a name of its own lead
//! here (DNS rebinding) is refused.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use arqueta_store::Damages;
use bytes::Bytes;
use http::request::Parts;
use http::uri::Authority;
use http::{Method, Response, StatusCode, header};
use http_body_util::Full;

use crate::dependents::{DependentsDesk, Told};
use crate::listen::seats::Seats;
use crate::metrics::Metrics;
use crate::readiness::{PARTS, Readiness};
use crate::record::SealedRecord;

/// Answers for the administration port.
#[derive(Clone)]
pub struct Admin {
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The record's chain, where it is kept here.
    pub record: Option<Arc<SealedRecord>>,
    /// What depends on keys.
    pub dependents: Arc<DependentsDesk>,
    /// Damaged records that were met.
    pub damages: Arc<Damages>,
    /// What works.
    pub readiness: Arc<Readiness>,
    /// Places for clients of the S3 port.
    pub seats: Arc<Seats>,
    /// Names, beside addresses and `localhost`, that this port is asked by.
    pub hosts: Arc<RwLock<Vec<String>>>,
    /// Where the console is, where there is one.
    pub console: Option<ConsolePort>,
}

/// The port that has the console.
#[derive(Debug, Clone, Copy)]
pub struct ConsolePort {
    /// Whether it speaks TLS.
    pub secure: bool,
    /// Its number; its host is the one that this port was asked by.
    pub port: u16,
}

impl Admin {
    /// One answer.
    pub async fn answer(&self, request: &Parts) -> Response<Full<Bytes>> {
        if request.method != Method::GET && request.method != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
        }
        if !self.is_mine(request) {
            let said = "the administration port is asked by its address, by localhost, or by one of admin_hosts\n";
            return text(StatusCode::MISDIRECTED_REQUEST, said.to_owned());
        }
        match request.uri.path() {
            "/" if self.console.is_some() => self.to_console(request),
            "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => self.readyz(request.uri.query().unwrap_or_default()).await,
            "/metrics" => {
                let mut answer = text(StatusCode::OK, self.metrics.render());
                answer.headers_mut().insert(
                    header::CONTENT_TYPE,
                    http::HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"),
                );
                answer
            }
            "/damage" => json(StatusCode::OK, &damage(&self.damages)),
            "/audit/head" => match &self.record {
                Some(record) => text(StatusCode::OK, String::from_utf8_lossy(&record.head()).into_owned()),
                None => text(StatusCode::NOT_FOUND, "the record is not kept here\n".to_owned()),
            },
            path => match path.strip_prefix("/keys/").and_then(|rest| rest.strip_suffix("/usage")) {
                // Names with `:` and `/` may come encoded.
                Some(key) => {
                    let plain =
                        |text: &str, code: &str, c: &str| text.replace(code, c).replace(&code.to_lowercase(), c);
                    self.usage(&plain(&plain(key, "%2F", "/"), "%3A", ":")).await
                }
                None => {
                    let known = "only /healthz, /readyz, /metrics, /audit/head, /damage and /keys/<key>/usage\n";
                    text(StatusCode::NOT_FOUND, known.to_owned())
                }
            },
        }
    }

    /// Leads whoever opens the bare address to the console.
    fn to_console(&self, request: &Parts) -> Response<Full<Bytes>> {
        let said = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        let host = said.as_ref().or_else(|| request.uri.authority()).map_or("localhost", Authority::host);
        let address = self.console.map(|ConsolePort { secure, port }| {
            let scheme = if secure { "https" } else { "http" };
            format!("{scheme}://{host}:{port}{}", arqueta_console::PATH)
        });
        let mut answer = text(StatusCode::SEE_OTHER, "the console is at the S3 port\n".to_owned());
        if let Some(address) = address.and_then(|address| http::HeaderValue::from_str(&address).ok()) {
            answer.headers_mut().insert(header::LOCATION, address);
        }
        answer
    }

    /// Whether the request's `Host` is one of this port's. A client without any is no browser.
    fn is_mine(&self, request: &Parts) -> bool {
        let host = match request.headers.get(header::HOST) {
            Some(host) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
            None => match request.uri.authority() {
                Some(authority) => Some(authority.clone()),
                None => return true,
            },
        };
        let Some(host) = host else { return false };
        let name = host.host().trim_start_matches('[').trim_end_matches(']');
        let known = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || known.iter().any(|known| name.eq_ignore_ascii_case(known))
    }

    /// `/readyz`, or `/readyz?only=read,write` for whoever needs no more than that.
    async fn readyz(&self, query: &str) -> Response<Full<Bytes>> {
        let only: Vec<_> = match query.strip_prefix("only=") {
            Some(only) => only.split(',').collect(),
            None => Vec::new(),
        };
        if let Some(unknown) = only.iter().find(|name| !PARTS.contains(name)) {
            return text(StatusCode::BAD_REQUEST, format!("{unknown:?} is none of {}\n", PARTS.join(", ")));
        }
        let report = self.readiness.report(&only, &self.seats).await;
        let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        json(status, &serde_json::json!(report))
    }

    async fn usage(&self, key: &str) -> Response<Full<Bytes>> {
        match self.dependents.usage(key).await {
            Ok(Told::Usage(usage)) => json(StatusCode::OK, &usage),
            Ok(Told::Unknown) => text(StatusCode::NOT_FOUND, "there is no such key\n".to_owned()),
            Ok(Told::Reading) => {
                json(StatusCode::ACCEPTED, &serde_json::json!({ "recordsRead": self.dependents.seen() }))
            }
            Err(error) => {
                tracing::warn!(%error, "what depends on keys could not be read");
                text(StatusCode::SERVICE_UNAVAILABLE, "the metadata cannot be read; see the log\n".to_owned())
            }
        }
    }
}

/// The damaged records that are known: what each is, and what is wrong with it.
fn damage(damages: &Damages) -> serde_json::Value {
    let records = damages.list().into_iter();
    let records: Vec<_> =
        records.map(|(_, name, cause)| serde_json::json!({ "record": name, "cause": cause.to_string() })).collect();
    serde_json::json!({ "records": records, "reads": damages.met() })
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut answer = text(status, format!("{value}\n"));
    answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::listen::seats::Bounds;
    use crate::readiness::Probed;
    use arqueta_model::ManualClock;
    use arqueta_store::{Headroom, MemoryMeta, RoomLimits};

    async fn status(uri: &str, host: Option<&str>) -> u16 {
        answered(uri, host).await.status().as_u16()
    }

    async fn answered(uri: &str, host: Option<&str>) -> Response<Full<Bytes>> {
        let (meta, clock) = (Arc::new(MemoryMeta::default()), Arc::new(ManualClock::default()));
        let probed = Probed {
            meta: meta.clone(),
            room: Arc::new(Headroom::open(std::env::temp_dir(), RoomLimits { reserve: 0, low_water: 0 }).unwrap()),
            record: None,
            backends: Arc::default(),
            folder: std::env::temp_dir(),
            clock: clock.clone(),
        };
        let readiness = Arc::new(Readiness::new(probed));
        readiness.set_serving(true);
        let admin = Admin {
            damages: Arc::default(),
            metrics: Arc::new(Metrics::empty()),
            record: None,
            dependents: Arc::new(DependentsDesk::new(meta, clock, "us-east-1".parse().unwrap())),
            readiness,
            seats: Seats::new(Bounds::of(1)),
            hosts: Arc::new(RwLock::new(vec!["metrics.example.com".to_owned()])),
            console: Some(ConsolePort { secure: true, port: 9000 }),
        };
        let mut request = http::Request::get(uri);
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }
        admin.answer(&request.body(()).unwrap().into_parts().0).await
    }

    #[tokio::test]
    async fn only_its_own_names_reach_it() {
        for host in
            ["127.0.0.1:9001", "[::1]:9001", "localhost", "LocalHost:9001", "192.0.2.1", "Metrics.example.com:9001"]
        {
            assert_eq!(status("/healthz", Some(host)).await, 200, "{host}");
        }
        for host in
            ["rebound.example.com", "rebound.example.com:9001", "localhost.example.com", "127.0.0.1.example.com", ""]
        {
            for path in ["/healthz", "/readyz", "/metrics", "/keys/x/usage", "/nothing"] {
                assert_eq!(status(path, Some(host)).await, 421, "{host} {path}");
            }
        }
        assert_eq!(status("/healthz", None).await, 200);
        assert_eq!(status("http://rebound.example.com/healthz", None).await, 421);
    }

    #[tokio::test]
    async fn the_bare_address_leads_to_the_console_of_the_same_host() {
        for (host, led) in
            [("localhost:9001", "https://localhost:9000/-/console/"), ("[::1]:9001", "https://[::1]:9000/-/console/")]
        {
            let answer = answered("/", Some(host)).await;
            assert_eq!((answer.status().as_u16(), answer.headers()[header::LOCATION].to_str().unwrap()), (303, led));
        }
        assert_eq!(status("/", Some("rebound.example.com")).await, 421);
    }

    #[tokio::test]
    async fn nothing_is_told_of_a_key_that_is_not_there() {
        for name in ["x", "alias/x", "alias%2fx", "arn:aws:kms:us-east-1:111122223333:key/x"] {
            assert_eq!(status(&format!("/keys/{name}/usage"), None).await, 404, "{name}");
        }
    }

    #[tokio::test]
    async fn readiness_of_what_there_is_not_is_refused() {
        assert_eq!(status("/readyz?only=read,keyService", None).await, 200);
        assert_eq!(status("/readyz?only=all", None).await, 400);
    }
}
