//! A copy of the database's first page.
//!
//! The first page says where everything in the file is; one bit of it that flips and nothing opens any
//! more. So each checkpoint, once it is in the file, leaves the page in a file of its own as well: in one
//! of two places, by turns, so that a power cut in the middle costs the newer copy and not both.
//!
//! At a start the copy is the page of the last checkpoint, or of the one before if the process ended
//! between the two files. Either is a state that the database goes on from: a checkpoint overwrites
//! nothing that the one before names, and the journal keeps what was not in it until the copy was
//! written. A copy that is older still names pages that may be others by now, and frames that the journal
//! has given up; whoever takes it looks at both.

use std::io;
use std::sync::{Mutex, PoisonError};

use crc_fast::{CrcAlgorithm, checksum};
use redb::StorageBackend;

/// Unit of what is kept; redb writes whole pages of this size, and its header within one.
pub(super) const BLOCK: usize = 4096;
const MAGIC: &[u8; 8] = b"arq-head";
/// Magic, number and checksum, then the page, each in a block of its own.
const PLACE: u64 = 2 * BLOCK as u64;
/// Bits in which a damaged page differs from its copy, at most. Any two that redb wrote, but for the mark
/// of a file in use, differ in the number and the checksums of a transaction.
const DAMAGE: u32 = 8;
/// Where redb says which of two roots counts, and the root that does not, if the other is told.
const CHOICE: (usize, u8) = (9, 1);
const ROOTS: [std::ops::Range<usize>; 2] = [64..192, 192..320];

/// The file of copies.
#[derive(Debug)]
pub(super) struct Head {
    file: Box<dyn StorageBackend>,
    last: Mutex<Last>,
}

/// The newest copy.
#[derive(Debug)]
struct Last {
    number: u64,
    page: Option<Vec<u8>>,
}

impl Head {
    /// The file, and the newest whole copy in it. Changes nothing.
    pub(super) fn open(file: Box<dyn StorageBackend>) -> (Self, Option<Vec<u8>>) {
        let newest = [0, 1].into_iter().filter_map(|place| read(&*file, place)).max_by_key(|(number, _)| *number);
        let (number, page) = newest.map_or((0, None), |(number, page)| (number, Some(page)));
        (Self { file, last: Mutex::new(Last { number, page: page.clone() }) }, page)
    }

    /// Keeps a copy of the page, durably, unless the one that is there opens to the same.
    pub(super) fn keep(&self, page: &[u8]) -> io::Result<()> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.page.as_ref().is_some_and(|kept| is_same_state(page, kept)) || !self.has_room()? {
            return Ok(());
        }
        let number = last.number.wrapping_add(1);
        let mut copy = vec![0; BLOCK];
        copy[..8].copy_from_slice(MAGIC);
        copy[8..16].copy_from_slice(&number.to_le_bytes());
        copy[16..24].copy_from_slice(&checked(number, page).to_le_bytes());
        copy.extend_from_slice(page);
        self.file.write(number % 2 * PLACE, &copy)?;
        self.file.sync_data()?;
        *last = Last { number, page: Some(page.to_owned()) };
        Ok(())
    }

    /// All of it is taken at once, so that copies need no room on a full disk. Whether it is there: a store
    /// without copies is as good as it was before there were any.
    fn has_room(&self) -> io::Result<bool> {
        if self.file.len()? >= 2 * PLACE {
            return Ok(true);
        }
        let taken = self.file.set_len(2 * PLACE).and_then(|()| self.file.write(0, &vec![0; 4 * BLOCK]));
        match taken {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                self.file.set_len(0)?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// Whether a page is its copy but for a few bits.
pub(super) fn is_damaged(page: &[u8], copy: &[u8]) -> bool {
    let bits = page.iter().zip(copy).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>();
    page.len() == copy.len() && (1..=DAMAGE).contains(&bits)
}

/// Whether both name the same root: in the first half of a commit redb writes the other one.
fn is_same_state(page: &[u8], kept: &[u8]) -> bool {
    let Some(choice) = page.get(CHOICE.0) else { return false };
    let unused = &ROOTS[usize::from(choice & CHOICE.1 == 0)];
    let differs = |(at, (a, b)): (usize, (&u8, &u8))| a != b && !unused.contains(&at);
    page.len() == kept.len() && !page.iter().zip(kept).enumerate().any(differs)
}

fn checked(number: u64, page: &[u8]) -> u64 {
    checksum(CrcAlgorithm::Crc64Nvme, &[&number.to_le_bytes(), page].concat())
}

fn read(file: &dyn StorageBackend, place: u64) -> Option<(u64, Vec<u8>)> {
    if file.len().ok()? < (place + 1) * PLACE {
        return None;
    }
    let mut copy = vec![0; 2 * BLOCK];
    file.read(place * PLACE, &mut copy).ok()?;
    let word = |at: usize| Some(u64::from_le_bytes(copy.get(at..at + 8)?.try_into().ok()?));
    let (number, sum) = (word(8)?, word(16)?);
    let page = copy.split_off(BLOCK);
    (copy.starts_with(MAGIC) && sum == checked(number, &page)).then_some((number, page))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use redb::backends::InMemoryBackend;
    use std::sync::Arc;

    use super::*;

    /// A file that outlives who opened it.
    #[derive(Debug, Clone)]
    struct Kept(Arc<InMemoryBackend>);

    impl StorageBackend for Kept {
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            if offset + out.len() as u64 > self.0.len()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.0.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.0.write(offset, data)
        }
    }

    #[test]
    fn the_newest_whole_copy_counts_and_one_is_left_when_the_other_is_torn() {
        let file = Kept(Arc::new(InMemoryBackend::new()));
        let open = || Head::open(Box::new(file.clone()));
        let page = |byte: u8| vec![byte; BLOCK];
        assert_eq!(open().1, None);
        for byte in 1..=5 {
            let (head, before) = open();
            assert_eq!(before, (byte > 1).then(|| page(byte - 1)));
            head.keep(&page(byte)).unwrap();
        }
        // The fifth stands where the first did.
        file.write(PLACE + BLOCK as u64 + 7, b"torn").unwrap();
        assert_eq!(open().1, Some(page(4)));
        file.write(9, &[9]).unwrap();
        assert_eq!(open().1, None);
    }

    #[test]
    fn a_page_that_opens_to_the_same_is_not_kept_again() {
        let file = Kept(Arc::new(InMemoryBackend::new()));
        let (head, _) = Head::open(Box::new(file.clone()));
        let mut page = vec![0; BLOCK];
        let number = |head: &Head| head.last.lock().unwrap().number;
        head.keep(&page).unwrap();
        // The root that does not count, then the choice, then the one that does not count now.
        for (at, value, kept) in [(200, 7, 1), (9, 1, 2), (70, 7, 2), (319, 7, 3), (9, 3, 4), (320, 1, 5), (4095, 1, 6)]
        {
            page[at] = value;
            head.keep(&page).unwrap();
            assert_eq!(number(&head), kept, "{at}");
        }
    }

    #[test]
    fn damage_is_a_few_bits() {
        let page = vec![7; BLOCK];
        let flipped = |bits: usize| {
            let mut page = page.clone();
            (0..bits).for_each(|bit| page[bit * 31] ^= 1);
            page
        };
        for (bits, damaged) in [(0, false), (1, true), (8, true), (9, false)] {
            assert_eq!(is_damaged(&flipped(bits), &page), damaged, "{bits}");
        }
        assert!(!is_damaged(&page[..100], &page));
    }
}
