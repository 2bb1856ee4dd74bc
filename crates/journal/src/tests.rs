#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;

use super::*;

const ID: JournalId = [1; 16];
const BLOCK: u64 = 4096;
const OPTIONS: Options = Options { segment_bytes: 8 * BLOCK, spares: 1 };

fn open(folder: &Path) -> Journal {
    Journal::open(Arc::new(OsDisk), folder, ID, OPTIONS).unwrap()
}

fn frame(body: &[u8]) -> Frame {
    let mut frame = Frame::default();
    frame.record(1, |buffer: &mut BytesMut| buffer.extend_from_slice(body));
    frame
}

/// A journal that takes frames, and where it begins.
fn begun(folder: &Path) -> (Journal, Position) {
    let mut journal = open(folder);
    let from = journal.begin(1, 0).unwrap();
    journal.resume();
    (journal, from)
}

/// What a fresh look at the folder finds.
fn found(folder: &Path, from: Position) -> Result<(Vec<Vec<u8>>, Position), Error> {
    let mut bodies = Vec::new();
    let end = open(folder).replay(from, |_, payload| {
        let body = records(payload).map(|record| record.unwrap().1.to_vec()).collect::<Vec<_>>().concat();
        bodies.push(body);
        Ok::<_, Error>(())
    })?;
    Ok((bodies, end))
}

fn bodies(count: u8, length: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| vec![n + 1; length]).collect()
}

fn filled(folder: &Path, bodies: &[Vec<u8>]) -> (Journal, Position) {
    let (mut journal, from) = begun(folder);
    for body in bodies {
        journal.append(frame(body)).unwrap();
    }
    (journal, from)
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn frames_come_back_in_order_over_many_segments() {
    let dir = tempfile::tempdir().unwrap();
    let written = bodies(100, 3000);
    let (journal, from) = filled(dir.path(), &written);
    let (read, end) = found(dir.path(), from).unwrap();
    assert!(read == written);
    assert_eq!(Some(end), journal.position());
    assert!(segments(dir.path()).len() > 10);
    assert_eq!(found(dir.path(), end).unwrap(), (Vec::new(), end));
    // From the middle of what another start wrote, too.
    let middle = {
        let mut journal = open(dir.path());
        journal.begin(1, 0).unwrap();
        journal.resume();
        journal.append(frame(b"one")).unwrap()
    };
    assert_eq!(found(dir.path(), middle).unwrap().0.len(), 0);
}

#[test]
fn a_frame_longer_than_a_segment_gets_a_longer_one() {
    let dir = tempfile::tempdir().unwrap();
    let written = vec![vec![1; 10], vec![2; 100_000], vec![3; 10], vec![4; 300_000], vec![5; 10]];
    let (mut journal, from) = filled(dir.path(), &written);
    assert!(found(dir.path(), from).unwrap().0 == written);
    let end = journal.position().unwrap();
    journal.release(&end);
    let sizes: Vec<u64> = segments(dir.path()).iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    assert!(sizes.len() <= 2, "the long ones are removed: {sizes:?}");
}

#[test]
fn segments_are_used_again_and_stale_frames_are_not_taken_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, mut from) = begun(dir.path());
    for n in 0..200u8 {
        journal.append(frame(&[n; 5000])).unwrap();
        if n % 5 == 4 {
            from = journal.position().unwrap();
            journal.release(&from);
        }
        let (read, end) = found(dir.path(), from).unwrap();
        assert_eq!(read.len(), usize::from((n + 1) % 5), "after {n}");
        assert_eq!(Some(end), journal.position());
        assert!(segments(dir.path()).len() <= 5, "files are used again");
    }
}

#[test]
fn a_tail_cut_at_every_byte_ends_at_the_last_whole_frame() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, from) = filled(dir.path(), &[vec![1; 100], vec![2; 6000]]);
    drop(journal);
    let path = segments(dir.path()).pop().unwrap();
    let good = fs::read(&path).unwrap();
    let (start, used) = (2 * BLOCK as usize, 40 + 6 + 6000);
    for cut in start..start + used {
        let mut torn = good.clone();
        torn[cut..].fill(0);
        fs::write(&path, &torn).unwrap();
        let (read, end) = found(dir.path(), from).unwrap();
        assert_eq!((read.len(), end.offset, end.sequence), (1, start as u64, 2), "cut at {cut}");
    }
    // The zeros that fill the block are not part of the frame.
    fs::write(&path, &good).unwrap();
    assert_eq!(found(dir.path(), from).unwrap().0.len(), 2);
}

