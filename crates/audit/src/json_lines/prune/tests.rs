use std::time::Duration;

use arqueta_model::{Clock as _, ManualClock};

use super::*;
use crate::Head;
use crate::json_lines::anchor::FILE;
use crate::testing::{TestSealer, event};
use crate::{AuditSink as _, Events, Finding, JsonLines, verify};

const KEY: TestSealer = TestSealer(1);

/// A sealed record of five days, two events each, and its end.
async fn written() -> (tempfile::TempDir, Head) {
    let folder = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(ManualClock::default());
    let sink = JsonLines::open(folder.path(), clock.clone()).await.unwrap();
    sink.seal(std::sync::Arc::new(KEY), None).await.unwrap();
    for n in 0..10 {
        sink.append(event(&format!("E{n}"))).await.unwrap();
        if n % 2 == 1 && n < 9 {
            clock.advance(Duration::from_secs(86_400));
        }
    }
    (folder, sink.head().unwrap())
}

fn before(days: u64) -> Prune {
    let at = ManualClock::default().now().plus(Duration::from_secs(days * 86_400));
    Prune { before: at, undelivered: None, archive: None, at }
}

fn findings(folder: &Path, head: Head) -> Vec<Finding> {
    verify(folder, &KEY, Some(head)).unwrap().findings
}

fn count(folder: &Path) -> usize {
    Events::open(folder, None).unwrap().map(Result::unwrap).count()
}

#[tokio::test]
async fn a_pruned_record_is_valid_and_what_was_removed_can_be_shown_to_be_it() {
    let (folder, head) = written().await;
    let (path, archive) = (folder.path(), folder.path().join("archive/of/records"));
    crate::pack(path).unwrap();
    assert_eq!(prune(path, &KEY, &before(0)).unwrap(), None, "nothing is that old");
    let wish = Prune { archive: Some(archive.clone()), ..before(2) };
    let pruned = prune(path, &KEY, &wish).unwrap().unwrap();
    assert_eq!((pruned.files, pruned.events, pruned.sequence, pruned.findings.len()), (2, 4, 4, 0));
    assert_eq!(count(path), 6);
    let report = verify(path, &KEY, Some(head)).unwrap();
    assert_eq!((report.findings, report.groups, report.pruned), (vec![], 6, 4));
    // The archive is a record of its own, up to where it goes.
    let archived = verify(&archive, &KEY, Some(Head { sequence: 4, ..Anchors::read(path, &KEY).unwrap().head() }));
    assert_eq!(archived.unwrap().findings, []);
    // Again, and the rest of it but the last file.
    assert_eq!(prune(path, &KEY, &before(3)).unwrap().unwrap().files, 1);
    assert_eq!(prune(path, &KEY, &before(100)).unwrap().unwrap().sequence, 8);
    assert_eq!(prune(path, &KEY, &before(100)).unwrap(), None, "the last file is never removed");
    assert_eq!((findings(path, head), count(path)), (vec![], 2));
}

#[tokio::test]
async fn what_is_missing_beside_an_anchor_is_named() {
    let (folder, head) = written().await;
    let path = folder.path();
    prune(path, &KEY, &before(2)).unwrap();
    let third = path.join("events-2026-01-03-000.jsonl");
    let kept = std::fs::read(&third).unwrap();
    std::fs::remove_file(&third).unwrap();
    assert!(matches!(findings(path, head)[..], [Finding::Missing { from: 5, to: 6, before: Some(_) }]));
    std::fs::write(&third, kept).unwrap();
    assert_eq!(findings(path, head), []);

    let anchors = path.join(FILE);
    let good = std::fs::read_to_string(&anchors).unwrap();
    std::fs::remove_file(&anchors).unwrap();
    assert!(matches!(findings(path, head)[..], [Finding::Missing { from: 1, to: 4, .. }]), "nobody vouches for it");
    for forged in [good.replace("\"sequence\":4", "\"sequence\":6"), good.replace("sha256\":\"", "sha256\":\"0")] {
        std::fs::write(&anchors, forged).unwrap();
        let found = findings(path, head);
        assert!(
            matches!(found[..], [Finding::Anchor { line: 1 }, Finding::Missing { from: 1, to: 4, .. }]),
            "{found:?}"
        );
    }
    std::fs::write(&anchors, &good).unwrap();
    prune(path, &KEY, &before(3)).unwrap();
    let both = std::fs::read_to_string(&anchors).unwrap();
    let second = both.lines().nth(1).unwrap();
    std::fs::write(&anchors, format!("{second}\n")).unwrap();
    assert!(findings(path, head).contains(&Finding::Anchor { line: 1 }), "each is made over the one before");
    let other = verify(path, &TestSealer(2), Some(head)).unwrap().findings;
    assert!(other.contains(&Finding::Anchor { line: 1 }));
}

