//! One request from its bytes to its answer: read, verify, perform, encode.

use std::sync::Arc;

use arqueta_call::signature::{Presented, Scope, SigningKeys};
use arqueta_call::{CloudTrail, Connection, Kms, Service, Visitor};
use arqueta_iam::Credential;
use arqueta_kms::Caller;
use arqueta_model::{RequestId, RequestInfo, Served};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;

use crate::answer;
use crate::error::Fault;
use crate::protocol::Protocol;
use crate::query::{self, Api, Form};
use crate::request;
use crate::services::Services;
use crate::{Error, cloudtrail, kms};

/// IAM and STS are global in AWS: their clients may sign for this region wherever they are.
const GLOBAL_REGION: &str = "us-east-1";

/// The edge for the AWS protocols beside S3.
pub struct AwsEdge {
    services: Services,
    keys: SigningKeys,
    lookups: cloudtrail::Lookups,
}

/// Which service a request speaks to, and in which protocol.
enum Target<'a> {
    Kms(&'a str),
    CloudTrail(&'a str),
    UnknownJson,
    Query(Api),
}

impl AwsEdge {
    /// An edge over `services`.
    #[must_use]
    pub fn new(services: Services) -> Self {
        Self { services, keys: SigningKeys::new(), lookups: cloudtrail::Lookups::new() }
    }

    /// Whether a request is for this edge; all others are S3's.
    #[must_use]
    pub fn matches<B>(request: &Request<B>) -> bool {
        request::matches(request)
    }

    /// Answers one request. Never fails: what goes wrong is an AWS error answer, and every answer
    /// carries `x-amzn-requestid`.
    pub async fn call<B: Body>(&self, request: Request<B>, connection: &Connection) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let info = connection.request(&parts.headers, &parts.uri, &*self.services.clock);
        let id = info.id;
        let target = Target::of(&parts);
        let protocol = target.protocol();
        let mut served = Served { operation: target.operation(), ..Served::default() };
        // What it changes and the event that tells it belong together.
        let performed = arqueta_audit::call(self.perform(&parts, body, target, info, &mut served)).await;
        let mut answer = match performed {
            Ok(document) => answer::success(protocol, document, id),
            Err(error) => {
                let fault = error.fault(protocol);
                log(&error, &fault, id, &served);
                served.code = Some(fault.code.to_owned());
                answer::failure(protocol, &fault, id)
            }
        };
        answer.extensions_mut().insert(served);
        answer
    }

    async fn perform<B: Body>(
        &self,
        parts: &Parts,
        body: B,
        target: Target<'_>,
        info: RequestInfo,
        served: &mut Served,
    ) -> Result<Vec<u8>, Error> {
        let (clock, visitor) = (&*self.services.clock, parts.extensions.get::<Arc<Visitor>>());
        let claim = self.claim(parts, &target).await;
        let by_token = matches!(target, Target::Query(Api::Sts)) && query::web_identity::is_unsigned(parts);
        let limit = if claim.is_ok() { request::MAX_BODY } else { request::MAX_UNSIGNED };
        let claim = match claim {
            // Nobody: whatever he sends is not kept.
            Err(unproven) if !by_token => {
                request::discard(body, clock).await;
                return Err(unproven);
            }
            claim => claim,
        };
        let body = request::body(body, limit, visitor.map(|visitor| &**visitor), clock).await?;
        if by_token && let Some(form) = query::web_identity::unsigned(parts, &body) {
            served.operation = Some(query::web_identity::operation().name);
            return query::web_identity::perform(&self.services, &form, &info, visitor.map(|visitor| &**visitor)).await;
        }
        let claim = claim?;
        self.verify(parts, &body, &claim)?;
        if let Some(visitor) = visitor {
            visitor.admit();
        }
        let Claim { presented, credential: Credential { identity, .. } } = claim;
        served.who = Some(identity.principal.arn.as_str().to_owned());
        match target {
            Target::Kms(operation) => {
                let caller = Caller::new(identity, Arc::new(info));
                kms::perform(&self.services.recorder, &self.services.kms, &caller, operation, &body).await
            }
            Target::CloudTrail(operation) => {
                let call = cloudtrail::Call { services: &self.services, identity: &identity, info: &info };
                cloudtrail::perform(&self.lookups, &call, operation, &body).await
            }
            Target::UnknownJson => Err(Error::UnknownOperation),
            Target::Query(api) => {
                let form = form(parts, &presented, &body)?;
                served.operation = query::operation(api, &form).map(|operation| operation.name);
                let call = query::Call { services: &self.services, form: &form, identity: &identity, info: &info };
                query::perform(api, &call).await
            }
        }
    }

    /// Who says that he sent the request, as far as its head tells: that proof is missing, too old, or
    /// by nobody who is known needs no body.
    async fn claim(&self, parts: &Parts, target: &Target<'_>) -> Result<Claim, Error> {
        let here = self.services.region.as_str();
        let regions = [here, GLOBAL_REGION];
        let (service, regions) = match target {
            Target::Kms(_) => (Service::Kms.name(), &regions[..1]),
            Target::CloudTrail(_) => (Service::CloudTrail.name(), &regions[..1]),
            // Whatever it is, it is answered only to someone who is known.
            Target::UnknownJson => (Service::Kms.name(), &regions[..1]),
            Target::Query(api) => (api.signing_name(), &regions[..]),
        };
        let presented = Presented::parse(parts, Scope { services: &[service], regions }, self.services.clock.now())?;
        let credential =
            self.services.iam.authentication().credential(&presented.access_key_id, presented.token.as_deref()).await?;
        Ok(Claim { presented, credential })
    }

    /// Proves by its signature who sent the request.
    fn verify(&self, parts: &Parts, body: &[u8], claim: &Claim) -> Result<(), Error> {
        let Claim { presented, credential } = claim;
        let key = self.keys.key(
            &presented.access_key_id,
            credential.secret.expose().as_bytes(),
            &presented.date,
            &presented.region,
            &presented.service,
        );
        presented.verify(parts, body, &key)?;
        Ok(())
    }
}

