use std::fmt;

use arqueta_model::{BucketName, ObjectKey, Timestamp, VersionId};

use super::{
    Body, Checksum, ContentHeaders, EncryptionInfo, EncryptionRequest, LegalHold, ObjectName, Retention, StorageClass,
    Tags, UserMetadata,
};

/// Writes a version that was written elsewhere first, under the id that it has there.
pub struct PutReplica {
    /// Bucket; one with versioning.
    pub bucket: BucketName,
    /// Key.
    pub key: ObjectKey,
    /// The version's id at its source, which tells its place among the versions of the key.
    pub version: VersionId,
    /// When it was written at its source.
    pub last_modified: Timestamp,
    /// Content: that of the parts, one after the other.
    pub body: Body,
    /// Length of the content in bytes.
    pub size: u64,
    /// The parts of a source that a multipart upload made; none of one that was put.
    pub parts: Option<ReplicaParts>,
    /// The source's checksum, which the content must have. `None` gets S3's own default.
    pub checksum: Option<Checksum>,
    /// Content headers.
    pub headers: ContentHeaders,
    /// User metadata.
    pub metadata: UserMetadata,
    /// Tags.
    pub tags: Tags,
    /// Storage class.
    pub storage_class: StorageClass,
    /// Encryption; what is not asked for is the bucket's default.
    pub encryption: EncryptionRequest,
    /// Retention of the source; `None` for the bucket's default. One that is over already is kept as it is.
    pub retention: Option<Retention>,
    /// Legal hold of the source.
    pub legal_hold: Option<LegalHold>,
}

impl fmt::Debug for PutReplica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutReplica")
            .field("bucket", &self.bucket)
            .field("key", &self.key)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The parts of a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaParts {
    /// In the order of their numbers.
    pub parts: Vec<ReplicaPart>,
    /// Whether each shows the checksum of its own: its upload was started with one.
    pub checksums: bool,
}

/// Most parts of an object.
const MOST: usize = 10_000;

impl ReplicaParts {
    /// In as few words as there are runs of one size: `1:8388608*12,13:7`.
    #[must_use]
    pub fn text(&self) -> String {
        let follows = |a: &ReplicaPart, b: &ReplicaPart| a.size == b.size && a.number.checked_add(1) == Some(b.number);
        let run = |run: &[ReplicaPart]| match run {
            [one] => format!("{}:{}", one.number, one.size),
            [first, ..] => format!("{}:{}*{}", first.number, first.size, run.len()),
            [] => String::new(),
        };
        self.parts.chunk_by(follows).map(run).collect::<Vec<_>>().join(",")
    }

    /// From [`ReplicaParts::text`]; `None` for what is none, or has more parts than an object.
    #[must_use]
    pub fn parse(text: &str, checksums: bool) -> Option<Self> {
        let mut parts = Vec::new();
        for run in text.split(',') {
            let (number, size) = run.split_once(':')?;
            let (size, count) = size.split_once('*').unwrap_or((size, "1"));
            let (number, size, count): (u16, u64, u16) =
                (number.parse().ok()?, size.parse().ok()?, count.parse().ok()?);
            if count == 0 || parts.len() + usize::from(count) > MOST {
                return None;
            }
            for at in 0..count {
                parts.push(ReplicaPart { number: number.checked_add(at)?, size });
            }
        }
        Some(Self { parts, checksums })
    }
}

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaPart {
    /// Its number, 1 to 10,000.
    pub number: u16,
    /// Its size in bytes.
    pub size: u64,
}

/// Writes a delete marker that was written elsewhere first.
#[derive(Debug, Clone)]
pub struct MarkReplica {
    /// Bucket; one with versioning.
    pub bucket: BucketName,
    /// Key.
    pub key: ObjectKey,
    /// The marker's id at its source.
    pub version: VersionId,
    /// When it was written at its source.
    pub last_modified: Timestamp,
}

/// Changes a version as its source was changed.
#[derive(Debug, Clone)]
pub struct AmendReplica {
    /// Which; its version should be named.
    pub name: ObjectName,
    /// The tags that it has now, if they changed.
    pub tags: Option<Tags>,
    /// The retention that it has now, if that changed; within, `None` for no more of it.
    pub retention: Option<Option<Retention>>,
    /// The legal hold that it has now, if that changed.
    pub legal_hold: Option<LegalHold>,
}

/// A version that is at its destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedReplica {
    /// Entity tag, unquoted: the source's where both are MD5s. That of a delete marker is empty.
    pub etag: String,
    /// Its id.
    pub version: VersionId,
    /// Size in bytes.
    pub size: u64,
    /// Its checksum.
    pub checksum: Option<Checksum>,
    /// How it is encrypted; `None` for not at all.
    pub encryption: Option<EncryptionInfo>,
    /// Whether it was there before: then nothing was written.
    pub repeated: bool,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_in_runs() {
        let parts = |of: &[(u16, u64)]| ReplicaParts {
            parts: of.iter().map(|(number, size)| ReplicaPart { number: *number, size: *size }).collect(),
            checksums: false,
        };
        for (of, text) in [
            (&[(1, 8), (2, 8), (3, 8), (4, 5)][..], "1:8*3,4:5"),
            (&[(7, 0)], "7:0"),
            (&[(1, 8), (3, 8), (4, 8)], "1:8,3:8*2"),
            (&[(9_999, 8), (10_000, 8)], "9999:8*2"),
        ] {
            assert_eq!(parts(of).text(), text);
            assert_eq!(ReplicaParts::parse(text, false), Some(parts(of)));
        }
        for none in ["", "1", "1:", ":1", "1:2*0", "1:2*10001", "1:2*10000,1:2", "65535:1*2", "1:2;3:4", "1:-2", " 1:2"]
        {
            assert_eq!(ReplicaParts::parse(none, true), None, "{none}");
        }
    }
}
