//! A command's end of the socket.

use std::io;
use std::path::Path;

use arqueta_model::{AccountId, BucketName};
use arqueta_store::{Batch, Change, Entry, Error as StoreError, MetaStore, Position, Scan};
use arqueta_work::scrub::Place;
use async_trait::async_trait;
use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use super::wire::{
    ANSWER, Backlog, Behind, BucketQuota, Created, Limits, Listed, Of, RekeyBucket, RekeyJob, ReplicationAsk, Request,
    ScrubAsk, Usages, address, kind,
};
use crate::Error;

/// The gateway that has a data folder open. As a [`MetaStore`] it is the folder's metadata as it is
/// stored, which can be read and not be changed.
pub(crate) struct Running(Mutex<UnixStream>);

/// What came back.
enum Answer {
    Page(Bytes),
    Json(Bytes),
}

impl Running {
    /// The gateway that runs on a folder, if one does.
    ///
    /// # Errors
    /// [`Error::Config`] where one runs and does not talk to this user.
    pub async fn on(folder: &Path) -> Result<Option<Self>, Error> {
        let connected = match address(folder) {
            Ok((address, _folder)) => UnixStream::connect(address).await,
            Err(error) => Err(error),
        };
        match connected {
            Ok(stream) => Ok(Some(Self(Mutex::new(stream)))),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let folder = folder.display();
                Err(Error::Config(format!("the gateway on {folder} is another user's; run this command as that one")))
            }
            // None was ever there, or what is there was left by one that died.
            Err(_) => Ok(None),
        }
    }

    /// The accounts.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn accounts(&self) -> Result<Vec<Listed>, Error> {
        self.json(&Request::Accounts).await
    }

    /// Creates an account.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn create_account(&self, account: &AccountId) -> Result<Created, Error> {
        self.json(&Request::CreateAccount { account: account.to_string() }).await
    }

    /// What lies in every bucket, and all limits.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn usage(&self) -> Result<Usages, Error> {
        self.json(&Request::Usage).await
    }

    /// Limits a bucket or an account.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn limit(&self, of: Of, limits: Limits) -> Result<(), Error> {
        self.json(&Request::Limit { of, limits }).await
    }

    /// Counts a bucket again.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn recount(&self, bucket: &BucketName) -> Result<BucketQuota, Error> {
        self.json(&Request::Recount { bucket: bucket.to_string() }).await
    }

    /// From here on this is one state of the metadata, and no body that it refers to goes away.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn freeze(&self) -> Result<(), Error> {
        self.json(&Request::Freeze).await
    }

    /// The end of that; bodies stay until this is dropped.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn thaw(&self) -> Result<(), Error> {
        self.json(&Request::Thaw).await
    }

    /// Whether bodies are kept still. Asked for every few seconds, or the gateway takes this for gone.
    ///
    /// # Errors
    /// [`Error::Config`] where they are not.
    pub async fn still_kept(&self) -> Result<(), Error> {
        self.json(&Request::StillKept).await
    }

    /// Asks for the scrub, or of it.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn scrub(&self, ask: &ScrubAsk) -> Result<Option<Place>, Error> {
        self.json(&Request::Scrub(ask.clone())).await
    }

    /// Begins a job that wraps the versions of a bucket anew.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn rekey(&self, asked: RekeyBucket) -> Result<RekeyJob, Error> {
        self.json(&Request::Rekey(asked)).await
    }

    /// How far it is.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn rekey_job(&self, bucket: &str) -> Result<RekeyJob, Error> {
        self.json(&Request::RekeyJob { bucket: bucket.to_owned() }).await
    }

    /// Stops it.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn stop_rekey(&self, bucket: &str) -> Result<RekeyJob, Error> {
        self.json(&Request::StopRekey { bucket: bucket.to_owned() }).await
    }

    /// How far the replication of a bucket is.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn replication_status(&self, bucket: &BucketName) -> Result<Behind, Error> {
        self.json(&Request::Replication(ReplicationAsk::Status { bucket: bucket.to_string() })).await
    }

    /// A page of the versions that wait or failed.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn replication_backlog(&self, bucket: &BucketName, from: Option<String>) -> Result<Backlog, Error> {
        self.json(&Request::Replication(ReplicationAsk::Backlog { bucket: bucket.to_string(), from })).await
    }

    /// Lets what failed wait again. Returns how many versions.
    ///
    /// # Errors
    /// [`Error::Config`] with what the gateway said.
    pub async fn retry_replication(&self, bucket: &BucketName) -> Result<u64, Error> {
        self.json(&Request::Replication(ReplicationAsk::Retry { bucket: bucket.to_string() })).await
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, request: &Request) -> Result<T, Error> {
        let failed = |error: io::Error| Error::Config(format!("the running gateway: {error}"));
        match self.ask(request).await.map_err(failed)? {
            Answer::Json(body) => serde_json::from_slice(&body).map_err(|error| failed(error.into())),
            Answer::Page(_) => Err(failed(unexpected())),
        }
    }

    async fn ask(&self, request: &Request) -> io::Result<Answer> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        let mut stream = self.0.lock().await;
        // Who was turned away is told why, and may read it although nothing was read of the question.
        let asked = stream.write_all(&line).await;
        let length = match (stream.read_u32().await, asked) {
            (Ok(length), _) => usize::try_from(length).unwrap_or(usize::MAX),
            (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error),
        };
        if length == 0 || length > ANSWER {
            return Err(unexpected());
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).await?;
        let answer = Bytes::from(answer);
        let body = answer.slice(1..);
        match answer[0] {
            kind::PAGE => Ok(Answer::Page(body)),
            kind::JSON => Ok(Answer::Json(body)),
            _ => Err(io::Error::other(String::from_utf8_lossy(&body).into_owned())),
        }
    }
}

