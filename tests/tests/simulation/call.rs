//! Calls and what is said to them: by the model, whose ids are numbers of calls, and by a gateway,
//! whose ids are texts.

use std::fmt;

/// What a call made: a version, a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id {
    /// The version of an object in a bucket without versions.
    Null,
    /// Made by the call of this number.
    Of(u32),
    /// No call that the model knows of.
    Unknown,
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => write!(f, "null"),
            Self::Of(number) => write!(f, "#{number}"),
            Self::Unknown => write!(f, "#?"),
        }
    }
}

/// How an object is to be encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode<I> {
    /// As the bucket says.
    Default,
    /// Under a KMS key, by way of a bucket key or not.
    Kms(I, bool),
    /// Under the customer's key.
    Customer,
}

/// How an object is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sse<I> {
    /// SSE-S3.
    Managed,
    Kms(I),
    Customer,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call<I> {
    MakeBucket(&'static str),
    DropBucket(&'static str),
    ListBuckets,
    /// PutBucketVersioning: enabled or suspended.
    Version(&'static str, bool),
    Versioning(&'static str),
    /// PutBucketEncryption.
    Default(&'static str, Option<I>),
    DefaultOf(&'static str),
    Put {
        bucket: &'static str,
        key: &'static str,
        /// Seed and length of its body, and the body's print.
        body: (u64, usize),
        print: u64,
        mode: Mode<I>,
        when: When,
    },
    Copy {
        from: (&'static str, &'static str),
        to: (&'static str, &'static str),
    },
    Get {
        bucket: &'static str,
        key: &'static str,
        version: Option<I>,
    },
    Delete {
        bucket: &'static str,
        key: &'static str,
        version: Option<I>,
        /// `If-Match`.
        only: Option<Known>,
    },
    /// ListObjectVersions.
    Versions(&'static str),
    /// CreateMultipartUpload.
    Start(&'static str, &'static str),
    /// UploadPart. Its ETag is what it makes.
    Part {
        of: Upload<I>,
        number: u8,
        body: (u64, usize),
        print: u64,
    },
    /// CompleteMultipartUpload, of one part.
    Complete {
        of: Upload<I>,
        number: u8,
        etag: I,
    },
    Abort(Upload<I>),
    /// ListMultipartUploads.
    Uploads(&'static str),
    CreateKey,
    /// `EnableKey`, `DisableKey`, `ScheduleKeyDeletion` or `CancelKeyDeletion`.
    Key(&'static str, I),
    ListKeys,
    Describe(I),
    /// Its ciphertext is what it makes.
    Encrypt {
        key: I,
        secret: Secret,
    },
    /// Under another context than it was made with, if not `apt`.
    Decrypt {
        of: Ciphertext<I>,
        apt: bool,
    },
    /// Under another key, and with the other context. As [`Call::Encrypt`].
    ReEncrypt {
        of: Ciphertext<I>,
        apt: bool,
        to: I,
    },
    CreateTrail(&'static str),
    DeleteTrail(&'static str),
    /// StartLogging or StopLogging.
    Logging(&'static str, bool),
    /// PutEventSelectors: writes only, or all.
    Select(&'static str, bool),
    TrailStatus(&'static str),
    Selection(&'static str),
    CreateUser(&'static str),
    DeleteUser(&'static str),
    ListUsers,
}

/// When an object is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    Always,
    /// `If-None-Match: *`.
    Fresh,
    /// `If-Match`.
    Over(Known),
}

/// An object as somebody was told that it is: the model knows it by the print of its body, which no
/// other PUT has, the gateway by its ETag.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    pub print: u64,
    pub etag: String,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.print)
    }
}

/// What is encrypted by itself, and whether with a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    pub plaintext: u64,
    pub context: bool,
}

/// A ciphertext, and what clients know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ciphertext<I> {
    pub blob: I,
    pub key: I,
    pub secret: Secret,
}

impl<I> Ciphertext<I> {
    fn with<J>(&self, id: impl Fn(&I) -> J) -> Ciphertext<J> {
        Ciphertext { blob: id(&self.blob), key: id(&self.key), secret: self.secret }
    }
}

/// An upload as clients name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload<I> {
    pub bucket: &'static str,
    pub key: &'static str,
    pub id: I,
}

impl<I> Upload<I> {
    fn with<J>(&self, id: impl Fn(&I) -> J) -> Upload<J> {
        Upload { bucket: self.bucket, key: self.key, id: id(&self.id) }
    }
}

/// One version or delete marker of a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row<I> {
    pub key: String,
    pub id: I,
    pub latest: bool,
    pub marker: bool,
}

impl<I> Row<I> {
    fn with<J>(&self, id: impl Fn(&I) -> J) -> Row<J> {
        Row { key: self.key.clone(), id: id(&self.id), latest: self.latest, marker: self.marker }
    }
}

/// By key, versions before delete markers: how they follow each other a document does not tell.
pub fn in_order<I>(mut rows: Vec<Row<I>>) -> Vec<Row<I>> {
    rows.sort_by(|one, other| (&one.key, one.marker).cmp(&(&other.key, other.marker)));
    rows
}

/// What was said to a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said<I> {
    Done,
    Made(I),
    Body {
        id: I,
        print: u64,
        sse: Sse<I>,
    },
    Rows(Vec<Row<I>>),
    /// By key; those of one key in no order.
    Uploads(Vec<Row<I>>),
    Names(Vec<String>),
    /// In no order.
    Ids(Vec<I>),
    /// Nothing, and yet part of it was done.
    Partly,
    /// Done before: whatever was said then, as far as it still holds.
    Again,
    State(String),
    Encryption(Option<I>),
    Refused(&'static str),
    /// A code that the model does not have.
    RefusedOddly(String),
}

impl<I> Call<I> {
    /// The same call with other ids.
    pub fn with<J>(&self, id: impl Fn(&I) -> J) -> Call<J> {
        match self {
            Self::MakeBucket(name) => Call::MakeBucket(name),
            Self::DropBucket(name) => Call::DropBucket(name),
            Self::ListBuckets => Call::ListBuckets,
            Self::Version(name, on) => Call::Version(name, *on),
            Self::Versioning(name) => Call::Versioning(name),
            Self::Default(name, key) => Call::Default(name, key.as_ref().map(id)),
            Self::DefaultOf(name) => Call::DefaultOf(name),
            Self::Put { bucket, key, body, print, mode, when } => {
                let mode = match mode {
                    Mode::Default => Mode::Default,
                    Mode::Kms(key, bucket_key) => Mode::Kms(id(key), *bucket_key),
                    Mode::Customer => Mode::Customer,
                };
                Call::Put { bucket, key, body: *body, print: *print, mode, when: when.clone() }
            }
            Self::Copy { from, to } => Call::Copy { from: *from, to: *to },
            Self::Get { bucket, key, version } => Call::Get { bucket, key, version: version.as_ref().map(id) },
            Self::Delete { bucket, key, version, only } => {
                Call::Delete { bucket, key, version: version.as_ref().map(id), only: only.clone() }
            }
            Self::Versions(name) => Call::Versions(name),
            Self::Start(bucket, key) => Call::Start(bucket, key),
            Self::Part { of, number, body, print } => {
                Call::Part { of: of.with(id), number: *number, body: *body, print: *print }
            }
            Self::Complete { of, number, etag } => Call::Complete { of: of.with(&id), number: *number, etag: id(etag) },
            Self::Abort(of) => Call::Abort(of.with(id)),
            Self::Uploads(name) => Call::Uploads(name),
            Self::CreateKey => Call::CreateKey,
            Self::Key(change, key) => Call::Key(change, id(key)),
            Self::ListKeys => Call::ListKeys,
            Self::Describe(key) => Call::Describe(id(key)),
            Self::Encrypt { key, secret } => Call::Encrypt { key: id(key), secret: *secret },
            Self::Decrypt { of, apt } => Call::Decrypt { of: of.with(id), apt: *apt },
            Self::ReEncrypt { of, apt, to } => Call::ReEncrypt { of: of.with(&id), apt: *apt, to: id(to) },
            Self::CreateTrail(name) => Call::CreateTrail(name),
            Self::DeleteTrail(name) => Call::DeleteTrail(name),
            Self::Logging(name, on) => Call::Logging(name, *on),
            Self::Select(name, writes_only) => Call::Select(name, *writes_only),
            Self::TrailStatus(name) => Call::TrailStatus(name),
            Self::Selection(name) => Call::Selection(name),
            Self::CreateUser(name) => Call::CreateUser(name),
            Self::DeleteUser(name) => Call::DeleteUser(name),
            Self::ListUsers => Call::ListUsers,
        }
    }

    /// Whether keys or defaults change, which other calls look at before they act, or uploads end one
    /// after the other.
    pub const fn unsettles(&self) -> bool {
        matches!(self, Self::Key(..) | Self::Default(..) | Self::DropBucket(_))
    }

    /// What it is about: a kind of thing, and which one of it if not all.
    fn about(&self) -> Vec<(&'static str, Option<&str>)>
    where
        I: AsRef<str>,
    {
        const BUCKETS: &str = "buckets";
        match self {
            Self::ListBuckets => vec![(BUCKETS, None)],
            Self::MakeBucket(name) | Self::DropBucket(name) => vec![(BUCKETS, None), (*name, None)],
            Self::Version(name, _)
            | Self::Versioning(name)
            | Self::Default(name, _)
            | Self::DefaultOf(name)
            | Self::Versions(name)
            | Self::Uploads(name) => vec![(*name, None)],
            Self::Put { bucket, key, .. }
            | Self::Get { bucket, key, .. }
            | Self::Delete { bucket, key, .. }
            | Self::Start(bucket, key) => vec![(*bucket, Some(*key))],
            Self::Copy { from, to } => vec![(from.0, Some(from.1)), (to.0, Some(to.1))],
            Self::Part { of, .. } | Self::Complete { of, .. } | Self::Abort(of) => vec![(of.bucket, Some(of.key))],
            Self::CreateKey | Self::ListKeys => vec![("keys", None)],
            Self::Key(_, key) | Self::Describe(key) | Self::Encrypt { key, .. } => vec![("keys", Some(key.as_ref()))],
            Self::Decrypt { of, .. } => vec![("keys", Some(of.key.as_ref()))],
            Self::ReEncrypt { of, to, .. } => vec![("keys", Some(of.key.as_ref())), ("keys", Some(to.as_ref()))],
            Self::CreateTrail(name)
            | Self::DeleteTrail(name)
            | Self::Logging(name, _)
            | Self::Select(name, _)
            | Self::TrailStatus(name)
            | Self::Selection(name) => vec![("trails", Some(*name))],
            Self::CreateUser(name) | Self::DeleteUser(name) => vec![("users", Some(*name))],
            Self::ListUsers => vec![("users", None)],
        }
    }

    /// Whether it matters which of the two takes effect first. What keys are like when an object is
    /// stored is not asked here: see [`Call::unsettles`].
    pub fn meets(&self, other: &Self) -> bool
    where
        I: AsRef<str>,
    {
        let theirs = other.about();
        let same = |one: Option<&str>, other: Option<&str>| one.is_none() || other.is_none() || one == other;
        self.about().iter().any(|(kind, of)| theirs.iter().any(|(their, which)| kind == their && same(*of, *which)))
    }

    /// The event that the record must have of it: source and name. Nothing for calls on objects,
    /// which nobody selected.
    pub const fn recorded(&self) -> Option<(&'static str, &'static str)> {
        const S3: &str = "s3.amazonaws.com";
        const KMS: &str = "kms.amazonaws.com";
        const TRAIL: &str = "cloudtrail.amazonaws.com";
        const IAM: &str = "iam.amazonaws.com";
        Some(match self {
            Self::MakeBucket(_) => (S3, "CreateBucket"),
            Self::DropBucket(_) => (S3, "DeleteBucket"),
            Self::ListBuckets => (S3, "ListBuckets"),
            Self::Version(..) => (S3, "PutBucketVersioning"),
            Self::Versioning(_) => (S3, "GetBucketVersioning"),
            Self::Default(..) => (S3, "PutBucketEncryption"),
            Self::DefaultOf(_) => (S3, "GetBucketEncryption"),
            Self::Put { .. }
            | Self::Copy { .. }
            | Self::Get { .. }
            | Self::Delete { .. }
            | Self::Versions(_)
            | Self::Start(..)
            | Self::Part { .. }
            | Self::Complete { .. }
            | Self::Abort(_)
            | Self::Uploads(_) => return None,
            Self::CreateKey => (KMS, "CreateKey"),
            Self::Key(change, _) => (KMS, change),
            Self::ListKeys => (KMS, "ListKeys"),
            Self::Describe(_) => (KMS, "DescribeKey"),
            Self::Encrypt { .. } => (KMS, "Encrypt"),
            Self::Decrypt { .. } => (KMS, "Decrypt"),
            Self::ReEncrypt { .. } => (KMS, "ReEncrypt"),
            Self::CreateTrail(_) => (TRAIL, "CreateTrail"),
            Self::DeleteTrail(_) => (TRAIL, "DeleteTrail"),
            Self::Logging(_, true) => (TRAIL, "StartLogging"),
            Self::Logging(_, false) => (TRAIL, "StopLogging"),
            Self::Select(..) => (TRAIL, "PutEventSelectors"),
            Self::TrailStatus(_) => (TRAIL, "GetTrailStatus"),
            Self::Selection(_) => (TRAIL, "GetEventSelectors"),
            Self::CreateUser(_) => (IAM, "CreateUser"),
            Self::DeleteUser(_) => (IAM, "DeleteUser"),
            Self::ListUsers => (IAM, "ListUsers"),
        })
    }

    /// Whether it changes nothing.
    pub const fn reads_only(&self) -> bool {
        matches!(
            self,
            Self::ListBuckets
                | Self::Versioning(_)
                | Self::DefaultOf(_)
                | Self::Get { .. }
                | Self::Versions(_)
                | Self::Uploads(_)
                | Self::ListKeys
                | Self::Describe(_)
                | Self::Encrypt { .. }
                | Self::Decrypt { .. }
                | Self::ReEncrypt { .. }
                | Self::TrailStatus(_)
                | Self::Selection(_)
                | Self::ListUsers
        )
    }
}

impl<I> Said<I> {
    /// The same with other ids.
    pub fn with<J>(&self, id: impl Fn(&I) -> J) -> Said<J> {
        match self {
            Self::Done => Said::Done,
            Self::Partly => Said::Partly,
            Self::Again => Said::Again,
            Self::Made(made) => Said::Made(id(made)),
            Self::Body { id: of, print, sse } => {
                let sse = match sse {
                    Sse::Managed => Sse::Managed,
                    Sse::Kms(key) => Sse::Kms(id(key)),
                    Sse::Customer => Sse::Customer,
                };
                Said::Body { id: id(of), print: *print, sse }
            }
            Self::Rows(rows) => Said::Rows(rows.iter().map(|row| row.with(&id)).collect()),
            Self::Uploads(rows) => Said::Uploads(rows.iter().map(|row| row.with(&id)).collect()),
            Self::Names(names) => Said::Names(names.clone()),
            Self::Ids(ids) => Said::Ids(ids.iter().map(id).collect()),
            Self::State(state) => Said::State(state.clone()),
            Self::Encryption(key) => Said::Encryption(key.as_ref().map(id)),
            Self::Refused(code) => Said::Refused(code),
            Self::RefusedOddly(code) => Said::RefusedOddly(code.clone()),
        }
    }
}
