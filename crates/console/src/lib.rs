//! The web console: pages rendered on the server, every act a signed call of the person.
//!
//! **Purpose.** [`Console`] answers what a browser asks below `/-/console/`. It is a client like any
//! other: whatever a page shows or changes goes through the public S3, KMS, IAM, STS and CloudTrail
//! operations ([`Service`]), signed with the person's own temporary credentials, and so is decided and
//! recorded as that person's. Between the two lies no socket, and nothing else is missing.
//!
//! **Refuses to do** anything that its person's credentials could not do from a terminal. It reads no
//! store, knows no engine and has no operation of its own.
//!
//! **Invariants.** It keeps nothing of a person: a session is a cookie that only this process can open
//! (`session`). Every page carries a policy that runs no script but its own; every change carries the
//! session's token and comes from this origin (`guard`). Text of others reaches a page through `maud`,
//! which escapes it, and in no other way.
//!
//! **Threat notes.** Objects are served from the same origin as the console, so that a script in one of
//! them could act as whoever opens it. Every other answer of the port is therefore sandboxed into an
//! origin of its own, wherever a browser opens it as a document ([`isolate()`]). docs/console.md and docs/threats.md say more.
//!
//! ```
//! use arqueta_console::{PATH, isolate, leads_here};
//! use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, HeaderMap};
//! use http::Request;
//!
//! // A browser that opens the endpoint is led to the console; no S3 client is.
//! let browser = Request::get("/").header(ACCEPT, "text/html,*/*;q=0.8").body(())?;
//! assert!(leads_here(&browser) && PATH == "/-/console/");
//! assert!(!leads_here(&Request::get("/").body(())?));
//!
//! // An object of HTML is in no origin of the console's.
//! let mut answer = HeaderMap::new();
//! isolate(&mut answer);
//! assert!(!answer[CONTENT_SECURITY_POLICY].to_str()?.contains("allow-same-origin"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod assets;
mod client;
mod console;
mod guard;
mod house;
mod isolate;
mod lead;
mod limits;
mod oidc;
mod page;
mod receive;
mod render;
mod screens;
mod service;
mod session;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod texts;
mod view;
mod visit;

pub use console::Console;
pub use house::{About, Chain, Errands, Facts, Form, Settings, Target, Told, Usage};
pub use isolate::isolate;
pub use lead::{PATH, leads_here};
pub use oidc::{Oidc, Web};
pub use service::{BoxError, CallBody, Service};
