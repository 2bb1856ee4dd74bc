//! What a signed request costs at the edge where that is exact: reads and commits of the metadata
//! store, and calls of the allocator, from the request as it was read to its answer as it is sent.
//! The same on an empty store and beside a hundred thousand objects (a million with
//! `ARQUETA_NIGHTLY`). A budget that grows is a fault; one that shrinks is to be written down here.
//! `crates/engine/tests/budgets.rs` holds the same of the engine alone.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::AuditSink;
use arqueta_aws::{AwsEdge, Services};
use arqueta_call::Connection;
use arqueta_engine::{BucketKeyTable, Config, Engine, Envelope, schema};
use arqueta_envelope::BucketKeyConfig;
use arqueta_iam::testing::TestSealer;
use arqueta_iam::{CreateUser, Entity, Iam, KeyHolder, RootKey, Secret};
use arqueta_keys::Embedded;
use arqueta_kms::testing::FixedRootKey;
use arqueta_kms::{Count, Counted as Operation, Metered};
use arqueta_model::{AccountId, Clock as _, Region, SystemClock};
use arqueta_s3::{EdgeConfig, NoDataEvents, Recorder, S3Edge};
use arqueta_store::{Batch, Counting, MemoryBlobs, MemoryMeta, MetaStore};
use arqueta_trail::testing::{DigestSigner, MemoryBucket};
use arqueta_trail::{Foundations, Selection, Trails};
use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use s3s_sigv4::{AmzDate, Payload};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
const HOST: &str = "127.0.0.1:9000";
const KMS: [(&str, &str); 2] =
    [("x-amz-server-side-encryption", "aws:kms"), ("x-amz-server-side-encryption-bucket-key-enabled", "true")];

const FORM: &str = "application/x-www-form-urlencoded";

