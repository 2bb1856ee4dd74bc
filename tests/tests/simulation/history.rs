//! Who called when, and what may have come of it. Calls that overlap may have taken effect in any order;
//! a call that failed, or that the power was lost under, may have taken effect or not. So there are
//! several states that the gateway may be in, and every answer leaves those that agree with it (Wing and
//! Gong, "Testing and Verifying Concurrent Objects", 1993; Lowe, "Testing for Linearizability", 2017).

use std::collections::{BTreeMap, BTreeSet};

use crate::call::{Call, Id, Known, Row, Said, Sse};
use crate::model::State;

/// More than so many states are a fault of the simulation, not of the gateway.
const MOST: usize = 20_000;

/// With more than so many, clients look at things before they change more of them.
const UNCLEAR: usize = 48;

/// Bytes of a body that no other call has.
const UNIQUE: usize = 300;

/// What was heard of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Said(Said<String>),
    /// A failure of the gateway's own: the call may have taken effect.
    Failed(String),
}

/// One way in which it all may have happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Course {
    state: State,
    /// The gateway's names of what calls have made.
    names: BTreeMap<u32, String>,
    /// Calls without an answer that have taken effect, and what must be answered.
    ahead: BTreeMap<u32, Said<Id>>,
    /// Calls that will have no answer and took effect.
    silent: BTreeSet<u32>,
}

/// A call, for the check of the record.
#[derive(Debug, Clone)]
pub struct Told {
    pub call: Call<String>,
    /// Nothing if the power went first.
    pub heard: Option<Heard>,
}

#[derive(Debug, Clone)]
struct Pending {
    call: Call<String>,
    wavering: bool,
}

/// All that happened to one gateway.
#[derive(Debug, Default)]
pub struct History {
    courses: Vec<Course>,
    pending: BTreeMap<u32, Pending>,
    /// Answers of the turn that is not over.
    fresh: Vec<(u32, Heard)>,
    told: Vec<Told>,
    /// Objects by their names, in the order in which clients heard of them.
    known: Vec<((&'static str, &'static str), Known)>,
    trace: Vec<String>,
    /// The first thing that cannot be.
    failure: Option<String>,
}

impl History {
    pub fn new() -> Self {
        Self { courses: vec![Course::default()], ..Self::default() }
    }

    /// A client calls. The call's number.
    pub fn begin(&mut self, call: &Call<String>) -> u32 {
        let number = u32::try_from(self.told.len()).expect("a run is short");
        let unsettled = self.pending.values().any(|pending| pending.call.unsettles());
        if call.unsettles() {
            self.pending.values_mut().for_each(|pending| pending.wavering = true);
        }
        self.note(|names| format!("{number} calls {:?}", call.with(names)));
        self.pending.insert(number, Pending { call: call.clone(), wavering: unsettled });
        self.told.push(Told { call: call.clone(), heard: None });
        number
    }

    /// A client has its answer, in the turn that is not over.
    pub fn hear(&mut self, number: u32, heard: Heard) {
        self.fresh.push((number, heard));
    }

    /// A client has the ETag of what it put. Bodies that others may have, too, are not told apart.
    pub fn learn(&mut self, call: &Call<String>, etag: Option<String>) {
        if let (Call::Put { bucket, key, body, print, .. }, Some(etag)) = (call, etag)
            && body.1 >= UNIQUE
        {
            self.known.push(((*bucket, *key), Known { print: *print, etag }));
        }
    }

    /// Objects that clients have put there.
    pub fn known(&self, bucket: &str, key: &str) -> impl Iterator<Item = &Known> {
        self.known.iter().filter(move |(name, _)| *name == (bucket, key)).map(|(_, known)| known)
    }

    /// The turn is over: what was heard in it was heard.
    pub fn settle(&mut self) {
        for (number, heard) in std::mem::take(&mut self.fresh) {
            self.conclude(number, heard);
        }
    }

    /// The power went. What was heard in the last turn was never said.
    pub fn crash(&mut self) {
        self.fresh.clear();
        self.trace.push("the power goes".to_owned());
        for number in self.pending.keys().copied().collect::<Vec<_>>() {
            self.give_up(number);
        }
    }

    /// The first thing that cannot be.
    pub const fn failure(&self) -> Option<&String> {
        self.failure.as_ref()
    }

    pub fn fail(&mut self, failure: String) {
        self.failure.get_or_insert(failure);
    }

    /// Whether so much is unknown that it is time to look.
    pub const fn unclear(&self) -> bool {
        self.courses.len() > UNCLEAR
    }

    /// Calls and answers, ids by the order in which they were met.
    pub fn trace(&self) -> &[String] {
        &self.trace
    }

