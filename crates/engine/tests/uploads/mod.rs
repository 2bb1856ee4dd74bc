//! Multipart uploads on the rig, and what must hold of the stores whatever happened.
#![allow(clippy::unwrap_used, dead_code, reason = "each suite uses its own part of the helpers")]

use std::collections::BTreeSet;

use arqueta_engine::api::{
    AbortMultipartUpload, ChecksumRequest, CompleteMultipartUpload, CompletedPart, CompletedUpload, ContentHeaders,
    CreateMultipartUpload, EncryptionRequest, StorageClass, Tags, UploadPart, UploadedPart, UserMetadata,
};
use arqueta_engine::record::{Blob, ObjectRecord, PartRecord, Place, Record};
use arqueta_engine::{Error, schema};
use arqueta_model::{BlobId, UploadId};
use arqueta_store::{BlobStore, MetaStore};
use bytes::Bytes;

use crate::rig::{Mode, Rig, bucket, chunked, key};

/// Smallest part on the rig, so that tests need not move megabytes.
pub const MINIMUM: usize = 1000;

pub fn rig() -> Rig {
    Rig::over(Default::default(), Default::default(), Default::default(), |config| config.part_minimum = MINIMUM as u64)
}

pub fn create(at: &str) -> CreateMultipartUpload {
    CreateMultipartUpload {
        bucket: bucket(),
        key: key(at),
        headers: ContentHeaders::default(),
        metadata: UserMetadata::default(),
        tags: Tags::default(),
        storage_class: StorageClass::default(),
        encryption: EncryptionRequest::default(),
        checksum: None,
        checksum_type: None,
        retention: None,
        legal_hold: None,
    }
}

pub fn part(at: &str, upload: UploadId, number: u16, body: Bytes) -> UploadPart {
    UploadPart {
        bucket: bucket(),
        key: key(at),
        upload,
        number,
        body: chunked(body, 7_000),
        size: None,
        md5: None,
        checksum: ChecksumRequest::Default,
        customer_key: None,
    }
}

pub fn listed(number: u16, part: &UploadedPart) -> CompletedPart {
    let checksum = part.checksum.map(|checksum| (checksum.value.algorithm(), checksum.to_string()));
    CompletedPart { number, etag: part.etag.clone(), checksum }
}

pub fn complete(at: &str, upload: UploadId, parts: Vec<CompletedPart>) -> CompleteMultipartUpload {
    CompleteMultipartUpload {
        bucket: bucket(),
        key: key(at),
        upload,
        parts,
        checksum: None,
        checksum_type: None,
        size: None,
        conditions: Default::default(),
        customer_key: None,
    }
}

pub fn abort(at: &str, upload: UploadId) -> AbortMultipartUpload {
    AbortMultipartUpload { bucket: bucket(), key: key(at), upload, if_started: None }
}

impl Rig {
    pub async fn start(&self, at: &str, mode: Mode) -> UploadId {
        let input = CreateMultipartUpload { encryption: mode.request(), ..create(at) };
        self.engine.uploads().create(&self.caller, input).await.unwrap().id
    }

    pub async fn part(&self, at: &str, upload: UploadId, number: u16, body: Bytes) -> Result<UploadedPart, Error> {
        self.engine.uploads().put_part(&self.caller, part(at, upload, number, body)).await
    }

    pub async fn part_mode(&self, at: &str, upload: UploadId, number: u16, body: Bytes, mode: Mode) -> UploadedPart {
        let input = UploadPart { customer_key: mode.customer_key(), ..part(at, upload, number, body) };
        self.engine.uploads().put_part(&self.caller, input).await.unwrap()
    }

    pub async fn complete(
        &self,
        at: &str,
        upload: UploadId,
        parts: Vec<CompletedPart>,
    ) -> Result<CompletedUpload, Error> {
        self.engine.uploads().complete(&self.caller, complete(at, upload, parts)).await
    }

    /// A whole upload of `bodies` as parts 1, 2, …
    pub async fn upload_all(&self, at: &str, bodies: &[Bytes], mode: Mode) -> CompletedUpload {
        let upload = self.start(at, mode).await;
        let mut parts = Vec::new();
        for (number, body) in (1..).zip(bodies) {
            parts.push(listed(number, &self.part_mode(at, upload, number, body.clone(), mode).await));
        }
        self.complete(at, upload, parts).await.unwrap()
    }

    /// Every body that a record names is there, exactly once; everything else in the stores is
    /// garbage on its way out.
    pub async fn assert_consistent(&self) {
        let mut places: Vec<Place> = Vec::new();
        let (mut inline, mut referenced, mut garbage) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (key, value) in self.meta.dump().await {
            let id = || BlobId::from_bytes(key[2..].try_into().unwrap());
            match &key[..2] {
                b"c/" | b"v/" => {
                    places.extend(ObjectRecord::decode(&value).unwrap().content.iter().flat_map(|c| c.places.clone()));
                }
                b"p/" => places.push(PartRecord::decode(&value).unwrap().place),
                b"i/" => assert!(inline.insert(id())),
                b"x/" => assert!(referenced.insert(id())),
                b"g/" => assert!(garbage.insert(id())),
                _ => {}
            }
        }
        let (mut named_inline, mut named_files) = (BTreeSet::new(), BTreeSet::new());
        for place in places {
            match place.blob {
                Blob::Inline(id) => assert!(named_inline.insert(id), "a small body belongs to two records"),
                Blob::File(id) => assert!(named_files.insert(id), "a blob belongs to two records"),
            }
        }
        assert_eq!(named_inline, inline, "small bodies: named, stored");
        assert_eq!(named_files, referenced, "blobs: named, marked as referenced");
        assert!(referenced.is_disjoint(&garbage));
        let stored: BTreeSet<_> = self.blobs.list(None, usize::MAX).await.unwrap().into_iter().map(|b| b.id).collect();
        assert!(stored.is_superset(&referenced), "a referenced blob is missing");
        let leftover: Vec<_> = stored.difference(&referenced).filter(|id| !garbage.contains(id)).collect();
        assert!(leftover.is_empty(), "blobs that nothing refers to: {leftover:?}");
    }

    /// Sweeps everything at once and checks that only what records name is left.
    pub async fn sweep_and_check(&self) {
        let now = self.later();
        self.engine.sweeper().uploads(arqueta_model::Timestamp::from_millis(0)).await.unwrap();
        self.engine.sweeper().garbage(now).await.unwrap();
        self.engine.sweeper().orphans(now).await.unwrap();
        self.assert_consistent().await;
        assert!(self.under(schema::GARBAGE).await == 0);
    }

    /// An instant after everything that happened so far, by any clock.
    pub fn later(&self) -> arqueta_model::Timestamp {
        arqueta_model::Timestamp::from_millis(i64::MAX)
    }

    /// Number of records that begin with `prefix`.
    pub async fn under(&self, prefix: &[u8]) -> usize {
        self.meta.scan(arqueta_store::Scan::prefix(prefix, usize::MAX)).await.unwrap().len()
    }
}
