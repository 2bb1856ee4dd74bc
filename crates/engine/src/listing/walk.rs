//! A walk over MessagePack that steps over what nobody asks for. A listing wants seven fields of a
//! record of sixty values; building or visiting the others was most of what decoding one cost.

use serde::Deserialize;

/// What lies ahead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk<'a>(pub(super) &'a [u8]);

impl<'a> Walk<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A length of so many bytes.
    fn length(&mut self, bytes: usize) -> Option<usize> {
        let length = self.take(bytes)?.iter().fold(0u64, |length, byte| length << 8 | u64::from(*byte));
        usize::try_from(length).ok()
    }

    /// Steps over one value but for the values within, whose number is returned.
    fn step(&mut self) -> Option<usize> {
        let marker = self.take(1)?[0];
        let (bytes, within) = match marker {
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (0, 0),
            0x80..=0x8f => (0, usize::from(marker & 0x0f) * 2),
            0x90..=0x9f => (0, usize::from(marker & 0x0f)),
            0xa0..=0xbf => (usize::from(marker & 0x1f), 0),
            0xc4 | 0xd9 => (self.length(1)?, 0),
            0xc5 | 0xda => (self.length(2)?, 0),
            0xc6 | 0xdb => (self.length(4)?, 0),
            0xcc | 0xd0 => (1, 0),
            0xcd | 0xd1 => (2, 0),
            0xca | 0xce | 0xd2 => (4, 0),
            0xcb | 0xcf | 0xd3 => (8, 0),
            0xdc => (0, self.length(2)?),
            0xdd => (0, self.length(4)?),
            0xde => (0, self.length(2)?.checked_mul(2)?),
            0xdf => (0, self.length(4)?.checked_mul(2)?),
            // Extensions, which no record has.
            _ => return None,
        };
        self.take(bytes)?;
        Some(within)
    }

    /// Steps over `count` values with all that is in them. Depth costs nothing but time: there is no
    /// recursion to exhaust.
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        let mut left = count;
        while left > 0 {
            left = (left - 1).checked_add(self.step()?)?;
        }
        Some(())
    }

    /// Enters an array of at least `least` values; how many they are.
    pub(super) fn array(&mut self, least: usize) -> Option<usize> {
        let count = match self.take(1)?[0] {
            marker @ 0x90..=0x9f => usize::from(marker & 0x0f),
            0xdc => self.length(2)?,
            0xdd => self.length(4)?,
            _ => return None,
        };
        (count >= least).then_some(count)
    }

    /// Whether nothing stands here; steps over it then.
    pub(super) fn nothing(&mut self) -> bool {
        let nothing = self.0.first() == Some(&0xc0);
        self.0 = &self.0[usize::from(nothing)..];
        nothing
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = match self.take(1)?[0] {
            0xc4 => self.length(1)?,
            0xc5 => self.length(2)?,
            0xc6 => self.length(4)?,
            _ => return None,
        };
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = match self.take(1)?[0] {
            marker @ 0xa0..=0xbf => usize::from(marker & 0x1f),
            0xd9 => self.length(1)?,
            0xda => self.length(2)?,
            0xdb => self.length(4)?,
            _ => return None,
        };
        std::str::from_utf8(self.take(length)?).ok()
    }

    /// A number that is not negative.
    pub(super) fn number(&mut self) -> Option<u64> {
        let bytes = match self.take(1)?[0] {
            small @ 0x00..=0x7f => return Some(u64::from(small)),
            0xcc => 1,
            0xcd => 2,
            0xce => 4,
            0xcf => 8,
            _ => return None,
        };
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A value of any shape.
    pub(super) fn value<T: Deserialize<'a>>(&mut self) -> Option<T> {
        let from = self.0;
        self.skip(1)?;
        rmp_serde::from_slice(&from[..from.len() - self.0.len()]).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize)]
    enum Value {
        Text(String),
        #[serde(with = "serde_bytes")]
        Bytes(Vec<u8>),
        Number(u64),
        Signed(i64),
        Float(f64),
        Nothing(Option<bool>),
        Many(Vec<Value>),
        Named(std::collections::BTreeMap<String, Value>),
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            ".{0,40}".prop_map(Value::Text),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
            any::<u64>().prop_map(Value::Number),
            (0..300u64).prop_map(Value::Number),
            any::<i64>().prop_map(Value::Signed),
            any::<f64>().prop_map(Value::Float),
            any::<Option<bool>>().prop_map(Value::Nothing),
        ];
        leaf.prop_recursive(4, 64, 20, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(Value::Many),
                prop::collection::btree_map("[a-z]{0,3}", inner, 0..20).prop_map(Value::Named),
            ]
        })
    }

    proptest! {
        /// Every value is stepped over exactly, and what is cut off never.
        #[test]
        fn one_step_is_one_value(value in value()) {
            let mut stored = rmp_serde::to_vec(&value).unwrap();
            for end in 0..stored.len() {
                prop_assert!(Walk(&stored[..end]).skip(1).is_none(), "cut at {}", end);
            }
            stored.extend_from_slice(b"rest");
            let mut walk = Walk(&stored);
            walk.skip(1).unwrap();
            prop_assert_eq!(walk.0, b"rest");
        }

        #[test]
        fn whatever_lies_there_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Walk(&bytes).skip(3);
            let _ = (Walk(&bytes).array(1), Walk(&bytes).bytes(), Walk(&bytes).text(), Walk(&bytes).number());
            let _ = Walk(&bytes).value::<u64>();
        }
    }

    #[test]
    fn numbers_and_texts_of_every_width_are_read() {
        for number in [0, 127, 128, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            assert_eq!(Walk(&rmp_serde::to_vec(&number).unwrap()).number(), Some(number));
        }
        assert_eq!(Walk(&rmp_serde::to_vec(&-1).unwrap()).number(), None);
        for length in [0, 31, 32, 255, 256, 65_535, 65_536] {
            let text = "x".repeat(length);
            assert_eq!(Walk(&rmp_serde::to_vec(&text).unwrap()).text(), Some(&*text));
            let bytes = serde_bytes::ByteBuf::from(text.clone());
            assert_eq!(Walk(&rmp_serde::to_vec(&bytes).unwrap()).bytes(), Some(text.as_bytes()));
            let many = vec![(); length];
            assert_eq!(Walk(&rmp_serde::to_vec(&many).unwrap()).array(length), Some(length));
            assert_eq!(Walk(&rmp_serde::to_vec(&many).unwrap()).array(length + 1), None);
        }
    }
}
