use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arqueta_model::{Clock as _, ManualClock};

use super::*;
use crate::testing::{TestSealer, event};
use crate::{AuditSink as _, JsonLines};

const KEY: TestSealer = TestSealer(1);

/// A record of two files with three groups each, one event a group.
struct Written {
    folder: tempfile::TempDir,
    files: [PathBuf; 2],
    head: Head,
}

async fn written() -> Written {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let sink = JsonLines::open(folder.path(), clock.clone()).await.unwrap();
    sink.seal(Arc::new(KEY), None).await.unwrap();
    for n in 0..6 {
        if n == 3 {
            clock.advance(Duration::from_secs(86_400));
        }
        sink.append(event(&format!("E{n}"))).await.unwrap();
    }
    let head = sink.head().unwrap();
    let files = ["events-2026-01-01-000.jsonl", "events-2026-01-02-000.jsonl"].map(|name| folder.path().join(name));
    Written { folder, files, head }
}

impl Written {
    fn findings(&self) -> Vec<Finding> {
        verify(self.folder.path(), &KEY, Some(self.head)).unwrap().findings
    }

    fn lines(&self, file: usize) -> Vec<String> {
        std::fs::read_to_string(&self.files[file]).unwrap().lines().map(|line| format!("{line}\n")).collect()
    }

    fn rewrite(&self, file: usize, lines: &[String]) {
        std::fs::write(&self.files[file], lines.concat()).unwrap();
    }

    fn name(&self, file: usize) -> String {
        self.files[file].file_name().unwrap().to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn an_untouched_record_has_no_findings() {
    let record = written().await;
    let report = verify(record.folder.path(), &KEY, Some(record.head)).unwrap();
    assert_eq!((report.files, report.groups, report.events, report.head), (2, 6, 6, record.head));
    assert_eq!(report.findings, []);
    assert_eq!(verify(record.folder.path(), &KEY, None).unwrap().findings, [Finding::NoHead]);
    let earlier = Head { sequence: 4, ..Head::default() };
    assert!(!verify(record.folder.path(), &KEY, Some(earlier)).unwrap().findings.is_empty(), "not the fourth seal");
}

#[tokio::test]
async fn one_changed_byte_is_found_where_it_is() {
    let record = written().await;
    let whole = std::fs::read(&record.files[0]).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&record.files[0], &bytes).unwrap();
        assert!(!record.findings().is_empty(), "byte {at}");
    }
    let mut lines = record.lines(1);
    std::fs::write(&record.files[0], whole).unwrap();
    lines[2] = lines[2].replace("E4", "E5");
    record.rewrite(1, &lines);
    assert_eq!(record.findings(), [Finding::Altered { file: record.name(1), first: 3, last: 4 }]);
}

#[tokio::test]
async fn removed_groups_and_files_are_found() {
    let record = written().await;
    let lines = record.lines(0);
    record.rewrite(0, &[&lines[..2], &lines[4..]].concat());
    let before = Some((record.name(0), 4));
    assert_eq!(record.findings(), [Finding::Missing { from: 2, to: 2, before }]);
    std::fs::remove_file(&record.files[0]).unwrap();
    let before = Some((record.name(1), 2));
    assert_eq!(record.findings(), [Finding::Missing { from: 1, to: 3, before }]);
}

#[tokio::test]
async fn a_removed_event_alters_its_group() {
    let record = written().await;
    record.rewrite(0, &record.lines(0)[1..]);
    assert_eq!(record.findings(), [Finding::Altered { file: record.name(0), first: 1, last: 1 }]);
}

#[tokio::test]
async fn a_cut_end_is_found_by_the_head_alone() {
    let record = written().await;
    record.rewrite(1, &record.lines(1)[..4]);
    assert_eq!(record.findings(), [Finding::Missing { from: 6, to: 6, before: None }]);
    std::fs::remove_file(&record.files[1]).unwrap();
    assert_eq!(record.findings(), [Finding::Missing { from: 4, to: 6, before: None }]);
    std::fs::remove_file(&record.files[0]).unwrap();
    assert_eq!(record.findings(), [Finding::Missing { from: 1, to: 6, before: None }]);
}