/// What a user of a real installation has.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"s3:ListBucket*","Resource":"arn:aws:s3:::bucket"},
  {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::bucket/*"},
  {"Effect":"Allow","Action":"kms:*","Resource":"*"},
  {"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}]}"#;

/// Reads of the store, commits, most allocator calls.
type Budget = (u64, u64, u64);

/// Keeps nothing: what an event costs to build counts, the record's files have tests of their own.
struct Nowhere;

#[async_trait]
impl AuditSink for Nowhere {
    async fn append(&self, event: arqueta_audit::Event) -> Result<(), arqueta_audit::Error> {
        drop(event);
        Ok(())
    }
    async fn announce(&self, event: arqueta_audit::Event) -> Result<(), arqueta_audit::Error> {
        self.append(event).await
    }
    async fn flush(&self) -> Result<(), arqueta_audit::Error> {
        Ok(())
    }
}

/// Who signs: access key and secret.
type Signer = (String, String);

struct World {
    s3: S3Edge,
    aws: AwsEdge,
    meta: Counting<Arc<MemoryMeta>>,
    /// What the engine asks of the key service.
    keys: Arc<Metered<Embedded>>,
    root: Signer,
    user: Signer,
    _folder: tempfile::TempDir,
}

/// A request before it is signed.
struct Call<'a> {
    method: &'a str,
    uri: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: Bytes,
}

impl World {
    async fn new() -> Self {
        let (account, region): (AccountId, Region) = (ACCOUNT.parse().unwrap(), REGION.parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock);
        let meta = Counting::new(Arc::new(MemoryMeta::new()));
        let store: Arc<dyn MetaStore> = Arc::new(meta.clone());
        let sink: Arc<dyn AuditSink> = Arc::new(Nowhere);

        let kms = key_service(&meta).await;
        let root = RootKey { access_key_id: "AKIAROOT".to_owned(), secret: Secret::new("secret-of-root") };
        let config = arqueta_iam::Config { account: account.clone(), root: Some(root) };
        let sealer = Arc::new(TestSealer::default());
        let iam = Arc::new(Iam::open(store.clone(), clock.clone(), sealer, config).await.unwrap().0);
        kms.join_identities(iam.principals()).await.unwrap();
        iam.users()
            .create(&account, CreateUser { user_name: "alice".to_owned(), ..CreateUser::default() })
            .await
            .unwrap();
        iam.permissions().put_inline(&account, Entity::User("alice"), "home", POLICY.to_owned()).await.unwrap();
        let key = iam.access_keys().create(&account, KeyHolder::User("alice")).await.unwrap();

        let table = Arc::new(BucketKeyTable::new(store.clone()));
        let window = BucketKeyConfig { window: Duration::from_secs(3600), ..BucketKeyConfig::default() };
        let keys = Arc::new(Metered::new(kms.clone()));
        let envelope = Envelope::new(keys.clone(), table, clock.clone(), region.clone(), window);
        let (envelope, blobs) = (Arc::new(envelope), Arc::new(MemoryBlobs::default()));
        let engine = Engine::open(store.clone(), blobs, envelope, clock.clone(), Config::new(region.clone())).unwrap();
        let recorder = Recorder::new(sink.clone(), Arc::new(NoDataEvents), region.clone());
        let config = EdgeConfig::new(region.clone());
        let s3 = S3Edge::new(Arc::new(engine), iam.clone(), clock.clone(), recorder, &config);
        let foundations = Foundations {
            meta: store,
            record: folder.path().join("audit"),
            sink: sink.clone(),
            deliver: Arc::new(MemoryBucket::default()),
            sign: Arc::new(DigestSigner),
            clock: clock.clone(),
            selection: Selection::default(),
        };
        let hour = Duration::from_secs(3600);
        let config = arqueta_trail::Config { region: region.clone(), delivery: hour, digest: hour };
        let services = Services {
            trails: Arc::new(Trails::open(foundations, config).await.unwrap()),
            kms,
            iam,
            recorder: arqueta_call::Recorder::new(sink, region.clone()),
            history: None,
            clock,
            region,
            account,
        };
        let user = (key.access_key_id, key.secret.expose().to_owned());
        let root = ("AKIAROOT".to_owned(), "secret-of-root".to_owned());
        Self { s3, aws: AwsEdge::new(services), meta, keys, root, user, _folder: folder }
    }

    /// The bucket, one small and one large object, and as many others.
    async fn fill(&self, objects: usize) {
        let put = async |uri: &str, headers: &[(&str, &str)], size: usize| {
            let body = Bytes::from(vec![7; size]);
            self.send(signed(&self.root, &Call { method: "PUT", uri, headers, body })).await;
        };
        put("/bucket", &[], 0).await;
        put("/bucket/0", &KMS, 4096).await;
        let record = self.meta.get(&schema::current(&"bucket".parse().unwrap(), &"0".parse().unwrap())).await.unwrap();
        for from in (0..objects).step_by(1000) {
            let key = |n: usize| schema::current(&"bucket".parse().unwrap(), &format!("many/{n:07}").parse().unwrap());
            let more = (from..from + 1000).fold(Batch::default(), |all, n| all.put(key(n), record.clone().unwrap()));
            self.meta.commit(more).await.unwrap();
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Bytes {
        let connection = Connection { peer: Ipv4Addr::LOCALHOST.into(), tls: None, cipher_suite: "" };
        let (status, body) = if AwsEdge::matches(&request) {
            let (parts, body) = self.aws.call(request, &connection).await.into_parts();
            (parts.status, body.collect().await.unwrap().to_bytes())
        } else {
            let (parts, body) = self.s3.call(request, &connection).await.into_parts();
            (parts.status, body.collect().await.unwrap().to_bytes())
        };
        assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        body
    }
}

/// The key service that lies in a store.
async fn key_service(meta: &Counting<Arc<MemoryMeta>>) -> Embedded {
    let root = Arc::new(FixedRootKey([7; 32]));
    let config = arqueta_keys::Config::new(ACCOUNT.parse().unwrap(), REGION.parse().unwrap(), root);
    Embedded::open(Arc::new(meta.clone()), Arc::new(Nowhere), Arc::new(SystemClock), config).await.unwrap()
}

/// A request signed now, as an SDK signs it: the payload's hash too where it is one of KMS or IAM.
fn signed((id, secret): &Signer, call: &Call<'_>) -> Request<Full<Bytes>> {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let stamp = SystemClock.now().date_time().format(&format).unwrap();
    let date = AmzDate::parse(&stamp).unwrap();
    let named = |wanted: &str| call.headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
    let service = match named("content-type") {
        Some(FORM) => "iam",
        _ if named("x-amz-target").is_some() => "kms",
        _ => "s3",
    };
    let hash = (service != "s3").then(|| hex::encode(Sha256::digest(&call.body)));
    let mut headers = vec![("host", HOST), ("x-amz-date", stamp.as_str())];
    headers.extend(hash.is_none().then_some(("x-amz-content-sha256", "UNSIGNED-PAYLOAD")));
    headers.extend_from_slice(call.headers);
    headers.sort_unstable();
    let (path, query) = call.uri.split_once('?').unwrap_or((call.uri, ""));
    let query: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    let payload = hash.as_deref().map_or(Payload::Unsigned, Payload::SingleChunk);
    let canonical = s3s_sigv4::create_canonical_request(call.method, path, &query, &headers, payload);
    let to_sign = s3s_sigv4::create_string_to_sign(&canonical, &date, REGION, service);
    let signature = s3s_sigv4::calculate_signature(&to_sign, secret, &date, REGION, service);
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let scope = format!("{id}/{}/{REGION}/{service}/aws4_request", date.fmt_date());
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={}, Signature={}",
        names.join(";"),
        signature.as_str()
    );
    let mut request = Request::builder().method(call.method).uri(call.uri).header("authorization", authorization);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if call.method != "GET" {
        request = request.header("content-length", call.body.len());
    }
    request.body(Full::new(call.body.clone())).unwrap()
}

struct Counted {
    runtime: Runtime,
    world: World,
    /// What went over its budget.
    over: Vec<String>,
}

impl Counted {
    fn new(objects: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let world = runtime.block_on(async {
            let world = World::new().await;
            world.fill(objects).await;
            world
        });
        Self { runtime, world, over: Vec::new() }
    }

    /// Makes the call a few times, so that what is remembered is there, and counts it then: of the allocator's
    /// calls the fewest of some, because caches tidy up behind now and then whoever comes.
    fn hold(&mut self, what: &str, signer: &Signer, call: &Call<'_>, budget: Budget) -> Bytes {
        for _ in 0..3 {
            self.runtime.block_on(self.world.send(signed(signer, call)));
        }
        let (mut answer, mut fewest) = (Bytes::new(), u64::MAX);
        for _ in 0..5 {
            let request = signed(signer, call);
            let (reads, writes) = (self.world.meta.reads(), self.world.meta.writes());
            let counted = allocation_counter::measure(|| answer = self.runtime.block_on(self.world.send(request)));
            let spent = (self.world.meta.reads() - reads, self.world.meta.writes() - writes);
            fewest = fewest.min(counted.count_total);
            if spent != (budget.0, budget.1) {
                self.over.push(format!("{what}: {spent:?} reads and commits, allowed {budget:?}"));
            }
        }
        if fewest > budget.2 {
            self.over.push(format!("{what}: {fewest} allocations, allowed {budget:?}"));
        }
        println!("{what}: {} reads, {} commits, {fewest} allocations", budget.0, budget.1); // --nocapture
        answer
    }

    fn s3(&mut self, what: &str, method: &str, uri: &str, budget: Budget) {
        let headers = if method == "PUT" { &KMS[..] } else { &[] };
        let body = if method == "PUT" { vec![7; 4096].into() } else { Bytes::new() };
        self.hold(what, &self.world.user.clone(), &Call { method, uri, headers, body }, budget);
    }

    fn kms(&mut self, operation: &str, body: &Value, budget: Budget) -> Value {
        let target = format!("TrentService.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let call = Call { method: "POST", uri: "/", headers: &headers, body: body.to_string().into() };
        serde_json::from_slice(&self.hold(operation, &self.world.user.clone(), &call, budget)).unwrap()
    }
}

/// Calls that the size of the store is nothing to.
fn of_one_object(counted: &mut Counted) {
    counted.s3("GET 4 KiB", "GET", "/bucket/0", (3, 0, 136));
    let root = counted.world.root.clone();
    let get = Call { method: "GET", uri: "/bucket/0", headers: &[], body: Bytes::new() };
    counted.hold("GET 4 KiB, root", &root, &get, (3, 0, 134));
    counted.s3("HEAD", "HEAD", "/bucket/0", (2, 0, 86));
    counted.s3("GET of a part", "GET", "/bucket/0?partNumber=1", (3, 0, 149));
    // What it replaces and what it is are weighed for the usage of the bucket.
    // 190, and one or two more when a table grows just then.
    counted.s3("PUT 4 KiB", "PUT", "/bucket/1", (4, 1, 192));
    counted.s3("DELETE of nothing", "DELETE", "/bucket/nothing", (3, 0, 66));
    counted.s3("HEAD of the bucket", "HEAD", "/bucket", (2, 0, 62));
    counted.s3("list of a folder", "GET", "/bucket?list-type=2&prefix=0", (3, 0, 99));
}

fn of_a_key(counted: &mut Counted) {
    let made = counted.kms("CreateKey", &json!({}), (1, 1, 425));
    let key = made["KeyMetadata"]["Arn"].clone();
    let context = json!({ "purpose": "test" });
    let plaintext = "c2VjcmV0";
    let encrypt = json!({ "KeyId": key, "Plaintext": plaintext, "EncryptionContext": context });
    let sealed = counted.kms("Encrypt", &encrypt, (0, 0, 124));
    let decrypt = json!({ "CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": context });
    assert_eq!(counted.kms("Decrypt", &decrypt, (0, 0, 117))["Plaintext"], plaintext);
    let generate = json!({ "KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context });
    counted.kms("GenerateDataKey", &generate, (0, 0, 126));
    counted.kms("DescribeKey", &json!({ "KeyId": key }), (0, 0, 90));
}

/// An identity is one commit, whatever has to be looked up for it.
fn of_an_identity(counted: &mut Counted) {
    for (number, parameters) in
        ["", "&Path=%2Fteam%2F", "&Tags.member.1.Key=a&Tags.member.1.Value=b"].iter().enumerate()
    {
        let body = format!("Action=CreateUser&Version=2010-05-08&UserName=user-{number}{parameters}");
        let call = Call { method: "POST", uri: "/", headers: &[("content-type", FORM)], body: body.into() };
        let (reads, writes) = (counted.world.meta.reads(), counted.world.meta.writes());
        counted.runtime.block_on(counted.world.send(signed(&counted.world.root, &call)));
        let spent = (counted.world.meta.reads() - reads, counted.world.meta.writes() - writes);
        assert_eq!(spent.1, 1, "CreateUser{parameters}: commits");
        assert!(spent.0 <= 3, "CreateUser{parameters}: {} reads", spent.0);
    }
}

#[test]
fn a_call_asks_of_the_key_service_what_its_mode_needs() {
    let counted = Counted::new(0);
    let headers = |key: bool| [KMS[0], (KMS[1].0, if key { "true" } else { "false" })];
    let of = |what: &str, method: &str, uri: &str, headers: &[(&str, &str)], expected: &[(Operation, u64)]| {
        let before = counted.world.keys.snapshot();
        let body = if method == "PUT" && headers.iter().all(|(name, _)| *name != "x-amz-copy-source") {
            vec![7; 4096]
        } else {
            Vec::new()
        };
        let request = signed(&counted.world.root, &Call { method, uri, headers, body: body.into() });
        counted.runtime.block_on(counted.world.send(request));
        let calls = |counts: &[Count], operation| {
            counts.iter().filter(|count| count.operation == operation).map(|count| count.calls).sum::<u64>()
        };
        let after = counted.world.keys.snapshot();
        let spent = [Operation::GenerateDataKey, Operation::Decrypt, Operation::ReEncrypt]
            .map(|operation| (operation, calls(&after, operation) - calls(&before, operation)))
            .into_iter()
            .filter(|(_, calls)| *calls > 0)
            .collect::<Vec<_>>();
        assert_eq!(spent, expected, "{what}");
    };
    let (generate, decrypt) = ((Operation::GenerateDataKey, 1), (Operation::Decrypt, 1));
    of("PUT under a key", "PUT", "/bucket/plain", &headers(false), &[generate]);
    of("GET under a key", "GET", "/bucket/plain", &[], &[decrypt]);
    of("HEAD under a key", "HEAD", "/bucket/plain", &[], &[]);
    of("DELETE", "DELETE", "/bucket/plain", &[], &[]);
    // The bucket key of this window was made with the first object.
    of("PUT with a bucket key", "PUT", "/bucket/shared", &headers(true), &[]);
    // Who reads is asked for once, whoever wrote.
    of("the first GET with a bucket key", "GET", "/bucket/shared", &[], &[decrypt]);
    of("GET with a bucket key", "GET", "/bucket/shared", &[], &[]);
    let copy = |key| [("x-amz-copy-source", "/bucket/shared"), headers(key)[0], headers(key)[1]];
    of("copy with a bucket key", "PUT", "/bucket/copy", &copy(true), &[]);
    of("copy from a bucket key to a key", "PUT", "/bucket/copy", &copy(false), &[generate]);
    of("list", "GET", "/bucket?list-type=2", &[], &[]);
}

/// Makes the grants of these numbers: the fewest allocator calls and bytes that one of them cost.
fn grants(counted: &Counted, key: &Value, numbers: std::ops::Range<usize>) -> (u64, u64) {
    let user = format!("arn:aws:iam::{ACCOUNT}:user/alice");
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "TrentService.CreateGrant")];
    let (mut calls, mut bytes) = (u64::MAX, u64::MAX);
    for number in numbers {
        let context = json!({ "EncryptionContextSubset": { "number": format!("{number:06}") } });
        let grant =
            json!({ "KeyId": key, "GranteePrincipal": user, "Operations": ["Decrypt"], "Constraints": context });
        let request = signed(
            &counted.world.root,
            &Call { method: "POST", uri: "/", headers: &headers, body: grant.to_string().into() },
        );
        let spent = allocation_counter::measure(|| drop(counted.runtime.block_on(counted.world.send(request))));
        (calls, bytes) = (calls.min(spent.count_total), bytes.min(spent.bytes_total));
    }
    (calls, bytes)
}

/// Without a clock: a copy of the key, or of its grants, for each of them would be seen here.
#[test]
fn a_grant_costs_the_same_beside_thousands_and_opening_costs_each_the_same() {
    let mut counted = Counted::new(0);
    let key = counted.kms("CreateKey", &json!({}), (1, 1, u64::MAX))["KeyMetadata"]["Arn"].clone();
    let opened = |counted: &Counted| {
        let spent = allocation_counter::measure(|| drop(counted.runtime.block_on(key_service(&counted.world.meta))));
        (spent.count_total, spent.bytes_total)
    };
    let none = opened(&counted);
    let few = grants(&counted, &key, 0..300);
    let with_few = opened(&counted);
    grants(&counted, &key, 300..3_000);
    let with_many = opened(&counted);
    let many = grants(&counted, &key, 3_000..3_100);
    let within = |what: &str, few: u64, many: u64| {
        assert!(many <= few + few / 10, "{what}: {few} beside few, {many} beside thousands");
    };
    within("allocator calls of a grant", few.0, many.0);
    within("bytes of a grant", few.1, many.1);
    within("allocator calls to open ten grants", (with_few.0 - none.0) / 30, (with_many.0 - none.0) / 300);
    within("bytes to open ten grants", (with_few.1 - none.1) / 30, (with_many.1 - none.1) / 300);
    println!("a grant: {few:?}, {many:?}; opening: {none:?}, {with_few:?}, {with_many:?}"); // --nocapture
}

#[test]
fn a_request_stays_within_its_budget_on_an_empty_and_on_a_large_store() {
    let many = if std::env::var_os("ARQUETA_NIGHTLY").is_some() { 1_000_000 } else { 100_000 };
    let mut over = Vec::new();
    for objects in [0, many] {
        let mut counted = Counted::new(objects);
        of_one_object(&mut counted);
        of_a_key(&mut counted);
        of_an_identity(&mut counted);
        if objects > 0 {
            counted.s3("page of 1,000", "GET", "/bucket?list-type=2&prefix=many/", (4, 0, 3_140));
            counted.s3("versions, 1,000", "GET", "/bucket?prefix=many/&versions=", (4, 0, 6_170));
        }
        over.extend(counted.over.into_iter().map(|what| format!("{objects} objects, {what}")));
    }
    assert!(over.is_empty(), "{over:#?}");
}
