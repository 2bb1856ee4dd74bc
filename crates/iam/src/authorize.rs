//! May this caller do this?

use arqueta_model::{AccountId, PrincipalKind};
use arqueta_policy::{Identity, Policy, Request, ResourcePolicy, denial, evaluate};

use crate::Error;

/// A refusal, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Denied {
    /// `User: … is not authorized to perform: … on resource: … because …`
    pub message: String,
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied { message: denied.message }
    }
}

/// Decides on a resource of `owner` whose policy, if it has one, adds to the identity-based
/// policies: S3 buckets, and everything that has no policy.
///
/// # Errors
/// [`Denied`].
pub fn authorize(
    identity: &Identity,
    request: &Request<'_>,
    resource: Option<&Policy>,
    owner: &AccountId,
) -> Result<(), Denied> {
    if let Some(message) = barred(identity, request.action) {
        return Err(Denied { message });
    }
    let evaluation = evaluate(identity, request, ResourcePolicy::additive(resource, owner));
    match evaluation.denial(identity, request) {
        None => Ok(()),
        Some(message) => Err(Denied { message }),
    }
}

/// Whether policies are not even asked; see [`authorize`].
#[must_use]
pub fn is_barred(identity: &Identity, action: &str) -> bool {
    barred(identity, action).is_some()
}

/// What temporary credentials of a user can never do, whatever policies say (IAM User Guide,
/// "Compare AWS STS credentials"): IAM without multi-factor authentication, and STS beyond
/// AssumeRole and GetCallerIdentity.
pub(crate) fn barred(identity: &Identity, action: &str) -> Option<String> {
    let principal = &identity.principal;
    let session = principal.session.as_ref()?;
    let (service, name) = action.split_once(':')?;
    let barred = match (principal.kind, service) {
        (PrincipalKind::FederatedUser, "iam") => true,
        (PrincipalKind::FederatedUser, "sts") => name != "GetCallerIdentity",
        (PrincipalKind::User | PrincipalKind::Root, "iam") => !session.mfa,
        (PrincipalKind::User | PrincipalKind::Root, "sts") => {
            !["AssumeRole", "TagSession", "GetCallerIdentity"].contains(&name)
        }
        (PrincipalKind::AssumedRole, "sts") => ["GetSessionToken", "GetFederationToken"].contains(&name),
        _ => false,
    };
    barred.then(|| denial(principal, action, None, "with temporary credentials of this kind"))
}
