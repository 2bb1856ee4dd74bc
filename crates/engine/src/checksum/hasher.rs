//! Several checksums in one pass.

use crc_fast::CrcAlgorithm;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use xxhash_rust::xxh3::Xxh3;
use xxhash_rust::xxh64::Xxh64;

use super::{Algorithm, Value};

/// Which checksums a body needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted(u16);

impl Wanted {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// One.
    #[must_use]
    pub const fn only(algorithm: Algorithm) -> Self {
        Self::NONE.and(algorithm)
    }

    /// These and one more.
    #[must_use]
    pub const fn and(self, algorithm: Algorithm) -> Self {
        Self(self.0 | 1 << algorithm as u8)
    }

    /// Whether `algorithm` is among them.
    #[must_use]
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & 1 << algorithm as u8 != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Algorithm> for Wanted {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        algorithms.into_iter().fold(Self::NONE, Self::and)
    }
}

/// Computes the wanted checksums of bytes that come in pieces.
#[derive(Clone, Default)]
pub struct Hasher {
    size: u64,
    crcs: Vec<(Algorithm, crc_fast::Digest)>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
    others: Vec<(Algorithm, Other)>,
}

/// What is computed where a client asks for it by name, and hardly ever.
#[derive(Clone)]
enum Other {
    Sha512(Sha512),
    Md5(md5::Md5),
    XxHash64(Xxh64),
    /// Of 64 bits and of 128.
    XxHash3(Box<Xxh3>),
}

impl Other {
    fn new(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Sha512 => Some(Self::Sha512(Sha512::new())),
            Algorithm::Md5 => Some(Self::Md5(md5::Md5::new())),
            Algorithm::XxHash64 => Some(Self::XxHash64(Xxh64::new(0))),
            Algorithm::XxHash3 | Algorithm::XxHash128 => Some(Self::XxHash3(Box::new(Xxh3::new()))),
            Algorithm::Crc32 | Algorithm::Crc32c | Algorithm::Crc64Nvme | Algorithm::Sha1 | Algorithm::Sha256 => None,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha512(hash) => hash.update(bytes),
            Self::Md5(hash) => hash.update(bytes),
            Self::XxHash64(hash) => hash.update(bytes),
            Self::XxHash3(hash) => hash.update(bytes),
        }
    }

    fn finish(self, algorithm: Algorithm) -> Value {
        let value = match self {
            Self::Sha512(hash) => Value::new(algorithm, &hash.finalize()),
            Self::Md5(hash) => Value::new(algorithm, &hash.finalize()),
            // In the canonical form of xxHash, the most significant byte first.
            Self::XxHash64(hash) => Value::new(algorithm, &hash.digest().to_be_bytes()),
            Self::XxHash3(hash) if algorithm == Algorithm::XxHash3 => {
                Value::new(algorithm, &hash.digest().to_be_bytes())
            }
            Self::XxHash3(hash) => Value::new(algorithm, &hash.digest128().to_be_bytes()),
        };
        value.expect("a digest has its algorithm's length")
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Hasher {
    /// Nothing hashed yet.
    #[must_use]
    pub fn new(wanted: Wanted) -> Self {
        let wants = |algorithm: &Algorithm| wanted.contains(*algorithm);
        let crc = |algorithm| Some((algorithm, crc_fast::Digest::new(polynomial(algorithm)?)));
        Self {
            size: 0,
            crcs: Algorithm::ALL.into_iter().filter(wants).filter_map(crc).collect(),
            sha1: wanted.contains(Algorithm::Sha1).then(Sha1::new),
            sha256: wanted.contains(Algorithm::Sha256).then(Sha256::new),
            others: Algorithm::ALL
                .into_iter()
                .filter(wants)
                .filter_map(|algorithm| Some((algorithm, Other::new(algorithm)?)))
                .collect(),
        }
    }

    /// Hashes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        for (_, crc) in &mut self.crcs {
            crc.update(bytes);
        }
        if let Some(hash) = &mut self.sha1 {
            hash.update(bytes);
        }
        if let Some(hash) = &mut self.sha256 {
            hash.update(bytes);
        }
        for (_, other) in &mut self.others {
            other.update(bytes);
        }
    }

    /// Bytes hashed so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The checksums of everything hashed.
    #[must_use]
    pub fn finish(self) -> Digests {
        let mut values: Vec<_> =
            self.crcs.iter().map(|(algorithm, crc)| Value::of_register(*algorithm, crc.finalize())).collect();
        let hash = |algorithm, bytes: &[u8]| Value::new(algorithm, bytes).expect("a digest has its algorithm's length");
        values.extend(self.sha1.map(|sha1| hash(Algorithm::Sha1, &sha1.finalize())));
        values.extend(self.sha256.map(|sha256| hash(Algorithm::Sha256, &sha256.finalize())));
        values.extend(self.others.into_iter().map(|(algorithm, other)| other.finish(algorithm)));
        Digests { size: self.size, values }
    }
}

