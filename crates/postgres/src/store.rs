//! The contract on PostgreSQL: one statement a call.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arqueta_model::with_causes;
use arqueta_store::{Batch, Change, Entry, Error, MetaStore, Position, Precondition, Scan, record};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{Instant, sleep};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::OpenError;
use crate::batch::{Arrays, Locks};
use crate::connect::connect;
use crate::error::{failed, is_transient, is_undone, superseded};
use crate::pool::{Lent, Pool, Statements};
use crate::schema::number as number_of;
use crate::settings::Settings;
use crate::tenure::Tenure;

/// How often what certainly did not happen, or changes nothing, is tried.
const ATTEMPTS: usize = 4;

/// The metadata store on PostgreSQL. Dropping it lets another gateway serve.
pub struct PostgresMeta {
    pool: Pool,
    tenure: Tenure,
    locks: Locks,
}

impl fmt::Debug for PostgresMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresMeta").field("settings", self.pool.settings()).finish_non_exhaustive()
    }
}

/// What became of a batch.
enum Outcome {
    Applied,
    Conflict,
    Superseded,
}

impl PostgresMeta {
    /// Opens the store, or makes it, for one that calls itself `holder` to others.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(settings: Settings, holder: &str) -> Result<Self, OpenError> {
        let settings = Arc::new(settings);
        let tenure = Tenure::begin(&settings, holder).await?;
        let locks = Locks::of(number_of(settings.schema()));
        Ok(Self { pool: Pool::new(settings, tenure.token), tenure, locks })
    }

    /// The name of this store, which no other has.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.tenure.store
    }

    /// Whether a data folder belonged to it when it was opened.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.tenure.bound
    }

    /// From now on a data folder belongs to it.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn bind(&self) -> Result<(), Error> {
        let client = connect(self.pool.settings()).await?;
        client.execute("UPDATE gateway SET bound = true", &[]).await.map(drop).map_err(|error| failed(&error))
    }

    /// The rows of a statement that changes nothing; asked again where a connection turns out to be broken.
    async fn read(
        &self,
        statement: impl Fn(&Statements) -> &tokio_postgres::Statement,
        with: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let mut attempt = 1;
        loop {
            let lent = self.pool.lend().await?;
            match lent.ask(statement(&lent.statements), with).await? {
                Ok(rows) => {
                    lent.give_back();
                    return Ok(rows);
                }
                Err(error) if attempt < ATTEMPTS && (!is_undone(&error) || is_transient(&error)) => {
                    self.pool.discard();
                    attempt += 1;
                }
                Err(error) => {
                    if is_undone(&error) {
                        lent.give_back();
                    }
                    return Err(failed(&error));
                }
            }
        }
    }

    /// The record of `key` as it is stored.
    async fn stored(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let rows = self.read(|statements| &statements.get, &[&self.pool.token(), &key]).await?;
        let row = rows.first().ok_or_else(superseded)?;
        mine(row)?;
        Ok(row.try_get::<_, Option<&[u8]>>(1).map_err(|error| failed(&error))?.map(Bytes::copy_from_slice))
    }

    /// What is stored of the damaged records that the batch is about.
    async fn damaged(&self, batch: &Batch) -> Result<Vec<Bytes>, Error> {
        let mut found = Vec::new();
        for precondition in &batch.preconditions {
            if let Precondition::Damaged(key) = precondition {
                let stored = self.stored(key).await?.filter(|stored| record::decode(key, stored).is_err());
                found.push(stored.ok_or(Error::Conflict)?);
            }
        }
        Ok(found)
    }

    /// Of a refused batch: what it compares may be damaged. That is no conflict, because who reads it again does
    /// not come further.
    async fn refused(&self, batch: &Batch) -> Error {
        let compared = |precondition: &Precondition| match precondition {
            Precondition::Unchanged { key, .. } => Some(Scan { start: key.clone(), end: None, limit: 1 }),
            _ => None,
        };
        let scans: Vec<Scan> = batch.preconditions.iter().filter_map(compared).collect();
        let keys: Vec<Bytes> = scans.iter().map(|scan| scan.start.clone()).collect();
        match self.pages(scans).await {
            Ok(pages) => {
                let found = pages.into_iter().zip(keys).filter_map(|(page, key)| Some((page.into_iter().next()?, key)));
                let damaged = |(entry, key): (Entry, Bytes)| (entry.key == key && entry.value.is_none()).then_some(key);
                found.filter_map(damaged).next().map_or(Error::Conflict, |key| Error::record(&key))
            }
            Err(error) => error,
        }
    }

    /// Has a batch happen once or not at all, and knows which. Where the answer is lost, it is found out.
    async fn submit(&self, arrays: &Arrays) -> Result<Outcome, Error> {
        let mut attempt = 1;
        loop {
            let mut lent = self.pool.lend().await?;
            let serial = lent.next();
            let error = match apply(&lent, serial, arrays).await {
                Ok(Ok(outcome)) => {
                    lent.give_back();
                    return Ok(outcome);
                }
                Ok(Err(error)) if is_undone(&error) => {
                    lent.give_back();
                    if attempt < ATTEMPTS && is_transient(&error) {
                        attempt += 1;
                        continue;
                    }
                    return Err(failed(&error));
                }
                Ok(Err(error)) => failed(&error),
                Err(late) => late,
            };
            let session = lent.id;
            drop(lent);
            self.pool.discard();
            tracing::warn!(error = with_causes(&error), "a commit has no answer; finding out what became of it");
            match self.find_out(session, serial).await? {
                true => return Ok(Outcome::Applied),
                false if attempt < ATTEMPTS => attempt += 1,
                false => return Err(error),
            }
        }
    }

    /// Whether the batch of this number happened; if not, it never will. Marking the session waits for a commit
    /// that is under way, and a later one finds the mark.
    async fn find_out(&self, session: i64, serial: i64) -> Result<bool, Error> {
        let until = Instant::now() + self.pool.settings().limits().doubt;
        let mut pause = Duration::from_millis(50);
        loop {
            match self.close(session).await {
                Ok(Some(last)) => return Ok(last == serial),
                // Whoever took over removed it: what happened before, happened.
                Ok(None) => return Err(superseded()),
                Err(error) if Instant::now() + pause >= until => {
                    tracing::error!(error = with_causes(&error), "what became of a commit cannot be found out");
                    let text = format!("the outcome of a commit is unknown: {}", with_causes(&error));
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text).into());
                }
                Err(_) => {
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
    }

    /// Forbids a session to commit and says which batch was its last.
    async fn close(&self, session: i64) -> Result<Option<i64>, Error> {
        let client = connect(self.pool.settings()).await?;
        let text = "UPDATE sessions SET closed = true WHERE session = $1 RETURNING serial";
        let row = client.query_opt(text, &[&session]).await.map_err(|error| failed(&error))?;
        row.map(|row| row.try_get(0)).transpose().map_err(|error| failed(&error))
    }
}

