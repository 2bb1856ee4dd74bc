//! The event schema of AWS CloudTrail, version 1.11 (CloudTrail User Guide, "CloudTrail record
//! contents for management, data, and network activity events").

use arqueta_model::{Principal, PrincipalKind, Region, RequestInfo};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// Account that receives the event.
    pub recipient_account_id: String,
    /// Joins the two copies of a cross-account call.
    #[serde(rename = "sharedEventID", skip_serializing_if = "Option::is_none", default)]
    pub shared_event_id: Option<String>,
    /// `Management` or `Data`.
    pub event_category: String,
}

/// CloudTrail `userIdentity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserIdentity {
    /// `Root`, `IAMUser`, `AssumedRole`, `FederatedUser`, `AWSService`, `AWSAccount`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Unique id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub principal_id: Option<String>,
    /// ARN.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub arn: Option<String>,
    /// Account.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account_id: Option<String>,
    /// Access key id that signed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub access_key_id: Option<String>,
    /// IAM user name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_name: Option<String>,
    /// Session, for temporary credentials.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session_context: Option<Value>,
    /// Service that made the call on the principal's behalf.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub invoked_by: Option<String>,
}

/// CloudTrail `sessionContext.sessionIssuer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionIssuer {
    /// `Role` or `IAMUser`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Unique id.
    pub principal_id: String,
    /// ARN.
    pub arn: String,
    /// Account.
    pub account_id: String,
    /// Name.
    pub user_name: String,
}

/// One entry of `resources`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Owner of the resource.
    #[serde(rename = "accountId")]
    pub account_id: String,
    /// `AWS::KMS::Key`, `AWS::S3::Bucket`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// ARN.
    #[serde(rename = "ARN")]
    pub arn: String,
}

impl UserIdentity {
    /// The identity block for `principal`, with `invokedBy` when a service calls for it.
    #[must_use]
    pub fn new(principal: &Principal, via_service: Option<&str>) -> Self {
        let kind = match principal.kind {
            PrincipalKind::Root => "Root",
            PrincipalKind::User => "IAMUser",
            PrincipalKind::AssumedRole => "AssumedRole",
            PrincipalKind::FederatedUser => "FederatedUser",
            PrincipalKind::Service => "AWSService",
            PrincipalKind::Anonymous => "AWSAccount",
        };
        let present = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let name = |arn: &arqueta_model::Arn| arn.resource().rsplit('/').next().unwrap_or_default().to_owned();
        let session_context = principal.session.as_ref().map(|session| {
            serde_json::json!({
                "sessionIssuer": SessionIssuer {
                    kind: if session.issuer.resource().starts_with("role/") { "Role" } else { "IAMUser" }.to_owned(),
                    principal_id: session.issuer_id.clone(),
                    arn: session.issuer.as_str().to_owned(),
                    account_id: session.issuer.account().to_owned(),
                    user_name: name(&session.issuer),
                },
                "attributes": {
                    "creationDate": session.created.rfc3339(),
                    "mfaAuthenticated": session.mfa.to_string(),
                },
            })
        });
        Self {
            kind: kind.to_owned(),
            principal_id: present(&principal.id),
            arn: (principal.kind != PrincipalKind::Anonymous).then(|| principal.arn.as_str().to_owned()),
            account_id: Some(principal.account.as_str().to_owned()),
            access_key_id: present(&principal.access_key_id),
            user_name: (principal.kind == PrincipalKind::User).then(|| name(&principal.arn)),
            session_context,
            invoked_by: via_service.map(str::to_owned),
        }
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
                recipient_account_id: principal.account.as_str().to_owned(),
                shared_event_id: None,
                event_category: "Management".to_owned(),
            },
        }
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
fn uuid() -> String {
    let mut bytes = *arqueta_model::ObjectId::random().as_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = arqueta_model::ObjectId::from_bytes(bytes).to_string();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
