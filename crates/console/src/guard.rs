//! What keeps other sites out: where a change comes from, and the headers of every page.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Uri};

/// Whether a change was asked for by a page of this very origin. A browser says so by `Origin`, which
/// has the host that was asked, and by `Sec-Fetch-Site`; neither can be set by a page. What says
/// neither is no browser, and is refused with the rest.
#[must_use]
pub fn is_same_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = says("sec-fetch-site").map(|site| site == "same-origin");
    let origin = says(ORIGIN.as_str()).map(|origin| {
        let host = host(headers, uri);
        let named = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        named.is_some_and(|named| !host.is_empty() && named.eq_ignore_ascii_case(host))
    });
    match (site, origin) {
        (None, None) => false,
        (site, origin) => site.unwrap_or(true) && origin.unwrap_or(true),
    }
}

/// The host that a request is for; HTTP/2 carries it as `:authority`.
#[must_use]
pub fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> &'a str {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default()
}

/// Puts the headers of a page: no script but those that carry `nonce`, no frame around it, no referrer
/// to others, nothing kept by caches. `no-referrer` would have browsers hide the origin of forms, by
/// which [`is_same_origin`] knows them; `same-origin` tells other sites as little.
pub(crate) fn dress(headers: &mut HeaderMap, nonce: &str) {
    let policy = format!(
        "default-src 'self'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; object-src 'none'; \
         base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    );
    // What is no page has a stricter one.
    if !headers.contains_key(CONTENT_SECURITY_POLICY)
        && let Ok(policy) = HeaderValue::from_str(&policy)
    {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn same(pairs: &[(&'static str, &'static str)]) -> bool {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        is_same_origin(&headers.collect(), &Uri::from_static("/-/console/sign-in"))
    }

    #[test]
    fn a_change_comes_from_this_origin_or_not_at_all() {
        let host = ("host", "s3.example.com:9000");
        assert!(same(&[host, ("origin", "http://s3.example.com:9000")]));
        assert!(same(&[host, ("origin", "https://S3.example.com:9000"), ("sec-fetch-site", "same-origin")]));
        assert!(same(&[host, ("sec-fetch-site", "same-origin")]));
        for refused in [
            &[host][..],
            &[host, ("origin", "null")],
            &[host, ("origin", "http://s3.example.com")],
            &[host, ("origin", "http://evil.example.com")],
            &[host, ("origin", "http://s3.example.com:9000.evil.example.com")],
            &[host, ("origin", "http://s3.example.com:9000"), ("sec-fetch-site", "cross-site")],
            &[host, ("origin", "http://evil.example.com"), ("sec-fetch-site", "same-origin")],
            &[host, ("sec-fetch-site", "same-site")],
            &[host, ("sec-fetch-site", "none")],
            &[("origin", "http://"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(!same(refused), "{refused:?}");
        }
    }

    #[test]
    fn no_page_can_be_framed_or_run_a_script_of_others() {
        let mut headers = HeaderMap::new();
        dress(&mut headers, "abc");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'nonce-abc';"));
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
    }
}
