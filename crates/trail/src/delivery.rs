//! Delivery: log files and digests into the bucket, each under a name that was fixed before.
//!
//! A file is begun (its name and its events are stored), put, and then done (what follows it is
//! stored). After a failure or a crash in between, the next attempt puts the same file over the
//! same key: nothing is lost, and nothing stays twice.

use std::time::Duration;

use arqueta_audit::Mark;
use arqueta_model::{ObjectId, Timestamp};
use bytes::Bytes;

use crate::digest::{ALGORITHM, Digest};
use crate::directory::Read;
use crate::log_file::{Contents, gzip};
use crate::record::{BegunDigest, BegunFile, Chain, LogFile, PreviousDigest, Progress, Trail, Until};
use crate::{Error, Object, TrailId, Trails};

impl Trails {
    /// Delivers what is due for one trail.
    ///
    /// # Errors
    /// [`Error::TrailNotFound`], and whatever keeps files from being delivered; GetTrailStatus
    /// tells that, too.
    pub async fn deliver_for(&self, id: &TrailId) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        self.advance(id).await
    }

    /// Delivers what is due for every trail. Failures are logged and told by GetTrailStatus.
    pub async fn deliver_all(&self) {
        let trails = match self.directory.trails(None).await {
            Ok(trails) => trails,
            Err(error) => return tracing::error!(%error, "trails cannot be read"),
        };
        for Trail { id, .. } in trails {
            match self.deliver_for(&id).await {
                // Deleted meanwhile.
                Ok(()) | Err(Error::TrailNotFound { .. }) => {}
                Err(error) => {
                    tracing::error!(trail = %id.name, account = %id.account, %error, "a trail cannot be delivered");
                }
            }
        }
    }

    /// Delivers what is due. The caller holds the turn.
    pub(crate) async fn advance(&self, id: &TrailId) -> Result<(), Error> {
        let trail = self.directory.trail(id).await?.value;
        let progress = self.directory.progress(id).await?;
        Work { trails: self, trail: &trail, progress }.advance().await
    }
}

/// What GetTrailStatus shows where lines of the record could not be read, and so not delivered.
const DAMAGED: &str = "InternalFailure";

/// What is done for one trail.
struct Work<'a> {
    trails: &'a Trails,
    trail: &'a Trail,
    progress: Read<Progress>,
}

