//! Large files written past the page cache (`O_DIRECT`).
//!
//! A body that was just sealed is rarely read back at once, and copying it into the page cache
//! cost half of a large PUT's CPU time (docs/adr/0004). So a file whose first write is a whole
//! buffer goes to the device from an aligned buffer of our own; only its tail, shorter than a
//! block, takes the ordinary way. File systems without the flag (tmpfs, some network ones) keep
//! the page cache.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use rustix::fs::OFlags;
use rustix::io::Errno;

/// Alignment of memory, offset and length: the largest logical block size of common devices.
const BLOCK: usize = 4096;
/// Bytes of one write.
const BUFFER: usize = 256 * 1024;
/// A first write at least this long makes a file a large one.
pub(crate) const LARGE: usize = 192 * 1024;

/// A file being written past the page cache, one byte after the other.
#[derive(Debug)]
pub(crate) struct Direct {
    /// `BUFFER` bytes, of which those from `aligned` on are used.
    memory: Vec<u8>,
    aligned: usize,
    filled: usize,
    /// Offset in the file of the buffer's first byte; a multiple of `BLOCK`.
    at: u64,
}

impl Direct {
    /// Turns the page cache off for `file`, if its file system lets us.
    pub(crate) fn start(file: &File) -> Option<Self> {
        let flags = rustix::fs::fcntl_getfl(file).ok()?;
        rustix::fs::fcntl_setfl(file, flags | OFlags::DIRECT).ok()?;
        let memory = vec![0; BUFFER + BLOCK];
        let aligned = memory.as_ptr().align_offset(BLOCK);
        (aligned <= BLOCK).then_some(Self { memory, aligned, filled: 0, at: 0 })
    }

    /// The offset that the next byte belongs at.
    pub(crate) fn end(&self) -> u64 {
        self.at + self.filled as u64
    }

    /// Appends.
    pub(crate) fn append(&mut self, file: &File, chunks: &[Bytes]) -> io::Result<()> {
        for chunk in chunks {
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                let room = BUFFER - self.filled;
                let (now, later) = rest.split_at(room.min(rest.len()));
                let from = self.aligned + self.filled;
                self.memory[from..from + now.len()].copy_from_slice(now);
                self.filled += now.len();
                rest = later;
                if self.filled == BUFFER {
                    self.write_out(file, BUFFER)?;
                }
            }
        }
        Ok(())
    }

    /// Writes what is left: whole blocks directly, the tail through the page cache.
    pub(crate) fn finish(mut self, file: &File) -> io::Result<()> {
        self.write_out(file, self.filled / BLOCK * BLOCK)?;
        let flags = rustix::fs::fcntl_getfl(file)?;
        rustix::fs::fcntl_setfl(file, flags - OFlags::DIRECT)?;
        file.write_all_at(&self.memory[self.aligned..self.aligned + self.filled], self.at)
    }

    /// Writes the first `len` bytes of the buffer and moves the others to its front.
    fn write_out(&mut self, file: &File, len: usize) -> io::Result<()> {
        let mut done = 0;
        while done < len {
            let slice = &self.memory[self.aligned + done..self.aligned + len];
            match rustix::io::pwrite(file, slice, self.at + done as u64) {
                Err(Errno::INTR) => {}
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                // Cut within a block: by a full disk, or by a device with a mind of its own. The rest
                // goes through the page cache, which either takes it or knows the true error.
                Ok(written) if written % BLOCK != 0 => {
                    let flags = rustix::fs::fcntl_getfl(file)?;
                    rustix::fs::fcntl_setfl(file, flags - OFlags::DIRECT)?;
                    file.write_all_at(&slice[written..], self.at + (done + written) as u64)?;
                    rustix::fs::fcntl_setfl(file, flags)?;
                    done = len;
                }
                written => done += written?,
            }
        }
        self.memory.copy_within(self.aligned + len..self.aligned + self.filled, self.aligned);
        self.filled -= len;
        self.at += len as u64;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn files_of_every_length_come_back() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, BUFFER - 1, BUFFER, BUFFER + 1, 3 * BUFFER + 5 * BLOCK + 7] {
            let path = folder.path().join(length.to_string());
            let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
            let Some(mut direct) = Direct::start(&file) else { return };
            let body: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
            for piece in body.chunks(70_001) {
                direct.append(&file, &[Bytes::copy_from_slice(piece)]).unwrap();
            }
            assert_eq!(direct.end(), length as u64);
            direct.finish(&file).unwrap();
            assert!(std::fs::read(&path).unwrap() == body, "{length} bytes");
        }
    }
}
