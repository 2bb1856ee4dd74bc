//! What must hold of a gateway that nobody else uses: it is in a state that it may be in, and the record
//! tells how it came there.

use crate::call::{Call, Said};
use crate::client::{Client, user_agent};
use crate::history::{Heard, History};
use crate::program;
use crate::record::Line;
use crate::stage::Stage;

/// Asks for everything there is.
pub async fn state(client: &Client, stage: &Stage) {
    let mut calls = program::look();
    let mut at = 0;
    while at < calls.len() && stage.history().failure().is_none() {
        let call = calls[at].clone();
        at += 1;
        let number = stage.history().begin(&call);
        let (heard, _) = client.call(number, &call).await;
        let more = follow(&call, &heard);
        let mut history = stage.history();
        if let Heard::Failed(why) = &heard {
            history.fail(format!("{number}, {call:?}: fails where nothing else does: {why}"));
        }
        history.hear(number, heard);
        history.settle();
        calls.extend(more);
    }
}

/// What is looked at because of an answer.
fn follow(call: &Call<String>, heard: &Heard) -> Vec<Call<String>> {
    match (call, heard) {
        (_, Heard::Said(Said::Ids(keys))) => keys.iter().map(|key| Call::Describe(key.clone())).collect(),
        (Call::Versions(bucket), Heard::Said(Said::Rows(rows))) => rows
            .iter()
            .filter_map(|row| {
                let key = program::key_named(&row.key)?;
                Some(Call::Get { bucket, key, version: Some(row.id.clone()) })
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// What the record lacks, if it lacks anything.
pub fn record(history: &mut History, lines: &[Line], who: &str) -> Option<String> {
    for number in history.silent() {
        let told = &history.told()[number as usize];
        if let Some((source, name)) = told.call.recorded()
            && !told.call.reads_only()
            && !lines.iter().any(|line| is_of(line, number, source, name))
        {
            return Some(format!("{number}, {:?}: took effect, and the record has no trace of it", told.call));
        }
    }
    let mut calls = (0..).zip(history.told());
    calls.find_map(|(number, told)| {
        let (source, name) = told.call.recorded()?;
        let Some(Heard::Said(said)) = &told.heard else {
            return None;
        };
        let mut events = lines.iter().filter(|line| !line.announced && is_of(line, number, source, name));
        let lacks = |what: &str| Some(format!("{number}, {:?}, was told {said:?}, and {what}", told.call));
        let Some(Line { event, .. }) = events.next() else {
            return lacks("the record has no event of it");
        };
        if let Some(second) = events.next() {
            let (first, second) = (event, &second.event);
            return lacks(&format!("the record has two events of it: {first:?}, {second:?}"));
        }
        let code = match said {
            Said::Refused(code) => Some(*code),
            _ => None,
        };
        // IAM's errors have longer names in events.
        let short = |code: Option<&str>| code.map(|code| code.strip_suffix("Exception").unwrap_or(code).to_owned());
        if short(event.error_code.as_deref()) != short(code) {
            return lacks(&format!("its event tells {:?}", event.error_code));
        }
        if event.user_identity.access_key_id.as_deref() != Some(who) {
            return lacks(&format!("its event tells of {:?}", event.user_identity));
        }
        if event.read_only != told.call.reads_only() {
            return lacks("its event is wrong about whether it reads only");
        }
        None
    })
}

fn is_of(line: &Line, number: u32, source: &str, name: &str) -> bool {
    let event = &line.event;
    event.event_source == source && event.event_name == name && event.user_agent == user_agent(number)
}
