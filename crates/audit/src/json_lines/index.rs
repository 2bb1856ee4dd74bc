//! Where in a file the events of an account, of a name, of a user … stand.
//!
//! A file is read in blocks of about 128 KiB of lines; of each block the index has the time range and
//! a hash for every attribute of every management event in it. So a search reads the few blocks that
//! can hold what it looks for. A hash that another attribute has, too, costs a block read for nothing
//! and finds nothing wrong.
//!
//! The index of a finished file is kept beside it (`events-….index`), with a tag of the key that seals
//! the record: who can write files and has no key cannot hide events from a search that way. One that
//! is missing, of another version or not what was written, is made anew from the record.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::files::{LINE, Name};
use super::lines::Lines;
use super::pack::{self, MEMBER};
use super::reader::event;
use crate::chain::TAG;
use crate::{Event, Sealer};

const DOMAIN: &[u8] = b"arqueta/1/record/index\0";
/// Changes with what is indexed and how.
const VERSION: u8 = 1;

/// What an event can be looked up by (AWS CloudTrail API Reference, `LookupAttribute`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// `eventID`.
    EventId,
    /// `eventName`.
    EventName,
    /// `readOnly`: `true` or `false`.
    ReadOnly,
    /// [`Event::username`].
    Username,
    /// `type` of one of `resources`.
    ResourceType,
    /// `ARN` of one of `resources`.
    ResourceName,
    /// `eventSource`.
    EventSource,
    /// `accessKeyId` of `userIdentity`.
    AccessKeyId,
}

impl Attribute {
    /// The attribute that the API calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attribute| format!("{attribute:?}") == name)
    }

    /// The values that an event has.
    pub(super) fn values<'a>(self, event: &'a Event) -> Vec<std::borrow::Cow<'a, str>> {
        let resources = event.resources.iter();
        match self {
            Self::EventId => vec![(&*event.event_id).into()],
            Self::EventName => vec![(&*event.event_name).into()],
            Self::ReadOnly => vec![if event.read_only { "true" } else { "false" }.into()],
            Self::Username => event.username().map(Into::into).into_iter().collect(),
            Self::ResourceType => resources.map(|resource| (&*resource.kind).into()).collect(),
            Self::ResourceName => resources.map(|resource| (&*resource.arn).into()).collect(),
            Self::EventSource => vec![(&*event.event_source).into()],
            Self::AccessKeyId => event.user_identity.access_key_id.as_deref().map(Into::into).into_iter().collect(),
        }
    }

    const ALL: [Self; 8] = [
        Self::EventId,
        Self::EventName,
        Self::ReadOnly,
        Self::Username,
        Self::ResourceType,
        Self::ResourceName,
        Self::EventSource,
        Self::AccessKeyId,
    ];
}

