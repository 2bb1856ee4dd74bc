//! What a recovered gateway holds, against what the ledger allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketVersioningStatus, ServerSideEncryption};
use tokio::task::JoinSet;

use crate::ledger::{Bucket, Content, History, KeyState, Ledger, Mode, Name, Upload, Version};
use crate::load::{CUSTOMER_KEY, CUSTOMER_MD5};
use crate::site::Clients;

/// Everything in the ledger, as found after the first `at` operations of the disk.
///
/// # Errors
/// The first thing that was lost, changed, or never written.
pub async fn check(clients: &Clients, ledger: &Ledger, at: usize) -> Result<Ledger, String> {
    let buckets = check_buckets(clients, ledger, at).await?;
    let existing = buckets.iter().filter(|(_, bucket)| bucket.latest().exists).map(|(name, _)| *name);
    let (mut listed, mut open) = (BTreeMap::new(), BTreeMap::new());
    for bucket in existing {
        listed.extend(list_versions(clients, bucket).await?);
        open.extend(list_uploads(clients, bucket).await?);
    }
    let objects = check_objects(clients, ledger, at, listed).await?;
    let uploads = check_uploads(ledger, at, open)?;
    completed_whole(ledger, at, &objects, &uploads)?;
    let keys = check_keys(clients, ledger, at).await?;
    Ok(Ledger { key: ledger.key.clone(), buckets, objects, uploads, keys })
}

/// The allowed state that `fits`, as the history from here on.
fn settle<S: Clone + Default + PartialEq + Debug>(
    what: &dyn Debug,
    history: &History<S>,
    at: usize,
    found: &dyn Debug,
    fits: impl Fn(&S) -> bool,
) -> Result<History<S>, String> {
    let allowed = history.allowed(at);
    let found = allowed
        .iter()
        .find(|state| fits(state))
        .ok_or_else(|| format!("{what:?}: found {found:?}, allowed {allowed:?}"))?;
    Ok(History::settled(found.clone()))
}

async fn check_buckets(
    clients: &Clients,
    ledger: &Ledger,
    at: usize,
) -> Result<BTreeMap<&'static str, History<Bucket>>, String> {
    let listed = clients.s3.list_buckets().send().await.map_err(told(&"buckets"))?;
    let listed: BTreeSet<_> = listed.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    if let Some(unknown) = listed.iter().find(|name| !ledger.buckets.contains_key(*name)) {
        return Err(format!("nobody made bucket {unknown}"));
    }
    let mut settled = BTreeMap::new();
    for (name, history) in &ledger.buckets {
        let mut found = Bucket { exists: listed.contains(name), ..Bucket::default() };
        if found.exists {
            let versioning = clients.s3.get_bucket_versioning().bucket(*name).send().await.map_err(told(name))?;
            found.versioned = versioning.status() == Some(&BucketVersioningStatus::Enabled);
            let encryption = clients.s3.get_bucket_encryption().bucket(*name).send().await.map_err(told(name))?;
            let rules = encryption.server_side_encryption_configuration.map(|it| it.rules).unwrap_or_default();
            let default = rules.first().and_then(|rule| rule.apply_server_side_encryption_by_default.as_ref());
            found.default_kms = default.is_some_and(|it| it.sse_algorithm == ServerSideEncryption::AwsKms);
        }
        settled.insert(*name, settle(name, history, at, &found, |state| *state == found)?);
    }
    Ok(settled)
}

/// What a listing says about a key: ids and ETags of its versions, ids of its delete markers, both
/// newest first, and the latest of all.
#[derive(Debug, Default, Clone, PartialEq)]
struct Listed {
    versions: Vec<(String, String, i64)>,
    markers: Vec<String>,
    latest: String,
}

impl Listed {
    fn of(state: &[Version]) -> Self {
        let mut listed = Self { latest: state.first().map(|v| v.id.clone()).unwrap_or_default(), ..Self::default() };
        for version in state {
            match &version.content {
                Some(content) => {
                    let size = i64::try_from(content.body.len()).expect("bodies are small");
                    listed.versions.push((version.id.clone(), content.etag.clone(), size));
                }
                None => listed.markers.push(version.id.clone()),
            }
        }
        listed
    }
}

async fn list_versions(clients: &Clients, bucket: &'static str) -> Result<BTreeMap<Name, Listed>, String> {
    let page = clients.s3.list_object_versions().bucket(bucket).send().await.map_err(told(&bucket))?;
    if page.is_truncated() == Some(true) {
        return Err(format!("{bucket} holds more than anyone wrote"));
    }
    let mut listed: BTreeMap<Name, Listed> = BTreeMap::new();
    for version in page.versions.unwrap_or_default() {
        let entry = listed.entry((bucket, version.key.unwrap_or_default())).or_default();
        let id = version.version_id.unwrap_or_default();
        if version.is_latest == Some(true) {
            entry.latest.clone_from(&id);
        }
        entry.versions.push((id, version.e_tag.unwrap_or_default(), version.size.unwrap_or(-1)));
    }
    for marker in page.delete_markers.unwrap_or_default() {
        let entry = listed.entry((bucket, marker.key.unwrap_or_default())).or_default();
        let id = marker.version_id.unwrap_or_default();
        if marker.is_latest == Some(true) {
            entry.latest.clone_from(&id);
        }
        entry.markers.push(id);
    }
    Ok(listed)
}

