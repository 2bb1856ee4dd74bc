//! What a gateway is: a small S3 and KMS in memory, obviously right or obviously wrong. One call is one
//! step here; [`crate::history`] knows about calls at the same time and calls without an answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::{Call, Id, Mode, Row, Said, Sse, Upload as Named, When, in_order};
use crate::request::plaintext;

/// All that a gateway keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    buckets: BTreeMap<&'static str, Bucket>,
    keys: BTreeMap<Id, KeyState>,
    trails: BTreeMap<&'static str, Trail>,
    users: BTreeSet<&'static str>,
    /// Uploads that became objects, and of which part.
    completed: BTreeMap<Id, (u8, Id)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Bucket {
    versioning: Versioning,
    /// The KMS key of its default encryption; without one that is SSE-S3.
    default: Option<Id>,
    /// Newest first.
    objects: BTreeMap<&'static str, Vec<Version>>,
    uploads: BTreeMap<Id, Upload>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Upload {
    key: &'static str,
    sse: Sse<Id>,
    /// ETag and print.
    parts: BTreeMap<u8, (Id, u64)>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Versioning {
    #[default]
    Off,
    Enabled,
    Suspended,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    id: Id,
    /// Nothing for a delete marker.
    content: Option<Content>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Content {
    print: u64,
    sse: Sse<Id>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum KeyState {
    Enabled,
    Disabled,
    PendingDeletion,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Trail {
    logging: bool,
    writes_only: bool,
}

/// What may come of a call.
pub type Outcome = (State, Said<Id>);

impl State {
    /// What may come of `call`, the `number`th. More than one thing where `wavering`: keys and
    /// defaults were changed while the call ran, and it may have seen them before or after.
    pub fn outcomes(&self, number: u32, call: &Call<Id>, wavering: bool) -> Vec<Outcome> {
        let mut outcomes = vec![self.step(number, call, &Seen::AsItIs)];
        match call {
            Call::DropBucket(name) => outcomes.extend(self.half_dropped(name)),
            // It is stopped first, that what it has still to deliver is delivered.
            Call::DeleteTrail(name) if self.trails.get(name).is_some_and(|trail| trail.logging) => {
                let mut stopped = self.clone();
                stopped.trails.entry(name).and_modify(|trail| trail.logging = false);
                outcomes.push((stopped, Said::Partly));
            }
            // Which of two reasons is told, the model does not say.
            Call::Decrypt { of, apt: false } if self.keys.contains_key(&of.key) => {
                outcomes.push((self.clone(), Said::Refused("InvalidCiphertextException")));
            }
            Call::ReEncrypt { of, apt, to } if self.keys.contains_key(&of.key) => {
                let codes = [self.clone().at_work(to).err(), (!apt).then_some("InvalidCiphertextException")];
                outcomes.extend(codes.into_iter().flatten().map(|code| (self.clone(), Said::Refused(code))));
            }
            _ => {}
        }
        let of_upload = matches!(call, Call::Part { .. } | Call::Complete { .. } | Call::Abort(_));
        if wavering && of_upload {
            // Its bucket is going away, uploads first.
            outcomes.push((self.clone(), Said::Refused("NoSuchUpload")));
        }
        if wavering {
            let keys = self.keys.keys().map(|key| Some(*key)).chain([None]);
            let defaults = keys.map(Seen::Default);
            for seen in defaults.chain([Seen::KeysWork, Seen::KeyDisabled, Seen::KeyPending]) {
                let outcome = self.step(number, call, &seen);
                if !outcomes.contains(&outcome) {
                    outcomes.push(outcome);
                }
            }
        }
        outcomes
    }

    /// A bucket gives up its uploads one by one before it goes, and may not come to go.
    fn half_dropped(&self, name: &str) -> Vec<Outcome> {
        let Some(bucket) = self.buckets.get(name) else { return Vec::new() };
        let uploads: Vec<Id> = bucket.uploads.keys().copied().collect();
        // It was empty when the first was given up.
        let said = if bucket.objects.is_empty() { Said::Partly } else { Said::Refused("BucketNotEmpty") };
        let given_up = |some: u32| {
            let mut after = self.clone();
            if let Some(bucket) = after.buckets.get_mut(name) {
                let gone =
                    |id: &Id| uploads.iter().position(|upload| upload == id).is_some_and(|at| (some >> at) & 1 == 1);
                bucket.uploads.retain(|id, _| !gone(id));
            }
            (after, said.clone())
        };
        (1..1 << uploads.len().min(5)).map(given_up).collect()
    }

    fn step(&self, number: u32, call: &Call<Id>, seen: &Seen) -> Outcome {
        let mut after = self.clone();
        match after.apply(Id::Of(number), call, seen) {
            Ok(said) => (after, said),
            // What is refused changes nothing.
            Err(code) => (self.clone(), Said::Refused(code)),
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm a call: the table is what is to be read")]
    fn apply(&mut self, new: Id, call: &Call<Id>, seen: &Seen) -> Result<Said<Id>, &'static str> {
        match *call {
            Call::MakeBucket(name) => {
                self.buckets.entry(name).or_default();
                Ok(Said::Done)
            }
            Call::DropBucket(name) => match self.bucket(name)?.objects.is_empty() {
                true => {
                    self.buckets.remove(name);
                    Ok(Said::Done)
                }
                false => Err("BucketNotEmpty"),
            },
            Call::ListBuckets => Ok(Said::Names(self.buckets.keys().map(|name| (*name).to_owned()).collect())),
            Call::Version(name, on) => {
                self.bucket(name)?.versioning = if on { Versioning::Enabled } else { Versioning::Suspended };
                Ok(Said::Done)
            }
            Call::Default(name, key) => {
                self.bucket(name)?.default = key;
                Ok(Said::Done)
            }
            Call::Versioning(name) => Ok(Said::State(format!("{:?}", self.bucket(name)?.versioning))),
            Call::DefaultOf(name) => Ok(Said::Encryption(self.bucket(name)?.default)),
            Call::Put { bucket, key, print, ref mode, ref when, .. } => {
                let current = self.bucket(bucket)?.current(key).map(|(_, content)| content.print);
                match when {
                    When::Fresh if current.is_ok() => return Err("PreconditionFailed"),
                    When::Over(known) if current? != known.print => return Err("PreconditionFailed"),
                    _ => {}
                }
                let sse = self.sse(bucket, mode, seen)?;
                self.usable(&sse, seen)?;
                Ok(Said::Made(self.bucket(bucket)?.put(new, key, Some(Content { print, sse }))))
            }
            Call::Copy { from: (from, key), to: (to, new_key) } => {
                self.bucket(to)?;
                let (_, content) = self.bucket(from)?.current(key)?;
                let (print, source) = (content.print, content.sse.clone());
                self.usable(&source, seen)?;
                let sse = self.sse(to, &Mode::Default, seen)?;
                self.usable(&sse, seen)?;
                Ok(Said::Made(self.bucket(to)?.put(new, new_key, Some(Content { print, sse }))))
            }
            Call::Get { bucket, key, version } => {
                let bucket = self.bucket(bucket)?;
                let (id, content) = match version {
                    None => bucket.current(key)?,
                    Some(id) => bucket.version(key, &id)?,
                };
                let (print, sse) = (content.print, content.sse.clone());
                self.usable(&sse, seen)?;
                Ok(Said::Body { id, print, sse })
            }
            Call::Delete { bucket, key, version, ref only } => {
                let bucket = self.bucket(bucket)?;
                if let Some(known) = only {
                    // Unlike for a PUT, a delete marker is something else, not nothing.
                    let newest = bucket.objects.get(key).and_then(|versions| versions.first()).ok_or("NoSuchKey")?;
                    if newest.content.as_ref().is_none_or(|content| content.print != known.print) {
                        return Err("PreconditionFailed");
                    }
                }
                Ok(bucket.delete(new, key, version.as_ref()))
            }
            Call::Versions(name) => Ok(Said::Rows(self.bucket(name)?.rows())),
            Call::Start(bucket, key) => {
                let sse = self.sse(bucket, &Mode::Default, seen)?;
                self.usable(&sse, seen)?;
                self.bucket(bucket)?.uploads.insert(new, Upload { key, sse, parts: BTreeMap::new() });
                Ok(Said::Made(new))
            }
            Call::Part { ref of, number, print, .. } => {
                let sse = self.upload(of)?.sse.clone();
                self.usable(&sse, seen)?;
                self.upload(of)?.parts.insert(number, (new, print));
                Ok(Said::Made(new))
            }
            Call::Complete { ref of, number, etag } => self.complete(new, of, (number, etag), seen),
            Call::Abort(ref of) => {
                if self.bucket(of.bucket).is_ok() && self.completed.contains_key(&of.id) {
                    // It is an object by now, which stays.
                    return Ok(Said::Done);
                }
                self.upload(of)?;
                self.bucket(of.bucket)?.uploads.remove(&of.id);
                Ok(Said::Done)
            }
            Call::Uploads(name) => {
                let uploads = self.bucket(name)?.uploads.iter();
                let row = |(id, upload): (&Id, &Upload)| Row {
                    key: upload.key.to_owned(),
                    id: *id,
                    latest: false,
                    marker: false,
                };
                Ok(Said::Uploads(in_order(uploads.map(row).collect())))
            }
            ref other => self.administer(new, other),
        }
    }

    fn upload(&mut self, of: &Named<Id>) -> Result<&mut Upload, &'static str> {
        let upload = self.bucket(of.bucket)?.uploads.get_mut(&of.id);
        upload.filter(|upload| upload.key == of.key).ok_or("NoSuchUpload")
    }

    fn complete(&mut self, new: Id, of: &Named<Id>, part: (u8, Id), seen: &Seen) -> Result<Said<Id>, &'static str> {
        if self.bucket(of.bucket).is_ok() && self.completed.get(&of.id) == Some(&part) {
            return Ok(Said::Again);
        }
        let upload = self.upload(of)?.clone();
        let print = match upload.parts.get(&part.0) {
            Some((etag, print)) if *etag == part.1 => *print,
            _ => return Err("InvalidPart"),
        };
        self.usable(&upload.sse, seen)?;
        let bucket = self.bucket(of.bucket)?;
        bucket.uploads.remove(&of.id);
        let made = bucket.put(new, of.key, Some(Content { print, sse: upload.sse }));
        self.completed.insert(of.id, part);
        Ok(Said::Made(made))
    }

    /// Keys, trails and users.
    fn administer(&mut self, new: Id, call: &Call<Id>) -> Result<Said<Id>, &'static str> {
        match *call {
            Call::CreateKey => {
                self.keys.insert(new, KeyState::Enabled);
                Ok(Said::Made(new))
            }
            Call::Key(change, key) => self.change_key(change, &key),
            Call::ListKeys => Ok(Said::Ids(self.keys.keys().copied().collect())),
            Call::Describe(key) => Ok(Said::State(format!("{:?}", self.key(&key)?))),
            Call::Encrypt { key, .. } => self.at_work(&key).map(|()| Said::Made(new)),
            Call::Decrypt { of, apt } => {
                self.at_work(&of.key)?;
                if apt { Ok(Said::State(plaintext(of.secret))) } else { Err("InvalidCiphertextException") }
            }
            Call::ReEncrypt { of, apt, to } => {
                self.at_work(&of.key)?;
                self.at_work(&to)?;
                if apt { Ok(Said::Made(new)) } else { Err("InvalidCiphertextException") }
            }
            Call::CreateTrail(name) => match self.trails.contains_key(name) {
                true => Err("TrailAlreadyExistsException"),
                false => {
                    self.trails.insert(name, Trail::default());
                    Ok(Said::Done)
                }
            },
            Call::DeleteTrail(name) => {
                self.trail(name)?;
                self.trails.remove(name);
                Ok(Said::Done)
            }
            Call::Logging(name, on) => {
                self.trail(name)?.logging = on;
                Ok(Said::Done)
            }
            Call::Select(name, writes_only) => {
                self.trail(name)?.writes_only = writes_only;
                Ok(Said::Done)
            }
            Call::TrailStatus(name) => Ok(Said::State(self.trail(name)?.logging.to_string())),
            Call::Selection(name) => Ok(Said::State(self.trail(name)?.writes_only.to_string())),
            Call::CreateUser(name) => done(self.users.insert(name), "EntityAlreadyExists"),
            Call::DeleteUser(name) => done(self.users.remove(name), "NoSuchEntity"),
            Call::ListUsers => Ok(Said::Names(self.users.iter().map(|name| (*name).to_owned()).collect())),
            _ => Err("the model does not know this call"),
        }
    }

    fn bucket(&mut self, name: &str) -> Result<&mut Bucket, &'static str> {
        self.buckets.get_mut(name).ok_or("NoSuchBucket")
    }

    fn trail(&mut self, name: &str) -> Result<&mut Trail, &'static str> {
        self.trails.get_mut(name).ok_or("TrailNotFoundException")
    }

    fn key(&mut self, key: &Id) -> Result<&mut KeyState, &'static str> {
        self.keys.get_mut(key).ok_or("NotFoundException")
    }

    /// Whether the key does something by itself.
    fn at_work(&mut self, key: &Id) -> Result<(), &'static str> {
        match self.key(key)? {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err("DisabledException"),
            KeyState::PendingDeletion => Err("KMSInvalidStateException"),
        }
    }

    fn change_key(&mut self, change: &str, key: &Id) -> Result<Said<Id>, &'static str> {
        let state = self.key(key)?;
        *state = match (change, *state) {
            ("EnableKey", KeyState::Enabled | KeyState::Disabled) => KeyState::Enabled,
            ("DisableKey", KeyState::Enabled | KeyState::Disabled) => KeyState::Disabled,
            ("ScheduleKeyDeletion", KeyState::Enabled | KeyState::Disabled) => KeyState::PendingDeletion,
            ("CancelKeyDeletion", KeyState::PendingDeletion) => KeyState::Disabled,
            _ => return Err("KMSInvalidStateException"),
        };
        Ok(Said::Done)
    }

    /// What a new object is encrypted under.
    fn sse(&mut self, bucket: &str, mode: &Mode<Id>, seen: &Seen) -> Result<Sse<Id>, &'static str> {
        let bucket = self.bucket(bucket)?;
        Ok(match (mode, seen) {
            (Mode::Kms(key, _), _) => Sse::Kms(*key),
            (Mode::Customer, _) => Sse::Customer,
            (Mode::Default, Seen::Default(key)) => key.map_or(Sse::Managed, Sse::Kms),
            (Mode::Default, _) => bucket.default.map_or(Sse::Managed, Sse::Kms),
        })
    }

    /// Whether the key service does its part.
    fn usable(&self, sse: &Sse<Id>, seen: &Seen) -> Result<(), &'static str> {
        let Sse::Kms(key) = sse else { return Ok(()) };
        match (seen, self.keys.get(key)) {
            (_, None) => Err("KMS.NotFoundException"),
            (Seen::KeysWork | Seen::Default(_), _) => Ok(()),
            (Seen::KeyDisabled, _) | (Seen::AsItIs, Some(KeyState::Disabled)) => Err("KMS.DisabledException"),
            (Seen::KeyPending, _) | (Seen::AsItIs, Some(KeyState::PendingDeletion)) => {
                Err("KMS.KMSInvalidStateException")
            }
            (Seen::AsItIs, Some(KeyState::Enabled)) => Ok(()),
        }
    }
}

