//! Requests about a whole account, as S3 Control has them: what it blocks of public access, for all its buckets.

use std::sync::Arc;

use arqueta_call::S3;
use arqueta_engine::api::BucketDocument;
use arqueta_engine::{Engine, Error};
use arqueta_model::AccountId;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Response};
use s3s::dto::PublicAccessBlockConfiguration;
use s3s::xml::{Deserialize as _, Deserializer};
use s3s::{Body, S3Error, S3Result, s3_error};

use crate::answer::DECLARATION;
use crate::error;
use crate::exchange::Exchange;
use crate::gate::{Gate, Question};
use crate::public_access::PublicAccess;
use crate::record::{Asked, Recorder};
use crate::refusal::Detail as _;
use crate::subject::ACCOUNT;
use crate::{auth, condition};

const NAMESPACE: &str = "http://awss3control.amazonaws.com/doc/2018-08-20/";

/// The operation of a method.
///
/// # Errors
/// `MethodNotAllowed`.
pub fn operation(method: &Method) -> S3Result<S3> {
    match *method {
        Method::GET => Ok(S3::GetAccountPublicAccessBlock),
        Method::PUT => Ok(S3::PutAccountPublicAccessBlock),
        Method::DELETE => Ok(S3::DeleteAccountPublicAccessBlock),
        _ => Err(s3_error!(MethodNotAllowed, "The specified method is not allowed against this resource.")),
    }
}

/// Lets a request in that may do what it asks for, once the record knows of it. An account is its own alone.
///
/// # Errors
/// `AccessDenied`, and what the record says.
pub async fn admit(
    (gate, recorder): (&Gate, &Recorder),
    exchange: &Exchange,
    operation: S3,
    parts: &Parts,
) -> S3Result<AccountId> {
    let (row, signing) = (operation.row(), exchange.signing());
    if exchange.identity().is_none() {
        exchange.identify(Arc::new(auth::anonymous()));
    }
    let identity = exchange.identity().ok_or_else(|| s3_error!(InternalError))?;
    exchange.name_operation(row);
    let (headers, uri) = (&parts.headers, &parts.uri);
    condition::bounded(headers, uri)?;
    let asked = Asked { operation: row, bucket: None, key: None, headers, uri, signing };
    exchange.begin_draft(recorder.draft(exchange, asked, None));
    let keys = gate.keys(exchange, headers, uri, signing);
    for permission in row.permissions {
        gate.decide(Question { exchange, keys: &keys }, permission.action, "*", None)?;
    }
    let account = identity.principal.account.clone();
    if headers.get(ACCOUNT).is_none_or(|named| named.as_bytes() != account.as_str().as_bytes()) {
        return Err(s3_error!(AccessDenied, "Access Denied"));
    }
    recorder.announce(exchange).await?;
    exchange.admission().admit();
    Ok(account)
}

/// Does it.
///
/// # Errors
/// `MalformedXML`, `NoSuchPublicAccessBlockConfiguration`, failures of the store.
pub async fn perform(
    engine: &Engine,
    exchange: &Exchange,
    (operation, account): (S3, &AccountId),
    body: &Bytes,
) -> S3Result<Response<Body>> {
    let settings = engine.accounts();
    let failed = |failure: &Error| error::of_engine(failure).detail("AccountId", account.as_str());
    let document = match operation {
        S3::PutAccountPublicAccessBlock => {
            let asked = read(body)?;
            exchange.with_draft(|draft| draft.tell("PublicAccessBlockConfiguration", &asked));
            Some(PublicAccess::asked(&asked).document())
        }
        S3::DeleteAccountPublicAccessBlock => None,
        _ => {
            settings.learn().await.map_err(|failure| failed(&failure))?;
            let kept = settings.public_access_block(account);
            let kept = kept.ok_or_else(|| failed(&Error::NoSuchDocument(BucketDocument::PublicAccessBlock)))?;
            return Ok(shown(PublicAccess::read(&kept)));
        }
    };
    settings.put_public_access_block(account, document).await.map_err(|failure| failed(&failure))?;
    Ok(Response::new(Body::empty()))
}

fn read(body: &Bytes) -> S3Result<PublicAccessBlockConfiguration> {
    let malformed = |_| -> S3Error {
        s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )
    };
    let mut xml = Deserializer::new(body);
    let asked = PublicAccessBlockConfiguration::deserialize(&mut xml).map_err(malformed)?;
    xml.expect_eof().map_err(malformed)?;
    Ok(asked)
}

fn shown(settings: PublicAccess) -> Response<Body> {
    let text = [
        ("BlockPublicAcls", settings.block_acls),
        ("IgnorePublicAcls", settings.ignore_acls),
        ("BlockPublicPolicy", settings.block_policy),
        ("RestrictPublicBuckets", settings.restrict_buckets),
    ]
    .map(|(name, on)| format!("<{name}>{on}</{name}>"))
    .concat();
    let name = "PublicAccessBlockConfiguration";
    let mut answer = Response::new(Body::from(format!("{DECLARATION}<{name} xmlns=\"{NAMESPACE}\">{text}</{name}>")));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    answer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_configuration_is_refused() {
        let of = |text: &'static str| read(&Bytes::from_static(text.as_bytes()));
        let name = "PublicAccessBlockConfiguration";
        let text = format!("<{name} xmlns=\"{NAMESPACE}\"><BlockPublicPolicy>true</BlockPublicPolicy></{name}>");
        let asked = read(&Bytes::from(text)).unwrap();
        assert_eq!((asked.block_public_policy, asked.block_public_acls), (Some(true), None));
        for bad in ["", "<x/>", "<PublicAccessBlockConfiguration>", "<PublicAccessBlockConfiguration/><x/>"] {
            assert_eq!(of(bad).unwrap_err().code(), &s3s::S3ErrorCode::MalformedXML, "{bad}");
        }
    }
}
