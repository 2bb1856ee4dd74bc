//! Which bucket a `Host` header names (S3 User Guide, "Virtual hosting of general purpose buckets").

use arqueta_model::{BucketName, Region};
use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// The domains under which buckets are addressed as `bucket.domain`.
///
/// A host that is no bucket under one of them, an IP address above all, is path style: a name
/// that a user gave this gateway in DNS must not be taken for a bucket.
#[derive(Debug, Clone)]
pub struct Hosts {
    /// Lower case, longest first, so that the most specific domain wins.
    domains: Vec<String>,
}

impl Hosts {
    /// Hosts under `domains`, or under [`Hosts::defaults`] when there are none. A port in a
    /// domain is ignored, as is case.
    #[must_use]
    pub fn new(domains: &[String], region: &Region) -> Self {
        let mut domains: Vec<String> =
            domains.iter().map(|domain| without_port(domain).to_ascii_lowercase()).filter(|d| !d.is_empty()).collect();
        if domains.is_empty() {
            domains = Self::defaults(region);
        }
        domains.sort_by_key(|domain| std::cmp::Reverse(domain.len()));
        Self { domains }
    }

    /// `localhost` (every name under it is loopback, RFC 6761), and the names of S3 itself, for
    /// machines whose resolver sends them here.
    #[must_use]
    pub fn defaults(region: &Region) -> Vec<String> {
        vec!["localhost".to_owned(), "s3.amazonaws.com".to_owned(), format!("s3.{region}.amazonaws.com")]
    }

    /// The bucket that `host` names, if it is virtual-host style.
    #[must_use]
    pub fn bucket<'a>(&self, host: &'a str) -> Option<&'a str> {
        let host = without_port(host);
        let prefix = self.domains.iter().find_map(|domain| {
            let cut = host.len().checked_sub(domain.len())?;
            let tail = host.get(cut..)?;
            tail.eq_ignore_ascii_case(domain).then(|| &host[..cut])
        })?;
        let bucket = prefix.strip_suffix('.')?;
        bucket.parse::<BucketName>().is_ok().then_some(bucket)
    }
}

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let found = VirtualHost::new(host);
        Ok(match self.bucket(host) {
            Some(bucket) => found.with_bucket(bucket),
            None => found,
        })
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons of a bare or bracketed IPv6 address are no port.
        Some((name, port)) if !name.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hosts(domains: &[&str]) -> Hosts {
        Hosts::new(&domains.iter().map(|d| (*d).to_owned()).collect::<Vec<_>>(), &"eu-west-1".parse().unwrap())
    }

    #[test]
    fn buckets_under_the_default_domains() {
        let hosts = hosts(&[]);
        for (host, bucket) in [
            ("photos.localhost:9000", "photos"),
            ("my.dotted.name.localhost", "my.dotted.name"),
            ("photos.s3.eu-west-1.amazonaws.com", "photos"),
            ("photos.S3.amazonaws.com", "photos"),
        ] {
            assert_eq!(hosts.bucket(host), Some(bucket), "{host}");
        }
    }

    #[test]
    fn everything_else_is_path_style() {
        let hosts = hosts(&[]);
        for host in [
            "localhost",
            "localhost:9000",
            "127.0.0.1:9000",
            "[::1]:9000",
            "::1",
            "gateway.example.com",
            "notlocalhost",
            "s3.eu-west-1.amazonaws.com",
            "s3.localhost",
            "UPPER.localhost",
            ".localhost",
            "",
        ] {
            assert_eq!(hosts.bucket(host), None, "{host:?}");
        }
    }

    #[test]
    fn configured_domains_replace_the_defaults_and_the_longest_wins() {
        let hosts = hosts(&["example.com:9000", "S3.example.com"]);
        assert_eq!(hosts.bucket("photos.s3.example.com"), Some("photos"));
        assert_eq!(hosts.bucket("photos.example.com"), Some("photos"));
        assert_eq!(hosts.bucket("photos.localhost"), None);
    }
}
