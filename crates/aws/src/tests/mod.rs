//! The edge as a client sees it: signed requests in, answers out, everything in memory.

mod announcements;
mod cloudtrail;
mod iam;
mod requests;
mod sts;
mod trails;

use std::sync::Arc;

use arqueta_audit::{History, JsonLines};
use arqueta_call::{Connection, Recorder};
use arqueta_iam::testing::TestSealer;
use arqueta_iam::{Iam, RootKey, Secret};
use arqueta_keys::Embedded;
use arqueta_model::{AccountId, Clock as _, ManualClock, Region};
use arqueta_root::FileRootKey;
use arqueta_store::MemoryMeta;
use arqueta_trail::testing::{DigestSigner, MemoryBucket};
use arqueta_trail::{Foundations, Selection, Trails};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use s3s_sigv4::{AmzDate, Payload};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{AwsEdge, Services};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-west-1";
const HOST: &str = "127.0.0.1:9000";

/// Whoever signs.
#[derive(Debug, Clone)]
struct Signer {
    access_key_id: String,
    secret: String,
    token: Option<String>,
}

/// An edge over stores in memory.
struct Edge {
    edge: AwsEdge,
    services: Services,
    clock: Arc<ManualClock>,
    root: Signer,
    audit: Arc<JsonLines>,
    /// Where trails deliver.
    delivery: Arc<MemoryBucket>,
    folder: tempfile::TempDir,
}

/// An answer, whole.
#[derive(Debug)]
struct Answered {
    status: StatusCode,
    headers: http::HeaderMap,
    body: String,
}

async fn trails(
    clock: &Arc<ManualClock>,
    audit: &Arc<JsonLines>,
    record: &std::path::Path,
    delivery: &Arc<MemoryBucket>,
) -> Arc<Trails> {
    let foundations = Foundations {
        meta: Arc::new(MemoryMeta::default()),
        record: record.to_owned(),
        sink: audit.clone(),
        deliver: delivery.clone(),
        sign: Arc::new(DigestSigner),
        clock: clock.clone(),
        selection: Selection::default(),
    };
    let hour = std::time::Duration::from_secs(3600);
    let config = arqueta_trail::Config { region: REGION.parse().unwrap(), delivery: hour / 12, digest: hour };
    Arc::new(Trails::open(foundations, config).await.unwrap())
}

impl Edge {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let account: AccountId = ACCOUNT.parse().unwrap();
        let region: Region = REGION.parse().unwrap();
        let record = folder.path().join("audit");
        let audit = Arc::new(JsonLines::open(&record, clock.clone()).await.unwrap());
        let root = Arc::new(FileRootKey::new(folder.path().join("root.key")));
        let root = arqueta_keys::Config::new(account.clone(), region.clone(), root);
        let kms = Embedded::open(Arc::new(MemoryMeta::default()), audit.clone(), clock.clone(), root).await.unwrap();
        let key = RootKey { access_key_id: "AKIDROOT".to_owned(), secret: Secret::new("root secret") };
        let config = arqueta_iam::Config { account: account.clone(), root: Some(key) };
        let sealer = Arc::new(TestSealer::default());
        let (iam, _) = Iam::open(Arc::new(MemoryMeta::default()), clock.clone(), sealer, config).await.unwrap();
        let iam = Arc::new(iam);
        kms.join_identities(iam.principals()).await.unwrap();
        let delivery = Arc::new(MemoryBucket::default());
        let trails = trails(&clock, &audit, &record, &delivery).await;
        let services = Services {
            trails,
            kms,
            iam,
            recorder: Recorder::new(audit.clone(), region.clone()),
            history: Some(Arc::new(History::new(record, Arc::new(arqueta_audit::testing::TestSealer(1))))),
            clock: clock.clone(),
            region,
            account,
        };
        let root = Signer { access_key_id: "AKIDROOT".to_owned(), secret: "root secret".to_owned(), token: None };
        Self { edge: AwsEdge::new(services.clone()), services, clock, root, audit, delivery, folder }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answered {
        assert!(AwsEdge::matches(&request), "{request:?}");
        let response =
            self.edge.call(request, &Connection { peer: [127, 0, 0, 1].into(), tls: None, cipher_suite: "" }).await;
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert_eq!(parts.headers["x-amzn-requestid"].len(), 16, "every answer has a request id");
        Answered { status: parts.status, headers: parts.headers, body }
    }

