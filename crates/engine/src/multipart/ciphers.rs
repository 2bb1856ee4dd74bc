//! Ciphers of SSE-C uploads under way, in memory only.
//!
//! S3 takes the customer's key with every part but not with CompleteMultipartUpload, which has to
//! authenticate the finished manifest under it. So the derived cipher (never the customer's key)
//! is remembered from the last part until the upload ends. After a restart the client has to send
//! the key with its Complete, or a part again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arqueta_envelope::ObjectCipher;
use arqueta_model::{Timestamp, UploadId};

/// How long after its last use a cipher is kept.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// Most ciphers kept; beyond it the one unused for longest goes.
const MOST: usize = 10_000;

/// The ciphers.
#[derive(Default)]
pub(crate) struct UploadCiphers(Mutex<HashMap<UploadId, (Timestamp, Arc<ObjectCipher>)>>);

impl UploadCiphers {
    /// Remembers a cipher, used `now`.
    pub(super) fn keep(&self, upload: UploadId, cipher: Arc<ObjectCipher>, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (used, _)| now.since(*used) < KEPT);
        if kept.len() >= MOST
            && let Some(oldest) = kept.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id)
        {
            kept.remove(&oldest);
        }
        kept.insert(upload, (now, cipher));
    }

    /// The cipher of an upload, if it was used lately.
    pub(super) fn find(&self, upload: UploadId, now: Timestamp) -> Option<Arc<ObjectCipher>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&upload).filter(|(used, _)| now.since(*used) < KEPT).map(|(_, cipher)| cipher.clone())
    }

    /// Forgets the cipher of an upload that ended.
    pub(super) fn forget(&self, upload: UploadId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&upload);
    }
}
