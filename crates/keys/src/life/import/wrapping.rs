//! RSA key pairs that material is wrapped under. Nothing here is quick: for blocking threads.

use arqueta_kms::{Error, KeySpec};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use zeroize::Zeroizing;

use crate::asymmetric::{broken, check_private_key, generate as draw};
use crate::schema::WrappingAlgorithm;

/// A key pair.
pub(super) struct Pair {
    /// PKCS #8 in DER.
    pub private: Zeroizing<Vec<u8>>,
    /// X.509 `SubjectPublicKeyInfo` in DER.
    pub public: Vec<u8>,
}

/// A fresh pair of an RSA spec.
pub(super) fn generate(spec: KeySpec) -> Result<Pair, Error> {
    let private = draw(spec)?;
    let public = check_private_key(spec, &private).map_err(|_| broken())?;
    Ok(Pair { private, public })
}

/// What is wrapped under the private key in PKCS #8; `None` for anything that does not open, for
/// whatever reason.
pub(super) fn open(private: &[u8], algorithm: WrappingAlgorithm, wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    use WrappingAlgorithm::{AesSha1, AesSha256, OaepSha1, OaepSha256};
    let key = OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(private).ok()?).ok()?;
    let oaep = match algorithm {
        OaepSha1 | AesSha1 => &OAEP_SHA1_MGF1SHA1,
        OaepSha256 | AesSha256 => &OAEP_SHA256_MGF1SHA256,
    };
    let decrypt = |ciphertext: &[u8]| {
        let mut plain = Zeroizing::new(vec![0; key.min_output_size()]);
        let length = key.decrypt(oaep, ciphertext, &mut plain, None).ok()?.len();
        plain.truncate(length);
        Some(plain)
    };
    match algorithm {
        OaepSha1 | OaepSha256 => decrypt(wrapped),
        AesSha1 | AesSha256 => {
            let (aes, wrapped) = wrapped.split_at_checked(key.key_size_bytes())?;
            let aes = AesKek::new(&AES_256, &decrypt(aes)?).ok()?;
            let mut plain = Zeroizing::new(vec![0; wrapped.len()]);
            let length = aes.unwrap_with_padding(wrapped, &mut plain).ok()?.len();
            plain.truncate(length);
            Some(plain)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey};

    use super::*;

    /// `plain` wrapped as a user does it.
    pub(crate) fn wrap(public: &[u8], algorithm: WrappingAlgorithm, plain: &[u8]) -> Vec<u8> {
        use WrappingAlgorithm::{AesSha1, AesSha256, OaepSha1, OaepSha256};
        let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(public).unwrap()).unwrap();
        let oaep = match algorithm {
            OaepSha1 | AesSha1 => &OAEP_SHA1_MGF1SHA1,
            OaepSha256 | AesSha256 => &OAEP_SHA256_MGF1SHA256,
        };
        let encrypt = |plain: &[u8]| {
            let mut out = vec![0; key.ciphertext_size()];
            key.encrypt(oaep, plain, &mut out, None).unwrap().to_vec()
        };
        if matches!(algorithm, OaepSha1 | OaepSha256) {
            return encrypt(plain);
        }
        let aes = [5; 32];
        let mut out = vec![0; plain.len() + 15];
        let body = AesKek::new(&AES_256, &aes).unwrap().wrap_with_padding(plain, &mut out).unwrap();
        [&encrypt(&aes), &*body].concat()
    }

    #[test]
    fn what_is_wrapped_opens_and_nothing_else_does() {
        use WrappingAlgorithm::{AesSha1, AesSha256, OaepSha1, OaepSha256};
        let (pair, other) = (generate(KeySpec::RSA_2048).unwrap(), generate(KeySpec::RSA_2048).unwrap());
        let all = [OaepSha1, OaepSha256, AesSha1, AesSha256];
        for algorithm in all {
            for plain in [&[7; 32][..], &[8; 33], &[9; 1]] {
                let wrapped = wrap(&pair.public, algorithm, plain);
                assert_eq!(open(&pair.private, algorithm, &wrapped).unwrap().as_slice(), plain);
                assert!(open(&other.private, algorithm, &wrapped).is_none(), "another key");
                for wrong in all.into_iter().filter(|wrong| *wrong != algorithm) {
                    assert!(open(&pair.private, wrong, &wrapped).is_none(), "{algorithm:?} is not {wrong:?}");
                }
                assert!(open(&pair.private, algorithm, &wrapped[1..]).is_none(), "cut");
                let mut flipped = wrapped.clone();
                *flipped.last_mut().unwrap() ^= 1;
                assert!(open(&pair.private, algorithm, &flipped).is_none(), "flipped");
            }
        }
        assert!(open(b"", OaepSha256, &[0; 256]).is_none());
        assert!(open(&pair.private, AesSha256, &[]).is_none());
    }
}
