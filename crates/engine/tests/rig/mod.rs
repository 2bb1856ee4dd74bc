//! An engine over stores in memory and a key service that a test can stop.
#![allow(clippy::unwrap_used, dead_code, reason = "each suite uses its own part of the rig")]

mod keys;

use std::net::Ipv4Addr;
use std::sync::Arc;

use arqueta_engine::api::{
    Conditions, CreateBucket, DeleteConditions, DeleteObject, DeletedObject, EncryptionRequest, EtagCondition,
    GetObject, GotObject, ObjectName, PutObject, RequestedMode, StoredObject, Versioning,
};
use arqueta_engine::notifications::{Notices, Targets};
use arqueta_engine::{BucketKeyTable, Caller, Config, CustomerKey, Engine, Envelope, Error};
use arqueta_envelope::BucketKeyConfig;
use arqueta_model::{
    AccountId, BucketName, Clock, EncryptionContext, ManualClock, ObjectKey, Principal, RequestId, RequestInfo,
    VersionId,
};
use arqueta_policy::Identity;
use arqueta_store::{BlobStore, Faulty, MemoryBlobs, MemoryMeta, MetaStore, Room};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
pub use keys::KeyRing;

pub struct Rig {
    pub engine: Arc<Engine>,
    pub meta: Arc<MemoryMeta>,
    pub blobs: MemoryBlobs,
    pub faulty_meta: Faulty<Arc<MemoryMeta>>,
    pub faulty_blobs: Faulty<MemoryBlobs>,
    pub clock: Arc<ManualClock>,
    pub kms: Arc<KeyRing>,
    pub caller: Caller,
}

pub fn account() -> AccountId {
    "111122223333".parse().unwrap()
}

/// What rules of notifications may name.
pub fn targets() -> Targets {
    let named = ["hook", "function"].map(|name| (name.to_owned(), vec![account()]));
    Targets { named: named.into(), ..Targets::default() }
}

pub fn bucket() -> BucketName {
    "bucket".parse().unwrap()
}

pub fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

pub fn name(text: &str) -> ObjectName {
    ObjectName { bucket: bucket(), key: key(text), version: None }
}

pub fn version(text: &str, version: VersionId) -> ObjectName {
    ObjectName { version: Some(version), ..name(text) }
}

/// Bytes that no two positions share in a row: a wrong offset shows.
pub fn pattern(len: usize) -> Bytes {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect::<Vec<_>>().into()
}

pub fn customer_key(byte: u8) -> Arc<CustomerKey> {
    Arc::new(CustomerKey::new(&[byte; 32], [byte; 16]))
}

pub fn any_etag() -> Option<EtagCondition> {
    Some(EtagCondition::Any)
}

pub fn etag(text: &str) -> Option<EtagCondition> {
    Some(EtagCondition::OneOf(vec![text.to_owned()]))
}

impl Rig {
    pub fn over(
        meta: Arc<MemoryMeta>,
        blobs: MemoryBlobs,
        kms: Arc<KeyRing>,
        adjust: impl FnOnce(&mut Config),
    ) -> Self {
        Self::wrapping(meta, blobs, kms, adjust, |meta| meta)
    }

    /// With something of the test's own between the engine and its metadata.
    pub fn wrapping(
        meta: Arc<MemoryMeta>,
        blobs: MemoryBlobs,
        kms: Arc<KeyRing>,
        adjust: impl FnOnce(&mut Config),
        wrap: impl FnOnce(Arc<dyn MetaStore>) -> Arc<dyn MetaStore>,
    ) -> Self {
        let clock = Arc::new(ManualClock::default());
        let faulty_meta = Faulty::new(meta.clone());
        let faulty_blobs = Faulty::new(blobs.clone());
        let stores: (Arc<dyn MetaStore>, Arc<dyn BlobStore>) =
            (wrap(Arc::new(faulty_meta.clone())), Arc::new(faulty_blobs.clone()));
        let region: arqueta_model::Region = "us-east-1".parse().unwrap();
        let table = Arc::new(BucketKeyTable::new(stores.0.clone()));
        let envelope = Envelope::new(kms.clone(), table, clock.clone(), region.clone(), BucketKeyConfig::default());
        let mut config = Config::new(region);
        config.notices = Arc::new(Notices::to(targets()));
        adjust(&mut config);
        let engine = Engine::open(stores.0, stores.1, Arc::new(envelope), clock.clone(), config).unwrap();
        let request = RequestInfo {
            id: RequestId::random(),
            source_ip: Ipv4Addr::LOCALHOST.into(),
            user_agent: "test".into(),
            secure_transport: false,
            tls: None,
            received: clock.now(),
            via_service: None,
        };
        let identity = Arc::new(Identity::bare(Principal::root(&account(), "AKIDEXAMPLE")));
        let caller = Caller::new(identity, Arc::new(request));
        Self { engine: Arc::new(engine), meta, blobs, faulty_meta, faulty_blobs, clock, kms, caller }
    }

