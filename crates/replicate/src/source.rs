//! From a row of the outbox to what is handed over: read as the role.

use std::sync::Arc;

use arqueta_engine::api::{EncryptionInfo, EncryptionRequest, RequestedMode};
use arqueta_engine::record::BucketRecord;
use arqueta_engine::replication::{Intent, Kind, Opened, Rule};
use arqueta_engine::{Caller, Engine, EnvelopeError, Error as EngineError, KeyServiceError, SseMode};
use arqueta_model::with_causes;

use crate::access::{Access, Wish};
use crate::destination::Failure;
use crate::item::{Address, Amendable, Item, Origin, Part, Version, What};
use crate::reason::Reason;
use crate::role::Roles;

/// Reads sources.
#[derive(Debug)]
pub struct Source {
    engine: Arc<Engine>,
    roles: Arc<Roles>,
    access: Arc<Access>,
}

/// Something to hand over.
#[derive(Debug)]
pub struct Ready {
    /// The role's session.
    pub role: Caller,
    /// What.
    pub item: Item,
    /// The rule's name.
    pub rule: String,
}

impl Source {
    /// Of this engine's buckets.
    #[must_use]
    pub fn new(engine: Arc<Engine>, roles: Arc<Roles>, access: Arc<Access>) -> Self {
        Self { engine, roles, access }
    }

    /// What a row says is to be handed over to `to`; `None` if there is nothing any more.
    ///
    /// # Errors
    /// [`Failure`]: the role may not, or it cannot be read now.
    pub async fn ready(&self, intent: &Intent, to: &str) -> Result<Option<Ready>, Failure> {
        let found = self.engine.replication().configuration(&intent.bucket).await.map_err(|error| unread(&error))?;
        let Some((bucket, configuration)) = found else { return Ok(None) };
        let missing = || Failure::denied(Reason::SrcBucketReplicationConfigMissing, "no rule sends there any more");
        let configuration = configuration.ok_or_else(missing)?;
        let rule = to.parse().ok().and_then(|to| configuration.rule(&intent.rule, &to)).ok_or_else(missing)?;
        let role = self.roles.act_as(&configuration.role, &bucket.owner).await?;
        self.permit(&role, &bucket, intent)?;
        let opened = self.engine.replication().open(&role, intent).await.map_err(|error| unread(&error))?;
        let Some(opened) = opened else { return Ok(None) };
        let item = self.item(&role, &bucket, (intent, rule), opened)?;
        Ok(Some(Ready { role, item, rule: rule.id.clone() }))
    }

    /// What a role needs at the source (S3 User Guide, "Setting up permissions for live replication").
    fn permit(&self, role: &Caller, bucket: &BucketRecord, intent: &Intent) -> Result<(), Failure> {
        let key = intent.key.as_str();
        let asked = [
            Wish::on_bucket("s3:GetReplicationConfiguration"),
            Wish::on_bucket("s3:ListBucket"),
            Wish::on("s3:GetObjectVersionForReplication", key),
        ];
        // A delete marker has nothing that could be read.
        let asked = if intent.kind == Kind::Marker { &asked[..2] } else { &asked[..] };
        for wish in asked {
            let denied = |why| Failure::denied(Reason::SrcGetObjectNotPermitted, why);
            self.access.permit(role, bucket, wish).map_err(denied)?;
        }
        Ok(())
    }

    fn item(
        &self,
        role: &Caller,
        bucket: &BucketRecord,
        (intent, rule): (&Intent, &Rule),
        opened: Opened,
    ) -> Result<Item, Failure> {
        let to = Address {
            bucket: rule.destination.bucket.clone(),
            account: rule.destination.account.clone(),
            owner_override: rule.destination.owner_override,
            storage_class: rule.destination.storage_class,
        };
        let origin = |last_modified| Origin {
            bucket: bucket.name.clone(),
            owner: bucket.owner.clone(),
            region: bucket.region.clone(),
            key: intent.key.clone(),
            version: intent.version,
            last_modified,
        };
        let (info, tags, parts, checksums, body) = match opened {
            Opened::Marker(at) => return Ok(Item { from: origin(at), to, what: What::Marker }),
            Opened::Version { info, tags, parts, checksums, body } => (info, tags, parts, checksums, body),
        };
        if !tags.is_empty() {
            let wish = Wish::on("s3:GetObjectVersionTagging", intent.key.as_str());
            let denied = |why| Failure::denied(Reason::SrcGetTaggingNotPermitted, why);
            self.access.permit(role, bucket, &wish).map_err(denied)?;
        }
        let from = origin(info.last_modified);
        let amendable = Amendable { tags, retention: info.retention, legal_hold: info.legal_hold };
        let Some(body) = body else { return Ok(Item { from, to, what: What::Amend(amendable) }) };
        let part = |part: arqueta_engine::replication::Part| Part {
            number: part.number,
            size: part.size,
            checksums: part.checksums,
        };
        let version = Version {
            size: info.size,
            etag: info.etag,
            multipart: info.parts.is_some(),
            parts: parts.into_iter().map(part).collect(),
            checksums,
            headers: info.headers,
            metadata: info.metadata,
            storage_class: info.storage_class,
            amendable,
            encryption: wanted(info.encryption.as_ref(), rule.destination.replica_key.as_ref()),
            body,
        };
        Ok(Item { from, to, what: What::Put(Box::new(version)) })
    }
}

