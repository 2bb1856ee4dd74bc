use std::ops::Range;
use std::sync::Arc;

use arqueta_model::BlobId;
use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;

use crate::{BlobStore, Error};

/// Runs the whole suite of [`BlobStore`]. Needs a tokio runtime.
///
/// # Panics
/// At the first promise that the store does not keep.
pub async fn blob_store<S: BlobStore + 'static>(mut make: impl AsyncFnMut() -> S) {
    blobs_come_back_whole(&make().await).await;
    any_range_comes_back(&make().await).await;
    wrong_ranges_are_refused(&make().await).await;
    an_unfinished_blob_is_invisible(&make().await).await;
    a_blob_never_changes(&make().await).await;
    deleted_blobs_are_gone(&make().await).await;
    a_stream_is_never_silently_short(&make().await).await;
    lists_are_paged_in_order(&make().await).await;
    many_writers_do_not_mix(Arc::new(make().await)).await;
}

/// Bytes that differ at every place and from blob to blob.
fn content(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = BytesMut::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&next());
    }
    bytes.truncate(len);
    bytes.freeze()
}

async fn store_chunks(store: &impl BlobStore, id: BlobId, body: &Bytes, chunk: usize) -> Result<u64, Error> {
    let mut writer = store.create(id).await?;
    for at in (0..body.len()).step_by(chunk) {
        writer.write(body.slice(at..body.len().min(at + chunk))).await?;
    }
    writer.finish().await
}

async fn stored(store: &impl BlobStore, body: &Bytes, chunk: usize) -> BlobId {
    let id = BlobId::random();
    let size = store_chunks(store, id, body, chunk).await.expect("a blob of a healthy store is written");
    assert_eq!(size, body.len() as u64, "`finish` returns the size");
    id
}

async fn read(store: &impl BlobStore, id: BlobId, size: usize, range: Range<u64>) -> Result<Bytes, Error> {
    let chunks: Vec<Bytes> = store.read(id, size as u64, range).await?.try_collect().await?;
    assert!(chunks.iter().all(|chunk| !chunk.is_empty()), "a stream yields no empty chunk");
    Ok(chunks.concat().into())
}

async fn ids(store: &impl BlobStore) -> Vec<BlobId> {
    let all = store.list(None, 1000).await.expect("a healthy store lists");
    all.into_iter().map(|entry| entry.id).collect()
}

async fn blobs_come_back_whole(store: &impl BlobStore) {
    for (len, chunk) in
        [(0, 1), (1, 1), (5000, 7), (100_000, 4096), (1 << 20, 65_536), (3_000_001, 65_537), (3 << 20, 3 << 20)]
    {
        let body = content(len as u64, len);
        let id = stored(store, &body, chunk).await;
        let found = read(store, id, len, 0..len as u64).await.expect("a stored blob reads");
        assert!(found == body, "a blob of {len} bytes in chunks of {chunk} came back different");
    }
}

async fn any_range_comes_back(store: &impl BlobStore) {
    let body = content(1, 1_500_000);
    let id = stored(store, &body, 100_000).await;
    let len = body.len() as u64;
    let edges = [0, 1, 4095, 4096, 262_144, 524_287, 524_288, 524_289, 1_048_576, len - 1, len];
    for start in edges {
        for end in edges.into_iter().filter(|end| *end >= start) {
            let found = read(store, id, body.len(), start..end).await.expect("a range within a blob reads");
            let at = |at: u64| usize::try_from(at).expect("small");
            assert!(found == body.slice(at(start)..at(end)), "the range {start}..{end} came back different");
        }
    }
}

async fn wrong_ranges_are_refused(store: &impl BlobStore) {
    let id = stored(store, &content(1, 100), 100).await;
    let reversed = Range { start: 60, end: 50 };
    for range in [0..101, 100..101, 101..101, u64::MAX..u64::MAX, 50..u64::MAX, reversed] {
        let answer = read(store, id, 100, range.clone()).await;
        assert!(matches!(answer, Err(Error::OutOfRange)), "{range:?} gave {answer:?}");
    }
    for size in [0, 99, 101, usize::MAX] {
        let answer = read(store, id, size, 0..0).await;
        assert!(matches!(answer, Err(Error::Damaged { .. })), "a blob of 100 bytes passed for {size}: {answer:?}");
    }
    let missing = read(store, BlobId::random(), 0, 0..0).await;
    assert!(matches!(missing, Err(Error::NoSuchBlob)), "a missing blob gave {missing:?}");
}