#[test]
fn a_bad_frame_before_a_good_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (_, from) = filled(dir.path(), &bodies(4, 10));
    let path = segments(dir.path()).pop().unwrap();
    let good = fs::read(&path).unwrap();
    for (bad, at) in [(0, BLOCK), (1, 2 * BLOCK), (2, 3 * BLOCK)] {
        for byte in [0, 9, 17, 25, 33, 47] {
            let mut damaged = good.clone();
            damaged[at as usize + byte] ^= 4;
            fs::write(&path, damaged).unwrap();
            let error = found(dir.path(), from).unwrap_err();
            let Error::Damaged { path: named, offset, sequence } = &error else { panic!("{error:?}") };
            assert_eq!((named, *offset, *sequence), (&path, at, bad + 1), "frame {bad}, byte {byte}");
        }
    }
    // The last one cannot be told from one that was never finished.
    let mut torn = good.clone();
    torn[4 * BLOCK as usize + 9] ^= 4;
    fs::write(&path, torn).unwrap();
    assert_eq!(found(dir.path(), from).unwrap().0.len(), 3);
    // A file that lost its end has lost frames, whether or not any shows it.
    fs::write(&path, &good[..3 * BLOCK as usize]).unwrap();
    assert!(matches!(found(dir.path(), from), Err(Error::Damaged { .. })));
}

#[test]
fn a_bad_end_of_a_segment_before_a_used_one_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, from) = filled(dir.path(), &bodies(10, 10));
    drop(journal);
    let paths = segments(dir.path());
    assert_eq!(paths.len(), 2);
    let good = fs::read(&paths[0]).unwrap();
    // Six frames, the last of them or the one that names the next segment.
    for at in [6, 7] {
        let mut damaged = good.clone();
        damaged[at * BLOCK as usize + 20] ^= 1;
        fs::write(&paths[0], damaged).unwrap();
        assert!(matches!(found(dir.path(), from), Err(Error::Damaged { .. })), "block {at}");
    }
    fs::write(&paths[0], &good).unwrap();
    assert_eq!(found(dir.path(), from).unwrap().0.len(), 10);
}

#[test]
fn a_segment_begun_and_not_named_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, from) = filled(dir.path(), &bodies(10, 10));
    drop(journal);
    let paths = segments(dir.path());
    // The power went before the frame that names the second was durable, so nothing is in that.
    let first = fs::OpenOptions::new().write(true).open(&paths[0]).unwrap();
    first.write_all_at(&[0; 4096], 7 * BLOCK).unwrap();
    let second = fs::OpenOptions::new().write(true).open(&paths[1]).unwrap();
    second.write_all_at(&[0; 7 * 4096], BLOCK).unwrap();
    assert_eq!(found(dir.path(), from).unwrap().0.len(), 6);
}

#[test]
fn a_missing_segment_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, from) = filled(dir.path(), &bodies(40, 3000));
    drop(journal);
    for path in segments(dir.path()) {
        let content = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let error = found(dir.path(), from).unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{}: {error:?}", path.display());
        // A header that does not read is as good as none.
        let mut damaged = content.clone();
        damaged[30] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert!(matches!(found(dir.path(), from), Err(Error::Missing { .. })), "{}", path.display());
        fs::write(&path, content).unwrap();
    }
    assert_eq!(found(dir.path(), from).unwrap().0.len(), 40);
}

#[test]
fn frames_of_another_journal_or_segment_are_not_taken() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_, from) = filled(here.path(), &bodies(2, 10));
    let mut other = Journal::open(Arc::new(OsDisk), there.path(), [2; 16], OPTIONS).unwrap();
    other.begin(1, 0).unwrap();
    other.resume();
    for body in bodies(3, 20) {
        other.append(frame(&body)).unwrap();
    }
    let (path, foreign) = (segments(here.path()).pop().unwrap(), segments(there.path()).pop().unwrap());
    let (good, foreign) = (fs::read(&path).unwrap(), fs::read(foreign).unwrap());
    let at = |block: usize| block * BLOCK as usize..(block + 1) * BLOCK as usize;
    // The foreign third frame follows the second by number and place.
    let mut mixed = good.clone();
    mixed[at(3)].copy_from_slice(&foreign[at(3)]);
    fs::write(&path, &mixed).unwrap();
    assert_eq!(found(here.path(), from).unwrap().0.len(), 2);
    // A whole foreign file is no segment of this journal.
    fs::write(&path, &foreign).unwrap();
    assert!(matches!(found(here.path(), from), Err(Error::Missing { .. })));
    // A frame twice is not the one that follows.
    let mut twice = good.clone();
    twice.copy_within(at(2), 3 * BLOCK as usize);
    fs::write(&path, twice).unwrap();
    assert_eq!(found(here.path(), from).unwrap().0.len(), 2);
}

#[test]
fn segments_of_another_journal_are_neither_used_again_nor_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, from) = filled(dir.path(), &bodies(20, 3000));
    drop(journal);
    let before: Vec<_> = segments(dir.path()).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    let mut other = Journal::open(Arc::new(OsDisk), dir.path(), [2; 16], OPTIONS).unwrap();
    let start = other.begin(1, 0).unwrap();
    other.resume();
    for body in bodies(20, 3000) {
        other.append(frame(&body)).unwrap();
    }
    other.release(&other.position().unwrap());
    assert!(start.segment >= 1 && segments(dir.path()).len() > before.len());
    for (content, path) in before {
        assert!(fs::read(&path).unwrap() == content, "{}", path.display());
    }
    assert!(found(dir.path(), from).unwrap().0 == bodies(20, 3000), "nothing was lost");
}