    /// An empty engine.
    pub fn empty() -> Self {
        Self::over(Arc::default(), MemoryBlobs::default(), Arc::default(), |_| {})
    }

    /// An engine with one bucket.
    pub async fn new(versioning: Versioning) -> Self {
        let rig = Self::empty();
        rig.make_bucket(versioning).await;
        rig
    }

    /// Lets what works in the background come to its end.
    pub async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    /// The same with as much room as `room` says.
    pub fn within(mut self, room: Arc<dyn Room>) -> Self {
        let engine = Arc::into_inner(self.engine).expect("nobody else has the engine yet");
        self.engine = Arc::new(engine.within(room));
        self
    }

    /// The same stores under a new engine: nothing in memory survives.
    pub fn restarted(&self) -> Self {
        Self::over(self.meta.clone(), self.blobs.clone(), self.kms.clone(), |_| {})
    }

    pub async fn make_bucket(&self, versioning: Versioning) {
        let create = CreateBucket {
            bucket: bucket(),
            owner: account(),
            object_lock: false,
            tags: None,
            documents: Default::default(),
        };
        self.engine.buckets().create(create).await.unwrap();
        self.engine.bucket_settings().put_versioning(&bucket(), versioning).await.unwrap();
    }

    pub async fn put(&self, at: &str, body: impl Into<Bytes>) -> Result<StoredObject, Error> {
        self.put_with(at, body, |_| {}).await
    }

    pub async fn put_with(
        &self,
        at: &str,
        body: impl Into<Bytes>,
        adjust: impl FnOnce(&mut PutObject),
    ) -> Result<StoredObject, Error> {
        let mut input = PutObject::new(bucket(), key(at), chunked(body.into(), 10_000));
        adjust(&mut input);
        self.engine.objects().put(&self.caller, input).await
    }

    pub async fn put_mode(&self, at: &str, body: Bytes, mode: Mode) -> StoredObject {
        self.put_with(at, body, |put| put.encryption = mode.request()).await.unwrap()
    }

    pub async fn get(&self, input: GetObject) -> Result<GotObject, Error> {
        self.engine.objects().get(&self.caller, input).await
    }

    /// The whole body of a name, through to its clean end.
    pub async fn body(&self, name: ObjectName) -> Result<Bytes, Error> {
        collect(self.get(GetObject::new(name)).await?).await
    }

    pub async fn body_mode(&self, name: ObjectName, mode: Mode) -> Result<Bytes, Error> {
        let input = GetObject { customer_key: mode.customer_key(), ..GetObject::new(name) };
        collect(self.get(input).await?).await
    }

    pub async fn delete(&self, name: ObjectName) -> Result<DeletedObject, Error> {
        let input = DeleteObject { name, conditions: DeleteConditions::default(), bypass_governance: false };
        self.engine.objects().delete(&input).await
    }

    /// Every byte that either store holds.
    pub async fn everything(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for (key, value) in self.meta.dump().await {
            all.extend_from_slice(&key);
            all.extend_from_slice(&value);
        }
        for entry in self.blobs.list(None, usize::MAX).await.unwrap() {
            let chunks: Vec<Bytes> =
                self.blobs.read(entry.id, entry.size, 0..entry.size).await.unwrap().try_collect().await.unwrap();
            all.extend(chunks.concat());
        }
        all
    }
}

pub async fn collect(got: GotObject) -> Result<Bytes, Error> {
    let chunks: Vec<Bytes> = got.body.try_collect().await?;
    Ok(chunks.concat().into())
}

pub fn chunked(body: Bytes, size: usize) -> arqueta_engine::api::Body {
    let chunks: Vec<_> =
        (0..body.len()).step_by(size).map(|at| Ok(body.slice(at..body.len().min(at + size)))).collect();
    futures::stream::iter(chunks).boxed()
}

pub fn write_if(if_match: Option<EtagCondition>, if_none_match: Option<EtagCondition>) -> Conditions {
    Conditions { if_match, if_none_match, ..Conditions::default() }
}

/// Every way in which an object can be protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    S3,
    Kms,
    KmsBucketKey,
    DualKms,
    Customer,
}

impl Mode {
    pub const ALL: [Self; 5] = [Self::S3, Self::Kms, Self::KmsBucketKey, Self::DualKms, Self::Customer];

    pub fn request(self) -> EncryptionRequest {
        let context = EncryptionContext::default();
        let kms = Some("key-1".to_owned());
        let (mode, bucket_key) = match self {
            Self::S3 => (RequestedMode::S3, None),
            Self::Kms => (RequestedMode::Kms { key: kms, context }, Some(false)),
            Self::KmsBucketKey => (RequestedMode::Kms { key: kms, context }, Some(true)),
            Self::DualKms => (RequestedMode::DualKms { key: kms, context }, None),
            Self::Customer => (RequestedMode::Customer(customer_key(7)), None),
        };
        EncryptionRequest { mode, bucket_key }
    }

    pub fn customer_key(self) -> Option<Arc<CustomerKey>> {
        (self == Self::Customer).then(|| customer_key(7))
    }
}
