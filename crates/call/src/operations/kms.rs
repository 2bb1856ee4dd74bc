//! KMS (AWS KMS API Reference, version 2014-11-01).

use super::{operations, reads, writes};
use crate::action::{Action, On, Permission};
use crate::operation::Quota;

/// It has no action of its own name (KMS Developer Guide, "AWS KMS permissions").
const RE_ENCRYPT: &[Permission] = &[
    Permission::of(Action::new("kms:ReEncryptFrom", On::Key)),
    Permission::of(Action::new("kms:ReEncryptTo", On::Key)),
];

operations! {
    /// An operation of KMS.
    Kms, "kms:";
    served {
        CancelKeyDeletion => writes(On::Key).quota(Quota::Own);
        ConnectCustomKeyStore => writes(On::KeyStore).quota(Quota::Own);
        CreateAlias => writes(On::Alias).quota(Quota::Own);
        CreateCustomKeyStore => writes(On::KeyStore).quota(Quota::Own);
        CreateGrant => writes(On::Key).quota(Quota::Own).cross_account().grantable();
        CreateKey => writes(On::Account).quota(Quota::Own);
        Decrypt => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
        DeleteAlias => writes(On::Alias).quota(Quota::Own);
        DeleteCustomKeyStore => writes(On::KeyStore).quota(Quota::Own);
        DeleteImportedKeyMaterial => writes(On::Key).quota(Quota::Own);
        DeriveSharedSecret => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
        DescribeCustomKeyStores => reads(On::Account).quota(Quota::Own);
        DescribeKey => reads(On::Key).quota(Quota::Own).cross_account().grantable();
        DisableKey => writes(On::Key).quota(Quota::Own);
        DisableKeyRotation => writes(On::Key).quota(Quota::Own);
        DisconnectCustomKeyStore => writes(On::KeyStore).quota(Quota::Own);
        EnableKey => writes(On::Key).quota(Quota::Own);
        EnableKeyRotation => writes(On::Key).quota(Quota::Own);
        Encrypt => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
        GenerateDataKey => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
        GenerateDataKeyPair => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
        GenerateDataKeyPairWithoutPlaintext => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
        GenerateDataKeyWithoutPlaintext => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
        GenerateMac => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
        GenerateRandom => reads(On::Account).quota(Quota::Symmetric);
        GetKeyLastUsage => reads(On::Key).quota(Quota::Own);
        GetKeyPolicy => reads(On::Key).quota(Quota::Own);
        GetKeyRotationStatus => reads(On::Key).quota(Quota::Own).cross_account();
        GetParametersForImport => reads(On::Key).quota(Quota::Own);
        GetPublicKey => reads(On::Key).quota(Quota::Own).cross_account().grantable();
        ImportKeyMaterial => writes(On::Key).quota(Quota::Own);
        ListAliases => reads(On::Account).quota(Quota::Own);
        ListGrants => reads(On::Key).quota(Quota::Own).cross_account();
        ListKeyPolicies => reads(On::Key).quota(Quota::Own);
        ListKeyRotations => reads(On::Key).quota(Quota::Own);
        ListKeys => reads(On::Account).quota(Quota::Own);
        ListResourceTags => reads(On::Key).quota(Quota::Own);
        ListRetirableGrants => reads(On::Account).quota(Quota::Own);
        PutKeyPolicy => writes(On::Key).quota(Quota::Own);
        ReEncrypt => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked().needs(RE_ENCRYPT);
        ReplicateKey => writes(On::Key).quota(Quota::Own);
        RetireGrant => writes(On::Key).quota(Quota::Own).cross_account().grantable();
        RevokeGrant => writes(On::Key).quota(Quota::Own).cross_account();
        RotateKeyOnDemand => writes(On::Key).quota(Quota::Own);
        ScheduleKeyDeletion => writes(On::Key).quota(Quota::Own);
        Sign => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
        TagResource => writes(On::Key).quota(Quota::Own);
        UntagResource => writes(On::Key).quota(Quota::Own);
        UpdateAlias => writes(On::Alias).quota(Quota::Own);
        UpdateCustomKeyStore => writes(On::KeyStore).quota(Quota::Own);
        UpdateKeyDescription => writes(On::Key).quota(Quota::Own);
        UpdatePrimaryRegion => writes(On::Key).quota(Quota::Own);
        Verify => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
        VerifyMac => reads(On::Key).quota(Quota::OfKey).cross_account().grantable().tracked();
    }
    open {
    }
    refused {
        Decapsulate => reads(On::Key);
        Encapsulate => reads(On::Key);
    }
}
