//! Event notifications: from the outbox of buckets' events to the targets that the operator named.
//!
//! **Purpose.** The engine writes what happens in buckets into an outbox, in the commit of what
//! happened ([`arqueta_engine::notifications`]). [`Courier`] empties it: it shapes events as AWS does
//! ([`message`]) and hands them to each [`Target`].
//!
//! [`AuditStream`] sends the record's events elsewhere, in their order, from a place that it keeps.
//!
//! **Refuses to do** anything with the content of objects, which it never sees, and calls to addresses
//! that a caller named: targets come from the configuration file alone, and redirections are not
//! followed.
//!
//! **Invariants.** Nothing is dropped: a row goes away only after its target took the event, and is
//! tried again for ever, more and more seldom, until then. Events of one key reach a target in the order
//! of their commits; a later one waits for those before it. What a target does not take of one account does not
//! keep those of others. An event may come twice, with the same id.
//! Of several gateways one empties a lane, under a lease. Memory is bounded by [`route::WINDOW`] rows a
//! target.
//!
//! **Threat notes.** Names of objects, who acted and from where leave the gateway; who may set the
//! configuration of a bucket decides which, and the operator decides whereto and for whose buckets.
//! Secrets come from files or the environment, and are not in `Debug` or logs.
//!
//! ```
//! use std::sync::Mutex;
//!
//! use arqueta_notify::{Failure, Message, Target};
//!
//! /// Answers as an HTTP server does, and keeps the keys that it took.
//! struct Answering(u16, Mutex<Vec<String>>);
//!
//! #[async_trait::async_trait]
//! impl Target for Answering {
//!     async fn send(&self, message: &Message) -> Result<(), Failure> {
//!         if let Some(failure) = Failure::of_status(self.0) {
//!             return Err(failure);
//!         }
//!         self.1.lock().expect("nobody panics").push(message.key.clone());
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let message = Message {
//!     id: "1".to_owned(),
//!     group: "bucket/key".to_owned(),
//!     event: "ObjectCreated:Put",
//!     bucket: "bucket".to_owned(),
//!     key: "key".to_owned(),
//!     body: "{}".into(),
//! };
//! let (well, ill) = (Answering(200, Mutex::default()), Answering(503, Mutex::default()));
//! well.send(&message).await?;
//! assert_eq!(*well.1.lock().expect("nobody panics"), ["key"]);
//! // It is tried again, and others of the account wait.
//! assert!(matches!(ill.send(&message).await, Err(Failure::Unavailable(_))));
//! # Ok::<(), Failure>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod courier;
mod further;
mod lane;
pub mod message;
mod progress;
pub mod route;
pub mod stream;
mod target;
mod targets;

pub use courier::Courier;
pub use message::{Format, Message};
pub use progress::{Counts, Progress};
pub use route::{Bounds, Route, Standing};
pub use stream::{AuditStream, Source};
pub use target::{Failure, Target};
pub use targets::{
    JetStream, JetStreamSettings, Queue, RedisSettings, RedisStream, Table, TableSettings, Topic, Webhook,
    WebhookSettings,
};