#[async_trait]
impl MetaStore for Running {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let scan = Scan { start: Bytes::copy_from_slice(key), end: Some([key, &[0]].concat().into()), limit: 1 };
        Ok(self.scan(scan).await?.pop().map(|(_, value)| value))
    }

    async fn page(&self, mut scan: Scan) -> Result<Vec<Entry>, StoreError> {
        let mut all = Vec::new();
        while all.len() < scan.limit {
            let request = Request::Page {
                start: hex::encode(&scan.start),
                end: scan.end.as_ref().map(hex::encode),
                limit: scan.limit - all.len(),
            };
            let Answer::Page(body) = self.ask(&request).await.map_err(StoreError::Io)? else {
                return Err(StoreError::Io(unexpected()));
            };
            let page = entries(body).ok_or_else(|| StoreError::Io(unexpected()))?;
            let Some(last) = page.last() else { break };
            scan.start = [&last.key[..], &[0]].concat().into();
            all.extend(page);
        }
        Ok(all)
    }

    async fn commit(&self, _: Batch) -> Result<(), StoreError> {
        Err(StoreError::Io(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "a gateway runs on the data folder")))
    }

    async fn changes(&self, _: Position, _: usize) -> Result<Vec<Change>, StoreError> {
        Err(StoreError::Io(io::ErrorKind::Unsupported.into()))
    }

    async fn trim(&self, _: Position) -> Result<(), StoreError> {
        Err(StoreError::Io(io::ErrorKind::Unsupported.into()))
    }
}

fn entries(mut body: Bytes) -> Option<Vec<Entry>> {
    let mut all = Vec::new();
    while body.has_remaining() {
        let key = take(&mut body)??;
        all.push(Entry { key, value: take(&mut body)? });
    }
    Some(all)
}

/// The next string of bytes; within, `None` for a damaged value.
fn take(body: &mut Bytes) -> Option<Option<Bytes>> {
    let length = body.try_get_u32().ok()?;
    if length == u32::MAX {
        return Some(None);
    }
    let length = usize::try_from(length).ok()?;
    (length <= body.len()).then(|| Some(body.split_to(length)))
}

fn unexpected() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "an answer that this command does not understand")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn cut_pages_are_no_pages() {
        let whole = [&[0, 0, 0, 1, b'k', 0, 0, 0, 2, b'v', b'w'][..], &[0, 0, 0, 1, b'l', 255, 255, 255, 255]].concat();
        let read = entries(whole.clone().into()).unwrap();
        let damaged = Entry { key: "l".into(), value: None };
        assert_eq!(read, [Entry { key: "k".into(), value: Some("vw".into()) }, damaged]);
        for end in (1..whole.len()).filter(|end| *end != 11) {
            assert_eq!(entries(whole[..end].to_vec().into()), None, "{end}");
        }
        assert_eq!(entries(vec![255; 4].into()), None, "a key is never damaged");
    }
}
