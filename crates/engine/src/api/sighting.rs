use std::fmt;

use bytes::Bytes;

/// What stood under a name when something was decided about it: a version exactly as it was, with the tags
/// that it had then, or nothing. As a condition it holds while that is so.
#[derive(Clone, PartialEq, Eq)]
pub struct Sighting(Option<Bytes>);

impl Sighting {
    /// Of a record as it lies in the store.
    pub(crate) const fn of(record: Option<Bytes>) -> Self {
        Self(record)
    }

    /// Whether that is what is there.
    pub(crate) fn is(&self, record: Option<&Bytes>) -> bool {
        self.0.as_ref() == record
    }
}

impl fmt::Debug for Sighting {
    // Records tell more than logs may.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sighting").field(&self.0.as_ref().map(Bytes::len)).finish()
    }
}
