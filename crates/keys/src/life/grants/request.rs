//! What CreateGrant can be asked for.

use std::collections::BTreeSet;

use arqueta_kms::{Error, KeySpec, KeyUsage};

use crate::api::CreateGrantRequest;
use crate::limits;

/// Operations of grants that every key has.
pub(super) const ADMINISTRATION: &[&str] = &["CreateGrant", "RetireGrant", "DescribeKey"];

/// The others, by what a key is (KMS Developer Guide, "Grant operations").
pub(super) fn operations_of(spec: KeySpec, usage: KeyUsage) -> &'static [&'static str] {
    match usage {
        KeyUsage::EncryptDecrypt if spec == KeySpec::SYMMETRIC_DEFAULT => &[
            "Decrypt",
            "Encrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "ReEncryptFrom",
            "ReEncryptTo",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
        ],
        KeyUsage::EncryptDecrypt => &["Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo", "GetPublicKey"],
        KeyUsage::SignVerify => &["Sign", "Verify", "GetPublicKey"],
        KeyUsage::GenerateVerifyMac => &["GenerateMac", "VerifyMac"],
        KeyUsage::KeyAgreement => &["DeriveSharedSecret", "GetPublicKey"],
    }
}

/// Refuses what can never be used: operations that the key does not have, and constraints on an
/// encryption context that its operations do not have.
pub(super) fn fits_key(request: &CreateGrantRequest, spec: KeySpec, usage: KeyUsage) -> Result<(), Error> {
    let known = operations_of(spec, usage);
    let wrong = |name: &&String| !known.contains(&name.as_str()) && !ADMINISTRATION.contains(&name.as_str());
    if let Some(wrong) = request.operations.iter().find(wrong) {
        return Err(limits::invalid(format!(
            "Grant operation {wrong} is not valid for a key of spec {} and usage {}",
            spec.name(),
            usage.name()
        )));
    }
    let constrained = request.constraints.as_ref().is_some_and(|constraints| {
        constraints.encryption_context_equals.is_some() || constraints.encryption_context_subset.is_some()
    });
    if constrained && spec != KeySpec::SYMMETRIC_DEFAULT {
        return Err(limits::invalid(format!(
            "Encryption context constraints are not valid for a key of spec {}",
            spec.name()
        )));
    }
    Ok(())
}

pub(super) fn grant_conditions(request: &CreateGrantRequest) -> Vec<(&'static str, Vec<String>)> {
    let kind = request.constraints.as_ref().and_then(|constraints| {
        if constraints.encryption_context_equals.is_some() {
            Some("EncryptionContextEquals")
        } else {
            constraints.encryption_context_subset.as_ref().map(|_| "EncryptionContextSubset")
        }
    });
    vec![
        ("kms:GrantOperations", request.operations.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()),
        ("kms:GranteePrincipal", vec![request.grantee_principal.clone()]),
        ("kms:RetiringPrincipal", request.retiring_principal.iter().cloned().collect()),
        ("kms:GrantConstraintType", kind.map(str::to_owned).into_iter().collect()),
        ("kms:GrantIsForAWSResource", vec!["false".to_owned()]),
    ]
}
