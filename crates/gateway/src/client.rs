//! Whose request it is: the address of the peer, or the one that a trusted proxy tells.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

use crate::config::{ForwardedBy, Proxies};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl Proxies {
    /// The client behind `peer`. A peer that is no trusted proxy is the client, whatever it says.
    /// Of what trusted proxies say, the last address counts that is not one of theirs: what stands
    /// before it, anybody may have written.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted = |address: IpAddr| self.trusted.iter().any(|network| network.contains(&address));
        let mut client = peer.to_canonical();
        if !trusted(client) {
            return client;
        }
        let said = match self.header {
            ForwardedBy::XForwardedFor => addresses(headers, &X_FORWARDED_FOR, |element| Some(element)),
            ForwardedBy::Forwarded => addresses(headers, &http::header::FORWARDED, node),
        };
        for address in said.into_iter().rev() {
            // `unknown`, or a name that hides it: as far as anybody trusted knows, this was it.
            let Some(address) = address else { break };
            client = address;
            if !trusted(client) {
                break;
            }
        }
        client
    }
}

/// The elements of a list header, each with the address in it, in their order.
fn addresses(headers: &HeaderMap, name: &HeaderName, of_element: impl Fn(&str) -> Option<&str>) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(name).into_iter();
    let read = |line: &http::HeaderValue| match line.to_str() {
        Ok(line) => line.split(',').map(|element| of_element(element).and_then(address)).collect(),
        Err(_) => vec![None],
    };
    lines.flat_map(read).collect()
}

/// The value of `for` in an element of `Forwarded` (RFC 7239, 4).
fn node(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:443`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn client(header: ForwardedBy, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).to_vec();
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(*name, HeaderValue::from_str(line).unwrap());
        }
        Proxies { trusted, header }.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_last_address_that_no_trusted_proxy_has_is_the_clients() {
        for (peer, said, expected) in [
            ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
            ("10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
            ("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.2.2.2", "203.0.113.9"),
            ("10.0.0.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"),
            ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
            ("fd00::1", "[2001:db8::7]:4711", "2001:db8::7"),
            ("::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
            // What is no address ends what is known.
            ("10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"),
            ("10.0.0.1", "203.0.113.9, ", "10.0.0.1"),
            ("10.0.0.1", "203.0.113.9, unknown, 10.2.2.2", "10.2.2.2"),
        ] {
            let line = [("x-forwarded-for", said)];
            assert_eq!(client(ForwardedBy::XForwardedFor, peer, &line), expected, "{peer} {said}");
        }
        let two = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client(ForwardedBy::XForwardedFor, "10.0.0.1", &two), "203.0.113.9");
    }

    #[test]
    fn nobody_else_is_believed_and_no_other_header() {
        let line = [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")];
        assert_eq!(client(ForwardedBy::XForwardedFor, "192.0.2.1", &line), "192.0.2.1");
        assert_eq!(client(ForwardedBy::XForwardedFor, "::ffff:192.0.2.1", &line), "192.0.2.1");
        assert_eq!(client(ForwardedBy::XForwardedFor, "10.0.0.1", &line[1..]), "10.0.0.1");
        assert_eq!(client(ForwardedBy::Forwarded, "10.0.0.1", &line[..1]), "10.0.0.1");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_writes_it() {
        for (said, expected) in [
            ("for=203.0.113.9", "203.0.113.9"),
            ("proto=http;For=\"203.0.113.9:47\";by=10.0.0.1", "203.0.113.9"),
            ("for=6.6.6.6, for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=203.0.113.9, for=_hidden", "10.0.0.1"),
            ("by=203.0.113.9", "10.0.0.1"),
        ] {
            assert_eq!(client(ForwardedBy::Forwarded, "10.0.0.1", &[("forwarded", said)]), expected, "{said}");
        }
    }
}
