//! The chain over the record: every group of lines that was made durable together ends with a
//! seal, and every seal is made over the one before it.
//!
//! A seal is a line of the record itself, `{"seal":{"sequence":…,"previous":…,"tag":…}}`. Its tag
//! is made over the previous seal's tag, its own number, the name of the file and the bytes of the
//! group's lines, by a [`Sealer`] whose key does not lie beside the record. So an edit, a removal,
//! an insertion, another order and a move between files each break the chain where they happened.
//! The end of the chain is kept elsewhere ([`Head`]), since a chain alone does not show that its
//! last links are missing. A seal says in turn which end is known to be kept there: metadata that
//! knows only an earlier one was put back as it had been.

use arqueta_store::{Batch, MetaStore};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Length of a tag in bytes.
pub(crate) const TAG: usize = 32;
/// Where the metadata store keeps the head.
const HEAD: &[u8] = b"audit/head";
const GROUP_DOMAIN: &[u8] = b"arqueta/1/record/group\0";
/// Of seals that say what is kept.
const KEPT_DOMAIN: &[u8] = b"arqueta/2/record/group\0";
const HEAD_DOMAIN: &[u8] = b"arqueta/1/record/head\0";

/// Makes tags. The key stays with whoever implements it; a tag is a pseudorandom function of the
/// concatenated pieces.
pub trait Sealer: Send + Sync {
    /// The tag of the concatenation of `pieces`.
    fn tag(&self, pieces: &[&[u8]]) -> [u8; 32];
}

/// The end of the chain: number and tag of its last seal. The default is the chain before its
/// first seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// Number of the last seal; the first one is 1.
    pub sequence: u64,
    /// Its tag.
    pub tag: [u8; TAG],
}

/// A seal as it stands in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seal {
    pub(crate) sequence: u64,
    /// Number of a seal that the metadata was known to keep as the chain's end; 0 for none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(crate) kept: u64,
    #[serde(with = "hexadecimal")]
    pub(crate) previous: [u8; TAG],
    #[serde(with = "hexadecimal")]
    pub(crate) tag: [u8; TAG],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    seal: Seal,
}

impl Seal {
    /// The seal that follows `head`, over the lines `group` in the file called `file`, while the
    /// metadata keeps the end number `kept`.
    pub(crate) fn next(sealer: &dyn Sealer, head: Head, kept: u64, file: &str, group: &[u8]) -> Self {
        let seal = Self { sequence: head.sequence + 1, kept, previous: head.tag, tag: [0; TAG] };
        Self { tag: tag(sealer, &seal, file, group), ..seal }
    }

    /// Whether the seal is the one that was made over these lines in this file.
    pub(crate) fn covers(&self, sealer: &dyn Sealer, file: &str, group: &[u8]) -> bool {
        self.tag == tag(sealer, self, file, group)
    }

    /// The chain's end after this seal.
    pub(crate) fn head(&self) -> Head {
        Head { sequence: self.sequence, tag: self.tag }
    }

    /// Whether a line is meant to be a seal.
    pub(crate) fn is_seal(line: &[u8]) -> bool {
        line.starts_with(b"{\"seal\":")
    }

    /// The seal that a line without its newline is.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Line>(line).ok().map(|line| line.seal)
    }

    /// The line, with its newline.
    pub(crate) fn line(self) -> Vec<u8> {
        let mut line = serde_json::to_vec(&Line { seal: self }).expect("numbers and strings serialise");
        line.push(b'\n');
        line
    }
}

fn is_none(kept: &u64) -> bool {
    *kept == 0
}

fn tag(sealer: &dyn Sealer, seal: &Seal, file: &str, group: &[u8]) -> [u8; TAG] {
    let length = |bytes: &[u8]| (bytes.len() as u64).to_be_bytes();
    let kept = seal.kept.to_be_bytes();
    let (domain, kept) = if is_none(&seal.kept) { (GROUP_DOMAIN, &[][..]) } else { (KEPT_DOMAIN, &kept[..]) };
    sealer.tag(&[
        domain,
        kept,
        &seal.previous,
        &seal.sequence.to_be_bytes(),
        &length(file.as_bytes()),
        file.as_bytes(),
        &length(group),
        group,
    ])
}

/// A head with the proof that it was one.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proven {
    sequence: u64,
    #[serde(with = "hexadecimal")]
    tag: [u8; TAG],
    #[serde(with = "hexadecimal")]
    proof: [u8; TAG],
}

impl Head {
    /// Its tag in hexadecimal.
    #[must_use]
    pub fn tag_hex(&self) -> String {
        hex::encode(self.tag)
    }

    /// The head as JSON, with a tag that shows that it was one. An earlier head of the same record
    /// is one, too.
    #[must_use]
    pub fn encode(&self, sealer: &dyn Sealer) -> Vec<u8> {
        let proven = Proven { sequence: self.sequence, tag: self.tag, proof: self.proof(sealer) };
        serde_json::to_vec(&proven).expect("numbers and strings serialise")
    }

