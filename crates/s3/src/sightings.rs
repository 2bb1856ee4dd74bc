//! What a request was decided on: the objects as they were, with their tags, where policies ask for these. All
//! decisions about one request see each object once, and what it then does holds only while that is what is
//! there; otherwise it is decided anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arqueta_call::Action;
use arqueta_engine::api::{ObjectName, Sighting, Tags};

/// An object as a decision saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its tags; none of what is not there.
    pub tags: Tags,
    /// What it was.
    pub sighting: Sighting,
}

/// A decision that was made on what was seen.
#[derive(Debug)]
pub struct Decided {
    /// The action.
    pub action: Action,
    /// The ARN that it was decided on.
    pub resource: String,
    /// The object.
    pub name: ObjectName,
    /// Whether it is the one that a copy reads.
    pub of_source: bool,
    /// Condition keys that only the body told.
    pub told: Vec<(String, String)>,
    /// The object that must have tags, or nothing was to be decided.
    pub if_tagged: Option<ObjectName>,
}

/// What one request was decided on; nothing where no policy asks for the tags of objects.
#[derive(Debug, Default)]
pub struct Sightings(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    seen: BTreeMap<String, Seen>,
    decided: Vec<Decided>,
}

impl Sightings {
    /// What the object was when something was decided about it.
    pub fn of(&self, name: &ObjectName) -> Option<Seen> {
        let inner = self.inner();
        // Most requests have none, and pay nothing.
        if inner.seen.is_empty() { None } else { inner.seen.get(&label(name)).cloned() }
    }

    /// Keeps what was seen first.
    pub fn keep(&self, name: &ObjectName, seen: Seen) {
        self.inner().seen.entry(label(name)).or_insert(seen);
    }

    /// Keeps a decision that was made on what was seen.
    pub fn decided(&self, decided: Decided) {
        self.inner().decided.push(decided);
    }

    /// Takes the decisions back, to be made anew on what is there then.
    pub fn take(&self) -> Vec<Decided> {
        std::mem::take(&mut *self.inner()).decided
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn label(name: &ObjectName) -> String {
    let version = name.version.map(|version| version.to_string()).unwrap_or_default();
    format!("{}/{}?{version}", name.bucket, name.key)
}
