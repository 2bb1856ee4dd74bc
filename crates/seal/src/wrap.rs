//! Wrapping of body keys under source keys (F-30 … F-33).

use std::fmt;

use arqueta_model::{Arn, BucketKeyId, KeyArn, ObjectId, ObjectKey, SseMode};
use zeroize::Zeroizing;

use crate::aead::{Aead, NONCE_LEN, Preferred, TAG_LEN};
use crate::kdf::{self, Prk};
use crate::{BodyKey, Error, FORMAT_VERSION, SourceKey};

const INFO: &[u8] = b"arqueta/1/wrap";
const SALT_LEN: usize = 32;
const WRAPPED_LEN: usize = NONCE_LEN + BodyKey::LEN + TAG_LEN;

/// What an object is called: bound into its wrapping key (F-31). A record under another name
/// derives another wrapping key.
#[derive(Debug, Clone, Copy)]
pub struct WrapName<'a> {
    /// ARN of the bucket.
    pub bucket_arn: &'a Arn,
    /// The object's key.
    pub object_key: &'a ObjectKey,
    /// The object's id.
    pub object_id: ObjectId,
}

/// What is authenticated beside a wrapped body key (F-32).
#[derive(Debug, Clone, Copy)]
pub struct WrapAad<'a> {
    /// The object's encryption mode.
    pub mode: SseMode,
    /// 0 for the only or the inner layer, 1 for the outer layer of DSSE-KMS.
    pub layer: u8,
    /// The KMS key behind the source key; `None` with a customer's key.
    pub key_arn: Option<&'a KeyArn>,
    /// The bucket key that is the source key, if it is one.
    pub bucket_key: Option<BucketKeyId>,
}

/// A body key at rest.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedBodyKey {
    /// Salt of the wrapping key, fresh for every wrap.
    pub salt: [u8; SALT_LEN],
    /// Nonce (12 bytes), ciphertext (32 bytes), tag (16 bytes).
    pub bytes: Vec<u8>,
}

impl fmt::Debug for WrappedBodyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedBodyKey({} bytes)", self.bytes.len())
    }
}

impl BodyKey {
    /// Wraps this key for the object called `name`, under a wrapping key of its own: the salt is
    /// drawn anew each time.
    #[must_use]
    pub fn wrap(&self, source: &SourceKey, name: &WrapName<'_>, aad: &WrapAad<'_>) -> WrappedBodyKey {
        let random: [u8; SALT_LEN + NONCE_LEN] = kdf::random();
        let (salt, nonce) = random.split_first_chunk::<SALT_LEN>().expect("44 bytes begin with 32");
        let nonce: &[u8; NONCE_LEN] = nonce.try_into().expect("44 bytes end with 12 after 32");
        let mut bytes = Vec::with_capacity(WRAPPED_LEN);
        bytes.extend_from_slice(nonce);
        bytes.extend_from_slice(self.expose());
        let tag = wrapping_key(source, salt, name).seal(nonce, &aad.encode(), &mut bytes[NONCE_LEN..]);
        bytes.extend_from_slice(&tag);
        WrappedBodyKey { salt: *salt, bytes }
    }

    /// Opens a wrapped body key.
    ///
    /// # Errors
    /// [`Error::Authentication`] unless source key, name, AAD, salt and bytes are all those of
    /// the wrap.
    pub fn unwrap(
        wrapped: &WrappedBodyKey,
        source: &SourceKey,
        name: &WrapName<'_>,
        aad: &WrapAad<'_>,
    ) -> Result<Self, Error> {
        let bytes: &[u8; WRAPPED_LEN] = wrapped.bytes.as_slice().try_into().map_err(|_| Error::Authentication)?;
        let (nonce, rest) = bytes.split_first_chunk::<NONCE_LEN>().expect("60 bytes begin with 12");
        let (body, tag) = rest.split_last_chunk::<TAG_LEN>().expect("48 bytes end with 16");
        let mut key = Box::new(Zeroizing::new([0; BodyKey::LEN]));
        key.copy_from_slice(body);
        wrapping_key(source, &wrapped.salt, name).open(nonce, &aad.encode(), &mut **key, tag)?;
        Ok(Self::from_box(key))
    }
}