    /// What [`Head::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::ForgedHead`] for anything else.
    pub fn decode(bytes: &[u8], sealer: &dyn Sealer) -> Result<Self, Error> {
        let proven: Proven = serde_json::from_slice(bytes).map_err(|_| Error::ForgedHead)?;
        let head = Self { sequence: proven.sequence, tag: proven.tag };
        if head.proof(sealer) == proven.proof { Ok(head) } else { Err(Error::ForgedHead) }
    }

    /// The head that `meta` keeps; `None` if the record was never sealed.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::ForgedHead`].
    pub async fn load(meta: &dyn MetaStore, sealer: &dyn Sealer) -> Result<Option<Self>, Error> {
        meta.get(HEAD).await?.map(|bytes| Self::decode(&bytes, sealer)).transpose()
    }

    /// Keeps the head in `meta`, durably.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn keep(&self, meta: &dyn MetaStore, sealer: &dyn Sealer) -> Result<(), Error> {
        Ok(meta.commit(Batch::default().put(HEAD, self.encode(sealer))).await?)
    }

    fn proof(&self, sealer: &dyn Sealer) -> [u8; TAG] {
        sealer.tag(&[HEAD_DOMAIN, &self.sequence.to_be_bytes(), &self.tag])
    }
}

/// Tags as hexadecimal digits.
pub(crate) mod hexadecimal {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::TAG;

    pub(crate) fn serialize<S: Serializer>(tag: &[u8; TAG], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(tag))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; TAG], D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let mut tag = [0; TAG];
        hex::decode_to_slice(text.as_bytes(), &mut tag).map_err(D::Error::custom)?;
        Ok(tag)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::TestSealer;

    #[test]
    fn a_seal_covers_exactly_its_group_file_number_and_predecessor() {
        let head = Head { sequence: 6, tag: [9; TAG] };
        for kept in [0, 5] {
            covers_exactly(Seal::next(&TestSealer(1), head, kept, "f", b"a\nb\n"));
        }
    }

    fn covers_exactly(seal: Seal) {
        assert_eq!((seal.sequence, seal.previous), (7, [9; TAG]));
        assert!(seal.covers(&TestSealer(1), "f", b"a\nb\n"));
        for (case, covered) in [
            ("another key", seal.covers(&TestSealer(2), "f", b"a\nb\n")),
            ("another file", seal.covers(&TestSealer(1), "g", b"a\nb\n")),
            ("an edited line", seal.covers(&TestSealer(1), "f", b"a\nc\n")),
            ("a line less", seal.covers(&TestSealer(1), "f", b"a\n")),
            ("lines turned round", seal.covers(&TestSealer(1), "f", b"b\na\n")),
            ("a border moved", seal.covers(&TestSealer(1), "fa", b"\nb\n")),
            ("another end kept", Seal { kept: seal.kept + 1, ..seal }.covers(&TestSealer(1), "f", b"a\nb\n")),
            ("no end kept", seal.kept > 0 && Seal { kept: 0, ..seal }.covers(&TestSealer(1), "f", b"a\nb\n")),
            ("another number", Seal { sequence: 8, ..seal }.covers(&TestSealer(1), "f", b"a\nb\n")),
            ("another predecessor", Seal { previous: [8; TAG], ..seal }.covers(&TestSealer(1), "f", b"a\nb\n")),
        ] {
            assert!(!covered, "{case}");
        }
    }

    #[test]
    fn a_seal_is_one_line_and_reads_back() {
        let after = Seal::next(&TestSealer(1), Head::default(), 3, "f", b"a\n").line();
        assert_eq!(Seal::parse(after.trim_ascii_end()).unwrap().kept, 3);
        let seal = Seal::next(&TestSealer(1), Head::default(), 0, "f", b"a\n");
        let line = seal.line();
        assert!(!String::from_utf8_lossy(&line).contains("kept"), "as before there was such a number");
        assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1);
        assert!(Seal::is_seal(&line));
        assert_eq!(Seal::parse(&line[..line.len() - 1]), Some(seal));
        for other in
            [&b"{\"seal\":{}}"[..], b"{}", b"", b"{\"seal\":{\"sequence\":1,\"previous\":\"00\",\"tag\":\"00\"}}"]
        {
            assert_eq!(Seal::parse(other), None);
        }
    }

    #[test]
    fn a_head_that_was_never_one_is_refused() {
        let head = Head { sequence: 3, tag: [7; TAG] };
        let bytes = head.encode(&TestSealer(1));
        assert_eq!(Head::decode(&bytes, &TestSealer(1)).unwrap(), head);
        let lowered = String::from_utf8(bytes.clone()).unwrap().replace("\"sequence\":3", "\"sequence\":2");
        for forged in [lowered.as_bytes(), b"", b"{}"] {
            assert!(matches!(Head::decode(forged, &TestSealer(1)), Err(Error::ForgedHead)));
        }
        assert!(Head::decode(&bytes, &TestSealer(2)).is_err(), "another key");
    }

    #[tokio::test]
    async fn the_store_keeps_the_head() {
        let meta = arqueta_store::MemoryMeta::new();
        assert_eq!(Head::load(&meta, &TestSealer(1)).await.unwrap(), None);
        let head = Head { sequence: 3, tag: [7; TAG] };
        head.keep(&meta, &TestSealer(1)).await.unwrap();
        assert_eq!(Head::load(&meta, &TestSealer(1)).await.unwrap(), Some(head));
    }
}