    /// A line for the trace.
    pub fn remark(&mut self, line: String) {
        self.trace.push(line);
    }

    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// Calls without an answer that certainly took effect. They are forgotten: the record was asked.
    pub fn silent(&mut self) -> BTreeSet<u32> {
        let mut certain = self.courses.first().map(|course| course.silent.clone()).unwrap_or_default();
        for course in &self.courses {
            certain.retain(|number| course.silent.contains(number));
        }
        for course in &mut self.courses {
            course.silent.clear();
        }
        self.dedup();
        certain
    }

    /// Calls that have made something, and what, as far as clients heard.
    pub fn answers(&self) -> impl Iterator<Item = (&Call<String>, &String)> {
        self.told.iter().filter_map(|told| match &told.heard {
            Some(Heard::Said(Said::Made(name))) => Some((&told.call, name)),
            _ => None,
        })
    }

    /// Names of versions and keys that calls of this kind have made, as far as clients heard.
    pub fn made(&self, by: impl Fn(&Call<String>) -> bool) -> Vec<String> {
        let heard = |told: &Told| match (&told.heard, by(&told.call)) {
            (Some(Heard::Said(Said::Made(name))), true) => Some(name.clone()),
            _ => None,
        };
        self.told.iter().filter_map(heard).collect()
    }

    fn conclude(&mut self, number: u32, heard: Heard) {
        self.told[number as usize].heard = Some(heard.clone());
        let said = match heard {
            Heard::Said(said) => said,
            Heard::Failed(why) => {
                self.trace.push(format!("{number} fails: {why}"));
                self.give_up(number);
                return;
            }
        };
        let (mut left, met) = (Vec::new(), self.met_by(number));
        for course in &self.courses {
            self.extend(course, number, &met, Some(&said), &mut left);
        }
        self.note(|names| format!("{number} hears {:?}", said.with(names)));
        if left.is_empty() {
            let pending = &self.pending[&number];
            let call = &pending.call;
            let may = |course: &Course| course.outcomes(number, pending).into_iter().map(|(_, said)| said);
            let mut allowed: Vec<String> = self.courses.iter().flat_map(may).map(|said| format!("{said:?}")).collect();
            allowed.sort_unstable();
            allowed.dedup();
            self.fail(format!("{number}, {call:?}: was told {said:?}, allowed {allowed:#?}"));
        }
        self.pending.remove(&number);
        self.courses = left;
        self.dedup();
    }

    /// A call that has no answer: from now on it has taken effect or never will.
    fn give_up(&mut self, number: u32) {
        let (mut left, met) = (Vec::new(), self.met_by(number));
        for course in &self.courses {
            let mut without = course.clone();
            match without.ahead.remove(&number) {
                // It has, or a part of it.
                Some(said) => {
                    if said == Said::Partly {
                        self.extend(&without, number, &met, None, &mut left);
                    }
                    without.mark(number, &said);
                    left.push(without);
                }
                None => {
                    left.push(without);
                    self.extend(course, number, &met, None, &mut left);
                }
            }
        }
        self.pending.remove(&number);
        self.courses = left;
        self.dedup();
    }

    /// Calls under way whose order with this one may matter, and it itself.
    fn met_by(&self, number: u32) -> BTreeSet<u32> {
        let mut met = BTreeSet::from([number]);
        loop {
            let more: Vec<u32> = self
                .pending
                .iter()
                .filter(|(other, it)| {
                    !met.contains(other) && met.iter().any(|one| self.pending[one].call.meets(&it.call))
                })
                .map(|(other, _)| *other)
                .collect();
            if more.is_empty() {
                return met;
            }
            met.extend(more);
        }
    }

    /// The courses in which the call takes effect now, after any others that are under way, and is
    /// told `said`, or whatever.
    fn extend(
        &self,
        course: &Course,
        number: u32,
        met: &BTreeSet<u32>,
        said: Option<&Said<String>>,
        left: &mut Vec<Course>,
    ) {
        if let Some(expected) = course.ahead.get(&number) {
            let mut after = course.clone();
            after.ahead.remove(&number);
            let rest = after.clone();
            if said.is_none_or(|said| after.agrees(expected, said)) {
                left.push(after);
            }
            if *expected == Said::Partly {
                self.extend(&rest, number, met, said, left);
            }
            return;
        }
        for (next, pending) in &self.pending {
            // What was done in part goes on.
            let is_over = course.ahead.get(next).is_some_and(|said| *said != Said::Partly);
            if is_over || !met.contains(next) {
                continue;
            }
            for (state, expected) in course.outcomes(*next, pending) {
                let mut after = Course { state, ..course.clone() };
                if next != &number {
                    after.ahead.insert(*next, expected);
                    self.extend(&after, number, met, said, left);
                } else if let Some(said) = said {
                    if after.agrees(&expected, said) {
                        left.push(after);
                    }
                } else {
                    after.mark(number, &expected);
                    left.push(after);
                }
            }
        }
    }

    fn dedup(&mut self) {
        self.courses.sort_unstable();
        self.courses.dedup();
        if self.courses.len() > MOST {
            self.fail("too many states are possible: a fault of the simulation".to_owned());
            self.courses.truncate(1);
        }
    }