impl Work<'_> {
    async fn advance(&mut self) -> Result<(), Error> {
        if self.follow_setting() {
            self.save().await?;
        }
        while let Some(until) = self.progress.value.spans.front().map(|span| span.until.clone()) {
            let (target, closed) = match until {
                Until::Open => (self.trails.record.end().await?, false),
                Until::At(mark) => (mark, true),
                Until::Closing => (self.close().await?, true),
            };
            let delivered = self.deliver_to(&target).await;
            if delivered.is_ok() && closed {
                self.finish().await?;
                continue;
            }
            // Log files that cannot be read or delivered are no reason to break the chain.
            let digested = self.digest_if_due().await;
            delivered?;
            return digested;
        }
        Ok(())
    }

    /// There is a chain exactly where digests are wanted. Answers whether that changed anything.
    fn follow_setting(&mut self) -> bool {
        let now = self.trails.clock.now();
        let wanted = self.trail.validation;
        let progress = &mut self.progress.value;
        match (&progress.chain, progress.spans.is_empty()) {
            (Some(_), _) if !wanted => progress.chain = None,
            (None, false) if wanted => {
                progress.chain = Some(Chain::begin(progress.digested_to.map_or(now, |end| end.max(now))));
            }
            _ => return false,
        }
        true
    }

    async fn save(&mut self) -> Result<(), Error> {
        self.trails.directory.put_progress(&self.trail.id, &mut self.progress).await
    }

    /// Fixes the end of a stretch that was stopped.
    async fn close(&mut self) -> Result<Mark, Error> {
        let end = self.trails.record.end().await?;
        if let Some(span) = self.progress.value.spans.front_mut() {
            span.until = Until::At(end.clone());
        }
        self.save().await?;
        Ok(end)
    }

    /// A stretch is delivered to its end: the chain ends with it, and the next one begins anew.
    async fn finish(&mut self) -> Result<(), Error> {
        while let Some(chain) = &self.progress.value.chain {
            let last = chain.begun.is_none();
            self.digest().await?;
            if last {
                break;
            }
        }
        self.progress.value.chain = None;
        self.progress.value.spans.pop_front();
        self.follow_setting();
        self.save().await
    }

    /// Delivers the first stretch up to `target`, file by file.
    async fn deliver_to(&mut self, target: &Mark) -> Result<(), Error> {
        loop {
            let Some(from) = self.progress.value.spans.front().map(|span| span.from.clone()) else { return Ok(()) };
            let begun = self.progress.value.file.clone();
            if from >= *target && begun.is_none() {
                return Ok(());
            }
            let to = begun.as_ref().map_or(target, |begun| &begun.to);
            let gathered = self.trails.record.gather(self.trail, &from, to, begun.is_some()).await;
            let gathered = self.noting_delivery(gathered).await?;
            let (more, damaged) = (gathered.to > from, gathered.damaged);
            match gathered.contents {
                Some(contents) => {
                    let begun = match begun {
                        Some(begun) => begun,
                        None => self.begin(gathered.to).await?,
                    };
                    self.put(begun, contents, damaged).await?;
                }
                // Nothing that is wanted up to here: all there is, or the file that was begun under
                // other selectors.
                None => {
                    let done = begun.is_none();
                    if let Some(span) = self.progress.value.spans.front_mut() {
                        span.from = begun.map_or(gathered.to, |begun| begun.to);
                    }
                    self.progress.value.file = None;
                    if damaged {
                        self.progress.value.status.delivery_error = Some(DAMAGED.to_owned());
                    }
                    if more {
                        self.save().await?;
                    }
                    if done {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Fixes name and events of a log file before it is put.
    async fn begin(&mut self, to: Mark) -> Result<BegunFile, Error> {
        let at = self.trails.clock.now();
        let unique = ObjectId::random().to_string();
        let name = self.trails.layout(self.trail).log_name(at, &unique[..16]);
        let begun = BegunFile { name, at, to };
        self.progress.value.file = Some(begun.clone());
        self.save().await?;
        Ok(begun)
    }

    async fn put(&mut self, begun: BegunFile, contents: Contents, damaged: bool) -> Result<(), Error> {
        let Contents { body, hash, oldest, newest } = contents;
        let key = self.trails.layout(self.trail).log(begun.at, &begun.name);
        let put = self.put_object(&key, body, Vec::new(), self.trail.kms_key.clone()).await;
        self.noting_delivery(put).await?;
        let (now, progress) = (self.trails.clock.now(), &mut self.progress.value);
        if let Some(chain) = &mut progress.chain {
            chain.logs.push(LogFile { bucket: self.trail.bucket.clone(), key, hash, oldest, newest });
        }
        if let Some(span) = progress.spans.front_mut() {
            span.from = begun.to;
        }
        progress.file = None;
        progress.status.delivered = Some(now);
        progress.status.attempted = Some(now);
        progress.status.delivery_error = damaged.then(|| DAMAGED.to_owned());
        self.save().await
    }

    async fn put_object(
        &self,
        key: &str,
        body: Bytes,
        metadata: Vec<(&'static str, String)>,
        kms_key: Option<String>,
    ) -> Result<(), Error> {
        let object = Object { key: key.to_owned(), body, metadata, kms_key };
        let put = self.trails.deliver.put(&self.trails.destination(self.trail)?, object).await;
        put.map_err(|source| Error::Destination { bucket: self.trail.bucket.clone(), source })
    }

    /// Keeps the error of a log file for GetTrailStatus.
    async fn noting_delivery<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.progress.value.status.attempted = Some(self.trails.clock.now());
            self.progress.value.status.delivery_error = Some(shown(error));
            self.save().await?;
        }
        result
    }

    async fn digest_if_due(&mut self) -> Result<(), Error> {
        while let Some(chain) = &self.progress.value.chain {
            let due = chain.start.plus(self.trails.config.digest) <= self.trails.clock.now();
            if !due && chain.begun.is_none() {
                break;
            }
            self.digest().await?;
        }
        Ok(())
    }

    /// Delivers the digest that was begun, or one that ends now.
    async fn digest(&mut self) -> Result<(), Error> {
        let delivered = self.put_digest().await;
        let now = self.trails.clock.now();
        let status = &mut self.progress.value.status;
        match &delivered {
            Ok(()) => (status.digested, status.digest_error) = (Some(now), None),
            Err(error) => status.digest_error = Some(shown(error)),
        }
        self.save().await?;
        delivered
    }

    /// Fixes end, log files and key of a digest before it is put.
    async fn begin_digest(&mut self) -> Result<BegunDigest, Error> {
        let fingerprint = self.trails.sign.current().await?.fingerprint;
        let now = self.trails.clock.now();
        let Some(chain) = &mut self.progress.value.chain else { return Err(Error::Conflict) };
        // Digests are told apart by the second in which they end.
        let end = now.max(chain.start.plus(Duration::from_secs(1)));
        let end = Timestamp::from_millis(end.seconds() * 1000);
        let begun = BegunDigest { end, logs: chain.logs.len(), fingerprint };
        chain.begun = Some(begun.clone());
        self.save().await?;
        Ok(begun)
    }

    /// Signs and puts a digest and moves the chain behind it. The latter is not stored yet.
    async fn put_digest(&mut self) -> Result<(), Error> {
        let begun = match self.progress.value.chain.as_ref().and_then(|chain| chain.begun.clone()) {
            Some(begun) => begun,
            None => self.begin_digest().await?,
        };
        let Some(chain) = &self.progress.value.chain else { return Ok(()) };
        let digest = Digest::new(self.trails.layout(self.trail), &self.trail.bucket, chain, &begun);
        let signature = self.trails.sign.sign(&begun.fingerprint, digest.to_sign.as_bytes()).await?;
        let signature = hex::encode(signature);
        let metadata = vec![("signature", signature.clone()), ("signature-algorithm", ALGORITHM.to_owned())];
        // Never under the trail's KMS key: whoever checks a trail needs no right to read its events.
        self.put_object(&digest.key, gzip(&digest.text), metadata, None).await?;
        if let Some(chain) = &mut self.progress.value.chain {
            chain.logs.drain(..begun.logs.min(chain.logs.len()));
            chain.start = begun.end;
            chain.begun = None;
            let (bucket, hash) = (self.trail.bucket.clone(), digest.hash);
            chain.previous = Some(PreviousDigest { bucket, key: digest.key, hash, signature });
        }
        self.progress.value.digested_to = Some(begun.end);
        Ok(())
    }
}

/// What GetTrailStatus shows of an error.
fn shown(error: &Error) -> String {
    match error {
        Error::Destination { source, .. } => source.code().to_owned(),
        other => other.code().to_owned(),
    }
}
