//! Wrappers that make any store fail, dawdle or count (feature `testing`).

mod counting;
mod faulty;
mod slow;

pub use counting::Counting;
pub use faulty::{Fault, Faulty};
pub use slow::Slow;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use arqueta_model::{BlobId, ManualClock};
    use bytes::Bytes;

    use super::*;
    use crate::{Batch, BlobStore, Error, MemoryBlobs, MemoryMeta, MetaStore, contract};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn wrappers_keep_the_contract() {
        let clock = || Arc::new(ManualClock::default());
        contract::meta_store(async || Faulty::new(Arc::new(MemoryMeta::new()))).await;
        contract::meta_store(async || Counting::new(MemoryMeta::new())).await;
        contract::meta_store(async || Slow::new(MemoryMeta::new(), clock(), Duration::ZERO)).await;
        contract::blob_store(async || Faulty::new(MemoryBlobs::default())).await;
        contract::blob_store(async || Counting::new(MemoryBlobs::default())).await;
        contract::blob_store(async || Slow::new(MemoryBlobs::default(), clock(), Duration::ZERO)).await;
    }

    #[tokio::test]
    async fn faults_happen_as_planned() {
        let store = Faulty::new(Arc::new(MemoryMeta::new()));
        store.fail_nth(1, Fault::Refused);
        store.fail_nth(3, Fault::Unacknowledged);
        store.fail_nth(5, Fault::Full);
        let put = |key: &'static str| store.commit(Batch::default().put(key, ""));
        assert!(matches!(put("refused").await, Err(Error::Io(_))));
        assert!(put("fine").await.is_ok());
        assert!(matches!(put("unacknowledged").await, Err(Error::Io(_))));
        assert!(store.get(b"refused").await.unwrap().is_none());
        assert!(matches!(store.get(b"fine").await, Err(Error::Full(_))));
        assert!(store.get(b"unacknowledged").await.unwrap().is_some());
        store.fail_always(Some(Fault::Refused));
        assert!(put("a").await.is_err() && put("b").await.is_err());
        store.fail_always(None);
        assert!(put("a").await.is_ok());
        assert_eq!(store.operations(), 9);
    }

    #[tokio::test]
    async fn a_faulty_blob_writer_fails_as_planned() {
        let store = Faulty::new(MemoryBlobs::default());
        let id = BlobId::random();
        let mut writer = store.create(id).await.unwrap();
        store.fail_nth(2, Fault::Full);
        writer.write(Bytes::from_static(b"x")).await.unwrap();
        assert!(matches!(writer.finish().await, Err(Error::Full(_))));
        assert!(matches!(store.read(id, 1, 0..1).await, Err(Error::NoSuchBlob)));
    }

    #[tokio::test]
    async fn calls_are_counted() {
        let store = Counting::new(MemoryMeta::new());
        store.commit(Batch::default().unchanged("a", Some("".into()))).await.unwrap_err();
        store.get(b"a").await.unwrap();
        store.get(b"b").await.unwrap();
        assert_eq!((store.reads(), store.writes()), (2, 1));
        let blobs = Counting::new(MemoryBlobs::default());
        let mut writer = blobs.create(BlobId::random()).await.unwrap();
        writer.write(Bytes::from_static(b"four")).await.unwrap();
        assert_eq!((blobs.writes(), blobs.bytes()), (1, 4));
    }

    #[tokio::test]
    async fn a_slow_store_answers_when_its_clock_says_so() {
        let clock = Arc::new(ManualClock::default());
        let store = Slow::new(MemoryMeta::new(), clock.clone(), Duration::from_secs(3));
        let call = tokio::spawn(async move { store.get(b"a").await });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(2));
        tokio::task::yield_now().await;
        assert!(!call.is_finished());
        clock.advance(Duration::from_secs(1));
        assert!(call.await.unwrap().unwrap().is_none());
    }
}
