//! The log of requests: one line of JSON for each, once its answer is out.
//!
//! A thread writes. Where it cannot keep up, lines are lost and counted rather than requests held.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use arqueta_model::{Served, Timestamp};
use serde::Serialize;

use crate::Error;
use crate::config;

/// Lines that may wait to be written.
const WAITING: usize = 8192;

/// Takes lines.
#[derive(Debug)]
pub struct RequestLog {
    lines: SyncSender<Vec<u8>>,
    keys: bool,
    lost: Arc<AtomicU64>,
}

/// What there is to say of a request.
#[derive(Debug)]
pub struct Entry {
    /// When its head had come.
    pub begun: Timestamp,
    /// Its id, as in the answer's header.
    pub id: String,
    /// Where it came from.
    pub source: std::net::IpAddr,
    /// Which edge answered.
    pub api: &'static str,
    /// Its method.
    pub method: http::Method,
    /// What the edge tells.
    pub served: Served,
    /// Status of the answer.
    pub status: u16,
    /// Bytes of the request's body that were read.
    pub received: u64,
    /// Bytes of the answer's body that were sent.
    pub sent: u64,
    /// Seconds from the request's head to the answer's last byte.
    pub seconds: f64,
    /// Whether the answer ended before its end.
    pub cut: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    id: &'a str,
    source: std::net::IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<&'a str>,
    api: &'static str,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    bytes_in: u64,
    bytes_out: u64,
    seconds: f64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl RequestLog {
    /// The log that `config` asks for, if it does; `lost` counts what could not be written.
    ///
    /// # Errors
    /// [`Error::Config`] for a file that cannot be appended to.
    pub fn open(config: &config::RequestLog, lost: &Arc<AtomicU64>) -> Result<Option<Self>, Error> {
        let Some(file) = &config.file else { return Ok(None) };
        let (lines, waiting) = sync_channel(WAITING);
        let lost = lost.clone();
        let noted = lost.clone();
        let failed = |error| Error::Config(format!("cannot write the request log {}: {error}", file.display()));
        if file == Path::new("-") {
            begin(io::stdout(), waiting, noted)?;
        } else {
            begin(append_to(file).map_err(failed)?, waiting, noted)?;
        }
        Ok(Some(Self { lines, keys: config.keys, lost }))
    }

    /// Writes a line about a request, soon.
    pub fn note(&self, entry: &Entry) {
        let Entry { served, .. } = entry;
        let line = Line {
            time: to_the_millisecond(entry.begun),
            id: &entry.id,
            source: entry.source,
            who: served.who.as_deref(),
            api: entry.api,
            method: entry.method.as_str(),
            operation: served.operation,
            bucket: served.bucket.as_deref(),
            key: served.key.as_deref().filter(|_| self.keys),
            status: entry.status,
            code: served.code.as_deref(),
            bytes_in: entry.received,
            bytes_out: entry.sent,
            seconds: (entry.seconds * 1e6).round() / 1e6,
            cut: entry.cut,
        };
        let written = serde_json::to_vec(&line).ok().and_then(|mut line| {
            line.push(b'\n');
            self.lines.try_send(line).ok()
        });
        if written.is_none() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn to_the_millisecond(at: Timestamp) -> String {
    format!("{}.{:03}Z", at.rfc3339().trim_end_matches('Z'), at.millis().rem_euclid(1000))
}

fn append_to(file: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().append(true).create(true).mode(0o600).open(file)
}

/// Starts the thread. It ends with the last who sends lines.
fn begin(to: impl Write + Send + 'static, lines: Receiver<Vec<u8>>, lost: Arc<AtomicU64>) -> Result<(), Error> {
    let write = move || {
        let mut to = BufWriter::new(to);
        while let Ok(line) = lines.recv() {
            let mut written = to.write_all(&line);
            // What waits goes out together; nothing lies here while nobody asks anything.
            while let Ok(line) = lines.try_recv() {
                written = written.and(to.write_all(&line));
            }
            if written.and_then(|()| to.flush()).is_err() {
                lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    std::thread::Builder::new().name("request-log".to_owned()).spawn(write).map(drop).map_err(Error::Runtime)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            begun: Timestamp::from_millis(1_767_225_600_000),
            id: "1F".to_owned(),
            source: [192, 0, 2, 1].into(),
            api: "s3",
            method: http::Method::GET,
            served: Served {
                operation: Some("GetObject"),
                who: Some("arn:aws:iam::000000000000:root".to_owned()),
                bucket: Some("b".to_owned()),
                key: Some("k\n\"".to_owned()),
                code: None,
            },
            status: 200,
            received: 0,
            sent: 5,
            seconds: 0.25,
            cut: false,
        }
    }

    /// What the log says of an entry.
    fn said(keys: bool, entry: &Entry) -> String {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("log");
        let lost = Arc::default();
        let config = config::RequestLog { file: Some(file.clone()), keys };
        let log = RequestLog::open(&config, &lost).unwrap().unwrap();
        log.note(entry);
        let mut text = String::new();
        while text.is_empty() {
            text = std::fs::read_to_string(&file).unwrap();
            std::thread::yield_now();
        }
        assert_eq!(lost.load(Ordering::Relaxed), 0);
        text
    }

    #[test]
    fn a_request_is_one_line_that_names_its_object_only_where_that_is_wanted() {
        let whole = concat!(
            r#"{"time":"2026-01-01T00:00:00.000Z","id":"1F","source":"192.0.2.1","who":"arn:aws:iam::000000000000:root","#,
            r#""api":"s3","method":"GET","operation":"GetObject","bucket":"b","key":"k\n\"","status":200,"#,
            r#""bytes_in":0,"bytes_out":5,"seconds":0.25}"#,
            "\n"
        );
        assert_eq!(said(true, &entry()), whole);
        assert_eq!(said(false, &entry()), whole.replace(r#""key":"k\n\"","#, ""));
    }

    #[test]
    fn what_is_not_known_is_not_said_and_a_cut_answer_is() {
        let text = said(true, &Entry { served: Served::default(), cut: true, ..entry() });
        assert!(!text.contains("who") && !text.contains("operation") && !text.contains("null"), "{text}");
        assert!(text.contains(r#""cut":true"#));
    }

    #[test]
    fn a_log_that_cannot_be_written_is_told_at_the_start_and_later_counted() {
        let config = config::RequestLog { file: Some("/dev/null/log".into()), keys: false };
        assert!(RequestLog::open(&config, &Arc::default()).unwrap_err().line().contains("/dev/null/log"));
        let lost = Arc::new(AtomicU64::new(0));
        let config = config::RequestLog { file: Some("/dev/full".into()), keys: false };
        let log = RequestLog::open(&config, &lost).unwrap().unwrap();
        log.note(&entry());
        while lost.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn without_a_file_there_is_no_log() {
        assert!(RequestLog::open(&config::RequestLog::default(), &Arc::default()).unwrap().is_none());
    }
}
