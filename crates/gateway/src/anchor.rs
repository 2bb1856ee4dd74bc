//! Whether metadata and bodies belong together: what the metadata does not name is removed from the
//! bodies only where it certainly knew them. A metadata file put back from an older back-up, or made
//! anew, names few or none of the bodies beside it, and they are not garbage.
//!
//! Each start leaves a mark of its own among the bodies (`blobs/anchor.<id>`, empty) and in the metadata.
//! Metadata and bodies that know each other have the same last mark.

use std::fs::File;
use std::io;
use std::path::Path;

use arqueta_engine::schema;
use arqueta_model::BlobId;
use arqueta_store::{Batch, BlobStore, MetaStore};
use bytes::Bytes;

use crate::Error;

/// Where the metadata has the marks that may be among the bodies, one after the other.
const KEY: &[u8] = b"anchor";
const PREFIX: &str = "anchor.";
const PART: &str = "bodies in the data folder";
/// Bodies that are asked for where neither side has a mark: an earlier version left none.
const SAMPLE: usize = 1000;

/// Whether the bodies in `folder` are those that `meta` knew last. If so, they are marked anew.
///
/// # Errors
/// Failures of the store and of the folder.
pub(crate) async fn holds(meta: &dyn MetaStore, blobs: &dyn BlobStore, folder: &Path) -> Result<bool, Error> {
    let kept = match meta.get(KEY).await {
        Err(arqueta_store::Error::Damaged { .. }) => Some(Bytes::new()),
        kept => kept.map_err(Error::open(PART))?,
    };
    let there = marks(folder).map_err(Error::open(PART))?;
    let known = |id: &BlobId| kept.as_ref().is_some_and(|kept| kept.chunks(16).any(|mark| mark == id.as_bytes()));
    let holds = match there.iter().any(known) {
        true => true,
        false if kept.is_none() && there.is_empty() => names_some(meta, blobs).await.map_err(Error::open(PART))?,
        false => blobs.list(None, 1).await.map_err(Error::open(PART))?.is_empty(),
    };
    if holds {
        // On a full disk, say: the marks that are there are good for the next start, too.
        if let Err(error) = cast(meta, folder).await {
            tracing::warn!("metadata and bodies cannot be marked anew: {}", error.line());
        }
    } else {
        tracing::error!(
            folder = %folder.display(),
            "the bodies here are not those that the metadata knew last: one of both was restored or replaced alone. \
             Nothing that the metadata does not name is removed; see `arqueta check`"
        );
    }
    Ok(holds)
}

/// Ties bodies and metadata to each other, whatever they were before.
///
/// # Errors
/// Failures of the store and of the folder.
pub(crate) async fn cast(meta: &dyn MetaStore, folder: &Path) -> Result<(), Error> {
    let (old, new) = (marks(folder).map_err(Error::open(PART))?, BlobId::random());
    // The metadata knows both before there is one, so that a crash anywhere leaves what it knows.
    let both = old.iter().chain([&new]).flat_map(|id| *id.as_bytes()).collect::<Vec<_>>();
    meta.commit(Batch::default().put(KEY, both)).await.map_err(Error::open(PART))?;
    let marked = File::create(folder.join(format!("{PREFIX}{new}")))
        .and_then(|file| file.sync_all())
        .and_then(|()| old.iter().try_for_each(|id| std::fs::remove_file(folder.join(format!("{PREFIX}{id}")))))
        .and_then(|()| File::open(folder)?.sync_all());
    marked.map_err(Error::open(PART))?;
    meta.commit(Batch::default().put(KEY, new.as_bytes().to_vec())).await.map_err(Error::open(PART))
}

fn marks(folder: &Path) -> io::Result<Vec<BlobId>> {
    let mut marks = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        marks.extend(name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<BlobId>().ok()));
    }
    Ok(marks)
}

