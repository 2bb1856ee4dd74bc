//! What the gateway needs of a key service. A small set: key administration is not part of it.

use std::fmt;
use std::sync::Arc;

use arqueta_model::{
    AccountId, Arn, EncryptionContext, KeyArn, Principal, PrincipalKind, Region, RequestInfo, Requester,
};
use arqueta_policy::Identity;
use arqueta_seal::SourceKey;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Error, KeyManager, KeySpec, KeyState, KeyUsage};

/// On whose behalf a call is made.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The principal and what limits it.
    pub identity: Arc<Identity>,
    /// Where the request came from.
    pub request: Arc<RequestInfo>,
    /// Grant tokens of the request.
    pub grant_tokens: Arc<[String]>,
}

impl Caller {
    /// A caller without grant tokens.
    #[must_use]
    pub fn new(identity: Arc<Identity>, request: Arc<RequestInfo>) -> Self {
        Self { identity, request, grant_tokens: Arc::default() }
    }

    /// The same caller, with S3 of `region` calling on its behalf (`kms:ViaService`).
    #[must_use]
    pub fn via_s3(&self, region: &Region) -> Self {
        S3Service::of(region).for_caller(self)
    }

    /// S3 of `region` itself, using the service-owned key for the same request. One identity for
    /// all users, so that they share its bucket keys.
    #[must_use]
    pub fn s3_itself(&self, region: &Region) -> Self {
        S3Service::of(region).itself(self)
    }

    /// The unit that bucket keys belong to.
    #[must_use]
    pub fn requester(&self) -> Requester {
        self.identity.requester()
    }
}

/// S3 of a Region as one who calls, for somebody or for itself; made once, since each object asks.
#[derive(Debug, Clone)]
pub struct S3Service {
    name: Arc<str>,
    identity: Arc<Identity>,
}

impl S3Service {
    /// S3 of `region`.
    #[must_use]
    pub fn of(region: &Region) -> Self {
        let account: AccountId = "000000000000".parse().expect("twelve digits are an account id");
        let principal = Principal {
            arn: Arn::new("iam", "", account.as_str(), "service/s3.amazonaws.com"),
            account,
            id: "s3.amazonaws.com".to_owned(),
            kind: PrincipalKind::Service,
            access_key_id: String::new(),
            session: None,
        };
        Self { name: format!("s3.{region}.amazonaws.com").into(), identity: Arc::new(Identity::bare(principal)) }
    }

    /// See [`Caller::via_s3`].
    #[must_use]
    pub fn for_caller(&self, caller: &Caller) -> Caller {
        Caller { request: self.request(caller), ..caller.clone() }
    }

    /// See [`Caller::s3_itself`].
    #[must_use]
    pub fn itself(&self, caller: &Caller) -> Caller {
        Caller::new(self.identity.clone(), self.request(caller))
    }

    fn request(&self, caller: &Caller) -> Arc<RequestInfo> {
        Arc::new(RequestInfo { via_service: Some(self.name.clone()), ..(*caller.request).clone() })
    }
}

/// How a call names a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyRef {
    /// As given by a user: key id, key ARN, `alias/name` or alias ARN. Ids and aliases without an
    /// ARN resolve in the caller's account.
    Named(String),
    /// The caller account's AWS-managed key `alias/aws/s3`, made on first use.
    AwsManagedS3,
    /// The service-owned key behind SSE-S3: never listed, described, usable or audited for users.
    ServiceOwned,
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::AwsManagedS3 => f.write_str("alias/aws/s3"),
            Self::ServiceOwned => f.write_str("(service-owned key)"),
        }
    }
}

/// Operations that object encryption uses; a permission's name is `kms:` and this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `kms:GenerateDataKey`.
    GenerateDataKey,
    /// `kms:Decrypt`.
    Decrypt,
    /// `kms:ReEncryptFrom` and `kms:ReEncryptTo`.
    ReEncrypt,
    /// `kms:DescribeKey`.
    DescribeKey,
}