/// The hash of an account's events, or of those with an attribute.
pub(super) fn term(account: &str, attribute: Option<(Attribute, &str)>) -> u32 {
    // FNV-1a (Fowler, Noll, Vo), folded: the record is no place that somebody gains from colliding in.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let (kind, value) = attribute.map_or((u8::MAX, ""), |(attribute, value)| (attribute as u8, value));
    for byte in account.bytes().chain([0, kind]).chain(value.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    u32::try_from((hash >> 32) ^ (hash & 0xffff_ffff)).expect("half of a hash is 32 bits")
}

/// An event time as a number that orders as time does; RFC 3339 in UTC to the second.
pub(super) fn stamp(time: &str) -> u64 {
    time.bytes().filter(u8::is_ascii_digit).take(14).fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Some lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Block {
    /// Where it begins and how long it is, as the file has it.
    pub(super) at: u64,
    pub(super) length: u64,
    /// [`stamp`]s of its oldest and newest event; the default if it has none.
    pub(super) oldest: u64,
    pub(super) newest: u64,
    /// [`term`]s of its management events, in order.
    pub(super) terms: Vec<u32>,
}

impl Block {
    /// The block that is made of `lines`.
    fn of(at: u64, length: u64, lines: &[u8]) -> Self {
        let mut block = Self { at, length, ..Self::default() };
        for event in events(lines).filter(|event| event.management_event) {
            let time = stamp(&event.event_time);
            block.oldest = if block.terms.is_empty() { time } else { block.oldest.min(time) };
            block.newest = block.newest.max(time);
            let account = &event.recipient_account_id;
            block.terms.push(term(account, None));
            for attribute in Attribute::ALL {
                let values = attribute.values(&event).into_iter();
                block.terms.extend(values.map(|value| term(account, Some((attribute, &value)))));
            }
        }
        block.terms.sort_unstable();
        block.terms.dedup();
        block
    }

    /// Whether it may hold events of that time and term.
    pub(super) fn may_hold(&self, from: u64, to: u64, term: u32) -> bool {
        self.newest >= from && self.oldest <= to && self.terms.binary_search(&term).is_ok()
    }
}

/// The events among some lines.
pub(super) fn events(lines: &[u8]) -> impl DoubleEndedIterator<Item = Event> {
    lines.split(|&byte| byte == b'\n').filter_map(event)
}

/// The index of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Index {
    /// Whether the file is compressed: a block is one of its members then.
    packed: bool,
    /// Length of the file that it was made of.
    length: u64,
    pub(super) blocks: Vec<Block>,
}

impl Index {
    /// The index of a finished file: the one beside it, or one made now and put there.
    pub(super) fn of(folder: &Path, name: &Name, sealer: &dyn Sealer) -> io::Result<Self> {
        match Self::of_form(folder, name, sealer) {
            // It was compressed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::of_form(folder, name, sealer),
            index => index,
        }
    }

    fn of_form(folder: &Path, name: &Name, sealer: &dyn Sealer) -> io::Result<Self> {
        let (packed, length) = form(folder, name)?;
        if let Some(index) = Self::load(folder, name, sealer)
            && (index.packed, index.length) == (packed, length)
        {
            return Ok(index);
        }
        let mut index = Self { packed, ..Self::default() };
        index.grow(folder, name)?;
        index.length = length;
        // It can be made again: no search fails because of it.
        if let Err(error) = index.save(folder, name, sealer) {
            tracing::warn!(%error, "an index of the audit record could not be kept");
        }
        Ok(index)
    }

    /// Whether it is the index of the file as it lies there now.
    pub(super) fn is_of(&self, folder: &Path, name: &Name) -> bool {
        form(folder, name).is_ok_and(|form| form == (self.packed, self.length))
    }

    /// Takes in what was written to the file since the last time.
    pub(super) fn grow(&mut self, folder: &Path, name: &Name) -> io::Result<()> {
        let mut file = open(folder, name, self.packed)?;
        let length = file.metadata()?.len();
        // Plain files are cut where a block is full; the last one may have grown.
        let last = self.blocks.last().filter(|block| !self.packed && block.length < MEMBER as u64);
        let mut at = last.map_or(self.length.min(length), |block| block.at);
        if last.is_some() {
            self.blocks.pop();
        }
        file.seek(SeekFrom::Start(at))?;
        let mut reader = BufReader::with_capacity(64 * 1024, file);
        let mut lines = Vec::new();
        loop {
            lines.clear();
            let read = match self.packed {
                true => member(&mut reader, &mut lines)?,
                false => whole_lines(&mut reader, &mut lines)?,
            };
            if read == 0 {
                break;
            }
            self.blocks.push(Block::of(at, read, &lines));
            at += read;
        }
        self.length = at;
        Ok(())
    }

    /// The lines of one of its blocks.
    pub(super) fn read(&self, folder: &Path, name: &Name, block: &Block) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        let read = match self.packed {
            true => open(folder, name, true).and_then(|mut file| {
                file.seek(SeekFrom::Start(block.at))?;
                member(&mut BufReader::new(file), &mut lines)
            }),
            // It may be compressed by now: then its lines are still there, if not as fast.
            false => Lines::open(folder, name, block.at).and_then(|file| {
                let read = file.take(block.length).read_to_end(&mut lines)?;
                Ok(read as u64)
            }),
        };
        match read {
            // It was removed from the record since the index was taken.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map(|_| lines),
        }
    }

    /// How much memory it takes, roughly, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.blocks.iter().map(|block| size_of::<Block>() + block.terms.len() * size_of::<u32>()).sum()
    }

    fn load(folder: &Path, name: &Name, sealer: &dyn Sealer) -> Option<Self> {
        let bytes = std::fs::read(name.index(folder)).ok()?;
        let (body, tag) = bytes.split_last_chunk::<TAG>()?;
        (*tag == prove(sealer, name, body)).then(|| Self::decode(body))?
    }

    fn save(&self, folder: &Path, name: &Name, sealer: &dyn Sealer) -> io::Result<()> {
        let mut bytes = self.encode();
        let tag = prove(sealer, name, &bytes);
        bytes.extend_from_slice(&tag);
        let temporary = folder.join(format!(".{}.index", name.file_name()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&bytes)?;
        // One that a crash left half written does not verify, and is made again.
        std::fs::rename(&temporary, name.index(folder))
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, u8::from(self.packed)];
        let mut number = |value: u64| bytes.extend_from_slice(&value.to_be_bytes());
        number(self.length);
        number(self.blocks.len() as u64);
        for block in &self.blocks {
            for value in [block.at, block.length, block.oldest, block.newest, block.terms.len() as u64] {
                number(value);
            }
        }
        let terms = self.blocks.iter().flat_map(|block| &block.terms);
        bytes.extend(terms.flat_map(|term| term.to_be_bytes()));
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[version, packed], mut rest) = bytes.split_first_chunk::<2>()?;
        if version != VERSION {
            return None;
        }
        let mut number = || {
            let (value, more) = rest.split_first_chunk::<8>()?;
            rest = more;
            Some(u64::from_be_bytes(*value))
        };
        let length = number()?;
        let mut blocks = Vec::new();
        let mut counts = Vec::new();
        for _ in 0..number()? {
            let [at, length, oldest, newest] = [number()?, number()?, number()?, number()?];
            counts.push(usize::try_from(number()?).ok()?);
            blocks.push(Block { at, length, oldest, newest, terms: Vec::new() });
        }
        for (block, count) in blocks.iter_mut().zip(counts) {
            let (terms, more) = rest.split_at_checked(count.checked_mul(4)?)?;
            rest = more;
            block.terms = terms.as_chunks::<4>().0.iter().map(|term| u32::from_be_bytes(*term)).collect();
        }
        rest.is_empty().then_some(Self { packed: packed == 1, length, blocks })
    }
}