/// Refuses what was read when it was not this gateway's turn any more.
fn mine(row: &Row) -> Result<(), Error> {
    match row.try_get::<_, Option<bool>>(0) {
        Ok(Some(true)) => Ok(()),
        Ok(_) => Err(superseded()),
        Err(error) => Err(failed(&error)),
    }
}

/// The outer error is of time.
async fn apply(lent: &Lent<'_>, serial: i64, arrays: &Arrays) -> Result<Result<Outcome, tokio_postgres::Error>, Error> {
    let same_values: Vec<Option<&[u8]>> = arrays.same_values.iter().map(Option::as_deref).collect();
    let [same_keys, present, empty] = [&arrays.same_keys, &arrays.present, &arrays.empty].map(|all| slices(all));
    let [deleted, put_keys] = [&arrays.deleted, &arrays.put_keys].map(|all| slices(all));
    let [put_values, announced] = [&arrays.put_values, &arrays.announced].map(|all| slices(all));
    let with: [&(dyn ToSql + Sync); 12] = [
        &lent.id,
        &serial,
        &arrays.locks,
        &arrays.shared,
        &same_keys,
        &same_values,
        &present,
        &empty,
        &deleted,
        &put_keys,
        &put_values,
        &announced,
    ];
    let rows = match lent.ask(&lent.statements.apply, &with).await? {
        Ok(rows) => rows,
        Err(error) => return Ok(Err(error)),
    };
    // The rows come to an end only when the server is ready again, which is after its commit.
    let code = rows.first().map(|row| row.try_get::<_, i16>(0)).transpose();
    Ok(code.map(|code| match code {
        Some(0) => Outcome::Applied,
        Some(1) => Outcome::Conflict,
        _ => Outcome::Superseded,
    }))
}

