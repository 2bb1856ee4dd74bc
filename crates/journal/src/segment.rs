//! One segment: a file of fixed length, allocated and zeroed before its first use, so that a sync
//! of a frame changes nothing of the file system. Files are used again under another number.
//!
//! ```text
//!  0  magic           8 B      "ARQJRNL1"
//!  8  journal id      16 B
//! 24  number          u64 LE   grows with each use of any file of the journal
//! 32  first sequence  u64 LE
//! 40  previous        u64 LE   checksum of the frame before the first
//! 48  size            u64 LE   bytes of the file
//! 56  checksum        u64 LE   CRC-64/NVME of bytes 0..56
//! 4,096  the first frame
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use crc_fast::{CrcAlgorithm, Digest};

use crate::disk::{Disk, DiskFile, parent};
use crate::frame::{BLOCK, JournalId, u64_at};

const MAGIC: &[u8; 8] = b"ARQJRNL1";
const SUMMED: usize = 56;
/// Zeros written at once.
const ZEROS: usize = 128 << 10;

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) journal: JournalId,
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) previous: u64,
    pub(crate) size: u64,
}

impl Header {
    fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(BLOCK);
        bytes.put_slice(MAGIC);
        bytes.put_slice(&self.journal);
        for number in [self.number, self.first, self.previous, self.size] {
            bytes.put_u64_le(number);
        }
        let sum = checksum(&bytes);
        bytes.put_u64_le(sum);
        bytes.resize(BLOCK, 0);
        bytes.freeze()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..SUMMED + 8)?;
        if &head[..8] != MAGIC || u64_at(head, SUMMED) != checksum(&head[..SUMMED]) {
            return None;
        }
        let journal = head[8..24].try_into().expect("sixteen bytes were taken");
        let [number, first, previous, size] = [24, 32, 40, 48].map(|at| u64_at(head, at));
        Some(Self { journal, number, first, previous, size })
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
    digest.update(bytes);
    digest.finalize()
}

/// A file of the journal.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    /// `None` while it holds nothing that is needed.
    pub(crate) header: Option<Header>,
}

/// Whether there is nothing but zeros in a file.
fn is_blank(file: &dyn DiskFile, size: u64) -> io::Result<bool> {
    let mut at = 0;
    while at < size {
        let read = file.read(at, ZEROS)?;
        if read.is_empty() || read.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += read.len() as u64;
    }
    Ok(true)
}

/// What a file in the folder is.
#[derive(Debug)]
pub(crate) enum Found {
    /// A segment of the journal, or a file that can become one.
    Segment(Segment),
    /// A segment of another journal. It may be all that is left of a store, so it is not used again.
    Foreign,
    /// Never begun, which is how a power cut or a failed sync leaves a file that was being allocated.
    /// Its name may be one that the disk has lost, so it is not used.
    Unfinished,
}

impl Segment {
    /// What lies at `path`.
    pub(crate) fn look(disk: &dyn Disk, path: PathBuf, journal: &JournalId) -> io::Result<Found> {
        let file = disk.open(&path)?;
        let size = file.size()?;
        let header = Header::decode(&file.read(0, BLOCK)?);
        if header.is_some_and(|header| header.journal != *journal) {
            return Ok(Found::Foreign);
        }
        let usable = size >= 2 * BLOCK as u64 && size.is_multiple_of(BLOCK as u64);
        // A header that does not read may be all that is wrong with a file that is needed.
        Ok(match header.is_some() || usable && !is_blank(&*file, size)? {
            true => Found::Segment(Self { path, size, header }),
            false => Found::Unfinished,
        })
    }

    /// Allocates a file of `size` bytes, durably: zeros are written, so that the extents are
    /// those of a written file, not merely reserved.
    pub(crate) fn allocate(disk: &dyn Disk, path: PathBuf, size: u64) -> io::Result<Self> {
        let made = Self::write_zeros(disk, &path, size);
        if let Err(error) = made {
            // Half a file is of no use; if it cannot be removed, the next start does.
            let _ = disk.remove(&path);
            return Err(error);
        }
        Ok(Self { path, size, header: None })
    }

    fn write_zeros(disk: &dyn Disk, path: &Path, size: u64) -> io::Result<()> {
        let file = disk.create(path)?;
        let zeros = Bytes::from(vec![0; ZEROS]);
        let mut at = 0;
        while at < size {
            let now = usize::try_from(size - at).unwrap_or(ZEROS).min(ZEROS);
            file.write(at, &[zeros.slice(..now)])?;
            at += now as u64;
        }
        file.sync()?;
        disk.sync_dir(parent(path))
    }

    /// Opens the file for the frames after `header`, which is written and synced.
    pub(crate) fn start(&mut self, disk: &dyn Disk, header: Header) -> io::Result<Arc<dyn DiskFile>> {
        let file = disk.edit(&self.path)?;
        file.write(0, &[header.encode()])?;
        file.sync()?;
        self.header = Some(header);
        Ok(file)
    }
}
