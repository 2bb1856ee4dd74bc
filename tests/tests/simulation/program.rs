//! What clients do: random calls on few names, so that they meet.

use arqueta_store::power::Dice;

use crate::bodies::{body, print};
use crate::call::{Call, Ciphertext, Known, Mode, Secret, Upload, When};

use crate::history::History;
use crate::request::OWN;

const BUCKETS: [&str; 2] = ["bucket-a", "bucket-b"];
const KEYS: [&str; 4] = ["a", "b", "c", OWN];
const TRAILS: [&str; 2] = ["trail-one", "trail-two"];
const USERS: [&str; 2] = ["ann", "ben"];
const CHANGES: [&str; 4] = ["EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion"];
/// Nothing; inside the metadata; a file.
const SIZES: [usize; 5] = [0, 1, 300, 4000, 20_000];

fn one<T: Copy>(dice: &mut Dice, of: &[T]) -> T {
    of[dice.below(of.len())]
}

/// The next call of a client.
pub fn draw(dice: &mut Dice, history: &History) -> Call<String> {
    let (bucket, key) = (one(dice, &BUCKETS), one(dice, &KEYS));
    if history.unclear() {
        let mut calls = look();
        return calls.swap_remove(dice.below(calls.len()));
    }
    match dice.below(100) {
        0..6 => Call::MakeBucket(bucket),
        6..8 => Call::DropBucket(bucket),
        8..12 => Call::Version(bucket, dice.below(3) > 0),
        12..15 => Call::Default(bucket, if dice.below(2) == 0 { some_key(dice, history) } else { None }),
        15..30 => put(dice, history, bucket, key),
        30..34 => Call::Copy { from: (bucket, KEYS[0]), to: (one(dice, &BUCKETS), one(dice, &KEYS[1..3])) },
        34..42 => Call::Get { bucket, key, version: version(dice, history, bucket, key) },
        42..51 => delete(dice, history, bucket, key),
        51..53 => Call::Versions(bucket),
        53..60 => upload(dice, history, bucket),
        60..65 => cipher(dice, history),
        65..67 => Call::CreateKey,
        67..76 => {
            // Repairs more often than it breaks, or nothing would work for long.
            let change = CHANGES[[0, 0, 0, 1, 2, 3, 3][dice.below(7)]];
            some_key(dice, history).map_or(Call::CreateKey, |key| Call::Key(change, key))
        }
        76..77 => Call::ListBuckets,
        77..81 => Call::CreateTrail(one(dice, &TRAILS)),
        81..84 => Call::DeleteTrail(one(dice, &TRAILS)),
        84..91 => Call::Logging(one(dice, &TRAILS), dice.below(2) == 0),
        91..93 => Call::Select(one(dice, &TRAILS), dice.below(2) == 0),
        93..97 => Call::CreateUser(one(dice, &USERS)),
        97..99 => Call::DeleteUser(one(dice, &USERS)),
        _ => Call::ListUsers,
    }
}

fn put(dice: &mut Dice, history: &History, bucket: &'static str, key: &'static str) -> Call<String> {
    let drawn = (dice.roll(), one(dice, &SIZES));
    let mode = match dice.below(2) {
        _ if key == OWN => Mode::Customer,
        0 => Mode::Default,
        _ => some_key(dice, history).map_or(Mode::Default, |key| Mode::Kms(key, dice.below(3) > 0)),
    };
    let print = print(&body(drawn.0, drawn.1));
    let when = match dice.below(6) {
        0 => When::Fresh,
        1..3 => known(dice, history, bucket, key).map_or(When::Always, When::Over),
        _ => When::Always,
    };
    Call::Put { bucket, key, body: drawn, print, mode, when }
}

fn delete(dice: &mut Dice, history: &History, bucket: &'static str, key: &'static str) -> Call<String> {
    let version = version(dice, history, bucket, key);
    let conditional = version.is_none() && dice.below(3) == 0;
    let only = if conditional { known(dice, history, bucket, key) } else { None };
    Call::Delete { bucket, key, version, only }
}

/// One of the latest objects there that somebody was told of.
fn known(dice: &mut Dice, history: &History, bucket: &str, key: &str) -> Option<Known> {
    let known: Vec<&Known> = history.known(bucket, key).collect();
    (!known.is_empty()).then(|| known[known.len() - 1 - dice.below(known.len().min(2))].clone())
}