fn slices(all: &[Bytes]) -> Vec<&[u8]> {
    all.iter().map(|bytes| &bytes[..]).collect()
}

/// For PostgreSQL, whose numbers have a sign.
fn number(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

#[async_trait]
impl MetaStore for PostgresMeta {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let Some(stored) = self.stored(key).await? else { return Ok(None) };
        record::decode(key, &stored)?;
        Ok(Some(stored.slice(record::OVERHEAD..)))
    }

    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        Ok(self.pages(vec![scan]).await?.pop().unwrap_or_default())
    }

    async fn pages(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Entry>>, Error> {
        let mut pages = vec![Vec::new(); scans.len()];
        if scans.is_empty() {
            return Ok(pages);
        }
        let starts: Vec<&[u8]> = scans.iter().map(|scan| &scan.start[..]).collect();
        let stops: Vec<Option<&[u8]>> = scans.iter().map(|scan| scan.end.as_deref()).collect();
        let most: Vec<i64> = scans.iter().map(|scan| i64::try_from(scan.limit).unwrap_or(i64::MAX)).collect();
        let rows = self.read(|statements| &statements.pages, &[&self.pool.token(), &starts, &stops, &most]).await?;
        for row in &rows {
            mine(row)?;
            let (page, entry) = entry(row).map_err(|error| failed(&error))?;
            let page = usize::try_from(page).ok().and_then(|page| pages.get_mut(page.checked_sub(1)?));
            if let (Some(page), Some(entry)) = (page, entry) {
                page.push(entry);
            }
        }
        // They come in order; SQL does not promise it of a join.
        pages.iter_mut().for_each(|page| page.sort_by(|a, b| a.key.cmp(&b.key)));
        Ok(pages)
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        let stored = self.damaged(&batch).await?;
        match self.submit(&Arrays::of(&batch, &stored, self.locks)).await? {
            Outcome::Applied => Ok(()),
            Outcome::Conflict => Err(self.refused(&batch).await),
            Outcome::Superseded => Err(superseded()),
        }
    }

    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, Error> {
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let with: [&(dyn ToSql + Sync); 3] = [&self.pool.token(), &number(since), &most];
        let rows = self.read(|statements| &statements.changes, &with).await?;
        let mut changes = Vec::with_capacity(rows.len());
        for row in &rows {
            mine(row)?;
            changes.extend(change(row)?);
        }
        changes.sort_by_key(|change| change.position);
        Ok(changes)
    }

    async fn trim(&self, through: Position) -> Result<(), Error> {
        let client = connect(self.pool.settings()).await?;
        let text = "DELETE FROM changes WHERE position <= $1 AND $2 = (SELECT token FROM gateway)";
        let trimmed = client.execute(text, &[&number(through), &self.pool.token()]).await;
        trimmed.map(drop).map_err(|error| failed(&error))
    }
}

/// Which page a row belongs to, and its entry; none where the page is empty.
fn entry(row: &Row) -> Result<(i64, Option<Entry>), tokio_postgres::Error> {
    let (page, key, value): (i64, Option<&[u8]>, Option<&[u8]>) = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let entry = key.zip(value).map(|(key, value)| {
        let value = record::decode(key, value).ok().map(Bytes::copy_from_slice);
        Entry { key: Bytes::copy_from_slice(key), value }
    });
    Ok((page, entry))
}

fn change(row: &Row) -> Result<Option<Change>, Error> {
    let read = || Ok((row.try_get::<_, Option<i64>>(1)?, row.try_get::<_, Option<&[u8]>>(2)?));
    let (position, body) = read().map_err(|error: tokio_postgres::Error| failed(&error))?;
    let Some((position, body)) = position.zip(body) else { return Ok(None) };
    let body = Bytes::copy_from_slice(record::decode(b"", body)?);
    Ok(Some(Change { position: Position(u64::try_from(position).unwrap_or(0)), body }))
}
