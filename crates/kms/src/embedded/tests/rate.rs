//! Figures, printed by `cargo test --release -p arqueta-kms rate -- --ignored --nocapture`.

use std::time::Instant;

use super::*;
use crate::testing::context;
use crate::{Decrypt, GenerateDataKey, KeyRef, Kms, Operation};

#[tokio::test]
#[ignore = "a measurement, not a test"]
#[allow(clippy::print_stdout, clippy::cast_precision_loss)]
async fn calls_a_second_on_one_core() {
    const CALLS: u32 = 50_000;
    let world = World::new().await;
    let key = world.key().await;
    let named = KeyRef::Named(key.to_string());
    let alice = power_user(ACCOUNT, "alice").via_s3(&"us-east-1".parse().unwrap());
    let bound = context(&[("aws:s3:arn", "arn:aws:s3:::bucket")]);
    let generate = GenerateDataKey { key: &named, context: &bound };
    let made = Kms::generate_data_key(&world.kms, &alice, generate).await.unwrap();
    let rate = |name: &str, start: Instant| {
        println!("{name}: {:.0}/s", f64::from(CALLS) / start.elapsed().as_secs_f64());
        world.audit.inner().take();
    };
    let start = Instant::now();
    for _ in 0..CALLS {
        Kms::generate_data_key(&world.kms, &alice, generate).await.unwrap();
    }
    rate("GenerateDataKey", start);
    let start = Instant::now();
    for _ in 0..CALLS {
        Kms::decrypt(&world.kms, &alice, Decrypt { wrapped: &made.wrapped, key: Some(&key), context: &bound })
            .await
            .unwrap();
    }
    rate("Decrypt", start);
    let start = Instant::now();
    for _ in 0..CALLS {
        Kms::recheck(&world.kms, &alice, Operation::Decrypt, &key, &bound).await.unwrap();
    }
    rate("recheck", start);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement, not a test"]
#[allow(clippy::print_stdout, clippy::cast_precision_loss)]
async fn calls_a_second_with_a_synced_record() {
    const CALLERS: u32 = 64;
    const CALLS: u32 = 500;
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let audit = Arc::new(arqueta_audit::JsonLines::open(folder.path(), clock.clone()).await.unwrap());
    let config = Config {
        account: "000000000000".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        root: Arc::new(FixedRootKey([7; 32])),
    };
    let kms = Embedded::open(Arc::new(MemoryMeta::new()), audit, clock, config).await.unwrap();
    let key = kms.create_key(&root(ACCOUNT), CreateKeyRequest::default()).await.unwrap().key_metadata.arn;
    let start = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (kms, named) = (kms.clone(), KeyRef::Named(key.clone()));
            let alice = power_user(ACCOUNT, "alice").via_s3(&"us-east-1".parse().unwrap());
            tokio::spawn(async move {
                let bound = context(&[("aws:s3:arn", "arn:aws:s3:::bucket")]);
                for _ in 0..CALLS {
                    let request = GenerateDataKey { key: &named, context: &bound };
                    Kms::generate_data_key(&kms, &alice, request).await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    println!(
        "GenerateDataKey, 64 callers, synced record: {:.0}/s",
        f64::from(CALLERS * CALLS) / start.elapsed().as_secs_f64()
    );
}
