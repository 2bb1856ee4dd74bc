//! The AWS JSON 1.1 protocol for KMS: `X-Amz-Target: TrentService.<Operation>` (AWS KMS API
//! Reference). Shapes, checks and authorization are the key service's; this is JSON in and out.

mod operations;

use arqueta_kms::{Caller, Embedded};

use crate::{Error, json};

pub use operations::OPERATIONS;

/// Target prefix of the service.
pub const TARGET: &str = "TrentService.";

macro_rules! dispatch {
    ($service:ident, $caller:ident, $operation:ident, $body:ident;
     answers { $($name:literal => $method:ident),* $(,)? }
     silent { $($silent:literal => $silent_method:ident),* $(,)? }) => {
        match $operation {
            $($name => json::encoded(&$service.$method($caller, json::decoded($body)?).await?),)*
            $($silent => {
                $service.$silent_method($caller, json::decoded($body)?).await?;
                Ok(Vec::new())
            })*
            known if OPERATIONS.contains(&known) => Err(Error::Unsupported { operation: known.to_owned() }),
            _ => Err(Error::UnknownOperation),
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
    if let Some(known) = OPERATIONS.iter().find(|known| **known == operation) {
        service.admit_operation(caller, known).await?;
    }
    dispatch!(service, caller, operation, body;
        answers {
            "CancelKeyDeletion" => cancel_key_deletion,
            "ConnectCustomKeyStore" => connect_custom_key_store,
            "CreateCustomKeyStore" => create_custom_key_store,
            "CreateGrant" => create_grant,
            "CreateKey" => create_key,
            "Decrypt" => decrypt,
            "DeleteImportedKeyMaterial" => delete_imported_key_material,
            "DeleteCustomKeyStore" => delete_custom_key_store,
            "DeriveSharedSecret" => derive_shared_secret,
            "DescribeCustomKeyStores" => describe_custom_key_stores,
            "DescribeKey" => describe_key,
            "DisconnectCustomKeyStore" => disconnect_custom_key_store,
            "Encrypt" => encrypt,
            "GenerateDataKey" => generate_data_key,
            "GenerateDataKeyPair" => generate_data_key_pair,
            "GenerateDataKeyPairWithoutPlaintext" => generate_data_key_pair_without_plaintext,
            "GenerateDataKeyWithoutPlaintext" => generate_data_key_without_plaintext,
            "GenerateMac" => generate_mac,
            "GenerateRandom" => generate_random,
            "GetKeyLastUsage" => get_key_last_usage,
            "GetKeyPolicy" => get_key_policy,
            "GetKeyRotationStatus" => get_key_rotation_status,
            "GetParametersForImport" => get_parameters_for_import,
            "GetPublicKey" => get_public_key,
            "ImportKeyMaterial" => import_key_material,
            "ListAliases" => list_aliases,
            "ListGrants" => list_grants,
            "ListKeyPolicies" => list_key_policies,
            "ListKeyRotations" => list_key_rotations,
            "ListKeys" => list_keys,
            "ListResourceTags" => list_resource_tags,
            "ListRetirableGrants" => list_retirable_grants,
            "ReEncrypt" => re_encrypt,
            "RotateKeyOnDemand" => rotate_key_on_demand,
            "ScheduleKeyDeletion" => schedule_key_deletion,
            "Sign" => sign,
            "UpdateCustomKeyStore" => update_custom_key_store,
            "Verify" => verify,
            "VerifyMac" => verify_mac,
        }
        silent {
            "CreateAlias" => create_alias,
            "DeleteAlias" => delete_alias,
            "DisableKey" => disable_key,
            "DisableKeyRotation" => disable_key_rotation,
            "EnableKey" => enable_key,
            "EnableKeyRotation" => enable_key_rotation,
            "PutKeyPolicy" => put_key_policy,
            "RetireGrant" => retire_grant,
            "RevokeGrant" => revoke_grant,
            "TagResource" => tag_resource,
            "UntagResource" => untag_resource,
            "UpdateAlias" => update_alias,
            "UpdateKeyDescription" => update_key_description,
        }
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
