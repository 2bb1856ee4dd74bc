//! Group commit: one thread takes all the requests that wait, has them applied together, and
//! answers each, so that concurrent writers share one sync.

use std::fmt;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::{Batch, Error, Position};

/// Most requests in one group: bounds how long the first of them waits.
const MOST: usize = 1024;
/// How often the thread yields for writers of the group before, who are just being woken. Without
/// it the first to come back would sync alone and groups would alternate between one and all.
/// Counted, not timed, and skipped when the group before had one member: a single writer never
/// waits for company.
const YIELDS: usize = 32;

/// What a committer is asked for.
#[derive(Debug)]
pub(crate) enum Request {
    Commit(Batch),
    Trim(Position),
    /// The database of this generation failed a reader.
    Reopen(u64),
    /// Everything so far in the form that needs no replay.
    Checkpoint,
    /// Nothing but whether a commit would be taken.
    Probe,
}

/// Applies groups.
pub(crate) trait Apply: Send + 'static {
    /// Applies the requests in order, syncs once, and answers each in the same order.
    fn apply(&mut self, group: &[Request]) -> Vec<Result<(), Error>>;
}

struct Waiting {
    request: Request,
    reply: oneshot::Sender<Result<(), Error>>,
}

/// The handle of the committing thread. Dropping it waits until everything accepted is applied.
#[derive(Debug)]
pub(crate) struct Committer {
    queue: Option<Sender<Waiting>>,
    thread: Option<JoinHandle<()>>,
    in_line: Option<Mutex<InLine>>,
}

/// The work of the thread, done by those who submit: where everything happens on one thread, it
/// happens in the same order every time.
struct InLine {
    apply: Box<dyn Apply>,
    requests: Receiver<Waiting>,
}

impl Committer {
    /// Starts the thread.
    pub(crate) fn start(name: &str, apply: impl Apply) -> io::Result<Self> {
        let (queue, requests) = mpsc::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || run(apply, &requests))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), in_line: None })
    }

    /// Starts no thread.
    pub(crate) fn in_line(apply: impl Apply) -> Self {
        let (queue, requests) = mpsc::channel();
        let in_line = Mutex::new(InLine { apply: Box::new(apply), requests });
        Self { queue: Some(queue), thread: None, in_line: Some(in_line) }
    }

    /// Submits a request and waits for its answer. Once submitted it is applied, even if the
    /// caller stops waiting. The queue is bounded by its callers, each of whom waits for one
    /// answer.
    pub(crate) async fn submit(&self, request: Request) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        queue.send(Waiting { request, reply }).map_err(|_| Error::Closed)?;
        if let Some(in_line) = &self.in_line {
            // Whoever is about to submit, too, joins the group.
            tokio::task::yield_now().await;
            in_line.lock().unwrap_or_else(PoisonError::into_inner).work();
        }
        answer.await.map_err(|_| Error::Closed)?
    }
}

impl InLine {
    /// Applies what waits.
    fn work(&mut self) {
        let (group, replies): Group = self.requests.try_iter().map(|it| (it.request, it.reply)).unzip();
        if !group.is_empty() {
            answer(replies, self.apply.apply(&group));
        }
    }
}

impl fmt::Debug for InLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InLine").finish_non_exhaustive()
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(in_line) = self.in_line.take() {
            in_line.into_inner().unwrap_or_else(PoisonError::into_inner).work();
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been told to its callers by their dropped channels.
            let _ = thread.join();
        }
    }
}

fn run(mut apply: impl Apply, requests: &Receiver<Waiting>) {
    let mut before = 1;
    while let Ok(first) = requests.recv() {
        let (group, replies) = gather(requests, first, before);
        before = group.len();
        answer(replies, apply.apply(&group));
    }
}

fn answer(replies: Vec<oneshot::Sender<Result<(), Error>>>, answers: Vec<Result<(), Error>>) {
    for (reply, answer) in replies.into_iter().zip(answers) {
        // Nobody listening means that the caller gave up: the outcome stands all the same.
        let _ = reply.send(answer);
    }
}

type Group = (Vec<Request>, Vec<oneshot::Sender<Result<(), Error>>>);

