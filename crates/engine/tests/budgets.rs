//! What a call costs where that is exact: reads and commits of the metadata store, and calls of the
//! allocator on the calling thread. The same on an empty store and beside a hundred thousand objects
//! (a million with `ARQUETA_NIGHTLY`). A budget that grows is a fault; one that shrinks is to be
//! written down here.
#![allow(clippy::unwrap_used)]

mod rig;

use std::sync::Arc;

use arqueta_engine::api::{CreateBucket, GetObject, ListObjectVersions, ListObjects, Versioning};
use arqueta_engine::notifications::{Destination, Notifications, Rule};
use arqueta_engine::schema;
use arqueta_store::{Batch, Counting, MemoryBlobs, MetaStore};
use bytes::Bytes;
use rig::{Mode, Rig, bucket, collect, key, name, pattern};
use tokio::runtime::Runtime;

/// Reads of the store, commits, most allocator calls.
type Budget = (u64, u64, u64);

struct Counted {
    runtime: Runtime,
    rig: Rig,
    meta: Counting<Arc<dyn MetaStore>>,
    /// What went over its budget.
    over: Vec<String>,
}

impl Counted {
    fn new(objects: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut counting = None;
        let wrap = |meta: Arc<dyn MetaStore>| -> Arc<dyn MetaStore> {
            let counted = Counting::new(meta);
            counting = Some(counted.clone());
            Arc::new(counted)
        };
        let rig = Rig::wrapping(Arc::default(), MemoryBlobs::default(), Arc::default(), |_| {}, wrap);
        runtime.block_on(async {
            rig.make_bucket(Versioning::Off).await;
            rig.put_mode("0", pattern(4096), Mode::KmsBucketKey).await;
            rig.put_mode("large", pattern(8 << 20), Mode::KmsBucketKey).await;
            grow(&rig, objects).await;
            for n in 0..50 {
                rig.engine.buckets().create(other(n)).await.unwrap();
            }
        });
        Self { runtime, rig, meta: counting.unwrap(), over: Vec::new() }
    }

    /// Runs `call` once, so that what is remembered is there, and counts it then: of the allocator's calls the
    /// fewest of three, because caches tidy up behind now and then whoever comes.
    fn hold(&mut self, what: &str, budget: Budget, call: impl AsyncFn(&Rig)) {
        self.runtime.block_on(call(&self.rig));
        let mut fewest = u64::MAX;
        for _ in 0..3 {
            let (reads, writes) = (self.meta.reads(), self.meta.writes());
            let counted = allocation_counter::measure(|| {
                self.runtime.block_on(call(&self.rig));
            });
            let spent = (self.meta.reads() - reads, self.meta.writes() - writes);
            fewest = fewest.min(counted.count_total);
            if spent != (budget.0, budget.1) {
                self.over.push(format!("{what}: {spent:?} reads and commits, allowed {budget:?}"));
            }
        }
        if fewest > budget.2 {
            self.over.push(format!("{what}: {fewest} allocations, allowed {budget:?}"));
        }
    }
}

/// Another bucket of the account.
fn other(n: usize) -> CreateBucket {
    CreateBucket {
        bucket: format!("other-{n}").parse().unwrap(),
        owner: rig::account(),
        object_lock: false,
        tags: None,
        documents: Default::default(),
    }
}

/// More objects like the first one. Records do not name their keys, so one serves for all.
async fn grow(rig: &Rig, objects: usize) {
    let record = rig.meta.get(&schema::current(&bucket(), &key("0"))).await.unwrap().unwrap();
    for from in (0..objects).step_by(1000) {
        let more = (from..objects.min(from + 1000)).fold(Batch::default(), |batch, n| {
            batch.put(schema::current(&bucket(), &key(&format!("many/{n:07}"))), record.clone())
        });
        rig.meta.commit(more).await.unwrap();
    }
}

/// Whatever is put from now on is told.
async fn listen(rig: &Rig) {
    let rule = Rule {
        id: "rule".to_owned(),
        destination: Destination::Queue,
        arn: "arn:aws:sqs:us-east-1:111122223333:hook".to_owned(),
        target: "hook".to_owned(),
        events: vec!["s3:ObjectCreated:*".to_owned()],
        prefix: None,
        suffix: None,
    };
    let rules = Notifications { rules: vec![rule] };
    rig.engine.bucket_settings().put_notifications(&bucket(), &rules, false).await.unwrap();
}

async fn get(rig: &Rig, at: &str) -> Bytes {
    collect(rig.get(GetObject::new(name(at))).await.unwrap()).await.unwrap()
}

async fn page(rig: &Rig, prefix: &str, delimiter: Option<&str>) -> usize {
    let input = ListObjects {
        bucket: bucket(),
        prefix: prefix.to_owned(),
        delimiter: delimiter.map(str::to_owned),
        after: None,
        limit: 1000,
    };
    let page = rig.engine.listing().objects(input).await.unwrap();
    page.objects.len() + page.prefixes.len()
}

