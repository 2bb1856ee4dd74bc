//! SIGKILL at random moments under a mixed load: every acknowledged write is there, byte for byte,
//! and no unacknowledged one is half there. 10 rounds; 100 with `ARQUETA_NIGHTLY=1`.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arqueta_tests::{Gateway, sdk};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, ServerSideEncryption};

const WRITERS: usize = 8;
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

async fn put(s3: &aws_sdk_s3::Client, key: &str, seed: u64) -> bool {
    let put = s3.put_object().bucket("kill").key(key).body(ByteStream::from(body(seed)));
    let put = if seed % 2 == 0 {
        put.server_side_encryption(ServerSideEncryption::AwsKms).bucket_key_enabled(seed % 4 == 0)
    } else {
        put
    };
    put.send().await.is_ok()
}

async fn multipart(s3: &aws_sdk_s3::Client, key: &str, seed: u64) -> Option<()> {
    let upload = s3.create_multipart_upload().bucket("kill").key(key).send().await.ok()?.upload_id?;
    let part = s3.upload_part().bucket("kill").key(key).upload_id(&upload).part_number(1);
    let part = part.body(body(seed).into()).send().await.ok()?;
    let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    s3.complete_multipart_upload().bucket("kill").key(key).upload_id(upload).multipart_upload(parts).send().await.ok()?;
    Some(())
}

/// Writes until the gateway is gone.
async fn write(s3: aws_sdk_s3::Client, ledger: Ledger, writer: usize, mut seed: u64) {
    loop {
        seed = seed.wrapping_add(0x1000);
        let key = format!("w{writer}/{}", seed / 0x1000 % KEYS as u64);
        let deletes = seed / 0x1000 % 11 == 0;
        let wanted = (!deletes).then_some(seed);
        ledger.lock().unwrap().entry(key.clone()).or_default().tried.push(wanted);
        let done = match wanted {
            None => s3.delete_object().bucket("kill").key(&key).send().await.is_ok(),
            Some(seed) if seed / 0x1000 % 4 == 0 => multipart(&s3, &key, seed).await.is_some(),
            Some(seed) => put(&s3, &key, seed).await,
        };
        if !done {
            return;
        }
        let mut ledger = ledger.lock().unwrap();
        let known = ledger.get_mut(&key).unwrap();
        *known = Known { acknowledged: wanted, tried: Vec::new() };
    }
}

/// Every key holds what was acknowledged, or exactly one of the bodies tried after it.
async fn verify(s3: &aws_sdk_s3::Client, ledger: &Ledger) {
    let expected = ledger.lock().unwrap().clone();
    for (key, known) in expected {
        let found = match s3.get_object().bucket("kill").key(&key).send().await {
            Ok(answer) => Some(answer.body.collect().await.expect("an object that is there opens").into_bytes()),
            Err(error) => {
                assert_eq!(error.raw_response().map(|r| r.status().as_u16()), Some(404), "{key}: {error:?}");
                None
            }
        };
        let mut allowed = known.tried;
        allowed.push(known.acknowledged);
        let matched = allowed.into_iter().find(|seed| seed.map(body).as_deref() == found.as_deref());
        let settled = matched.unwrap_or_else(|| panic!("{key} holds {:?} bytes that nobody wrote", found.map(|f| f.len())));
        ledger.lock().unwrap().insert(key, Known { acknowledged: settled, tried: Vec::new() });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_sigkill() {
    let rounds = if std::env::var_os("ARQUETA_NIGHTLY").is_some() { 100 } else { 10 };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let ledger = Ledger::default();
    let first = Gateway::start(&data, &[]);
    sdk::s3(&first).create_bucket().bucket("kill").send().await.unwrap();
    first.kill();
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
            writer.await.unwrap();
        }
    }
    let gateway = Gateway::start(&data, &[]);
    verify(&sdk::s3(&gateway), &ledger).await;
    let written = ledger.lock().unwrap().len();
    assert_eq!(written, WRITERS * KEYS, "the load reached every key");
}
