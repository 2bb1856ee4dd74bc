//! Identities of the tests.

use std::sync::Arc;

use arqueta_iam::testing::TestSealer;
use arqueta_iam::{Config, CreateUser, Entity, Iam, KeyHolder, RootKey, Secret};
use arqueta_model::{AccountId, ManualClock};
use arqueta_store::MetaStore;

use super::rig::Signer;

pub struct Identities {
    pub iam: Arc<Iam>,
    pub root: Signer,
    account: AccountId,
}

pub async fn open(meta: Arc<dyn MetaStore>, clock: Arc<ManualClock>, account: &AccountId) -> Identities {
    let root = Signer { id: "AKIAROOT".to_owned(), secret: "secret-of-root".to_owned(), token: None };
    let config = Config {
        account: account.clone(),
        root: Some(RootKey { access_key_id: root.id.clone(), secret: Secret::new(root.secret.clone()) }),
    };
    let (iam, _) = Iam::open(meta, clock, Arc::new(TestSealer::default()), config).await.unwrap();
    Identities { iam: Arc::new(iam), root, account: account.clone() }
}

impl Identities {
    /// A user with one policy: statements of `Action` and `Resource`, and a condition or `{}`.
    pub async fn user(&self, name: &str, statements: &[(&str, &str, &str)]) -> Signer {
        let statements: Vec<String> = statements
            .iter()
            .map(|(action, resource, condition)| {
                format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}","Condition":{condition}}}"#)
            })
            .collect();
        let document = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
        let create = CreateUser { user_name: name.to_owned(), ..CreateUser::default() };
        self.iam.users().create(&self.account, create).await.unwrap();
        self.iam.permissions().put_inline(&self.account, Entity::User(name), "it", document).await.unwrap();
        let key = self.iam.access_keys().create(&self.account, KeyHolder::User(name)).await.unwrap();
        Signer { id: key.access_key_id, secret: key.secret.expose().to_owned(), token: None }
    }

    /// A session of a long-term credential.
    pub async fn session(&self, of: &Signer) -> Signer {
        let credential = self.iam.authentication().credential(&of.id, None).await.unwrap();
        let issued = self.iam.sessions().session_token(&credential.identity, Some(900)).unwrap();
        Signer {
            id: issued.access_key_id,
            secret: issued.secret.expose().to_owned(),
            token: Some(issued.session_token.expose().to_owned()),
        }
    }
}
