//! Calls as signed requests to a gateway in this process, and its answers as what the model says.

use std::sync::Arc;

use arqueta_aws::AwsEdge;
use arqueta_gateway::route::Router;
use arqueta_model::Clock as _;
use arqueta_s3::Connection;
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full};
use s3s_sigv4::{AmzDate, Payload};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::answer::{Answer, heard};
use crate::call::Call;
use crate::clock::Wall;
use crate::history::Heard;
use crate::request::{Draft, LOGS, draft};

const HOST: &str = "127.0.0.1:9000";
const REGION: &str = "us-east-1";

/// Whoever signs.
#[derive(Clone)]
pub struct Signer {
    pub id: String,
    pub secret: String,
}

/// Clients of one gateway.
#[derive(Clone)]
pub struct Client {
    pub signer: Signer,
    pub router: Router,
    pub clock: Arc<Wall>,
}

impl Client {
    /// Makes the call, the `number`th, and hears what comes of it, and the ETag of what it made.
    pub async fn call(&self, number: u32, call: &Call<String>) -> (Heard, Option<String>) {
        let mut draft = draft(call);
        draft.headers.push(("user-agent", user_agent(number)));
        let answer = self.send(self.sign(draft)).await;
        match answer {
            Err(why) => (Heard::Failed(why), None),
            Ok(answer) => {
                let etag = answer.headers.get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
                (heard(call, &answer), etag)
            }
        }
    }

    /// What a bucket of logs needs that trails can be made.
    pub async fn prepare(&self) {
        let statement = |action: &str, resource: String| {
            json!({ "Effect": "Allow", "Principal": { "Service": "cloudtrail.amazonaws.com" },
                "Action": action, "Resource": resource })
        };
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            statement("s3:GetBucketAcl", format!("arn:aws:s3:::{LOGS}")),
            statement("s3:PutObject", format!("arn:aws:s3:::{LOGS}/*")),
        ] });
        for (uri, body) in [(format!("/{LOGS}"), String::new()), (format!("/{LOGS}?policy"), policy.to_string())] {
            let draft = Draft { service: "s3", method: "PUT", uri, headers: Vec::new(), body: body.into() };
            let answer = self.send(self.sign(draft)).await.unwrap();
            assert!(answer.status < 300, "the bucket of logs: {:?}", answer.body);
        }
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let ip = [127, 0, 0, 1].into();
        if AwsEdge::matches(&request) {
            let (parts, body) =
                self.router.aws.call(request, &Connection { peer: ip, tls: None, cipher_suite: "" }).await.into_parts();
            let body = body.collect().await.map_err(|never| format!("{never:?}"))?.to_bytes();
            return Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body });
        }
        let s3 = self.router.s3.as_ref().expect("S3 is served");
        let connection = Connection { peer: ip, tls: None, cipher_suite: "" };
        let (parts, body) = s3.call(request, &connection).await.into_parts();
        // A body that breaks off is a failure of the gateway's own.
        let body = body.collect().await.map_err(|error| format!("the body breaks off: {error:?}"))?.to_bytes();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    fn sign(&self, draft: Draft) -> Request<Full<Bytes>> {
        let Draft { service, method, uri, headers, body } = draft;
        let text: String = self.clock.now().rfc3339().chars().filter(|c| !"-:".contains(*c)).collect();
        let date = AmzDate::parse(&text).expect("a date");
        let hash = hex::encode(Sha256::digest(&body));
        let mut signed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let iso = date.fmt_iso8601();
        signed.push(("host", HOST));
        signed.push(("x-amz-date", &iso));
        signed.push(("x-amz-content-sha256", &hash));
        signed.sort_unstable();
        let parsed: Uri = uri.parse().expect("a URI");
        let pairs = parsed.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query: Vec<(&str, &str)> = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        let payload = Payload::SingleChunk(&hash);
        let canonical = s3s_sigv4::create_canonical_request(method, parsed.path(), &query, &signed, payload);
        let to_sign = s3s_sigv4::create_string_to_sign(&canonical, &date, REGION, service);
        let signature = s3s_sigv4::calculate_signature(&to_sign, &self.signer.secret, &date, REGION, service);
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}/{REGION}/{service}/aws4_request, SignedHeaders={}, Signature={signature}",
            self.signer.id,
            date.fmt_date(),
            names.join(";")
        );
        let mut request = Request::builder().method(method).uri(&uri).header("authorization", authorization);
        for (name, value) in signed {
            request = request.header(name, value);
        }
        request.header("content-length", body.len()).body(Full::new(body)).expect("a request")
    }
}

/// What the record has of the `number`th call in any case.
pub fn user_agent(number: u32) -> String {
    format!("simulation/{number}")
}