/// How a replica is encrypted (S3 User Guide, "Replicating encrypted objects", "Using Amazon S3 Bucket Keys with
/// replication"): as its source, with its bucket-key setting and its context, under the rule's key; that of an
/// unencrypted source by the destination's default.
fn wanted(source: Option<&EncryptionInfo>, replica_key: Option<&String>) -> EncryptionRequest {
    let Some(source) = source else { return EncryptionRequest::default() };
    let key = || replica_key.cloned();
    match source.mode {
        SseMode::S3 | SseMode::Customer => EncryptionRequest { mode: RequestedMode::S3, bucket_key: None },
        SseMode::Kms => EncryptionRequest {
            mode: RequestedMode::Kms { key: key(), context: source.context.clone() },
            bucket_key: Some(source.bucket_key),
        },
        SseMode::DualKms => EncryptionRequest {
            mode: RequestedMode::DualKms { key: key(), context: source.context.clone() },
            bucket_key: None,
        },
    }
}

/// Why a source cannot be read.
fn unread(error: &EngineError) -> Failure {
    let said = with_causes(error);
    let denied = |reason| Failure::denied(reason, said.clone());
    match error {
        EngineError::Encryption(EnvelopeError::Kms(kms)) => match &**kms {
            kms if kms.is_retryable() => Failure::Unavailable(said),
            KeyServiceError::Audit(_) | KeyServiceError::RootKey(_) | KeyServiceError::Store(_) => {
                Failure::Unavailable(said)
            }
            _ => denied(Reason::SrcGetObjectNotPermitted),
        },
        EngineError::Encryption(error) if error.is_retryable() => Failure::Unavailable(said),
        // No customer's key is here, and what is damaged is no object.
        EngineError::CustomerKey { .. }
        | EngineError::Encryption(_)
        | EngineError::Integrity
        | EngineError::Damaged { .. }
        | EngineError::DamagedRecord { .. } => denied(Reason::SrcObjectNotEligible),
        _ => Failure::Unavailable(said),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::EncryptionContext;

    use super::*;

    fn info(mode: SseMode, bucket_key: bool) -> EncryptionInfo {
        let context = EncryptionContext::new([("team".to_owned(), "a".to_owned())].into()).unwrap();
        EncryptionInfo { mode, key: None, bucket_key, context, customer_key_md5: None }
    }

    #[test]
    fn a_replica_is_encrypted_as_its_source() {
        let key = "arn:aws:kms:eu-west-1:111122223333:key/k".to_owned();
        let none = wanted(None, Some(&key));
        assert!(matches!(none.mode, RequestedMode::Default) && none.bucket_key.is_none());
        let s3 = wanted(Some(&info(SseMode::S3, false)), Some(&key));
        assert!(matches!(s3.mode, RequestedMode::S3));
        for bucket_key in [true, false] {
            let kms = wanted(Some(&info(SseMode::Kms, bucket_key)), Some(&key));
            assert_eq!(kms.bucket_key, Some(bucket_key), "whatever the destination's default says");
            let RequestedMode::Kms { key: under, context } = kms.mode else { panic!("another mode") };
            assert_eq!((under.as_ref(), context), (Some(&key), info(SseMode::Kms, bucket_key).context));
        }
        let dual = wanted(Some(&info(SseMode::DualKms, false)), Some(&key));
        assert!(matches!(dual.mode, RequestedMode::DualKms { key: Some(under), .. } if under == key));
    }
}