#[tokio::test]
async fn another_order_is_found() {
    let record = written().await;
    let lines = record.lines(0);
    record.rewrite(0, &[&lines[2..4], &lines[..2], &lines[4..]].concat());
    assert!(record.findings().contains(&Finding::Misplaced { file: record.name(0), line: 4, sequence: 1 }));
    record.rewrite(0, &[&lines[..], &lines[2..4]].concat());
    assert_eq!(record.findings(), [Finding::Misplaced { file: record.name(0), line: 8, sequence: 2 }]);
}

#[tokio::test]
async fn a_file_under_another_name_is_found() {
    let record = written().await;
    std::fs::rename(&record.files[1], record.folder.path().join("events-2026-01-03-000.jsonl")).unwrap();
    assert_eq!(record.findings().len(), 3);
}

#[tokio::test]
async fn lines_without_a_seal_are_found() {
    let record = written().await;
    let mut lines = record.lines(1);
    lines.push(lines[0].clone());
    record.rewrite(1, &lines);
    assert_eq!(record.findings(), [Finding::Unsealed { file: record.name(1), first: 7 }]);
}

#[tokio::test]
async fn who_has_another_key_can_seal_nothing() {
    let record = written().await;
    let report = verify(record.folder.path(), &TestSealer(2), Some(record.head)).unwrap();
    assert_eq!((report.groups, report.findings.len()), (0, 6));
}

#[tokio::test]
async fn a_restart_goes_on_with_the_chain() {
    let record = written().await;
    let clock = Arc::new(ManualClock::default());
    let sink = JsonLines::open(record.folder.path(), clock).await.unwrap();
    sink.seal(Arc::new(KEY), Some(record.head)).await.unwrap();
    assert_eq!(sink.head(), Some(record.head));
    sink.append(event("Later")).await.unwrap();
    let report = verify(record.folder.path(), &KEY, sink.head()).unwrap();
    assert_eq!((report.groups, report.findings.len()), (7, 0));
}

#[tokio::test]
async fn a_gap_stays_visible_when_the_gateway_goes_on() {
    let record = written().await;
    std::fs::remove_file(&record.files[1]).unwrap();
    let clock = Arc::new(ManualClock::default());
    clock.advance(Duration::from_secs(2 * 86_400));
    let sink = JsonLines::open(record.folder.path(), clock).await.unwrap();
    sink.seal(Arc::new(KEY), Some(record.head)).await.unwrap();
    sink.append(event("Later")).await.unwrap();
    let findings = verify(record.folder.path(), &KEY, sink.head()).unwrap().findings;
    assert!(matches!(findings[..], [Finding::Missing { from: 4, to: 6, before: Some(_) }]), "{findings:?}");
}

#[tokio::test]
async fn what_a_crash_left_unsealed_is_cut_at_the_next_start_wherever_it_tore() {
    let record = written().await;
    let whole = std::fs::read(&record.files[1]).unwrap();
    let sealed = whole.len() - record.lines(1)[4..].concat().len();
    for cut in sealed..whole.len() {
        std::fs::write(&record.files[1], &whole[..cut]).unwrap();
        let sink = JsonLines::open(record.folder.path(), Arc::new(ManualClock::default())).await.unwrap();
        // The head was kept before the last group.
        sink.seal(Arc::new(KEY), None).await.unwrap();
        assert_eq!(std::fs::metadata(&record.files[1]).unwrap().len(), sealed as u64, "torn at {cut}");
        let report = verify(record.folder.path(), &KEY, sink.head()).unwrap();
        assert_eq!((report.groups, report.findings), (5, vec![]), "torn at {cut}");
    }
}