async fn an_unfinished_blob_is_invisible(store: &impl BlobStore) {
    for len in [0, 10, 2 << 20] {
        let id = BlobId::random();
        let mut writer = store.create(id).await.expect("a healthy store creates");
        writer.write(content(1, len)).await.expect("a healthy store writes");
        assert!(matches!(read(store, id, len, 0..0).await, Err(Error::NoSuchBlob)), "visible before `finish`");
        assert_eq!(ids(store).await, [], "listed before `finish`");
        drop(writer);
        assert!(matches!(read(store, id, len, 0..0).await, Err(Error::NoSuchBlob)), "visible after being abandoned");
        // An abandoned id leaves no trace: the next writer of the same id is not in its way.
        let body = content(2, len);
        store_chunks(store, id, &body, 50_000).await.expect("an abandoned id can be written");
        assert!(read(store, id, len, 0..len as u64).await.expect("a stored blob reads") == body);
        store.delete(id).await.expect("a healthy store deletes");
    }
}

async fn a_blob_never_changes(store: &impl BlobStore) {
    let body = content(1, 1000);
    let id = stored(store, &body, 1000).await;
    let again = store_chunks(store, id, &content(2, 2000), 100).await;
    assert!(again.is_err(), "a blob was written twice");
    assert!(read(store, id, 1000, 0..1000).await.expect("a stored blob reads") == body, "a blob was changed");
    assert_eq!(ids(store).await, [id]);
}

async fn deleted_blobs_are_gone(store: &impl BlobStore) {
    let (kept, gone) = (stored(store, &content(1, 10), 10).await, stored(store, &content(2, 10), 10).await);
    store.delete(gone).await.expect("a healthy store deletes");
    store.delete(gone).await.expect("deleting what is gone is fine");
    store.delete(BlobId::random()).await.expect("deleting what never was is fine");
    assert!(matches!(read(store, gone, 10, 0..10).await, Err(Error::NoSuchBlob)));
    assert_eq!(ids(store).await, [kept]);
}

async fn a_stream_is_never_silently_short(store: &impl BlobStore) {
    // A stream that began before a delete ends with every byte or with an error, never short.
    let body = content(1, 2 << 20);
    let id = stored(store, &body, 1 << 20).await;
    let mut stream = store.read(id, body.len() as u64, 0..body.len() as u64).await.expect("a stored blob reads");
    let first = stream.try_next().await.expect("the first chunk reads").expect("there is a first chunk");
    store.delete(id).await.expect("a healthy store deletes");
    if let Ok(rest) = stream.try_collect::<Vec<Bytes>>().await {
        assert!([first, rest.concat().into()].concat() == body, "a stream ended early without an error");
    }
}

async fn lists_are_paged_in_order(store: &impl BlobStore) {
    assert_eq!(ids(store).await, []);
    let mut expected = Vec::new();
    for n in 0..40u8 {
        let body = content(u64::from(n), usize::from(n));
        expected.push((stored(store, &body, 10).await, u64::from(n)));
    }
    expected.sort_unstable();
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(after, 7).await.expect("a healthy store lists");
        assert!(page.len() <= 7, "a page has at most `limit` entries");
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        listed.extend(page.iter().map(|entry| (entry.id, entry.size)));
    }
    assert_eq!(listed, expected, "pages are in id order, without gaps or repeats");
    let before_first = BlobId::from_bytes([0; 16]);
    assert_eq!(store.list(Some(before_first), 100).await.expect("a healthy store lists").len(), 40);
}

async fn many_writers_do_not_mix(store: Arc<impl BlobStore + 'static>) {
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..32u64 {
        let store = store.clone();
        tasks.spawn(async move {
            let body = content(n, 200_000 + 1000 * usize::try_from(n).expect("small"));
            let id = stored(&*store, &body, 30_000).await;
            let found =
                read(&*store, id, body.len(), 0..body.len() as u64).await.expect("a blob is visible once acknowledged");
            assert!(found == body, "two writers mixed their bytes");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no writer panics");
    }
    assert_eq!(ids(&*store).await.len(), 32);
}
