//! Power loss and full disks under the whole gateway.
//!
//! A gateway runs in this process on a disk in memory that records every file operation
//! (`arqueta_store::power`). A mixed load goes through the AWS SDK for Rust, and the length of the
//! recording is noted at each acknowledgement. Then the power goes at many points of the
//! recording; from what the disk still holds, another gateway must start, and it must hold exactly
//! what was acknowledged, or, of a request that was under way, all or nothing.
//!
//! Bodies, choices and cuts follow from seeds; how requests interleave is the scheduler's, so a
//! failure names the cut and the way of loss.
#![allow(clippy::unwrap_used)]

mod budgets;
mod check;
mod full_disk;
mod ledger;
mod load;
mod signed;
mod site;

use std::path::Path;
use std::sync::{Arc, Mutex};

use arqueta_store::power::{Dice, Loss, Recorder, Syncs};

use self::check::check;
use self::ledger::{Ledger, Mode};
use self::load::{Load, PLAIN};
use self::site::{Clients, Front, Site};

const WORKERS: u64 = 4;
/// Requests of each worker, roughly: a multipart upload is three.
const ACTS: usize = 14;
/// Cuts in the load; each is tried with both ways of loss.
const CUTS: usize = 64;
/// Cuts before the first start was done.
const EARLY_CUTS: usize = 8;
/// Every so many cuts, the recovered gateway is used and loses its power too.
const AGAIN: usize = 8;

/// A recorded run.
struct Run {
    disk: Recorder,
    clients: Clients,
    ledger: Ledger,
    /// Positions at which the first start was done, and at which the load was.
    started: usize,
    ended: usize,
}

async fn record(front: &Front, data: &Path, acts: usize) -> Run {
    let site = Site::start(front, Recorder::new(), data).await.unwrap();
    let clients = site.clients(front).expect("the first start makes root credentials");
    let disk = site.disk.clone();
    let started = disk.position();
    let load = Load { clients: clients.clone(), disk: disk.clone(), ledger: Arc::default() };
    load.prepare().await;
    load.run(WORKERS, acts, 1).await;
    let ended = disk.position();
    let ledger = load.ledger.lock().unwrap().clone();
    Run { disk, clients, ledger, started, ended }
}

