use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use arqueta_model::ManualClock;

use super::*;
use crate::testing::{self, event};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn read(folder: &Path) -> Vec<Event> {
    Events::open(folder, None).unwrap().map(Result::unwrap).collect()
}

async fn open(folder: &Path) -> JsonLines {
    JsonLines::open(folder, Arc::new(ManualClock::default())).await.unwrap()
}

#[tokio::test]
async fn keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let sink = open(folder.path()).await;
    testing::contract(&sink, || async { read(folder.path()) }).await;
}

#[tokio::test]
async fn files_are_private_and_named_by_day() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("a/audit");
    open(&record).await.append(event("One")).await.unwrap();
    assert_eq!(names(&record), ["events-2026-01-01-000.jsonl"]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&record), mode(&record.join("events-2026-01-01-000.jsonl"))), (0o700, 0o600));
}

#[tokio::test]
async fn a_new_file_begins_with_the_day_and_at_the_size_limit() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let sink = JsonLines::with_file_size(folder.path(), clock.clone(), 1).await.unwrap();
    for name in ["One", "Two"] {
        sink.append(event(name)).await.unwrap();
    }
    clock.advance(Duration::from_secs(86_400));
    sink.append(event("Three")).await.unwrap();
    assert_eq!(
        names(folder.path()),
        ["events-2026-01-01-000.jsonl", "events-2026-01-01-001.jsonl", "events-2026-01-02-000.jsonl"]
    );
    let order: Vec<_> = read(folder.path()).into_iter().map(|e| e.event_name).collect();
    assert_eq!(order, ["One", "Two", "Three"]);
    let since = Events::open(folder.path(), Some(clock.now())).unwrap().count();
    assert_eq!(since, 1, "earlier days are not read");
}

#[tokio::test]
async fn a_clock_that_steps_back_does_not_reorder_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let later = Arc::new(ManualClock::new(ManualClock::default().now().plus(Duration::from_secs(86_400))));
    JsonLines::open(folder.path(), later).await.unwrap().append(event("One")).await.unwrap();
    open(folder.path()).await.append(event("Two")).await.unwrap();
    assert_eq!(names(folder.path()), ["events-2026-01-02-000.jsonl"]);
    assert_eq!(read(folder.path())[1].event_name, "Two");
}

#[tokio::test]
async fn a_torn_last_line_is_cut_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.append(event("One")).await.unwrap();
    let path = folder.path().join("events-2026-01-01-000.jsonl");
    let whole = std::fs::read(&path).unwrap();
    for cut in 1..whole.len() {
        std::fs::write(&path, [&whole, &whole[..cut]].concat()).unwrap();
        assert_eq!(read(folder.path()).len(), 1, "a reader leaves a torn line out");
        drop(open(folder.path()).await);
        assert_eq!(std::fs::read(&path).unwrap(), whole, "cut after {cut} bytes");
    }
    open(folder.path()).await.append(event("Two")).await.unwrap();
    assert_eq!(read(folder.path()).len(), 2);
}

#[tokio::test]
async fn lines_that_cannot_be_read_are_counted_and_hide_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["One", "Two"] {
        open(folder.path()).await.append(event(name)).await.unwrap();
    }
    let path = folder.path().join("events-2026-01-01-000.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    // What an earlier version wrote of a call with a mebibyte of quotes: longer than a reader takes.
    let long = lines[0].replace("test", &"\\\"".repeat(3 << 20));
    let torn = "\0".repeat(512);
    std::fs::write(&path, [&long, lines[0], "{}", &torn, "not JSON", lines[1], ""].join("\n")).unwrap();
    let mut events = Events::open(folder.path(), None).unwrap();
    let names: Vec<_> = events.by_ref().map(|event| event.unwrap().event_name).collect();
    assert_eq!((names, events.skipped()), (vec!["One".to_owned(), "Two".to_owned()], 4));
    let end = Mark::end(folder.path()).unwrap();
    assert_eq!(*events.mark(), end, "places count what was left out");
    let mut followed = Entries::open(folder.path(), None).unwrap().following();
    assert_eq!(followed.by_ref().filter(Result::is_ok).count(), 2);
    open(folder.path()).await.append(event("Three")).await.unwrap();
    assert!(followed.next().unwrap().is_ok());
}

#[tokio::test]
async fn no_caller_can_write_a_line_that_stops_the_readers() {
    let folder = tempfile::tempdir().unwrap();
    let sink = open(folder.path()).await;
    let mut large = event("GetUser");
    large.request_parameters = serde_json::json!({ "userName": "\"".repeat(1 << 20) });
    large.error_message = Some("\"".repeat(1 << 20));
    sink.announce(large.clone()).await.unwrap();
    sink.append(large).await.unwrap();
    sink.append(event("After")).await.unwrap();
    let names: Vec<_> = read(folder.path()).into_iter().map(|event| event.event_name).collect();
    assert_eq!(names, ["GetUser", "After"]);
    assert!(std::fs::metadata(folder.path().join("events-2026-01-01-000.jsonl")).unwrap().len() < 600 << 10);
}

