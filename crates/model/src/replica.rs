//! The headers by which one gateway hands replicas to another (docs/replication.md, "Between two gateways").
//!
//! They count only in requests that are signed in the `Authorization` header, and only if the signature covers
//! them.

/// What all of them begin with.
pub const PREFIX: &str = "x-arqueta-replica";
/// What the request is: [`PUT`], [`MARK`] or [`AMEND`]. In an answer: [`PLACED`] or [`THERE`].
pub const REPLICA: &str = PREFIX;
/// The version's id at its source, which it keeps.
pub const VERSION: &str = "x-arqueta-replica-version-id";
/// When it was written at its source, in milliseconds since the epoch.
pub const LAST_MODIFIED: &str = "x-arqueta-replica-last-modified";
/// The parts of a source that a multipart upload made: `number:size`, or `number:size*count` for as many of one
/// size whose numbers follow each other, with commas between.
pub const PARTS: &str = "x-arqueta-replica-parts";
/// `true` where each part shows the checksum of its own.
pub const PART_CHECKSUMS: &str = "x-arqueta-replica-part-checksums";
/// The source's checksum: its algorithm, its type and its value in Base64, with colons between.
pub const CHECKSUM: &str = "x-arqueta-replica-checksum";
/// `Destination` where the rule hands replicas over to the owner of the destination.
pub const OWNER: &str = "x-arqueta-replica-owner";

/// All of them, sorted.
pub const HEADERS: [&str; 7] = [REPLICA, CHECKSUM, LAST_MODIFIED, OWNER, PART_CHECKSUMS, PARTS, VERSION];

/// A version with content comes (PutObject).
pub const PUT: &str = "put";
/// A delete marker comes (DeleteObject).
pub const MARK: &str = "mark";
/// What may change of a version that is there is to be this now (PutObject without content).
pub const AMEND: &str = "amend";

/// The answer to what was written.
pub const PLACED: &str = "placed";
/// The answer to what was there already.
pub const THERE: &str = "there";
