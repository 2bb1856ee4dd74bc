//! `[proxies]`: whose word on the client's address counts.

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

/// `[proxies]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proxies {
    /// Networks of proxies that are believed.
    #[serde(deserialize_with = "networks")]
    pub trusted: Vec<IpNet>,
    /// The header in which they say it. Another one is not looked at: what a proxy does not write,
    /// its clients may.
    pub header: ForwardedBy,
}

/// A header that names clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedBy {
    /// `X-Forwarded-For: client, proxy`
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239)
    Forwarded,
}

/// Networks, or addresses, which are networks of one.
fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    let parse = |text: String| {
        let network = text.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)));
        network.ok_or_else(|| de::Error::custom(format!("`{text}` is no network, such as 10.0.0.0/8 or fd00::/8")))
    };
    Vec::<String>::deserialize(from)?.into_iter().map(parse).collect()
}
