//! `[regions.<name>]`: gateways that serve other Regions.

use std::path::PathBuf;

use http::Uri;
use http::uri::Scheme;
use serde::Deserialize;

/// `[regions.<name>]`: a gateway that serves another Region.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherRegion {
    /// Where it listens: `http://host:port` or `https://host:port`.
    pub endpoint: String,
    /// 32 random bytes that both Regions have, and no third.
    pub key_file: PathBuf,
    /// PEM certificates that its certificate is checked against; with `https` only, and needed there.
    pub ca_file: Option<PathBuf>,
}

/// Where a Region listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether TLS is spoken there.
    pub secure: bool,
}

impl Endpoint {
    /// `http://host:port` or `https://host:port`, and nothing behind it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        if uri.path_and_query().is_some_and(|rest| rest.as_str() != "/") {
            return None;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { host, port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }), secure })
    }

    /// Whether TLS is spoken there.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_scheme_a_host_and_a_port() {
        for (text, host, port, secure) in [
            ("http://127.0.0.1:9000", "127.0.0.1", 9000, false),
            ("https://eu.example.com/", "eu.example.com", 443, true),
            ("http://[::1]:9000", "::1", 9000, false),
        ] {
            assert_eq!(Endpoint::parse(text), Some(Endpoint { host: host.into(), port, secure }), "{text}");
        }
        for bad in ["", "eu.example.com:9000", "ftp://x", "http://", "http://x/path", "http://x/?q", "http://u@x:1"] {
            assert_eq!(Endpoint::parse(bad), None, "{bad}");
        }
    }
}