fn wrapping_key(source: &SourceKey, salt: &[u8; SALT_LEN], name: &WrapName<'_>) -> Preferred {
    let (bucket, object) = (name.bucket_arn.as_str().as_bytes(), name.object_key.as_str().as_bytes());
    let key = Prk::extract(salt, source.expose()).expand::<32>(&[
        INFO,
        &length(bucket),
        bucket,
        &length(object),
        object,
        name.object_id.as_bytes(),
    ]);
    Preferred::new(&key)
}

/// The length prefix `lp` of the format: big-endian u32.
fn length(text: &[u8]) -> [u8; 4] {
    u32::try_from(text.len()).expect("names are bounded far below 4 GiB").to_be_bytes()
}

impl WrapAad<'_> {
    /// F-32: version, mode, layer, then key ARN and bucket-key id, each behind a presence byte.
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        out.extend_from_slice(&[FORMAT_VERSION, self.mode.code(), self.layer]);
        match self.key_arn {
            Some(arn) => {
                out.push(1);
                out.extend_from_slice(&length(arn.as_str().as_bytes()));
                out.extend_from_slice(arn.as_str().as_bytes());
            }
            None => out.push(0),
        }
        match self.bucket_key {
            Some(id) => {
                out.push(1);
                out.extend_from_slice(id.as_bytes());
            }
            None => out.push(0),
        }
        out
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Case {
        source: SourceKey,
        bucket: Arn,
        object: ObjectKey,
        id: ObjectId,
        key: KeyArn,
        bucket_key: BucketKeyId,
    }

    impl Case {
        fn new() -> Self {
            Self {
                source: SourceKey::random(),
                bucket: Arn::new("s3", "", "", "bucket"),
                object: "a/b".parse().unwrap(),
                id: ObjectId::random(),
                key: "arn:aws:kms:us-east-1:111122223333:key/k".parse().unwrap(),
                bucket_key: BucketKeyId::random(),
            }
        }
        fn name(&self) -> WrapName<'_> {
            WrapName { bucket_arn: &self.bucket, object_key: &self.object, object_id: self.id }
        }
        fn aad(&self) -> WrapAad<'_> {
            WrapAad { mode: SseMode::Kms, layer: 0, key_arn: Some(&self.key), bucket_key: Some(self.bucket_key) }
        }
    }

    #[test]
    fn a_wrapped_key_opens_to_itself_and_never_repeats_a_salt() {
        let case = Case::new();
        let key = BodyKey::random();
        let (a, b) =
            (key.wrap(&case.source, &case.name(), &case.aad()), key.wrap(&case.source, &case.name(), &case.aad()));
        assert_eq!(a.bytes.len(), WRAPPED_LEN);
        assert_ne!(a.salt, b.salt);
        assert_ne!(a.bytes, b.bytes);
        for wrapped in [a, b] {
            let opened = BodyKey::unwrap(&wrapped, &case.source, &case.name(), &case.aad()).unwrap();
            assert_eq!(opened.expose(), key.expose());
        }
    }

    #[test]
    fn every_bound_value_is_authenticated() {
        let case = Case::new();
        let wrapped = BodyKey::random().wrap(&case.source, &case.name(), &case.aad());
        let fails = |source: &SourceKey, name: WrapName<'_>, aad: WrapAad<'_>| {
            BodyKey::unwrap(&wrapped, source, &name, &aad).unwrap_err() == Error::Authentication
        };
        let (name, aad) = (case.name(), case.aad());
        let other_bucket = Arn::new("s3", "", "", "bucket2");
        let other_object: ObjectKey = "a/c".parse().unwrap();
        let other_key: KeyArn = "arn:aws:kms:us-east-1:111122223333:key/j".parse().unwrap();
        assert!(fails(&SourceKey::random(), name, aad));
        assert!(fails(&case.source, WrapName { bucket_arn: &other_bucket, ..name }, aad));
        assert!(fails(&case.source, WrapName { object_key: &other_object, ..name }, aad));
        assert!(fails(&case.source, WrapName { object_id: ObjectId::random(), ..name }, aad));
        for mode in [SseMode::S3, SseMode::DualKms, SseMode::Customer] {
            assert!(fails(&case.source, name, WrapAad { mode, ..aad }));
        }
        assert!(fails(&case.source, name, WrapAad { layer: 1, ..aad }));
        assert!(fails(&case.source, name, WrapAad { key_arn: Some(&other_key), ..aad }));
        assert!(fails(&case.source, name, WrapAad { key_arn: None, ..aad }));
        assert!(fails(&case.source, name, WrapAad { bucket_key: Some(BucketKeyId::random()), ..aad }));
        assert!(fails(&case.source, name, WrapAad { bucket_key: None, ..aad }));
    }

    /// `("bucket/a", "b")` and `("bucket", "a/b")` must not derive one key.
    #[test]
    fn a_byte_moved_between_bucket_and_object_key_changes_the_wrapping_key() {
        let case = Case::new();
        let (long, short) = (Arn::new("s3", "", "", "bucketa"), Arn::new("s3", "", "", "bucket"));
        let (b, ab): (ObjectKey, ObjectKey) = ("b".parse().unwrap(), "ab".parse().unwrap());
        let wrapped = BodyKey::random().wrap(
            &case.source,
            &WrapName { bucket_arn: &long, object_key: &b, ..case.name() },
            &case.aad(),
        );
        let moved = WrapName { bucket_arn: &short, object_key: &ab, ..case.name() };
        assert!(BodyKey::unwrap(&wrapped, &case.source, &moved, &case.aad()).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_other_length_fails() {
        let case = Case::new();
        let wrapped = BodyKey::random().wrap(&case.source, &case.name(), &case.aad());
        let open = |wrapped: &WrappedBodyKey| BodyKey::unwrap(wrapped, &case.source, &case.name(), &case.aad());
        for bit in 0..(SALT_LEN + WRAPPED_LEN) * 8 {
            let mut bad = wrapped.clone();
            let at = bit / 8;
            if at < SALT_LEN {
                bad.salt[at] ^= 1 << (bit % 8)
            } else {
                bad.bytes[at - SALT_LEN] ^= 1 << (bit % 8)
            }
            assert_eq!(open(&bad).unwrap_err(), Error::Authentication, "bit {bit}");
        }
        for len in [0, 12, 28, 59, 61, 120] {
            let mut bad = wrapped.clone();
            bad.bytes.resize(len, 0);
            assert_eq!(open(&bad).unwrap_err(), Error::Authentication, "{len} bytes");
        }
    }

    /// The AAD's byte form is normative: one change here breaks every stored object.
    #[test]
    fn the_aad_is_encoded_as_the_format_says() {
        let key: KeyArn = "arn:aws:kms:r:111122223333:key/k".parse().unwrap();
        let bucket_key = Some(BucketKeyId::from_bytes([0xbb; 16]));
        let aad = WrapAad { mode: SseMode::Kms, layer: 0, key_arn: Some(&key), bucket_key };
        let expected =
            [b"\x01\x02\x00\x01\x00\x00\x00\x20".as_slice(), key.as_str().as_bytes(), &[1], &[0xbb; 16]].concat();
        assert_eq!(aad.encode(), expected);
        let aad = WrapAad { mode: SseMode::Customer, layer: 0, key_arn: None, bucket_key: None };
        assert_eq!(aad.encode(), [1, 4, 0, 0, 0]);
    }
}
