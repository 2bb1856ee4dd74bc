//! The accounts of the configuration, at a start: which are made, and whose root user is given
//! credentials.
//!
//! That a record is missing is not authenticated as a record is. An account that has lost its own and
//! still has identities, keys or buckets was not made just now: its root credentials would give all of
//! that to whoever reads the banner, or the log that it lands in.

use arqueta_engine::owns_buckets;
use arqueta_iam::{Iam, Standing};
use arqueta_kms::KeyManager;
use arqueta_model::AccountId;
use arqueta_store::MetaStore;

use crate::banner::NewRoot;
use crate::{Config, Error};

/// Makes the accounts that are missing. Those whose root users were given credentials just now are the
/// answer. `is_configured`: whether the root user of the first account has those of the environment.
///
/// # Errors
/// [`Error::Config`] for an account that has lost its record; [`Error::Open`].
pub(crate) async fn establish(
    config: &Config,
    iam: &Iam,
    meta: &dyn MetaStore,
    is_configured: bool,
) -> Result<Vec<NewRoot>, Error> {
    let failed = || Error::open("identities");
    let first = &config.account_id;
    let mut created = Vec::new();
    for account in std::iter::once(first).chain(config.accounts.iter().filter(|account| *account != first)) {
        let standing = iam.accounts().standing(account).await.map_err(failed())?;
        let is_configured = is_configured && account == first;
        let restored = account == first && is_restored_alone(iam, meta, account).await?;
        let key = match standing {
            Standing::RootKey => continue,
            Standing::Damaged => {
                tracing::error!(%account, "the record of this account is damaged: its root user cannot come in");
                continue;
            }
            Standing::NoRootKey if is_configured || account != first => continue,
            Standing::NoRootKey if has_anything(config, iam, meta, account).await? => {
                tracing::warn!(
                    %account,
                    "the root user of this account has no access key; `arqueta accounts root-key {account}` makes one"
                );
                continue;
            }
            Standing::NoRootKey => iam.access_keys().create_root(account).await,
            Standing::Absent if !restored && has_anything(config, iam, meta, account).await? => {
                return Err(lost(account));
            }
            Standing::Absent if is_configured => {
                iam.accounts().ensure(account).await.map_err(failed())?;
                continue;
            }
            Standing::Absent => iam.accounts().create(account).await,
        };
        created.push(NewRoot { account: account.clone(), key: key.map_err(failed())? });
    }
    if arqueta_keys::is_restored(meta).await.map_err(Error::open("key service"))? {
        arqueta_keys::settle_restored(meta).await.map_err(Error::open("key service"))?;
    }
    Ok(created)
}

/// Whether all that the account has are keys that were just put back from an exported file, whose
/// passphrase somebody knew.
async fn is_restored_alone(iam: &Iam, meta: &dyn MetaStore, account: &AccountId) -> Result<bool, Error> {
    Ok(arqueta_keys::is_restored(meta).await.map_err(Error::open("key service"))?
        && !iam.accounts().has_identities(account).await.map_err(Error::open("identities"))?
        && !owns_buckets(meta, account).await.map_err(Error::open("engine"))?)
}

fn lost(account: &AccountId) -> Error {
    Error::Config(format!(
        "account {account} has identities, keys or buckets, and its own record is missing, which no gateway removes: \
         restore the metadata from a back-up, or run `arqueta accounts create {account}`, which makes the record \
         anew and shows root credentials"
    ))
}

