//! What clients store.

use arqueta_store::power::Dice;
use bytes::Bytes;

/// The bytes of a body. All of them tell that they are plaintext.
pub fn body(seed: u64, len: usize) -> Bytes {
    let mut dice = Dice::new(seed);
    let mut bytes = Vec::with_capacity(len + 32);
    while bytes.len() < len {
        bytes.extend_from_slice(CANARY);
        bytes.extend_from_slice(&dice.roll().to_be_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// What no disk may ever hold.
pub const CANARY: &[u8] = b"plaintext-canary";

/// A print of bytes: FNV-1a (Fowler, Noll, Vo).
pub fn print(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325 ^ bytes.len() as u64, step)
}
