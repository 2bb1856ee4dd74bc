//! Metadata in PostgreSQL ([`arqueta_store::MetaStore`]).
//!
//! **Purpose.** [`PostgresMeta`] keeps what a gateway knows in a database that others run: one ordered table,
//! one round trip a call, batches under the preconditions of the contract (docs/adr/0018-postgresql.md).
//!
//! **Refuses to do** anything that knows what a bucket, an object or a key is; to serve beside another gateway;
//! to fall back from TLS to none.
//!
//! **Invariants.** Acknowledged means that the server committed, with `synchronous_commit` on. A batch whose
//! answer was lost is found out, not guessed. Whoever was superseded neither commits nor reads. Positions of
//! the feed are in the order of commits.
//!
//! **Threat notes.** Who reads the database sees what a reader of the disk sees (`arqueta_store`); who writes it
//! makes no record that the store above takes for one, and can put older ones back. The password is asked for
//! each connection, and neither it nor the URL is in any `Debug`, error or log.
//!
//! ```
//! use arqueta_postgres::Settings;
//!
//! let settings = Settings::of("postgres://arqueta@db.example/arqueta?schema=eu")?;
//! assert_eq!(settings.place(), "postgres://arqueta@db.example:5432/arqueta?schema=eu");
//! assert!(settings.is_tls(), "it leaves the machine");
//! # Ok::<(), arqueta_postgres::OpenError>(())
//! ```

mod batch;
mod connect;
mod error;
mod pool;
mod schema;
mod settings;
mod store;
mod tenure;
#[cfg(test)]
mod tests;

pub use error::OpenError;
pub use settings::{Limits, Password, Settings};
pub use store::PostgresMeta;