async fn versions(rig: &Rig) -> usize {
    let input = ListObjectVersions {
        bucket: bucket(),
        prefix: "many/".to_owned(),
        delimiter: None,
        key_marker: None,
        version_marker: None,
        limit: 1000,
    };
    rig.engine.listing().versions(input).await.unwrap().versions.len()
}

/// Costs of calls about one object: the size of the store is nothing to them.
fn of_one_object(counted: &mut Counted) {
    counted.hold("GET 4 KiB", (2, 0, 80), async |rig| assert_eq!(get(rig, "0").await.len(), 4096));
    counted.hold("HEAD", (1, 0, 30), async |rig| {
        rig.engine.objects().head(&rig.caller, GetObject::new(name("0"))).await.unwrap();
    });
    counted.hold("PUT 4 KiB", (3, 1, 130), async |rig| {
        rig.put_mode("0", pattern(4096), Mode::KmsBucketKey).await;
    });
    counted.hold("GET 8 MiB", (1, 0, 4_590), async |rig| assert_eq!(get(rig, "large").await.len(), 8 << 20));
    counted.hold("PUT 8 MiB", (3, 1, 270), async |rig| {
        rig.put_mode("large", pattern(8 << 20), Mode::KmsBucketKey).await;
    });
    counted.hold("DELETE of nothing", (2, 0, 20), async |rig| {
        rig.delete(name("nothing")).await.unwrap();
    });
    counted.runtime.block_on(listen(&counted.rig));
    counted.hold("PUT 4 KiB that is told", (3, 1, 160), async |rig| {
        rig.put_mode("0", pattern(4096), Mode::KmsBucketKey).await;
    });
    counted.hold("list of a folder", (2, 0, 40), async |rig| assert_eq!(page(rig, "large", None).await, 1));
}

/// What is to be replicated costs its rows in the same commit, and reads nothing more.
fn replicated(counted: &mut Counted) {
    let rule = arqueta_engine::replication::Rule {
        id: "r".to_owned(),
        enabled: true,
        priority: Some(1),
        filter: Default::default(),
        destination: arqueta_engine::replication::Destination {
            bucket: "there".parse().unwrap(),
            account: None,
            owner_override: false,
            storage_class: None,
            replica_key: None,
            metrics: None,
            time_control: None,
        },
        delete_markers: Some(false),
        existing: None,
        sse_kms: Some(true),
        replica_modifications: None,
    };
    let put = async |rig: &Rig| {
        rig.put_mode("versions", pattern(4096), Mode::KmsBucketKey).await;
    };
    let settings = |counted: &Counted, rules: Option<arqueta_engine::replication::Rule>| {
        let rig = &counted.rig;
        counted.runtime.block_on(async {
            let settings = rig.engine.bucket_settings();
            settings.put_versioning(&bucket(), Versioning::Enabled).await.unwrap();
            if let Some(rule) = rules {
                let replication = arqueta_engine::replication::Replication { role: String::new(), rules: vec![rule] };
                settings.put_replication(&bucket(), &replication).await.unwrap();
            }
        });
    };
    settings(counted, None);
    counted.hold("PUT 4 KiB of a version", (3, 1, 200), put);
    settings(counted, Some(rule));
    counted.hold("PUT 4 KiB of a version that is replicated", (3, 1, 300), put);
}

/// What a limit of the account adds: one look at what would be replaced, and nothing for its other buckets.
fn under_an_account_quota(counted: &mut Counted) {
    let limit = |counted: &Counted, bytes| {
        let quota = arqueta_engine::usage::Quota { bytes, objects: None };
        counted.runtime.block_on(counted.rig.engine.usage().limit_account(&rig::account(), quota)).unwrap();
    };
    limit(counted, Some(u64::MAX));
    counted.hold("PUT 4 KiB under a quota of the account", (4, 1, 150), async |rig| {
        let put = rig.put_with("0", pattern(4096), |put| {
            (put.size, put.encryption) = (Some(4096), Mode::KmsBucketKey.request());
        });
        put.await.unwrap();
    });
    limit(counted, None);
}

#[test]
fn a_call_stays_within_its_budget_on_an_empty_and_on_a_large_store() {
    let many = if std::env::var_os("ARQUETA_NIGHTLY").is_some() { 1_000_000 } else { 100_000 };
    let mut over = Vec::new();
    for objects in [0, many] {
        let mut counted = Counted::new(objects);
        // First: from then on puts are told.
        under_an_account_quota(&mut counted);
        of_one_object(&mut counted);
        if objects > 0 {
            counted.hold("list of folders", (3, 0, 70), async |rig| {
                assert_eq!(page(rig, "", Some("/")).await, 3);
            });
            counted.hold("page of 1,000", (3, 0, 3_080), async |rig| assert_eq!(page(rig, "many/", None).await, 1000));
            counted.hold("versions, 1,000", (3, 0, 6_100), async |rig| assert_eq!(versions(rig).await, 1000));
        }
        replicated(&mut counted);
        over.extend(counted.over.into_iter().map(|what| format!("{objects} objects, {what}")));
    }
    assert!(over.is_empty(), "{over:#?}");
}
