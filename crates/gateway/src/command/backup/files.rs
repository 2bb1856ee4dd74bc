//! What of a data folder is copied as files: all but the metadata, which have a state of their own, the bodies,
//! and what is of this machine.
//!
//! The record grows while it is copied. What is taken of it is a whole number of sealed groups, none of which says
//! that the metadata know more of it than those do that are copied: a start would take them for older ones.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use arqueta_backup::KeptFile;
use serde::Deserialize;

use crate::Error;

/// Where the metadata have the end of the record.
pub(super) const HEAD: &[u8] = b"audit/head";
const SEAL: &[u8] = b"{\"seal\":";

/// Tells the files of a folder that are copied, by name.
type Wanted = fn(&str) -> bool;

/// The end of the record's chain, and a seal of it, as far as they are of interest.
#[derive(Deserialize)]
struct Numbers {
    sequence: u64,
    #[serde(default)]
    kept: u64,
}

#[derive(Deserialize)]
struct Line {
    seal: Numbers,
}

/// The files to copy beside metadata that have `head` as the record's end.
///
/// # Errors
/// [`Error::DataDir`].
pub(super) fn of(data: &Path, head: Option<&[u8]>) -> Result<Vec<KeptFile>, Error> {
    let failed = |source| Error::DataDir { path: data.to_owned(), source };
    let known = head.and_then(|head| serde_json::from_slice::<Numbers>(head).ok()).map_or(u64::MAX, |it| it.sequence);
    let mut files = Vec::new();
    let kinds: [(&str, Wanted); 3] = [("", is_own), ("blobs", is_anchor), ("audit", is_record)];
    for (folder, wanted) in kinds {
        for (name, bytes) in entries(&data.join(folder), wanted).map_err(failed)? {
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            files.push(KeptFile { path: data.join(&name), name, bytes });
        }
    }
    let open: Vec<_> = (0..files.len()).filter(|at| files[*at].name.ends_with(".jsonl")).collect();
    let mut over = false;
    for at in &open {
        let (whole, exceeds) = sealed(&files[*at].path, known).map_err(failed)?;
        files[*at].bytes = if over { 0 } else { whole };
        over |= exceeds;
    }
    files.retain(|file| file.bytes > 0 || !file.name.starts_with("audit/"));
    Ok(files)
}

/// Of the folder itself: root key, format, what was put aside.
fn is_own(name: &str) -> bool {
    !(name.starts_with('.') || name.starts_with("meta.") || ["reserve", "control.sock"].contains(&name))
}

/// What ties the bodies to the metadata.
fn is_anchor(name: &str) -> bool {
    name.starts_with("anchor.")
}

/// Files of the record; indexes are made again.
fn is_record(name: &str) -> bool {
    name == "anchors" || name.starts_with("events-") && (name.ends_with(".jsonl") || name.ends_with(".jsonl.gz"))
}

/// Regular files by name, with their sizes.
fn entries(folder: &Path, wanted: Wanted) -> io::Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        listed => listed?,
    };
    for entry in listed {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // One that went away meanwhile was put in order: its successor is listed.
        let Ok(about) = entry.metadata() else { continue };
        if about.is_file() && wanted(&name) {
            found.push((name, about.len()));
        }
    }
    found.sort();
    Ok(found)
}

/// Bytes of the groups before the first seal that says that the metadata know more than `known`, and whether
/// there is such a seal.
fn sealed(path: &Path, known: u64) -> io::Result<(u64, bool)> {
    let mut lines = BufReader::new(File::open(path)?);
    let (mut line, mut at, mut whole) = (Vec::new(), 0, 0);
    loop {
        line.clear();
        let read = lines.read_until(b'\n', &mut line)?;
        if read == 0 || !line.ends_with(b"\n") {
            return Ok((whole, false));
        }
        at += read as u64;
        if line.starts_with(SEAL)
            && let Ok(Line { seal }) = serde_json::from_slice(&line)
        {
            if seal.kept > known {
                return Ok((whole, true));
            }
            whole = at;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn seal(sequence: u64, kept: u64) -> String {
        format!("{{\"seal\":{{\"sequence\":{sequence},\"kept\":{kept},\"previous\":\"\",\"tag\":\"\"}}}}\n")
    }

    #[test]
    fn the_record_ends_with_what_the_metadata_may_know() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir_all(data.path().join("audit/index")).unwrap();
        let put = |name: &str, text: &str| fs::write(data.path().join(name), text).unwrap();
        let first = format!("event\n{}event\n{}", seal(1, 0), seal(2, 1));
        let second = format!("event\n{}", seal(3, 2));
        put("audit/events-2026-11-27-000.jsonl.gz", "packed");
        put("audit/events-2026-11-27-001.jsonl", &first);
        put("audit/events-2026-11-27-002.jsonl", &format!("{second}event\n{}event", seal(4, 3)));
        put("audit/events-2026-11-28-000.jsonl", &format!("event\n{}", seal(5, 4)));
        put("audit/anchors", "anchors");
        put("audit/events.idx", "index");
        for name in ["root.key", "VERSION", "meta.redb", "meta.head", "reserve", ".writable"] {
            put(name, name);
        }
        let kept = |head: Option<&str>| {
            let files = of(data.path(), head.map(str::as_bytes)).unwrap();
            files.into_iter().map(|file| (file.name, file.bytes)).collect::<Vec<_>>()
        };
        let gz = ("audit/events-2026-11-27-000.jsonl.gz".to_owned(), 6);
        let whole = ("audit/events-2026-11-27-001.jsonl".to_owned(), first.len() as u64);
        let cut = ("audit/events-2026-11-27-002.jsonl".to_owned(), second.len() as u64);
        let own = [("VERSION".to_owned(), 7), ("root.key".to_owned(), 8), ("audit/anchors".to_owned(), 7)];
        let expected = [&own[..], &[gz, whole, cut]].concat();
        assert_eq!(kept(Some(r#"{"sequence":2,"tag":"","proof":""}"#)), expected);
        let all = kept(None);
        assert_eq!(all.len(), 7, "without a head nothing is cut but the unsealed end: {all:?}");
        assert!(all[5].1 > second.len() as u64);
    }
}
