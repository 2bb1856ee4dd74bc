//! What is told out of all of the record: the report, and whether it is what was written.

use std::sync::Arc;

use arqueta_console::{About, Chain, Form, Told};
use arqueta_report::Scope;
use tokio::sync::Semaphore;

use crate::record::SealedRecord;
use crate::report::{self, Asked};

/// Whoever reads all of the record: one at a time.
pub(super) struct Reading {
    record: Option<Arc<SealedRecord>>,
    turn: Arc<Semaphore>,
}

impl Reading {
    pub fn of(record: Option<Arc<SealedRecord>>) -> Self {
        Self { record, turn: Arc::new(Semaphore::new(1)) }
    }

    /// `work` on the record, on a thread of its own, unless other work is under way. It goes on where nobody
    /// waits for it any more, and keeps its turn.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&SealedRecord) -> Result<T, arqueta_audit::Error> + Send + 'static,
    ) -> Told<T> {
        let Some(record) = self.record.clone() else {
            return Told::Failed("the record is not kept here".to_owned());
        };
        let Ok(turn) = self.turn.clone().try_acquire_owned() else { return Told::Busy };
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&record);
            drop(turn);
            done
        });
        match done.await {
            Ok(Ok(done)) => Told::Done(done),
            Ok(Err(error)) => Told::Failed(error.to_string()),
            Err(error) => Told::Failed(error.to_string()),
        }
    }

    pub async fn report(&self, about: About, from: Option<String>, to: Option<String>, form: Form) -> Told<String> {
        let scope = match about {
            About::Everything => Scope::Everything,
            About::Key(part) => Scope::Key(part),
            About::Bucket(name) => Scope::Bucket(name),
            About::Principal(part) => Scope::Principal(part),
        };
        let made = self.read(move |record| {
            let proof = report::proof(&record.verified()?);
            let (report, _) = report::collected(&record.folder(), Asked { scope, from, to }, proof)?;
            Ok(match form {
                Form::Html => report.html(),
                Form::Csv => report.csv(),
                Form::Json => report.json(),
            })
        });
        made.await
    }

    pub async fn verify(&self) -> Told<Chain> {
        let found = self.read(|record| {
            let report = record.verified()?;
            Ok(Chain {
                events: report.events,
                groups: report.groups,
                end: report.head.sequence,
                tag: report.head.tag_hex(),
                pruned: report.pruned,
                findings: report.findings.iter().map(ToString::to_string).collect(),
            })
        });
        found.await
    }
}
