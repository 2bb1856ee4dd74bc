//! The AWS JSON 1.1 protocol for KMS: `X-Amz-Target: TrentService.<Operation>` (AWS KMS API
//! Reference). Shapes, checks and authorization are the key service's; this is JSON in and out.

use arqueta_audit::EventBuilder;
use arqueta_call::{Kms, Operation};
use arqueta_keys::{Embedded, operations as keys};
use arqueta_kms::Caller;
use serde_json::{Map, Value};

use crate::protocol::Protocol;
use crate::services::Services;
use crate::{Error, json};

/// Target prefix of the service.
pub const TARGET: &str = "TrentService.";

/// Makes it durable that an operation is about to change something. It may still be refused; its
/// event tells.
///
/// # Errors
/// [`Error::Audit`]: the operation must not go on.
pub async fn announce(services: &Services, caller: &Caller, operation: &str, body: &[u8]) -> Result<(), Error> {
    let Some(row) = Kms::known(operation).filter(|row| row.is_announced()) else { return Ok(()) };
    let principal = &caller.identity.principal;
    let event = EventBuilder::new(row.service.event_source(), row.event, &services.region, principal, &caller.request)
        .parameters(named(body))
        .writes();
    Ok(services.audit.announce(event.build()).await?)
}

/// Records an operation that was refused before the key service saw it, which records what it sees:
/// what was announced has an end.
///
/// # Errors
/// [`Error::Audit`]: the operation must not be answered.
pub async fn settle(
    services: &Services,
    caller: &Caller,
    operation: &str,
    body: &[u8],
    outcome: &Result<Vec<u8>, Error>,
) -> Result<(), Error> {
    let Err(error @ (Error::Serialization(_) | Error::Unsupported { .. })) = outcome else { return Ok(()) };
    let Some(row) = Kms::known(operation) else { return Ok(()) };
    let (principal, source) = (&caller.identity.principal, row.service.event_source());
    let mut event =
        EventBuilder::new(source, row.event, &services.region, principal, &caller.request).parameters(named(body));
    if row.writes() {
        event = event.writes();
    }
    let fault = error.fault(Protocol::Json);
    Ok(services.audit.append(event.error(fault.code, &fault.message).build()).await?)
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
     answers { $($name:ident => $method:ident),* $(,)? }
     silent { $($silent:ident => $silent_method:ident),* $(,)? }) => {
        match $operation {
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
        let unsupported = |row: &Operation| Error::Unsupported { operation: row.name.to_owned() };
        return Err(Kms::known(operation).map_or(Error::UnknownOperation, unsupported));
    };
    service.admit_operation(caller, operation).await?;
    dispatch!(service, caller, operation, body;
        answers {
            CancelKeyDeletion => cancel_key_deletion,
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
            GetKeyLastUsage => get_key_last_usage,
            GetKeyPolicy => get_key_policy,
            GetKeyRotationStatus => get_key_rotation_status,
            GetParametersForImport => get_parameters_for_import,
            GetPublicKey => get_public_key,
            ImportKeyMaterial => import_key_material,
            ListAliases => list_aliases,
            ListGrants => list_grants,
            ListKeyPolicies => list_key_policies,
            ListKeyRotations => list_key_rotations,
            ListKeys => list_keys,
            ListResourceTags => list_resource_tags,
            ListRetirableGrants => list_retirable_grants,
            ReEncrypt => re_encrypt,
            ReplicateKey => replicate_key,
            RotateKeyOnDemand => rotate_key_on_demand,
            ScheduleKeyDeletion => schedule_key_deletion,
            Sign => sign,
            UpdateCustomKeyStore => update_custom_key_store,
            Verify => verify,
            VerifyMac => verify_mac,
        }
        silent {
            CreateAlias => create_alias,
            DeleteAlias => delete_alias,
            DisableKey => disable_key,
            DisableKeyRotation => disable_key_rotation,
            EnableKey => enable_key,
            EnableKeyRotation => enable_key_rotation,
            PutKeyPolicy => put_key_policy,
            RetireGrant => retire_grant,
            RevokeGrant => revoke_grant,
            TagResource => tag_resource,
            UntagResource => untag_resource,
            UpdateAlias => update_alias,
            UpdateKeyDescription => update_key_description,
            UpdatePrimaryRegion => update_primary_region,
        }
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
