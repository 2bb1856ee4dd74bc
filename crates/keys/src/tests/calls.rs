//! Operations as methods, which is how tests say them.

use std::sync::Arc;

use arqueta_kms::{Caller, Error};
use arqueta_model::{AccountId, Region};

use crate::Embedded;
use crate::api::*;
use crate::crypt::sealing::material_of;
use crate::decide::resolve::find_key;
use crate::key::Key;
use crate::key::material::Material;
use crate::regions::outbox::tell_region;
use crate::schema::KeyRecord;

macro_rules! operations {
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

operations! {
    cancel_key_deletion(CancelKeyDeletionRequest);
    connect_custom_key_store(ConnectCustomKeyStoreRequest);
    create_alias(CreateAliasRequest);
    create_custom_key_store(CreateCustomKeyStoreRequest);
    create_grant(CreateGrantRequest);
    create_key(CreateKeyRequest);
    decrypt(DecryptRequest);
    delete_alias(DeleteAliasRequest);
    delete_custom_key_store(DeleteCustomKeyStoreRequest);
    delete_imported_key_material(DeleteImportedKeyMaterialRequest);
    derive_shared_secret(DeriveSharedSecretRequest);
    describe_custom_key_stores(DescribeCustomKeyStoresRequest);
    describe_key(DescribeKeyRequest);
    disable_key(DisableKeyRequest);
    disable_key_rotation(DisableKeyRotationRequest);
    disconnect_custom_key_store(DisconnectCustomKeyStoreRequest);
    enable_key(EnableKeyRequest);
    enable_key_rotation(EnableKeyRotationRequest);
    encrypt(EncryptRequest);
    generate_data_key(GenerateDataKeyRequest);
    generate_data_key_pair(GenerateDataKeyPairRequest);
    generate_data_key_pair_without_plaintext(GenerateDataKeyPairWithoutPlaintextRequest);
    generate_data_key_without_plaintext(GenerateDataKeyWithoutPlaintextRequest);
    generate_mac(GenerateMacRequest);
    generate_random(GenerateRandomRequest);
    get_key_last_usage(GetKeyLastUsageRequest);
    get_key_policy(GetKeyPolicyRequest);
    get_key_rotation_status(GetKeyRotationStatusRequest);
    get_parameters_for_import(GetParametersForImportRequest);
    get_public_key(GetPublicKeyRequest);
    import_key_material(ImportKeyMaterialRequest);
    list_aliases(ListAliasesRequest);
    list_grants(ListGrantsRequest);
    list_key_policies(ListKeyPoliciesRequest);
    list_key_rotations(ListKeyRotationsRequest);
    list_keys(ListKeysRequest);
    list_resource_tags(ListResourceTagsRequest);
    list_retirable_grants(ListRetirableGrantsRequest);
    put_key_policy(PutKeyPolicyRequest);
    re_encrypt(ReEncryptRequest);
    replicate_key(ReplicateKeyRequest);
    retire_grant(RetireGrantRequest);
    revoke_grant(RevokeGrantRequest);
    rotate_key_on_demand(RotateKeyOnDemandRequest);
    schedule_key_deletion(ScheduleKeyDeletionRequest);
    sign(SignRequest);
    tag_resource(TagResourceRequest);
    untag_resource(UntagResourceRequest);
    update_alias(UpdateAliasRequest);
    update_custom_key_store(UpdateCustomKeyStoreRequest);
    update_key_description(UpdateKeyDescriptionRequest);
    update_primary_region(UpdatePrimaryRegionRequest);
    verify(VerifyRequest);
    verify_mac(VerifyMacRequest);
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
