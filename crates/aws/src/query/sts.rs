//! STS: who am I, and temporary credentials. Authorization is part of what the identity service
//! does for these: trust policies and the kind of the caller's credentials decide.

use arqueta_call::{Operation, Sts};
use arqueta_iam::{AssumeRole, FederationToken, Scope, StsCaller, Tag, TemporaryCredentials};
use serde::Serialize;
use serde_json::json;

use super::call::{Answer, Call};
use super::form::Form;
use super::shapes::{Credentials, Date, One};
use crate::Error;
use crate::access::{self, Wish};

/// Most characters of an encoded message (STS API Reference, DecodeAuthorizationMessage).
const MESSAGE: usize = 10_240;

/// Performs an operation.
///
/// # Errors
/// Denials and refusals of the identity service.
pub(super) async fn perform(operation: Sts, call: &Call<'_>) -> Result<Answer, Error> {
    let row = operation.row();
    match operation {
        Sts::GetCallerIdentity => caller_identity(row, call),
        Sts::AssumeRole => assume_role(row, call).await,
        Sts::GetSessionToken => session_token(row, call),
        Sts::GetFederationToken => federation_token(row, call).await,
        Sts::GetAccessKeyInfo => access_key_info(row, call).await,
        Sts::DecodeAuthorizationMessage => decode_message(row, call),
        // It proves its sender itself, and has a way of its own past the record.
        Sts::AssumeRoleWithWebIdentity => Err(Error::Unsupported { operation: row.name }),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallerIdentity {
    user_id: String,
    account: String,
    arn: String,
}

fn caller_identity(operation: &'static Operation, call: &Call<'_>) -> Result<Answer, Error> {
    let caller = call.services.iam.sessions().caller_identity(call.identity);
    let shown = CallerIdentity { user_id: caller.user_id, account: caller.account.into(), arn: caller.arn.into() };
    Answer::of(operation, &shown)
}

async fn access_key_info(operation: &'static Operation, call: &Call<'_>) -> Result<Answer, Error> {
    let id = call.form.required("AccessKeyId")?;
    let wish = Wish { operation, resource: "*", owner: &call.identity.principal.account, keys: &[] };
    access::check(call.services, call.identity, call.info, &wish)?;
    let account = call.services.iam.access_keys().account_of(id).await?;
    Answer::of(operation, &One("Account", String::from(account)))
}

/// The services whose denials carry an encoded message are others (EC2, most of all); those that are here
/// say in clear what was missing, as in AWS. So no message was encoded here, whatever is sent.
fn decode_message(operation: &'static Operation, call: &Call<'_>) -> Result<Answer, Error> {
    let message = call.form.required("EncodedMessage")?;
    if message.len() > MESSAGE {
        return Err(Error::Validation(format!(
            "1 validation error detected: Value at 'encodedMessage' failed to satisfy constraint: Member must have length less than or equal to {MESSAGE}"
        )));
    }
    let wish = Wish { operation, resource: "*", owner: &call.identity.principal.account, keys: &[] };
    access::check(call.services, call.identity, call.info, &wish)?;
    Err(Error::AuthorizationMessage)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRole {
    credentials: Credentials,
    assumed_role_user: AssumedRoleUser,
    #[serde(skip_serializing_if = "Option::is_none")]
    packed_policy_size: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AssumedRoleUser {
    pub(super) assumed_role_id: String,
    pub(super) arn: String,
}

async fn assume_role(operation: &'static Operation, call: &Call<'_>) -> Result<Answer, Error> {
    refuse(call, &["SerialNumber", "TokenCode", "SourceIdentity", "ProvidedContexts"])?;
    let form = call.form;
    let input = AssumeRole {
        role_arn: form.required("RoleArn")?.to_owned(),
        role_session_name: form.required("RoleSessionName")?.to_owned(),
        scope: scope(call.form)?,
        duration_seconds: duration(call)?,
        external_id: form.value("ExternalId").map(str::to_owned),
        tags: tags(call)?,
        transitive_tag_keys: form.list("TransitiveTagKeys")?.into_iter().map(str::to_owned).collect(),
    };
    let issued = call.services.iam.sessions().assume_role(caller(call), input).await?;
    let recorded = json!({
        "credentials": recorded(&issued.credentials),
        "assumedRoleUser": { "assumedRoleId": issued.id, "arn": issued.arn },
    });
    let shown = AssumedRole {
        credentials: issued.credentials.into(),
        assumed_role_user: AssumedRoleUser { assumed_role_id: issued.id, arn: issued.arn.into() },
        packed_policy_size: issued.packed_policy_size,
    };
    Ok(Answer::of(operation, &shown)?.recording(recorded))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SessionToken {
    credentials: Credentials,
}

fn session_token(operation: &'static Operation, call: &Call<'_>) -> Result<Answer, Error> {
    refuse(call, &["SerialNumber", "TokenCode"])?;
    let credentials = call.services.iam.sessions().session_token(call.identity, duration(call)?)?;
    let recorded = json!({ "credentials": recorded(&credentials) });
    Ok(Answer::of(operation, &SessionToken { credentials: credentials.into() })?.recording(recorded))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Federated {
    credentials: Credentials,
    federated_user: FederatedUser,
    #[serde(skip_serializing_if = "Option::is_none")]
    packed_policy_size: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FederatedUser {
    federated_user_id: String,
    arn: String,
}

async fn federation_token(operation: &'static Operation, call: &Call<'_>) -> Result<Answer, Error> {
    let input = FederationToken {
        name: call.form.required("Name")?.to_owned(),
        scope: scope(call.form)?,
        duration_seconds: duration(call)?,
        tags: tags(call)?,
    };
    let issued = call.services.iam.sessions().federation_token(caller(call), input).await?;
    let recorded = json!({
        "credentials": recorded(&issued.credentials),
        "federatedUser": { "federatedUserId": issued.id, "arn": issued.arn },
    });
    let shown = Federated {
        credentials: issued.credentials.into(),
        federated_user: FederatedUser { federated_user_id: issued.id, arn: issued.arn.into() },
        packed_policy_size: issued.packed_policy_size,
    };
    Ok(Answer::of(operation, &shown)?.recording(recorded))
}

fn caller<'a>(call: &Call<'a>) -> StsCaller<'a> {
    StsCaller { identity: call.identity, request: call.info, region: &call.services.region }
}

/// What scopes a session down.
pub(super) fn scope(form: &Form) -> Result<Scope, Error> {
    let policy_arns = form.fields("PolicyArns", "arn")?.into_iter().map(str::to_owned).collect();
    Ok(Scope { policy: form.value("Policy").map(str::to_owned), policy_arns })
}

/// The identity service knows the bounds: they depend on the caller and the role.
fn duration(call: &Call<'_>) -> Result<Option<u32>, Error> {
    call.form.number("DurationSeconds", 0..=u32::MAX)
}

fn tags(call: &Call<'_>) -> Result<Vec<Tag>, Error> {
    Ok(call.form.pairs("Tags", "Key", "Value")?.into_iter().map(|(key, value)| Tag::new(key, value)).collect())
}

/// Parameters that would change what the session may do, and are not acted on.
fn refuse(call: &Call<'_>, parameters: &[&'static str]) -> Result<(), Error> {
    match parameters.iter().find(|parameter| call.form.mentions(parameter)) {
        None => Ok(()),
        Some(parameter) => Err(Error::UnsupportedParameter { parameter }),
    }
}

/// What the record keeps of credentials: neither secret nor token.
pub(super) fn recorded(credentials: &TemporaryCredentials) -> serde_json::Value {
    json!({ "accessKeyId": credentials.access_key_id, "expiration": credentials.expiration.rfc3339() })
}

impl From<TemporaryCredentials> for Credentials {
    fn from(credentials: TemporaryCredentials) -> Self {
        Self {
            secret_access_key: credentials.secret.expose().to_owned(),
            session_token: credentials.session_token.expose().to_owned(),
            access_key_id: credentials.access_key_id,
            expiration: Date(credentials.expiration),
        }
    }
}
