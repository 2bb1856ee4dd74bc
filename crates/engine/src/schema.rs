//! Keys of the metadata store. One function per kind of key; nothing else writes key bytes.
//!
//! Bucket names contain no zero byte, so `\0` ends them. Object keys may contain any byte: where
//! something follows one it is escaped ([`escaped`]), which keeps byte order and makes no encoded
//! key a prefix of another.

use std::ops::Range;

use arqueta_model::{AccountId, BlobId, BucketKeyId, BucketName, ObjectKey, UploadId, VersionId};
use bytes::Bytes;

/// Prefix of all bucket records.
pub const BUCKETS: &[u8] = b"b/";
/// Prefix of all current versions.
pub const CURRENTS: &[u8] = b"c/";
/// Prefix of all noncurrent versions.
pub const NONCURRENTS: &[u8] = b"v/";
/// Prefix of all wrapped bucket keys.
pub const BUCKET_KEYS: &[u8] = b"k/";
/// Prefix of all references to blob files.
pub const REFERENCED: &[u8] = b"x/";
/// Prefix of all blobs that wait to be removed.
pub const GARBAGE: &[u8] = b"g/";
/// Prefix of all small bodies.
pub const INLINE: &[u8] = b"i/";
/// Prefix of all multipart uploads.
pub const UPLOADS: &[u8] = b"u/";
/// Prefix of all parts.
pub const PARTS: &[u8] = b"p/";
/// Prefix of all uploads that were completed or aborted a while ago.
pub const FINISHED: &[u8] = b"f/";
/// Prefix of all events on their way to targets of notifications.
pub const NOTICES: &[u8] = b"n/";
/// Prefix of all versions on their way to destinations of replication.
pub const INTENTS: &[u8] = b"r/";
/// Prefix of all rows that tell how far the replication of a version is.
pub const STANDINGS: &[u8] = b"h/";

/// Prefix of all rows that count what lies in buckets.
pub const USAGE: &[u8] = b"y/";
/// Prefix of all limits of accounts.
pub const ACCOUNT_QUOTAS: &[u8] = b"q/";

/// Prefix of all settings of accounts.
pub const ACCOUNTS: &[u8] = b"a/";
/// Prefix of all replicas that were removed for good a while ago.
pub const REMOVED: &[u8] = b"d/";

fn join(pieces: &[&[u8]]) -> Bytes {
    pieces.concat().into()
}

/// `b/<bucket>`: the bucket record.
#[must_use]
pub fn bucket(bucket: &BucketName) -> Bytes {
    join(&[BUCKETS, bucket.as_str().as_bytes()])
}

/// `c/<bucket>\0`: all current versions of a bucket, in key order.
#[must_use]
pub fn currents(bucket: &BucketName) -> Bytes {
    join(&[CURRENTS, bucket.as_str().as_bytes(), b"\0"])
}

/// `c/<bucket>\0<object key>`: the current version of a key.
#[must_use]
pub fn current(bucket: &BucketName, key: &ObjectKey) -> Bytes {
    join(&[CURRENTS, bucket.as_str().as_bytes(), b"\0", key.as_str().as_bytes()])
}

/// `v/<bucket>\0`: all noncurrent versions of a bucket, in key order, newest first within a key.
#[must_use]
pub fn noncurrents(bucket: &BucketName) -> Bytes {
    join(&[NONCURRENTS, bucket.as_str().as_bytes(), b"\0"])
}

/// `v/<bucket>\0<escaped key>`: all noncurrent versions of one key, newest first.
#[must_use]
pub fn noncurrents_of(bucket: &BucketName, key: &ObjectKey) -> Bytes {
    join(&[NONCURRENTS, bucket.as_str().as_bytes(), b"\0", &escaped(key.as_str())])
}

/// `v/<bucket>\0<escaped key><inverted sequence>`: one noncurrent version.
#[must_use]
pub fn noncurrent(bucket: &BucketName, key: &ObjectKey, sequence: u64) -> Bytes {
    join(&[&noncurrents_of(bucket, key), &(!sequence).to_be_bytes()])
}

/// How far from the sequence in its id a version may be kept: two gateways that replicate to each other may
/// have given theirs in the same instant.
pub const NEAR: u64 = 16;

/// From the first to behind the last key of the noncurrent versions that are kept near `sequence`.
#[must_use]
pub fn near(bucket: &BucketName, key: &ObjectKey, sequence: u64) -> Range<Bytes> {
    let end = noncurrent(bucket, key, sequence.saturating_sub(NEAR));
    noncurrent(bucket, key, sequence.saturating_add(NEAR))..join(&[&end, &[0]])
}

