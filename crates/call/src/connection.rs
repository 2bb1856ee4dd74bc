//! Where a request came from, told in one place for every protocol.

use std::net::IpAddr;

use arqueta_model::{Clock, RequestInfo, TlsDetails};
use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, Uri};

/// Most characters of a `User-Agent` that are kept.
const AGENT: usize = 512;

/// The connection that a request came over.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// Address of the peer.
    pub peer: IpAddr,
    /// Version of TLS as `s3:TlsVersion` writes it (`1.2`, `1.3`); `None` without TLS.
    pub tls: Option<&'static str>,
    /// Its cipher suite, such as `TLS_AES_128_GCM_SHA256`; empty without TLS.
    pub cipher_suite: &'static str,
}

impl Connection {
    /// What the record and condition keys need of a request that comes now.
    #[must_use]
    pub fn request(&self, headers: &HeaderMap, uri: &Uri, clock: &dyn Clock) -> RequestInfo {
        let agent = headers.get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let agent: String = agent.unwrap_or_default().chars().take(AGENT).collect();
        let tls = self.tls.map(|version| TlsDetails {
            version: if version == "1.2" { "TLSv1.2" } else { "TLSv1.3" },
            cipher_suite: self.cipher_suite.into(),
            host: host(headers, uri).into(),
        });
        // A client that came over IPv4 is one, whatever the listener is.
        let request = RequestInfo::new(self.peer.to_canonical(), &agent, clock.now());
        RequestInfo { secure_transport: self.tls.is_some(), tls, ..request }
    }
}

/// The host that a request is for; HTTP/2 carries it as `:authority`.
fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> &'a str {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arqueta_model::ManualClock;
    use http::HeaderValue;

    fn told(headers: &HeaderMap, uri: &'static str, tls: Option<&'static str>) -> RequestInfo {
        let peer = "::ffff:192.0.2.1".parse().unwrap();
        let connection = Connection { peer, tls, cipher_suite: "TLS_AES_128_GCM_SHA256" };
        connection.request(headers, &Uri::from_static(uri), &ManualClock::default())
    }

    #[test]
    fn a_mapped_address_is_that_of_its_client() {
        let info = told(&HeaderMap::new(), "/", None);
        assert_eq!(info.source_ip.to_string(), "192.0.2.1");
        assert!(!info.secure_transport && info.tls.is_none() && info.user_agent.is_empty());
    }

    #[test]
    fn the_host_stands_in_either_place() {
        let info = told(&HeaderMap::new(), "https://by.authority/", Some("1.2"));
        let tls = info.tls.unwrap();
        assert_eq!((tls.version, &*tls.host), ("TLSv1.2", "by.authority"));
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("by.header"))]);
        assert_eq!(&*told(&headers, "/", Some("1.3")).tls.unwrap().host, "by.header");
    }

    #[test]
    fn an_agent_is_cut_and_read_whatever_its_bytes() {
        let headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_bytes(&[b'a', 0xff]).unwrap())]);
        assert_eq!(&*told(&headers, "/", None).user_agent, "a\u{fffd}");
        let long = HeaderValue::from_str(&"x".repeat(600)).unwrap();
        assert_eq!(told(&HeaderMap::from_iter([(USER_AGENT, long)]), "/", None).user_agent.len(), AGENT);
    }
}
