//! Uploads that meet each other, and stores that fail at each step.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use std::sync::Arc;

use arqueta_engine::api::Versioning;
use arqueta_engine::{Error, schema};
use arqueta_store::Fault;
use bytes::Bytes;
use futures::future::join_all;
use rig::{Mode, Rig, name, pattern};
use uploads::{abort, listed, rig};

const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn different_parts_never_conflict() {
    let rig = Arc::new(rig());
    rig.make_bucket(Versioning::Off).await;
    let upload = rig.start("k", Mode::Kms).await;
    let parts = join_all((1..=64).map(|number| {
        let rig = rig.clone();
        tokio::spawn(async move {
            (number, rig.part("k", upload, number, pattern(20_000 + usize::from(number))).await.unwrap())
        })
    }))
    .await;
    let parts: Vec<_> =
        parts.into_iter().map(|part| part.unwrap()).map(|(number, part)| listed(number, &part)).collect();
    rig.complete("k", upload, parts).await.unwrap();
    let whole: Vec<Bytes> = (1..=64).map(|number| pattern(20_000 + number)).collect();
    assert!(rig.body(name("k")).await.unwrap() == whole.concat());
    rig.sweep_and_check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_one_part_uploaded_by_many_exactly_one_stays() {
    for _ in 0..ROUNDS {
        let rig = Arc::new(rig());
        rig.make_bucket(Versioning::Off).await;
        let upload = rig.start("k", Mode::S3).await;
        let racers = (0..6).map(|n| {
            let rig = rig.clone();
            tokio::spawn(async move { rig.part("k", upload, 1, pattern(17_000 + n)).await.unwrap() })
        });
        let stored: Vec<_> = join_all(racers).await.into_iter().map(|part| part.unwrap()).collect();
        rig.assert_consistent().await;
        let mut winners = 0;
        for part in &stored {
            winners += usize::from(rig.complete("k", upload, vec![listed(1, part)]).await.is_ok());
        }
        assert_eq!(winners, 1);
        rig.sweep_and_check().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_abort_among_uploads_leaves_nothing() {
    for _ in 0..ROUNDS {
        let rig = Arc::new(rig());
        rig.make_bucket(Versioning::Off).await;
        let upload = rig.start("k", Mode::Kms).await;
        let racers = (1..=8).map(|number| {
            let rig = rig.clone();
            tokio::spawn(async move { rig.part("k", upload, number, pattern(30_000)).await.map(drop) })
        });
        let racers: Vec<_> = racers.collect();
        let aborted = {
            let rig = rig.clone();
            tokio::spawn(async move { rig.engine.uploads().abort(abort("k", upload)).await })
        };
        for racer in racers {
            assert!(matches!(racer.await.unwrap(), Ok(()) | Err(Error::NoSuchUpload)));
        }
        aborted.await.unwrap().unwrap();
        rig.sweep_and_check().await;
        assert_eq!(rig.under(schema::PARTS).await + rig.under(schema::REFERENCED).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn completes_aborts_and_replaced_parts_end_in_one_of_the_possible_states() {
    for _ in 0..ROUNDS {
        let rig = Arc::new(rig());
        rig.make_bucket(Versioning::Enabled).await;
        let upload = rig.start("k", Mode::S3).await;
        let first = rig.part("k", upload, 1, pattern(40_000)).await.unwrap();
        let list = vec![listed(1, &first)];
        let complete = |rig: Arc<Rig>| {
            let list = list.clone();
            tokio::spawn(async move { rig.complete("k", upload, list).await })
        };
        let (one, two) = (complete(rig.clone()), complete(rig.clone()));
        let replaced = {
            let rig = rig.clone();
            tokio::spawn(async move { rig.part("k", upload, 1, pattern(50_000)).await })
        };
        let late = {
            let rig = rig.clone();
            tokio::spawn(async move { rig.part("k", upload, 2, pattern(60_000)).await })
        };
        let aborted = {
            let rig = rig.clone();
            tokio::spawn(async move { rig.engine.uploads().abort(abort("k", upload)).await })
        };
        let (one, two) = (one.await.unwrap(), two.await.unwrap());
        let (replaced, late, aborted) = (replaced.await.unwrap(), late.await.unwrap(), aborted.await.unwrap());
        for part in [replaced.map(drop), late.map(drop)] {
            assert!(matches!(part, Ok(()) | Err(Error::NoSuchUpload)), "{part:?}");
        }
        match (&one, &two) {
            (Ok(a), Ok(b)) => assert_eq!(a, b, "both got the same answer"),
            (a, b) => {
                for answer in [a, b] {
                    assert!(
                        matches!(answer, Ok(_) | Err(Error::NoSuchUpload | Error::InvalidPart { .. })),
                        "{answer:?}"
                    );
                }
            }
        }
        match rig.body(name("k")).await {
            Ok(body) => {
                assert!(body == pattern(40_000) && (one.is_ok() || two.is_ok()));
                assert!(matches!(aborted, Err(Error::NoSuchUpload)), "a completed upload cannot be aborted");
            }
            Err(_) => assert!(one.is_err() && two.is_err() && aborted.is_ok()),
        }
        rig.sweep_and_check().await;
    }
}

/// Runs `act` with each operation of the stores failing in turn, in each way, until it goes
/// through; after every failure `recover` must succeed and nothing may be left over.
async fn at_each_step<S: Clone>(
    setup: impl AsyncFn(&Rig) -> S,
    act: impl AsyncFn(&Rig, S) -> Result<(), Error>,
    recover: impl AsyncFn(&Rig, S),
) {
    let mut failures = 0;
    for fault in [Fault::Refused, Fault::Unacknowledged, Fault::Full] {
        for blobs in [false, true] {
            for nth in 1.. {
                let rig = rig();
                rig.make_bucket(Versioning::Enabled).await;
                let state = setup(&rig).await;
                let before = rig.faulty_meta.operations() + rig.faulty_blobs.operations();
                if blobs {
                    rig.faulty_blobs.fail_nth(nth, fault)
                } else {
                    rig.faulty_meta.fail_nth(nth, fault)
                }
                let result = act(&rig, state.clone()).await;
                let operations = rig.faulty_meta.operations() + rig.faulty_blobs.operations() - before;
                // Faults planned for later must not hit what follows.
                let rig = rig.restarted_with_minimum();
                failures += usize::from(result.is_err());
                recover(&rig, state).await;
                rig.sweep_and_check().await;
                if result.is_ok() && nth > operations {
                    break;
                }
            }
        }
    }
    assert!(failures > 3, "the faults hit something: {failures}");
}

impl Rig {
    fn restarted_with_minimum(&self) -> Self {
        Self::over(self.meta.clone(), self.blobs.clone(), self.kms.clone(), |config| config.part_minimum = 1000)
    }
}

#[tokio::test]
async fn a_part_can_be_uploaded_again_after_any_failure() {
    at_each_step(
        async |rig| {
            let upload = rig.start("k", Mode::Kms).await;
            rig.part("k", upload, 1, pattern(30_000)).await.unwrap();
            upload
        },
        async |rig, upload| rig.part("k", upload, 1, pattern(300_000)).await.map(drop),
        async |rig, upload| {
            let part = rig.part("k", upload, 1, pattern(70_000)).await.unwrap();
            rig.complete("k", upload, vec![listed(1, &part)]).await.unwrap();
            assert!(rig.body(name("k")).await.unwrap() == pattern(70_000));
        },
    )
    .await;
}

#[tokio::test]
async fn a_complete_can_be_repeated_after_any_failure() {
    at_each_step(
        async |rig| {
            let upload = rig.start("k", Mode::Kms).await;
            let one = rig.part("k", upload, 1, pattern(70_000)).await.unwrap();
            rig.part("k", upload, 2, pattern(60_000)).await.unwrap();
            let three = rig.part("k", upload, 3, pattern(10)).await.unwrap();
            (upload, vec![listed(1, &one), listed(3, &three)])
        },
        async |rig, (upload, parts)| rig.complete("k", upload, parts).await.map(drop),
        async |rig, (upload, parts)| {
            rig.complete("k", upload, parts).await.unwrap();
            assert!(rig.body(name("k")).await.unwrap() == [pattern(70_000), pattern(10)].concat());
        },
    )
    .await;
}

#[tokio::test]
async fn an_abort_can_be_repeated_after_any_failure() {
    at_each_step(
        async |rig| {
            let upload = rig.start("k", Mode::S3).await;
            rig.part("k", upload, 1, pattern(70_000)).await.unwrap();
            rig.part("k", upload, 2, pattern(10)).await.unwrap();
            upload
        },
        async |rig, upload| rig.engine.uploads().abort(abort("k", upload)).await,
        async |rig, upload| {
            let again = rig.engine.uploads().abort(abort("k", upload)).await;
            assert!(matches!(again, Ok(()) | Err(Error::NoSuchUpload)));
            assert_eq!(rig.under(schema::UPLOADS).await, 0);
        },
    )
    .await;
}
