//! Requests and answers of the operations as values. What is a name at AWS is a type here where there is
//! one; how they look on a wire, and within which bounds, is the business of the protocol that reads them.
//!
//! Each request is a [`crate::Operation`]: [`crate::run`] performs and records it. [`arqueta_kms::Error::code`]
//! is the AWS error code of a refusal and its `Display` form the message.

mod aliases;
mod asymmetric;
mod crypto;
mod grants;
mod import;
mod keys;
mod mac;
mod policies;
mod regions;
mod rotation;
mod stores;
mod tags;
mod usage;
mod values;

pub use aliases::{
    AliasListEntry, CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest, ListAliasesResponse, UpdateAliasRequest,
};
pub use asymmetric::{
    DeriveSharedSecretRequest, DeriveSharedSecretResponse, GenerateDataKeyPairRequest, GenerateDataKeyPairResponse,
    GenerateDataKeyPairWithoutPlaintextRequest, GenerateDataKeyPairWithoutPlaintextResponse, GetPublicKeyRequest,
    GetPublicKeyResponse, SignRequest, SignResponse, VerifyRequest, VerifyResponse,
};
pub use crypto::{
    DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, GenerateDataKeyRequest, GenerateDataKeyResponse,
    GenerateDataKeyWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextResponse, GenerateRandomRequest,
    GenerateRandomResponse, ReEncryptRequest, ReEncryptResponse,
};
pub use grants::{
    CreateGrantRequest, CreateGrantResponse, GrantConstraints, GrantListEntry, ListGrantsRequest, ListGrantsResponse,
    ListRetirableGrantsRequest, RetireGrantRequest, RevokeGrantRequest,
};
pub use import::{
    DeleteImportedKeyMaterialRequest, DeleteImportedKeyMaterialResponse, GetParametersForImportRequest,
    GetParametersForImportResponse, ImportKeyMaterialRequest, ImportKeyMaterialResponse, WrappingAlgorithm,
};
pub use keys::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, CreateKeyRequest, CreateKeyResponse, DescribeKeyRequest,
    DescribeKeyResponse, DisableKeyRequest, EnableKeyRequest, KeyListEntry, KeyMetadata, ListKeysRequest,
    ListKeysResponse, MultiRegionConfiguration, MultiRegionKey, NewOrigin, ScheduleKeyDeletionRequest,
    ScheduleKeyDeletionResponse, UpdateKeyDescriptionRequest,
};
pub use mac::{GenerateMacRequest, GenerateMacResponse, VerifyMacRequest, VerifyMacResponse};
pub use policies::{
    GetKeyPolicyRequest, GetKeyPolicyResponse, ListKeyPoliciesRequest, ListKeyPoliciesResponse, PutKeyPolicyRequest,
};
pub use regions::{ReplicateKeyRequest, ReplicateKeyResponse, UpdatePrimaryRegionRequest};
pub use rotation::{
    DisableKeyRotationRequest, EnableKeyRotationRequest, GetKeyRotationStatusRequest, GetKeyRotationStatusResponse,
    ListKeyRotationsRequest, ListKeyRotationsResponse, RotateKeyOnDemandRequest, RotateKeyOnDemandResponse,
    RotationsListEntry,
};
pub use stores::{
    ConnectCustomKeyStoreRequest, CreateCustomKeyStoreRequest, CreateCustomKeyStoreResponse, CustomKeyStoresListEntry,
    DeleteCustomKeyStoreRequest, DescribeCustomKeyStoresRequest, DescribeCustomKeyStoresResponse,
    DisconnectCustomKeyStoreRequest, Empty, Password, UpdateCustomKeyStoreRequest,
};
pub use tags::{ListResourceTagsRequest, ListResourceTagsResponse, Tag, TagResourceRequest, UntagResourceRequest};
pub use usage::{GetKeyLastUsageRequest, GetKeyLastUsageResponse, KeyLastUsageData};
pub use values::{Blob, KeyAlgorithms};