/// What a [`Hasher`] computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Bytes hashed.
    pub size: u64,
    /// One value for each wanted algorithm.
    pub values: Vec<Value>,
}

impl Digests {
    /// The value of one algorithm, if it was wanted.
    #[must_use]
    pub fn value(&self, algorithm: Algorithm) -> Option<Value> {
        self.values.iter().copied().find(|value| value.algorithm() == algorithm)
    }

    /// Whether a value that the client declared is that of what was hashed. `false` also when
    /// its algorithm was not computed: an unchecked value is never taken for a right one.
    #[must_use]
    pub fn confirms(&self, declared: &Value) -> bool {
        self.value(declared.algorithm()).as_ref() == Some(declared)
    }
}

/// The CRC behind an algorithm.
pub(super) const fn polynomial(algorithm: Algorithm) -> Option<CrcAlgorithm> {
    match algorithm {
        Algorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        Algorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
        Algorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn check_values_of_the_catalogues() {
        // "123456789": CRC catalogue (reveng) for the CRCs, RFC 3174 / FIPS 180-4 tools for SHA, xxhsum for xxHash.
        let mut hasher = Hasher::new(Algorithm::ALL.into_iter().collect());
        hasher.update(b"123456789");
        let digests = hasher.finish();
        for (algorithm, want) in [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
            (
                Algorithm::Sha512,
                "d9e6762dd1c8eaf6d61b3c6192fc408d4d6d5f1176d0c29169bc24e71c3f274ad27fcd5811b313d681f7e55ec02d73d499c95455b6b5bb503acf574fba8ffe85",
            ),
            (Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
            (Algorithm::XxHash64, "8cb841db40e6ae83"),
            (Algorithm::XxHash3, "72dcb18b67a17dff"),
            (Algorithm::XxHash128, "33119477ede5dcd5e9716427681d5860"),
        ] {
            assert_eq!(hex::encode(digests.value(algorithm).unwrap().as_bytes()), want, "{}", algorithm.name());
        }
        assert_eq!(digests.size, 9);
    }

    #[test]
    fn only_what_is_wanted_is_computed_and_confirmed() {
        let digests = Hasher::new(Wanted::only(Algorithm::Crc32)).finish();
        assert_eq!(digests.values.len(), 1);
        let sha = Hasher::new(Wanted::only(Algorithm::Sha1)).finish().value(Algorithm::Sha1).unwrap();
        assert!(!digests.confirms(&sha), "not computed, so not confirmed");
        assert!(digests.confirms(&digests.values[0].clone()));
        assert!(Hasher::new(Wanted::NONE).finish().values.is_empty());
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(data in prop::collection::vec(any::<u8>(), 0..4000), cut in any::<prop::sample::Index>()) {
            let all: Wanted = Algorithm::ALL.into_iter().collect();
            let (mut whole, mut pieces) = (Hasher::new(all), Hasher::new(all));
            whole.update(&data);
            let (a, b) = data.split_at(cut.index(data.len() + 1));
            pieces.update(a);
            pieces.update(b);
            prop_assert_eq!(whole.finish(), pieces.finish());
        }
    }
}