/// `h/<bucket>\0`: how far all versions of a bucket are whose replication waits or failed, in key order.
#[must_use]
pub fn standings(bucket: &BucketName) -> Bytes {
    join(&[STANDINGS, bucket.as_str().as_bytes(), b"\0"])
}

/// `h/<bucket>\0<escaped key><inverted sequence>`: how far one version is.
#[must_use]
pub fn standing(bucket: &BucketName, key: &ObjectKey, sequence: u64) -> Bytes {
    join(&[&standings(bucket), &escaped(key.as_str()), &(!sequence).to_be_bytes()])
}

/// `i/<blob id>`: a small sealed body inside the metadata.
#[must_use]
pub fn inline(id: BlobId) -> Bytes {
    join(&[INLINE, id.as_bytes()])
}

/// `x/<blob id>`: a blob file that some record refers to.
#[must_use]
pub fn referenced(id: BlobId) -> Bytes {
    join(&[REFERENCED, id.as_bytes()])
}

/// `g/<blob id>`: a blob file that no record refers to any more. Its value is the time of its
/// release, milliseconds as a big-endian i64, and its size, as a big-endian u64 (0.1 wrote none).
#[must_use]
pub fn garbage(id: BlobId) -> Bytes {
    join(&[GARBAGE, id.as_bytes()])
}

/// `u/<bucket>\0`: all multipart uploads of a bucket, in key order.
#[must_use]
pub fn uploads(bucket: &BucketName) -> Bytes {
    join(&[UPLOADS, bucket.as_str().as_bytes(), b"\0"])
}

/// `u/<bucket>\0<escaped key>`: all multipart uploads of one key, in upload-id order.
#[must_use]
pub fn uploads_of(bucket: &BucketName, key: &ObjectKey) -> Bytes {
    join(&[UPLOADS, bucket.as_str().as_bytes(), b"\0", &escaped(key.as_str())])
}

/// `u/<bucket>\0<escaped key><upload id>`: one multipart upload.
#[must_use]
pub fn upload(bucket: &BucketName, key: &ObjectKey, id: UploadId) -> Bytes {
    join(&[&uploads_of(bucket, key), id.as_bytes()])
}

/// `p/<upload id>`: all parts of an upload, in part order.
#[must_use]
pub fn parts(id: UploadId) -> Bytes {
    join(&[PARTS, id.as_bytes()])
}

/// `p/<upload id><part number>`: one part.
#[must_use]
pub fn part(id: UploadId, number: u16) -> Bytes {
    join(&[PARTS, id.as_bytes(), &number.to_be_bytes()])
}

/// `f/<upload id>`: an upload that was completed or aborted, kept for a while.
#[must_use]
pub fn finished(id: UploadId) -> Bytes {
    join(&[FINISHED, id.as_bytes()])
}

/// `y/<bucket>\0`: all rows that count what lies in a bucket.
#[must_use]
pub fn usages(bucket: &BucketName) -> Bytes {
    join(&[USAGE, bucket.as_str().as_bytes(), b"\0"])
}

/// `y/<bucket>\0<slot>`: one of them; their sum counts.
#[must_use]
pub fn usage(bucket: &BucketName, slot: u16) -> Bytes {
    join(&[USAGE, bucket.as_str().as_bytes(), b"\0", &slot.to_be_bytes()])
}

/// The slot at the end of a [`usage`] key.
#[must_use]
pub fn usage_slot(key: &[u8]) -> Option<u16> {
    key.last_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes))
}

/// `q/<account>`: how much may lie in all buckets of an account.
#[must_use]
pub fn account_quota(account: &AccountId) -> Bytes {
    join(&[ACCOUNT_QUOTAS, account.as_str().as_bytes()])
}

/// `a/<account>`: what an account is set to as a whole.
#[must_use]
pub fn account(account: &AccountId) -> Bytes {
    join(&[ACCOUNTS, account.as_str().as_bytes()])
}

/// `d/<bucket>\0<version id>`: a replica that was removed for good. Its value is the time, milliseconds as a
/// big-endian i64.
#[must_use]
pub fn removed(bucket: &BucketName, version: VersionId) -> Bytes {
    join(&[REMOVED, bucket.as_str().as_bytes(), b"\0", version.to_string().as_bytes()])
}

