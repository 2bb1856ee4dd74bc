//! The house rules that a tool can check: who may depend on whom, and how long a file may grow.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{CargoOpt, DependencyKind, MetadataCommand};

/// CONTRIBUTING.md holds the same table for people; `the_table_for_people_is_this_one` compares.
const MAY_DEPEND_ON: &[(&str, &str)] = &[
    ("model", ""),
    ("seal", "model"),
    ("policy", "model"),
    ("journal", "model"),
    ("store", "model journal"),
    ("postgres", "model store"),
    ("audit", "model store"),
    ("call", "model audit"),
    ("trail", "model store audit"),
    ("kms", "model seal policy store audit"),
    ("root", "model seal kms"),
    ("keys", "model seal policy store audit call kms root"),
    ("hsm", "model kms"),
    ("remote", "model kms trail"),
    ("envelope", "model seal kms"),
    ("iam", "model policy store"),
    ("engine", "model envelope store"),
    ("work", "model store engine audit"),
    ("notify", "model store audit engine work remote"),
    ("replicate", "model store audit iam engine work"),
    ("elsewhere", "model iam engine remote replicate"),
    ("report", "audit"),
    ("client", ""),
    ("compare", "model client"),
    ("backup", "model store kms root"),
    ("import", "model client compare"),
    ("review", "model policy store call kms keys iam envelope engine trail"),
    ("s3", "model call engine iam audit"),
    ("aws", "model call kms keys iam audit trail"),
    ("console", "model call seal"),
    (
        "gateway",
        "model call seal store audit trail kms root keys hsm remote envelope iam engine work notify replicate elsewhere report review client compare backup import s3 aws console",
    ),
];

/// What the table allows for work that is on its way.
const ON_ITS_WAY: &[(&str, &str)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[test]
fn crates_depend_only_on_what_the_table_allows() {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .no_deps()
        .exec()
        .unwrap();
    let table: BTreeMap<_, _> = MAY_DEPEND_ON.iter().copied().collect();
    let mut seen = BTreeSet::new();
    for package in &metadata.packages {
        let name = package.name.as_str().strip_prefix("arqueta-").unwrap();
        let Some(allowed) = table.get(name) else {
            assert!(["bench", "tests"].contains(&name), "{name} is not in the table");
            continue;
        };
        seen.insert(name);
        let allowed: BTreeSet<_> = allowed.split_whitespace().collect();
        let normal = package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal);
        let ours: BTreeSet<_> = normal.filter_map(|dependency| dependency.name.strip_prefix("arqueta-")).collect();
        let forbidden: Vec<_> = ours.difference(&allowed).collect();
        assert!(forbidden.is_empty(), "{name} must not depend on {forbidden:?}");
        let unused = allowed.difference(&ours).filter(|other| !ON_ITS_WAY.contains(&(name, other)));
        assert_eq!(unused.collect::<Vec<_>>(), Vec::<&&str>::new(), "{name} may depend on what it does not need");
    }
    assert_eq!(seen, table.keys().copied().collect(), "the table names crates that are gone");
}

#[test]
fn the_table_for_people_is_this_one() {
    let text = std::fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    for (name, allowed) in MAY_DEPEND_ON {
        let allowed = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.replace(' ', ", ") };
        let row = text.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        assert!(row.is_some_and(|row| row.ends_with(&format!("| {allowed} |"))), "{name}: {row:?}");
    }
}

/// Dependencies that no source names, and why each is there all the same.
const NAMED_NOWHERE: &[(&str, &str)] = &[
    // Chooses the ciphers of the binary.
    ("gateway", "arqueta-seal"),
];

#[test]
fn what_nothing_uses_is_no_dependency() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let mut unused = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str().strip_prefix("arqueta-").unwrap();
        let folder = package.manifest_path.parent().unwrap();
        let sources = |folders: &[&str]| -> String {
            folders.iter().map(|inner| source(folder.join(inner).as_std_path())).collect()
        };
        let product = sources(&["src", "examples"]);
        let all = sources(&["src", "examples", "tests", "benches", "targets", "fuzz/bodies"]);
        for dependency in &package.dependencies {
            if NAMED_NOWHERE.contains(&(name, dependency.name.as_str())) {
                continue;
            }
            // `tests` is nothing but tests.
            let place = if dependency.kind == DependencyKind::Normal && name != "tests" { &product } else { &all };
            let called = match dependency.name.as_str() {
                "md-5" => "md5".to_owned(),
                other => dependency.rename.as_deref().unwrap_or(other).replace('-', "_"),
            };
            let names = |(at, _): (usize, &str)| {
                let borders = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
                borders(place[..at].chars().next_back()) && borders(place[at + called.len()..].chars().next())
            };
            if !place.match_indices(&called).any(names) {
                unused.push(format!("{name}: {}", dependency.name));
            }
        }
    }
    assert!(unused.is_empty(), "{unused:?}");
}

/// Types that hold a key in the clear, and the crates that may name them.
const PLAINTEXT: (&[&str], &[&str]) =
    (&["SourceKey", "BodyKey", "RootSecret"], &["seal", "kms", "root", "keys", "envelope"]);

#[test]
fn keys_in_the_clear_are_named_in_few_crates() {
    let (types, crates) = PLAINTEXT;
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let text = source(&folder.join("src"));
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.into_iter().any(|word| types.contains(&word)) {
            seen.insert(folder.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    assert_eq!(seen, crates.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn every_front_door_has_an_example_that_runs() {
    let mut without = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let door = entry.unwrap().path().join("src/lib.rs");
        let text = std::fs::read_to_string(&door).unwrap();
        // A fence of its own opens a block that is compiled and run; one with a word does not have to be.
        let mut fences = text.lines().filter(|line| line.starts_with("//! ```"));
        let runs = std::iter::from_fn(|| Some((fences.next()?, fences.next()))).any(|(opens, _)| opens == "//! ```");
        if !runs {
            without.push(door);
        }
    }
    assert!(without.is_empty(), "no example that runs: {without:?}");
}

/// All Rust below `folder`.
fn source(folder: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(folder) else { return String::new() };
    let mut text = String::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&source(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
    text
}

/// Where the tests of a file begin: a module of its own that stands in the file.
fn is_test_module(lines: &[&str]) -> bool {
    matches!(lines, ["#[cfg(test)]", module, ..] if module.starts_with("mod ") && module.ends_with('{'))
        || matches!(lines, ["#[cfg(test)]", allowance, module, ..]
            if allowance.starts_with("#[") && module.starts_with("mod ") && module.ends_with('{'))
}

#[test]
fn no_file_passes_600_lines_before_its_tests() {
    let mut long = Vec::new();
    let mut folders = vec![root().join("crates"), root().join("benches"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with(".venv") && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let all: Vec<&str> = text.lines().collect();
                let lines = (0..all.len()).find(|&at| is_test_module(&all[at..])).unwrap_or(all.len());
                if lines > 600 {
                    long.push((lines, path));
                }
            }
        }
    }
    assert!(long.is_empty(), "{long:?}");
}
