//! What happens by the clock: material is destroyed, keys rotate, last uses are written back.

use std::time::Duration;

use arqueta_audit::EventBuilder;
use arqueta_kms::Error;
use arqueta_model::{AccountId, Arn, Principal, PrincipalKind, RequestId, RequestInfo, Timestamp};
use serde_json::json;

use super::rotation::days;
use crate::Embedded;
use crate::key::Key;
use crate::schema::{Cause, Lifecycle};
use crate::state::Change;

/// Longest time between two looks at the clock, in case it was set forward.
const LOOK: Duration = Duration::from_secs(3600);

enum Due {
    Destroy,
    Expire,
    Rotate,
}

impl Embedded {
    /// Destroys and rotates what is due, for ever. For a task of its own; it is woken when
    /// something changes.
    pub async fn run(self) {
        loop {
            let woken = self.state.wake.notified();
            let wait = match self.run_due().await {
                Ok(()) => self.next_due(),
                Err(error) => {
                    tracing::error!(%error, "scheduled work on keys failed and will be tried again");
                    Duration::from_secs(60)
                }
            };
            tokio::select! {
                () = self.state.clock.sleep(wait) => {}
                () = woken => {}
            }
        }
    }

    /// Destroys the material of keys whose waiting period is over and imported material that has
    /// expired, and rotates keys whose time has come. Each is an event of its own, recorded before it happens.
    ///
    /// # Errors
    /// The first failure; what failed is left for the next run.
    pub async fn run_due(&self) -> Result<(), Error> {
        self.up_to_date().await?;
        let now = self.state.clock.now();
        let due: Vec<_> = self.state.directory().due_by(now).cloned().collect();
        let mut outcome = Ok(());
        for (_, account, id) in &due {
            // One key whose holder is away does not keep the others waiting.
            outcome = outcome.and(self.act(account, id, now).await);
        }
        outcome = outcome.and(self.drop_wrappings(now).await);
        outcome.and(self.write_back_usage(now).await)
    }

    async fn act(&self, account: &AccountId, id: &str, now: Timestamp) -> Result<(), Error> {
        let turn = self.turn_of(account, id).await?;
        let current = self.state.directory().key(account, id).cloned();
        // Another look, now that nobody else can change it.
        let Some((key, due)) = current.and_then(|key| self.due(&key, now).map(|due| (key, due))) else { return Ok(()) };
        let (name, change) = match due {
            Due::Destroy => {
                self.destroy_held(&key.record).await?;
                ("DeleteKey", Change::Destroy(key.clone()))
            }
            Due::Expire => {
                let mut record = key.record.clone();
                record.expire(now);
                ("DeleteExpiredKeyMaterial", Change::Key(record))
            }
            Due::Rotate => {
                let mut record = key.record.clone();
                self.add_version(&mut record, Cause::Automatic).await?;
                record.rotation.next = Some(now.plus(days(record.rotation.period_days)));
                ("RotateKey", Change::Key(record))
            }
        };
        self.record_own(&key, name, now).await?;
        self.commit(turn, vec![change]).await
    }

    /// The event of imported material that expired.
    pub(crate) async fn record_expiry(&self, key: &Key) -> Result<(), Error> {
        self.record_own(key, "DeleteExpiredKeyMaterial", self.state.clock.now()).await
    }

    /// Destroys the private keys of import tokens that have expired.
    async fn drop_wrappings(&self, now: Timestamp) -> Result<(), Error> {
        let expired = || {
            let directory = self.state.directory();
            directory.expired_by(now).map(|name| Change::DropWrapping(name.clone())).collect::<Vec<_>>()
        };
        if expired().is_empty() {
            return Ok(());
        }
        let turn = self.turn().await?;
        let changes = expired();
        self.commit(turn, changes).await
    }

    /// An event of the service itself.
    pub(crate) async fn record_own(&self, key: &Key, name: &str, now: Timestamp) -> Result<(), Error> {
        let principal = Principal {
            account: key.record.account.clone(),
            arn: Arn::new("iam", "", key.record.account.as_str(), "root"),
            id: String::new(),
            kind: PrincipalKind::Service,
            access_key_id: String::new(),
            session: None,
        };
        let request = RequestInfo {
            id: RequestId::random(),
            source_ip: std::net::Ipv4Addr::LOCALHOST.into(),
            user_agent: "AWS Internal".into(),
            secure_transport: true,
            tls: None,
            received: now,
            via_service: Some("AWS Internal".into()),
        };
        let builder = EventBuilder::new("kms.amazonaws.com", name, &self.state.region, &principal, &request);
        let mut event = builder.writes().resource("AWS::KMS::Key", key.arn.as_str(), key.arn.account()).build();
        event.event_type = "AwsServiceEvent".to_owned();
        event.service_event_details = Some(json!({ "keyId": key.record.id }));
        event.source_ip_address = "AWS Internal".to_owned();
        event.user_identity.arn = None;
        event.user_identity.kind = "AWSService".to_owned();
        Ok(self.state.audit.append(event).await?)
    }

    /// What [`KeyRecord::due`](crate::schema::KeyRecord::due) comes to.
    fn due(&self, key: &Key, now: Timestamp) -> Option<Due> {
        match key.record.lifecycle {
            Lifecycle::PendingDeletion { at } if at <= now => Some(Due::Destroy),
            _ if key.record.has_lapsed(now) => Some(Due::Expire),
            _ if key.record.rotates(&self.state.region) => {
                key.record.rotation.next.is_some_and(|next| next <= now).then_some(Due::Rotate)
            }
            _ => None,
        }
    }

    fn next_due(&self) -> Duration {
        let now = self.state.clock.now();
        let own = self.state.directory().next_due();
        own.into_iter().chain(self.state.usage.due()).map(|at| at.since(now)).min().unwrap_or(LOOK).min(LOOK)
    }
}
