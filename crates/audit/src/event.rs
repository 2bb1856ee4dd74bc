//! The event schema of AWS CloudTrail, version 1.11 (CloudTrail User Guide, "CloudTrail record
//! contents for management, data, and network activity events").

use arqueta_model::{AccountId, Arn, Principal, PrincipalKind, Region, RequestInfo, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::identity::UserIdentity;

/// Who calls where the service itself does.
const INTERNAL: &str = "AWS Internal";

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `1.11`.
    pub event_version: String,
    /// Who.
    pub user_identity: UserIdentity,
    /// When, RFC 3339 to the second.
    pub event_time: String,
    /// `kms.amazonaws.com`, `s3.amazonaws.com`, …
    pub event_source: String,
    /// The operation, such as `GenerateDataKey`.
    pub event_name: String,
    /// Region of the gateway.
    pub aws_region: String,
    /// Peer address, or the calling service's name.
    #[serde(rename = "sourceIPAddress")]
    pub source_ip_address: String,
    /// `User-Agent`, or the calling service's name.
    pub user_agent: String,
    /// AWS error code, if the call failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_code: Option<String>,
    /// Error message, if the call failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_message: Option<String>,
    /// Parameters of the call, secrets left out.
    pub request_parameters: Value,
    /// Elements of the answer for calls that change something, `null` otherwise.
    pub response_elements: Value,
    /// Further data of the service.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub additional_event_data: Option<Value>,
    /// Id of the request, as answered to the caller.
    #[serde(rename = "requestID")]
    pub request_id: String,
    /// Unique id of this event.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// Whether the call changes nothing.
    pub read_only: bool,
    /// What was touched.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub resources: Vec<Resource>,
    /// `AwsApiCall`.
    pub event_type: String,
    /// Whether this is a management event rather than a data event.
    pub management_event: bool,
    /// What a service did by itself; of `AwsServiceEvent`s.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub service_event_details: Option<Value>,
    /// Account that receives the event.
    pub recipient_account_id: String,
    /// Joins the two copies of a cross-account call.
    #[serde(rename = "sharedEventID", skip_serializing_if = "Option::is_none", default)]
    pub shared_event_id: Option<String>,
    /// `Management` or `Data`.
    pub event_category: String,
    /// How the connection was secured; absent without TLS.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tls_details: Option<Tls>,
}

/// CloudTrail `tlsDetails`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// `TLSv1.2`, `TLSv1.3`.
    pub tls_version: String,
    /// Such as `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: String,
    /// Host that the client asked for.
    pub client_provided_host_header: String,
}

/// One entry of `resources`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Owner of the resource; empty where CloudTrail tells none.
    #[serde(rename = "accountId", skip_serializing_if = "String::is_empty", default)]
    pub account_id: String,
    /// `AWS::KMS::Key`, `AWS::S3::Bucket`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
}

impl Resource {
    /// Type of S3's objects.
    pub const S3_OBJECT: &str = "AWS::S3::Object";
}

impl Event {
    /// Name of who called: a user's, `root`, or a session's.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        let identity = &self.user_identity;
        identity.user_name.as_deref().or_else(|| {
            let arn = identity.arn.as_deref()?;
            Some(arn.rsplit(['/', ':']).next().unwrap_or(arn))
        })
    }

    /// The event as each account concerned receives it: the caller's, and those of `owners`, whose
    /// resources were touched. Several copies share a `sharedEventID`; another account is told the
    /// caller's account and id. What nobody signed is received by the owners alone.
    #[must_use]
    pub fn for_accounts<'a>(self, owners: impl IntoIterator<Item = &'a AccountId>) -> Vec<Self> {
        let own = self.recipient_account_id.clone();
        let mut others: Vec<_> = owners.into_iter().map(AccountId::as_str).filter(|owner| *owner != own).collect();
        others.sort_unstable();
        others.dedup();
        if others.is_empty() {
            return vec![self];
        }
        let anonymous = self.user_identity.account_id.as_deref() == Some("ANONYMOUS_PRINCIPAL");
        let shared = (!anonymous || others.len() > 1).then(uuid);
        let identity = &self.user_identity;
        let told = UserIdentity {
            invoked_by: identity.invoked_by.clone(),
            ..UserIdentity::of_account(
                identity.principal_id.as_deref().unwrap_or_default(),
                identity.account_id.as_deref().unwrap_or_default(),
            )
        };
        let copy = |owner: &str| Self {
            user_identity: told.clone(),
            event_id: uuid(),
            recipient_account_id: owner.to_owned(),
            shared_event_id: shared.clone(),
            ..self.clone()
        };
        let copies: Vec<_> = others.into_iter().map(copy).collect();
        let first = (!anonymous).then(|| Self { shared_event_id: shared.clone(), ..self });
        first.into_iter().chain(copies).collect()
    }
}

/// Builds an [`Event`] for one call.
#[derive(Debug)]
pub struct EventBuilder {
    event: Event,
}