fn done(happened: bool, otherwise: &'static str) -> Result<Said<Id>, &'static str> {
    if happened { Ok(Said::Done) } else { Err(otherwise) }
}

/// What a call may see of keys and defaults that are being changed.
enum Seen {
    AsItIs,
    KeysWork,
    KeyDisabled,
    KeyPending,
    Default(Option<Id>),
}

impl Bucket {
    fn current(&self, key: &str) -> Result<(Id, &Content), &'static str> {
        let newest = self.objects.get(key).and_then(|versions| versions.first()).ok_or("NoSuchKey")?;
        Ok((newest.id, newest.content.as_ref().ok_or("NoSuchKey")?))
    }

    fn version(&self, key: &str, id: &Id) -> Result<(Id, &Content), &'static str> {
        let mut versions = self.objects.get(key).into_iter().flatten();
        let version = versions.find(|version| version.id == *id).ok_or("NoSuchVersion")?;
        Ok((*id, version.content.as_ref().ok_or("MethodNotAllowed")?))
    }

    /// A new version or delete marker on top. Its id.
    fn put(&mut self, new: Id, key: &'static str, content: Option<Content>) -> Id {
        let id = if self.versioning == Versioning::Enabled { new } else { Id::Null };
        let versions = self.objects.entry(key).or_default();
        if id == Id::Null {
            versions.retain(|version| version.id != Id::Null);
        }
        versions.insert(0, Version { id, content });
        id
    }

    fn delete(&mut self, new: Id, key: &'static str, version: Option<&Id>) -> Said<Id> {
        let said = match version {
            None if self.versioning != Versioning::Off => Said::Made(self.put(new, key, None)),
            None => {
                self.objects.remove(key);
                Said::Done
            }
            Some(id) => {
                if let Some(versions) = self.objects.get_mut(key) {
                    versions.retain(|version| version.id != *id);
                }
                Said::Done
            }
        };
        self.objects.retain(|_, versions| !versions.is_empty());
        said
    }

    fn rows(&self) -> Vec<Row<Id>> {
        let rows = self.objects.iter().flat_map(|(key, versions)| {
            versions.iter().enumerate().map(|(at, version)| Row {
                key: (*key).to_owned(),
                id: version.id,
                latest: at == 0,
                marker: version.content.is_none(),
            })
        });
        in_order(rows.collect())
    }
}
