//! The KMS protocol: the first byte chooses an operation, the rest is its body. Whatever it is, the
//! key service answers, and it answers in UTF-8 JSON.

use std::cell::RefCell;
use std::sync::Arc;

use arqueta_audit::testing::Memory;
use arqueta_aws::kms;
use arqueta_call::Kms;
use arqueta_keys::{Config, Embedded};
use arqueta_kms::testing::{ACCOUNT, FixedRootKey, root};
use arqueta_model::ManualClock;
use arqueta_store::MemoryMeta;
use tokio::runtime::{Builder, Runtime};

/// Operations that draw RSA or post-quantum keys would spend the run on prime numbers.
const SLOW: [Kms; 3] =
    [Kms::GenerateDataKeyPair, Kms::GenerateDataKeyPairWithoutPlaintext, Kms::GetParametersForImport];

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

/// What the smoke run begins with.
pub const SEEDS: &[&[u8]] = &[
    br#"{"Description":"d","Tags":[{"TagKey":"a","TagValue":"b"}]}"#,
    br#"{"KeyId":"alias/a","Plaintext":"AAAA","EncryptionContext":{"a":"b"}}"#,
    br#"{"KeyId":"x","GranteePrincipal":"arn:aws:iam::111122223333:root","Operations":["Decrypt"]}"#,
    br#"{"KeyId":"x","Limit":1,"Marker":"bQ"}"#,
    br#"{"AliasName":"alias/a","TargetKeyId":"x","DryRun":true}"#,
];

/// One input.
pub fn run(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let operation = Kms::ALL[usize::from(*first) % Kms::ALL.len()];
    if SLOW.contains(&operation) {
        return;
    }
    WORLD.with_borrow_mut(|slot| {
        // A service is given up before what it remembers slows it down.
        let mut this = slot.take().filter(|world| world.2 < 2000).unwrap_or_else(world);
        this.2 += 1;
        if let Ok(answer) = this.0.block_on(kms::call(&this.1, &root(ACCOUNT), operation.name(), body)) {
            assert!(answer.is_empty() || std::str::from_utf8(&answer).is_ok_and(|text| text.starts_with('{')));
        }
        *slot = Some(this);
    });
}
