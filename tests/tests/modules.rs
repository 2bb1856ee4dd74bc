//! Inside a crate the modules form no circle: whoever reads one file can read it after the files it
//! uses. The walls between crates are `walls.rs`'s.
//!
//! A file uses another when it imports a name from it or writes a path into it. A re-export is seen
//! through: `use crate::Error` leads to the file that defines `Error`. Code behind `#[cfg(test)]` does
//! not count. What a file calls of a type's methods that stand in another file counts too, on `self` and
//! on parameters, since a type spread over files is one room however many doors are drawn. And no type
//! has more methods than somebody can keep in mind.
#![allow(clippy::unwrap_used)]

#[path = "modules/house.rs"]
mod house;

use std::path::{Path, PathBuf};

use house::House;

/// Most methods of one type, those of traits left out.
const METHODS: usize = 30;

fn crates() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("crates");
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn edges(house: &House) -> house::Edges {
    let mut edges = house.imports();
    for (from, to) in house.calls() {
        edges.entry(from).or_default().extend(to);
    }
    edges
}

/// All of them at once: the first crate's circles must not hide those of the next.
#[test]
fn modules_form_no_circle() {
    let circles: Vec<_> = crates()
        .into_iter()
        .flat_map(|folder| {
            house::circles(&edges(&House::read(&folder))).into_iter().map(move |files| (folder.clone(), files))
        })
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

/// Crates whose folders form no circle either: whoever enters a room has been in those below.
const ROOMS: [&str; 11] =
    ["envelope", "hsm", "journal", "keys", "kms", "model", "policy", "remote", "root", "seal", "trail"];

#[test]
fn rooms_form_no_circle() {
    let room = |file: &str| file.trim_start_matches("lib/").split('/').next().unwrap_or_default().to_owned();
    for name in ROOMS {
        let folder = crates().into_iter().find(|folder| folder.ends_with(name)).unwrap();
        let mut rooms = house::Edges::new();
        for (from, to) in edges(&House::read(&folder)) {
            let others = to.iter().map(|file| room(file)).filter(|other| *other != room(&from));
            rooms.entry(room(&from)).or_default().extend(others);
        }
        // The door opens into every room.
        rooms.remove("lib");
        assert_eq!(house::circles(&rooms), Vec::<Vec<String>>::new(), "{name}");
    }
}

#[test]
fn no_type_has_more_methods_than_somebody_can_keep_in_mind() {
    let mut grown = Vec::new();
    for folder in crates() {
        let name = folder.file_name().unwrap().to_str().unwrap();
        for (owner, methods) in House::read(&folder).sizes() {
            if methods > METHODS {
                grown.push(format!("{name}: {owner} has {methods}"));
            }
        }
    }
    assert!(grown.is_empty(), "{grown:#?}");
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
    assert_eq!(house::circles(&edges(&house)), [["lib/a", "lib/b"]]);
    let house = House::of(&[
        ("lib", "mod a; mod b; mod t;"),
        ("lib/t", "pub struct T;"),
        ("lib/a", "use crate::t::T; impl T { pub fn one(&self) {} } pub fn two(t: &T) { t.three() }"),
        ("lib/b", "use crate::t::T; impl T { pub fn three(&self) { crate::a::two(self) } }"),
    ]);
    assert_eq!(house::circles(&edges(&house)), [["lib/a", "lib/b"]]);
    assert_eq!(house.sizes().into_iter().collect::<Vec<_>>(), [("T", 2)]);
}
