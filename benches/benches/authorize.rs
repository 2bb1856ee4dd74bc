//! What deciding about a GET costs, in CPU time of the whole process: the signature, the policies,
//! the recheck of a bucket-key hit, and the record; and the whole request through the S3 edge with
//! and without data events. Everything is in memory but the record, which is sealed and synced.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arqueta_audit::{AuditSink, EventBuilder, JsonLines};
use arqueta_engine::{BucketKeyTable, Config, Engine, Envelope};
use arqueta_envelope::BucketKeyConfig;
use arqueta_iam::testing::TestSealer;
use arqueta_iam::{
    ConditionKeys, CreateUser, Entity, Iam, KeyHolder, Policy, PolicyKind, PolicyRequest, RootKey, Secret,
};
use arqueta_keys::{Embedded, RecordSealer, api};
use arqueta_kms::testing::{FixedRootKey, root};
use arqueta_kms::{Caller, Kms, Operation, RootSecret};
use arqueta_model::{
    AccountId, Clock as _, EncryptionContext, KeyArn, Principal, Region, RequestId, RequestInfo, SystemClock,
};
use arqueta_s3::{Connection, DataSelection, EdgeConfig, Recorder, S3Edge};
use arqueta_store::{MemoryBlobs, MemoryMeta, MetaStore};
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use rustix::time::{ClockId, clock_gettime};
use s3s_sigv4::{AmzDate, AuthorizationV4, Payload};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
const HOST: &str = "127.0.0.1:9000";
const BUCKET: &str = "arn:aws:s3:::bucket";
const OBJECT: &str = "arn:aws:s3:::bucket/home/alice/report.parquet";
const PATH: &str = "/bucket/home/alice/report.parquet";
/// Requests at once: as many share one sync of the record.
const LANES: u64 = 64;

