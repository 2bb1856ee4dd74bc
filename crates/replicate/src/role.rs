//! Acting as the role of a configuration: sessions of it, which S3 itself assumes.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{AuditSink, EventBuilder, UserIdentity};
use arqueta_engine::Caller;
use arqueta_iam::{AssumeRole, Error as IamError, Iam, Identity, StsCaller};
use arqueta_model::{AccountId, Arn, Clock, Principal, PrincipalKind, Region, RequestInfo, Timestamp};
use serde_json::{Map, json};
use tokio::sync::Mutex;

use crate::destination::Failure;
use crate::reason::Reason;

/// Who assumes roles.
pub const SERVICE: &str = "s3.amazonaws.com";
/// What sessions are called.
const SESSION: &str = "s3-replication";
/// How long a session lasts, in seconds: the shortest that there are, so that a role that trusts S3 no more is
/// used no longer.
const SECONDS: u32 = 900;
/// How long before its end a session is not used any more.
const SPARE: Duration = Duration::from_secs(60);

/// Assumes roles.
pub struct Roles {
    iam: Arc<Iam>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    region: Region,
    sessions: Mutex<HashMap<(String, AccountId), Session>>,
}

/// A session's credentials.
#[derive(Clone)]
struct Session {
    access_key_id: String,
    token: String,
    until: Timestamp,
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roles").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Roles {
    /// Assumes roles of `iam`, and says so in the record.
    #[must_use]
    pub fn new(iam: Arc<Iam>, audit: Arc<dyn AuditSink>, clock: Arc<dyn Clock>, region: Region) -> Self {
        Self { iam, audit, clock, region, sessions: Mutex::default() }
    }

    /// Somebody who acts as `role`, for a bucket of `account`. What the role may is what it may now; whether it
    /// trusts S3 was asked within the last quarter of an hour.
    ///
    /// # Errors
    /// [`Failure`]: AssumeRoleNotPermitted, or an outage.
    pub async fn act_as(&self, role: &str, account: &AccountId) -> Result<Caller, Failure> {
        let mut sessions = self.sessions.lock().await;
        let now = self.clock.now();
        let known = (role.to_owned(), account.clone());
        let session = match sessions.get(&known).filter(|session| session.until > now) {
            Some(session) => session.clone(),
            None => {
                sessions.retain(|_, session| session.until > now);
                let session = self.assume(role, account).await?;
                sessions.insert(known.clone(), session.clone());
                session
            }
        };
        let found = self.iam.authentication().credential(&session.access_key_id, Some(&session.token)).await;
        let credential = found.map_err(|error| {
            // The role is gone, or another one of its name: the next time it is asked anew.
            sessions.remove(&known);
            failure(&error, role)
        })?;
        Ok(Caller::new(credential.identity, Arc::new(self.request())))
    }

    fn request(&self) -> RequestInfo {
        RequestInfo::internal(Ipv4Addr::LOCALHOST.into(), SERVICE, self.clock.now())
    }

    async fn assume(&self, role: &str, account: &AccountId) -> Result<Session, Failure> {
        let principal = Principal {
            account: account.clone(),
            arn: Arn::new("iam", "", account.as_str(), &format!("service/{SERVICE}")),
            id: SERVICE.to_owned(),
            kind: PrincipalKind::Service,
            access_key_id: String::new(),
            session: None,
        };
        let request = self.request();
        let identity = Identity::bare(principal);
        let caller = StsCaller { identity: &identity, request: &request, region: &self.region };
        let input = AssumeRole {
            role_arn: role.to_owned(),
            role_session_name: SESSION.to_owned(),
            duration_seconds: Some(SECONDS),
            ..AssumeRole::default()
        };
        let assumed = self.iam.sessions().assume_role(caller, input).await;
        self.tell(&identity.principal, &request, role, account, assumed.as_ref().err()).await?;
        let issued = assumed.map_err(|error| failure(&error, role))?;
        Ok(Session {
            access_key_id: issued.credentials.access_key_id,
            token: issued.credentials.session_token.expose().to_owned(),
            until: Timestamp::from_millis(
                issued.credentials.expiration.millis().saturating_sub(i64::try_from(SPARE.as_millis()).unwrap_or(0)),
            ),
        })
    }

    /// The record's event of an assumption, for the account of the bucket.
    async fn tell(
        &self,
        principal: &Principal,
        request: &RequestInfo,
        role: &str,
        account: &AccountId,
        error: Option<&IamError>,
    ) -> Result<(), Failure> {
        let mut parameters = Map::new();
        parameters.insert("roleArn".to_owned(), role.into());
        parameters.insert("roleSessionName".to_owned(), SESSION.into());
        parameters.insert("durationSeconds".to_owned(), SECONDS.into());
        let event = EventBuilder::new("sts.amazonaws.com", "AssumeRole", &self.region, principal, request)
            .by(UserIdentity::service(SERVICE))
            .parameters(parameters)
            .resource("AWS::IAM::Role", role, account.as_str());
        let event = match error {
            Some(error) => event.error("AccessDenied", &error.to_string()),
            None => event.response(json!({ "assumedRoleUser": { "arn": session_of(role) } })),
        };
        self.audit.append(event.build()).await.map_err(|error| Failure::Unavailable(error.to_string()))
    }
}

/// ARN of a session of the role.
fn session_of(role: &str) -> String {
    let arn: Option<Arn> = role.parse().ok();
    let session = arn.map(|arn| {
        let name = arn.resource().rsplit('/').next().unwrap_or_default().to_owned();
        Arn::new("sts", "", arn.account(), &format!("assumed-role/{name}/{SESSION}")).to_string()
    });
    session.unwrap_or_default()
}

fn failure(error: &IamError, role: &str) -> Failure {
    match error {
        IamError::Store(_) => Failure::Unavailable(error.to_string()),
        _ => Failure::denied(Reason::AssumeRoleNotPermitted, format!("{role}: {error}")),
    }
}
