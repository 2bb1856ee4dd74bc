//! Which other Regions must hear of a change. Runs within every commit, so that no operation can
//! forget it.

use std::collections::BTreeSet;

use arqueta_model::Region;

use super::change::Change;
use super::directory::Directory;
use crate::Embedded;
use crate::key::Key;
use crate::schema::{Edition, Errand, ErrandRecord, KeyRecord, TombRecord, differ};

/// The changes, and what follows from them for other Regions. The caller holds the turn.
pub(crate) fn announced(service: &Embedded, changes: Vec<Change>) -> Vec<Change> {
    let directory = service.state.directory();
    let done: BTreeSet<String> = changes
        .iter()
        .filter_map(|change| match change {
            Change::DropErrand(errand) => Some(errand.store_key()),
            _ => None,
        })
        .collect();
    let mut all = Vec::with_capacity(changes.len());
    for change in changes {
        match change {
            Change::Key(record) => {
                let (record, errands) = told_of(service, &directory, record, &done);
                all.push(Change::Key(record));
                all.extend(errands.into_iter().map(Change::Errand));
            }
            Change::Destroy(key) => {
                let farewell = farewell(service, &directory, &key);
                all.push(Change::Destroy(key));
                all.extend(farewell);
            }
            other => all.push(other),
        }
    }
    all
}

/// A record in a new edition, if it is the primary's and shared properties changed, and who
/// must hear of it.
pub(crate) fn told_of(
    service: &Embedded,
    directory: &Directory,
    mut record: KeyRecord,
    done: &BTreeSet<String>,
) -> (KeyRecord, Vec<ErrandRecord>) {
    let before = directory.key(&record.account, &record.id).map(|key| &key.record);
    let Some(before) = before.filter(|before| record.leads(&service.state.region) && differ(before, &record)) else {
        return (record, Vec::new());
    };
    let (led, known) =
        (before.leads(&service.state.region), before.multi_region.as_ref().map(|regions| regions.edition));
    let first_new = before.versions.len();
    let grown = record.versions.len() > first_new && record.versions[first_new].imported.is_none();
    let Some(regions) = &mut record.multi_region else { return (record, Vec::new()) };
    if led && known == Some(regions.edition) {
        regions.edition = regions.edition.next();
    }
    if led && grown && !regions.replicas.is_empty() && regions.waiting.is_none() {
        regions.waiting = u32::try_from(first_new).ok();
    }
    let (edition, replicas) = (regions.edition, regions.replicas.clone());
    let errands = replicas.iter().map(|to| errand(directory, &record, to, edition, done)).collect();
    (record, errands)
}

/// What a destroyed multi-Region key leaves behind: its edition, and word to its primary.
pub(crate) fn farewell(service: &Embedded, directory: &Directory, key: &Key) -> Vec<Change> {
    let record = &key.record;
    let Some(regions) = &record.multi_region else { return Vec::new() };
    let (account, key_id, edition) = (record.account.clone(), record.id.clone(), regions.edition);
    let told = directory.errands.keys().filter_map(|to| directory.errand(to, &account, &key_id));
    let mut changes: Vec<_> = told.map(|errand| Change::DropErrand(errand.clone())).collect();
    if regions.primary != service.state.region {
        let to = regions.primary.clone();
        let (account, key_id) = (account.clone(), key_id.clone());
        changes.push(Change::Errand(ErrandRecord { to, account, key_id, edition, errand: Errand::Leave }));
    }
    changes.push(Change::Tomb(TombRecord { account, key_id, edition }));
    changes
}

/// A replica that is yet to be created still is, whatever else there is to tell it.
pub(crate) fn errand(
    directory: &Directory,
    record: &KeyRecord,
    to: &Region,
    edition: Edition,
    done: &BTreeSet<String>,
) -> ErrandRecord {
    let open = directory.errand(to, &record.account, &record.id).filter(|open| !done.contains(&open.store_key()));
    let errand = match open.map(|open| &open.errand) {
        Some(create @ Errand::Create(_)) => create.clone(),
        _ => Errand::Share,
    };
    ErrandRecord { to: to.clone(), account: record.account.clone(), key_id: record.id.clone(), edition, errand }
}
