//! Inside a crate the modules form no circle: whoever reads one file can read it after the files it
//! uses. The walls between crates are `walls.rs`'s.
//!
//! A file uses another when it imports a name from it or writes a path into it. A re-export is seen
//! through: `use crate::Error` leads to the file that defines `Error`. Code behind `#[cfg(test)]` does
//! not count. What `impl` blocks of one type in several files call of each other counts too, since a
//! type spread over files is one room however many doors are drawn; the circles that
//! still stand are listed with their size and may only shrink.
#![allow(clippy::unwrap_used)]

#[path = "modules/house.rs"]
mod house;

use std::path::{Path, PathBuf};

use house::House;

/// Files that stand in circles of imports, by crate. A number may fall, never rise.
const IMPORTS: &[(&str, usize)] = &[("keys", 4)];

/// The same where the calls of one type's methods across files count as well: files in the crate's
/// largest circle.
const SPREAD: &[(&str, usize)] = &[("keys", 22)];

fn crates() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates");
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn allowed(table: &[(&str, usize)], folder: &Path) -> usize {
    let name = folder.file_name().unwrap().to_str().unwrap();
    table.iter().find(|(crate_, _)| *crate_ == name).map_or(0, |(_, files)| *files)
}

/// All of them at once: the first crate's circles must not hide those of the next.
#[test]
fn modules_form_no_circle() {
    let mut grown = Vec::new();
    for folder in crates() {
        let circles = house::circles(&House::read(&folder).imports());
        let files: usize = circles.iter().map(Vec::len).sum();
        if files > allowed(IMPORTS, &folder) {
            grown.push(format!("{}: circles of {files} files: {circles:#?}", folder.display()));
        }
    }
    assert!(grown.is_empty(), "{}", grown.join("\n"));
}

#[test]
fn types_spread_over_files_do_not_grow() {
    let mut grown = Vec::new();
    for folder in crates() {
        let house = House::read(&folder);
        let mut edges = house.imports();
        for (from, to) in house.calls() {
            edges.entry(from).or_default().extend(to);
        }
        let circles = house::circles(&edges);
        let largest = circles.iter().map(Vec::len).max().unwrap_or(0);
        if largest > allowed(SPREAD, &folder) {
            grown.push(format!("{}: a circle of {largest} files: {circles:#?}", folder.display()));
        }
    }
    assert!(grown.is_empty(), "{}", grown.join("\n"));
}

#[test]
fn the_gauge_sees_a_circle() {
    let house = House::of(&[
        ("lib", "mod a; mod b; pub use b::B;"),
        ("lib/a", "use crate::B; pub struct A; impl A { pub fn one(&self) {} }"),
        ("lib/b", "pub struct B(super::a::A); #[cfg(test)] mod tests { use crate::c::C; }"),
    ]);
    assert_eq!(house::circles(&house.imports()), [["lib/a", "lib/b"]]);
    let house = House::of(&[
        ("lib", "mod a; mod b; mod t;"),
        ("lib/t", "pub struct T;"),
        ("lib/a", "use crate::t::T; impl T { pub fn one(&self) { self.two() } }"),
        ("lib/b", "use crate::t::T; impl T { pub fn two(&self) { if false { self.one() } } }"),
    ]);
    assert!(house::circles(&house.imports()).is_empty());
    let mut edges = house.imports();
    for (from, to) in house.calls() {
        edges.entry(from).or_default().extend(to);
    }
    assert_eq!(house::circles(&edges), [["lib/a", "lib/b"]]);
}
