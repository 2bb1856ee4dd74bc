//! What the console stands on.

use std::sync::Arc;

use arqueta_model::{Clock, Region};
use async_trait::async_trait;

use crate::limits::Attempts;
use crate::oidc::{Desk, Oidc};
use crate::service::Service;
use crate::session::Sessions;

/// What the operator may be shown that no operation of AWS tells.
#[async_trait]
pub trait Facts: Send + Sync {
    /// Names and values of the configuration in force, without secrets, as lines of TOML.
    fn configuration(&self) -> String;
    /// Calls to the key service for objects, and those that bucket keys saved.
    fn key_calls(&self) -> (u64, u64);
    /// Parts of the gateway, and whether each works.
    async fn health(&self) -> Vec<(String, bool)>;
    /// What the operator should know, such as a root key beside the data.
    fn warnings(&self) -> Vec<String>;
    /// What lies in a bucket, and how much may; `None` where nobody has counted.
    async fn usage(&self, bucket: &str) -> Option<Usage>;
    /// What lies in all of them.
    async fn total(&self) -> Option<Usage>;
    /// What the gateway does by itself.
    fn errands(&self) -> Errands;
    /// The report that an auditor signs, from the day `from` until before `to`.
    async fn report(&self, about: About, from: Option<String>, to: Option<String>, form: Form) -> Told<String>;
    /// Whether the record is what was written.
    async fn verify(&self) -> Told<Chain>;
    /// Who may do `action` on `resource` (an ARN, `s3://bucket/key`, a key's id or alias), as
    /// `arqueta access who-can --json` has it: `asked`, `notes`, `found`, `principals`, `may`, `unreadable`, and `more`,
    /// how many were found beyond those that are listed.
    ///
    /// # Errors
    /// Why that cannot be answered, for people.
    async fn who_can(&self, action: &str, resource: &str) -> Result<serde_json::Value, String>;
    /// What would become unreadable without a key (its id, ARN or alias), as `arqueta keys destroy-plan --json` has it:
    /// `key`, `settings`, `buckets`, `total`.
    ///
    /// # Errors
    /// Why that cannot be answered, for people.
    async fn destroy_plan(&self, key: &str) -> Result<serde_json::Value, String>;
}

/// What lies somewhere, and how much may.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// Of all versions, as clients sent them.
    pub bytes: u64,
    /// Keys whose current version is an object.
    pub objects: u64,
    /// Versions, delete markers included.
    pub versions: u64,
    /// Most bytes.
    pub most_bytes: Option<u64>,
    /// Most objects.
    pub most_objects: Option<u64>,
}

/// What the gateway did by itself since its start.
#[derive(Debug, Clone, Default)]
pub struct Errands {
    /// When lifecycle last finished its round, in seconds since the epoch; 0 for never.
    pub last_round: i64,
    /// Rounds that it finished.
    pub rounds: u64,
    /// Rounds that ended early and are tried again.
    pub failures: u64,
    /// Buckets that the round under way has not finished.
    pub buckets_left: u64,
    /// What it removed, by what it was.
    pub removed: Vec<(String, u64)>,
    /// Targets of notifications.
    pub targets: Vec<Target>,
    /// Events that wait for targets which the configuration does not name.
    pub unnamed: u64,
}

/// A target of notifications.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// Its name in the configuration.
    pub name: String,
    /// Events that it took.
    pub sent: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Events that wait.
    pub waiting: u64,
    /// Since when the oldest waits, in seconds since the epoch.
    pub oldest: Option<i64>,
}

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The whole record.
    Everything,
    /// A key: part of its ARN or id.
    Key(String),
    /// A bucket.
    Bucket(String),
    /// A person: part of a name or an ARN.
    Principal(String),
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A page.
    Html,
    /// A table.
    Csv,
    /// For programs.
    Json,
}

/// What a verification of the record found.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    /// Events that are what was recorded.
    pub events: u64,
    /// Groups of them.
    pub groups: u64,
    /// The last group's number.
    pub end: u64,
    /// The last group's tag.
    pub tag: String,
    /// Groups that were removed earlier, as a statement of the gateway vouches.
    pub pruned: u64,
    /// What is not what was written.
    pub findings: Vec<String>,
}

/// What becomes of work that reads all of the record: one at a time.
#[derive(Debug)]
pub enum Told<T> {
    /// It is done.
    Done(T),
    /// Another is under way.
    Busy,
    /// Why it cannot be done.
    Failed(String),
}

/// What the console is told at the start.
pub struct Settings {
    /// Region that calls are signed for.
    pub region: Region,
    /// The account whose members may see [`Facts`], if they may read its record.
    pub account: String,
    /// Version of the gateway.
    pub version: &'static str,
    /// Where people may sign in beside.
    pub oidc: Option<Oidc>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What every request needs.
pub(crate) struct House {
    pub service: Arc<dyn Service>,
    pub facts: Arc<dyn Facts>,
    pub settings: Settings,
    pub oidc: Option<Desk>,
    pub sessions: Sessions,
    pub attempts: Attempts,
}
