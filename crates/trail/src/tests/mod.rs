//! Trails over a real record in a folder, a bucket and a store in memory.

mod administration;
mod chains;
mod contracts;
mod losses;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::testing::event;
use arqueta_audit::{AuditSink as _, JsonLines};
use arqueta_model::{AccountId, Clock as _, ManualClock};
use arqueta_store::{MemoryMeta, MetaStore};
use serde_json::Value;

use crate::log_file::sha256;
use crate::testing::{DigestSigner, MemoryBucket};
use crate::*;

const ACCOUNT: &str = "111122223333";
const HOUR: Duration = Duration::from_secs(3600);

struct Rig {
    clock: Arc<ManualClock>,
    meta: Arc<dyn MetaStore>,
    sink: Arc<JsonLines>,
    bucket: Arc<MemoryBucket>,
    trails: Trails,
    folder: tempfile::TempDir,
}

impl Rig {
    async fn new() -> Self {
        Self::over(Arc::new(MemoryMeta::default())).await
    }

    async fn over(meta: Arc<dyn MetaStore>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let sink = Arc::new(JsonLines::open(folder.path(), clock.clone()).await.unwrap());
        let bucket = Arc::new(MemoryBucket::default());
        let trails = open(&meta, folder.path(), &sink, &bucket, &clock).await.unwrap();
        Self { clock, meta, sink, bucket, trails, folder }
    }

    /// As after a restart.
    async fn reopen(&mut self) {
        self.trails = open(&self.meta, self.folder.path(), &self.sink, &self.bucket, &self.clock).await.unwrap();
    }

    async fn record(&self, name: &str) {
        self.record_for(ACCOUNT, name).await;
    }

    async fn record_for(&self, account: &str, name: &str) {
        let mut event = event(name);
        event.recipient_account_id = account.to_owned();
        event.event_time = self.clock.now().rfc3339();
        self.sink.append(event).await.unwrap();
    }

    /// A trail that logs.
    async fn started(&self, name: &str) -> TrailId {
        let id = self.trails.create(new(name)).await.unwrap().id;
        self.trails.start(&id).await.unwrap();
        id
    }

    fn logs(&self) -> BTreeMap<String, Value> {
        self.files("/CloudTrail/")
    }

    fn digests(&self) -> BTreeMap<String, Value> {
        self.files("/CloudTrail-Digest/")
    }

    fn files(&self, kind: &str) -> BTreeMap<String, Value> {
        let objects = self.bucket.objects().into_iter().filter(|(key, _)| key.contains(kind));
        objects.map(|(key, object)| (key, serde_json::from_slice(&inflated(&object)).unwrap())).collect()
    }

    /// Names of the delivered events, in order of log files and events.
    fn delivered(&self) -> Vec<String> {
        let records = |log: &Value| log["Records"].as_array().unwrap().clone();
        let mut names: Vec<_> = self
            .logs()
            .values()
            .flat_map(records)
            .map(|event| event["eventName"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Checks every digest as `validate-logs` does, and that they name every log file exactly once.
    /// Answers how many chains there are.
    fn validate(&self) -> usize {
        let objects = self.bucket.objects();
        let digests = self.digests();
        let mut named = Vec::new();
        let mut chains = 0;
        for (key, digest) in &digests {
            let text = inflated(&objects[key]);
            let text_of = |name: &str| digest[name].as_str().unwrap_or("null").to_owned();
            assert_eq!(text_of("digestS3Object"), *key);
            let previous = text_of("previousDigestS3Object");
            if previous == "null" {
                chains += 1;
            } else {
                let before = &objects[&previous];
                assert_eq!(text_of("previousDigestHashValue"), sha256(&inflated(before)));
                assert_eq!(text_of("previousDigestSignature"), before.metadata[0].1);
                assert_eq!(digest["digestStartTime"], digests[&previous]["digestEndTime"]);
            }
            let to_sign = [
                text_of("digestEndTime"),
                format!("{}/{key}", text_of("digestS3Bucket")),
                sha256(&text),
                text_of("previousDigestSignature"),
            ];
            let signature = DigestSigner::signature(to_sign.join("\n").as_bytes());
            assert_eq!(
                objects[key].metadata,
                [("signature", hex::encode(signature)), ("signature-algorithm", "SHA256withRSA".to_owned())]
            );
            for log in digest["logFiles"].as_array().unwrap() {
                let log_key = log["s3Object"].as_str().unwrap().to_owned();
                assert_eq!(log["hashValue"], sha256(&inflated(&objects[&log_key])));
                named.push(log_key);
            }
        }
        named.sort();
        assert_eq!(named, self.logs().into_keys().collect::<Vec<_>>());
        chains
    }
}

async fn open(
    meta: &Arc<dyn MetaStore>,
    folder: &std::path::Path,
    sink: &Arc<JsonLines>,
    bucket: &Arc<MemoryBucket>,
    clock: &Arc<ManualClock>,
) -> Result<Trails, Error> {
    let foundations = Foundations {
        meta: meta.clone(),
        record: folder.to_owned(),
        sink: sink.clone(),
        deliver: bucket.clone(),
        sign: Arc::new(DigestSigner),
        clock: clock.clone(),
        selection: Selection::default(),
    };
    let config = Config { region: "eu-west-1".parse().unwrap(), delivery: Duration::from_secs(300), digest: HOUR };
    Trails::open(foundations, config).await
}

fn account() -> AccountId {
    ACCOUNT.parse().unwrap()
}

fn new(name: &str) -> NewTrail {
    NewTrail {
        id: TrailId::new(&account(), name).unwrap(),
        bucket: "record".to_owned(),
        prefix: None,
        kms_key: None,
        global_events: true,
        multi_region: false,
        validation: true,
        tags: Vec::new(),
    }
}

fn inflated(object: &Object) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&object.body[..]).read_to_end(&mut text).unwrap();
    text
}
