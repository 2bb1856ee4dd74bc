//! Operations as methods, which is how tests say them.

use std::sync::Arc;

use arqueta_kms::{Caller, Error};
use arqueta_model::{AccountId, Region};

use crate::api::*;
use crate::crypt::sealing::material_of;
use crate::decide::resolve::find_key;
use crate::key::Key;
use crate::key::material::Material;
use crate::regions::outbox::tell_region;
use crate::schema::KeyRecord;
use crate::{Embedded, operations};

macro_rules! operations {
    ($($name:ident($request:ty) -> $answer:ty;)*) => {
        impl Embedded {
            $(pub(super) async fn $name(&self, caller: &Caller, request: $request) -> Result<$answer, Error> {
                operations::$name(self, caller, request).await
            })*
        }
    };
}

operations! {
    cancel_key_deletion(CancelKeyDeletionRequest) -> CancelKeyDeletionResponse;
    connect_custom_key_store(ConnectCustomKeyStoreRequest) -> Empty;
    create_alias(CreateAliasRequest) -> ();
    create_custom_key_store(CreateCustomKeyStoreRequest) -> CreateCustomKeyStoreResponse;
    create_grant(CreateGrantRequest) -> CreateGrantResponse;
    create_key(CreateKeyRequest) -> CreateKeyResponse;
    decrypt(DecryptRequest) -> DecryptResponse;
    delete_alias(DeleteAliasRequest) -> ();
    delete_custom_key_store(DeleteCustomKeyStoreRequest) -> Empty;
    delete_imported_key_material(DeleteImportedKeyMaterialRequest) -> DeleteImportedKeyMaterialResponse;
    derive_shared_secret(DeriveSharedSecretRequest) -> DeriveSharedSecretResponse;
    describe_custom_key_stores(DescribeCustomKeyStoresRequest) -> DescribeCustomKeyStoresResponse;
    describe_key(DescribeKeyRequest) -> DescribeKeyResponse;
    disable_key(DisableKeyRequest) -> ();
    disable_key_rotation(DisableKeyRotationRequest) -> ();
    disconnect_custom_key_store(DisconnectCustomKeyStoreRequest) -> Empty;
    enable_key(EnableKeyRequest) -> ();
    enable_key_rotation(EnableKeyRotationRequest) -> ();
    encrypt(EncryptRequest) -> EncryptResponse;
    generate_data_key(GenerateDataKeyRequest) -> GenerateDataKeyResponse;
    generate_data_key_pair(GenerateDataKeyPairRequest) -> GenerateDataKeyPairResponse;
    generate_data_key_pair_without_plaintext(GenerateDataKeyPairWithoutPlaintextRequest) -> GenerateDataKeyPairWithoutPlaintextResponse;
    generate_data_key_without_plaintext(GenerateDataKeyWithoutPlaintextRequest) -> GenerateDataKeyWithoutPlaintextResponse;
    generate_mac(GenerateMacRequest) -> GenerateMacResponse;
    generate_random(GenerateRandomRequest) -> GenerateRandomResponse;
    get_key_last_usage(GetKeyLastUsageRequest) -> GetKeyLastUsageResponse;
    get_key_policy(GetKeyPolicyRequest) -> GetKeyPolicyResponse;
    get_key_rotation_status(GetKeyRotationStatusRequest) -> GetKeyRotationStatusResponse;
    get_parameters_for_import(GetParametersForImportRequest) -> GetParametersForImportResponse;
    get_public_key(GetPublicKeyRequest) -> GetPublicKeyResponse;
    import_key_material(ImportKeyMaterialRequest) -> ImportKeyMaterialResponse;
    list_aliases(ListAliasesRequest) -> ListAliasesResponse;
    list_grants(ListGrantsRequest) -> ListGrantsResponse;
    list_key_policies(ListKeyPoliciesRequest) -> ListKeyPoliciesResponse;
    list_key_rotations(ListKeyRotationsRequest) -> ListKeyRotationsResponse;
    list_keys(ListKeysRequest) -> ListKeysResponse;
    list_resource_tags(ListResourceTagsRequest) -> ListResourceTagsResponse;
    list_retirable_grants(ListRetirableGrantsRequest) -> ListGrantsResponse;
    put_key_policy(PutKeyPolicyRequest) -> ();
    re_encrypt(ReEncryptRequest) -> ReEncryptResponse;
    replicate_key(ReplicateKeyRequest) -> ReplicateKeyResponse;
    retire_grant(RetireGrantRequest) -> ();
    revoke_grant(RevokeGrantRequest) -> ();
    rotate_key_on_demand(RotateKeyOnDemandRequest) -> RotateKeyOnDemandResponse;
    schedule_key_deletion(ScheduleKeyDeletionRequest) -> ScheduleKeyDeletionResponse;
    sign(SignRequest) -> SignResponse;
    tag_resource(TagResourceRequest) -> ();
    untag_resource(UntagResourceRequest) -> ();
    update_alias(UpdateAliasRequest) -> ();
    update_custom_key_store(UpdateCustomKeyStoreRequest) -> Empty;
    update_key_description(UpdateKeyDescriptionRequest) -> ();
    update_primary_region(UpdatePrimaryRegionRequest) -> ();
    verify(VerifyRequest) -> VerifyResponse;
    verify_mac(VerifyMacRequest) -> VerifyMacResponse;
}

impl Embedded {
    pub(super) fn find(&self, account: &AccountId, id: &str) -> Option<Arc<Key>> {
        find_key(self, account, id)
    }

    pub(super) async fn tell(&self, to: &Region) -> Result<(), Error> {
        tell_region(self, to).await
    }

    pub(super) fn material<'a>(&self, key: &'a Key, number: usize) -> Result<&'a Material, Error> {
        material_of(self, key, number)
    }

    pub(super) fn leads(&self, record: &KeyRecord) -> bool {
        record.leads(&self.state.region)
    }
}