    /// Notes a line in which ids are written as the order in which they were met.
    fn note(&mut self, line: impl FnOnce(&dyn Fn(&String) -> String) -> String) {
        let names: Vec<&String> = self.courses.iter().flat_map(|course| course.names.values()).collect();
        let called = |name: &String| names.iter().position(|known| *known == name);
        let line = line(&|name| called(name).map_or_else(|| "new".to_owned(), |at| format!("id{at}")));
        self.trace.push(line);
    }
}

impl Course {
    fn outcomes(&self, number: u32, pending: &Pending) -> Vec<(State, Said<Id>)> {
        let call = pending.call.with(|name| self.id(name));
        self.state.outcomes(number, &call, pending.wavering)
    }

    fn id(&self, name: &str) -> Id {
        if name == "null" {
            return Id::Null;
        }
        let known = self.names.iter().find(|(_, known)| *known == name);
        known.map_or(Id::Unknown, |(number, _)| Id::Of(*number))
    }

    fn mark(&mut self, number: u32, said: &Said<Id>) {
        if !matches!(said, Said::Refused(_) | Said::Partly) {
            self.silent.insert(number);
        }
    }

    /// Whether what was said is what the model says. Names that were not known are from here on.
    fn agrees(&mut self, expected: &Said<Id>, said: &Said<String>) -> bool {
        match (expected, said) {
            (Said::Refused(code), Said::Refused(told)) => code == told,
            (Said::Done, Said::Done) | (Said::Again, Said::Done | Said::Made(_)) => true,
            (Said::Names(expected), Said::Names(said)) => expected == said,
            (Said::State(expected), Said::State(said)) => expected == said,
            (Said::Made(id), Said::Made(name)) => self.is(id, name),
            (Said::Made(Id::Null), Said::Done) => true,
            (Said::Encryption(None), Said::Encryption(None)) => true,
            (Said::Encryption(Some(id)), Said::Encryption(Some(name))) => self.is(id, name),
            (Said::Body { id, print, sse }, Said::Body { id: name, print: found, sse: told }) => {
                print == found && self.is(id, name) && self.same_sse(sse, told)
            }
            (Said::Rows(expected), Said::Rows(said)) => {
                expected.len() == said.len() && expected.iter().zip(said).all(|(row, told)| self.same_row(row, told))
            }
            (Said::Ids(expected), Said::Ids(said)) => self.same_ids(expected, said),
            (Said::Uploads(expected), Said::Uploads(said)) => {
                let keys = |rows: &mut dyn Iterator<Item = &String>| rows.cloned().collect::<Vec<_>>();
                keys(&mut expected.iter().map(|row| &row.key)) == keys(&mut said.iter().map(|row| &row.key))
                    && keys(&mut expected.iter().map(|row| &row.key)).into_iter().all(|key| {
                        let ids: Vec<Id> = expected.iter().filter(|row| row.key == key).map(|row| row.id).collect();
                        let names = said.iter().filter(|row| row.key == key).map(|row| row.id.clone());
                        self.same_ids(&ids, &names.collect::<Vec<_>>())
                    })
            }
            _ => false,
        }
    }

    fn is(&mut self, id: &Id, name: &String) -> bool {
        match id {
            Id::Null => name == "null",
            Id::Unknown => false,
            Id::Of(number) => match self.names.get(number) {
                Some(known) => known == name,
                None if name == "null" || self.names.values().any(|known| known == name) => false,
                None => {
                    self.names.insert(*number, name.clone());
                    true
                }
            },
        }
    }

    fn same_sse(&mut self, expected: &Sse<Id>, said: &Sse<String>) -> bool {
        match (expected, said) {
            (Sse::Managed, Sse::Managed) | (Sse::Customer, Sse::Customer) => true,
            (Sse::Kms(id), Sse::Kms(name)) => self.is(id, name),
            _ => false,
        }
    }

    fn same_row(&mut self, expected: &Row<Id>, said: &Row<String>) -> bool {
        expected.key == said.key
            && expected.latest == said.latest
            && expected.marker == said.marker
            && self.is(&expected.id, &said.id)
    }

    /// Those that are known are there; the others are as many, and are given to the oldest calls that
    /// may have made them. `KeyState` is all that tells them apart, and fresh ones are alike.
    fn same_ids(&mut self, expected: &[Id], said: &[String]) -> bool {
        let unnamed: Vec<Id> =
            expected.iter().copied().filter(|id| !matches!(id, Id::Of(n) if self.names.contains_key(n))).collect();
        let unknown: Vec<&String> =
            said.iter().filter(|name| !self.names.values().any(|known| known == *name)).collect();
        expected.len() == said.len()
            && unnamed.len() == unknown.len()
            && expected.iter().filter(|id| !unnamed.contains(id)).all(|id| said.iter().any(|name| self.id(name) == *id))
            && unnamed.iter().zip(unknown).all(|(id, name)| self.is(id, name))
    }
}
