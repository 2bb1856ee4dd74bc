//! Who called, as CloudTrail writes it (CloudTrail User Guide, "CloudTrail userIdentity element").

use arqueta_model::{Arn, Principal, PrincipalKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// Identity provider that vouched for a `WebIdentityUser`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity_provider: Option<String>,
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

impl UserIdentity {
    /// A service that acts by itself, by its name: `lifecycle.s3.amazonaws.com`.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self {
            kind: "AWSService".to_owned(),
            principal_id: None,
            arn: None,
            account_id: None,
            access_key_id: None,
            user_name: None,
            identity_provider: None,
            session_context: None,
            invoked_by: Some(name.to_owned()),
        }
    }

    /// Whom `provider`, an ARN, vouches for: the subject of a token for `audience`.
    #[must_use]
    pub fn web(provider: &str, audience: &str, subject: &str) -> Self {
        Self {
            kind: "WebIdentityUser".to_owned(),
            principal_id: Some(format!("{provider}:{audience}:{subject}")),
            arn: None,
            account_id: None,
            access_key_id: None,
            user_name: Some(subject.to_owned()),
            identity_provider: Some(provider.to_owned()),
            session_context: None,
            invoked_by: None,
        }
    }

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
        let name = |arn: &Arn| arn.resource().rsplit('/').next().unwrap_or_default().to_owned();
        let session_context = principal.session.as_ref().map(|session| {
            let attributes = serde_json::json!({
                "creationDate": session.created.rfc3339(),
                "mfaAuthenticated": session.mfa.to_string(),
            });
            if matches!(principal.kind, PrincipalKind::User | PrincipalKind::Root) {
                // GetSessionToken: the user is its own issuer, and CloudTrail names none.
                return serde_json::json!({ "attributes": attributes });
            }
            let mut context = serde_json::json!({
                "sessionIssuer": SessionIssuer {
                    kind: if session.issuer.resource().starts_with("role/") { "Role" } else { "IAMUser" }.to_owned(),
                    principal_id: session.issuer_id.clone(),
                    arn: session.issuer.as_str().to_owned(),
                    account_id: session.issuer.account().to_owned(),
                    user_name: name(&session.issuer),
                },
                "attributes": attributes,
            });
            if let Some(web) = &session.web {
                let attributes = web.attributes.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
                context["webIdFederationData"] = serde_json::json!({
                    "federatedProvider": web.provider,
                    "attributes": attributes.collect::<Map<_, _>>(),
                });
            }
            context
        });
        if principal.kind == PrincipalKind::Anonymous {
            return Self { invoked_by: via_service.map(str::to_owned), ..Self::of_account("", "ANONYMOUS_PRINCIPAL") };
        }
        Self {
            kind: kind.to_owned(),
            principal_id: present(&principal.id),
            arn: (principal.kind != PrincipalKind::Service).then(|| principal.arn.as_str().to_owned()),
            account_id: Some(principal.account.as_str().to_owned()),
            access_key_id: present(&principal.access_key_id),
            user_name: (principal.kind == PrincipalKind::User).then(|| name(&principal.arn)),
            identity_provider: None,
            session_context,
            invoked_by: via_service.map(str::to_owned),
        }
    }

    /// Somebody of an account, as other accounts are told (`AWSAccount`).
    pub(crate) fn of_account(principal_id: &str, account: &str) -> Self {
        Self {
            kind: "AWSAccount".to_owned(),
            principal_id: Some(principal_id.to_owned()),
            arn: None,
            account_id: Some(account.to_owned()),
            access_key_id: None,
            user_name: None,
            identity_provider: None,
            session_context: None,
            invoked_by: None,
        }
    }
}
