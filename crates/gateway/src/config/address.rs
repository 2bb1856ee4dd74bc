//! Addresses to listen on, as people write them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};

use serde::{Deserialize as _, Deserializer, de};

/// `127.0.0.1:9000`, `[::1]:9000`; `:9000` is that port of all IPv4 addresses, `9000` of this machine
/// only; `localhost:9000` or any other name is looked up, and its IPv4 address preferred.
///
/// # Errors
/// One line that says what is written instead.
pub fn parse(text: &str) -> Result<SocketAddr, String> {
    let refused = |why: &str| {
        Err(format!(
            "{why}; write address and port, such as 127.0.0.1:9000, :9000 for all IPv4 addresses, or [::]:9000 for all"
        ))
    };
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    if text.parse::<IpAddr>().is_ok() {
        return refused("the port is missing");
    }
    let Some((host, port)) = text.rsplit_once(':') else { return refused("the port is missing") };
    let Ok(port) = port.parse::<u16>() else { return refused(&format!("`{port}` is no port")) };
    if host.is_empty() || host == "*" {
        return Ok(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    }
    if host.contains(['/', '@']) {
        return refused("a listening address has no scheme and no path");
    }
    match (host, port).to_socket_addrs().map(Iterator::collect::<Vec<_>>) {
        Ok(found) if !found.is_empty() => Ok(*found.iter().find(|found| found.is_ipv4()).unwrap_or(&found[0])),
        _ => refused(&format!("`{host}` is no address of this machine")),
    }
}

/// For the configuration file.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    parse(&String::deserialize(from)?).map_err(de::Error::custom)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for (text, meant) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("[::]:9000", "[::]:9000"),
            (":9000", "0.0.0.0:9000"),
            ("*:9000", "0.0.0.0:9000"),
            ("9000", "127.0.0.1:9000"),
            ("localhost:9000", "127.0.0.1:9000"),
        ] {
            assert_eq!(parse(text).unwrap(), meant.parse().unwrap(), "{text}");
        }
        for (text, said) in [
            ("127.0.0.1", "the port is missing"),
            ("::1", "the port is missing"),
            ("nas", "the port is missing"),
            ("http://localhost:9000", "no scheme"),
            ("localhost:http", "`http` is no port"),
            ("localhost:99999", "`99999` is no port"),
            ("no.such.host.invalid:9000", "no.such.host.invalid"),
        ] {
            let line = parse(text).unwrap_err();
            assert!(line.contains(said) && line.contains("127.0.0.1:9000"), "{text}: {line}");
        }
    }
}