impl Operation {
    /// The API name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GenerateDataKey => "GenerateDataKey",
            Self::Decrypt => "Decrypt",
            Self::ReEncrypt => "ReEncrypt",
            Self::DescribeKey => "DescribeKey",
        }
    }
}

/// A request for a new source key.
#[derive(Debug, Clone, Copy)]
pub struct GenerateDataKey<'a> {
    /// Under which key.
    pub key: &'a KeyRef,
    /// Authenticated beside the wrapped form.
    pub context: &'a EncryptionContext,
}

/// A new source key and its wrapped form.
#[derive(Debug)]
pub struct DataKey {
    /// The key itself.
    pub plaintext: SourceKey,
    /// What `decrypt` opens. At most 6,144 bytes.
    pub wrapped: Vec<u8>,
    /// The KMS key that wrapped it, resolved.
    pub key: KeyArn,
}

/// A request to open a wrapped source key.
#[derive(Debug, Clone, Copy)]
pub struct Decrypt<'a> {
    /// As `generate_data_key` returned it.
    pub wrapped: &'a [u8],
    /// The key it must be wrapped under; another one is [`Error::IncorrectKey`].
    pub key: Option<&'a KeyArn>,
    /// The same context as at generation.
    pub context: &'a EncryptionContext,
}

/// A request to move a wrapped source key to another KMS key or context without revealing it.
#[derive(Debug, Clone, Copy)]
pub struct ReEncrypt<'a> {
    /// What to open.
    pub from: Decrypt<'a>,
    /// Under which key to wrap.
    pub to: &'a KeyRef,
    /// Context of the new wrapped form.
    pub context: &'a EncryptionContext,
}

/// The answer to [`ReEncrypt`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReEncrypted {
    /// The new wrapped form.
    pub wrapped: Vec<u8>,
    /// The key it is now wrapped under.
    pub key: KeyArn,
}

/// What S3 must know of a key before it uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDescription {
    /// Resolved ARN.
    pub key: KeyArn,
    /// Its state.
    pub state: KeyState,
    /// Its usage; only `EncryptDecrypt` serves S3.
    pub usage: KeyUsage,
    /// Its spec; only `SYMMETRIC_DEFAULT` serves S3.
    pub spec: KeySpec,
    /// Who manages it.
    pub manager: KeyManager,
}

/// A key service. One contract suite, every adapter.
#[async_trait]
pub trait Kms: Send + Sync {
    /// A fresh source key, in the clear and wrapped.
    ///
    /// # Errors
    /// See [`Error`]; a denial is final at once, [`Error::is_retryable`] tells an outage.
    async fn generate_data_key(&self, caller: &Caller, request: GenerateDataKey<'_>) -> Result<DataKey, Error>;

    /// Opens a wrapped source key.
    ///
    /// # Errors
    /// [`Error::InvalidCiphertext`] for anything that does not authenticate: damaged bytes and a
    /// wrong context are one opaque case.
    async fn decrypt(&self, caller: &Caller, request: Decrypt<'_>) -> Result<SourceKey, Error>;

    /// Moves a wrapped source key to another key or context.
    async fn re_encrypt(&self, caller: &Caller, request: ReEncrypt<'_>) -> Result<ReEncrypted, Error>;

    /// Resolves a key and tells its state, without needing `kms:DescribeKey`: S3 uses the answer
    /// for itself and never shows it.
    async fn describe(&self, caller: &Caller, key: &KeyRef) -> Result<KeyDescription, Error>;

    /// Decides `operation` again for a cached source key of `key`, with the request's own
    /// context, as far as that can be known without a remote call; counts, never records an
    /// allowed one. Called on every bucket-key hit.
    ///
    /// # Errors
    /// The error that the operation itself would give. Services that cannot decide locally
    /// answer `Ok`: there the bucket key's window is the bound.
    async fn recheck(
        &self,
        caller: &Caller,
        operation: Operation,
        key: &KeyArn,
        context: &EncryptionContext,
    ) -> Result<(), Error>;
}