/// The last group as a power cut may leave it: of its sectors some were never written.
#[tokio::test]
async fn a_group_whose_sectors_a_power_cut_tore_is_cut_whichever_are_missing() {
    const SECTOR: usize = 512;
    let record = written().await;
    let whole = std::fs::read(&record.files[1]).unwrap();
    let sealed = whole.len() - record.lines(1)[4..].concat().len();
    let known = Seal::parse(record.lines(1)[3].trim_end().as_bytes()).unwrap().head();
    let sectors: Vec<_> = (sealed / SECTOR..whole.len().div_ceil(SECTOR)).collect();
    assert!((2..=8).contains(&sectors.len()), "{}", sectors.len());
    for written in 0..1_u32 << sectors.len() {
        let mut torn = whole.clone();
        for (bit, sector) in sectors.iter().enumerate().filter(|(bit, _)| written & 1 << bit == 0) {
            let _ = bit;
            let from = (sector * SECTOR).max(sealed);
            torn[from..whole.len().min((sector + 1) * SECTOR)].fill(0);
        }
        std::fs::write(&record.files[1], &torn).unwrap();
        let complete = torn == whole;
        let before = verify(record.folder.path(), &KEY, Some(known)).unwrap().findings;
        assert!(
            complete == before.is_empty() && before.iter().all(|f| matches!(f, Finding::Unsealed { .. })),
            "{before:?}"
        );
        let sink = JsonLines::open(record.folder.path(), Arc::new(ManualClock::default())).await.unwrap();
        let cut = sink.seal(Arc::new(KEY), Some(known)).await.unwrap();
        sink.append(event("Later")).await.unwrap();
        let report = verify(record.folder.path(), &KEY, sink.head()).unwrap();
        assert_eq!((report.groups, report.findings), (6 + u64::from(complete), vec![]), "{written:b}");
        // A line that lost its end was cut when the record was opened.
        assert!(!complete || cut.is_none());
    }
    let aside = std::fs::read_dir(record.folder.path()).unwrap();
    assert!(aside.filter_map(Result::ok).any(|entry| entry.file_name().to_string_lossy().starts_with("torn-")));
}

#[tokio::test]
async fn nothing_that_was_acknowledged_passes_for_torn() {
    let record = written().await;
    let whole = record.lines(1);
    let begin = async |known| {
        let sink = JsonLines::open(record.folder.path(), Arc::new(ManualClock::default())).await.unwrap();
        let cut = sink.seal(Arc::new(KEY), Some(known)).await.unwrap();
        assert_eq!(cut, None);
        sink.append(event("Later")).await.unwrap();
        verify(record.folder.path(), &KEY, sink.head()).unwrap().findings
    };
    // The last group edited, and known to have been sealed.
    let mut edited = whole.clone();
    edited[4] = edited[4].replace("E5", "E9");
    record.rewrite(1, &edited);
    let findings = begin(record.head).await;
    assert!(findings.contains(&Finding::Altered { file: record.name(1), first: 5, last: 6 }), "{findings:?}");
    std::fs::remove_file(record.folder.path().join("events-2026-01-02-001.jsonl")).unwrap();
    // The last two, of which no crash tears more than one.
    edited[2] = edited[2].replace("E4", "E9");
    record.rewrite(1, &edited);
    let fourth = Seal::parse(whole[1].trim_end().as_bytes()).unwrap().head();
    let findings = begin(fourth).await;
    assert!(findings.contains(&Finding::Altered { file: record.name(1), first: 3, last: 4 }), "{findings:?}");
}

#[tokio::test]
async fn a_fresh_folder_restarted_is_no_alarm() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let sink = JsonLines::open(folder.path(), Arc::new(ManualClock::default())).await.unwrap();
        assert_eq!(sink.seal(Arc::new(KEY), Some(Head::default())).await.unwrap(), None);
        assert_eq!(verify(folder.path(), &KEY, sink.head()).unwrap().findings, []);
    }
    // Its first group, torn.
    std::fs::write(folder.path().join("events-2026-01-01-000.jsonl"), b"{\"eventVersion\":\n{\"se").unwrap();
    let sink = JsonLines::open(folder.path(), Arc::new(ManualClock::default())).await.unwrap();
    assert!(sink.seal(Arc::new(KEY), Some(Head::default())).await.unwrap().is_some());
    sink.append(event("First")).await.unwrap();
    assert_eq!(verify(folder.path(), &KEY, sink.head()).unwrap().findings, []);
}