#[tokio::test]
async fn room_is_kept_behind_the_record_and_given_back() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let sink = JsonLines::open(folder.path(), clock.clone()).await.unwrap();
    sink.append(event("One")).await.unwrap();
    let taken = |name: &str| {
        let found = std::fs::metadata(folder.path().join(name)).unwrap();
        (found.blocks() * 512, found.len())
    };
    let (room, length) = taken("events-2026-01-01-000.jsonl");
    assert!(length < 4096, "what is kept is not seen");
    if room < 8 << 20 {
        // This file system keeps no room.
        return;
    }
    clock.advance(Duration::from_secs(86_400));
    sink.append(event("Two")).await.unwrap();
    assert!(taken("events-2026-01-01-000.jsonl").0 < 64 << 10, "a finished file needs none");
    assert!(taken("events-2026-01-02-000.jsonl").0 >= 8 << 20);
}

#[tokio::test]
async fn health_says_why_nothing_is_recorded_and_that_it_is_again() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("audit");
    let sink = open(&record).await;
    assert_eq!(sink.healthy(), Ok(()));
    std::fs::remove_dir(&record).unwrap();
    assert!(sink.append(event("Lost")).await.is_err());
    assert!(sink.healthy().unwrap_err().contains("No such file"), "{:?}", sink.healthy());
    assert!(sink.flush().await.is_err());
    std::fs::create_dir(&record).unwrap();
    sink.flush().await.unwrap();
    assert_eq!(sink.healthy(), Ok(()), "found out without an event");
    sink.append(event("Kept")).await.unwrap();
    assert_eq!(read(&record).len(), 1);
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_leaves_no_empty_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    symlink("/dev/full", folder.path().join("events-2026-01-01-000.jsonl")).unwrap();
    let sink = open(folder.path()).await;
    let error = sink.append(event("Lost")).await.unwrap_err();
    assert!(matches!(&error, Error::Io(io) if io.kind() == std::io::ErrorKind::StorageFull), "{error:?}");
    assert!(error.is_retryable());
    sink.append(event("Kept")).await.unwrap();
    let kept: Vec<_> = read(folder.path()).into_iter().map(|e| e.event_name).collect();
    assert_eq!(kept, ["Kept"]);
    assert_eq!(names(folder.path()), ["events-2026-01-01-000.jsonl"]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_fails_the_append() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("audit");
    let sink = open(&record).await;
    std::fs::remove_dir(&record).unwrap();
    assert!(matches!(sink.append(event("Lost")).await, Err(Error::Io(_))));
}

#[tokio::test]
async fn dropping_the_sink_loses_nothing_that_was_handed_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Arc::new(open(folder.path()).await);
    let appends: Vec<_> = (0..500)
        .map(|n| {
            let sink = sink.clone();
            tokio::spawn(async move { sink.append(event(&format!("E{n}"))).await })
        })
        .collect();
    for append in appends {
        append.await.unwrap().unwrap();
    }
    drop(sink);
    assert_eq!(read(folder.path()).len(), 500);
}

#[tokio::test]
async fn a_sealed_record_keeps_the_contract_too() {
    let folder = tempfile::tempdir().unwrap();
    let sink = open(folder.path()).await;
    sink.seal(Arc::new(testing::TestSealer(1)), None).await.unwrap();
    testing::contract(&sink, || async { read(folder.path()) }).await;
}

#[tokio::test]
async fn a_follower_sees_what_is_appended_later_and_files_that_come_later() {
    let folder = tempfile::tempdir().unwrap();
    let sink = JsonLines::with_file_size(folder.path(), Arc::new(ManualClock::default()), 1).await.unwrap();
    let mut entries = Entries::open(folder.path(), None).unwrap().following();
    assert!(entries.next().is_none());
    for name in ["One", "Two", "Three"] {
        sink.append(event(name)).await.unwrap();
        assert!(matches!(entries.next(), Some(Ok(Entry::Event(event))) if event.event_name == name), "{name}");
        assert!(entries.next().is_none());
    }
    sink.announce(event("Four")).await.unwrap();
    assert!(matches!(entries.next(), Some(Ok(Entry::Announced(event))) if event.event_name == "Four"));
}

#[tokio::test]
async fn a_follower_waits_for_the_rest_of_a_line() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.append(event("One")).await.unwrap();
    let path = folder.path().join("events-2026-01-01-000.jsonl");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..10]).unwrap();
    let mut entries = Entries::open(folder.path(), None).unwrap().following();
    assert!(entries.next().is_none());
    std::fs::write(&path, &whole).unwrap();
    assert!(entries.next().unwrap().is_ok());
}

fn named(events: Events) -> (Vec<String>, Mark) {
    let mut events = events;
    let names = events.by_ref().map(|event| event.unwrap().event_name).collect();
    (names, events.mark().clone())
}