fn prove(sealer: &dyn Sealer, name: &Name, body: &[u8]) -> [u8; TAG] {
    let file = name.file_name();
    sealer.tag(&[DOMAIN, &(file.len() as u64).to_be_bytes(), file.as_bytes(), body])
}

/// Whether a file is compressed, and how long it is as it lies there.
fn form(folder: &Path, name: &Name) -> io::Result<(bool, u64)> {
    match std::fs::metadata(name.path(folder)) {
        Ok(found) => Ok((false, found.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok((true, std::fs::metadata(name.packed(folder))?.len()))
        }
        Err(error) => Err(error),
    }
}

fn open(folder: &Path, name: &Name, packed: bool) -> io::Result<File> {
    File::open(if packed { name.packed(folder) } else { name.path(folder) })
}

/// Reads whole lines until there are enough of them. A last line without its newline is being
/// written, and left for the next time. Answers how many bytes they are.
fn whole_lines(reader: &mut BufReader<File>, into: &mut Vec<u8>) -> io::Result<u64> {
    while into.len() < MEMBER {
        let before = into.len();
        reader.by_ref().take(LINE).read_until(b'\n', into)?;
        if into.len() == before {
            break;
        }
        if into.last() != Some(&b'\n') && (into.len() - before) < usize::try_from(LINE).unwrap_or(usize::MAX) {
            into.truncate(before);
            break;
        }
    }
    Ok(into.len() as u64)
}

/// Reads one member; answers how many bytes of the file it was, zero at the end. What of a damaged
/// one can be read is read, and nothing behind it.
fn member(reader: &mut BufReader<File>, into: &mut Vec<u8>) -> io::Result<u64> {
    if reader.fill_buf()?.is_empty() {
        return Ok(0);
    }
    let before = reader.stream_position()?;
    match pack::member(reader, into) {
        Ok(()) => Ok(reader.stream_position()? - before),
        Err(error) if pack::is_damage(&error) => {
            tracing::error!("a compressed file of the audit record is damaged: run `arqueta audit verify`");
            Ok(0)
        }
        Err(error) => Err(error),
    }
}
