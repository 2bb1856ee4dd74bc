//! Values only: the words that every other crate speaks.
//!
//! **Purpose.** One validated type for each noun of the field: ARNs, principals, bucket names,
//! object keys, version ids, encryption contexts, time. A value that exists is well-formed, so
//! no later layer checks it again.
//!
//! **Refuses to do** I/O, policy decisions, serialization formats of the store, and cryptography
//! beyond drawing random identifiers.
//!
//! **Invariants.** [`EncryptionContext::canonical`] is injective: two different contexts never
//! serialise alike. [`ObjectId`] is drawn once from the operating system and never reused.
//!
//! **Threat notes.** Nothing here is secret. `Debug` of every type may be logged.
//!
//! ```
//! use arqueta_model::KeyArn;
//!
//! let key: KeyArn = "arn:aws:kms:us-east-1:111122223333:key/mine".parse()?;
//! assert_eq!((key.region(), key.account(), key.key_id()), ("us-east-1", "111122223333", "mine"));
//! assert!("arn:aws:s3:::mine".parse::<KeyArn>().is_err());
//! # Ok::<(), arqueta_model::ParseArnError>(())
//! ```

mod arn;
mod caller;
mod causes;
mod clock;
mod context;
mod id;
mod name;
pub mod random;
pub mod replica;
mod served;
mod sse;

pub use arn::{AccountId, Arn, KeyArn, ParseArnError, Partition, Region};
pub use caller::{
    Principal, PrincipalKind, RequestInfo, Requester, ScopeDigest, SessionContext, TlsDetails, WebFederation,
};
pub use causes::with_causes;
#[cfg(any(test, feature = "testing"))]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock, Timestamp};
pub use context::{BUCKET_CONTEXT_KEY, ContextError, EncryptionContext};
pub use id::{BlobId, BucketKeyId, ObjectId, PartId, RequestId, UploadId, VersionId};
pub use name::{BucketName, NameError, ObjectKey};
#[cfg(any(test, feature = "testing"))]
pub use random::repeatable;
pub use served::Served;
pub use sse::SseMode;
