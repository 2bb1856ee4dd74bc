//! The body of every fuzz target on a few thousand inputs: what `tests/run fuzz` does for as long as one
//! likes, on any toolchain, in seconds, and the same each time.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[path = "../fuzz/bodies/kms_json.rs"]
mod kms_json;
#[path = "../fuzz/bodies/names.rs"]
mod names;
#[path = "../fuzz/bodies/policy.rs"]
mod policy;
#[path = "../fuzz/bodies/query_form.rs"]
mod query_form;
#[path = "../fuzz/bodies/sealed_stream.rs"]
mod sealed_stream;
#[path = "../fuzz/bodies/signature.rs"]
mod signature;

/// A target by its name, what it begins with, how many inputs it gets, and its body.
type Target = (&'static str, &'static [&'static [u8]], usize, fn(&[u8]));

const TARGETS: [Target; 6] = [
    ("kms_json", kms_json::SEEDS, 10_000, kms_json::run),
    ("names", names::SEEDS, 100_000, |data| {
        let _ = std::str::from_utf8(data).map(names::run);
    }),
    ("policy", policy::SEEDS, 20_000, |data| {
        let _ = std::str::from_utf8(data).map(policy::run);
    }),
    ("query_form", query_form::SEEDS, 30_000, query_form::run),
    ("sealed_stream", sealed_stream::SEEDS, 3000, |data| {
        let (plain, noise) = data.split_at(data.len() / 2);
        let at = data.iter().map(|byte| u32::from(*byte)).sum();
        sealed_stream::run(plain, at, data.first().copied().unwrap_or_default(), noise);
    }),
    ("signature", signature::SEEDS, 30_000, signature::run),
];

/// Random numbers that are the same in every run (xorshift64*, Vigna 2016).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % end
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    /// A seed with one to four mutations.
    fn input(&mut self, seeds: &[&[u8]], words: &[Vec<u8>]) -> Vec<u8> {
        let mut input = seeds[self.below(seeds.len())].to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len() + 1);
            let end = at + self.below(input.len() - at + 1);
            match self.below(7) {
                0 => input.insert(at, self.byte()),
                1 if at < input.len() => input[at] ^= 1 << self.below(8),
                2 => drop(input.drain(at..end)),
                3 => {
                    let again = input[at..end].to_vec();
                    input.splice(at..at, again);
                }
                4 => {
                    let other = seeds[self.below(seeds.len())];
                    input.splice(at..end, other[self.below(other.len())..].iter().copied());
                }
                5 if !words.is_empty() => drop(input.splice(at..at, words[self.below(words.len())].iter().copied())),
                _ => input.truncate(end),
            }
        }
        input
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The words of a target's dictionary, as libFuzzer reads it.
fn words(target: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(folder().join(target).with_extension("dict")).unwrap_or_default();
    let quoted = text.lines().filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix('"'));
    quoted.map(|word| word.replace("\\\"", "\"").replace("\\\\", "\\").into_bytes()).collect()
}

/// The first input of `rounds` that `run` panics on.
fn first_failure((name, seeds, rounds, run): Target) -> Option<Vec<u8>> {
    let (words, mut dice) = (words(name), Dice(0x9E37_79B9_7F4A_7C15));
    let mutated = (0..rounds).map(|_| dice.input(seeds, &words));
    let mut inputs = seeds.iter().map(|seed| seed.to_vec()).chain(mutated);
    inputs.find(|input| catch_unwind(AssertUnwindSafe(|| run(input))).is_err())
}

#[test]
fn no_target_fails() {
    for target in TARGETS {
        let failed = first_failure(target);
        assert!(
            failed.is_none(),
            "{}: {:?}",
            target.0,
            failed.map(|input| String::from_utf8_lossy(&input).into_owned())
        );
    }
}

#[test]
fn every_target_is_here() {
    let targets = std::fs::read_dir(folder().join("targets")).unwrap();
    let files: BTreeSet<String> =
        targets.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(files, TARGETS.iter().map(|target| target.0.to_owned()).collect());
}

#[test]
fn a_failure_is_seen() {
    let fragile: fn(&[u8]) = |data| assert!(!data.windows(2).any(|pair| pair == b"bb"), "found");
    let failed = first_failure(("names", &[b"abc"], 1000, fragile)).unwrap();
    assert!(failed.windows(2).any(|pair| pair == b"bb"), "{failed:?}");
}
