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
