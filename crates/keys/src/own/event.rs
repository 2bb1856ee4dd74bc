//! Events of the service itself.

use arqueta_audit::EventBuilder;
use arqueta_call::Service;
use arqueta_kms::Error;
use arqueta_model::Timestamp;
use serde_json::json;

use crate::Embedded;
use crate::key::Key;

/// Name of the event of a key whose material is destroyed for good.
pub(crate) const DESTROYED: &str = "DeleteKey";

/// An event of the service itself.
pub(crate) async fn record_own(service: &Embedded, key: &Key, name: &str, now: Timestamp) -> Result<(), Error> {
    let (source, account) = (Service::Kms.event_source(), &key.record.account);
    let mut details = json!({ "keyId": key.record.id });
    if name == DESTROYED {
        // What its certificate says was destroyed.
        details["keyMaterialIds"] = key.record.versions.iter().map(|version| version.id.as_str()).collect();
    }
    let event = EventBuilder::of_service(source, name, &service.state.region, account, now, details);
    let event = event.writes().resource("AWS::KMS::Key", key.arn.as_str(), key.arn.account());
    Ok(service.state.recorder.record([event.build()]).await?)
}

/// The event of imported material that expired.
pub(crate) async fn record_expiry(service: &Embedded, key: &Key) -> Result<(), Error> {
    record_own(service, key, "DeleteExpiredKeyMaterial", service.state.clock.now()).await
}
