//! What the record says of replication: calls of the role, on S3's errand, where a trail of the bucket's owner
//! selects them.

use std::fmt;
use std::sync::Arc;

use arqueta_audit::{AuditSink, Event, EventBuilder, Resource};
use arqueta_model::{AccountId, Region, RequestInfo, with_causes};
use serde_json::{Map, Value, json};

use crate::item::What;
use crate::role::SERVICE;
use crate::source::Ready;

/// Whether a trail of an account wants reads, or writes, of an object of a bucket in the record.
pub type Wants = dyn Fn(&AccountId, &str, &str, bool) -> bool + Send + Sync;

/// Writes the record.
pub struct Told {
    /// The record.
    pub audit: Arc<dyn AuditSink>,
    /// What of it trails want: `true` for reads.
    pub wants: Arc<Wants>,
    /// The gateway's Region.
    pub region: Region,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Told {
    /// The events of a version that is handed over: that it was read, and that it was written.
    #[must_use]
    pub fn of(&self, ready: &Ready) -> Vec<Event> {
        let from = &ready.item.from;
        let key = from.key.as_str();
        let written = match &ready.item.what {
            What::Put(_) => "PutObject",
            What::Marker => "DeleteObject",
            What::Amend(_) => "PutObjectTagging",
        };
        let read = matches!(ready.item.what, What::Put(_));
        let source = from.bucket.as_str();
        // Of a destination elsewhere its own record tells.
        let owner = ready.item.to.account.as_ref().unwrap_or(&from.owner);
        let destination = ready.item.to.bucket.as_str();
        let mut events = Vec::new();
        if read && (self.wants)(&from.owner, source, key, true) {
            events.push(self.event("GetObject", ready, (source, &from.owner), true));
        }
        if (self.wants)(owner, destination, key, false) {
            events.push(self.event(written, ready, (destination, owner), false));
        }
        events
    }

    fn event(&self, name: &str, ready: &Ready, (bucket, owner): (&str, &AccountId), read: bool) -> Event {
        let (from, principal) = (&ready.item.from, &ready.role.identity.principal);
        let request = RequestInfo { via_service: Some(SERVICE.into()), ..(*ready.role.request).clone() };
        let mut parameters = Map::new();
        parameters.insert("bucketName".to_owned(), bucket.into());
        parameters.insert("key".to_owned(), from.key.as_str().into());
        if read {
            parameters.insert("versionId".to_owned(), from.version.to_string().into());
        }
        let answer = if read { Value::Null } else { json!({ "x-amz-version-id": from.version.to_string() }) };
        let arn = format!("arn:aws:s3:::{bucket}");
        let event = EventBuilder::new("s3.amazonaws.com", name, &self.region, principal, &request)
            .parameters(parameters)
            .response(answer)
            .additional(json!({ "replicationRuleId": ready.rule }))
            .data()
            .resource(Resource::S3_OBJECT, &format!("{arn}/{}", from.key), owner.as_str())
            .resource("AWS::S3::Bucket", &arn, owner.as_str());
        if read { event.build() } else { event.writes().build() }
    }

    /// Records what was done.
    ///
    /// # Errors
    /// Why it could not be: it is done again, and then recorded.
    pub async fn tell(&self, events: Vec<Event>) -> Result<(), String> {
        for event in events {
            self.audit.append(event).await.map_err(|error| with_causes(&error))?;
        }
        Ok(())
    }
}
