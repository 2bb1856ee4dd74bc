//! Doubles, callers and the contract suite. Behind feature `testing`, never in a release build.

mod contract;
mod holder;
mod holder_contract;
mod memory;
mod people;
mod wrappers;

use std::sync::Arc;

use arqueta_model::{AccountId, Arn, EncryptionContext, Principal, PrincipalKind, RequestInfo, Timestamp};
use arqueta_policy::{Identity, Policy, PolicyKind};

use crate::{Caller, RootKey, RootKeyError, RootSecret};

pub use contract::{Subject, contract};
pub use holder::{MemoryCluster, MemoryHolder};
pub use holder_contract::holder_contract;
pub use memory::Memory;
pub use people::{People, user_id};
pub use wrappers::{Behind, Calls, Counting, Failing, Fault, Faulty, Numbers, Slow, Step, Waiting};

/// A root key in memory.
#[derive(Debug, Clone, Copy)]
pub struct FixedRootKey(pub [u8; 32]);

#[async_trait::async_trait]
impl RootKey for FixedRootKey {
    async fn unlock(&self) -> Result<RootSecret, RootKeyError> {
        Ok(RootSecret::from_bytes(&self.0))
    }

    async fn create(&self) -> Result<RootSecret, RootKeyError> {
        Ok(RootSecret::from_bytes(&self.0))
    }
}

/// The account of most tests.
pub const ACCOUNT: &str = "111122223333";
/// Somebody else's account.
pub const OTHER_ACCOUNT: &str = "444455556666";

/// The root user of `account`, from 127.0.0.1, on 2026-01-01.
///
/// # Panics
/// If `account` is not twelve digits.
#[must_use]
pub fn root(account: &str) -> Caller {
    let account: AccountId = account.parse().expect("twelve digits");
    caller(Principal::root(&account, "AKIAROOT"), &[])
}

/// The IAM user `name` of `account` with identity policies.
///
/// # Panics
/// If `account` is not twelve digits or a policy is not one.
#[must_use]
pub fn user(account: &str, name: &str, policies: &[&str]) -> Caller {
    let account_id: AccountId = account.parse().expect("twelve digits");
    let principal = Principal {
        arn: Arn::new("iam", "", account, &format!("user/{name}")),
        account: account_id,
        id: user_id(account, name),
        kind: PrincipalKind::User,
        access_key_id: format!("AKIA{name}"),
        session: None,
    };
    caller(principal, policies)
}

/// A user who may do everything to every key that lets its account decide.
#[must_use]
pub fn power_user(account: &str, name: &str) -> Caller {
    user(
        account,
        name,
        &[r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#],
    )
}

fn caller(principal: Principal, policies: &[&str]) -> Caller {
    let policies = policies.iter().map(|text| Arc::new(Policy::parse(text, PolicyKind::Identity).expect("a policy")));
    let identity = Identity { policies: policies.collect(), ..Identity::bare(principal) };
    let request =
        RequestInfo::new(std::net::Ipv4Addr::LOCALHOST.into(), "test", Timestamp::from_millis(1_767_225_600_000));
    Caller::new(Arc::new(identity), Arc::new(request))
}

/// An encryption context.
///
/// # Panics
/// If it is too large.
#[must_use]
pub fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    EncryptionContext::new(pairs).expect("a small context")
}
