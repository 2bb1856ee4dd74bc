//! The KMS protocol: the first byte chooses an operation, the rest is its body. Whatever it is, the
//! key service answers, and it answers in UTF-8 JSON.
#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use arqueta_audit::testing::Memory;
use arqueta_aws::kms;
use arqueta_kms::testing::{ACCOUNT, FixedRootKey, root};
use arqueta_keys::{Config, Embedded};
use arqueta_model::ManualClock;
use arqueta_store::MemoryMeta;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

/// Operations that draw RSA or post-quantum keys would spend the run on prime numbers.
const SLOW: [&str; 3] = ["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GetParametersForImport"];

thread_local! {
    static WORLD: RefCell<Option<(Runtime, Embedded, u32)>> = const { RefCell::new(None) };
}

fn world() -> (Runtime, Embedded, u32) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let (account, region) = ("000000000000".parse().expect("a literal"), "us-east-1".parse().expect("a literal"));
    let config = Config::new(account, region, Arc::new(FixedRootKey([7; 32])));
    let clock = Arc::new(ManualClock::default());
    let opened = Embedded::open(Arc::new(MemoryMeta::new()), Arc::new(Memory::default()), clock, config);
    let service = runtime.block_on(opened).expect("an empty store opens");
    (runtime, service, 0)
}

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else { return };
    let operation = kms::OPERATIONS[usize::from(*first) % kms::OPERATIONS.len()];
    if SLOW.contains(&operation) {
        return;
    }
    WORLD.with_borrow_mut(|slot| {
        // A service is given up before what it remembers slows it down.
        let mut this = slot.take().filter(|world| world.2 < 2000).unwrap_or_else(world);
        this.2 += 1;
        if let Ok(answer) = this.0.block_on(kms::call(&this.1, &root(ACCOUNT), operation, body)) {
            assert!(answer.is_empty() || std::str::from_utf8(&answer).is_ok_and(|text| text.starts_with('{')));
        }
        *slot = Some(this);
    });
});