impl EventBuilder {
    /// A management event of `source` (`kms.amazonaws.com`) named `name`, by `principal`.
    #[must_use]
    pub fn new(source: &str, name: &str, region: &Region, principal: &Principal, request: &RequestInfo) -> Self {
        let service = request.via_service.as_deref();
        Self {
            event: Event {
                event_version: "1.11".to_owned(),
                user_identity: UserIdentity::new(principal, service),
                event_time: request.received.rfc3339(),
                event_source: source.to_owned(),
                event_name: name.to_owned(),
                aws_region: region.as_str().to_owned(),
                source_ip_address: request.source_ip.to_string(),
                user_agent: request.user_agent.to_string(),
                error_code: None,
                error_message: None,
                request_parameters: Value::Null,
                response_elements: Value::Null,
                additional_event_data: None,
                request_id: request.id.to_string(),
                event_id: uuid(),
                read_only: true,
                resources: Vec::new(),
                event_type: "AwsApiCall".to_owned(),
                management_event: true,
                service_event_details: None,
                recipient_account_id: principal.account.as_str().to_owned(),
                shared_event_id: None,
                event_category: "Management".to_owned(),
                tls_details: request.tls.as_ref().map(|tls| Tls {
                    tls_version: tls.version.to_owned(),
                    cipher_suite: tls.cipher_suite.to_string(),
                    client_provided_host_header: tls.host.to_string(),
                }),
            },
        }
    }

    /// What the service `source` did or saw by itself in `account` at `at` (CloudTrail User Guide,
    /// "Non-API events captured by CloudTrail": `AwsServiceEvent`).
    #[must_use]
    pub fn of_service(
        source: &str,
        name: &str,
        region: &Region,
        account: &AccountId,
        at: Timestamp,
        details: Value,
    ) -> Self {
        let principal = Principal {
            account: account.clone(),
            arn: Arn::new("iam", "", account.as_str(), "root"),
            id: String::new(),
            kind: PrincipalKind::Service,
            access_key_id: String::new(),
            session: None,
        };
        let request = RequestInfo {
            via_service: Some(INTERNAL.into()),
            ..RequestInfo::internal(std::net::Ipv4Addr::LOCALHOST.into(), INTERNAL, at)
        };
        let Self { mut event } = Self::new(source, name, region, &principal, &request);
        event.event_type = "AwsServiceEvent".to_owned();
        event.source_ip_address = INTERNAL.to_owned();
        event.service_event_details = Some(details);
        Self { event }
    }

    /// The call is by someone whom no principal stands for.
    #[must_use]
    pub fn by(mut self, identity: UserIdentity) -> Self {
        self.event.user_identity = identity;
        self
    }

    /// Parameters of the call. The caller leaves secrets out.
    #[must_use]
    pub fn parameters(mut self, parameters: Map<String, Value>) -> Self {
        self.event.request_parameters = Value::Object(parameters);
        self
    }

    /// Elements of the answer.
    #[must_use]
    pub fn response(mut self, elements: Value) -> Self {
        self.event.response_elements = elements;
        self
    }

    /// Further data of the service.
    #[must_use]
    pub fn additional(mut self, data: Value) -> Self {
        self.event.additional_event_data = Some(data);
        self
    }

    /// A data event rather than a management event.
    #[must_use]
    pub fn data(mut self) -> Self {
        self.event.management_event = false;
        self.event.event_category = "Data".to_owned();
        self
    }

    /// The call changes something.
    #[must_use]
    pub fn writes(mut self) -> Self {
        self.event.read_only = false;
        self
    }

    /// A resource that the call touched.
    #[must_use]
    pub fn resource(mut self, kind: &str, arn: &str, account: &str) -> Self {
        self.event.resources.push(Resource {
            account_id: account.to_owned(),
            kind: kind.to_owned(),
            arn: arn.to_owned(),
        });
        self
    }

    /// The call failed with this AWS code and message.
    #[must_use]
    pub fn error(mut self, code: &str, message: &str) -> Self {
        self.event.error_code = Some(code.to_owned());
        self.event.error_message = Some(message.to_owned());
        self
    }

    /// The event.
    #[must_use]
    pub fn build(self) -> Event {
        self.event
    }
}

/// A random UUID (RFC 9562, version 4).
pub(crate) fn uuid() -> String {
    let mut bytes = *arqueta_model::ObjectId::random().as_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = arqueta_model::ObjectId::from_bytes(bytes).to_string();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::event;

    fn account(id: &str) -> AccountId {
        id.parse().unwrap()
    }

    #[test]
    fn a_call_within_one_account_is_one_event() {
        let one = event("Decrypt");
        assert_eq!(one.clone().for_accounts([&account("111122223333")]), std::slice::from_ref(&one));
        assert_eq!(one.clone().for_accounts([]), [one]);
    }

    #[test]
    fn each_account_concerned_receives_its_copy() {
        let (other, third) = (account("444455556666"), account("777788889999"));
        let copies = event("Decrypt").for_accounts([&third, &other, &other]);
        let recipients: Vec<_> = copies.iter().map(|copy| &*copy.recipient_account_id).collect();
        assert_eq!(recipients, ["111122223333", "444455556666", "777788889999"]);
        let shared = copies[0].shared_event_id.as_ref().unwrap();
        for copy in &copies {
            assert_eq!(copy.shared_event_id.as_ref(), Some(shared));
            assert_eq!(copies.iter().filter(|other| other.event_id == copy.event_id).count(), 1);
        }
        assert_eq!(copies[0].user_identity.kind, "Root");
        let told = serde_json::to_value(&copies[1].user_identity).unwrap();
        let wanted = serde_json::json!({
            "type": "AWSAccount", "principalId": "111122223333", "accountId": "111122223333"
        });
        assert_eq!(told, wanted, "another account is told no more");
    }

    #[test]
    fn what_nobody_signed_is_the_owners_alone() {
        let mut anonymous = event("GetObject");
        anonymous.user_identity = UserIdentity::of_account("", "ANONYMOUS_PRINCIPAL");
        let copies = anonymous.for_accounts([&account("444455556666")]);
        assert_eq!(copies.len(), 1);
        assert_eq!((&*copies[0].recipient_account_id, &copies[0].shared_event_id), ("444455556666", &None));
    }
}
