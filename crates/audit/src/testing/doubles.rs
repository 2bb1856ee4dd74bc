use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::{AuditSink, Error, Event, Sealer};

/// Keeps events in memory.
#[derive(Debug, Default)]
pub struct Memory {
    events: Mutex<Vec<Event>>,
    announced: Mutex<Vec<Event>>,
}

impl Memory {
    /// What was appended so far, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was announced so far, in order.
    #[must_use]
    pub fn announced(&self) -> Vec<Event> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was appended since the last call.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl AuditSink for Memory {
    async fn append(&self, event: Event) -> Result<(), Error> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        Ok(())
    }

    async fn announce(&self, event: Event) -> Result<(), Error> {
        self.announced.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        Ok(())
    }

    async fn flush(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Answers "no space left" while told to.
#[derive(Debug)]
pub struct Faulty<S> {
    inner: S,
    failing: AtomicBool,
}

impl<S> Faulty<S> {
    /// Healthy at first.
    pub fn new(inner: S) -> Self {
        Self { inner, failing: AtomicBool::new(false) }
    }

    /// From now on, fails or no longer fails.
    pub fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// The sink behind.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn check(&self) -> Result<(), Error> {
        let failing = self.failing.load(Ordering::SeqCst);
        if failing { Err(std::io::Error::from(std::io::ErrorKind::StorageFull).into()) } else { Ok(()) }
    }
}

#[async_trait]
impl<S: AuditSink> AuditSink for Faulty<S> {
    async fn append(&self, event: Event) -> Result<(), Error> {
        self.check()?;
        self.inner.append(event).await
    }

    async fn announce(&self, event: Event) -> Result<(), Error> {
        self.check()?;
        self.inner.announce(event).await
    }

    async fn flush(&self) -> Result<(), Error> {
        self.check()?;
        self.inner.flush().await
    }
}

/// Counts appends.
#[derive(Debug)]
pub struct Counting<S> {
    inner: S,
    appends: AtomicU64,
}

impl<S> Counting<S> {
    /// Counts from zero.
    pub fn new(inner: S) -> Self {
        Self { inner, appends: AtomicU64::new(0) }
    }

    /// Appends so far, failed ones too.
    pub fn appends(&self) -> u64 {
        self.appends.load(Ordering::SeqCst)
    }

    /// The sink behind.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
impl<S: AuditSink> AuditSink for Counting<S> {
    async fn append(&self, event: Event) -> Result<(), Error> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        self.inner.append(event).await
    }

    async fn announce(&self, event: Event) -> Result<(), Error> {
        self.inner.announce(event).await
    }

    async fn flush(&self) -> Result<(), Error> {
        self.inner.flush().await
    }
}

/// Seals with a digest of no strength, keyed by a number.
#[derive(Debug, Clone, Copy)]
pub struct TestSealer(pub u64);

impl Sealer for TestSealer {
    fn tag(&self, pieces: &[&[u8]]) -> [u8; 32] {
        let mut tag = [0; 32];
        for (lane, part) in tag.chunks_exact_mut(8).enumerate() {
            // FNV-1a (Fowler, Noll, Vo), once per lane.
            let mut hash = 0xcbf2_9ce4_8422_2325 ^ self.0.rotate_left(17) ^ lane as u64;
            for byte in pieces.iter().copied().flatten() {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
            part.copy_from_slice(&hash.to_be_bytes());
        }
        tag
    }
}
