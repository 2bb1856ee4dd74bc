//! What was found out about an object.

use arqueta_client::{Algorithm, Entry};

/// One of the two buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first.
    Source,
    /// The second.
    Destination,
}

impl Side {
    /// `source` or `destination`
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
        }
    }
}

/// What proves that the bytes are the same: the rungs of the ladder, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Both are empty.
    Empty,
    /// Both are delete markers.
    Markers,
    /// Both sides have the same checksum of the whole object.
    Checksum(Algorithm),
    /// Both ETags are the same MD5.
    Md5,
    /// Both sides have the same checksum of the same parts' checksums.
    PartChecksums(Algorithm),
    /// Both sides have the same multipart ETag, of parts of the same sizes.
    MultipartEtag,
    /// The same multipart ETag; one side does not tell the sizes of its parts.
    MultipartEtagAlone,
    /// One side was read, and what the other has written down was computed of it.
    Recomputed(Algorithm),
    /// One side was read, and the other's multipart ETag was computed of it, with the other's parts.
    RecomputedEtag,
    /// Both sides were read.
    Bytes,
}

impl Proof {
    /// Which rung of the ladder: 1 to 4.
    #[must_use]
    pub fn rung(self) -> u8 {
        match self {
            Self::Empty | Self::Markers | Self::Checksum(_) | Self::Md5 => 1,
            Self::PartChecksums(_) | Self::MultipartEtag | Self::MultipartEtagAlone => 2,
            Self::Recomputed(_) | Self::RecomputedEtag => 3,
            Self::Bytes => 4,
        }
    }
}

/// What is known of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// They are the same.
    Same(Proof),
    /// They are not, and how that is seen.
    Differs(String),
    /// It cannot be told, and why.
    Unknown(String),
}

/// What two objects may differ in beside their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The ETag.
    Etag,
    /// Which checksums are kept.
    Checksums,
    /// How it is encrypted.
    Encryption,
    /// User metadata and content headers.
    Metadata,
    /// Tags.
    Tags,
    /// Retention and legal hold.
    Lock,
}

impl Field {
    /// All, in the order of lines.
    pub const ALL: [Self; 6] = [Self::Etag, Self::Checksums, Self::Encryption, Self::Metadata, Self::Tags, Self::Lock];

    /// Its word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Etag => "etag",
            Self::Checksums => "checksums",
            Self::Encryption => "encryption",
            Self::Metadata => "metadata",
            Self::Tags => "tags",
            Self::Lock => "lock",
        }
    }
}

impl std::str::FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|field| field.name() == text).ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|field| field.name()).collect();
            format!("one of {}", all.join(", "))
        })
    }
}

/// A difference beside the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub field: Field,
    /// How, and why where that is known.
    pub says: String,
    /// Whether a faithful copy has it all the same: ETags and checksums that differ by parts or encryption,
    /// and encryption that is not less than the source's.
    pub is_explained: bool,
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Both sides have it.
    Both {
        /// What is known of the bytes.
        content: Content,
        /// What else differs.
        differences: Vec<Difference>,
    },
    /// One side has it not.
    Missing {
        /// Which.
        on: Side,
        /// Why, as far as anybody says.
        reasons: Vec<String>,
    },
}

impl Verdict {
    /// Whether one side lacks it.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// What an outcome means for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The same.
    Same,
    /// The same but for what is explained.
    Explained,
    /// Nobody knows.
    Unknown,
    /// Different.
    Differs,
}

/// An object, or a version of one, and what was found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its key on the side that has it, the source's if both have.
    pub key: String,
    /// As the source lists it.
    pub source: Option<Entry>,
    /// As the destination lists it.
    pub destination: Option<Entry>,
    /// What was found out.
    pub verdict: Verdict,
}

impl Outcome {
    /// What it means.
    #[must_use]
    pub fn weight(&self) -> Weight {
        let Verdict::Both { content, differences } = &self.verdict else { return Weight::Differs };
        let worst = differences.iter().map(|d| if d.is_explained { Weight::Explained } else { Weight::Differs }).max();
        let content = match content {
            Content::Same(_) => Weight::Same,
            Content::Unknown(_) => Weight::Unknown,
            Content::Differs(_) => Weight::Differs,
        };
        content.max(worst.unwrap_or(Weight::Same))
    }
}
