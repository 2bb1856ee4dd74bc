//! Space: refused in time, freed at once, and freed on a full disk.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arqueta_engine::Error;
use arqueta_engine::api::{GetObject, UploadPart, Versioning};
use arqueta_store::{BlobStore, Fault, Room, Shortage};
use rig::{Mode, Rig, collect, name, pattern};
use uploads::listed;

/// As much room as it is told, and a reserve.
#[derive(Default)]
struct Little {
    left: AtomicU64,
    booked: AtomicU64,
    arrived: AtomicU64,
    given_up: AtomicBool,
    ran_out: AtomicBool,
}

impl Room for Little {
    fn book(&self, who: &str, bytes: u64) -> bool {
        assert!(!who.is_empty());
        let fits = bytes <= self.left.load(Ordering::Relaxed);
        self.booked.fetch_add(if fits { bytes } else { 0 }, Ordering::Relaxed);
        fits
    }
    fn arrived(&self, _: &str, bytes: u64) {
        self.arrived.fetch_add(bytes, Ordering::Relaxed);
        let booked = self.booked.load(Ordering::Relaxed);
        self.booked.fetch_sub(bytes.min(booked), Ordering::Relaxed);
    }
    fn give_back(&self, _: &str, bytes: u64) {
        self.booked.fetch_sub(bytes, Ordering::Relaxed);
    }
    fn give_up(&self) -> bool {
        self.given_up.store(true, Ordering::Relaxed);
        true
    }
    fn ran_out(&self) {
        self.ran_out.store(true, Ordering::Relaxed);
    }
    fn shortage(&self) -> Option<Shortage> {
        None
    }
}

async fn within(left: u64) -> (Rig, Arc<Little>) {
    let room = Arc::new(Little { left: AtomicU64::new(left), ..Little::default() });
    let rig = Rig::new(Versioning::Off).await.within(room.clone());
    (rig, room)
}

fn is_full(error: &Error) -> bool {
    matches!(error, Error::Store(arqueta_store::Error::Full(_)))
}

