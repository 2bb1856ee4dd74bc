//! The AWS JSON 1.1 protocol for KMS: `X-Amz-Target: TrentService.<Operation>` (AWS KMS API
//! Reference). Here a request is decoded, and refused where its parameters are none, and the answer is
//! encoded; the key service decides, does and records.

mod aliases;
mod asymmetric;
mod crypto;
mod grants;
mod import;
mod keys;
mod limits;
mod parameters;
mod policies;
mod rotation;
mod shape;
mod states;
mod stores;
mod tags;
mod wire;

use arqueta_audit::{Event, EventBuilder};
use arqueta_call::{Kms, Operation, Recorder};
use arqueta_keys::Embedded;
use arqueta_kms::Caller;
use serde_json::{Map, Value};

use crate::Error;
use crate::protocol::Protocol;

/// Target prefix of the service.
pub const TARGET: &str = "TrentService.";

/// Performs one operation past the record.
///
/// # Errors
/// As [`call`], and failures of the record.
pub(crate) async fn perform(
    recorder: &Recorder,
    service: &Embedded,
    caller: &Caller,
    operation: &str,
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    let operation = Kms::known(operation).ok_or(Error::UnknownOperation)?;
    recorder.run(Recorded { service, caller, operation, body }).await
}

/// One call on its way past the record. The key service tells the outcome of what it sees itself; what
/// was refused before is told here.
struct Recorded<'a> {
    service: &'a Embedded,
    caller: &'a Caller,
    operation: &'static Operation,
    body: &'a [u8],
}

impl arqueta_call::Call for Recorded<'_> {
    type Answer = Vec<u8>;
    type Error = Error;

    fn operation(&self) -> &'static Operation {
        self.operation
    }

    fn draft(&self, recorder: &Recorder) -> EventBuilder {
        let Caller { identity, request, .. } = self.caller;
        recorder.event(self.operation, &identity.principal, request).parameters(named(self.body))
    }

    async fn perform(&mut self) -> Result<Vec<u8>, Error> {
        call(self.service, self.caller, self.operation.name, self.body).await
    }

    fn events(&self, recorder: &Recorder, outcome: &Result<Vec<u8>, Error>) -> Vec<Event> {
        let Err(error @ (Error::Serialization(_) | Error::Unsupported { .. })) = outcome else { return Vec::new() };
        let fault = error.fault(Protocol::Json);
        vec![self.draft(recorder).error(fault.code, &fault.message).build()]
    }
}

/// What a request names; the rest of its parameters its event tells.
fn named(body: &[u8]) -> Map<String, Value> {
    const NAMES: [(&str, &str); 5] = [
        ("KeyId", "keyId"),
        ("AliasName", "aliasName"),
        ("TargetKeyId", "targetKeyId"),
        ("GrantId", "grantId"),
        ("CustomKeyStoreId", "customKeyStoreId"),
    ];
    let request: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| request.get(name).filter(|value| value.is_string()).cloned();
    NAMES.iter().filter_map(|(name, shown)| Some(((*shown).to_owned(), text(name)?))).collect()
}

macro_rules! dispatch {
    ($service:ident, $caller:ident, $operation:ident, $body:ident; $($name:ident => $shape:path),* $(,)?) => {
        match $operation {
            $(Kms::$name => {
                const { assert!(matches!(<<$shape as shape::Shape>::Request as arqueta_keys::Operation>::OPERATION, Kms::$name)) };
                shape::run::<$shape>($service, $caller, $body).await
            })*
        }
    };
}

/// Performs one operation. The answer is a JSON document, or empty where AWS's is.
///
/// # Errors
/// [`Error::Serialization`] for a body that is not of the operation's shape,
/// [`Error::UnknownOperation`] for a name that KMS does not have, [`Error::Unsupported`] for one
/// that is not served here, and the key service's own errors.
pub async fn call(service: &Embedded, caller: &Caller, operation: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
    let Some(operation) = Kms::served(operation) else {
        let unsupported = |row: &Operation| Error::Unsupported { operation: row.name };
        return Err(Kms::known(operation).map_or(Error::UnknownOperation, unsupported));
    };
    service.admit_operation(caller, operation).await?;
    dispatch!(service, caller, operation, body;
        CancelKeyDeletion => states::CancelKeyDeletion,
        ConnectCustomKeyStore => stores::ConnectCustomKeyStore,
        CreateAlias => aliases::CreateAlias,
        CreateCustomKeyStore => stores::CreateCustomKeyStore,
        CreateGrant => grants::CreateGrant,
        CreateKey => keys::CreateKey,
        Decrypt => crypto::Decrypt,
        DeleteAlias => aliases::DeleteAlias,
        DeleteCustomKeyStore => stores::DeleteCustomKeyStore,
        DeleteImportedKeyMaterial => import::DeleteImportedKeyMaterial,
        DeriveSharedSecret => asymmetric::DeriveSharedSecret,
        DescribeCustomKeyStores => stores::DescribeCustomKeyStores,
        DescribeKey => keys::DescribeKey,
        DisableKey => states::DisableKey,
        DisableKeyRotation => rotation::DisableKeyRotation,
        DisconnectCustomKeyStore => stores::DisconnectCustomKeyStore,
        EnableKey => states::EnableKey,
        EnableKeyRotation => rotation::EnableKeyRotation,
        Encrypt => crypto::Encrypt,
        GenerateDataKey => crypto::GenerateDataKey,
        GenerateDataKeyPair => asymmetric::GenerateDataKeyPair,
        GenerateDataKeyPairWithoutPlaintext => asymmetric::GenerateDataKeyPairWithoutPlaintext,
        GenerateDataKeyWithoutPlaintext => crypto::GenerateDataKeyWithoutPlaintext,
        GenerateMac => asymmetric::GenerateMac,
        GenerateRandom => crypto::GenerateRandom,
        GetKeyLastUsage => states::GetKeyLastUsage,
        GetKeyPolicy => policies::GetKeyPolicy,
        GetKeyRotationStatus => rotation::GetKeyRotationStatus,
        GetParametersForImport => import::GetParametersForImport,
        GetPublicKey => asymmetric::GetPublicKey,
        ImportKeyMaterial => import::ImportKeyMaterial,
        ListAliases => aliases::ListAliases,
        ListGrants => grants::ListGrants,
        ListKeyPolicies => policies::ListKeyPolicies,
        ListKeyRotations => rotation::ListKeyRotations,
        ListKeys => keys::ListKeys,
        ListResourceTags => tags::ListResourceTags,
        ListRetirableGrants => grants::ListRetirableGrants,
        PutKeyPolicy => policies::PutKeyPolicy,
        ReEncrypt => crypto::ReEncrypt,
        ReplicateKey => keys::ReplicateKey,
        RetireGrant => grants::RetireGrant,
        RevokeGrant => grants::RevokeGrant,
        RotateKeyOnDemand => rotation::RotateKeyOnDemand,
        ScheduleKeyDeletion => states::ScheduleKeyDeletion,
        Sign => asymmetric::Sign,
        TagResource => tags::TagResource,
        UntagResource => tags::UntagResource,
        UpdateAlias => aliases::UpdateAlias,
        UpdateCustomKeyStore => stores::UpdateCustomKeyStore,
        UpdateKeyDescription => states::UpdateKeyDescription,
        UpdatePrimaryRegion => keys::UpdatePrimaryRegion,
        Verify => asymmetric::Verify,
        VerifyMac => asymmetric::VerifyMac,
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod refusals;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
