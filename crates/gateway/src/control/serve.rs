//! The gateway's end of the socket.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{AuditSink, Event, EventBuilder};
use arqueta_engine::Engine;
use arqueta_iam::Iam;
use arqueta_model::{AccountId, Clock, Region};
use arqueta_store::{Entry, MetaStore, RedbStore, Scan};
use arqueta_work::rekey::Rekey;
use arqueta_work::scrub::Scrub;
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::quota::Quotas;
use super::rekeys::Rekeys;
use super::replication::Replications;
use super::still::Still;
use super::wire::{Created, Listed, NAME, REQUEST, Request, address, kind};
use super::{scrub, still};
use crate::Config;

/// Commands served at once.
const AT_ONCE: usize = 4;
/// How long a command may take to ask, or to read its answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most records read at once for a page.
const RECORDS: usize = 64;
/// Bytes at which a page ends.
const PAGE: usize = 1 << 20;

/// What is answered from.
#[derive(Clone)]
pub(crate) struct Desk {
    /// The metadata as it is stored.
    meta: Arc<dyn MetaStore>,
    iam: Arc<Iam>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    region: Region,
    /// The account of the gateway's operator.
    home: AccountId,
    quotas: Quotas,
    scrub: Arc<Scrub>,
    still: Still,
    rekeys: Rekeys,
    replications: Replications,
}

/// The socket; its name goes with it.
pub(crate) struct Bound {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Bound {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Binds the socket of a folder that this process has open: one that is there was left by a process
/// that died. A folder that cannot have a socket is served without one.
pub(crate) fn bind(folder: &Path) -> Option<Bound> {
    let bound = try_bind(folder);
    bound
        .inspect_err(|error| tracing::warn!(%error, "no socket in the data folder: commands need the gateway stopped"))
        .ok()
}

impl Bound {
    /// Serves commands until it is dropped.
    pub async fn serve(self, desk: Desk) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a command cannot be accepted");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let (desk, place) = (desk.clone(), places.clone().try_acquire_owned());
            tokio::spawn(async move {
                let ended = match (is_ours(&stream), place) {
                    (true, Ok(_place)) => desk.converse(stream).await,
                    (true, Err(_)) => refuse(stream, "other commands are under way; try again").await,
                    (false, _) => refuse(stream, "it belongs to another user").await,
                };
                if let Err(error) = ended {
                    tracing::debug!(%error, "a command ended");
                }
            });
        }
    }
}

fn try_bind(folder: &Path) -> io::Result<Bound> {
    let path = folder.join(NAME);
    match std::fs::symlink_metadata(&path) {
        Ok(there) if there.file_type().is_socket() => std::fs::remove_file(&path)?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{NAME} is no socket"))),
        Err(_) => {}
    }
    let (address, _folder) = address(folder)?;
    let listener = UnixListener::bind(&address)?;
    let bound = Bound { listener, path };
    std::fs::set_permissions(&bound.path, Permissions::from_mode(0o600))?;
    Ok(bound)
}

/// Whether the peer is this process's user or root.
fn is_ours(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn refuse(mut stream: UnixStream, why: &str) -> io::Result<()> {
    answer(&mut stream, kind::REFUSED, why.as_bytes()).await
}

async fn answer(stream: &mut (impl tokio::io::AsyncWrite + Unpin), kind: u8, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len() + 1).map_err(|_| io::Error::other("an answer is too long"))?;
    let head = [&length.to_be_bytes()[..], &[kind]].concat();
    let write = async {
        stream.write_all(&head).await?;
        stream.write_all(body).await
    };
    timeout(PATIENCE, write).await?
}

impl Desk {
    /// Over the metadata as it is stored, the identities and the buckets; what changes is recorded in `audit`.
    pub fn new(
        (meta, iam, engine): (Arc<dyn MetaStore>, Arc<Iam>, Arc<Engine>),
        (audit, clock): (Arc<dyn AuditSink>, Arc<dyn Clock>),
        (scrub, rekey, journaled): (Arc<Scrub>, Arc<Rekey>, Option<Arc<RedbStore>>),
        config: &Config,
    ) -> Self {
        let region = config.region.clone();
        let rekeys = Rekeys { rekey, engine: engine.clone() };
        let still = Still { engine: engine.clone(), journaled };
        let quotas =
            Quotas { engine: engine.clone(), audit: audit.clone(), clock: clock.clone(), region: region.clone() };
        let replications = Replications { engine, audit: audit.clone(), clock: clock.clone(), region: region.clone() };
        let home = config.account_id.clone();
        Self { meta, iam, audit, clock, region, home, quotas, scrub, still, rekeys, replications }
    }