#[tokio::test]
async fn a_file_removed_under_the_writer_fails_the_append_and_the_next_one_succeeds() {
    let record = written().await;
    let clock = Arc::new(ManualClock::default());
    let sink = JsonLines::open(record.folder.path(), clock.clone()).await.unwrap();
    sink.seal(Arc::new(KEY), Some(record.head)).await.unwrap();
    std::fs::remove_file(&record.files[1]).unwrap();
    assert!(sink.append(event("Lost")).await.is_err());
    sink.append(event("Kept")).await.unwrap();
    let findings = verify(record.folder.path(), &KEY, sink.head()).unwrap().findings;
    assert!(matches!(findings[..], [Finding::Missing { from: 4, to: 6, .. }]), "{findings:?}");
    let _ = clock.now();
}

#[tokio::test]
async fn an_unsealed_record_is_vouched_for_by_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sink = JsonLines::open(folder.path(), Arc::new(ManualClock::default())).await.unwrap();
    sink.append(event("Before")).await.unwrap();
    sink.seal(Arc::new(KEY), None).await.unwrap();
    sink.append(event("After")).await.unwrap();
    let report = verify(folder.path(), &KEY, sink.head()).unwrap();
    assert_eq!(report.events, 1);
    assert!(matches!(&report.findings[..], [Finding::Unsealed { first: 1, .. }]), "{:?}", report.findings);
    assert_eq!(crate::Events::open(folder.path(), None).unwrap().count(), 2, "both are read");
}

#[tokio::test]
async fn metadata_that_was_put_back_is_noticed_by_what_the_record_says_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let sink = JsonLines::open(folder.path(), clock.clone()).await.unwrap();
    sink.seal(Arc::new(KEY), None).await.unwrap();
    assert_eq!(sink.note_kept().await.unwrap(), None, "nothing was kept");
    sink.append(event("One")).await.unwrap();
    let early = sink.head().unwrap();
    sink.kept(early);
    sink.append(event("Two")).await.unwrap();
    assert_eq!(sink.note_kept().await.unwrap(), None, "the second event's seal says it");
    let late = sink.head().unwrap();
    sink.kept(late);
    sink.kept(early);
    let noted = sink.note_kept().await.unwrap().unwrap();
    assert_eq!((sink.head(), noted.sequence), (Some(noted), 3));
    assert_eq!(sink.note_kept().await.unwrap(), None, "once");
    drop(sink);
    let found = |head| verify(folder.path(), &KEY, Some(head)).unwrap().findings;
    assert_eq!(found(late), []);
    assert_eq!(found(noted), []);
    assert_eq!(found(early), [Finding::OlderMetadata { kept: 2, found: 1 }]);
    assert!(Finding::OlderMetadata { kept: 2, found: 1 }.to_string().contains("was put back"));

    let before = std::fs::read(folder.path().join("events-2026-01-01-000.jsonl")).unwrap();
    for (known, knows) in [(Some(early), 1), (None, 0)] {
        let sink = JsonLines::open(folder.path(), clock.clone()).await.unwrap();
        let refused = sink.seal(Arc::new(KEY), known).await.unwrap_err();
        assert!(matches!(refused, Error::OlderMetadata { kept: 2, found } if found == knows), "{refused:?}");
        assert!(!refused.is_retryable());
        assert_eq!(sink.head(), None);
    }
    assert!(std::fs::read(folder.path().join("events-2026-01-01-000.jsonl")).unwrap() == before, "nothing was cut");
    for known in [late, noted] {
        let sink = JsonLines::open(folder.path(), clock.clone()).await.unwrap();
        assert_eq!(sink.seal(Arc::new(KEY), Some(known)).await.unwrap(), None);
    }
    // Who accepts it goes on, and what is kept then is what counts.
    let sink = JsonLines::open(folder.path(), clock.clone()).await.unwrap();
    assert_eq!(sink.seal_over_older(Arc::new(KEY), Some(early)).await.unwrap(), None);
    sink.append(event("Three")).await.unwrap();
    let last = sink.head().unwrap();
    sink.kept(last);
    sink.note_kept().await.unwrap().unwrap();
    drop(sink);
    assert_eq!(found(last), []);
    let sink = JsonLines::open(folder.path(), clock).await.unwrap();
    assert!(sink.seal(Arc::new(KEY), Some(late)).await.is_err());
    sink.seal(Arc::new(KEY), Some(last)).await.unwrap();
}
