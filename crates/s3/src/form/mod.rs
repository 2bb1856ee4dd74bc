//! PostObject: uploads by browser forms (S3 API Reference, "Browser-based uploads using POST").
//!
//! s3s does not see forms. It reads the file whole where the client states no length, before it
//! asks who may write; here the fields are read, at most [`reader::FIELDS_LIMIT`] of them, the
//! signature and the policy are held against them, the write is decided, and only then the file is
//! streamed on, as the body of a PUT whose headers are the fields. So a form is decided and stored
//! as that PUT would be.

mod disposition;
mod policy;
mod put;
mod reader;
mod signature;
mod success;

use std::sync::Arc;

use arqueta_call::signature::SigningKeys;
use arqueta_call::{On, S3};
use arqueta_engine::api::ObjectName;
use arqueta_iam::Iam;
use arqueta_model::{BucketName, Clock, ObjectKey, Region};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Uri};
use s3s::{Body, S3Error, S3Result, s3_error};

use crate::action;
use crate::auth;
use crate::condition;
use crate::error::{self, invalid_argument};
use crate::exchange::Exchange;
use crate::gate::{About, Gate, Question};
use crate::ops;
use crate::record::{Asked, Recorder};
use crate::refusal::Detail as _;
use crate::signing::Signing;
use crate::terms;
use crate::version_2;

use policy::Policy;
pub use put::FormFile;
use put::Put;
use reader::{Fields, Source};
pub use success::Success;

/// Decides and translates forms.
pub struct Forms {
    /// Decides.
    pub gate: Arc<Gate>,
    /// Whose identities sign.
    pub iam: Arc<Iam>,
    /// Is told before a write takes effect.
    pub recorder: Recorder,
    /// The time that policies and signatures are compared with.
    pub clock: Arc<dyn Clock>,
    /// The Region that forms are signed for.
    pub region: Region,
    /// Whether they may be signed by Version 2.
    pub signature_v2: bool,
    /// Derived signing keys.
    pub keys: SigningKeys,
}

/// Where a form was sent.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The bucket, as the path or the host names it.
    pub bucket: &'a str,
    /// The bucket's URL, without a slash at its end.
    pub base: &'a str,
}

/// Whether a request is a browser form, well-formed or not.
#[must_use]
pub fn is_form(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::POST && headers.get_all(CONTENT_TYPE).iter().any(|value| is_form_data(value.as_bytes()))
}

fn is_form_data(value: &[u8]) -> bool {
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data")
}

/// What a bucket answers to a POST that is no form and asks for nothing else.
#[must_use]
pub fn not_a_form() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
        .detail("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
}

impl Forms {
    /// The PUT that a form asks for, once it may be done, and how to answer it.
    ///
    /// # Errors
    /// Whatever keeps the form from being stored. Nothing of the file has been asked for then.
    pub async fn accept<B>(
        &self,
        headers: &HeaderMap,
        body: B,
        exchange: &Arc<Exchange>,
        target: Target<'_>,
    ) -> S3Result<(Request<Body>, Success)>
    where
        B: http_body::Body<Data = bytes::Bytes, Error = s3s::StdError> + Send + Unpin + 'static,
    {
        let boundary = boundary(headers)?;
        let (mut fields, file) = reader::read(Source::of(body), &boundary, &*self.clock).await?;
        fields.name_file(file.name.as_deref())?;
        let key = key(&fields)?;
        let bucket: BucketName = ops::bucket_name(target.bucket)?;
        let (signing, range) = self.admit(&fields, exchange, target.bucket).await?;
        exchange.sign(signing);
        let put = Put::of(&fields, &bucket, &key)?;
        self.authorize(exchange, &put, signing, ObjectName { bucket: bucket.clone(), key: key.clone(), version: None })
            .await?;
        let success = Success::of(&fields, target.base, &bucket, &key);
        Ok((put.into_request(file.bytes, range, Arc::clone(exchange)), success))
    }

    /// Verifies signature and policy of a form. A form without a policy is nobody's.
    async fn admit(
        &self,
        fields: &Fields,
        exchange: &Arc<Exchange>,
        bucket: &str,
    ) -> S3Result<(Signing, Option<policy::SizeRange>)> {
        let Some(claim) = signature::claim(fields, self.signature_v2)? else {
            exchange.identify(Arc::new(auth::anonymous()));
            return Ok((Signing::None, None));
        };
        let now = self.clock.now();
        claim.require_scope(&self.region, now)?;
        let token = fields.value("x-amz-security-token");
        let credential =
            self.iam.authentication().credential(claim.access_key, token).await.map_err(|e| error::of_iam(&e))?;
        claim.verify(credential.secret.expose(), &self.keys)?;
        exchange.identify(credential.identity);
        let policy = Policy::parse(claim.policy)?;
        policy.require_current(now)?;
        policy.require_match(fields, bucket)?;
        let signing = if claim.is_version_2() { Signing::FormV2 } else { Signing::Form };
        Ok((signing, policy.size_range()?))
    }