    fn date(&self) -> AmzDate {
        let text: String = self.clock.now().rfc3339().chars().filter(|c| !"-:".contains(*c)).collect();
        AmzDate::parse(&text).unwrap()
    }

    /// A request that `signer` signed now.
    fn signed(&self, signer: &Signer, service: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
        let date = self.date();
        let iso = date.fmt_iso8601();
        let mut signed: Vec<(&str, &str)> = vec![("host", HOST), ("x-amz-date", &iso)];
        signed.extend(headers);
        signed.extend(signer.token.as_deref().map(|token| ("x-amz-security-token", token)));
        signed.sort_unstable();
        let hash = hex::encode(Sha256::digest(body));
        let none: [(&str, &str); 0] = [];
        let canonical = s3s_sigv4::create_canonical_request("POST", "/", &none, &signed, Payload::SingleChunk(&hash));
        let to_sign = s3s_sigv4::create_string_to_sign(&canonical, &date, REGION, service);
        let signature = s3s_sigv4::calculate_signature(&to_sign, &signer.secret, &date, REGION, service);
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}/{REGION}/{service}/aws4_request, SignedHeaders={}, Signature={signature}",
            signer.access_key_id,
            date.fmt_date(),
            names.join(";")
        );
        let mut request = Request::builder().method("POST").uri("/").header("authorization", authorization);
        for (name, value) in signed {
            request = request.header(name, value);
        }
        request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
    }

    async fn json(&self, signer: &Signer, service: &str, target: &str, body: Value) -> Answered {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        self.send(self.signed(signer, service, &headers, &body.to_string())).await
    }

    async fn query(&self, signer: &Signer, service: &str, parameters: &[(&str, &str)]) -> Answered {
        let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let pairs = parameters.iter().copied().chain([("Version", version)]);
        let body: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        self.send(self.signed(signer, service, &headers, &body.join("&"))).await
    }

    /// An IAM call of the root user that succeeds.
    async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Answered {
        let parameters: Vec<(&str, &str)> = [("Action", action)].iter().chain(parameters).copied().collect();
        let answered = self.query(&self.root, "iam", &parameters).await;
        assert_eq!(answered.status, StatusCode::OK, "{action}: {}", answered.body);
        assert!(
            answered.body.contains(&format!("<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">"))
        );
        answered
    }

    async fn iam_refused(&self, action: &str, parameters: &[(&str, &str)], status: u16, code: &str) {
        let parameters: Vec<(&str, &str)> = [("Action", action)].iter().chain(parameters).copied().collect();
        self.query(&self.root, "iam", &parameters).await.refused(status, code);
    }

    /// A user with an access key and an inline policy.
    async fn user(&self, name: &str, policy: &str) -> Signer {
        self.iam("CreateUser", &[("UserName", name)]).await;
        self.iam("PutUserPolicy", &[("UserName", name), ("PolicyName", "p"), ("PolicyDocument", policy)]).await;
        let key = self.iam("CreateAccessKey", &[("UserName", name)]).await;
        Signer { access_key_id: key.element("AccessKeyId"), secret: key.element("SecretAccessKey"), token: None }
    }

    /// Everything that the record's files hold.
    fn record(&self) -> String {
        let files = std::fs::read_dir(self.folder.path().join("audit")).unwrap();
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }
}

impl Answered {
    /// The text of the first element of that name.
    fn element(&self, name: &str) -> String {
        let text =
            self.body.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
        text.unwrap_or_else(|| panic!("no <{name}> in {}", self.body)).0.to_owned()
    }

    fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), &*self.element("Code")), (status, code), "{}", self.body);
    }

    fn refused_json(&self, status: u16, code: &str) {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!((self.status.as_u16(), &body["__type"]), (status, &Value::from(code)), "{}", self.body);
        assert_eq!(self.headers["x-amzn-errortype"], code);
    }
}

fn policy(effect: &str, action: &str, resource: &str) -> String {
    serde_json::json!({ "Version": "2012-10-17", "Statement": [{ "Effect": effect, "Action": action, "Resource": resource }] })
        .to_string()
}
