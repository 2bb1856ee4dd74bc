//! What was done and acknowledged when, and so what may be found after a power cut.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

/// Bucket and key.
pub type Name = (&'static str, String);

/// How an object was asked to be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The bucket's default.
    Default,
    /// SSE-KMS under the load's key.
    Kms,
    /// The same with a bucket key.
    KmsBucketKey,
    /// SSE-KMS under the account's `aws/s3` key.
    AwsManaged,
    /// Two layers.
    Dual,
    /// The customer's key.
    Customer,
}

impl Mode {
    pub const ALL: [Self; 6] =
        [Self::Default, Self::Kms, Self::KmsBucketKey, Self::AwsManaged, Self::Dual, Self::Customer];
}

/// One version of an object.
#[derive(Clone, PartialEq)]
pub struct Version {
    pub id: String,
    /// `None` for a delete marker.
    pub content: Option<Content>,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Some(content) => {
                write!(f, "{}: {} bytes, {:?}, {}", self.id, content.body.len(), content.mode, content.etag)
            }
            None => write!(f, "{}: delete marker", self.id),
        }
    }
}

/// What a version holds.
#[derive(Clone, PartialEq)]
pub struct Content {
    pub body: Bytes,
    pub etag: String,
    pub mode: Mode,
}

/// A bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    pub exists: bool,
    pub versioned: bool,
    /// Whether its default is SSE-KMS.
    pub default_kms: bool,
}

/// A multipart upload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Upload {
    pub open: bool,
    /// Part numbers and ETags.
    pub parts: Vec<(i32, String)>,
}

/// A KMS key: `None` before its creation, then its state.
pub type KeyState = Option<&'static str>;

/// One change of one thing.
#[derive(Debug, Clone)]
struct Step<S> {
    /// Operations of the disk before the request was sent …
    began: usize,
    /// … and when its answer had arrived.
    acknowledged: usize,
    state: S,
}

/// All changes of one thing. One writer each, so they do not overlap.
#[derive(Debug, Clone)]
pub struct History<S>(Vec<Step<S>>);

impl<S> Default for History<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S: Clone + Default + PartialEq + fmt::Debug> History<S> {
    /// The latest state.
    pub fn latest(&self) -> S {
        self.0.last().map(|step| step.state.clone()).unwrap_or_default()
    }

    /// All states, oldest first.
    pub fn states(&self) -> impl Iterator<Item = &S> {
        self.0.iter().map(|step| &step.state)
    }

    /// Notes a change that was acknowledged.
    pub fn note(&mut self, began: usize, acknowledged: usize, state: S) {
        self.0.push(Step { began, acknowledged, state });
    }

    /// What may be found after the first `at` operations of the disk: the last acknowledged state
    /// and the one that was under way.
    pub fn allowed(&self, at: usize) -> Vec<S> {
        let acknowledged = self.0.iter().take_while(|step| step.acknowledged <= at).count();
        let before = acknowledged.checked_sub(1).map(|last| self.0[last].state.clone()).unwrap_or_default();
        let under_way = self.0.get(acknowledged).filter(|step| step.began < at).map(|step| step.state.clone());
        std::iter::once(before).chain(under_way).collect()
    }

    /// The history of something found in this state.
    pub fn settled(state: S) -> Self {
        Self(vec![Step { began: 0, acknowledged: 0, state }])
    }

    /// Position at which the latest change began.
    pub fn last_began(&self) -> usize {
        self.0.last().map_or(0, |step| step.began)
    }
}

/// Everything that the load did.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// ARN of the key that the load seals under.
    pub key: String,
    pub buckets: BTreeMap<&'static str, History<Bucket>>,
    pub objects: BTreeMap<Name, History<Vec<Version>>>,
    /// By object and upload id.
    pub uploads: BTreeMap<(Name, String), History<Upload>>,
    /// By key id.
    pub keys: BTreeMap<String, History<KeyState>>,
}