    async fn converse(&self, stream: UnixStream) -> io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut read = BufReader::new(read);
        let mut kept = None;
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut read).take(REQUEST as u64);
            timeout(PATIENCE, bounded.read_until(b'\n', &mut line)).await??;
            if line.is_empty() {
                return Ok(());
            }
            let done = match serde_json::from_slice(&line) {
                Ok(Request::Page { start, end, limit }) => {
                    let meta = still::state_of(&kept).unwrap_or(&*self.meta);
                    page(meta, &start, end.as_deref(), limit).await.map(|page| (kind::PAGE, page))
                }
                Ok(Request::Accounts) => self.accounts().await.map(|accounts| (kind::JSON, accounts)),
                Ok(Request::CreateAccount { account }) => self.create(&account).await.map(|key| (kind::JSON, key)),
                Ok(Request::Usage) => self.quotas.show().await.map(|usage| (kind::JSON, usage)),
                Ok(Request::Limit { of, limits }) => {
                    self.quotas.limit(&of, &limits).await.map(|done| (kind::JSON, done))
                }
                Ok(Request::Recount { bucket }) => {
                    self.quotas.recount(&bucket).await.map(|counted| (kind::JSON, counted))
                }
                Ok(Request::Freeze) => self.still.freeze(&mut kept).map(|done| (kind::JSON, done)),
                Ok(Request::Thaw) => still::thaw(&mut kept).map(|done| (kind::JSON, done)),
                Ok(Request::StillKept) => still::kept(&kept).map(|done| (kind::JSON, done)),
                Ok(Request::Scrub(ask)) => scrub::answer(&self.scrub, &ask).await.map(|place| (kind::JSON, place)),
                Ok(Request::Rekey(asked)) => self.rekeys.begin(&asked).await.map(|job| (kind::JSON, job)),
                Ok(Request::RekeyJob { bucket }) => self.rekeys.job(&bucket).await.map(|job| (kind::JSON, job)),
                Ok(Request::StopRekey { bucket }) => self.rekeys.stop(&bucket).await.map(|job| (kind::JSON, job)),
                Ok(Request::Replication(ask)) => self.replications.answer(&ask).await.map(|told| (kind::JSON, told)),
                Err(error) => {
                    let why = format!("this is not a request: {error}");
                    return answer(&mut write, kind::REFUSED, why.as_bytes()).await;
                }
            };
            match done {
                Ok((kind, body)) => answer(&mut write, kind, &body).await?,
                Err(why) => answer(&mut write, kind::REFUSED, why.as_bytes()).await?,
            }
        }
    }

    async fn accounts(&self) -> Result<Vec<u8>, String> {
        let mut listed = Vec::new();
        for account in self.iam.accounts().list().await.map_err(|error| error.to_string())? {
            let created = self.iam.accounts().created(&account).await.map_err(|error| error.to_string())?;
            listed.push(Listed { account: account.to_string(), created: created.rfc3339() });
        }
        serde_json::to_vec(&listed).map_err(|error| error.to_string())
    }

    async fn create(&self, account: &str) -> Result<Vec<u8>, String> {
        let account: AccountId = account.parse().map_err(|_| format!("{account:?} is no account id"))?;
        if self.iam.accounts().list().await.map_err(|error| error.to_string())?.contains(&account) {
            return Err(format!("account {account} exists already"));
        }
        // As every change: not without its record, and the secret is not told before it is durable.
        self.audit.announce(self.event(&account, "IN_PROGRESS")).await.map_err(unrecorded)?;
        let key = self.iam.accounts().create(&account).await.map_err(|error| error.to_string())?;
        self.audit.append(self.event(&account, "SUCCEEDED")).await.map_err(unrecorded)?;
        let secret = key.secret.expose().to_owned();
        serde_json::to_vec(&Created { access_key_id: key.access_key_id, secret }).map_err(|error| error.to_string())
    }
}

impl Desk {
    /// What AWS Organizations records of a new account (its User Guide, "Logging AWS Organizations API
    /// calls"): nobody who has an identity here made it.
    fn event(&self, account: &AccountId, state: &str) -> Event {
        let details = serde_json::json!({ "createAccountStatus": { "accountId": account.as_str(), "state": state } });
        let (source, name) = ("organizations.amazonaws.com", "CreateAccountResult");
        let event = EventBuilder::of_service(source, name, &self.region, &self.home, self.clock.now(), details);
        event.writes().build()
    }
}

/// Entries: each key and value by its length, four bytes; a damaged value has the largest length.
async fn page(meta: &dyn MetaStore, start: &str, end: Option<&str>, limit: usize) -> Result<Vec<u8>, String> {
    let key = |digits: &str| hex::decode(digits).map(Bytes::from).map_err(|error| error.to_string());
    let mut scan = Scan { start: key(start)?, end: end.map(key).transpose()?, limit: 1 };
    let (mut body, mut left) = (Vec::new(), limit);
    while left > 0 && body.len() < PAGE {
        // One at first: of large records a few are too many.
        scan.limit = left.min(if body.is_empty() { 1 } else { RECORDS });
        let page = meta.page(scan.clone()).await.map_err(|error| error.to_string())?;
        let Some(last) = page.last() else { break };
        scan.start = [&last.key[..], &[0]].concat().into();
        for Entry { key, value } in &page {
            left -= 1;
            put(&mut body, Some(key))?;
            put(&mut body, value.as_deref())?;
        }
    }
    Ok(body)
}

fn unrecorded(error: arqueta_audit::Error) -> String {
    format!("the record cannot be written: {error}")
}

fn put(body: &mut Vec<u8>, bytes: Option<&[u8]>) -> Result<(), String> {
    let length = bytes.map_or(Ok(u32::MAX), |bytes| u32::try_from(bytes.len()));
    body.extend_from_slice(&length.map_err(|_| "a record is too long".to_owned())?.to_be_bytes());
    body.extend_from_slice(bytes.unwrap_or_default());
    Ok(())
}