#[tokio::test]
async fn pruning_launders_nothing() {
    let (folder, head) = written().await;
    let path = folder.path();
    let first = path.join("events-2026-01-01-000.jsonl");
    let text = std::fs::read_to_string(&first).unwrap();
    std::fs::write(&first, text.replace("E1", "E7")).unwrap();
    let before_it = findings(path, head);
    assert_eq!(before_it.len(), 1);
    let pruned = prune(path, &KEY, &before(2)).unwrap().unwrap();
    assert_eq!(pruned.findings, [before_it[0].to_string()]);
    let after: Vec<_> = findings(path, head).iter().map(ToString::to_string).collect();
    assert_eq!(after, [format!("removed since: {}", before_it[0])], "for ever");
}

#[tokio::test]
async fn what_is_still_to_be_delivered_stays() {
    let (folder, head) = written().await;
    let path = folder.path();
    let mut events = Events::open(path, None).unwrap();
    assert_eq!(events.by_ref().take(5).count(), 5);
    let wish = Prune { undelivered: Some(events.mark().clone()), ..before(100) };
    assert_eq!(prune(path, &KEY, &wish).unwrap().unwrap().files, 2);
    assert_eq!(prune(path, &KEY, &wish).unwrap(), None);
    assert_eq!((findings(path, head), count(path)), (vec![], 6));
}

#[tokio::test]
async fn a_crash_between_the_statement_and_the_removal_is_no_alarm() {
    let (folder, head) = written().await;
    let path = folder.path();
    let saved: Vec<_> = files::list(path).unwrap().iter().map(|name| name.path(path)).collect();
    let saved: Vec<_> = saved.into_iter().map(|path| (std::fs::read(&path).unwrap(), path)).collect();
    prune(path, &KEY, &before(2)).unwrap();
    for restored in 1..3 {
        for (bytes, file) in &saved[..restored] {
            std::fs::write(file, bytes).unwrap();
        }
        assert_eq!(findings(path, head), [], "{restored} files are still there");
        assert_eq!(prune(path, &KEY, &before(2)).unwrap(), None);
        assert!(!saved[0].1.exists(), "the next call removes them");
    }
    // A statement that was not written to its end is none, and nothing was removed under it.
    let anchors = path.join(FILE);
    let mut text = std::fs::read(&anchors).unwrap();
    text.extend_from_slice(b"{\"sequence\":6,\"ta");
    std::fs::write(&anchors, &text).unwrap();
    assert_eq!(findings(path, head), []);
    prune(path, &KEY, &before(3)).unwrap().unwrap();
    assert_eq!(findings(path, head), []);
    // Something else under the name of what was removed is not taken for it.
    std::fs::write(&saved[0].1, b"{}\n").unwrap();
    let name = "events-2026-01-01-000.jsonl".to_owned();
    assert_eq!(findings(path, head), [Finding::Reappeared { file: name }]);
    assert_eq!(prune(path, &KEY, &before(3)).unwrap(), None);
    assert!(saved[0].1.exists(), "and not removed as it");
}
