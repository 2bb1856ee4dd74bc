//! Requests and answers of the operations, in the shapes of the AWS KMS API
//! Reference: same member names, so that a protocol edge only turns JSON into these and back.
//!
//! A member that is missing in the JSON deserialises to its default; the service checks what is
//! required, and the limits, and answers with AWS's `ValidationException` texts. Members that the
//! service does not support are present and refused by name, never ignored.
//!
//! [`crate::operations`] has one function per operation, named like it:
//! `create_key(service: &Embedded, caller: &Caller, request: CreateKeyRequest) -> Result<CreateKeyResponse, Error>`;
//! operations whose answer is empty return `Result<(), Error>`. [`arqueta_kms::Error::code`] is the AWS
//! error code and its `Display` form the message.

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
    GetParametersForImportResponse, ImportKeyMaterialRequest, ImportKeyMaterialResponse,
};
pub use keys::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, CreateKeyRequest, CreateKeyResponse, DescribeKeyRequest,
    DescribeKeyResponse, DisableKeyRequest, EnableKeyRequest, KeyListEntry, KeyMetadata, ListKeysRequest,
    ListKeysResponse, MultiRegionConfiguration, MultiRegionKey, ScheduleKeyDeletionRequest,
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
    DisconnectCustomKeyStoreRequest, Empty, Password, ProxyParameters, UpdateCustomKeyStoreRequest,
};
pub use tags::{ListResourceTagsRequest, ListResourceTagsResponse, Tag, TagResourceRequest, UntagResourceRequest};
pub use usage::{GetKeyLastUsageRequest, GetKeyLastUsageResponse, KeyLastUsageData};
pub use values::{Blob, EpochSeconds, KeyAlgorithms};
