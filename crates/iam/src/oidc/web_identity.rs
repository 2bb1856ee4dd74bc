//! AssumeRoleWithWebIdentity: a role's session for whom an identity provider of the role's account
//! vouches. The caller has no credentials; the token is the proof, the trust policy decides.

use arqueta_model::{AccountId, Arn, Principal, PrincipalKind, Region, RequestInfo};
use arqueta_policy::{ConditionKeys, Identity, Policy, PolicyKind, Request, ResourcePolicy, evaluate};

use super::claims::{Claims, Unverified};
use super::issuer::Issuer;
use crate::record::{OidcProviderRecord, RoleRecord};
use crate::roles::SESSION_DEFAULT;
use crate::sts::{self, Issued, SHORTEST, Scope, SessionTags, Sessions};
use crate::token::{FEDERATED_PROVIDER, SessionOf, Vouched};
use crate::{Error, names};

/// Input of AssumeRoleWithWebIdentity.
#[derive(Clone, Default)]
pub struct AssumeRoleWithWebIdentity {
    /// ARN of the role.
    pub role_arn: String,
    /// 2 to 64 of `A-Za-z0-9_+=,.@-`.
    pub role_session_name: String,
    /// The OpenID Connect ID token.
    pub token: String,
    /// What scopes the session down.
    pub scope: Scope,
    /// 900 seconds to the role's maximum; 3,600 by default.
    pub duration_seconds: Option<u32>,
}

/// Whom a provider vouched for, as the record names him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIdentity {
    /// Account of the role.
    pub account: AccountId,
    /// ARN of the provider.
    pub provider: Arn,
    /// URL of the issuer.
    pub issuer: String,
    /// Whom the token is for.
    pub audience: String,
    /// `sub`.
    pub subject: String,
}

/// Answer of AssumeRoleWithWebIdentity.
#[derive(Debug)]
pub struct WebIdentitySession {
    /// The session.
    pub issued: Issued,
    /// Whose it is.
    pub identity: WebIdentity,
}

impl Sessions<'_> {
    /// Gives temporary credentials of a role to the subject of a token, if the role's trust policy
    /// lets it in. What is told of a token that was verified comes first: it is for the record of a
    /// denial, too.
    ///
    /// # Errors
    /// [`Error::InvalidIdentityToken`], [`Error::ExpiredIdentityToken`], [`Error::IdpCommunication`],
    /// [`Error::Denied`], and those of AssumeRole.
    pub async fn assume_role_with_web_identity(
        self,
        request: &RequestInfo,
        region: &Region,
        input: AssumeRoleWithWebIdentity,
    ) -> (Option<WebIdentity>, Result<WebIdentitySession, Error>) {
        let (identity, claims) = match self.vouched(&input).await {
            Ok(vouched) => vouched,
            Err(error) => return (None, Err(error)),
        };
        let outcome = self.web_session(request, region, input, &identity, claims).await;
        let issued = outcome.map(|issued| WebIdentitySession { issued, identity: identity.clone() });
        (Some(identity), issued)
    }

    /// Whom a provider of the role's account vouches for.
    async fn vouched(self, input: &AssumeRoleWithWebIdentity) -> Result<(WebIdentity, Claims), Error> {
        sts::check_session_name("roleSessionName", &input.role_session_name, 64)?;
        let (account, _) = sts::role_named(&input.role_arn)?;
        let token = Unverified::read(&input.token)?;
        let name = token.issuer.split_once("://").map_or("", |(_, name)| name);
        let provider: Option<OidcProviderRecord> = self.state.directory.find(&account, name).await?;
        let provider = provider.filter(|provider| provider.url == token.issuer).ok_or_else(|| {
            let message = format!("No OpenIDConnect provider found in your account for {}", token.issuer);
            Error::InvalidIdentityToken { message }
        })?;
        let issuer = Issuer { url: &provider.url, thumbprints: &provider.thumbprints };
        let keys = self.state.issuers.keys(issuer, token.kid.as_deref(), self.state.directory.clock()).await?;
        let claims = token.verify(&keys, &provider.client_ids, self.state.directory.now())?;
        let identity = WebIdentity {
            provider: provider.arn(&account),
            issuer: provider.url,
            // The one that the account listed.
            audience: claims
                .audience
                .iter()
                .find(|audience| provider.client_ids.contains(audience))
                .cloned()
                .unwrap_or_default(),
            subject: claims.subject.clone(),
            account,
        };
        Ok((identity, claims))
    }

    async fn web_session(
        self,
        request: &RequestInfo,
        region: &Region,
        input: AssumeRoleWithWebIdentity,
        web: &WebIdentity,
        claims: Claims,
    ) -> Result<Issued, Error> {
        sts::check_session_tags(&claims.tags)?;
        let packed = self.pack(&input.scope, &claims.tags)?;
        let (account, name) = sts::role_named(&input.role_arn)?;
        let role: Option<RoleRecord> = self.state.directory.find(&account, &name).await?;
        let role = role.filter(|role| role.arn(&account).as_str() == input.role_arn).ok_or_else(not_authorized)?;
        let told = told(web, &claims);
        let mut keys = ConditionKeys::of_request(request, region);
        for (key, value) in &told {
            keys.insert(key, value.as_str());
        }
        keys.insert("sts:RoleSessionName", input.role_session_name.as_str());
        sts::insert_tags(&mut keys, &claims.tags);
        keys.insert_all("sts:TransitiveTagKeys", claims.transitive.iter().map(String::as_str));
        admit(&role, web, &keys, !claims.tags.is_empty())?;
        let seconds =
            names::check_duration(input.duration_seconds.unwrap_or(SESSION_DEFAULT), SHORTEST, role.max_session)?;
        let policies = self.session_policies(&account, input.scope).await?;
        let policies = (!policies.is_empty()).then_some(policies);
        let resource = format!("assumed-role/{}/{}", role.name, input.role_session_name);
        let arn = Arn::new("sts", "", account.as_str(), &resource);
        let id = format!("{}:{}", role.id, input.role_session_name);
        let of = SessionOf::Role { name: role.name, id: role.id, session_name: input.role_session_name };
        let tags = SessionTags { all: claims.tags, transitive: claims.transitive };
        let mut session = self.session(account, of, seconds, policies, tags);
        session.vouched = Some(Vouched { keys: told });
        Ok(Issued { credentials: self.issue(session), arn, id, packed_policy_size: packed })
    }
}

