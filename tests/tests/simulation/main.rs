//! A simulation of the whole gateway: several clients call S3, KMS, IAM and CloudTrail at once, in
//! process, over the very stack that `arqueta serve` wires. Operations of the stores and the record
//! happen one at a time in an order that a seed gives; they fail where the seed says so; the power goes
//! between any two of them. Afterwards the gateway and a small model of it agree on everything that
//! was acknowledged, and the record tells every change.
//!
//! ```text
//! cargo test --ignore-rust-version -p arqueta-tests --test simulation            500 seeds
//! ARQUETA_NIGHTLY=1 cargo test … --test simulation         many more
//! ARQUETA_SEED=17 cargo test … --test simulation           one seed, with its trace
//! ```
//!
//! How the parts play together: [`program`] draws calls, [`client`] signs and sends
//! them ([`request`], [`answer`]),
//! [`stores`] and [`turns`] hold every operation until [`stage`] lets one go on, [`history`] keeps every
//! state that [`model`] allows, [`check`] asks the gateway for everything and looks into the record.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod answer;
mod bodies;
mod call;
mod check;
mod client;
mod clock;
mod history;
mod model;
mod program;
mod record;
mod request;
mod stage;
mod stores;
mod turns;
mod world;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use arqueta_store::power::Syncs;

use self::record::Silence;
use self::world::{FILL, Size, Wrong, bytes_a_commit, found, run};

const SEEDS: u64 = 500;
const NIGHTLY: u64 = 20_000;
const THREADS: usize = 2;
/// So many failing seeds are told.
const TOLD: usize = 5;
const COMMAND: &str = "cargo test --ignore-rust-version -p arqueta-tests --test simulation the_gateway_and_the_model_agree -- --nocapture";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `17`, or `17..20`.
fn seeds(named: &str) -> std::ops::Range<u64> {
    let (from, to) = named.split_once("..").unwrap_or((named, ""));
    let from = from.parse().expect("ARQUETA_SEED is a number, or two with .. between");
    let to =
        if to.is_empty() { from + 1 } else { to.parse().expect("ARQUETA_SEED is a number, or two with .. between") };
    assert!(from < to, "ARQUETA_SEED={named} plays nothing");
    from..to
}

#[test]
fn the_gateway_and_the_model_agree() {
    let nightly = variable("ARQUETA_NIGHTLY").is_some();
    let size = if nightly { Size::LONG } else { Size::USUAL };
    let named = variable("ARQUETA_SEED").map(|named| seeds(&named));
    let asked = named.clone().unwrap_or(0..if nightly { NIGHTLY } else { SEEDS });
    let (next, failures) = (AtomicU64::new(asked.start), Mutex::new(Vec::new()));
    let (calls, turns, start) = (AtomicUsize::new(0), AtomicUsize::new(0), Instant::now());
    let told = || failures.lock().unwrap_or_else(PoisonError::into_inner);
    let play = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= asked.end || told().len() >= TOLD {
                return;
            }
            let ran = run(seed, size);
            calls.fetch_add(ran.calls, Ordering::Relaxed);
            turns.fetch_add(ran.turns, Ordering::Relaxed);
            if asked.end - asked.start == 1 {
                ran.trace.iter().for_each(|line| println!("{line}"));
            }
            if let Some(failure) = ran.failure {
                let long = if nightly { "ARQUETA_NIGHTLY=1 " } else { "" };
                let least = if named.is_some() { String::new() } else { smallest(seed, size) };
                told().push(format!("{long}ARQUETA_SEED={seed} {COMMAND}\n{least}{failure}"));
            }
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(play))));
    println!("seeds {asked:?}, {calls:?} calls, {turns:?} turns, {:.1} s", start.elapsed().as_secs_f64());
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The smallest run of the seed that fails, too, if there is one.
fn smallest(seed: u64, mut size: Size) -> String {
    loop {
        let Size { clients, calls, lives } = size;
        let smaller = [
            Size { lives: lives - 1, ..size },
            Size { clients: clients - 1, ..size },
            Size { calls: calls / 2, ..size },
            Size { calls: calls - 1, ..size },
        ];
        let fails = |it: &Size| it.clients * it.calls * it.lives > 0 && run(seed, *it).failure.is_some();
        match smaller.into_iter().find(fails) {
            Some(smaller) => size = smaller,
            None => return format!("It fails from {size:?} on.\n"),
        }
    }
}

/// The test of the test: what is wrong is found.
#[test]
fn what_is_wrong_is_found() {
    let lies = [Syncs::Metadata, Syncs::BlobFiles, Syncs::BlobFolders].map(Wrong::Syncs);
    for wrong in lies.into_iter().chain([Silence::Everybody, Silence::OfTrails].map(Wrong::Unannounced)) {
        let found = (0..300).find_map(|seed| Some((seed, found(seed, wrong)?)));
        let (seed, found) = found.unwrap_or_else(|| panic!("nobody noticed {wrong:?}"));
        println!("{wrong:?} is found by seed {seed}: {found}");
        assert_eq!(found.contains("no trace"), matches!(wrong, Wrong::Unannounced(_)), "{found}");
    }
}

/// What clients do costs the same whatever the store holds beside.
#[test]
fn a_commit_writes_no_more_in_a_large_store() {
    const RECORDS: usize = 2000;
    let (empty, large) = (bytes_a_commit(1, 0, true), bytes_a_commit(1, RECORDS, true));
    println!("{empty} bytes a commit, {large} beside {} MiB", (RECORDS * FILL) >> 20);
    assert!(empty <= 16 << 10, "{empty} bytes a commit in an empty store");
    assert!(large <= empty + empty / 20, "{empty} bytes a commit in an empty store, {large} in a large one");
    // The test of the test: so it was when every commit was one of the database.
    let (empty, large) = (bytes_a_commit(1, 0, false), bytes_a_commit(1, RECORDS, false));
    println!("as commits of the database: {empty} bytes, {large} beside {} MiB", (RECORDS * FILL) >> 20);
    assert!(empty > 16 << 10, "{empty} bytes a commit of the database, {large} in a large store");
    assert!(large > empty + empty / 20, "{empty} bytes a commit, {large} in a large store: the price does not grow");
}

#[test]
fn a_seed_repeats_itself() {
    for seed in 0..8 {
        let (first, second) = (run(seed, Size::LONG).trace, run(seed, Size::LONG).trace);
        let differs = first.iter().zip(&second).position(|(one, other)| one != other);
        assert_eq!(differs.map(|at| (at, &first[at], &second[at])), None, "seed {seed}");
        assert_eq!(first.len(), second.len(), "seed {seed}");
        assert!(first.len() > 50, "seed {seed}: {} lines", first.len());
    }
}