/// Whether the metadata names one of the first bodies, or there are none.
async fn names_some(meta: &dyn MetaStore, blobs: &dyn BlobStore) -> Result<bool, arqueta_store::Error> {
    let sample = blobs.list(None, SAMPLE).await?;
    for blob in &sample {
        for key in [schema::referenced(blob.id), schema::garbage(blob.id)] {
            if !matches!(meta.get(&key).await, Ok(None)) {
                return Ok(true);
            }
        }
    }
    Ok(sample.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arqueta_store::{FsBlobs, MemoryMeta};

    async fn body(blobs: &FsBlobs) -> BlobId {
        let id = BlobId::random();
        let mut writer = blobs.create(id).await.unwrap();
        writer.write(Bytes::from_static(b"sealed")).await.unwrap();
        writer.finish().await.unwrap();
        id
    }

    #[tokio::test]
    async fn metadata_and_bodies_know_each_other_from_start_to_start() {
        let dir = tempfile::tempdir().unwrap();
        let (meta, blobs) = (MemoryMeta::new(), FsBlobs::open(dir.path()).unwrap());
        assert!(holds(&meta, &blobs, dir.path()).await.unwrap(), "both are new");
        body(&blobs).await;
        for _ in 0..3 {
            assert!(holds(&meta, &blobs, dir.path()).await.unwrap(), "also without any reference");
            assert_eq!(marks(dir.path()).unwrap().len(), 1);
        }
        assert_eq!(blobs.list(None, 9).await.unwrap().len(), 1, "a mark is no body");
    }

    #[tokio::test]
    async fn metadata_that_is_new_or_older_than_the_bodies_does_not_know_them() {
        let dir = tempfile::tempdir().unwrap();
        let (meta, blobs) = (MemoryMeta::new(), FsBlobs::open(dir.path()).unwrap());
        assert!(holds(&meta, &blobs, dir.path()).await.unwrap());
        let older = meta.get(KEY).await.unwrap().unwrap();
        body(&blobs).await;
        assert!(holds(&meta, &blobs, dir.path()).await.unwrap());
        assert!(!holds(&MemoryMeta::new(), &blobs, dir.path()).await.unwrap(), "made anew");
        meta.commit(Batch::default().put(KEY, older)).await.unwrap();
        for _ in 0..2 {
            assert!(!holds(&meta, &blobs, dir.path()).await.unwrap(), "restored from an older back-up, for ever");
        }
        cast(&meta, dir.path()).await.unwrap();
        assert!(holds(&meta, &blobs, dir.path()).await.unwrap(), "somebody said so");
    }

    #[tokio::test]
    async fn a_crash_between_the_two_sides_parts_them_not() {
        let dir = tempfile::tempdir().unwrap();
        let (meta, blobs) = (MemoryMeta::new(), FsBlobs::open(dir.path()).unwrap());
        assert!(holds(&meta, &blobs, dir.path()).await.unwrap());
        body(&blobs).await;
        let (old, new) = (marks(dir.path()).unwrap()[0], BlobId::random());
        meta.commit(Batch::default().put(KEY, [*old.as_bytes(), *new.as_bytes()].concat())).await.unwrap();
        assert!(holds(&meta, &blobs, dir.path()).await.unwrap(), "before the mark");
        let old = marks(dir.path()).unwrap()[0];
        meta.commit(Batch::default().put(KEY, [*old.as_bytes(), *new.as_bytes()].concat())).await.unwrap();
        File::create(dir.path().join(format!("{PREFIX}{new}"))).unwrap();
        std::fs::remove_file(dir.path().join(format!("{PREFIX}{old}"))).unwrap();
        assert!(holds(&meta, &blobs, dir.path()).await.unwrap(), "after it");
    }

    #[tokio::test]
    async fn bodies_of_an_earlier_version_are_known_by_a_reference() {
        let dir = tempfile::tempdir().unwrap();
        let (meta, blobs) = (MemoryMeta::new(), FsBlobs::open(dir.path()).unwrap());
        let id = body(&blobs).await;
        body(&blobs).await;
        assert!(!holds(&meta, &blobs, dir.path()).await.unwrap());
        meta.commit(Batch::default().put(schema::referenced(id), "")).await.unwrap();
        assert!(holds(&meta, &blobs, dir.path()).await.unwrap());
    }
}
