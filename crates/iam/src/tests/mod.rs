//! The service over a store in memory and a clock that moves when told.
#![allow(clippy::unwrap_used)]

mod administration;
mod credentials;
mod people;
mod policies;
mod principals;
mod profiles;
mod sessions;
mod simulations;

use std::sync::Arc;

use arqueta_model::{AccountId, ManualClock, Region, RequestId, RequestInfo};
use arqueta_policy::{ConditionKeys, Identity, Request};
use arqueta_store::{Counting, Faulty, MemoryMeta, MetaStore};

use crate::testing::TestSealer;
use crate::{Config, CreateRole, CreateUser, Entity, Error, Iam, KeyHolder, NewAccessKey};

pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const ALLOW_S3: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;

pub(super) struct World {
    pub(super) iam: Iam,
    pub(super) clock: Arc<ManualClock>,
    pub(super) meta: Counting<Faulty<Arc<MemoryMeta>>>,
    pub(super) faulty: Faulty<Arc<MemoryMeta>>,
    pub(super) root: NewAccessKey,
}

pub(super) fn account() -> AccountId {
    ACCOUNT.parse().unwrap()
}

pub(super) fn other_account() -> AccountId {
    "444455556666".parse().unwrap()
}

pub(super) fn config() -> Config {
    Config { account: account(), root: None }
}

pub(super) async fn world() -> World {
    let faulty = Faulty::new(Arc::new(MemoryMeta::new()));
    let meta = Counting::new(faulty.clone());
    let clock = Arc::new(ManualClock::default());
    let (iam, root) = open(&meta, &clock).await;
    World { iam, clock, meta, faulty, root: root.unwrap() }
}

/// Another gateway over the same store.
pub(super) async fn open(
    meta: &(impl MetaStore + Clone + 'static),
    clock: &Arc<ManualClock>,
) -> (Iam, Option<NewAccessKey>) {
    Iam::open(Arc::new(meta.clone()), clock.clone(), Arc::new(TestSealer::default()), config()).await.unwrap()
}

impl World {
    /// A user with an access key.
    pub(super) async fn user(&self, name: &str) -> NewAccessKey {
        self.iam.users().create(&account(), CreateUser { user_name: name.into(), ..Default::default() }).await.unwrap();
        self.iam.access_keys().create(&account(), KeyHolder::User(name)).await.unwrap()
    }

    /// A role that the account's identities may assume if their own policies say so.
    pub(super) async fn role(&self, name: &str) {
        self.trusting(name, &format!(r#"{{"AWS":"{ACCOUNT}"}}"#), "{}").await;
    }

    pub(super) async fn trusting(&self, name: &str, principal: &str, condition: &str) {
        let input = CreateRole {
            role_name: name.into(),
            assume_role_policy_document: trust(principal, condition),
            ..Default::default()
        };
        self.iam.roles().create(&account(), input).await.unwrap();
    }

    pub(super) async fn identity(&self, key: &NewAccessKey) -> Arc<Identity> {
        self.iam.authentication().credential(&key.access_key_id, None).await.unwrap().identity
    }

    pub(super) async fn put(&self, entity: Entity<'_>, name: &str, document: &str) -> Result<(), Error> {
        self.iam.permissions().put_inline(&account(), entity, name, document.to_owned()).await
    }

    pub(super) fn may(&self, identity: &Identity, action: &str) -> bool {
        let keys = ConditionKeys::new();
        let request = Request { action, resource: "arn:aws:s3:::b/k", keys: &keys };
        crate::authorize(identity, &request, None, &account()).is_ok()
    }

    pub(super) async fn key_may(&self, key: &NewAccessKey, action: &str) -> bool {
        self.may(&*self.identity(key).await, action)
    }
}

pub(super) fn trust(principal: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{principal},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{condition}}}}}"#
    )
}

pub(super) fn request() -> RequestInfo {
    RequestInfo {
        id: RequestId::from_bytes([0; 8]),
        source_ip: "203.0.113.9".parse().unwrap(),
        user_agent: "test".into(),
        secure_transport: false,
        tls: None,
        received: ManualClock::default().now(),
        via_service: None,
    }
}

pub(super) fn region() -> Region {
    "eu-west-1".parse().unwrap()
}

use arqueta_model::Clock as _;
