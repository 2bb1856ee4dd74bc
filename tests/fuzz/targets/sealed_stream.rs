//! Sealed bodies: what was touched never opens to something else, and arbitrary bytes never open.
#![no_main]

use arqueta_model::{ObjectId, PartId};
use arqueta_seal::{BodyKey, ObjectCipher};
use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;

fn open(cipher: &ObjectCipher, part: PartId, size: u64, sealed: &[u8]) -> Option<BytesMut> {
    let mut out = BytesMut::new();
    let mut opener = cipher.opener(part, size, 0..size).ok()?;
    opener.push(Bytes::copy_from_slice(sealed), &mut out).ok()?;
    opener.finish(&mut out).ok()?;
    Some(out)
}

fuzz_target!(|input: (&[u8], u32, u8, &[u8])| {
    let (plain, at, flip, noise) = input;
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
});
