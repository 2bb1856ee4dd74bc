//! Where the sealed part of a file ends.

use std::io::{self, BufRead as _, Read as _};
use std::path::Path;

use super::files::{GROUP, LINE, Name};
use super::lines::Lines;
use crate::Sealer;
use crate::chain::Seal;

/// How a file ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// The last seal that is one, and where its line ends.
    pub(super) good: Option<(Seal, u64)>,
    /// How many lines behind it look like seals and are none.
    pub(super) bad: usize,
    /// Length of the file.
    pub(super) length: u64,
}

/// Finds the last seal of a file that `sealer` made over what stands before it. Reads the file
/// once, and again only what the last seals are made over.
pub(super) fn tail(folder: &Path, name: &Name, sealer: &dyn Sealer) -> io::Result<Tail> {
    let (seals, length) = seals(&mut Lines::open(folder, name, 0)?)?;
    for (bad, at) in seals.iter().rev().enumerate() {
        let (Some(seal), true) = (at.seal, at.line - at.group <= GROUP) else { continue };
        let mut group = vec![0; usize::try_from(at.line - at.group).map_err(io::Error::other)?];
        Lines::open(folder, name, at.group)?.read_exact(&mut group)?;
        if seal.covers(sealer, &name.file_name(), &group) {
            return Ok(Tail { good: Some((seal, at.end)), bad, length });
        }
    }
    Ok(Tail { good: None, bad: seals.len(), length })
}

/// A line that is meant to be a seal.
struct At {
    seal: Option<Seal>,
    /// Where its group begins, where its line does, and where that ends.
    group: u64,
    line: u64,
    end: u64,
}

fn seals(reader: &mut Lines) -> io::Result<(Vec<At>, u64)> {
    let (mut line, mut seals) = (Vec::new(), Vec::new());
    let (mut group, mut start, mut end) = (0, 0, 0);
    loop {
        let read = reader.take(LINE - line.len() as u64).read_until(b'\n', &mut line)? as u64;
        end += read;
        match line.strip_suffix(b"\n") {
            Some(whole) if Seal::is_seal(whole) => {
                seals.push(At { seal: Seal::parse(whole), group, line: start, end });
                (group, start) = (end, end);
            }
            Some(_) => start = end,
            None if read == 0 => return Ok((seals, end)),
            // Too long for a line, so for a seal; what is left of it is none either.
            None if line.len() as u64 >= LINE => start = end,
            None => continue,
        }
        line.clear();
    }
}
