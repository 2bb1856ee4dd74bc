//! A mixed load that notes every acknowledgement.

use std::sync::{Arc, Mutex};

use arqueta_store::power::{Dice, Recorder};
use aws_sdk_kms::operation::create_key::CreateKeyError;
use aws_sdk_kms::types::KeyMetadata;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::delete_object::DeleteObjectError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::types::{
    BucketVersioningStatus, CompletedMultipartUpload, CompletedPart, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    VersioningConfiguration,
};
use bytes::Bytes;

use crate::ledger::{Bucket, Content, Ledger, Mode, Name, Upload, Version};
use crate::site::Clients;

/// Overwrites replace.
pub const PLAIN: &str = "plain";
/// Overwrites add versions; the default is SSE-KMS.
pub const VERSIONED: &str = "versioned";

/// Nothing; inside the metadata; around its limit; over a segment; several segments.
const SIZES: [usize; 7] = [0, 1, 900, 16_000, 17_000, 70_000, 300 << 10];

/// A customer's key and its MD5, base64.
pub const CUSTOMER_KEY: &str = "YXJxdWV0YS10ZXN0LWN1c3RvbWVyLWtleS0wMTIzNDU=";
pub const CUSTOMER_MD5: &str = "sgs2UKlQpYNFOznqLGm4hw==";

/// Adds what a [`Mode`] asks for to a request that can write an object.
macro_rules! sealed {
    ($request:expr, $mode:expr, $key:expr) => {{
        let customer = $mode == Mode::Customer;
        $request
            .set_server_side_encryption(algorithm($mode))
            .set_ssekms_key_id(matches!($mode, Mode::Kms | Mode::KmsBucketKey | Mode::Dual).then(|| $key.to_owned()))
            .set_bucket_key_enabled(match $mode {
                Mode::Kms => Some(false),
                Mode::KmsBucketKey | Mode::AwsManaged => Some(true),
                Mode::Default | Mode::Dual | Mode::Customer => None,
            })
            .set_sse_customer_algorithm(customer.then(|| "AES256".to_owned()))
            .set_sse_customer_key(customer.then(|| CUSTOMER_KEY.to_owned()))
            .set_sse_customer_key_md5(customer.then(|| CUSTOMER_MD5.to_owned()))
    }};
}

fn algorithm(mode: Mode) -> Option<ServerSideEncryption> {
    match mode {
        Mode::Kms | Mode::KmsBucketKey | Mode::AwsManaged => Some(ServerSideEncryption::AwsKms),
        Mode::Dual => Some(ServerSideEncryption::AwsKmsDsse),
        Mode::Default | Mode::Customer => None,
    }
}

/// Writes through `clients` and notes what it did. Requests must succeed.
#[derive(Clone)]
pub struct Load {
    pub clients: Clients,
    pub disk: Recorder,
    pub ledger: Arc<Mutex<Ledger>>,
}

