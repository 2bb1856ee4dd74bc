//! Who can write the store and has not the root key can change nothing that is believed.

use std::sync::Arc;

use arqueta_audit::testing::Memory as MemoryAudit;
use arqueta_kms::testing::{ACCOUNT, FixedRootKey};
use arqueta_kms::{Error, RootKeyError, RootSecret};
use arqueta_model::ManualClock;
use arqueta_store::{Batch, Damages, Error as StoreError, MemoryMeta, MetaStore, Scan};
use bytes::Bytes;

use crate::key::material;
use crate::upkeep::authentic::{Authenticated, adopt, authenticate};
use crate::{Config, Embedded, schema};

async fn opened(raw: &Arc<MemoryMeta>, root: u8) -> (Authenticated, Arc<Damages>) {
    let damages = Arc::new(Damages::default());
    (authenticate(raw.clone(), &FixedRootKey([root; 32]), damages.clone()).await.unwrap(), damages)
}

async fn service(over: &Authenticated) -> Result<Embedded, Error> {
    let config = Config::new(ACCOUNT.parse().unwrap(), "us-east-1".parse().unwrap(), over.root.clone());
    Embedded::open(over.meta.clone(), Arc::new(MemoryAudit::default()), Arc::new(ManualClock::default()), config).await
}

async fn raw_put(raw: &MemoryMeta, key: &[u8], value: impl Into<Bytes>) {
    raw.commit(Batch::default().put(key.to_vec(), value)).await.unwrap();
}

#[tokio::test]
async fn every_record_is_tagged_and_an_edited_one_is_refused() {
    let raw = Arc::new(MemoryMeta::new());
    let (over, _) = opened(&raw, 1).await;
    service(&over).await.unwrap();
    over.meta
        .commit(Batch::default().put("iam/u/1\0ann", "rights").put("b/bkt", "policy").put("c/bkt\0k", "none"))
        .await
        .unwrap();
    let pairs = raw.dump().await;
    assert!(pairs.iter().any(|(key, _)| key.starts_with(b"kms/k/")));
    for (key, good) in pairs.into_iter().filter(|(key, _)| key != schema::ROOT) {
        let mut edited = good.to_vec();
        edited[0] ^= 1;
        raw_put(&raw, &key, edited).await;
        let (again, damages) = opened(&raw, 1).await;
        let read = again.meta.get(&key).await;
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "{key:?}: {read:?}");
        assert_eq!(damages.len(), 1);
        raw_put(&raw, &key, good).await;
    }
}

#[tokio::test]
async fn a_key_that_was_edited_does_not_stop_the_others() {
    let raw = Arc::new(MemoryMeta::new());
    let (over, _) = opened(&raw, 1).await;
    service(&over).await.unwrap();
    let forged = b"kms/k/111122223333/forged";
    let (_, real) = over.meta.scan(Scan::prefix(b"kms/k/", 1)).await.unwrap().remove(0);
    // A record that was good once, under another name and without a tag.
    raw_put(&raw, forged, real).await;
    let (again, damages) = opened(&raw, 1).await;
    service(&again).await.unwrap();
    assert_eq!(damages.list().iter().map(|(key, ..)| &key[..]).collect::<Vec<_>>(), [&forged[..]]);
}

#[tokio::test]
async fn a_store_from_before_the_tags_is_adopted_when_that_is_asked_for() {
    let raw = Arc::new(MemoryMeta::new());
    let old = material::untagged_root_check(&RootSecret::from_bytes(&[1; 32]));
    raw_put(&raw, schema::ROOT, old.clone()).await;
    raw_put(&raw, b"iam/u/1\0ann", "rights").await;
    raw_put(&raw, b"i/body", "sealed").await;
    let refused = authenticate(raw.clone(), &FixedRootKey([1; 32]), Arc::default()).await.err().unwrap();
    assert!(matches!(refused, Error::RootKey(RootKeyError::Untagged)), "{refused}");
    assert!(std::error::Error::source(&refused).unwrap().to_string().contains("`arqueta adopt`"));
    assert!(matches!(adopt(raw.clone(), &FixedRootKey([9; 32])).await, Err(Error::RootKey(RootKeyError::Wrong))));
    assert_eq!(raw.get(b"iam/u/1\0ann").await.unwrap().unwrap(), "rights", "nothing was touched");
    assert_eq!(adopt(raw.clone(), &FixedRootKey([1; 32])).await.unwrap(), Some(1));
    assert_eq!(adopt(raw.clone(), &FixedRootKey([1; 32])).await.unwrap(), None, "there is nothing left to adopt");
    let (over, damages) = opened(&raw, 1).await;
    assert_eq!(over.meta.get(b"iam/u/1\0ann").await.unwrap().unwrap(), "rights");
    assert_eq!(raw.get(b"i/body").await.unwrap().unwrap(), "sealed");
    assert!(damages.is_empty());
    assert_ne!(raw.get(schema::ROOT).await.unwrap().unwrap(), old);
    raw_put(&raw, b"iam/u/1\0eve", "all rights").await;
    let (again, _) = opened(&raw, 1).await;
    assert!(again.meta.get(b"iam/u/1\0eve").await.is_err(), "nothing is adopted a second time");
    assert_eq!(again.meta.get(b"iam/u/1\0ann").await.unwrap().unwrap(), "rights");
    // The old check, found in the free space of the file and put back, adopts nothing.
    raw_put(&raw, schema::ROOT, old).await;
    let refused = authenticate(raw.clone(), &FixedRootKey([1; 32]), Arc::default()).await;
    assert!(matches!(refused.err(), Some(Error::RootKey(RootKeyError::Untagged))));
    assert_eq!(raw.get(b"iam/u/1\0eve").await.unwrap().unwrap(), "all rights", "no tag was made for it");
}

#[tokio::test]
async fn removing_the_mark_does_not_bring_the_old_ways_back() {
    let raw = Arc::new(MemoryMeta::new());
    let (over, _) = opened(&raw, 1).await;
    over.meta.commit(Batch::default().put("iam/u/1\0ann", "rights")).await.unwrap();
    raw_put(&raw, b"iam/u/1\0eve", "all rights").await;
    raw.commit(Batch::default().delete(schema::ROOT)).await.unwrap();
    let (again, _) = opened(&raw, 1).await;
    assert!(again.meta.get(b"iam/u/1\0eve").await.is_err());
    assert_eq!(again.meta.get(b"iam/u/1\0ann").await.unwrap().unwrap(), "rights");
    // A check that nobody sealed under this root key says nothing, and neither does another key's.
    for check in [Bytes::new(), Bytes::from(material::untagged_root_check(&RootSecret::from_bytes(&[9; 32])))] {
        raw_put(&raw, schema::ROOT, check).await;
        let refused = authenticate(raw.clone(), &FixedRootKey([1; 32]), Arc::default()).await;
        assert!(matches!(refused.err(), Some(Error::RootKey(RootKeyError::Wrong))));
    }
}

#[tokio::test]
async fn records_do_not_move_between_stores() {
    let (one, two) = (Arc::new(MemoryMeta::new()), Arc::new(MemoryMeta::new()));
    let ((over, _), (other, _)) = (opened(&one, 1).await, opened(&two, 2).await);
    over.meta.commit(Batch::default().put("b/bkt", "public")).await.unwrap();
    raw_put(&two, b"b/bkt", one.get(b"b/bkt").await.unwrap().unwrap()).await;
    assert!(other.meta.get(b"b/bkt").await.is_err());
}
