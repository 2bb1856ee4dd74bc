//! Connections that are lent to one statement after the other.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arqueta_store::Error;
use futures::future::try_join4;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::connect::connect;
use crate::error::{failed, is_crowded, late, superseded};
use crate::settings::Settings;

/// A value, from a state in which it is this gateway's turn.
const GET: &str = "SELECT (SELECT token FROM gateway) = $1, (SELECT value FROM records WHERE key = $2)";

/// Pages, all from one snapshot. Two arms, because only a bound that is there bounds a scan of the index.
const PAGES: &str = "\
SELECT g.token = $1, s.n, r.key, r.value FROM gateway g \
CROSS JOIN unnest($2::bytea[], $3::bytea[], $4::bigint[]) WITH ORDINALITY AS s (start, stop, most, n) \
LEFT JOIN LATERAL ( \
  (SELECT key, value FROM records WHERE s.stop IS NOT NULL AND key >= s.start AND key < s.stop ORDER BY key LIMIT s.most) \
  UNION ALL \
  (SELECT key, value FROM records WHERE s.stop IS NULL AND key >= s.start ORDER BY key LIMIT s.most) \
) r ON true";

/// The feed after a position.
const CHANGES: &str = "\
SELECT g.token = $1, c.position, c.body FROM gateway g \
LEFT JOIN LATERAL (SELECT position, body FROM changes WHERE position > $2 ORDER BY position LIMIT $3) c ON true";

/// A batch.
const APPLY: &str = "SELECT apply_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/// Entitles a connection to commit, while it is this gateway's turn: `FOR SHARE` waits for one who takes over.
const REGISTER: &str = "\
WITH mine AS (SELECT 1 FROM gateway WHERE token = $1 FOR SHARE) \
INSERT INTO sessions (serial) SELECT 0 FROM mine RETURNING session";

/// What every connection has prepared.
pub(crate) struct Statements {
    pub(crate) get: Statement,
    pub(crate) pages: Statement,
    pub(crate) changes: Statement,
    pub(crate) apply: Statement,
}

/// A connection that may commit.
pub(crate) struct Session {
    client: Client,
    pub(crate) statements: Statements,
    /// Its row of `sessions`.
    pub(crate) id: i64,
    serial: i64,
}

impl Session {
    /// The number of its next batch.
    pub(crate) fn next(&mut self) -> i64 {
        self.serial += 1;
        self.serial
    }
}

/// Connections, of which each is one statement's at a time.
pub(crate) struct Pool {
    settings: Arc<Settings>,
    token: i64,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
    /// Told of each connection that comes back.
    returned: Notify,
}

/// A connection on loan. What is not given back is closed: its answer may still be on its way.
pub(crate) struct Lent<'a> {
    session: Session,
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
}

impl Deref for Lent<'_> {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Lent<'_> {
    pub(crate) fn next(&mut self) -> i64 {
        self.session.next()
    }

    /// The rows of one statement. The outer error is of time.
    pub(crate) async fn ask(
        &self,
        statement: &Statement,
        with: &[&(dyn ToSql + Sync)],
    ) -> Result<Result<Vec<Row>, tokio_postgres::Error>, Error> {
        let limit = self.pool.settings.limits().statement + Duration::from_secs(5);
        let asked = self.session.client.query(statement, with);
        timeout(limit, asked).await.map_err(|_| late("no answer", limit))
    }

    /// For the next one, unless it is broken.
    pub(crate) fn give_back(self) {
        if !self.session.client.is_closed() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.session);
            self.pool.returned.notify_one();
        }
    }
}

impl Pool {
    /// For the gateway whose turn has this token.
    pub(crate) fn new(settings: Arc<Settings>, token: i64) -> Self {
        let permits = Semaphore::new(settings.limits().connections.max(1));
        Self { settings, token, permits, idle: Mutex::default(), returned: Notify::new() }
    }

    pub(crate) const fn token(&self) -> i64 {
        self.token
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The connection used last, or a new one.
    ///
    /// # Errors
    /// [`Error::Io`] if none is free for too long or the server cannot be reached; nothing was sent then.
    pub(crate) async fn lend(&self) -> Result<Lent<'_>, Error> {
        let wait = self.settings.limits().wait;
        let permit = timeout(wait, self.permits.acquire()).await;
        let permit = permit.map_err(|_| late("all connections are in use", wait))?.map_err(|_| Error::Closed)?;
        let session = match self.take() {
            Some(session) => session,
            None => match self.connected().await {
                // Others have the rest: those that are open serve everybody in turn.
                Err(error) if is_crowded(&error) => timeout(wait, self.next_returned()).await.map_err(|_| error)?,
                connected => connected?,
            },
        };
        Ok(Lent { session, pool: self, _permit: permit })
    }

    /// Closes what idles: after one connection broke, the others probably are broken, too.
    pub(crate) fn discard(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn take(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|session| !session.client.is_closed());
        idle.pop()
    }

    async fn next_returned(&self) -> Session {
        loop {
            let returned = self.returned.notified();
            if let Some(session) = self.take() {
                return session;
            }
            returned.await;
        }
    }

    async fn connected(&self) -> Result<Session, Error> {
        let client = connect(&self.settings).await?;
        let limit = self.settings.limits().statement + Duration::from_secs(5);
        let begun = timeout(limit, self.begin(&client)).await.map_err(|_| late("no answer", limit))?;
        let (statements, id) = begun?;
        Ok(Session { client, statements, id, serial: 0 })
    }

    async fn begin(&self, client: &Client) -> Result<(Statements, i64), Error> {
        let row = client.query_opt(REGISTER, &[&self.token]).await.map_err(|error| failed(&error))?;
        let id = row.ok_or_else(superseded)?.try_get(0).map_err(|error| failed(&error))?;
        let prepare = |text| client.prepare(text);
        let prepared = try_join4(prepare(GET), prepare(PAGES), prepare(CHANGES), prepare(APPLY)).await;
        let (get, pages, changes, apply) = prepared.map_err(|error| failed(&error))?;
        Ok((Statements { get, pages, changes, apply }, id))
    }
}
