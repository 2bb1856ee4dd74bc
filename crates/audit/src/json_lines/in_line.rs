//! The writer's work done by whoever records (feature `testing`): where everything happens on one
//! thread, it happens in the same order every time.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

use super::queue::Message;
use super::writer::Writer;

/// A writer without a thread, and what it is asked for.
pub(super) struct InLine(Mutex<(Writer, mpsc::Receiver<Message>)>);

impl fmt::Debug for InLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InLine").finish_non_exhaustive()
    }
}

impl InLine {
    pub(super) fn new(writer: Writer, requests: mpsc::Receiver<Message>) -> Self {
        Self(Mutex::new((writer, requests)))
    }

    /// Does everything that waits.
    fn work(&self) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (writer, requests) = &mut *writer;
        while let Ok(message) = requests.try_recv() {
            let mut next = Some(message);
            while let Some(message) = next {
                next = writer.serve(message, requests);
            }
        }
    }
}

/// What waits for a writer without a thread, together with what others are about to ask of it.
pub(super) async fn work(writer: Option<&InLine>) {
    if let Some(writer) = writer {
        tokio::task::yield_now().await;
        writer.work();
    }
}
