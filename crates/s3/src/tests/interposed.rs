//! A store that lets something else happen right before its `n`th operation.

use std::sync::{Arc, Mutex};

use arqueta_store::{Batch, Change, Entry, MetaStore, Position, Scan};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;

type Plan = Option<(u64, BoxFuture<'static, ()>)>;

pub struct Interposed {
    inner: Arc<dyn MetaStore>,
    plan: Mutex<Plan>,
}

impl Interposed {
    pub fn new(inner: Arc<dyn MetaStore>) -> Self {
        Self { inner, plan: Mutex::default() }
    }

    /// Does `action` before the `nth` operation from now on.
    pub fn before(&self, nth: u64, action: BoxFuture<'static, ()>) {
        *self.plan.lock().unwrap() = Some((nth, action));
    }

    /// Whether it was done; it will not be after this.
    pub fn is_done(&self) -> bool {
        self.plan.lock().unwrap().take().is_none()
    }

    async fn step(&self) {
        let due = {
            let mut plan = self.plan.lock().unwrap();
            match plan.take() {
                Some((1, action)) => Some(action),
                Some((nth, action)) => {
                    *plan = Some((nth - 1, action));
                    None
                }
                None => None,
            }
        };
        if let Some(action) = due {
            action.await;
        }
    }
}

#[async_trait]
impl MetaStore for Interposed {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, arqueta_store::Error> {
        self.step().await;
        self.inner.get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, arqueta_store::Error> {
        self.step().await;
        self.inner.page(scan).await
    }
    async fn commit(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        self.step().await;
        self.inner.commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, arqueta_store::Error> {
        self.inner.changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), arqueta_store::Error> {
        self.inner.trim(through).await
    }
}