/// A gateway from what a cut left, after one round of its sweeper.
async fn recover(front: &Front, disk: Recorder, data: &Path) -> Result<Site, String> {
    let site = Site::start(front, disk, data).await.map_err(|error| format!("does not start: {error}"))?;
    site.sweep().await;
    site.check_blobs().await?;
    Ok(site)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_means_durable() {
    let (front, data) = (Front::start().await, tempfile::tempdir().unwrap());
    let run = record(&front, data.path(), ACTS).await;
    assert_mixed(&run.ledger);
    let mut dice = Dice::new(2);
    let span = run.ended - run.started;
    for cut in 0..CUTS {
        // Evenly spread, so that every kind of request is hit, and random within its share.
        let share = span / CUTS;
        let at = if cut + 1 == CUTS { run.ended } else { run.started + cut * share + dice.below(share) };
        for (loss, seed) in [(Loss::Everything, 0), (Loss::Random, dice.roll())] {
            if let Err(lost) = survives(&front, &run, data.path(), at, loss, seed, cut % AGAIN == AGAIN - 1).await {
                panic!("cut at {at} of {}..{}, {loss:?}, seed {seed}: {lost}", run.started, run.ended);
            }
        }
    }
}

/// The load did everything that a cut should be able to hit.
fn assert_mixed(ledger: &Ledger) {
    let versions = || ledger.objects.values().flat_map(|history| history.states()).flatten();
    for mode in Mode::ALL {
        assert!(versions().any(|it| it.content.as_ref().is_some_and(|content| content.mode == mode)), "no {mode:?}");
    }
    assert!(versions().any(|it| it.content.is_none()), "no delete marker");
    assert!(ledger.objects.values().any(|history| history.latest().len() > 1), "no noncurrent version");
    let uploads = || ledger.uploads.values().map(|history| history.latest());
    assert!(uploads().any(|it| it.open && !it.parts.is_empty()), "no upload left open");
    assert!(uploads().any(|it| !it.open), "no upload completed");
    assert!(ledger.keys.values().any(|history| history.latest() == Some("Disabled")), "no key disabled");
}

/// One cut, and where asked for a second one while the recovered gateway is in use.
async fn survives(
    front: &Front,
    run: &Run,
    data: &Path,
    at: usize,
    loss: Loss,
    seed: u64,
    again: bool,
) -> Result<(), String> {
    let site = recover(front, run.disk.crash(at, loss, seed), data).await?;
    if site.clients(front).is_some() {
        return Err("the root credentials are others".to_owned());
    }
    let settled = check(&run.clients, &run.ledger, at).await?;
    if !again || !settled.buckets.values().all(|bucket| bucket.latest().exists) {
        return Ok(());
    }
    let resumed = site.disk.position();
    let load = Load { clients: run.clients.clone(), disk: site.disk.clone(), ledger: Arc::new(Mutex::new(settled)) };
    load.run(2, 4, seed).await;
    let ledger = load.ledger.lock().unwrap().clone();
    check(&run.clients, &ledger, site.disk.position()).await?;
    let mut dice = Dice::new(seed);
    let second = resumed + dice.below(site.disk.position() - resumed + 1);
    recover(front, site.disk.crash(second, loss, dice.roll()), data).await?;
    check(&run.clients, &ledger, second).await.map(drop).map_err(|lost| format!("second cut at {second}: {lost}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_that_is_cut_short_starts_again() {
    let (front, data) = (Front::start().await, tempfile::tempdir().unwrap());
    let site = Site::start(&front, Recorder::new(), data.path()).await.unwrap();
    let (disk, started) = (site.disk.clone(), site.disk.position());
    let mut dice = Dice::new(3);
    for cut in 0..EARLY_CUTS {
        let at = started * cut / EARLY_CUTS;
        for loss in [Loss::Everything, Loss::Random] {
            let recovered = recover(&front, disk.crash(at, loss, dice.roll()), data.path()).await;
            assert!(recovered.is_ok(), "cut at {at} of {started}, {loss:?}: {:?}", recovered.err());
        }
    }
}

/// The test of the test: a disk that lies about any kind of sync does not pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ignored_syncs_are_noticed() {
    let (front, data) = (Front::start().await, tempfile::tempdir().unwrap());
    let run = record(&front, data.path(), 6).await;
    for syncs in [Syncs::Metadata, Syncs::BlobFiles, Syncs::BlobFolders] {
        let lying = run.disk.ignoring(syncs);
        assert!(lying.position() < run.disk.position(), "the gateway never makes {syncs:?} durable");
        let crashed = lying.crash(lying.position(), Loss::Everything, 0);
        let survived = match recover(&front, crashed, data.path()).await {
            Ok(_site) => check(&run.clients, &run.ledger, run.ended).await.map(drop),
            Err(lost) => Err(lost),
        };
        assert!(survived.is_err(), "nobody noticed that {syncs:?} are lost");
    }
}

/// The same for one acknowledged request: a disk that loses it does not pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_lost_request_is_noticed() {
    let (front, data) = (Front::start().await, tempfile::tempdir().unwrap());
    let site = Site::start(&front, Recorder::new(), data.path()).await.unwrap();
    let clients = site.clients(&front).unwrap();
    let load = Load { clients: clients.clone(), disk: site.disk.clone(), ledger: Arc::default() };
    load.prepare().await;
    let name = (PLAIN, "w0/0".to_owned());
    load.put(&name, Mode::KmsBucketKey, "kept".into()).await;
    load.put(&name, Mode::KmsBucketKey, "lost".into()).await;
    let (ledger, acknowledged) = (load.ledger.lock().unwrap().clone(), site.disk.position());
    let before = ledger.objects[&name].last_began();

    let _whole = recover(&front, site.disk.crash(acknowledged, Loss::Everything, 0), data.path()).await.unwrap();
    check(&clients, &ledger, acknowledged).await.unwrap();
    let _cut = recover(&front, site.disk.crash(before, Loss::Everything, 0), data.path()).await.unwrap();
    check(&clients, &ledger, before).await.unwrap();
    let noticed = check(&clients, &ledger, acknowledged).await.unwrap_err();
    assert!(noticed.contains("w0/0"), "{noticed}");
}
