//! The gateway: configuration, wiring, ports, and the `arqueta` binary.
//!
//! **Purpose.** Turns a [`Config`] into a running gateway and stops it in order.
//!
//! **Refuses to do** anything that a request asks for: requests go to the edges.
//!
//! **Invariants.** Every part is opened in [`wiring`] and passed on; there is no global state but
//! the log subscriber. Nothing is served before every part is open.
//!
//! **Threat notes.** Core dumps are off and the process is not dumpable. Root credentials come
//! from the environment or are made once and printed once. The administration port is
//! unauthenticated, listens on loopback by default and answers to its own names only. Who keeps a
//! connection without a request keeps nobody else out.
//!
//! ```
//! use arqueta_gateway::Cli;
//! use clap::Parser as _;
//!
//! assert!(Cli::try_parse_from(["arqueta", "serve"]).is_ok());
//! assert!(Cli::try_parse_from(["arqueta", "serve", "--no-such-option"]).is_err());
//! ```

mod accounts;
pub mod admin;
mod anchor;
mod backends;
mod banner;
mod bodies;
mod client;
mod clusters;
mod command;
mod config;
pub mod console;
mod control;
mod credentials;
mod data_folder;
pub mod dependents;
mod disk;
mod elsewhere;
mod error;
pub mod foundations;
mod hardening;
pub mod issuers;
mod lifecycle;
pub mod listen;
pub mod live;
mod logging;
mod metadata;
pub mod metrics;
mod notifications;
pub mod provider;
pub mod readiness;
pub mod record;
pub mod regions;
mod rekey;
mod replication;
pub mod report;
mod request_log;
mod reviewer;
mod root;
pub mod route;
mod scrub;
mod strays;
mod tls;
mod trails;
pub mod wiring;

pub use command::{AccountsArgs, AdoptArgs, AuditArgs, Cli, Command, KeysArgs, QuotaArgs, ScrubArgs, parse, run};
pub use config::{Config, Only, ServeArgs};
pub use error::Error;
