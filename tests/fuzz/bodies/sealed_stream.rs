//! Sealed bodies: what was touched never opens to something else, and arbitrary bytes never open.

use arqueta_model::{ObjectId, PartId};
use arqueta_seal::{BodyKey, ObjectCipher};
use bytes::{Bytes, BytesMut};

fn open(cipher: &ObjectCipher, part: PartId, size: u64, sealed: &[u8]) -> Option<BytesMut> {
    let mut out = BytesMut::new();
    let mut opener = cipher.opener(part, size, 0..size).ok()?;
    opener.push(Bytes::copy_from_slice(sealed), &mut out).ok()?;
    opener.finish(&mut out).ok()?;
    Some(out)
}

/// What the smoke run begins with.
pub const SEEDS: &[&[u8]] = &[b"\x00\x01\x40hello, sealed world", &[7; 300]];

/// One input.
pub fn run(plain: &[u8], at: u32, flip: u8, noise: &[u8]) {
    let cipher = ObjectCipher::new(ObjectId::from_bytes([1; 16]), vec![BodyKey::random()]);
    let part = PartId::from_bytes([2; 16]);
    let mut sealed = BytesMut::new();
    let mut sealer = cipher.sealer(part);
    sealer.push(plain, &mut sealed).expect("far below the limit of a stream");
    sealer.finish(&mut sealed).expect("far below the limit of a stream");
    let size = plain.len() as u64;
    assert_eq!(sealed.len() as u64, cipher.sealed_size(size));
    assert_eq!(open(&cipher, part, size, &sealed).as_deref(), Some(plain));
    assert!(open(&cipher, part, size, noise).is_none(), "arbitrary bytes opened");
    let at = at as usize % sealed.len();
    assert!(open(&cipher, part, size, &sealed[..at]).is_none(), "a cut stream opened");
    if flip != 0 {
        sealed[at] ^= flip;
        assert!(open(&cipher, part, size, &sealed).is_none(), "a changed stream opened");
    }
}
