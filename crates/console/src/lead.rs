//! Which requests are a browser's that looks for the console.

use http::header::{ACCEPT, AUTHORIZATION};
use http::{Method, Request};

/// Where the console is, with the slash that makes relative addresses right.
pub const PATH: &str = "/-/console/";

/// Whether this is a browser that opened the endpoint's bare address: `GET /` or `HEAD /`, asking for
/// HTML, with no credentials and no parameters. No S3 client asks for HTML.
#[must_use]
pub fn leads_here<B>(request: &Request<B>) -> bool {
    let asks_html = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    (request.method() == Method::GET || request.method() == Method::HEAD)
        && request.uri().path() == "/"
        && request.uri().query().is_none()
        && !request.headers().contains_key(AUTHORIZATION)
        && asks_html.is_some_and(|accept| accept.contains("text/html"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(method: &str, uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        leads_here(&request.body(()).unwrap())
    }

    #[test]
    fn only_a_browser_at_the_bare_address_is_led() {
        let html = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
        assert!(asked("GET", "/", &[html]) && asked("HEAD", "/", &[html]));
        for (method, uri, headers) in [
            ("GET", "/", &[][..]),
            ("GET", "/", &[("accept", "*/*")]),
            ("GET", "/", &[html, ("authorization", "AWS4-HMAC-SHA256 Credential=x")]),
            ("GET", "/?X-Amz-Signature=x", &[html]),
            ("GET", "/?max-buckets=1", &[html]),
            ("GET", "/bucket", &[html]),
            ("POST", "/", &[html]),
        ] {
            assert!(!asked(method, uri, headers), "{method} {uri} {headers:?}");
        }
    }
}
