//! SIGKILL at random moments under a mixed load: every acknowledged write is there, byte for byte,
//! and no unacknowledged one is half there. 10 rounds; 100 with `ARQUETA_NIGHTLY=1`.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arqueta_tests::{Gateway, sdk};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, ServerSideEncryption};

const BUCKET: &str = "kill";
const WRITERS: usize = 8;
/// Between two seeds of one writer; above it the turn, below it the writer.
const STEP: u64 = 0x1000;
/// Keys of each writer: few, so that most writes replace something.
const KEYS: usize = 5;

/// What may be read under one key: the last acknowledged state, or one tried after it.
#[derive(Default, Clone)]
struct Known {
    /// Seed of the acknowledged body; `None` when nothing is there.
    acknowledged: Option<u64>,
    /// Tried since, outcome unknown. `None` is a delete.
    tried: Vec<Option<u64>>,
}

type Ledger = Arc<Mutex<BTreeMap<String, Known>>>;

/// A body that its seed tells: sizes on both sides of the inline limit and of a segment.
fn body(seed: u64) -> Vec<u8> {
    let size = [0, 1, 900, 16_000, 17_000, 70_000, 300_000][(seed % 7) as usize];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(size);
    while out.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(size);
    out
}

/// Whether a request succeeded. One that failed because the gateway is gone did not; a gateway that
/// answers with an error fails the test.
fn done<T, E: Debug, R: Debug>(outcome: Result<T, SdkError<E, R>>) -> Option<T> {
    match outcome {
        Ok(answer) => Some(answer),
        Err(SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | SdkError::TimeoutError(_)) => None,
        Err(error) => panic!("the gateway refused a write: {error:?}"),
    }
}

async fn put(s3: &aws_sdk_s3::Client, key: &str, seed: u64) -> Option<()> {
    let put = s3.put_object().bucket(BUCKET).key(key).body(ByteStream::from(body(seed)));
    let put = match seed / STEP % 3 {
        0 => put,
        mode => put.server_side_encryption(ServerSideEncryption::AwsKms).bucket_key_enabled(mode == 1),
    };
    done(put.send().await).map(drop)
}

async fn multipart(s3: &aws_sdk_s3::Client, key: &str, seed: u64) -> Option<()> {
    let upload = done(s3.create_multipart_upload().bucket(BUCKET).key(key).send().await)?.upload_id?;
    let part = s3.upload_part().bucket(BUCKET).key(key).upload_id(&upload).part_number(1);
    let part = done(part.body(body(seed).into()).send().await)?;
    let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let complete = s3.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(upload);
    done(complete.multipart_upload(parts).send().await).map(drop)
}

/// Writes until the gateway is gone. Returns how much was acknowledged.
async fn write(s3: aws_sdk_s3::Client, ledger: Ledger, writer: usize, mut seed: u64) -> usize {
    for acknowledged in 0.. {
        seed += STEP;
        let turn = seed / STEP;
        let key = format!("w{writer}/{}", turn % KEYS as u64);
        let wanted = (!turn.is_multiple_of(11)).then_some(seed);
        ledger.lock().unwrap().entry(key.clone()).or_default().tried.push(wanted);
        let answered = match wanted {
            None => done(s3.delete_object().bucket(BUCKET).key(&key).send().await).map(drop),
            Some(seed) if turn.is_multiple_of(4) => multipart(&s3, &key, seed).await,
            Some(seed) => put(&s3, &key, seed).await,
        };
        if answered.is_none() {
            return acknowledged;
        }
        ledger.lock().unwrap().insert(key, Known { acknowledged: wanted, tried: Vec::new() });
    }
    unreachable!("the loop has no end")
}

/// Every key holds what was acknowledged, or exactly one of the bodies tried after it.
async fn verify(s3: &aws_sdk_s3::Client, ledger: &Ledger) {
    let expected = ledger.lock().unwrap().clone();
    for (key, known) in expected {
        let found = match s3.get_object().bucket(BUCKET).key(&key).send().await {
            Ok(answer) => Some(answer.body.collect().await.expect("an object that is there opens").into_bytes()),
            Err(error) => {
                assert_eq!(error.code(), Some("NoSuchKey"), "{key}: {error:?}");
                None
            }
        };
        let mut allowed = known.tried;
        allowed.push(known.acknowledged);
        let matched = allowed.into_iter().find(|seed| seed.map(body).as_deref() == found.as_deref());
        let settled =
            matched.unwrap_or_else(|| panic!("{key} holds {:?} bytes that nobody wrote", found.map(|f| f.len())));
        ledger.lock().unwrap().insert(key, Known { acknowledged: settled, tried: Vec::new() });
    }
    let listed = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap().contents.unwrap_or_default();
    let listed: Vec<_> = listed.into_iter().filter_map(|object| object.key).collect();
    let there = ledger
        .lock()
        .unwrap()
        .iter()
        .filter(|(_, it)| it.acknowledged.is_some())
        .map(|(key, _)| key.clone())
        .collect::<Vec<_>>();
    assert_eq!(listed, there, "the listing and the objects differ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_sigkill() {
    let rounds = if std::env::var_os("ARQUETA_NIGHTLY").is_some() { 100 } else { 10 };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let ledger = Ledger::default();
    let first = Gateway::start(&data, &[]);
    sdk::s3(&first).create_bucket().bucket(BUCKET).send().await.unwrap();
    first.kill();
    let mut acknowledged = 0;
    for round in 0..rounds {
        let gateway = Gateway::start(&data, &[]);
        let s3 = sdk::s3(&gateway);
        verify(&s3, &ledger).await;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(s3.clone(), ledger.clone(), writer, (round << 32) + writer as u64)))
            .collect();
        // The moment of the kill is what the test varies; nothing waits for this time to pass.
        tokio::time::sleep(Duration::from_millis(150 + round * 97 % 700)).await;
        gateway.kill();
        for writer in writers {
            acknowledged += writer.await.unwrap();
        }
    }
    let gateway = Gateway::start(&data, &[]);
    verify(&sdk::s3(&gateway), &ledger).await;
    assert!(acknowledged as u64 > rounds * WRITERS as u64, "only {acknowledged} writes in {rounds} rounds");
    assert_eq!(ledger.lock().unwrap().len(), WRITERS * KEYS, "the load did not reach every key");
}