/// `k/<bucket>\0`: all wrapped bucket keys of a bucket.
#[must_use]
pub fn bucket_keys(bucket: &BucketName) -> Bytes {
    join(&[BUCKET_KEYS, bucket.as_str().as_bytes(), b"\0"])
}

/// `k/<bucket>\0<bucket-key id>`: a wrapped bucket key.
#[must_use]
pub fn bucket_key(bucket: &BucketName, id: BucketKeyId) -> Bytes {
    join(&[BUCKET_KEYS, bucket.as_str().as_bytes(), b"\0", id.as_bytes()])
}

/// Bytes of `key` with `00` written as `00 FF`, ended by `00 00`: order stays that of the bytes,
/// and no escaped key is a prefix of another.
#[must_use]
pub fn escaped(key: &str) -> Vec<u8> {
    let mut out = escaped_prefix(key);
    out.extend_from_slice(&[0, 0]);
    out
}

/// Like [`escaped`] without the end mark: what every escaped key that begins with `prefix` begins
/// with.
#[must_use]
pub fn escaped_prefix(prefix: impl AsRef<[u8]>) -> Vec<u8> {
    let prefix = prefix.as_ref();
    let mut out = Vec::with_capacity(prefix.len() + 2);
    for &byte in prefix {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out
}

/// The object key at the start of `bytes` (which begin right after the bucket's `\0`) and what
/// follows its end mark. `None` if `bytes` were not written by [`escaped`].
#[must_use]
pub fn unescaped(bytes: &[u8]) -> Option<(ObjectKey, &[u8])> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    loop {
        match (*bytes.get(at)?, bytes.get(at + 1)) {
            (0, Some(0)) => break,
            (0, Some(0xff)) => {
                text.push(0);
                at += 2;
            }
            (0, _) => return None,
            (byte, _) => {
                text.push(byte);
                at += 1;
            }
        }
    }
    let key = String::from_utf8(text).ok()?.parse().ok()?;
    Some((key, &bytes[at + 2..]))
}

/// The name of the bucket in a key under `prefix`: up to the zero byte behind it.
#[must_use]
pub fn bucket_of<'a>(key: &'a [u8], prefix: &[u8]) -> Option<&'a str> {
    let rest = key.strip_prefix(prefix)?;
    std::str::from_utf8(&rest[..rest.iter().position(|byte| *byte == 0)?]).ok()
}

/// The sequence at the end of a [`noncurrent`] key.
#[must_use]
pub fn sequence_of(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| !u64::from_be_bytes(*bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> BucketName {
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn escaping_keeps_order_and_round_trips(a in "[\0\u{1}a-b\u{ff}é]{1,12}", b in "[\0\u{1}a-b\u{ff}é]{1,12}", tail in any::<[u8; 8]>()) {
            prop_assert_eq!(escaped(&a).cmp(&escaped(&b)), a.as_bytes().cmp(b.as_bytes()));
            let bytes = [escaped(&a), tail.to_vec()].concat();
            let (key, rest) = unescaped(&bytes).unwrap();
            prop_assert_eq!(key.as_str(), &a);
            prop_assert_eq!(rest, &tail[..]);
        }

        #[test]
        fn no_key_lies_under_another_ones_versions(a in "[\0ab]{1,6}", b in "[\0ab]{1,6}", sequence in any::<u64>()) {
            prop_assume!(a != b);
            let version = noncurrent(&name("bkt"), &b.parse().unwrap(), sequence);
            prop_assert!(!version.starts_with(&noncurrents_of(&name("bkt"), &a.parse().unwrap())));
        }

        #[test]
        fn newer_versions_come_first(a in any::<u64>(), b in any::<u64>()) {
            let key: ObjectKey = "k".parse().unwrap();
            let (ka, kb) = (noncurrent(&name("bkt"), &key, a), noncurrent(&name("bkt"), &key, b));
            prop_assert_eq!(ka.cmp(&kb), b.cmp(&a));
            prop_assert_eq!(sequence_of(&ka), Some(a));
        }
    }

    #[test]
    fn a_bucket_is_not_a_prefix_of_another_one() {
        assert!(!currents(&name("bucket-2")).starts_with(&currents(&name("bucket"))));
    }

    #[test]
    fn broken_escapes_are_refused() {
        for bytes in [&b""[..], b"abc", b"abc\0", b"abc\0\x01", b"\0\0", b"\xff\0\0"] {
            assert_eq!(unescaped(bytes), None, "{bytes:?}");
        }
    }
}