impl Load {
    /// Buckets, their settings, and the key of everything that follows: each a step of its own.
    pub async fn prepare(&self) {
        let s3 = &self.clients.s3;
        let arn = self.try_create_key().await.unwrap().arn.unwrap();
        self.ledger.lock().unwrap().key = arn;
        for bucket in [PLAIN, VERSIONED] {
            let began = self.disk.position();
            s3.create_bucket().bucket(bucket).send().await.unwrap();
            self.note_bucket(bucket, began, |state| state.exists = true);
        }
        let began = self.disk.position();
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        s3.put_bucket_versioning().bucket(VERSIONED).versioning_configuration(enabled).send().await.unwrap();
        self.note_bucket(VERSIONED, began, |state| state.versioned = true);

        let began = self.disk.position();
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::AwsKms)
            .kms_master_key_id(self.key())
            .build()
            .unwrap();
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .bucket_key_enabled(true)
            .build();
        let rules = ServerSideEncryptionConfiguration::builder().rules(rule).build().unwrap();
        let put = s3.put_bucket_encryption().bucket(VERSIONED).server_side_encryption_configuration(rules);
        put.send().await.unwrap();
        self.note_bucket(VERSIONED, began, |state| state.default_kms = true);
    }

    /// `workers` at once, so that their commits share syncs, each with keys of its own.
    pub async fn run(&self, workers: u64, acts: usize, seed: u64) {
        let running: Vec<_> = (0..workers)
            .map(|worker| {
                let load = self.clone();
                tokio::spawn(async move {
                    let mut dice = Dice::new(seed.wrapping_mul(1000) + worker);
                    for act in 0..acts {
                        load.act(worker, act, &mut dice).await;
                    }
                })
            })
            .collect();
        for worker in running {
            worker.await.unwrap();
        }
    }

    async fn act(&self, worker: u64, act: usize, dice: &mut Dice) {
        let bucket = if dice.below(2) == 0 { PLAIN } else { VERSIONED };
        let name: Name = (bucket, format!("w{worker}/{}", dice.below(3)));
        let mode = Mode::ALL[dice.below(Mode::ALL.len())];
        let size = SIZES[dice.below(SIZES.len())];
        let body = Bytes::from(dice.bytes(size));
        if worker == 0 && act % 5 == 4 {
            return self.administer(act).await;
        }
        match dice.below(20) {
            0..=8 => self.put(&name, mode, body).await,
            9..=11 => self.delete(&name).await,
            12..=13 => self.remove_version(&name, dice).await,
            14..=16 => self.copy(&name, mode, worker).await,
            _ => self.multipart(&name, mode, body, dice.below(3) > 0).await,
        }
    }

    /// A PUT that must succeed.
    pub async fn put(&self, name: &Name, mode: Mode, body: Bytes) {
        self.try_put(name, mode, body).await.unwrap();
    }

    /// A PUT that may fail and then has changed nothing.
    pub async fn try_put(&self, name: &Name, mode: Mode, body: Bytes) -> Result<(), SdkError<PutObjectError>> {
        let began = self.disk.position();
        let put = self.clients.s3.put_object().bucket(name.0).key(&name.1).body(body.clone().into());
        let done = sealed!(put, mode, self.key()).send().await?;
        self.wrote(name, began, done.version_id, Content { body, etag: done.e_tag.unwrap(), mode });
        Ok(())
    }

    async fn delete(&self, name: &Name) {
        self.try_delete(name).await.unwrap();
    }

    /// A DELETE without a version. One that fails has changed nothing.
    pub async fn try_delete(&self, name: &Name) -> Result<(), SdkError<DeleteObjectError>> {
        let began = self.disk.position();
        let done = self.clients.s3.delete_object().bucket(name.0).key(&name.1).send().await?;
        self.note_object(name, began, |versions| match done.version_id {
            Some(id) => versions.insert(0, Version { id, content: None }),
            None => versions.clear(),
        });
        Ok(())
    }

    async fn remove_version(&self, name: &Name, dice: &mut Dice) {
        let versions = self.versions(name);
        if versions.is_empty() {
            return;
        }
        let removed = dice.below(versions.len());
        let delete = self.clients.s3.delete_object().bucket(name.0).key(&name.1);
        let began = self.disk.position();
        delete.version_id(&versions[removed].id).send().await.unwrap();
        self.note_object(name, began, |versions| drop(versions.remove(removed)));
    }

    /// Converts another object of this worker from its mode to `mode`.
    async fn copy(&self, name: &Name, mode: Mode, worker: u64) {
        let source = (PLAIN, format!("w{worker}/1"));
        let Some(Content { body, mode: from, .. }) = self.versions(&source).into_iter().next().and_then(|v| v.content)
        else {
            return;
        };
        if from == Mode::Customer || source == *name {
            return;
        }
        let began = self.disk.position();
        let copy = self.clients.s3.copy_object().bucket(name.0).key(&name.1);
        let copy = copy.copy_source(format!("{}/{}", source.0, source.1));
        let done = sealed!(copy, mode, self.key()).send().await.unwrap();
        let etag = done.copy_object_result.unwrap().e_tag.unwrap();
        self.wrote(name, began, done.version_id, Content { body, etag, mode });
    }

    /// An upload in one part, completed or left open.
    async fn multipart(&self, name: &Name, mode: Mode, body: Bytes, complete: bool) {
        // A part of a customer's key needs the key with every request: PUT covers that mode.
        let mode = if mode == Mode::Customer { Mode::KmsBucketKey } else { mode };
        let s3 = &self.clients.s3;
        let began = self.disk.position();
        let create = s3.create_multipart_upload().bucket(name.0).key(&name.1);
        let id = sealed!(create, mode, self.key()).send().await.unwrap().upload_id.unwrap();
        self.note_upload(name, &id, began, |upload| upload.open = true);

        let began = self.disk.position();
        let part = s3.upload_part().bucket(name.0).key(&name.1).upload_id(&id).part_number(1);
        let etag = part.body(body.clone().into()).send().await.unwrap().e_tag.unwrap();
        self.note_upload(name, &id, began, |upload| upload.parts.push((1, etag)));
        if complete {
            self.complete(name, &id, body, mode).await;
        }
    }

    async fn complete(&self, name: &Name, id: &str, body: Bytes, mode: Mode) {
        let parts = self.ledger.lock().unwrap().uploads[&(name.clone(), id.to_owned())].latest().parts;
        let parts =
            parts.into_iter().map(|(number, etag)| CompletedPart::builder().part_number(number).e_tag(etag).build());
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let began = self.disk.position();
        let complete = self.clients.s3.complete_multipart_upload().bucket(name.0).key(&name.1).upload_id(id);
        let done = complete.multipart_upload(parts).send().await.unwrap();
        self.note_upload(name, id, began, |upload| *upload = Upload::default());
        self.wrote(name, began, done.version_id, Content { body, etag: done.e_tag.unwrap(), mode });
    }

    /// Key administration beside the load: new keys, disabled ones, new material for the load's own.
    async fn administer(&self, act: usize) {
        let kms = &self.clients.kms;
        if act % 10 == 4 {
            kms.rotate_key_on_demand().key_id(self.key()).send().await.unwrap();
            return;
        }
        let id = self.try_create_key().await.unwrap().key_id;
        let began = self.disk.position();
        kms.disable_key().key_id(&id).send().await.unwrap();
        self.note_key(&id, began, "Disabled");
    }

    /// A new KMS key, or nothing.
    pub async fn try_create_key(&self) -> Result<KeyMetadata, SdkError<CreateKeyError>> {
        let began = self.disk.position();
        let created = self.clients.kms.create_key().send().await?.key_metadata.unwrap();
        self.note_key(&created.key_id, began, "Enabled");
        Ok(created)
    }

    fn note_key(&self, id: &str, began: usize, state: &'static str) {
        let at = self.disk.position();
        self.ledger.lock().unwrap().keys.entry(id.to_owned()).or_default().note(began, at, Some(state));
    }

    fn key(&self) -> String {
        self.ledger.lock().unwrap().key.clone()
    }

    fn versions(&self, name: &Name) -> Vec<Version> {
        self.ledger.lock().unwrap().objects.get(name).map(|history| history.latest()).unwrap_or_default()
    }

    fn wrote(&self, name: &Name, began: usize, version: Option<String>, content: Content) {
        self.note_object(name, began, |versions| match version {
            Some(id) => versions.insert(0, Version { id, content: Some(content) }),
            None => *versions = vec![Version { id: "null".to_owned(), content: Some(content) }],
        });
    }

    fn note_object(&self, name: &Name, began: usize, change: impl FnOnce(&mut Vec<Version>)) {
        // The position first: everything acknowledged before it is read is on the tape by then.
        let at = self.disk.position();
        let mut ledger = self.ledger.lock().unwrap();
        let history = ledger.objects.entry(name.clone()).or_default();
        let mut state = history.latest();
        change(&mut state);
        history.note(began, at, state);
    }

    fn note_upload(&self, name: &Name, id: &str, began: usize, change: impl FnOnce(&mut Upload)) {
        let at = self.disk.position();
        let mut ledger = self.ledger.lock().unwrap();
        let history = ledger.uploads.entry((name.clone(), id.to_owned())).or_default();
        let mut state = history.latest();
        change(&mut state);
        history.note(began, at, state);
    }

    fn note_bucket(&self, bucket: &'static str, began: usize, change: impl FnOnce(&mut Bucket)) {
        let at = self.disk.position();
        let mut ledger = self.ledger.lock().unwrap();
        let history = ledger.buckets.entry(bucket).or_default();
        let mut state = history.latest();
        change(&mut state);
        history.note(began, at, state);
    }
}
