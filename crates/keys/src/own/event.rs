//! Events of the service itself.

use arqueta_audit::EventBuilder;
use arqueta_kms::Error;
use arqueta_model::{Arn, Principal, PrincipalKind, RequestId, RequestInfo, Timestamp};
use serde_json::json;

use crate::Embedded;
use crate::key::Key;

/// An event of the service itself.
pub(crate) async fn record_own(service: &Embedded, key: &Key, name: &str, now: Timestamp) -> Result<(), Error> {
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
    let builder = EventBuilder::new("kms.amazonaws.com", name, &service.state.region, &principal, &request);
    let mut event = builder.writes().resource("AWS::KMS::Key", key.arn.as_str(), key.arn.account()).build();
    event.event_type = "AwsServiceEvent".to_owned();
    event.service_event_details = Some(json!({ "keyId": key.record.id }));
    event.source_ip_address = "AWS Internal".to_owned();
    event.user_identity.arn = None;
    event.user_identity.kind = "AWSService".to_owned();
    Ok(service.state.audit.append(event).await?)
}

/// The event of imported material that expired.
pub(crate) async fn record_expiry(service: &Embedded, key: &Key) -> Result<(), Error> {
    record_own(service, key, "DeleteExpiredKeyMaterial", service.state.clock.now()).await
}