/// What a user of a real installation has: several statements, some with conditions.
const USER_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":["s3:ListBucket","s3:GetBucketLocation"],"Resource":"arn:aws:s3:::bucket",
   "Condition":{"StringLike":{"s3:prefix":["home/alice/*"]}}},
  {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:DeleteObject"],"Resource":"arn:aws:s3:::bucket/home/alice/*"},
  {"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*",
   "Condition":{"StringEquals":{"kms:ViaService":"s3.us-east-1.amazonaws.com"}}},
  {"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","127.0.0.0/8"]}}}]}"#;
const BUCKET_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/*",
   "Condition":{"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}},
  {"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"],
   "Condition":{"NumericLessThan":{"s3:TlsVersion":"1.2"}}},
  {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/shared/*"}]}"#;

/// Data events of everything, or of nothing.
#[derive(Default)]
struct Selection(AtomicBool);

impl DataSelection for Selection {
    fn wants(&self, _: &AccountId, _: &str, _: &str, _: bool) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct World {
    edge: S3Edge,
    iam: Arc<Iam>,
    kms: Embedded,
    key: KeyArn,
    record: Arc<JsonLines>,
    selection: Arc<Selection>,
    access_key: (String, String),
    bucket_policy: Policy,
    region: Region,
    account: AccountId,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let (account, region): (AccountId, Region) = (ACCOUNT.parse().unwrap(), REGION.parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let record = Arc::new(JsonLines::open(folder.path(), Arc::new(SystemClock)).await.unwrap());
        record.seal(Arc::new(RecordSealer::new(&RootSecret::from_bytes(&[7; 32]))), None).await.unwrap();
        let meta: Arc<dyn MetaStore> = Arc::new(MemoryMeta::new());

        let config = arqueta_keys::Config::new(account.clone(), region.clone(), Arc::new(FixedRootKey([7; 32])));
        let sink: Arc<dyn AuditSink> = record.clone();
        let kms = Embedded::open(meta.clone(), sink.clone(), Arc::new(SystemClock), config).await.unwrap();
        let (caller, request) = (root(ACCOUNT), api::CreateKeyRequest::default());
        let made = arqueta_keys::run(&kms, (&caller).into(), request, |_| Value::Null).await.unwrap();
        let key: KeyArn = made.key_metadata.arn.parse().unwrap();

        let first = RootKey { access_key_id: "AKIAROOT".to_owned(), secret: Secret::new("secret-of-root") };
        let config = arqueta_iam::Config { account: account.clone(), root: Some(first) };
        let (iam, _) =
            Iam::open(meta.clone(), Arc::new(SystemClock), Arc::new(TestSealer::default()), config).await.unwrap();
        let iam = Arc::new(iam);
        let access_key = user(&iam, &account).await;

        let table = Arc::new(BucketKeyTable::new(meta.clone()));
        let window = BucketKeyConfig { window: Duration::from_secs(3600), ..BucketKeyConfig::default() };
        let envelope = Envelope::new(Arc::new(kms.clone()), table, Arc::new(SystemClock), region.clone(), window);
        let engine = Engine::open(
            meta,
            Arc::new(MemoryBlobs::default()),
            Arc::new(envelope),
            Arc::new(SystemClock),
            Config::new(region.clone()),
        );
        let selection = Arc::new(Selection::default());
        let recorder = Recorder::new(sink, selection.clone(), region.clone());
        let config = EdgeConfig::new(region.clone());
        let edge = S3Edge::new(Arc::new(engine.unwrap()), iam.clone(), Arc::new(SystemClock), recorder, &config);
        let bucket_policy = Policy::parse(BUCKET_POLICY, PolicyKind::Resource).unwrap();
        let world = Self {
            edge,
            iam,
            kms,
            key,
            record,
            selection,
            access_key,
            bucket_policy,
            region,
            account,
            _folder: folder,
        };
        world.fill().await;
        world
    }

    async fn fill(&self) {
        let by = ("AKIAROOT".to_owned(), "secret-of-root".to_owned());
        let kms = [
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", self.key.as_str()),
            ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
        ];
        for (uri, headers, body) in
            [("/bucket", &[][..], ""), ("/bucket?policy", &[][..], BUCKET_POLICY), (PATH, &kms[..], "content")]
        {
            let status = self.call(signed(&by, "PUT", uri, headers, body)).await;
            assert!(status < 300, "{uri}: {status}");
        }
    }

    async fn call(&self, request: Request<Full<Bytes>>) -> u16 {
        let connection = Connection { peer: Ipv4Addr::LOCALHOST.into(), tls: None, cipher_suite: "" };
        let (parts, body) = self.edge.call(request, &connection).await.into_parts();
        body.collect().await.unwrap();
        parts.status.as_u16()
    }

    async fn caller(&self) -> Caller {
        let identity = self.iam.authentication().credential(&self.access_key.0, None).await.unwrap().identity;
        let request = RequestInfo {
            id: RequestId::random(),
            source_ip: Ipv4Addr::LOCALHOST.into(),
            user_agent: "aws-sdk-rust/1.3.9 os/linux lang/rust/1.95".into(),
            secure_transport: false,
            tls: None,
            received: SystemClock.now(),
            via_service: Some("s3.us-east-1.amazonaws.com".into()),
        };
        Caller::new(identity, Arc::new(request))
    }

    /// The signature of a request, from its headers to the comparison.
    async fn verify(&self, request: &Request<Full<Bytes>>) {
        let headers = request.headers();
        let authorization = AuthorizationV4::parse(text(headers, "authorization")).unwrap();
        let date = AmzDate::parse(text(headers, "x-amz-date")).unwrap();
        let credential =
            self.iam.authentication().credential(authorization.credential.access_key_id, None).await.unwrap();
        let names = &authorization.signed_headers;
        let signed: Vec<(&str, &str)> = names.iter().map(|name| (*name, text(headers, name))).collect();
        let canonical = canonical(request.method().as_str(), request.uri().path(), &[], &signed);
        let to_sign = s3s_sigv4::create_string_to_sign(&canonical, &date, REGION, "s3");
        let signature = s3s_sigv4::calculate_signature(&to_sign, credential.secret.expose(), &date, REGION, "s3");
        assert_eq!(signature.as_str(), authorization.signature);
    }

    /// Identity policies and the bucket's, with the condition keys of the request.
    fn decide(&self, caller: &Caller, headers: &HeaderMap) {
        let mut keys = ConditionKeys::of_request(&caller.request, &self.region);
        keys.insert("s3:x-amz-content-sha256", text(headers, "x-amz-content-sha256"));
        keys.insert("s3:authType", "REST-HEADER");
        keys.insert("s3:signatureversion", "AWS4-HMAC-SHA256");
        keys.insert("s3:signatureAge", "1000");
        let request = PolicyRequest { action: "s3:GetObject", resource: OBJECT, keys: &keys };
        arqueta_iam::authorize(&caller.identity, &request, Some(&self.bucket_policy), &self.account).unwrap();
    }

    async fn recheck(&self, caller: &Caller) {
        let pairs = [("aws:s3:arn".to_owned(), BUCKET.to_owned())].into();
        let context = EncryptionContext::new(pairs).unwrap();
        Kms::recheck(&self.kms, caller, Operation::Decrypt, &self.key, &context).await.unwrap();
    }

    /// A data event as the edge writes it.
    async fn record(&self, caller: &Caller) {
        let principal: &Principal = &caller.identity.principal;
        let parameters: Map<String, Value> = [("bucketName", "bucket"), ("Host", HOST), ("key", &PATH[8..])]
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.into()))
            .collect();
        let additional = json!({"SignatureVersion": "SigV4", "AuthenticationMethod": "AuthHeader",
            "bytesTransferredIn": 0, "bytesTransferredOut": 7, "x-amz-id-2": "YXJxdWV0YS9kZDlkZTk0MTI5YjVjNzdj"});
        let event = EventBuilder::new("s3.amazonaws.com", "GetObject", &self.region, principal, &caller.request)
            .parameters(parameters)
            .data()
            .resource("AWS::S3::Object", OBJECT, "")
            .resource("AWS::S3::Bucket", BUCKET, ACCOUNT)
            .additional(additional);
        self.record.append(event.build()).await.unwrap();
    }
}

async fn user(iam: &Iam, account: &AccountId) -> (String, String) {
    let create = CreateUser { user_name: "alice".to_owned(), ..CreateUser::default() };
    iam.users().create(account, create).await.unwrap();
    iam.permissions().put_inline(account, Entity::User("alice"), "home", USER_POLICY.to_owned()).await.unwrap();
    let key = iam.access_keys().create(account, KeyHolder::User("alice")).await.unwrap();
    (key.access_key_id, key.secret.expose().to_owned())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap().to_str().unwrap()
}

fn canonical(method: &str, path: &str, query: &[(String, String)], headers: &[(&str, &str)]) -> String {
    s3s_sigv4::create_canonical_request(method, path, query, headers, Payload::Unsigned)
}

/// A request signed now, as an SDK signs it; good for a quarter of an hour.
fn signed(
    (id, secret): &(String, String),
    method: &str,
    uri: &str,
    extra: &[(&str, &str)],
    body: &'static str,
) -> Request<Full<Bytes>> {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let stamp = SystemClock.now().date_time().format(&format).unwrap();
    let date = AmzDate::parse(&stamp).unwrap();
    let mut headers =
        vec![("host", HOST), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), ("x-amz-date", stamp.as_str())];
    headers.extend_from_slice(extra);
    headers.sort_unstable();
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let query: Vec<_> = query.split('&').filter(|q| !q.is_empty()).map(|q| (q.to_owned(), String::new())).collect();
    let to_sign = s3s_sigv4::create_string_to_sign(&canonical(method, path, &query, &headers), &date, REGION, "s3");
    let signature = s3s_sigv4::calculate_signature(&to_sign, secret, &date, REGION, "s3");
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let scope = format!("{id}/{}/{REGION}/s3/aws4_request", date.fmt_date());
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={}, Signature={}",
        names.join(";"),
        signature.as_str()
    );
    let mut request = Request::builder().method(method).uri(uri).header("authorization", authorization);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    if method == "PUT" {
        request = request.header("content-length", body.len());
    }
    request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

/// CPU time that all threads of this process have used.
fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.try_into().unwrap(), spent.tv_nsec.try_into().unwrap())
}

/// CPU time of `calls` calls, of which [`LANES`] are under way at any time.
async fn concurrently<F>(calls: u64, call: impl Fn() -> F + Clone + Send + 'static) -> Duration
where
    F: Future<Output = ()> + Send + 'static,
{
    let before = cpu();
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let call = call.clone();
            tokio::spawn(async move {
                for _ in (lane..calls).step_by(usize::try_from(LANES).unwrap()) {
                    call().await;
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
    cpu() - before
}

/// What one call costs on average, over everything that was measured.
#[derive(Default)]
struct Spent {
    rows: Vec<(&'static str, Duration, u64)>,
}

impl Spent {
    fn measure<F>(
        &mut self,
        c: &mut Criterion,
        runtime: &Runtime,
        name: &'static str,
        call: impl Fn() -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (mut spent, mut made) = (Duration::ZERO, 0);
        c.bench_function(name, |b| {
            b.iter_custom(|calls| {
                let took = runtime.block_on(concurrently(calls, call.clone()));
                // Few calls are the warm-up's, which still meets cold caches.
                if calls >= 1000 {
                    (spent, made) = (spent + took, made + calls);
                }
                took
            });
        });
        self.rows.push((name, spent, made.max(1)));
    }

    fn micros(&self, at: usize) -> f64 {
        let (_, spent, made) = self.rows[at];
        spent.as_secs_f64() * 1e6 / made as f64
    }

    fn print(&self) {
        println!("\nCPU microseconds a request, {LANES} at once:");
        for (at, (name, ..)) in self.rows.iter().enumerate() {
            println!("  {:7.2}  {name}", self.micros(at));
        }
        let decided: f64 = (0..3).map(|at| self.micros(at)).sum();
        println!("  {decided:7.2}  authorization: the first three");
        println!("  {:7.2}  authorization and a data event", decided + self.micros(3));
    }
}

fn authorize(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let world = Arc::new(runtime.block_on(World::new()));
    let caller = Arc::new(runtime.block_on(world.caller()));
    let request = Arc::new(signed(&world.access_key, "GET", PATH, &[], ""));
    let mut spent = Spent::default();
    {
        let (world, request) = (world.clone(), request.clone());
        spent.measure(c, &runtime, "signature and access key", move || {
            let (world, request) = (world.clone(), request.clone());
            async move { world.verify(&request).await }
        });
    }
    {
        let (world, caller, request) = (world.clone(), caller.clone(), request.clone());
        spent.measure(c, &runtime, "identity and bucket policy", move || {
            let (world, caller, request) = (world.clone(), caller.clone(), request.clone());
            async move { world.decide(&caller, request.headers()) }
        });
    }
    {
        let (world, caller) = (world.clone(), caller.clone());
        spent.measure(c, &runtime, "recheck of a bucket-key hit", move || {
            let (world, caller) = (world.clone(), caller.clone());
            async move { world.recheck(&caller).await }
        });
    }
    {
        let (world, caller) = (world.clone(), caller.clone());
        spent.measure(c, &runtime, "one data event, sealed and synced", move || {
            let (world, caller) = (world.clone(), caller.clone());
            async move { world.record(&caller).await }
        });
    }
    for (name, data_events) in [("whole GET, data events off", false), ("whole GET, data events on", true)] {
        let (world, request) = (world.clone(), request.clone());
        world.selection.0.store(data_events, Ordering::Relaxed);
        spent.measure(c, &runtime, name, move || {
            let (world, request) = (world.clone(), request.clone());
            async move { assert_eq!(world.call((*request).clone()).await, 200) }
        });
    }
    spent.print();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = authorize
}
criterion_main!(benches);
