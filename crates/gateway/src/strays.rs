//! Requests for hosts that this gateway does not know: taken for path style, as AWS's clients mean
//! them where the host is its own name, and a riddle to whoever meant `bucket.host`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

/// As many hosts are told of; anybody may send any.
const MOST: usize = 8;

/// Hosts that the log has told of.
#[derive(Debug)]
pub(crate) struct Strays {
    domains: Vec<String>,
    told: Mutex<BTreeSet<String>>,
}

impl Strays {
    /// Hosts other than `domains` and what is below them.
    pub(crate) fn beside(domains: &[String]) -> Self {
        let domains = domains.iter().map(|domain| domain.to_ascii_lowercase()).collect();
        Self { domains, told: Mutex::default() }
    }

    /// Tells, once for each host, why a bucket was not found that may have stood in the host's name.
    pub(crate) fn not_found(&self, host: &str) {
        let Some((bucket, rest)) = self.is_strange(host) else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST && told.insert(rest.to_owned()) {
            tracing::warn!(
                host,
                "a bucket was not found: this host is below none of the domains, so the path was taken to begin with \
                 the bucket. If {bucket} is meant, clients need path style, or this gateway --domain {rest}"
            );
        }
    }

    /// The label that may be a bucket, and the host that it stands before.
    fn is_strange<'h>(&self, host: &'h str) -> Option<(&'h str, &'h str)> {
        let (bucket, rest) = host.split_once('.')?;
        let lower = host.to_ascii_lowercase();
        let known =
            |domain: &String| lower == *domain || lower.strip_suffix(&**domain).is_some_and(|l| l.ends_with('.'));
        (!rest.is_empty() && host.parse::<IpAddr>().is_err() && !self.domains.iter().any(known))
            .then_some((bucket, rest))
    }
}

/// The host that a request is for, without its port.
pub(crate) fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    Some(named.or_else(|| uri.authority().cloned())?.host().to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_names_below_no_domain_are_strange() {
        let strays = Strays::beside(&["localhost".to_owned(), "S3.example.com".to_owned()]);
        assert_eq!(strays.is_strange("photos.nas"), Some(("photos", "nas")));
        assert_eq!(strays.is_strange("photos.s3.example.org"), Some(("photos", "s3.example.org")));
        for host in
            ["localhost", "photos.localhost", "photos.s3.example.com", "s3.Example.com", "127.0.0.1", "nas", "nas."]
        {
            assert_eq!(strays.is_strange(host), None, "{host}");
        }
    }

    #[test]
    fn each_host_is_told_once_and_not_without_end() {
        let strays = Strays::beside(&[]);
        for n in 0..100 {
            strays.not_found("a.nas");
            strays.not_found(&format!("a.host{n}"));
        }
        assert_eq!(strays.told.lock().unwrap().len(), MOST);
    }
}
