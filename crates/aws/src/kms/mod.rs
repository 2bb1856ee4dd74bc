//! The AWS JSON 1.1 protocol for KMS: `X-Amz-Target: TrentService.<Operation>` (AWS KMS API
//! Reference). Here a request is decoded, and refused where its parameters are none, and the answer is
//! encoded; the key service decides, does and records.

mod aliases;
mod parameters;
mod policies;
mod rotation;
mod shape;
mod states;
mod wire;

use arqueta_audit::{Event, EventBuilder};
use arqueta_call::{Kms, Operation, Recorder};
use arqueta_keys::{Embedded, operations as keys};
use arqueta_kms::Caller;
use serde_json::{Map, Value};

use crate::protocol::Protocol;
use crate::{Error, json};

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
    ($service:ident, $caller:ident, $operation:ident, $body:ident;
     shapes { $($shape:ident => $kind:path),* $(,)? }
     answers { $($name:ident => $method:ident),* $(,)? }
     silent { $($silent:ident => $silent_method:ident),* $(,)? }) => {
        match $operation {
            $(Kms::$shape => shape::run::<$kind>($service, $caller, $body).await,)*
            $(Kms::$name => json::encoded(&keys::$method($service, $caller, json::decoded($body)?).await?),)*
            $(Kms::$silent => {
                keys::$silent_method($service, $caller, json::decoded($body)?).await?;
                Ok(Vec::new())
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
        shapes {
            CancelKeyDeletion => states::CancelKeyDeletion,
            CreateAlias => aliases::CreateAlias,
            DeleteAlias => aliases::DeleteAlias,
            DisableKey => states::DisableKey,
            DisableKeyRotation => rotation::DisableKeyRotation,
            EnableKey => states::EnableKey,
            EnableKeyRotation => rotation::EnableKeyRotation,
            GetKeyLastUsage => states::GetKeyLastUsage,
            GetKeyPolicy => policies::GetKeyPolicy,
            GetKeyRotationStatus => rotation::GetKeyRotationStatus,
            ListAliases => aliases::ListAliases,
            ListKeyPolicies => policies::ListKeyPolicies,
            ListKeyRotations => rotation::ListKeyRotations,
            PutKeyPolicy => policies::PutKeyPolicy,
            RotateKeyOnDemand => rotation::RotateKeyOnDemand,
            ScheduleKeyDeletion => states::ScheduleKeyDeletion,
            UpdateAlias => aliases::UpdateAlias,
            UpdateKeyDescription => states::UpdateKeyDescription,
        }
        answers {
            ConnectCustomKeyStore => connect_custom_key_store,
            CreateCustomKeyStore => create_custom_key_store,
            CreateGrant => create_grant,
            CreateKey => create_key,
            Decrypt => decrypt,
            DeleteImportedKeyMaterial => delete_imported_key_material,
            DeleteCustomKeyStore => delete_custom_key_store,
            DeriveSharedSecret => derive_shared_secret,
            DescribeCustomKeyStores => describe_custom_key_stores,
            DescribeKey => describe_key,
            DisconnectCustomKeyStore => disconnect_custom_key_store,
            Encrypt => encrypt,
            GenerateDataKey => generate_data_key,
            GenerateDataKeyPair => generate_data_key_pair,
            GenerateDataKeyPairWithoutPlaintext => generate_data_key_pair_without_plaintext,
            GenerateDataKeyWithoutPlaintext => generate_data_key_without_plaintext,
            GenerateMac => generate_mac,
            GenerateRandom => generate_random,
            GetParametersForImport => get_parameters_for_import,
            GetPublicKey => get_public_key,
            ImportKeyMaterial => import_key_material,
            ListGrants => list_grants,
            ListKeys => list_keys,
            ListResourceTags => list_resource_tags,
            ListRetirableGrants => list_retirable_grants,
            ReEncrypt => re_encrypt,
            ReplicateKey => replicate_key,
            Sign => sign,
            UpdateCustomKeyStore => update_custom_key_store,
            Verify => verify,
            VerifyMac => verify_mac,
        }
        silent {
            RetireGrant => retire_grant,
            RevokeGrant => revoke_grant,
            TagResource => tag_resource,
            UntagResource => untag_resource,
            UpdatePrimaryRegion => update_primary_region,
        }
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod refusals;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
