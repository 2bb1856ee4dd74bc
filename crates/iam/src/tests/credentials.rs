//! From access key ids to identities: what is remembered, and what makes it forgotten.

use std::time::Duration;

use arqueta_model::{Clock as _, PrincipalKind};

use arqueta_store::Batch;

use super::*;
use crate::record::{AccessKeyRecord, KeyOwner, decode, encode};
use crate::{RootKey, Secret, Tag};

#[tokio::test]
async fn the_first_start_makes_a_root_key_and_only_the_first() {
    let world = world().await;
    let identity = world.identity(&world.root).await;
    assert_eq!(identity.principal.kind, PrincipalKind::Root);
    assert!(world.may(&identity, "iam:CreateUser"));
    let (again, generated) = open(&world.meta, &world.clock).await;
    assert!(generated.is_none());
    let credential = again.authentication().credential(&world.root.access_key_id, None).await.unwrap();
    assert_eq!(credential.secret.expose(), world.root.secret.expose());
}

#[tokio::test]
async fn configured_root_credentials_are_used_and_not_stored() {
    let meta = MemoryMeta::new();
    let store: Arc<dyn MetaStore> = Arc::new(meta);
    let clock = Arc::new(ManualClock::default());
    let root = |id: &str, secret: &str| Some(RootKey { access_key_id: id.into(), secret: Secret::new(secret) });
    let open = |root| {
        let config = Config { account: account(), root };
        Iam::open(store.clone(), clock.clone(), Arc::new(TestSealer::default()), config)
    };
    for (id, secret) in [("ab", "long enough"), ("a/b", "long enough"), ("ASIAXXX", "long enough"), ("admin", "short")]
    {
        assert_eq!(open(root(id, secret)).await.unwrap_err().code(), "ValidationError", "{id}");
    }
    let (iam, generated) = open(root("admin", "long enough")).await.unwrap();
    assert!(generated.is_none());
    let credential = iam.authentication().credential("admin", None).await.unwrap();
    assert_eq!((credential.secret.expose(), credential.identity.principal.kind), ("long enough", PrincipalKind::Root));
    let (iam, generated) = open(None).await.unwrap();
    assert!(generated.is_some());
    assert!(matches!(iam.authentication().credential("admin", None).await, Err(Error::UnknownAccessKey)));
}

#[tokio::test]
async fn unknown_inactive_and_deleted_keys_are_one_answer() {
    let world = world().await;
    let key = world.user("alice").await;
    let alice = KeyHolder::User("alice");
    let code =
        async |id: &str| world.iam.authentication().credential(id, None).await.map(|_| ()).unwrap_err().to_string();
    let unknown = code("AKIAUNKNOWNUNKNOWN00").await;
    for id in ["", "x\0y", "é", &"A".repeat(200), "../k"] {
        assert_eq!(code(id).await, unknown, "{id:?}");
    }
    assert!(world.iam.authentication().credential(&key.access_key_id, None).await.is_ok());
    world.iam.access_keys().update(&account(), alice, &key.access_key_id, false).await.unwrap();
    assert_eq!(code(&key.access_key_id).await, unknown);
    world.iam.access_keys().update(&account(), alice, &key.access_key_id, true).await.unwrap();
    assert!(world.iam.authentication().credential(&key.access_key_id, None).await.is_ok());
    world.iam.access_keys().delete(&account(), alice, &key.access_key_id).await.unwrap();
    assert_eq!(code(&key.access_key_id).await, unknown);
}

#[tokio::test]
async fn a_key_does_not_pass_to_another_user_of_the_same_name() {
    let world = world().await;
    let key = world.user("alice").await;
    world.iam.access_keys().delete(&account(), KeyHolder::User("alice"), &key.access_key_id).await.unwrap();
    world.iam.users().delete(&account(), "alice").await.unwrap();
    world.user("alice").await;
    assert!(matches!(
        world.iam.authentication().credential(&key.access_key_id, None).await,
        Err(Error::UnknownAccessKey)
    ));
}

#[tokio::test]
async fn long_term_keys_come_without_a_token() {
    let world = world().await;
    let key = world.user("alice").await;
    for _ in 0..2 {
        let outcome = world.iam.authentication().credential(&key.access_key_id, Some("token")).await;
        assert!(matches!(outcome, Err(Error::InvalidToken)));
        assert!(world.iam.authentication().credential(&key.access_key_id, None).await.is_ok());
    }
}

#[tokio::test]
async fn a_known_credential_costs_no_read_until_something_changes() {
    let world = world().await;
    let key = world.user("alice").await;
    let first = world.identity(&key).await;
    let reads = world.meta.reads();
    for _ in 0..100 {
        assert!(Arc::ptr_eq(&first, &world.identity(&key).await));
    }
    assert_eq!(world.meta.reads(), reads);
    world.iam.users().tag(&account(), "alice", vec![Tag::new("team", "red")]).await.unwrap();
    let second = world.identity(&key).await;
    assert_eq!(second.tags.to_vec(), [("team".to_owned(), "red".to_owned())]);
    assert!(world.meta.reads() > reads);
}