async fn check_objects(
    clients: &Clients,
    ledger: &Ledger,
    at: usize,
    mut listed: BTreeMap<Name, Listed>,
) -> Result<BTreeMap<Name, History<Vec<Version>>>, String> {
    let mut settled = BTreeMap::new();
    let mut reads = JoinSet::new();
    for (name, history) in &ledger.objects {
        let found = listed.remove(name).unwrap_or_default();
        let history = settle(name, history, at, &found, |state| Listed::of(state) == found)?;
        let versions = history.latest();
        reads.spawn(read_current(clients.clone(), name.clone(), versions.first().cloned()));
        for Version { id, content } in versions {
            if let Some(content) = content {
                reads.spawn(read(clients.clone(), name.clone(), Some(id), content));
            }
        }
        settled.insert(name.clone(), history);
    }
    if let Some((name, _)) = listed.pop_first() {
        return Err(format!("nobody wrote {name:?}"));
    }
    reads.join_all().await.into_iter().collect::<Result<(), String>>()?;
    Ok(settled)
}

/// A GET without a version: the latest one, or 404.
async fn read_current(clients: Clients, name: Name, latest: Option<Version>) -> Result<(), String> {
    if let Some(content) = latest.and_then(|version| version.content) {
        return read(clients, name, None, content).await;
    }
    match clients.s3.get_object().bucket(name.0).key(&name.1).send().await {
        // Whether the bucket should be there was checked before.
        Err(error) if matches!(error.code(), Some("NoSuchKey" | "NoSuchBucket")) => Ok(()),
        Err(error) => Err(told(&name)(error)),
        Ok(_) => Err(format!("{name:?} is deleted and is served")),
    }
}

/// Byte for byte.
async fn read(clients: Clients, name: Name, id: Option<String>, content: Content) -> Result<(), String> {
    let customer = content.mode == Mode::Customer;
    let get = clients.s3.get_object().bucket(name.0).key(&name.1).set_version_id(id.clone());
    let get = get
        .set_sse_customer_algorithm(customer.then(|| "AES256".to_owned()))
        .set_sse_customer_key(customer.then(|| CUSTOMER_KEY.to_owned()))
        .set_sse_customer_key_md5(customer.then(|| CUSTOMER_MD5.to_owned()));
    let answer = get.send().await.map_err(told(&(&name, &id, &content.mode)))?;
    let body = answer.body.collect().await.map_err(|error| format!("{name:?} {id:?} breaks off: {error:?}"))?;
    if body.into_bytes() == content.body { Ok(()) } else { Err(format!("{name:?} {id:?} reads back differently")) }
}

/// Open uploads of a bucket with their parts.
async fn list_uploads(clients: &Clients, bucket: &'static str) -> Result<BTreeMap<(Name, String), Upload>, String> {
    let page = clients.s3.list_multipart_uploads().bucket(bucket).send().await.map_err(told(&bucket))?;
    let mut open = BTreeMap::new();
    for upload in page.uploads.unwrap_or_default() {
        let (key, id) = (upload.key.unwrap_or_default(), upload.upload_id.unwrap_or_default());
        let parts = clients.s3.list_parts().bucket(bucket).key(&key).upload_id(&id).send().await.map_err(told(&key))?;
        let parts = parts.parts.unwrap_or_default();
        let parts = parts.into_iter().map(|part| (part.part_number.unwrap_or(0), part.e_tag.unwrap_or_default()));
        open.insert(((bucket, key), id), Upload { open: true, parts: parts.collect() });
    }
    Ok(open)
}

fn check_uploads(
    ledger: &Ledger,
    at: usize,
    mut open: BTreeMap<(Name, String), Upload>,
) -> Result<BTreeMap<(Name, String), History<Upload>>, String> {
    let mut settled = BTreeMap::new();
    for (upload, history) in &ledger.uploads {
        let found = open.remove(upload).unwrap_or_default();
        settled.insert(upload.clone(), settle(upload, history, at, &found, |state| *state == found)?);
    }
    match open.pop_first() {
        Some((unknown, _)) => Err(format!("nobody started upload {unknown:?}")),
        None => Ok(settled),
    }
}

/// A completion that was under way happened whole or not at all: the upload is gone exactly when
/// its object is there.
fn completed_whole(
    ledger: &Ledger,
    at: usize,
    objects: &BTreeMap<Name, History<Vec<Version>>>,
    uploads: &BTreeMap<(Name, String), History<Upload>>,
) -> Result<(), String> {
    for (upload, history) in &ledger.uploads {
        let [open, done] = &history.allowed(at)[..] else { continue };
        let object = ledger.objects.get(&upload.0).map(|object| object.allowed(at)).unwrap_or_default();
        if let ([before, after], true) = (&object[..], open.open && !done.open) {
            let (gone, found) = (!uploads[upload].latest().open, objects[&upload.0].latest());
            if before != after && gone != (found == *after) {
                return Err(format!("{upload:?} was completed by half: upload gone {gone}, object {found:?}"));
            }
        }
    }
    Ok(())
}

async fn check_keys(
    clients: &Clients,
    ledger: &Ledger,
    at: usize,
) -> Result<BTreeMap<String, History<KeyState>>, String> {
    let mut settled = BTreeMap::new();
    for (id, history) in &ledger.keys {
        let found = match clients.kms.describe_key().key_id(id).send().await {
            Ok(answer) => answer.key_metadata.and_then(|key| key.key_state).map(|state| state.as_str().to_owned()),
            Err(error) if error.code() == Some("NotFoundException") => None,
            Err(error) => return Err(format!("key {id}: {error:?}")),
        };
        settled.insert(id.clone(), settle(id, history, at, &found, |state| *state == found.as_deref())?);
    }
    Ok(settled)
}

fn told<E: Debug, R: Debug>(what: &dyn Debug) -> impl FnOnce(SdkError<E, R>) -> String {
    let what = format!("{what:?}");
    move |error| format!("{what} cannot be read: {error:?}")
}