/// Who says that he sent a request.
struct Claim {
    presented: Presented,
    credential: Credential,
}

/// Our failures stand in the log; what a client did wrong, and what is not served, only where
/// somebody looks for it.
fn log(error: &Error, fault: &Fault, id: RequestId, served: &Served) {
    let (operation, code, status) = (served.operation.unwrap_or("-"), fault.code, fault.status.as_u16());
    if fault.status.is_server_error() && fault.status != StatusCode::NOT_IMPLEMENTED {
        let error = error as &dyn std::error::Error;
        tracing::error!(request = %id, operation, code, status, error, "an AWS call failed");
    } else {
        tracing::debug!(request = %id, operation, code, status, message = fault.message, "refused");
    }
}

impl<'a> Target<'a> {
    fn of(parts: &'a Parts) -> Self {
        let Some(target) = parts.headers.get("x-amz-target") else {
            return Self::Query(Api::of(parts));
        };
        let Ok(target) = target.to_str() else { return Self::UnknownJson };
        if parts.method != Method::POST || parts.uri.path() != "/" {
            return Self::UnknownJson;
        }
        if let Some(operation) = target.strip_prefix(kms::TARGET) {
            Self::Kms(operation)
        } else if let Some(operation) = target.strip_prefix(cloudtrail::TARGET) {
            Self::CloudTrail(operation)
        } else {
            Self::UnknownJson
        }
    }

    /// The operation that the request's head names, if there is one of that name.
    fn operation(&self) -> Option<&'static str> {
        match self {
            Self::Kms(named) => Kms::known(named).map(|operation| operation.name),
            Self::CloudTrail(named) => CloudTrail::known(named).map(|operation| operation.name),
            Self::UnknownJson | Self::Query(_) => None,
        }
    }

    fn protocol(&self) -> Protocol {
        match self {
            Self::Query(api) => Protocol::Query(api.namespace()),
            Self::Kms(_) | Self::CloudTrail(_) | Self::UnknownJson => Protocol::Json,
        }
    }
}

/// The parameters of a Query call: the form body and the query string, without what signs it.
fn form(parts: &Parts, presented: &Presented, body: &[u8]) -> Result<Form, Error> {
    let is_form = parts
        .headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    if !body.is_empty() && !is_form {
        return Err(Error::MalformedInput("The body of a Query request is application/x-www-form-urlencoded."));
    }
    let signing = |name: &str| presented.is_presigned() && name.starts_with("X-Amz-");
    let query = presented.query.iter().filter(|(name, _)| !signing(name)).cloned();
    Form::parse(body)?.with(query)
}