#[tokio::test]
async fn another_gateway_sees_a_change_when_it_refreshes() {
    let world = world().await;
    let key = world.user("alice").await;
    let (other, _) = open(&world.meta, &world.clock).await;
    assert!(other.authentication().credential(&key.access_key_id, None).await.is_ok());
    world.iam.access_keys().update(&account(), KeyHolder::User("alice"), &key.access_key_id, false).await.unwrap();
    other.refresh().await.unwrap();
    assert!(matches!(other.authentication().credential(&key.access_key_id, None).await, Err(Error::UnknownAccessKey)));
    // A refresh that finds nothing new forgets nothing.
    other.authentication().credential(&world.root.access_key_id, None).await.unwrap();
    other.refresh().await.unwrap();
    let reads = world.meta.reads();
    other.authentication().credential(&world.root.access_key_id, None).await.unwrap();
    assert_eq!(world.meta.reads(), reads);
}

#[tokio::test]
async fn the_last_use_is_known_to_a_quarter_of_an_hour() {
    let world = world().await;
    let key = world.user("alice").await;
    let used = async || world.iam.access_keys().last_used(&account(), &key.access_key_id).await.unwrap().at;
    assert_eq!(used().await, None);
    let start = world.clock.now();
    world.identity(&key).await;
    assert_eq!(used().await, Some(start));
    let writes = world.meta.writes();
    world.clock.advance(Duration::from_secs(899));
    world.identity(&key).await;
    assert_eq!(world.meta.writes(), writes);
    world.clock.advance(Duration::from_secs(1));
    world.identity(&key).await;
    assert_eq!(used().await, Some(start.plus(Duration::from_secs(900))));
}

#[tokio::test]
async fn secrets_are_sealed_in_the_store_and_never_printed() {
    let world = world().await;
    let key = world.user("alice").await;
    let pairs = world.meta.scan(arqueta_store::Scan::prefix(b"", 1000)).await.unwrap();
    for secret in [key.secret.expose(), world.root.secret.expose()] {
        assert!(pairs.iter().all(|(_, value)| !value.windows(secret.len()).any(|window| window == secret.as_bytes())));
        let credential = world.iam.authentication().credential(&key.access_key_id, None).await.unwrap();
        assert!(!format!("{key:?}{credential:?}{:?}{:?}", world.iam, world.root).contains(secret));
    }
}

#[tokio::test]
async fn another_sealing_key_opens_nothing() {
    let world = world().await;
    let sealer = Arc::new(TestSealer::with_key(9));
    let (other, _) = Iam::open(Arc::new(world.meta.clone()), world.clock.clone(), sealer, config()).await.unwrap();
    let outcome = other.authentication().credential(&world.root.access_key_id, None).await;
    assert!(matches!(outcome, Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn an_edited_record_does_not_make_a_users_key_the_roots() {
    let world = world().await;
    let key = world.user("alice").await;
    let at = format!("iam/k/{}", key.access_key_id).into_bytes();
    let stored = world.meta.get(&at).await.unwrap().unwrap();
    let mut record: AccessKeyRecord = decode(&stored, "access key").unwrap();
    record.owner = KeyOwner::Root;
    world.meta.commit(Batch::default().put(at, encode(&record))).await.unwrap();
    let (again, _) = open(&world.meta, &world.clock).await;
    let outcome = again.authentication().credential(&key.access_key_id, None).await;
    assert!(matches!(outcome, Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn denials_of_iam_and_of_s3_quote_as_aws_does() {
    let world = world().await;
    let key = world.user("alice").await;
    let identity = world.identity(&key).await;
    let keys = ConditionKeys::new();
    let ask = |action, resource| {
        let request = Request { action, resource, keys: &keys };
        crate::authorize(&identity, &request, None, &account()).unwrap_err().message
    };
    assert_eq!(
        ask("s3:GetObject", "arn:aws:s3:::b/k"),
        "User: arn:aws:iam::111122223333:user/alice is not authorized to perform: s3:GetObject on resource: \
         \"arn:aws:s3:::b/k\" because no identity-based policy allows the s3:GetObject action"
    );
    assert!(
        ask("iam:GetUser", "arn:aws:iam::111122223333:user/bob")
            .contains("on resource: arn:aws:iam::111122223333:user/bob because")
    );
}

/// The store may have done what it said it could not.
#[tokio::test]
async fn a_change_of_unknown_outcome_is_looked_up_again() {
    let world = world().await;
    let key = world.user("alice").await;
    world.identity(&key).await;
    // Reads of the change: the epoch, the user, the key; the fourth operation is its commit.
    world.faulty.fail_nth(4, arqueta_store::Fault::Unacknowledged);
    let alice = KeyHolder::User("alice");
    assert!(world.iam.access_keys().update(&account(), alice, &key.access_key_id, false).await.is_err());
    assert!(matches!(
        world.iam.authentication().credential(&key.access_key_id, None).await,
        Err(Error::UnknownAccessKey)
    ));
}