/// Something about uploads.
fn upload(dice: &mut Dice, history: &History, bucket: &'static str) -> Call<String> {
    let start = |dice: &mut Dice| Call::Start(bucket, one(dice, &KEYS[..3]));
    let started: Vec<_> = history
        .answers()
        .filter_map(|(call, id)| match *call {
            Call::Start(bucket, key) => Some(Upload { bucket, key, id: id.clone() }),
            _ => None,
        })
        .collect();
    if started.is_empty() {
        return start(dice);
    }
    // The latest ones, most of which are still under way.
    let of = started[started.len() - 1 - dice.below(started.len().min(3))].clone();
    let parts: Vec<_> = history
        .answers()
        .filter_map(|(call, etag)| match call {
            Call::Part { of: part, number, .. } if *part == of => Some((*number, etag.clone())),
            _ => None,
        })
        .collect();
    match dice.below(8) {
        0 => start(dice),
        1 => Call::Abort(of),
        2..4 if !parts.is_empty() => {
            let (number, etag) = parts[dice.below(parts.len())].clone();
            Call::Complete { of, number, etag }
        }
        _ => {
            // So large that no two have the same ETag.
            let drawn = (dice.roll(), one(dice, &SIZES[2..]));
            let number = 1 + u8::from(dice.below(2) == 0);
            Call::Part { of, number, body: drawn, print: print(&body(drawn.0, drawn.1)) }
        }
    }
}

/// Something that keys do by themselves.
fn cipher(dice: &mut Dice, history: &History) -> Call<String> {
    let Some(key) = some_key(dice, history) else { return Call::CreateKey };
    let known: Vec<_> = history
        .answers()
        .filter_map(|(call, blob)| match call {
            Call::Encrypt { key, secret } => Some(Ciphertext { blob: blob.clone(), key: key.clone(), secret: *secret }),
            Call::ReEncrypt { of, to, .. } => {
                let secret = Secret { context: !of.secret.context, ..of.secret };
                Some(Ciphertext { blob: blob.clone(), key: to.clone(), secret })
            }
            _ => None,
        })
        .collect();
    if known.is_empty() || dice.below(4) == 0 {
        let secret = Secret { plaintext: dice.roll(), context: dice.below(2) == 0 };
        return Call::Encrypt { key, secret };
    }
    let (of, apt) = (known[dice.below(known.len())].clone(), dice.below(4) > 0);
    if dice.below(3) == 0 { Call::ReEncrypt { of, apt, to: key } } else { Call::Decrypt { of, apt } }
}

/// A key that somebody was told of.
fn some_key(dice: &mut Dice, history: &History) -> Option<String> {
    let known = history.made(|call| matches!(call, Call::CreateKey));
    (!known.is_empty()).then(|| known[dice.below(known.len())].clone())
}

/// Mostly none; else one that somebody was told of.
fn version(dice: &mut Dice, history: &History, bucket: &str, key: &str) -> Option<String> {
    if dice.below(3) > 0 {
        return None;
    }
    let known = history.made(|call| match call {
        Call::Put { bucket: of, key: named, .. } | Call::Delete { bucket: of, key: named, version: None, .. } => {
            *of == bucket && *named == key
        }
        Call::Copy { to, .. } => *to == (bucket, key),
        Call::Complete { of, .. } => of.bucket == bucket && of.key == key,
        _ => false,
    });
    (!known.is_empty()).then(|| known[dice.below(known.len())].clone())
}

/// Calls that show everything there is, as far as names are known beforehand.
pub fn look() -> Vec<Call<String>> {
    let mut calls = vec![Call::ListBuckets, Call::ListUsers, Call::ListKeys];
    for bucket in BUCKETS {
        calls.extend([Call::Versioning(bucket), Call::DefaultOf(bucket)]);
        calls.extend([Call::Versions(bucket), Call::Uploads(bucket)]);
        calls.extend(KEYS.map(|key| Call::Get { bucket, key, version: None }));
    }
    for trail in TRAILS {
        calls.extend([Call::TrailStatus(trail), Call::Selection(trail)]);
    }
    calls
}

/// The name among [`KEYS`] that a listing has.
pub fn key_named(name: &str) -> Option<&'static str> {
    KEYS.into_iter().find(|key| *key == name)
}
