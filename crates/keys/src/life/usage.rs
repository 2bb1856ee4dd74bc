//! When each key was last used (KMS API Reference, "GetKeyLastUsage").
//!
//! A use is noted in memory, once its event is in the record, and written back a minute later: a
//! crash loses at most that minute, and the record has the rest of the story.

use arqueta_call::Kms;
use arqueta_kms::Error;
use arqueta_model::Timestamp;
use arqueta_store::{Batch, Scan};

use crate::Embedded;
use crate::api::{GetKeyLastUsageRequest, GetKeyLastUsageResponse, KeyLastUsageData};
use crate::call::{Call, Operation};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::resolve::Names;
use crate::schema::{self, LastUse, USES, use_key};
use crate::state::uses::Use;

impl Embedded {
    /// Writes back what is kept in memory only: when keys were last used. For an orderly stop.
    ///
    /// # Errors
    /// [`Error::Store`]; the next write-back tries again.
    pub async fn flush(&self) -> Result<(), Error> {
        // No key is destroyed in between.
        let _turn = self.turn().await?;
        let unwritten = self.state.usage.take();
        if unwritten.is_empty() {
            return Ok(());
        }
        let batch = unwritten
            .iter()
            .fold(Batch::default(), |batch, (name, last)| batch.put(name.clone(), schema::encode(last)));
        let outcome = self.state.meta.commit(batch).await;
        if outcome.is_err() {
            self.state.usage.give_back(unwritten.into_iter().map(|(name, _)| name), self.state.clock.now());
        }
        outcome.map(|_| ()).map_err(Into::into)
    }
}

/// `GetKeyLastUsage`.
impl Operation for GetKeyLastUsageRequest {
    type Answer = GetKeyLastUsageResponse;
    const OPERATION: Kms = Kms::GetKeyLastUsage;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let ask = Ask::new(call.caller, Kms::GetKeyLastUsage);
        let key = admit(service, call, &self.key_id, Names::Keys, ask).await?;
        let uses = service.state.usage.uses();
        let last = uses.last.get(&use_key(key.arn.account(), key.arn.key_id())).map(|one| one.last.clone());
        Ok(GetKeyLastUsageResponse {
            key_id: key.record.id.clone(),
            key_last_usage: last.map(KeyLastUsageData::from).unwrap_or_default(),
            tracking_start_date: key.record.created,
            key_creation_date: key.record.created,
        })
    }
}

/// Reads what was written back before.
pub(crate) async fn restore_usage(service: &Embedded) -> Result<(), Error> {
    const PAGE: usize = 1000;
    let mut next = Scan::prefix(USES.as_bytes(), PAGE);
    loop {
        let page = service.state.meta.scan(next.clone()).await?;
        let full = page.len() == PAGE;
        for (key, value) in page {
            let one = Use { last: schema::decode(&key, &value)?, written: true };
            next.start = [&key[..], b"\0"].concat().into();
            service.state.usage.uses().last.insert(String::from_utf8_lossy(&key).into_owned(), one);
        }
        if !full {
            return Ok(());
        }
    }
}

/// Writes back what has been in memory for long enough.
pub(crate) async fn write_back_usage(service: &Embedded, now: Timestamp) -> Result<(), Error> {
    if service.state.usage.due().is_some_and(|due| due <= now) { service.flush().await } else { Ok(()) }
}

impl From<LastUse> for KeyLastUsageData {
    fn from(last: LastUse) -> Self {
        Self {
            operation: Some(last.operation),
            timestamp: Some(last.at),
            cloud_trail_event_id: Some(last.event_id),
            kms_request_id: Some(last.request_id),
        }
    }
}
