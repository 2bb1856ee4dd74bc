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

macro_rules! values {
    ($($name:ident($request:ty);)*) => {
        impl Embedded {
            $(pub(super) async fn $name(
                &self,
                caller: &Caller,
                request: $request,
            ) -> Result<<$request as crate::Operation>::Answer, Error> {
                crate::run(self, caller.into(), request, |_| serde_json::Value::Null).await
            })*
        }
    };
}

values! {
    cancel_key_deletion(CancelKeyDeletionRequest);
    create_alias(CreateAliasRequest);
    delete_alias(DeleteAliasRequest);
    disable_key(DisableKeyRequest);
    disable_key_rotation(DisableKeyRotationRequest);
    enable_key(EnableKeyRequest);
    enable_key_rotation(EnableKeyRotationRequest);
    get_key_last_usage(GetKeyLastUsageRequest);
    get_key_policy(GetKeyPolicyRequest);
    get_key_rotation_status(GetKeyRotationStatusRequest);
    list_aliases(ListAliasesRequest);
    list_key_policies(ListKeyPoliciesRequest);
    list_key_rotations(ListKeyRotationsRequest);
    put_key_policy(PutKeyPolicyRequest);
    rotate_key_on_demand(RotateKeyOnDemandRequest);
    schedule_key_deletion(ScheduleKeyDeletionRequest);
    update_alias(UpdateAliasRequest);
    update_key_description(UpdateKeyDescriptionRequest);
}

operations! {
    connect_custom_key_store(ConnectCustomKeyStoreRequest) -> Empty;
    create_custom_key_store(CreateCustomKeyStoreRequest) -> CreateCustomKeyStoreResponse;
    create_grant(CreateGrantRequest) -> CreateGrantResponse;
    create_key(CreateKeyRequest) -> CreateKeyResponse;
    decrypt(DecryptRequest) -> DecryptResponse;
    delete_custom_key_store(DeleteCustomKeyStoreRequest) -> Empty;
    delete_imported_key_material(DeleteImportedKeyMaterialRequest) -> DeleteImportedKeyMaterialResponse;
    derive_shared_secret(DeriveSharedSecretRequest) -> DeriveSharedSecretResponse;
    describe_custom_key_stores(DescribeCustomKeyStoresRequest) -> DescribeCustomKeyStoresResponse;
    describe_key(DescribeKeyRequest) -> DescribeKeyResponse;
    disconnect_custom_key_store(DisconnectCustomKeyStoreRequest) -> Empty;
    encrypt(EncryptRequest) -> EncryptResponse;
    generate_data_key(GenerateDataKeyRequest) -> GenerateDataKeyResponse;
    generate_data_key_pair(GenerateDataKeyPairRequest) -> GenerateDataKeyPairResponse;
    generate_data_key_pair_without_plaintext(GenerateDataKeyPairWithoutPlaintextRequest) -> GenerateDataKeyPairWithoutPlaintextResponse;
    generate_data_key_without_plaintext(GenerateDataKeyWithoutPlaintextRequest) -> GenerateDataKeyWithoutPlaintextResponse;
    generate_mac(GenerateMacRequest) -> GenerateMacResponse;
    generate_random(GenerateRandomRequest) -> GenerateRandomResponse;
    get_parameters_for_import(GetParametersForImportRequest) -> GetParametersForImportResponse;
    get_public_key(GetPublicKeyRequest) -> GetPublicKeyResponse;
    import_key_material(ImportKeyMaterialRequest) -> ImportKeyMaterialResponse;
    list_grants(ListGrantsRequest) -> ListGrantsResponse;
    list_keys(ListKeysRequest) -> ListKeysResponse;
    list_resource_tags(ListResourceTagsRequest) -> ListResourceTagsResponse;
    list_retirable_grants(ListRetirableGrantsRequest) -> ListGrantsResponse;
    re_encrypt(ReEncryptRequest) -> ReEncryptResponse;
    replicate_key(ReplicateKeyRequest) -> ReplicateKeyResponse;
    retire_grant(RetireGrantRequest) -> ();
    revoke_grant(RevokeGrantRequest) -> ();
    sign(SignRequest) -> SignResponse;
    tag_resource(TagResourceRequest) -> ();
    untag_resource(UntagResourceRequest) -> ();
    update_custom_key_store(UpdateCustomKeyStoreRequest) -> Empty;
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
