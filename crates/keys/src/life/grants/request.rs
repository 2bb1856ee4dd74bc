//! What CreateGrant can be asked for.

use std::collections::{BTreeMap, BTreeSet};

use arqueta_call::Kms;
use arqueta_kms::{Error, KeySpec, KeyUsage};
use arqueta_model::{Arn, EncryptionContext};

use crate::api::CreateGrantRequest;
use crate::decide::principals::invalid_principal;
use crate::limits;

/// Most pairs of one constraint.
pub(super) const MAX_PAIRS: usize = 8;

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

/// Limits of the request; the constraints as contexts.
pub(super) fn checked(
    request: &CreateGrantRequest,
) -> Result<(Option<EncryptionContext>, Option<EncryptionContext>), Error> {
    let source_arn = request.constraints.as_ref().and_then(|constraints| constraints.source_arn.as_ref());
    refuse_services([
        ("GranteeServicePrincipal", &request.grantee_service_principal),
        ("RetiringServicePrincipal", &request.retiring_service_principal),
        ("SourceArn", &source_arn.cloned()),
    ])?;
    principal(&request.grantee_principal, "granteePrincipal")?;
    request.retiring_principal.as_deref().map_or(Ok(()), |text| principal(text, "retiringPrincipal"))?;
    limits::grant_tokens(&request.grant_tokens)?;
    if request.operations.is_empty() {
        return Err(limits::constraint("[]", "operations", "Member must have length greater than or equal to 1"));
    }
    let grantable = grantable_operations();
    for operation in &request.operations {
        limits::member_of(operation, "operations", &grantable)?;
    }
    if let Some(name) = &request.name {
        limits::length(name, "name", 1, 256)?;
        limits::pattern(name, "name", "^[a-zA-Z0-9:/_-]+$", limits::is_name_char)?;
    }
    let Some(constraints) = &request.constraints else { return Ok((None, None)) };
    if constraints.encryption_context_equals.is_some() && constraints.encryption_context_subset.is_some() {
        return Err(limits::invalid(
            "A grant has either an EncryptionContextEquals or an EncryptionContextSubset constraint.",
        ));
    }
    let context = |pairs: &Option<BTreeMap<String, String>>| -> Result<_, Error> {
        let Some(pairs) = pairs.as_ref() else { return Ok(None) };
        if pairs.len() > MAX_PAIRS {
            return Err(limits::invalid(format!(
                "A grant constraint has at most {MAX_PAIRS} encryption context pairs."
            )));
        }
        EncryptionContext::new(pairs.clone()).map(Some).map_err(|error| limits::invalid(error.to_string()))
    };
    Ok((context(&constraints.encryption_context_equals)?, context(&constraints.encryption_context_subset)?))
}

/// Operations that a grant can allow, by the names of their permissions.
pub(super) fn grantable_operations() -> Vec<&'static str> {
    let rows = Kms::rows().iter().filter(|row| row.grantable);
    rows.flat_map(|row| row.permissions).map(|permission| permission.action.name.trim_start_matches("kms:")).collect()
}

/// Grants are for users and roles here, not for other services of AWS. What would narrow a grant
/// must not be left out of it.
pub(super) fn refuse_services<const N: usize>(parameters: [(&str, &Option<String>); N]) -> Result<(), Error> {
    match parameters.iter().find(|(_, value)| value.is_some()) {
        Some((name, _)) => Err(limits::unsupported(name)),
        None => Ok(()),
    }
}

/// An ARN of a principal or an account's root.
pub(super) fn principal(text: &str, member: &str) -> Result<(), Error> {
    limits::length(text, member, 1, 256)?;
    let named =
        text.parse::<Arn>().is_ok_and(|arn| matches!(arn.service(), "iam" | "sts") && arn.account().len() == 12);
    if named { Ok(()) } else { Err(invalid_principal(text)) }
}

pub(super) fn grant_conditions(request: &CreateGrantRequest) -> Vec<(&'static str, Vec<String>)> {
    let account = |arn: &str| arn.parse::<Arn>().map(|arn| arn.account().to_owned()).unwrap_or_default();
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
        ("kms:GranteeAccount", vec![account(&request.grantee_principal)]),
        ("kms:RetiringPrincipal", request.retiring_principal.clone().into_iter().collect()),
        ("kms:GrantConstraintType", kind.map(str::to_owned).into_iter().collect()),
        ("kms:GrantIsForAWSResource", vec!["false".to_owned()]),
    ]
}
