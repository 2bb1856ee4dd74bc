//! The service's ciphertext.
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 1 | format version, `01` |
//! | 12 | account, decimal digits |
//! | 1 | length of the key id |
//! | n | key id |
//! | 4 | number of the material version, big-endian |
//! | 4 | CRC-32C of everything before, big-endian |
//! | rest | message sealed under the material (salt, ciphertext, tag), or its holder's own ciphertext where the material is held elsewhere; AAD = all of the above ‖ canonical encryption context |
//!
//! The region is not part of it: a key may live in several. The CRC tells damage from a
//! well-formed name of a key that does not exist here; it protects nothing, the AAD does.

use arqueta_kms::Error;
use arqueta_model::{AccountId, EncryptionContext};
use arqueta_seal::message;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const ACCOUNT: usize = 12;
/// Longest key id, so that its length fits one byte.
pub(crate) const MAX_KEY_ID: usize = 128;

/// What a ciphertext says of itself. Nothing is authenticated before [`Parsed::open`].
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    pub(crate) account: AccountId,
    pub(crate) key_id: &'a str,
    pub(crate) version: usize,
    header: &'a [u8],
    /// For a key that is held elsewhere, its holder's ciphertext.
    pub(crate) message: &'a [u8],
}

/// Seals `plaintext` under version `version` of a key.
pub(crate) fn seal(
    key: &[u8; 32],
    account: &AccountId,
    key_id: &str,
    version: usize,
    context: &EncryptionContext,
    plaintext: &[u8],
) -> Vec<u8> {
    let mut out = header(account, key_id, version);
    let sealed = message::seal(key, &aad(&out, context), plaintext);
    out.extend_from_slice(&sealed);
    out
}

/// Everything before the message.
pub(crate) fn header(account: &AccountId, key_id: &str, version: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(VERSION);
    out.extend_from_slice(account.as_str().as_bytes());
    out.push(u8::try_from(key_id.len()).expect("key ids are at most MAX_KEY_ID bytes"));
    out.extend_from_slice(key_id.as_bytes());
    out.extend_from_slice(&u32::try_from(version).expect("a key has few versions").to_be_bytes());
    out.extend_from_slice(&crc(&out).to_be_bytes());
    out
}

/// Reads the header.
///
/// # Errors
/// [`Error::InvalidCiphertext`].
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Error> {
    parse_header(bytes).ok_or(Error::InvalidCiphertext)
}

fn parse_header(bytes: &[u8]) -> Option<Parsed<'_>> {
    let (&version, rest) = bytes.split_first()?;
    let (account, rest) = rest.split_at_checked(ACCOUNT)?;
    let (&id_length, rest) = rest.split_first()?;
    let (id, rest) = rest.split_at_checked(id_length.into())?;
    let (number, rest) = rest.split_first_chunk::<4>()?;
    let (sum, message) = rest.split_first_chunk::<4>()?;
    let header = &bytes[..bytes.len() - message.len()];
    if version != VERSION || crc(&header[..header.len() - 4]) != u32::from_be_bytes(*sum) {
        return None;
    }
    Some(Parsed {
        account: std::str::from_utf8(account).ok()?.parse().ok()?,
        key_id: std::str::from_utf8(id).ok()?,
        version: usize::try_from(u32::from_be_bytes(*number)).ok()?,
        header,
        message,
    })
}

impl Parsed<'_> {
    /// Opens the message.
    ///
    /// # Errors
    /// [`Error::InvalidCiphertext`] for anything that does not authenticate.
    pub(crate) fn open(&self, key: &[u8; 32], context: &EncryptionContext) -> Result<Zeroizing<Vec<u8>>, Error> {
        message::open(key, &self.aad(context), self.message).map_err(|_| Error::InvalidCiphertext)
    }

    /// What the message is bound to.
    pub(crate) fn aad(&self, context: &EncryptionContext) -> Vec<u8> {
        aad(self.header, context)
    }
}

/// The header tells its own length, so that it and the injective context join without ambiguity.
pub(crate) fn aad(header: &[u8], context: &EncryptionContext) -> Vec<u8> {
    [header, &context.canonical()].concat()
}

fn crc(bytes: &[u8]) -> u32 {
    // The checksum of a 32-bit algorithm fits 32 bits.
    u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes)).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::OnceLock;

    use arqueta_kms::RootSecret;
    use arqueta_model::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::key::material;
    use crate::key::material::Material;
    use crate::schema::Cause;

    fn slot() -> OnceLock<Material> {
        let slot = OnceLock::new();
        let root = RootSecret::from_bytes(&[1; 32]);
        let arn = "arn:aws:kms:us-east-1:111122223333:key/k".parse().unwrap();
        material::open(
            &slot,
            &root,
            &arn,
            0,
            &material::version(&root, &arn, 0, (Timestamp::from_millis(0), Cause::Creation), &[9; 32]),
        )
        .unwrap();
        slot
    }

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        EncryptionContext::new(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()).unwrap()
    }

    fn account() -> AccountId {
        "111122223333".parse().unwrap()
    }

    #[test]
    fn a_header_names_account_key_and_version() {
        let slot = slot();
        let sealed = seal(slot.get().unwrap().symmetric().unwrap(), &account(), "testkey-1", 7, &context(&[]), b"x");
        let parsed = parse(&sealed).unwrap();
        assert_eq!((&parsed.account, parsed.key_id, parsed.version), (&account(), "testkey-1", 7));
    }

    #[test]
    fn a_moved_boundary_in_the_context_does_not_open() {
        let slot = slot();
        let material = slot.get().unwrap().symmetric().unwrap();
        let sealed = seal(material, &account(), "k", 0, &context(&[("ab", "c")]), b"x");
        let parsed = parse(&sealed).unwrap();
        assert!(parsed.open(material, &context(&[("ab", "c")])).is_ok());
        for other in [&[("a", "bc")][..], &[], &[("ab", "C")], &[("ab", "c"), ("d", "")]] {
            assert!(matches!(parsed.open(material, &context(other)), Err(Error::InvalidCiphertext)), "{other:?}");
        }
    }

    #[test]
    fn a_header_of_another_key_does_not_open_this_message() {
        let slot = slot();
        let material = slot.get().unwrap().symmetric().unwrap();
        let one = seal(material, &account(), "k", 0, &context(&[]), b"x");
        let two = seal(material, &account(), "k", 1, &context(&[]), b"x");
        let cut = one.len() - parse(&one).unwrap().message.len();
        let spliced = [&two[..cut], &one[cut..]].concat();
        assert!(parse(&spliced).unwrap().open(material, &context(&[])).is_err());
    }

    proptest! {
        #[test]
        fn any_flip_cut_or_extension_is_the_one_opaque_error(plain: Vec<u8>, at: prop::sample::Index, bit in 0..8u8) {
            let slot = slot();
            let material = slot.get().unwrap().symmetric().unwrap();
            let context = context(&[("k", "v")]);
            let sealed = seal(material, &account(), "testkey-1", 0, &context, &plain);
            let opens = |bytes: &[u8]| parse(bytes).and_then(|p| p.open(material, &context));
            prop_assert_eq!(opens(&sealed).unwrap().to_vec(), plain.clone());
            let mut flipped = sealed.clone();
            flipped[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(matches!(opens(&flipped), Err(Error::InvalidCiphertext)));
            prop_assert!(matches!(opens(&sealed[..at.index(sealed.len())]), Err(Error::InvalidCiphertext)));
            prop_assert!(matches!(opens(&[&sealed[..], b"\0"].concat()), Err(Error::InvalidCiphertext)));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
