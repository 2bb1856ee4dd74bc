//! Pieces: stretches of metadata and of files, sealed, named by what is in them. One that is there is not
//! written again.

use std::fs;

use arqueta_store::Entry;
use zeroize::Zeroizing;

use crate::Error;
use crate::depot::{Depot, PIECES, Writing};

const PIECE: &[u8] = b"arqueta/1/back-up/piece\0";
/// Bytes of a piece of a file, and most of one of metadata that more than one record is in.
pub(crate) const SIZE: usize = 1 << 20;

impl Depot {
    pub(crate) fn put_piece(&self, writing: &mut Writing, content: &[u8]) -> Result<[u8; 32], Error> {
        let name = self.chest.name(content);
        let path = self.path(PIECES, &hex::encode(name));
        if !path.exists() {
            let sealed = self.chest.seal(&[PIECE, &name[..]].concat(), content);
            self.put(writing, &path, |out| out.write_all(&sealed).map_err(Error::at(&path)))?;
        }
        Ok(name)
    }

    pub(crate) fn piece(&self, name: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let path = self.path(PIECES, &hex::encode(name));
        let damaged = || Error::damaged(path.display().to_string());
        let sealed = fs::read(&path).map_err(|_| damaged())?;
        let content = self.chest.unseal(&[PIECE, &name[..]].concat(), &sealed);
        content.filter(|content| self.chest.name(content) == *name).ok_or_else(damaged)
    }
}

/// Records on their way into pieces. Where one ends is decided by the keys alone, so that a change of some
/// records changes the pieces that they are in and no other.
#[derive(Default)]
pub(crate) struct Records(Vec<u8>);

impl Records {
    /// Adds a record. The piece that ends with it, if one does.
    pub fn add(&mut self, depot: &Depot, key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        for part in [key, value] {
            // A record's size is bounded by the store far below this.
            self.0.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            self.0.extend_from_slice(part);
        }
        let ends = depot.chest.name(key)[0] == 0;
        (ends || self.0.len() >= SIZE).then(|| std::mem::take(&mut self.0))
    }

    /// The last piece.
    pub fn rest(self) -> Option<Vec<u8>> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

/// The records of a piece.
pub(crate) fn records(mut piece: &[u8]) -> Option<Vec<Entry>> {
    let mut all = Vec::new();
    let take = |piece: &mut &[u8]| {
        let (length, rest) = piece.split_first_chunk::<4>()?;
        let (part, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        *piece = rest;
        Some(part.to_vec())
    };
    while !piece.is_empty() {
        let (key, value) = (take(&mut piece)?, take(&mut piece)?);
        all.push(Entry { key: key.into(), value: Some(value.into()) });
    }
    Some(all)
}