/// Whether the role trusts whom the provider vouches for.
fn admit(role: &RoleRecord, web: &WebIdentity, keys: &ConditionKeys<'_>, tagging: bool) -> Result<(), Error> {
    let trust = Policy::parse(&role.trust, PolicyKind::Trust)
        .map_err(|_| Error::Damaged { what: format!("trust policy of role {}", role.name) })?;
    let mut identity = Identity::bare(Principal {
        account: web.account.clone(),
        arn: web.provider.clone(),
        id: format!("{}:{}:{}", web.provider, web.audience, web.subject),
        // Nobody to any policy but one that names the provider.
        kind: PrincipalKind::Anonymous,
        access_key_id: String::new(),
        session: None,
    });
    identity.provider = Some(web.provider.as_str().into());
    let arn = role.arn(&web.account);
    let further = tagging.then_some("sts:TagSession");
    for action in std::iter::once("sts:AssumeRoleWithWebIdentity").chain(further) {
        let request = Request { action, resource: arn.as_str(), keys };
        if !evaluate(&identity, &request, ResourcePolicy::required(&trust, &web.account)).is_allowed() {
            return Err(not_authorized());
        }
    }
    Ok(())
}

/// The condition keys that a token gives: `<issuer>:aud` and so on.
fn told(web: &WebIdentity, claims: &Claims) -> Vec<(String, String)> {
    let issuer = web.provider.resource().strip_prefix("oidc-provider/").unwrap_or_default();
    let key = |name: &str, value: &str| (format!("{issuer}:{name}"), value.to_owned());
    // Of several audiences the one that the account listed: the others are none of its policies'.
    let mut told = vec![key("sub", &claims.subject), key("aud", &web.audience)];
    told.extend(claims.methods.iter().map(|value| key("amr", value)));
    told.push((FEDERATED_PROVIDER.to_owned(), web.provider.to_string()));
    told
}

/// One answer whether the role does not exist or does not trust.
fn not_authorized() -> Error {
    Error::Denied { message: "Not authorized to perform sts:AssumeRoleWithWebIdentity".to_owned() }
}