    /// Decides the PUT as one that came as such.
    async fn authorize(&self, exchange: &Arc<Exchange>, put: &Put, signing: Signing, name: ObjectName) -> S3Result<()> {
        exchange.name_operation(S3::PostObject.row());
        let bucket = self.gate.bucket(name.bucket.as_str()).await?;
        if let Some(bucket) = &bucket {
            exchange.locate(Arc::clone(bucket));
        }
        let uri = Uri::from_static("/");
        let (headers, bucket_text, key) = (&put.headers, name.bucket.as_str(), name.key.as_str());
        let asked = Asked {
            operation: S3::PostObject.row(),
            bucket: Some(bucket_text),
            key: Some(key),
            headers,
            uri: &uri,
            signing,
        };
        exchange.begin_draft(self.recorder.draft(exchange, asked, None));
        condition::bounded(headers, &uri)?;
        let mut keys = self.gate.keys(exchange, headers, &uri, signing);
        condition::of_operation(&mut keys, S3::PostObject);
        let question = Question { exchange, keys: &keys };
        for need in action::needs(S3::PostObject.row(), headers, &uri) {
            let resource = match need.action.on {
                On::Object => format!("arn:aws:s3:::{bucket_text}/{key}"),
                On::Bucket => format!("arn:aws:s3:::{bucket_text}"),
                _ => return Err(s3_error!(InternalError)),
            };
            let about = About::target(Some(&name));
            self.gate.decide_object(question, need.action, &resource, bucket.as_deref(), about).await?;
        }
        if signing == Signing::FormV2 {
            version_2::refuse_write(headers, bucket.as_deref())?;
        }
        terms::require(exchange, headers, &uri)?;
        self.recorder.begin(exchange).await?;
        exchange.admission().admit();
        Ok(())
    }
}

/// The boundary that the one Content-Type states.
fn boundary(headers: &HeaderMap) -> S3Result<s3s_multipart::Boundary> {
    let malformed = || malformed("The body of your POST request is not well-formed multipart/form-data.");
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let value = values.next().and_then(|value| value.to_str().ok()).filter(|_| values.next().is_none());
    let (_, parameters) = value.and_then(|value| value.split_once(';')).ok_or_else(malformed)?;
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    boundary.and_then(|text| s3s_multipart::Boundary::new(text.as_bytes()).ok()).ok_or_else(malformed)
}

fn malformed(message: &'static str) -> S3Error {
    s3_error!(MalformedPOSTRequest, "{message}")
}

/// A field that must be there.
fn missing(name: &str) -> S3Error {
    let message = format!(
        "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
    );
    invalid_argument(&message, name, "")
}

fn key(fields: &Fields) -> S3Result<ObjectKey> {
    match fields.value("key") {
        None => Err(missing("key")),
        Some("") => Err(invalid_argument("User key must have a length greater than 0.", "key", "")),
        Some(key) => ops::object_key(key),
    }
}

impl std::fmt::Debug for Forms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forms").field("region", &self.region).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (CONTENT_TYPE, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn every_spelling_of_a_form_is_one() {
        for kind in ["multipart/form-data; boundary=a", "Multipart/Form-Data", "multipart/form-data ;boundary=a"] {
            assert!(is_form(&Method::POST, &headers(&[kind])), "{kind}");
            assert!(!is_form(&Method::PUT, &headers(&[kind])), "{kind}");
        }
        assert!(is_form(&Method::POST, &headers(&["text/xml", "multipart/form-data"])));
        for kind in ["text/xml", "multipart/mixed; boundary=a", "application/x-www-form-urlencoded"] {
            assert!(!is_form(&Method::POST, &headers(&[kind])), "{kind}");
        }
    }

    #[test]
    fn the_boundary_is_stated_once() {
        let of = |values: &[&'static str]| boundary(&headers(values)).ok().map(|it| it.as_bytes().to_vec());
        assert_eq!(of(&["Multipart/Form-Data; charset=x; boundary=\"a b\""]).unwrap(), b"a b");
        assert_eq!(of(&["multipart/form-data;boundary=x"]).unwrap(), b"x");
        for bad in [
            &["multipart/form-data"][..],
            &["multipart/form-data; boundary="],
            &["multipart/form-data; boundary=a", "multipart/form-data; boundary=b"],
        ] {
            assert!(of(bad).is_none(), "{bad:?}");
        }
    }
}
