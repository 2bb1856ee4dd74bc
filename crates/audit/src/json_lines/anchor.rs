//! What was removed from the beginning of the record: archived, or too old to be kept.
//!
//! An anchor is a statement, proven by the key that seals the record: up to which group the record
//! was removed, with the digest of every file. `verify` begins behind the last anchor and names
//! what is missing beside it, so removing files needs the key, and who removes them without it is
//! seen. Anchors stand in `anchors`, one a line, each made over the one before it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::files::{self, Name};
use super::lines::Lines;
use crate::chain::{TAG, hexadecimal};
use crate::{Error, Head, Sealer};

pub(super) const FILE: &str = "anchors";
const DOMAIN: &[u8] = b"arqueta/1/record/anchor\0";

/// A statement about what was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Anchor {
    /// Number of the last group that was removed, and its tag.
    pub(super) sequence: u64,
    #[serde(with = "hexadecimal")]
    pub(super) tag: [u8; TAG],
    /// Proof of the anchor before this one; zeros for the first.
    #[serde(with = "hexadecimal")]
    pub(super) previous: [u8; TAG],
    /// When.
    pub(super) at: String,
    /// Where to, as the operator named it; absent if it was not kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) archive: Option<String>,
    pub(super) files: Vec<Removed>,
    /// What was wrong with what was removed, in words. It stays wrong.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) findings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Removed {
    /// Its name, uncompressed.
    pub(super) name: String,
    /// SHA-256 of its lines, uncompressed.
    pub(super) sha256: String,
    pub(super) events: u64,
}

/// All anchors of a record.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    anchors: Vec<Anchor>,
    pub(super) proof: [u8; TAG],
    /// Lines that are no anchor of this record, from 1.
    pub(super) bad: Vec<u64>,
}

impl Anchors {
    /// Reads the anchors in `folder`.
    pub(super) fn read(folder: &Path, sealer: &dyn Sealer) -> io::Result<Self> {
        let text = match std::fs::read(folder.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            text => text?,
        };
        let mut found = Self::default();
        // A line that a crash tore has no newline; nothing was removed under it.
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        for (number, line) in (1..).zip(text[..whole].split_inclusive(|&byte| byte == b'\n')) {
            match found.parse(line.trim_ascii_end(), sealer) {
                Some((anchor, proof)) => {
                    found.anchors.push(anchor);
                    found.proof = proof;
                }
                None => found.bad.push(number),
            }
        }
        Ok(found)
    }

    fn parse(&self, line: &[u8], sealer: &dyn Sealer) -> Option<(Anchor, [u8; TAG])> {
        let at = line.iter().rposition(|&byte| byte == b' ')?;
        let (statement, proof) = (&line[..at], &line[at + 1..]);
        let mut proven = [0; TAG];
        hex::decode_to_slice(proof, &mut proven).ok()?;
        let anchor: Anchor = serde_json::from_slice(statement).ok()?;
        let sound = proven == prove(sealer, statement)
            && anchor.previous == self.proof
            && anchor.sequence >= self.head().sequence;
        sound.then_some((anchor, proven))
    }

    /// The end of what was removed.
    pub(super) fn head(&self) -> Head {
        self.anchors.last().map_or_else(Head::default, |anchor| Head { sequence: anchor.sequence, tag: anchor.tag })
    }

    /// What was wrong with what was removed.
    pub(super) fn findings(&self) -> impl Iterator<Item = &str> {
        self.anchors.iter().flat_map(|anchor| &anchor.findings).map(String::as_str)
    }

    /// The digest of each file that was removed.
    pub(super) fn digests(&self) -> HashMap<&str, &str> {
        let files = self.anchors.iter().flat_map(|anchor| &anchor.files);
        files.map(|file| (&*file.name, &*file.sha256)).collect()
    }

    /// Makes a statement, durably.
    pub(super) fn add(&mut self, folder: &Path, sealer: &dyn Sealer, anchor: Anchor) -> Result<(), Error> {
        let mut line = serde_json::to_vec(&anchor).map_err(io::Error::from)?;
        self.proof = prove(sealer, &line);
        line.extend_from_slice(format!(" {}\n", hex::encode(self.proof)).as_bytes());
        let path = folder.join(FILE);
        let fresh = !path.exists();
        if !fresh {
            files::repair(&path)?;
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        file.write_all(&line)?;
        file.sync_all()?;
        if fresh {
            File::open(folder)?.sync_all()?;
        }
        self.anchors.push(anchor);
        Ok(())
    }
}

fn prove(sealer: &dyn Sealer, statement: &[u8]) -> [u8; TAG] {
    sealer.tag(&[DOMAIN, &(statement.len() as u64).to_be_bytes(), statement])
}

/// SHA-256 of a file's lines, in hexadecimal. What a damaged one does not give any more is not in it.
pub(super) fn digest(folder: &Path, name: &Name) -> io::Result<String> {
    let mut lines = Lines::open(folder, name, 0)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match io::Read::read(&mut lines, &mut chunk) {
            Ok(0) => break,
            Ok(read) => hash.update(&chunk[..read]),
            Err(error) if lines.is_damage(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(hex::encode(hash.finalize()))
}
