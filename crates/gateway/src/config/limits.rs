//! `[limits]`: bounds on what clients may hold open.

use serde::Deserialize;

use crate::Error;

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections served at once; further ones displace an idle or undecided one, or wait in the
    /// listen queue.
    pub connections: usize,
    /// Connections of one address (of one /64 in IPv6); one client, behind a trusted proxy or not, may
    /// have twice as many requests at once.
    pub connections_per_address: usize,
    /// Seconds a client may take for a request's head.
    pub header_seconds: u64,
    /// Seconds that a connection may stay without a request.
    pub keep_alive_seconds: u64,
    /// Seconds an upload may stand still before it is answered RequestTimeout, and a download before
    /// its connection is given up.
    pub body_idle_seconds: u64,
    /// Seconds that in-flight requests get after SIGTERM.
    pub drain_seconds: u64,
    /// Bytes of metadata kept in memory.
    pub metadata_cache_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 256,
            header_seconds: 10,
            keep_alive_seconds: 60,
            body_idle_seconds: 60,
            drain_seconds: 30,
            metadata_cache_bytes: 64 << 20,
        }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |what: &str| Err(Error::Config(what.to_owned()));
        if self.connections == 0 || self.connections_per_address == 0 {
            return refuse("limits.connections and limits.connections_per_address must be at least 1");
        }
        let times = [self.header_seconds, self.keep_alive_seconds, self.body_idle_seconds, self.drain_seconds];
        if times.contains(&0) {
            return refuse(
                "limits.header_seconds, keep_alive_seconds, body_idle_seconds and drain_seconds must be at least 1",
            );
        }
        if self.metadata_cache_bytes < 1 << 20 {
            return refuse("limits.metadata_cache_bytes must be at least 1048576");
        }
        Ok(())
    }
}
