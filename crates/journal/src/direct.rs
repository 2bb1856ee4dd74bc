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

/// Alignment of memory, offset and length: the largest logical block size of common devices. What
/// begins and ends on it is written from where it lies.
pub const BLOCK: usize = 4096;
/// Bytes of one write.
const BUFFER: usize = 256 * 1024;
/// A first write at least this long makes a file a large one.
pub(crate) const LARGE: usize = 192 * 1024;

/// A file being written past the page cache, one byte after the other.
#[derive(Debug)]
pub(crate) struct Direct {
    /// What was gathered, from `aligned` on. As long as what comes lies in whole blocks that is the
    /// file's tail and nothing else.
    memory: Vec<u8>,
    aligned: usize,
    /// Bytes that there is room for behind `aligned`: none, a block or `BUFFER`.
    room: usize,
    filled: usize,
    /// Offset in the file of the buffer's first byte; a multiple of `BLOCK`.
    at: u64,
}

impl Direct {
    /// Turns the page cache off for `file`, if its file system lets us.
    pub(crate) fn start(file: &File) -> Option<Self> {
        let flags = rustix::fs::fcntl_getfl(file).ok()?;
        rustix::fs::fcntl_setfl(file, flags | OFlags::DIRECT).ok()?;
        Some(Self { memory: Vec::new(), aligned: 0, room: 0, filled: 0, at: 0 })
    }

    /// The offset that the next byte belongs at.
    pub(crate) fn end(&self) -> u64 {
        self.at + self.filled as u64
    }

    /// Appends. Whole blocks that lie aligned are written from where they are, and only what does
    /// not is gathered in the buffer first.
    pub(crate) fn append(&mut self, file: &File, chunks: &[Bytes]) -> io::Result<()> {
        for chunk in chunks {
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                if self.filled == 0 && rest.len() >= BLOCK && rest.as_ptr().align_offset(BLOCK) == 0 {
                    let (blocks, tail) = rest.split_at(rest.len() / BLOCK * BLOCK);
                    write_blocks(file, blocks, self.at)?;
                    self.at += blocks.len() as u64;
                    rest = tail;
                    continue;
                }
                self.make_room(rest.len());
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

    /// Sees to it that there is room for `more` bytes behind what was gathered, or for a whole buffer.
    fn make_room(&mut self, more: usize) {
        let wanted = if self.filled + more < BLOCK { BLOCK } else { BUFFER };
        if self.room >= wanted {
            return;
        }
        let mut memory = vec![0; wanted + BLOCK];
        let aligned = memory.as_ptr().align_offset(BLOCK).min(BLOCK);
        let gathered = &self.memory[self.aligned..self.aligned + self.filled];
        memory[aligned..aligned + self.filled].copy_from_slice(gathered);
        (self.memory, self.aligned, self.room) = (memory, aligned, wanted);
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
        if len == 0 {
            return Ok(());
        }
        write_blocks(file, &self.memory[self.aligned..self.aligned + len], self.at)?;
        self.memory.copy_within(self.aligned + len..self.aligned + self.filled, self.aligned);
        self.filled -= len;
        self.at += len as u64;
        Ok(())
    }
}

/// Writes whole blocks of aligned memory to `at`.
fn write_blocks(file: &File, blocks: &[u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while done < blocks.len() {
        let slice = &blocks[done..];
        match rustix::io::pwrite(file, slice, at + done as u64) {
            Err(Errno::INTR) => {}
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            // Cut within a block: by a full disk, or by a device with a mind of its own. The rest
            // goes through the page cache, which either takes it or knows the true error.
            Ok(written) if written % BLOCK != 0 => {
                let flags = rustix::fs::fcntl_getfl(file)?;
                rustix::fs::fcntl_setfl(file, flags - OFlags::DIRECT)?;
                file.write_all_at(&slice[written..], at + (done + written) as u64)?;
                rustix::fs::fcntl_setfl(file, flags)?;
                done = blocks.len();
            }
            written => done += written?,
        }
    }
    Ok(())
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

    #[test]
    fn aligned_pieces_between_others_are_written_where_they_belong() {
        let folder = tempfile::tempdir().unwrap();
        let body: Vec<u8> = (0..6 * BUFFER).map(|at| (at * 31 % 251) as u8).collect();
        // Begins of pieces in blocks and bytes; each piece lies `off` bytes beside a block's start.
        for (name, off, cuts) in [
            ("aligned", 0, vec![BUFFER, 2 * BUFFER, 3 * BUFFER]),
            ("mixed", 0, vec![5 * BLOCK, 5 * BLOCK + 7, BUFFER, BUFFER + BLOCK]),
            ("beside", 1, vec![BUFFER, 2 * BUFFER]),
            ("late", 0, vec![BLOCK - 1, BLOCK, 2 * BLOCK, 5 * BUFFER + 9]),
        ] {
            let path = folder.path().join(name);
            let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path).unwrap();
            let Some(mut direct) = Direct::start(&file) else { return };
            let mut from = 0;
            for to in cuts.into_iter().chain([body.len()]) {
                let mut memory = vec![0; to - from + 2 * BLOCK];
                let start = memory.as_ptr().align_offset(BLOCK) + off;
                memory[start..start + to - from].copy_from_slice(&body[from..to]);
                direct.append(&file, &[Bytes::from(memory).slice(start..start + to - from)]).unwrap();
                assert_eq!(direct.end(), to as u64);
                from = to;
            }
            direct.finish(&file).unwrap();
            assert!(std::fs::read(&path).unwrap() == body, "{name}");
        }
    }
}
