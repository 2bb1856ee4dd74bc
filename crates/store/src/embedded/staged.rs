//! The file under redb, with a writing thread in between.
//!
//! What redb writes stays in memory until redb asks for a sync. That closes an *epoch*, and a
//! thread writes the epochs out in order: the pages of one, a sync, the pages of the next. So a
//! checkpoint costs the committing thread no input or output, and what lies in the file is at
//! every moment what redb itself would have left there at some moment.
//!
//! redb is told that its syncs succeed. That is not what anyone's durability rests on: the journal
//! is. Its segments are given up when [`Staged::durable`] says that the epochs are in the file.
//! When the medium refuses an epoch, everything of it is still here: reads go on, and
//! the whole epoch is written again, not merely synced again (an error of `fsync` may have dropped
//! what was written before it).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use redb::{BackendError, StorageBackend};

use super::head::{BLOCK, Head};

const BLOCK_BYTES: u64 = BLOCK as u64;
/// Most bytes of one write.
const RUN: usize = 1 << 20;

type Block = Arc<[u8]>;

/// What redb wrote between two syncs.
#[derive(Debug, Default, Clone)]
struct Epoch {
    blocks: BTreeMap<u64, Block>,
    /// The shortest and the last length that the file was given, if it was given one.
    lengths: Option<(u64, u64)>,
}

#[derive(Debug)]
struct State {
    /// Blocks that are newer than the file.
    view: HashMap<u64, Block>,
    open: Epoch,
    closed: VecDeque<Arc<Epoch>>,
    /// Epochs closed, and epochs in the file.
    closings: u64,
    durable: u64,
    len: u64,
    /// Bytes of the file that are the database's; beyond them it may hold what was cut off.
    floor: u64,
    failure: Option<Arc<io::Error>>,
    /// Whether the file is not to be touched yet.
    held: bool,
    stop: bool,
}

/// The file and its thread. Cloning shares them.
#[derive(Debug, Clone)]
pub(super) struct Staged(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: Box<dyn StorageBackend>,
    /// Where the first page is kept once more.
    head: Option<Head>,
    state: Mutex<State>,
    changed: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Whether there is no thread: redb's syncs write out themselves.
    in_line: bool,
}

