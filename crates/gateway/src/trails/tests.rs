//! Own buckets and own signing keys keep the contracts of their seams.

use arqueta_audit::JsonLines;
use arqueta_engine::BucketKeyTable;
use arqueta_engine::api::{CreateBucket, GetObject, ObjectName};
use arqueta_engine::record::BucketDocument;
use arqueta_envelope::{BucketKeyConfig, Envelope};
use arqueta_model::{ManualClock, Region};
use arqueta_root::FileRootKey;
use arqueta_store::{MemoryBlobs, MemoryMeta};
use arqueta_trail::testing::{Gate, Site, delivery_contract, signing_contract};
use arqueta_trail::{Deliver, Destination, Sign as _};
use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt as _;

use super::*;

const ACCOUNT: &str = "111122223333";

struct House {
    buckets: OwnBuckets,
    keys: KeyRing,
    _folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let meta: Arc<dyn MetaStore> = Arc::new(MemoryMeta::default());
        let account: AccountId = ACCOUNT.parse().unwrap();
        let region: Region = "eu-west-1".parse().unwrap();
        let audit = Arc::new(JsonLines::open(folder.path().join("audit"), clock.clone()).await.unwrap());
        let root = Arc::new(FileRootKey::new(folder.path().join("root.key")));
        let settings = arqueta_keys::Config::new(account.clone(), region.clone(), root);
        let kms = Embedded::open(meta.clone(), audit, clock.clone(), settings).await.unwrap();
        let window = BucketKeyConfig { window: Duration::from_secs(300), max_objects: 100, max_bytes: 1 << 20 };
        let table = Arc::new(BucketKeyTable::new(meta.clone()));
        let envelope = Envelope::new(Arc::new(kms.clone()), table, clock.clone(), region.clone(), window);
        let settings = arqueta_engine::Config::new(region.clone());
        let blobs = Arc::new(MemoryBlobs::default());
        let engine = Engine::open(meta.clone(), blobs, Arc::new(envelope), clock.clone(), settings).unwrap();
        let engine = Arc::new(engine);
        let keys = KeyRing::new(kms.clone(), meta, clock.clone());
        let buckets = OwnBuckets { engine, kms: Arc::new(kms), clock, region };
        let house = Self { buckets, keys, _folder: folder };
        house.make("record-open", true).await;
        house.make("record-closed", false).await;
        house
    }

    async fn make(&self, name: &str, open: bool) {
        let statement = |action: &str, resource: String| {
            let service = serde_json::json!({ "Service": "cloudtrail.amazonaws.com" });
            serde_json::json!({ "Effect": "Allow", "Principal": service, "Action": action, "Resource": resource })
        };
        let statements = [
            statement("s3:GetBucketAcl", format!("arn:aws:s3:::{name}")),
            statement("s3:PutObject", format!("arn:aws:s3:::{name}/AWSLogs/{ACCOUNT}/*")),
        ];
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let documents = open.then_some((BucketDocument::Policy, policy)).into_iter().collect();
        let (bucket, owner) = (name.parse().unwrap(), ACCOUNT.parse().unwrap());
        let create = CreateBucket { bucket, owner, object_lock: false, tags: None, documents };
        self.buckets.engine.buckets().create(create).await.unwrap();
    }
}

fn to(bucket: &str) -> Destination {
    let trail = format!("arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/t");
    Destination { account: ACCOUNT.parse().unwrap(), trail, bucket: bucket.parse().unwrap() }
}

#[async_trait]
impl Site for House {
    fn adapter(&self) -> &dyn Deliver {
        &self.buckets
    }

    async fn destination(&self, gate: Gate) -> Destination {
        to(match gate {
            Gate::Open => "record-open",
            Gate::Closed => "record-closed",
            Gate::Missing => "record-missing",
        })
    }

    async fn read(&self, key: &str) -> Option<(Bytes, Vec<(String, String)>)> {
        let to = to("record-open");
        let name = ObjectName { bucket: to.bucket.clone(), key: key.parse().unwrap(), version: None };
        let got = self.buckets.engine.objects().get(&self.buckets.caller(&to), GetObject::new(name)).await.ok()?;
        let body = got.body.try_collect::<Vec<Bytes>>().await.unwrap().concat();
        Some((Bytes::from(body), got.info.metadata.0.into_iter().collect()))
    }
}

#[tokio::test]
async fn own_buckets_keep_the_contract() {
    delivery_contract(&House::new().await).await;
}

#[tokio::test]
async fn own_signing_keys_keep_the_contract() {
    let house = House::new().await;
    signing_contract(&house.keys).await;
    assert_eq!(house.keys.public_keys().await.unwrap().len(), 1, "one is enough for a year");
}