#[test]
fn a_journal_takes_nothing_before_it_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    assert!(matches!(journal.append(frame(b"x")), Err(Error::Stopped(_))));
    journal.resume();
    assert!(matches!(journal.append(frame(b"x")), Err(Error::Stopped(_))), "it was not begun");
    let first = journal.begin(1, 0).unwrap();
    assert!(matches!(journal.append(frame(b"x")), Err(Error::Stopped(_))));
    assert_eq!(journal.begin(1, 0).unwrap(), first, "begun once, until it is resumed");
    journal.resume();
    journal.append(frame(b"x")).unwrap();
    let second = journal.begin(2, 0).unwrap();
    assert!(second.segment > first.segment, "never in a segment with frames");
}

#[test]
fn the_last_number_is_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path());
    journal.begin(u64::MAX, 0).unwrap();
    journal.resume();
    assert!(matches!(journal.append(frame(b"x")), Err(Error::TooLarge)));
}

#[test]
fn a_file_left_half_allocated_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("000007.seg"), vec![0; 5000]).unwrap();
    // Allocated and never begun: its name may not be durable.
    fs::write(dir.path().join("000009.seg"), vec![0; 8 * BLOCK as usize]).unwrap();
    fs::write(dir.path().join("notes.txt"), b"not ours").unwrap();
    let (journal, from) = filled(dir.path(), &bodies(1, 10));
    drop(journal);
    assert_eq!(found(dir.path(), from).unwrap().0.len(), 1);
    let names: Vec<_> = segments(dir.path()).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["000000.seg", "notes.txt"]);
}

#[test]
fn a_file_that_holds_anything_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, mut content) = (dir.path().join("000007.seg"), vec![0; 8 * BLOCK as usize]);
    content[5 * BLOCK as usize] = 1;
    fs::write(&path, &content).unwrap();
    drop(open(dir.path()));
    assert!(fs::read(&path).unwrap() == content, "its header may be all that it has lost");
}

#[test]
fn a_position_comes_back() {
    let position = Position { segment: 1, offset: 2, sequence: 3, previous: u64::MAX };
    assert_eq!(Position::decode(&position.encode()), position);
}

#[test]
fn frames_of_a_later_start_are_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, from) = filled(dir.path(), &bodies(3, 10));
    let end = journal.position().unwrap();
    // A later start, from which on replays begin there, and an older position beside it.
    let begun = journal.begin(end.sequence, end.previous).unwrap();
    journal.resume();
    for position in [from, end] {
        assert_eq!(found(dir.path(), position).unwrap().1, end, "nothing was taken there yet");
    }
    journal.append(frame(b"later")).unwrap();
    journal.append(frame(b"and more")).unwrap();
    let path = segments(dir.path()).pop().unwrap();
    let good = fs::read(&path).unwrap();
    let new = Position { segment: 0, offset: 0, sequence: 1, previous: 0 };
    for position in [from, end] {
        let error = found(dir.path(), position).unwrap_err();
        let Error::Ahead { path: named, first } = &error else { panic!("{error:?}") };
        assert_eq!((named, *first), (&path, end.sequence));
    }
    assert!(matches!(found(dir.path(), new), Err(Error::Ahead { first: 1, .. })), "that of a new store");
    assert_eq!(found(dir.path(), begun).unwrap().0.len(), 2);
    // One frame of them is enough, whichever.
    let mut damaged = good;
    damaged[BLOCK as usize + 50] ^= 1;
    fs::write(&path, damaged).unwrap();
    assert!(matches!(found(dir.path(), from), Err(Error::Ahead { .. })));
}

#[test]
fn a_write_that_failed_and_is_there_makes_an_older_start_no_less_old() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, from) = filled(dir.path(), &bodies(3, 10));
    let before = {
        let Position { sequence, previous, .. } = journal.position().unwrap();
        (sequence, previous)
    };
    // Its outcome was unknown, so the next start began another segment under the same number.
    journal.append(frame(b"unknown")).unwrap();
    journal.begin(before.0, before.1).unwrap();
    journal.resume();
    assert_eq!(found(dir.path(), from).unwrap().0.len(), 4, "it may come back while nothing was taken since");
    journal.append(frame(b"later")).unwrap();
    assert!(matches!(found(dir.path(), from), Err(Error::Ahead { .. })));
}

#[test]
fn starts_that_come_no_further_do_not_use_a_journal_up() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, from) = filled(dir.path(), &bodies(3, 10));
    let end = journal.position().unwrap();
    drop(journal);
    for start in 0..600 {
        let mut journal = open(dir.path());
        assert_eq!(journal.replay(from, |_, _| Ok::<_, Error>(())).unwrap(), end);
        journal.discard_after(&end);
        // And it stops before that is where replays begin.
        journal.begin(end.sequence, end.previous).unwrap_or_else(|error| panic!("start {start}: {error:?}"));
    }
    assert_eq!(segments(dir.path()).len(), 2);
    let mut journal = open(dir.path());
    let begun = journal.begin(end.sequence, end.previous).unwrap();
    assert!(begun.segment > 600, "no number is given twice");
    journal.resume();
    journal.append(frame(b"on")).unwrap();
    assert_eq!(found(dir.path(), begun).unwrap().0, [b"on"]);
}