impl Staged {
    /// `in_line` for no thread.
    pub(super) fn new(file: Box<dyn StorageBackend>, head: Option<Head>, in_line: bool) -> io::Result<Self> {
        let len = file.len()?;
        let state = State {
            view: HashMap::new(),
            open: Epoch::default(),
            closed: VecDeque::new(),
            closings: 0,
            durable: 0,
            len,
            floor: len,
            failure: None,
            held: false,
            stop: false,
        };
        let (state, changed) = (Mutex::new(state), Condvar::new());
        let shared = Arc::new(Shared { file, head, state, changed, thread: Mutex::default(), in_line });
        if in_line {
            return Ok(Self(shared));
        }
        let worker = shared.clone();
        let thread = std::thread::Builder::new().name("meta-checkpoint".to_owned()).spawn(move || worker.run())?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Self(shared))
    }

    /// Nothing goes into the file before [`Staged::release`].
    pub(super) fn hold(self) -> Self {
        self.0.state().held = true;
        self
    }

    /// What was held goes into the file, as it would have.
    pub(super) fn release(&self) {
        self.0.state().held = false;
        self.0.look();
    }

    /// Syncs that redb asked for so far: what it wrote before the last of them is in the file once
    /// as many are [`Staged::durable`].
    pub(super) fn syncs(&self) -> u64 {
        self.0.state().closings
    }

    /// Syncs of redb that have happened.
    pub(super) fn durable(&self) -> u64 {
        self.0.state().durable
    }

    /// Bytes that wait in memory.
    pub(super) fn waiting(&self) -> usize {
        self.0.state().view.len() * BLOCK
    }

    /// Why the file took no more, if it did not.
    pub(super) fn failure(&self) -> Option<Arc<io::Error>> {
        self.0.state().failure.clone()
    }

    /// Has a refused epoch written again. Does not wait.
    pub(super) fn retry(&self) {
        let refused = self.0.state().failure.take().is_some();
        if refused {
            self.0.look();
        }
    }

    /// Waits until `syncs` have happened, or the medium refuses.
    pub(super) fn wait(&self, syncs: u64) -> Result<(), Arc<io::Error>> {
        let refused = |state: &mut State| state.durable < syncs && state.failure.is_none();
        let waited = self.0.changed.wait_while(self.0.state(), refused);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        match &state.failure {
            Some(failure) if state.durable < syncs => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    /// Ends the thread. What still waits is tried once more, then dropped: the journal has it. So is what
    /// is held.
    pub(super) fn finish(&self) {
        if self.0.state().held {
            return self.abandon();
        }
        self.retry();
        let closings = self.syncs();
        if let Err(error) = self.wait(closings) {
            tracing::warn!(%error, "the last checkpoint is not in the file; the next start takes it from the journal");
        }
        self.abandon();
    }

    /// Ends the thread and drops what waits.
    pub(super) fn abandon(&self) {
        self.0.state().stop = true;
        self.0.changed.notify_all();
        if let Some(thread) = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It does not panic; if it did, nothing would be durable, which is what it told.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: one epoch after the other.
    fn run(&self) {
        loop {
            let idle = |state: &mut State| !state.stop && !state.is_due();
            let waited = self.changed.wait_while(self.state(), idle);
            let state = waited.unwrap_or_else(PoisonError::into_inner);
            if state.stop {
                return;
            }
            drop(state);
            self.next_epoch();
            self.changed.notify_all();
        }
    }

    /// Something is to be written, or to be tried again.
    fn look(&self) {
        if self.in_line {
            while self.next_epoch() {}
        } else {
            self.changed.notify_all();
        }
    }

    /// Writes out the next epoch, if there is one and none was refused. Whether it is in the file.
    fn next_epoch(&self) -> bool {
        let epoch = {
            let state = self.state();
            state.closed.front().filter(|_| state.is_due()).cloned()
        };
        let Some(epoch) = epoch else { return false };
        // Whoever waits for this epoch must not wait for a thread that is gone.
        let written = catch_unwind(AssertUnwindSafe(|| self.write_out(&epoch)));
        let written = written.unwrap_or_else(|_| Err(io::Error::other("writing a checkpoint panicked")));
        let mut state = self.state();
        match written {
            Ok(()) => {
                state.done(&epoch);
                true
            }
            Err(error) => {
                tracing::error!(%error, "a checkpoint of the metadata cannot be written");
                state.failure = Some(Arc::new(error));
                false
            }
        }
    }

    fn write_out(&self, epoch: &Epoch) -> io::Result<()> {
        if let Some((shortest, last)) = epoch.lengths {
            if shortest < self.file.len()? {
                self.file.set_len(shortest)?;
            }
            self.file.set_len(last)?;
        }
        let mut run: (u64, Vec<u8>) = (0, Vec::new());
        for (number, block) in &epoch.blocks {
            let at = number * BLOCK_BYTES;
            if at != run.0 + run.1.len() as u64 || run.1.len() >= RUN {
                self.write_run(&run)?;
                run = (at, Vec::with_capacity(BLOCK));
            }
            run.1.extend_from_slice(block);
        }
        self.write_run(&run)?;
        self.file.sync_data()?;
        match (&self.head, epoch.blocks.get(&0)) {
            // Until it is there as well the journal keeps what it would give up: a start may go by the copy.
            (Some(head), Some(page)) => head.keep(page),
            _ => Ok(()),
        }
    }

    fn write_run(&self, (at, bytes): &(u64, Vec<u8>)) -> io::Result<()> {
        if bytes.is_empty() { Ok(()) } else { self.file.write(*at, bytes) }
    }

    /// One block as redb sees it.
    fn block(&self, state: &State, number: u64) -> io::Result<Block> {
        if let Some(block) = state.view.get(&number) {
            return Ok(block.clone());
        }
        let mut bytes = vec![0; BLOCK];
        let from = number * BLOCK_BYTES;
        let have = usize::try_from(state.floor.saturating_sub(from)).unwrap_or(BLOCK).min(BLOCK);
        if have > 0 {
            self.file.read(from, &mut bytes[..have])?;
        }
        Ok(bytes.into())
    }
}

impl State {
    /// Whether an epoch is to be written out.
    fn is_due(&self) -> bool {
        !self.closed.is_empty() && self.failure.is_none() && !self.held
    }

    /// The first closed epoch is in the file.
    fn done(&mut self, epoch: &Arc<Epoch>) {
        self.closed.pop_front();
        self.durable += 1;
        for (number, block) in &epoch.blocks {
            // Unless it was written again since.
            if self.view.get(number).is_some_and(|newest| Arc::ptr_eq(newest, block)) {
                self.view.remove(number);
            }
        }
        let waiting = self.closed.iter().map(|it| &it.lengths).chain([&self.open.lengths]);
        let shortest = waiting.flatten().map(|(shortest, _)| *shortest).min();
        let in_file = epoch.lengths.map_or(self.floor, |(_, last)| last);
        self.floor = shortest.map_or(in_file.max(self.floor), |shortest| in_file.max(self.floor).min(shortest));
        self.floor = self.floor.min(self.len);
    }

    fn put(&mut self, number: u64, block: Block) {
        self.view.insert(number, block.clone());
        self.open.blocks.insert(number, block);
    }
}

fn beyond_the_end() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

impl StorageBackend for Staged {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.state().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(out.len() as u64).ok_or_else(beyond_the_end)?;
        let staged: Vec<(u64, Block)> = {
            let state = self.0.state();
            if end > state.len {
                return Err(beyond_the_end());
            }
            let numbers = offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES);
            if end > state.floor {
                // Rare: what was never in the file is mostly here, and the rest is zeros.
                numbers.map(|number| Ok((number, self.0.block(&state, number)?))).collect::<io::Result<_>>()?
            } else if state.view.is_empty() {
                Vec::new()
            } else {
                numbers.filter_map(|number| Some((number, state.view.get(&number)?.clone()))).collect()
            }
        };
        let whole = (end.div_ceil(BLOCK_BYTES) - offset / BLOCK_BYTES) as usize;
        if staged.len() < whole {
            self.0.file.read(offset, out)?;
        }
        for (number, block) in staged {
            let start = number * BLOCK_BYTES;
            let (from, to) = (start.max(offset), (start + BLOCK_BYTES).min(end));
            let of_block = (from - start) as usize..(to - start) as usize;
            out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(&block[of_block]);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.state();
        if len < state.len {
            // The part of the last block that is cut off reads as zeros if the file grows again.
            let (last, kept) = (len / BLOCK_BYTES, (len % BLOCK_BYTES) as usize);
            if kept > 0 {
                let mut block = self.0.block(&state, last)?.to_vec();
                block[kept..].fill(0);
                state.put(last, block.into());
            }
            let gone = len.div_ceil(BLOCK_BYTES);
            state.view.retain(|number, _| *number < gone);
            state.open.blocks.retain(|number, _| *number < gone);
            state.floor = state.floor.min(len);
        }
        let shortest = state.open.lengths.map_or(len, |(shortest, _)| shortest.min(len));
        state.open.lengths = Some((shortest, len));
        state.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.state();
        let epoch = std::mem::take(&mut state.open);
        state.closed.push_back(Arc::new(epoch));
        state.closings += 1;
        drop(state);
        self.0.look();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.state();
        let end = offset.checked_add(data.len() as u64).ok_or_else(beyond_the_end)?;
        for number in offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES) {
            let start = number * BLOCK_BYTES;
            let (from, to) = (start.max(offset), (start + BLOCK_BYTES).min(end));
            let part = &data[(from - offset) as usize..(to - offset) as usize];
            let block = if part.len() == BLOCK {
                part.into()
            } else {
                let mut block = self.0.block(&state, number)?.to_vec();
                block[(from - start) as usize..(to - start) as usize].copy_from_slice(part);
                block.into()
            };
            state.put(number, block);
        }
        if end > state.len {
            state.open.lengths = Some((state.open.lengths.map_or(state.len, |(shortest, _)| shortest), end));
            state.len = end;
        }
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.finish();
        if let Some(head) = &self.0.head {
            head.close()?;
        }
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use proptest::prelude::*;

    use super::*;

    /// A file in memory that fails when told to and remembers what it held at each sync.
    #[derive(Debug, Default, Clone)]
    struct Flaky(Arc<Inner>);

    #[derive(Debug, Default)]
    struct Inner {
        content: Mutex<Vec<u8>>,
        failing: AtomicBool,
        synced: Mutex<Vec<Vec<u8>>>,
    }

    impl Flaky {
        fn check(&self) -> io::Result<()> {
            if self.0.failing.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    impl StorageBackend for Flaky {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.content.lock().unwrap().len() as u64)
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let content = self.0.content.lock().unwrap();
            let part = content.get(offset as usize..offset as usize + out.len()).ok_or_else(beyond_the_end)?;
            out.copy_from_slice(part);
            Ok(())
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.check()?;
            self.0.content.lock().unwrap().resize(len as usize, 0);
            Ok(())
        }
        fn sync_data(&self) -> io::Result<()> {
            self.check()?;
            let content = self.0.content.lock().unwrap().clone();
            self.0.synced.lock().unwrap().push(content);
            Ok(())
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.check()?;
            let mut content = self.0.content.lock().unwrap();
            let end = offset as usize + data.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[offset as usize..end].copy_from_slice(data);
            Ok(())
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Write(usize, usize, u8),
        SetLen(usize),
        Sync,
        Fail(bool),
        Wait,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..40_000usize, 1..9_000usize, 1..=255u8).prop_map(|(at, len, byte)| Step::Write(at, len, byte)),
            2 => (0..12usize).prop_map(|blocks| Step::SetLen(blocks * BLOCK)),
            3 => Just(Step::Sync),
            1 => any::<bool>().prop_map(Step::Fail),
            1 => Just(Step::Wait),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        /// Reads show every write at once, whatever the file takes; and the file goes through exactly
        /// the states that were synced, in their order, failures or not.
        #[test]
        fn a_staged_file_is_a_file(steps in prop::collection::vec(step(), 1..60)) {
            let file = Flaky::default();
            let staged = Staged::new(Box::new(file.clone()), None, false).unwrap();
            let (mut model, mut synced) = (Vec::new(), Vec::new());
            for step in steps {
                match step {
                    Step::Write(at, len, byte) => {
                        let end = model.len().min(at + len);
                        if at < end {
                            model[at..end].fill(byte);
                            staged.write(at as u64, &vec![byte; end - at]).unwrap();
                        }
                    }
                    Step::SetLen(len) => {
                        model.resize(len, 0);
                        staged.set_len(len as u64).unwrap();
                    }
                    Step::Sync => {
                        synced.push(model.clone());
                        staged.sync_data().unwrap();
                    }
                    Step::Fail(fail) => file.0.failing.store(fail, Ordering::SeqCst),
                    Step::Wait => drop(staged.wait(staged.syncs())),
                }
                let mut read = vec![0; model.len()];
                staged.read(0, &mut read).unwrap();
                prop_assert!(read == model);
                if model.len() > 100 {
                    let (from, to) = (model.len() / 3, model.len() - 50);
                    staged.read(from as u64, &mut read[from..to]).unwrap();
                    prop_assert!(read == model);
                }
                prop_assert!(staged.read(1, &mut read).is_err() || read.is_empty());
            }
            file.0.failing.store(false, Ordering::SeqCst);
            // An attempt that began before may still come to its failure.
            while staged.durable() < staged.syncs() {
                staged.retry();
                drop(staged.wait(staged.syncs()));
            }
            prop_assert!(*file.0.synced.lock().unwrap() == synced);
            staged.abandon();
        }
    }

    #[test]
    fn a_refused_epoch_is_written_whole_again() {
        let file = Flaky::default();
        let staged = Staged::new(Box::new(file.clone()), None, false).unwrap();
        staged.set_len(8192).unwrap();
        staged.write(0, &[1; 8192]).unwrap();
        file.0.failing.store(true, Ordering::SeqCst);
        staged.sync_data().unwrap();
        assert_eq!(staged.wait(1).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!((staged.durable(), staged.syncs(), staged.waiting()), (0, 1, 8192));
        // As if the system had thrown away what it could not write.
        file.0.content.lock().unwrap().clear();
        file.0.failing.store(false, Ordering::SeqCst);
        assert!(staged.wait(1).is_err(), "not before it is asked to");
        staged.retry();
        staged.wait(1).unwrap();
        assert_eq!(file.0.synced.lock().unwrap()[..], [vec![1; 8192]]);
        assert_eq!(staged.waiting(), 0);
        staged.abandon();
    }
}
