//! What a back-up consists of.

use serde::{Deserialize, Serialize};

/// One back-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name: its instant.
    pub name: String,
    /// The version of Arqueta that took it.
    pub version: String,
    /// Records of the metadata.
    pub records: u64,
    /// Records that could not be read, in words: they are not in it.
    pub damaged: Vec<String>,
    /// Bodies.
    pub bodies: u64,
    /// Bodies that the metadata refers to and that were not there.
    pub missing: Vec<String>,
    /// Pieces of the metadata, in order.
    pub(crate) metadata: Vec<[u8; 32]>,
    pub(crate) files: Vec<Kept>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Where it lies in the data folder.
    pub path: String,
    pub pieces: Vec<[u8; 32]>,
}

impl Index {
    pub(crate) fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("strings and numbers serialise")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        rmp_serde::from_slice(bytes).ok()
    }

    /// Files, beside metadata and bodies.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.path.as_str())
    }
}
