//! Whether who asks may: the access hook of s3s.

use std::sync::Arc;

use arqueta_call::{Action, On, Operation, S3, s3_actions};
use arqueta_engine::api::ObjectName;
use arqueta_engine::record::{BucketDocument, BucketRecord};
use arqueta_iam::Identity;
use arqueta_model::{AccountId, Arn, Principal, PrincipalKind};
use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderMap, Uri};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::CopySource;
use s3s::path::S3Path;
use s3s::{S3Error, S3Result, s3_error};

use crate::action;
use crate::condition;
use crate::error;
use crate::exchange::{Exchange, told};
use crate::gate::{About, Gate, Question};
use crate::ops;
use crate::query;
use crate::record::draft::Copied;
use crate::record::{Asked, Recorder};
use crate::replica::Replica;
use crate::requester_pays;
use crate::signing::Signing;
use crate::terms;
use crate::version_2;

/// Nobody's secrets: signatures are verified before s3s sees a request, and taken out of it. s3s
/// asks for access only where it could have verified one.
pub struct NoSecrets;

#[async_trait]
impl S3Auth for NoSecrets {
    async fn get_secret_key(&self, _: &str) -> S3Result<SecretKey> {
        Err(s3_error!(InternalError))
    }
}

/// Authorizes every operation before it runs.
pub struct Access {
    /// Decides.
    pub gate: Arc<Gate>,
    /// Is told before a call takes effect.
    pub recorder: Recorder,
}

#[async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        told(self.admit(cx).await)
    }
}

impl Access {
    async fn admit(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let exchange = Exchange::current().ok_or_else(|| s3_error!(InternalError))?;
        let signing = exchange.signing();
        if cx.credentials().is_some() {
            return Err(s3_error!(InternalError));
        }
        if signing == Signing::None {
            exchange.identify(Arc::new(anonymous()));
            refuse_anonymous(cx.headers(), cx.uri())?;
        }
        let row = S3::known(cx.s3_op().name()).ok_or_else(|| {
            s3_error!(NotImplemented, "A header or query you provided requested a function that is not implemented.")
        })?;
        exchange.name_operation(row);
        self.authorize(&exchange, row, cx, signing).await?;
        if !row.is_served {
            return Err(not_served(row));
        }
        self.recorder.announce(&exchange).await?;
        match action::is_decided_by_body(row, cx.headers(), cx.uri()) {
            true => exchange.admission().admit_to_body(exchange.identity()),
            false => exchange.admission().admit(),
        }
        cx.extensions_mut().insert(exchange);
        Ok(())
    }