/// Whether there is something that root credentials of the account would open.
async fn has_anything(config: &Config, iam: &Iam, meta: &dyn MetaStore, account: &AccountId) -> Result<bool, Error> {
    if iam.accounts().has_identities(account).await.map_err(Error::open("identities"))? {
        return Ok(true);
    }
    let keys = arqueta_keys::list_keys(meta, &config.region).await.map_err(Error::open("key service"))?;
    let own = |key: &arqueta_keys::ListedKey| key.arn.account() == account.as_str() && key.manager != KeyManager::Owned;
    Ok(keys.iter().any(own) || owns_buckets(meta, account).await.map_err(Error::open("engine"))?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arqueta_iam::{CreateUser, SecretSealer};
    use arqueta_model::ManualClock;
    use arqueta_store::{Batch, MemoryMeta};
    use zeroize::Zeroizing;

    use super::*;

    struct Plain;

    impl SecretSealer for Plain {
        fn seal(&self, _: &[u8], plaintext: &[u8]) -> Vec<u8> {
            plaintext.to_vec()
        }
        fn open(&self, _: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
            Some(Zeroizing::new(sealed.to_vec()))
        }
    }

    const OTHER: &str = "444455556666";

    fn config() -> Config {
        Config { accounts: vec![OTHER.parse().unwrap()], ..Config::default() }
    }

    async fn iam(meta: &Arc<MemoryMeta>) -> Iam {
        let settings = arqueta_iam::Config { account: config().account_id, root: None };
        Iam::connect(meta.clone(), Arc::new(ManualClock::default()), Arc::new(Plain), settings).await.unwrap()
    }

    async fn established(meta: &Arc<MemoryMeta>, is_configured: bool) -> Result<Vec<String>, String> {
        let created = establish(&config(), &iam(meta).await, meta, is_configured).await;
        let names = created.map(|created| created.iter().map(|new| new.account.to_string()).collect());
        names.map_err(|error| error.line())
    }

    async fn remove(meta: &MemoryMeta, key: String) {
        meta.commit(Batch::default().delete(key.into_bytes())).await.unwrap();
    }

    #[tokio::test]
    async fn new_accounts_are_made_once() {
        let meta = Arc::new(MemoryMeta::new());
        let first = config().account_id.to_string();
        assert_eq!(established(&meta, false).await.unwrap(), [first.as_str(), OTHER]);
        assert!(established(&meta, false).await.unwrap().is_empty());
        let meta = Arc::new(MemoryMeta::new());
        assert_eq!(established(&meta, true).await.unwrap(), [OTHER], "the environment has those of the first");
        assert_eq!(established(&meta, false).await.unwrap(), [first], "there is nothing yet that they would open");
    }

    #[tokio::test]
    async fn who_has_lost_its_record_is_not_given_away() {
        for account in [config().account_id, OTHER.parse().unwrap()] {
            for owns in ["identities", "a bucket"] {
                let meta = Arc::new(MemoryMeta::new());
                established(&meta, false).await.unwrap();
                match owns {
                    "identities" => {
                        let user = CreateUser { user_name: "ann".to_owned(), ..CreateUser::default() };
                        iam(&meta).await.users().create(&account, user).await.unwrap();
                    }
                    // Whose it is cannot be told.
                    _ => meta.commit(Batch::default().put("b/bucket", "damaged")).await.unwrap(),
                }
                remove(&meta, format!("iam/a/{account}")).await;
                for is_configured in [false, true] {
                    let refused = established(&meta, is_configured).await.unwrap_err();
                    assert!(refused.contains(&format!("`arqueta accounts create {account}`")), "{owns}: {refused}");
                }
                iam(&meta).await.accounts().create(&account).await.unwrap();
                assert!(established(&meta, false).await.unwrap().is_empty(), "{owns}");
            }
        }
    }

    #[tokio::test]
    async fn root_keys_that_were_deleted_and_damaged_accounts_stay_so() {
        let meta = Arc::new(MemoryMeta::new());
        established(&meta, true).await.unwrap();
        let first = config().account_id;
        let user = CreateUser { user_name: "ann".to_owned(), ..CreateUser::default() };
        iam(&meta).await.users().create(&first, user).await.unwrap();
        assert!(established(&meta, false).await.unwrap().is_empty(), "it never had one, and users are there");
        meta.damage(format!("iam/a/{OTHER}").as_bytes()).await;
        meta.damage(format!("iam/a/{first}").as_bytes()).await;
        assert!(established(&meta, false).await.unwrap().is_empty(), "the others start");
    }
}
