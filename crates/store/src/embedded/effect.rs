//! What a batch changes, as it stands in a frame of the journal.
//!
//! A record of kind [`WRITES`] holds the writes of one batch in their order, or one trim:
//! ```text
//! 1  key length u32 LE  value length u32 LE  key  value    put
//! 2  key length u32 LE  key                                delete
//! 3  length u32 LE      body                               announce
//! 4  position u64 LE                                       trim up to and including
//! ```
//! Preconditions are not in it: they held when it was written, and it is applied in the same order.

use bytes::{BufMut, BytesMut};

use crate::{Position, Write};

/// The kind of record that changes the metadata. Others are for later versions.
pub(super) const WRITES: u16 = 1;

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect<'a> {
    Put(&'a [u8], &'a [u8]),
    Delete(&'a [u8]),
    Announce(&'a [u8]),
    Trim(Position),
}

impl<'a> From<&'a Write> for Effect<'a> {
    fn from(write: &'a Write) -> Self {
        match write {
            Write::Put(key, value) => Self::Put(key, value),
            Write::Delete(key) => Self::Delete(key),
            Write::Announce(body) => Self::Announce(body),
        }
    }
}

impl<'a> Effect<'a> {
    /// Bytes of the encoded effect.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Put(key, value) => 9 + key.len() + value.len(),
            Self::Delete(bytes) | Self::Announce(bytes) => 5 + bytes.len(),
            Self::Trim(_) => 9,
        }
    }

    /// Whether every length fits into its field.
    pub(super) fn is_encodable(&self) -> bool {
        u32::try_from(self.size()).is_ok()
    }

    pub(super) fn encode(&self, buffer: &mut BytesMut) {
        buffer.reserve(self.size());
        match self {
            Self::Put(key, value) => {
                buffer.put_u8(1);
                buffer.put_u32_le(length(key));
                buffer.put_u32_le(length(value));
                buffer.put_slice(key);
                buffer.put_slice(value);
            }
            Self::Delete(key) => {
                buffer.put_u8(2);
                buffer.put_u32_le(length(key));
                buffer.put_slice(key);
            }
            Self::Announce(body) => {
                buffer.put_u8(3);
                buffer.put_u32_le(length(body));
                buffer.put_slice(body);
            }
            Self::Trim(Position(through)) => {
                buffer.put_u8(4);
                buffer.put_u64_le(*through);
            }
        }
    }

    /// The effects of a record, `None` where it does not parse.
    pub(super) fn decode_all(record: &'a [u8]) -> Option<Vec<Self>> {
        let mut rest = record;
        let mut effects = Vec::new();
        while !rest.is_empty() {
            effects.push(Self::decode(&mut rest)?);
        }
        Some(effects)
    }

    fn decode(rest: &mut &'a [u8]) -> Option<Self> {
        Some(match take(rest, 1)?[0] {
            1 => {
                let (key, value) = (take_length(rest)?, take_length(rest)?);
                Self::Put(take(rest, key)?, take(rest, value)?)
            }
            2 => {
                let key = take_length(rest)?;
                Self::Delete(take(rest, key)?)
            }
            3 => {
                let body = take_length(rest)?;
                Self::Announce(take(rest, body)?)
            }
            4 => Self::Trim(Position(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?))),
            _ => return None,
        })
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("the committer refuses what is longer")
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?)).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn all() -> Vec<Effect<'static>> {
        vec![
            Effect::Put(b"key", b"value"),
            Effect::Put(b"", b""),
            Effect::Delete(b"gone"),
            Effect::Announce(b"news"),
            Effect::Trim(Position(7)),
        ]
    }

    #[test]
    fn effects_come_back_in_order() {
        let mut buffer = BytesMut::new();
        all().iter().for_each(|effect| effect.encode(&mut buffer));
        assert_eq!(buffer.len(), all().iter().map(Effect::size).sum::<usize>());
        assert_eq!(Effect::decode_all(&buffer).unwrap(), all());
        assert_eq!(Effect::decode_all(b"").unwrap(), []);
    }

    #[test]
    fn what_is_cut_off_or_unknown_does_not_parse() {
        for effect in all() {
            let mut buffer = BytesMut::new();
            effect.encode(&mut buffer);
            for end in 1..buffer.len() {
                assert_eq!(Effect::decode_all(&buffer[..end]), None, "{effect:?} cut at {end}");
            }
        }
        assert_eq!(Effect::decode_all(&[9]), None);
        assert_eq!(Effect::decode_all(&[2, 255, 255, 255, 255]), None);
    }
}