fn gather(requests: &Receiver<Waiting>, first: Waiting, before: usize) -> Group {
    let (mut group, mut replies) = (vec![first.request], vec![first.reply]);
    let mut yields = if before > 1 { YIELDS } else { 0 };
    loop {
        while group.len() < MOST
            && let Ok(next) = requests.try_recv()
        {
            group.push(next.request);
            replies.push(next.reply);
        }
        if group.len() >= before.min(MOST) || yields == 0 {
            return (group, replies);
        }
        yields -= 1;
        std::thread::yield_now();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Applies nothing, waits for a permit before each group, and notes the groups' sizes.
    struct Gate {
        permits: Receiver<()>,
        sizes: Arc<Mutex<Vec<usize>>>,
    }

    impl Apply for Gate {
        fn apply(&mut self, group: &[Request]) -> Vec<Result<(), Error>> {
            self.permits.recv().unwrap();
            self.sizes.lock().unwrap().push(group.len());
            let answer = |request: &Request| match request {
                Request::Trim(Position(n)) if n % 2 == 1 => Err(Error::Conflict),
                _ => Ok(()),
            };
            group.iter().map(answer).collect()
        }
    }

    fn start() -> (Committer, Sender<()>, Arc<Mutex<Vec<usize>>>) {
        let (permit, permits) = mpsc::channel();
        let sizes = Arc::default();
        let committer = Committer::start("test", Gate { permits, sizes: Arc::clone(&sizes) }).unwrap();
        (committer, permit, sizes)
    }

    #[tokio::test]
    async fn requests_that_wait_share_a_group() {
        let (committer, permit, sizes) = start();
        let submit = |n| committer.submit(Request::Trim(Position(n)));
        let mut first = Box::pin(submit(0));
        assert!(futures::poll!(&mut first).is_pending());
        // All of these arrive before the second permit is given.
        permit.send(()).unwrap();
        first.await.unwrap();
        let mut second = Box::pin(submit(2));
        assert!(futures::poll!(&mut second).is_pending());
        let mut rest: Vec<_> = (3..66).map(|n| Box::pin(submit(n))).collect();
        for waiting in &mut rest {
            assert!(futures::poll!(waiting).is_pending());
        }
        (0..2).for_each(|_| permit.send(()).unwrap());
        second.await.unwrap();
        for (n, answer) in (3..66u64).zip(futures::future::join_all(rest).await) {
            assert_eq!(answer.is_ok(), n % 2 == 0, "{n}: an answer went to somebody else");
        }
        let sizes = sizes.lock().unwrap().clone();
        assert_eq!((sizes[0], sizes.iter().sum::<usize>()), (1, 65));
        assert!(sizes.len() <= 3, "{sizes:?}: 64 waiting requests need at most two groups");
    }

    #[tokio::test]
    async fn without_a_thread_those_who_submit_together_share_a_group() {
        let (permit, permits) = mpsc::channel();
        let sizes: Arc<Mutex<Vec<usize>>> = Arc::default();
        let committer = Committer::in_line(Gate { permits, sizes: Arc::clone(&sizes) });
        (0..3).for_each(|_| permit.send(()).unwrap());
        let submit = |n| committer.submit(Request::Trim(Position(n)));
        let answers = futures::future::join_all((0..5).map(submit)).await;
        assert_eq!(answers.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false, true]);
        submit(0).await.unwrap();
        let mut given_up = Box::pin(submit(0));
        assert!(futures::poll!(&mut given_up).is_pending());
        drop(given_up);
        drop(committer);
        assert_eq!(*sizes.lock().unwrap(), [5, 1, 1]);
    }

    #[tokio::test]
    async fn dropping_the_committer_applies_what_was_accepted() {
        let (committer, permit, sizes) = start();
        let mut waiting = Box::pin(committer.submit(Request::Trim(Position(0))));
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(waiting);
        permit.send(()).unwrap();
        drop(committer);
        assert_eq!(*sizes.lock().unwrap(), [1]);
    }

    #[tokio::test]
    async fn a_dead_thread_is_an_error_not_a_hang() {
        let (committer, permit, _) = start();
        drop(permit);
        let answer = committer.submit(Request::Trim(Position(0))).await;
        assert!(matches!(answer, Err(Error::Closed)));
        assert!(matches!(committer.submit(Request::Trim(Position(0))).await, Err(Error::Closed)));
    }
}