#[tokio::test]
async fn marks_divide_the_record_without_gap_or_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let clock = Arc::new(ManualClock::default());
    let sink = JsonLines::with_file_size(path, clock.clone(), 800).await.unwrap();
    let mut marks = vec![Mark::end(path).unwrap()];
    for n in 0..8 {
        sink.append(event(&format!("E{n}"))).await.unwrap();
        marks.push(Mark::end(path).unwrap());
        clock.advance(Duration::from_secs(20_000));
    }
    assert!(names(path).len() > 3, "days and sizes both begin files");
    assert!(marks.is_sorted());
    for from in 0..=8 {
        for to in from..=8 {
            let (found, mark) = named(Events::between(path, &marks[from], &marks[to]).unwrap());
            let wanted: Vec<_> = (from..to).map(|n| format!("E{n}")).collect();
            assert_eq!(found, wanted, "{from}..{to}");
            let (rest, _) = named(Events::between(path, &mark, &marks[8]).unwrap());
            assert_eq!(rest.len(), 8 - to, "the mark of {from}..{to} continues it");
        }
    }
}

#[tokio::test]
async fn a_torn_line_is_read_by_whoever_comes_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    open(path).await.append(event("One")).await.unwrap();
    let file = path.join("events-2026-01-01-000.jsonl");
    let line = std::fs::read(&file).unwrap();
    std::fs::write(&file, [&line, &line[..9]].concat()).unwrap();
    let (found, mark) = named(Events::between(path, &Mark::default(), &Mark::end(path).unwrap()).unwrap());
    assert_eq!(found, ["One"]);
    std::fs::write(&file, [&line[..], &line[..]].concat()).unwrap();
    let (found, _) = named(Events::between(path, &mark, &Mark::end(path).unwrap()).unwrap());
    assert_eq!(found, ["One"]);
}

#[tokio::test]
async fn a_file_cut_behind_a_mark_is_followed_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let sink = JsonLines::with_file_size(path, Arc::new(ManualClock::default()), 1).await.unwrap();
    sink.append(event("Cut")).await.unwrap();
    let mark = Mark::end(path).unwrap();
    std::fs::write(path.join("events-2026-01-01-000.jsonl"), b"").unwrap();
    sink.append(event("Next")).await.unwrap();
    let (found, _) = named(Events::between(path, &mark, &Mark::end(path).unwrap()).unwrap());
    assert_eq!(found, ["Next"]);
}

#[tokio::test]
async fn compressed_files_read_as_before_from_any_mark() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let clock = Arc::new(ManualClock::default());
    let sink = JsonLines::open(path, clock.clone()).await.unwrap();
    sink.seal(Arc::new(testing::TestSealer(1)), None).await.unwrap();
    let mut marks = vec![Mark::end(path).unwrap()];
    for n in 0..9 {
        sink.append(Event { user_agent: "x".repeat(1000), ..event(&format!("E{n}")) }).await.unwrap();
        marks.push(Mark::end(path).unwrap());
        if n % 3 == 2 && n < 8 {
            clock.advance(Duration::from_secs(86_400));
        }
    }
    let before = std::fs::metadata(path.join("events-2026-01-01-000.jsonl")).unwrap().len();
    assert_eq!((pack(path).unwrap(), pack(path).unwrap()), (2, 0));
    let files = ["events-2026-01-01-000.jsonl.gz", "events-2026-01-02-000.jsonl.gz", "events-2026-01-03-000.jsonl"];
    assert_eq!(names(path), files);
    let packed = std::fs::metadata(path.join(files[0])).unwrap();
    assert_eq!(packed.permissions().mode() & 0o777, 0o600);
    assert!(packed.len() < before / 2, "{} of {before}", packed.len());
    for from in 0..=9 {
        let (found, _) = named(Events::between(path, &marks[from], &marks[9]).unwrap());
        let wanted: Vec<_> = (from..9).map(|n| format!("E{n}")).collect();
        assert_eq!(found, wanted, "from {from}");
    }
    let report = verify(path, &testing::TestSealer(1), sink.head()).unwrap();
    assert_eq!((report.groups, report.findings), (9, vec![]));

    // A crash between the new file and the removal of the old one.
    std::fs::copy(path.join(files[2]), path.join("events-2026-01-04-000.jsonl")).unwrap();
    pack(path).unwrap();
    std::fs::remove_file(path.join("events-2026-01-04-000.jsonl")).unwrap();
    assert_eq!(Mark::end(path).unwrap(), marks[9], "also where no plain file is left");
    drop(sink);
    let sink = JsonLines::open(path, clock).await.unwrap();
    sink.seal(Arc::new(testing::TestSealer(1)), None).await.unwrap();
    sink.append(event("E9")).await.unwrap();
    assert_eq!(read(path).len(), 10);
    assert_eq!(verify(path, &testing::TestSealer(1), sink.head()).unwrap().findings, []);

    // One that is damaged hides nothing but itself, and is named.
    let mut bytes = std::fs::read(path.join(files[1])).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(path.join(files[1]), bytes).unwrap();
    let mut events = Events::open(path, None).unwrap();
    let found: Vec<_> = events.by_ref().map(|event| event.unwrap().event_name).collect();
    assert!(found.contains(&"E0".to_owned()) && found.contains(&"E9".to_owned()) && events.skipped() > 0);
    let findings = verify(path, &testing::TestSealer(1), sink.head()).unwrap().findings;
    assert!(!findings.is_empty());
}