async fn files(rig: &Rig) -> usize {
    // What is removed in the background is removed by now.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    rig.blobs.list(None, usize::MAX).await.unwrap().len()
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_it_is_read_and_everything_else_goes_on() {
    let (rig, room) = within(100_000).await;
    rig.put_with("k", pattern(50_000), |put| put.size = Some(50_000)).await.unwrap();
    let upload = rig.start("m", Mode::S3).await;
    let part = rig.part("m", upload, 1, pattern(50_000)).await.unwrap();
    room.left.store(1_000, Ordering::Relaxed);
    let refused = rig.put_with("k", pattern(50_000), |put| put.size = Some(50_000)).await.unwrap_err();
    assert!(is_full(&refused), "{refused}");
    let two = UploadPart { size: Some(50_000), ..uploads::part("m", upload, 2, pattern(50_000)) };
    assert!(is_full(&rig.engine.uploads().put_part(&rig.caller, two).await.unwrap_err()));
    assert!(rig.body(name("k")).await.unwrap() == pattern(50_000));
    rig.complete("m", upload, vec![listed(1, &part)]).await.unwrap();
    rig.delete(name("k")).await.unwrap();
    assert_eq!(files(&rig).await, 1);
}

#[tokio::test]
async fn declared_space_is_booked_while_a_body_comes_and_never_longer() {
    let (rig, room) = within(1 << 40).await;
    let booked = || room.booked.load(Ordering::Relaxed);
    let declared: u64 = 5 << 30;
    let (watched, at) = (room.clone(), Arc::new(AtomicU64::new(0)));
    let seen = at.clone();
    let short = rig
        .put_with("k", "", |put| {
            put.size = Some(declared);
            let piece = futures::stream::once(async move {
                seen.store(watched.booked.load(Ordering::Relaxed), Ordering::Relaxed);
                Ok(pattern(3 << 20))
            });
            put.body = futures::StreamExt::boxed(piece);
        })
        .await;
    assert!(matches!(short, Err(Error::IncompleteBody)), "{short:?}");
    assert_eq!((at.load(Ordering::Relaxed), booked()), (declared, 0), "while it comes, and after");
    assert!(room.arrived.load(Ordering::Relaxed) > 2 << 20, "what is stored is space in use");
    let never = rig.put_with("k", "", |put| {
        put.size = Some(declared);
        put.body = futures::StreamExt::boxed(futures::stream::pending());
    });
    assert!(futures::FutureExt::now_or_never(never).is_none());
    assert_eq!(booked(), 0, "the client went away");
    rig.put_with("k", pattern(50_000), |put| put.size = Some(50_000)).await.unwrap();
    rig.put_with("k", pattern(10), |put| put.size = Some(10)).await.unwrap();
    assert_eq!(booked(), 0);
}

#[tokio::test]
async fn bodies_that_nobody_reads_are_freed_with_the_change_that_lets_them_go() {
    let (rig, _) = within(u64::MAX).await;
    rig.put_mode("k", pattern(50_000), Mode::S3).await;
    rig.put_mode("k", pattern(60_000), Mode::Kms).await;
    assert_eq!(files(&rig).await, 1, "overwritten");
    rig.delete(name("k")).await.unwrap();
    assert_eq!(files(&rig).await, 0, "deleted");
    let upload = rig.start("m", Mode::S3).await;
    rig.part("m", upload, 1, pattern(50_000)).await.unwrap();
    rig.part("m", upload, 1, pattern(60_000)).await.unwrap();
    assert_eq!(files(&rig).await, 1, "a part uploaded again");
    rig.engine.uploads().abort(uploads::abort("m", upload)).await.unwrap();
    assert_eq!(files(&rig).await, 0, "aborted");
    rig.sweep_and_check().await;
}

#[tokio::test]
async fn a_body_that_is_read_stays_to_its_end_and_goes_with_the_next_sweep() {
    let (rig, _) = within(u64::MAX).await;
    rig.put_mode("k", pattern(600_000), Mode::S3).await;
    let reader = rig.get(GetObject::new(name("k"))).await.unwrap();
    rig.delete(name("k")).await.unwrap();
    assert_eq!(files(&rig).await, 1);
    assert_eq!(rig.engine.sweeper().garbage(rig.later()).await.unwrap(), 0);
    assert!(rig.engine.sweeper().dead_bytes() > 600_000, "{}", rig.engine.sweeper().dead_bytes());
    assert!(collect(reader).await.unwrap() == pattern(600_000));
    files(&rig).await;
    assert_eq!(rig.engine.sweeper().garbage(rig.later()).await.unwrap(), 1);
    assert_eq!((files(&rig).await, rig.engine.sweeper().dead_bytes()), (0, 0));
}

#[tokio::test]
async fn a_delete_on_a_full_disk_takes_the_reserve_and_a_put_does_not() {
    let (mut helped, mut noticed) = (0, 0);
    for nth in 1..12 {
        for put in [false, true] {
            let (rig, room) = within(u64::MAX).await;
            rig.put_mode("k", pattern(50_000), Mode::S3).await;
            rig.faulty_meta.fail_nth(nth, Fault::Full);
            let outcome = match put {
                true => rig.put("k", pattern(60_000)).await.map(drop),
                false => rig.delete(name("k")).await.map(drop),
            };
            let given_up = room.given_up.load(Ordering::Relaxed);
            let ran_out = room.ran_out.load(Ordering::Relaxed);
            assert!(ran_out || !given_up, "{nth}");
            noticed += usize::from(put && ran_out && outcome.is_err());
            assert!(!put || !given_up, "{nth}");
            if given_up {
                assert!(outcome.is_ok(), "{nth}: {outcome:?}");
                assert!(matches!(rig.body(name("k")).await, Err(Error::NoSuchKey { .. })));
                helped += 1;
            }
        }
    }
    assert_eq!(helped, 1, "one commit deletes");
    assert_eq!(noticed, 1, "one commit puts; what is left is looked at when it finds no space");
}