    /// Whether the tags of a copy's source may be read there and put here, where it has any.
    async fn decide_copied_tags(
        &self,
        (about_source, source): (Question<'_>, &Source),
        (question, on): (Question<'_>, String),
        bucket: Option<&BucketRecord>,
        target: Option<&ObjectName>,
    ) -> S3Result<()> {
        let gate = &*self.gate;
        let (read, from) = (source.tagging_action(), (About::source(&source.name), &source.name));
        gate.decide_if_tagged(about_source, read, source.arn.as_str(), source.bucket.as_deref(), from).await?;
        let to = (About::target(target), &source.name);
        gate.decide_if_tagged(question, s3_actions::PUT_OBJECT_TAGGING, &on, bucket, to).await
    }

    async fn authorize(
        &self,
        exchange: &Arc<Exchange>,
        row: &'static Operation,
        cx: &S3AccessContext<'_>,
        signing: Signing,
    ) -> S3Result<()> {
        let operation = S3::served(row.name);
        let gate = &*self.gate;
        condition::bounded(cx.headers(), cx.uri())?;
        let path = cx.s3_path();
        let bucket = match path.get_bucket_name() {
            Some(name) => gate.bucket(name).await?,
            None => None,
        };
        if let Some(bucket) = &bucket {
            exchange.locate(Arc::clone(bucket));
        }
        let (headers, uri) = (cx.headers(), cx.uri());
        let (named, key) = (path.get_bucket_name(), path.as_object().map(|(_, key)| key));
        let needs = action::needs(row, headers, uri);
        let asked = Asked { operation: row, bucket: named, key, headers, uri, signing };
        let source = match needs.clone().any(|need| need.of_source) {
            true => Some(Source::of(cx.headers(), gate).await),
            false => None,
        };
        let copied = source.as_ref().and_then(|source| source.as_ref().ok()).map(Source::copied);
        exchange.begin_draft(self.recorder.draft(exchange, asked, copied));
        if signing == Signing::None {
            shut_out(gate, operation, bucket.as_deref())?;
        }
        if let Some(replica) = Replica::of(row, headers, signing)? {
            exchange.replicate(replica);
        }
        let source = source.transpose()?;
        let mut keys = gate.keys(exchange, cx.headers(), cx.uri(), signing);
        if let Some(operation) = operation {
            condition::of_operation(&mut keys, operation);
        }
        let question = Question { exchange, keys: &keys };
        let of_source = source.as_ref().map(|source| condition::of_source(&keys, source.name.version));
        let about_source = Question { keys: of_source.as_ref().unwrap_or(&keys), ..question };
        // Whether a bucket of that name exists is no reason to refuse its creation; what is said
        // then is the engine's answer.
        let present = bucket.as_deref().filter(|_| operation != Some(S3::CreateBucket));
        let target = object_name(path, uri);
        let mut decided = false;
        for need in needs {
            let (question, resource, bucket, about) = match &source {
                Some(source) if need.of_source => {
                    let resource = source.arn.as_str().to_owned();
                    (about_source, resource, source.bucket.as_deref(), About::source(&source.name))
                }
                _ => (question, resource(need.action.on, path)?, present, About::target(target.as_ref())),
            };
            decided = true;
            gate.decide_object(question, need.action, &resource, bucket, about).await?;
        }
        if let Some(action) = action::of_body(row, uri) {
            let on = resource(On::Object, path)?;
            match gate.weigh_object(question, action, &on, present, target.as_ref()).await {
                Ok(()) => decided = true,
                Err(denied) => exchange.doubt(&denied),
            }
        }
        if let Some(operation) = operation.filter(|_| signing.is_version_2()) {
            self.refuse_key_service(exchange, operation, cx, source.as_ref()).await?;
        }
        if operation == Some(S3::CopyObject)
            && action::copies_tags(headers)
            && let Some(source) = &source
        {
            let (from, to) = ((about_source, source), (question, resource(On::Object, path)?));
            self.decide_copied_tags(from, to, present, target.as_ref()).await?;
        }
        if bucket.is_none() && named.is_some() && decided && operation != Some(S3::CreateBucket) {
            // Who may act in it is told first of all that there is none.
            return Err(error::of_engine(&arqueta_engine::Error::NoSuchBucket));
        }
        if !action::is_decided_by_body(row, headers, uri) {
            terms::require(exchange, headers, uri)?;
        }
        let Some(source) = &source else { return Ok(()) };
        if let Some(bucket) = &source.bucket {
            requester_pays::require(exchange, row, bucket, headers, uri)?;
        }
        terms::require_owner("x-amz-source-expected-bucket-owner", headers, source.bucket.as_deref())
    }
}

impl Access {
    /// Refuses a request of Version 2 that has to do with an object under a KMS key.
    async fn refuse_key_service(
        &self,
        exchange: &Exchange,
        operation: S3,
        cx: &S3AccessContext<'_>,
        source: Option<&Source>,
    ) -> S3Result<()> {
        if version_2::writes(operation) {
            version_2::refuse_write(cx.headers(), exchange.bucket().map(|bucket| &**bucket))?;
        }
        if version_2::writes_parts(operation)
            && let Some(name) = object_name(cx.s3_path(), cx.uri())
            && self.gate.is_upload_under_key_service(&name, query::value(cx.uri(), "uploadId").as_deref()).await
        {
            return Err(version_2::refusal());
        }
        let read = object_name(cx.s3_path(), cx.uri()).filter(|_| version_2::reads(operation));
        for name in read.into_iter().chain(source.map(|source| source.name.clone())) {
            if self.gate.is_under_key_service(exchange, name).await {
                return Err(version_2::refusal());
            }
        }
        Ok(())
    }
}

/// What AWS has and nobody here performs.
#[must_use]
pub fn not_served(row: &Operation) -> S3Error {
    s3_error!(NotImplemented, "{} is not implemented. {}", row.name, row.reason)
}

/// What an Object Lambda function is told that answers a request of GetObject. Its address looks like a
/// bucket's and is none, so that it is decided before s3s sees it.
#[must_use]
pub fn refuse_object_lambda(gate: &Gate, recorder: &Recorder, exchange: &Exchange, parts: &Parts) -> S3Error {
    let Some(row) = S3::known(OBJECT_LAMBDA) else { return s3_error!(InternalError) };
    exchange.name_operation(row);
    let (headers, uri, signing) = (&parts.headers, &parts.uri, exchange.signing());
    let asked = Asked { operation: row, bucket: None, key: None, headers, uri, signing };
    exchange.begin_draft(recorder.draft(exchange, asked, None));
    let keys = gate.keys(exchange, headers, uri, signing);
    let question = Question { exchange, keys: &keys };
    let denied = row.permissions.iter().find_map(|needed| gate.decide(question, needed.action, "*", None).err());
    denied.unwrap_or_else(|| not_served(row))
}

/// Whether a request is one of an Object Lambda function (S3 API Reference, WriteGetObjectResponse), if
/// its host names no bucket: in one that is a key like others.
#[must_use]
pub fn is_object_lambda(parts: &Parts) -> bool {
    parts.method == http::Method::POST && parts.uri.path().strip_prefix('/') == Some(OBJECT_LAMBDA)
}

const OBJECT_LAMBDA: &str = "WriteGetObjectResponse";

/// The object that a copy reads.
struct Source {
    arn: Arn,
    name: ObjectName,
    bucket: Option<Arc<BucketRecord>>,
}

impl Source {
    /// What the record says of it.
    fn copied(&self) -> Copied {
        Copied {
            bucket: self.name.bucket.as_str().to_owned(),
            key: self.name.key.as_str().to_owned(),
            owner: self.bucket.as_ref().map(|bucket| bucket.owner.clone()),
        }
    }

    fn tagging_action(&self) -> Action {
        match self.name.version.is_some() {
            true => s3_actions::GET_OBJECT_VERSION_TAGGING,
            false => s3_actions::GET_OBJECT_TAGGING,
        }
    }

    async fn of(headers: &HeaderMap, gate: &Gate) -> S3Result<Self> {
        let invalid = || {
            error::invalid_argument(
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                "x-amz-copy-source",
                headers.get("x-amz-copy-source").and_then(|v| v.to_str().ok()).unwrap_or_default(),
            )
        };
        match ops::copy_source(headers)? {
            CopySource::Bucket { bucket, key, version_id } => {
                let arn = Arn::new("s3", "", "", &format!("{bucket}/{key}"));
                let record = gate.bucket(&bucket).await?;
                let name = named(&bucket, &key, version_id.as_deref()).ok_or_else(invalid)?;
                Ok(Self { arn, name, bucket: record })
            }
            CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
                Err(s3_error!(NotImplemented, "Access points are not implemented."))
            }
        }
    }
}

/// The ARN that an action is decided on.
fn resource(on: On, path: &S3Path) -> S3Result<String> {
    let missing = || s3_error!(InternalError);
    match on {
        On::Account => Ok("arn:aws:s3:::*".to_owned()),
        On::Bucket => Ok(format!("arn:aws:s3:::{}", path.get_bucket_name().ok_or_else(missing)?)),
        On::Object => path.as_object().map(|(bucket, key)| format!("arn:aws:s3:::{bucket}/{key}")).ok_or_else(missing),
        _ => Err(missing()),
    }
}

/// The object of the path, if it can be one.
fn object_name(path: &S3Path, uri: &Uri) -> Option<ObjectName> {
    let (bucket, key) = path.as_object()?;
    named(bucket, key, query::value(uri, "versionId").as_deref())
}

fn named(bucket: &str, key: &str, version: Option<&str>) -> Option<ObjectName> {
    let version = version.filter(|text| !text.is_empty()).map(str::parse).transpose().ok()?;
    Some(ObjectName { bucket: bucket.parse().ok()?, key: key.parse().ok()?, version })
}

/// Nobody. What counts is the kind: policies reach an anonymous caller only by naming everyone,
/// whatever account it is written under.
pub fn anonymous() -> Identity {
    let account: AccountId = "000000000000".parse().expect("twelve digits");
    Identity::bare(Principal {
        arn: Arn::new("iam", "", account.as_str(), "anonymous"),
        account,
        id: "ANONYMOUS_PRINCIPAL".to_owned(),
        kind: PrincipalKind::Anonymous,
        access_key_id: String::new(),
        session: None,
    })
}

/// What an unsigned request may not do, whatever the policies say.
fn refuse_anonymous(headers: &HeaderMap, uri: &Uri) -> S3Result<()> {
    if query::pairs(uri).any(|(name, _)| name.starts_with("response-")) {
        return Err(s3_error!(
            InvalidRequest,
            "Request specific response headers cannot be used for anonymous GET requests."
        ));
    }
    if headers.contains_key("x-amz-security-token") {
        return Err(s3_error!(AccessDenied, "Access Denied"));
    }
    Ok(())
}

/// Refuses a request that nobody signed where nothing could let him in, before anything that he sends
/// is looked at: only a bucket's policy could, unless RestrictPublicBuckets keeps it to the owner's account.
fn shut_out(gate: &Gate, operation: Option<S3>, bucket: Option<&BucketRecord>) -> S3Result<()> {
    let open = |bucket: &BucketRecord| {
        bucket.documents.contains_key(&BucketDocument::Policy) && !gate.known_public_access(bucket).restrict_buckets
    };
    match operation != Some(S3::CreateBucket) && bucket.is_some_and(open) {
        true => Ok(()),
        false => Err(s3_error!(AccessDenied, "Access Denied")),
    }
}

/// Headers that say who sends a request and how its body is framed.
const ONCE: [&str; 5] =
    ["authorization", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-date", "x-amz-security-token"];

/// Refuses requests in which such a header stands twice: s3s takes some of them for missing where
/// the edge would see the first one, and they must not disagree about who asks for what.
///
/// # Errors
/// `InvalidRequest`.
pub fn refuse_doubled(headers: &HeaderMap) -> Result<(), S3Error> {
    match ONCE.iter().find(|name| headers.get_all(**name).iter().nth(1).is_some()) {
        None => Ok(()),
        Some(name) => Err(s3_error!(InvalidRequest, "The header {name} occurs more than once.")),
    }
}

/// Refuses bodies in aws-chunked framing that nothing would decode: they would be stored as they
/// are. Chunks that are signed follow a signature in the header; others need none.
///
/// # Errors
/// `NotImplemented`, `InvalidRequest`.
pub fn refuse_undecoded(headers: &HeaderMap, signing: Signing) -> Result<(), S3Error> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let streaming = text("x-amz-content-sha256").starts_with("STREAMING-");
    let unsigned = text("x-amz-content-sha256") == "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    let encoding = headers.get("content-encoding").map(http::HeaderValue::as_bytes).unwrap_or_default();
    let chunked = encoding.split(|byte| *byte == b',').any(|it| it.trim_ascii().eq_ignore_ascii_case(b"aws-chunked"));
    match signing {
        Signing::Header if streaming => Ok(()),
        Signing::None | Signing::Query | Signing::QueryV2 if unsigned => Ok(()),
        _ if streaming => Err(s3_error!(
            NotImplemented,
            "Signed chunks are implemented for requests signed in the Authorization header."
        )),
        _ if chunked => {
            Err(s3_error!(InvalidRequest, "The Content-Encoding aws-chunked needs a streaming x-amz-content-sha256."))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (http::HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn a_header_that_says_who_asks_stands_once() {
        for name in ONCE {
            let mut headers = headers(&[(name, "a")]);
            assert!(refuse_doubled(&headers).is_ok(), "{name}");
            headers.append(name, HeaderValue::from_static("a"));
            assert!(refuse_doubled(&headers).is_err(), "{name}");
        }
        assert!(refuse_doubled(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn chunked_framing_is_decoded_or_refused() {
        let streaming = headers(&[
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("content-encoding", "aws-chunked"),
        ]);
        for signing in [Signing::Header, Signing::None, Signing::Query, Signing::QueryV2] {
            assert!(refuse_undecoded(&streaming, signing).is_ok(), "{signing:?}");
        }
        for signing in [Signing::Form, Signing::FormV2] {
            assert!(refuse_undecoded(&streaming, signing).is_err(), "{signing:?}");
        }
        let signed = headers(&[("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")]);
        for signing in [Signing::None, Signing::Query, Signing::QueryV2, Signing::Form] {
            assert!(refuse_undecoded(&signed, signing).is_err(), "{signing:?}");
        }
        let bare = headers(&[("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), ("content-encoding", "gzip, aws-chunked")]);
        for signing in [Signing::None, Signing::Query, Signing::Header] {
            assert!(refuse_undecoded(&bare, signing).is_err(), "{signing:?}");
        }
        assert!(refuse_undecoded(&headers(&[("content-encoding", "gzip")]), Signing::None).is_ok());
    }

    #[test]
    fn unsigned_requests_override_no_headers() {
        assert!(refuse_anonymous(&HeaderMap::new(), &Uri::from_static("/b/k?response-content-type=a")).is_err());
        assert!(refuse_anonymous(&HeaderMap::new(), &Uri::from_static("/b/k?versionId=null")).is_ok());
    }
}
