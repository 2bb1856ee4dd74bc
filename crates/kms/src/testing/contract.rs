use arqueta_model::KeyArn;

use super::context;
use crate::{Caller, Decrypt, Error, GenerateDataKey, KeyManager, KeyRef, KeyState, Kms, Operation, ReEncrypt};

/// A key service with what the suite needs of it.
#[derive(Debug)]
pub struct Subject<'a, K> {
    /// The key service.
    pub kms: &'a K,
    /// Who may do everything with the keys below.
    pub caller: Caller,
    /// Who may do nothing with them.
    pub stranger: Caller,
    /// An enabled key.
    pub key: KeyArn,
    /// Another enabled key.
    pub other: KeyArn,
    /// A disabled key.
    pub disabled: KeyArn,
}

fn named(key: &KeyArn) -> KeyRef {
    KeyRef::Named(key.as_str().to_owned())
}

/// What every key service promises.
///
/// # Panics
/// If the service breaks the contract.
pub async fn contract<K: Kms>(subject: &Subject<'_, K>) {
    round_trip(subject).await;
    nothing_else_opens(subject).await;
    who_may(subject).await;
    moving(subject).await;
    special_keys(subject).await;
}

async fn round_trip<K: Kms>(Subject { kms, caller, key, .. }: &Subject<'_, K>) {
    let bound = context(&[("aws:s3:arn", "arn:aws:s3:::bucket")]);
    let request = GenerateDataKey { key: &named(key), context: &bound };
    let one = kms.generate_data_key(caller, request).await.expect("an enabled key generates");
    let two = kms.generate_data_key(caller, request).await.expect("and again");
    assert_eq!(one.key, *key, "the answer names the key by its ARN");
    assert_ne!(one.plaintext.expose(), two.plaintext.expose(), "each data key is fresh");
    assert!(one.wrapped.len() <= 6144);
    assert!(!one.wrapped.windows(8).any(|w| w == &one.plaintext.expose()[..8]), "the wrapped form hides the key");
    for named in [Some(key), None] {
        let request = Decrypt { wrapped: &one.wrapped, key: named, context: &bound };
        let opened = kms.decrypt(caller, request).await.expect("its own wrapped form opens");
        assert_eq!(opened.expose(), one.plaintext.expose());
    }
}

async fn nothing_else_opens<K: Kms>(Subject { kms, caller, key, other, .. }: &Subject<'_, K>) {
    let bound = context(&[("ab", "c")]);
    let made =
        kms.generate_data_key(caller, GenerateDataKey { key: &named(key), context: &bound }).await.expect("generates");
    for wrong in [context(&[]), context(&[("a", "bc")]), context(&[("ab", "c"), ("d", "")]), context(&[("AB", "c")])] {
        let outcome = kms.decrypt(caller, Decrypt { wrapped: &made.wrapped, key: Some(key), context: &wrong }).await;
        assert!(matches!(outcome, Err(Error::InvalidCiphertext)), "another context is the opaque error: {wrong:?}");
    }
    for at in 0..made.wrapped.len() {
        let mut damaged = made.wrapped.clone();
        damaged[at] ^= 1;
        let outcome = kms.decrypt(caller, Decrypt { wrapped: &damaged, key: None, context: &bound }).await;
        assert!(matches!(outcome, Err(Error::InvalidCiphertext)), "byte {at} flipped: {outcome:?}");
        let cut = &made.wrapped[..at];
        let outcome = kms.decrypt(caller, Decrypt { wrapped: cut, key: None, context: &bound }).await;
        assert!(matches!(outcome, Err(Error::InvalidCiphertext)), "cut to {at} bytes: {outcome:?}");
    }
    let extended = [&made.wrapped[..], b"\0"].concat();
    let outcome = kms.decrypt(caller, Decrypt { wrapped: &extended, key: None, context: &bound }).await;
    assert!(matches!(outcome, Err(Error::InvalidCiphertext)), "a byte added: {outcome:?}");
    let outcome = kms.decrypt(caller, Decrypt { wrapped: &made.wrapped, key: Some(other), context: &bound }).await;
    assert!(matches!(outcome, Err(Error::IncorrectKey)), "under another key than named: {outcome:?}");
}

async fn who_may<K: Kms>(Subject { kms, caller, stranger, key, disabled, .. }: &Subject<'_, K>) {
    let bound = context(&[("k", "v")]);
    let request = GenerateDataKey { key: &named(key), context: &bound };
    let made = kms.generate_data_key(caller, request).await.expect("generates");
    let refused = kms.generate_data_key(stranger, request).await.expect_err("a stranger may not generate");
    assert!(matches!(&refused, Error::Denied { message } if message.contains("kms:GenerateDataKey")), "{refused}");
    assert!(!refused.is_retryable(), "a denial is final");
    let refused = kms.decrypt(stranger, Decrypt { wrapped: &made.wrapped, key: Some(key), context: &bound }).await;
    assert!(matches!(&refused, Err(Error::Denied { message }) if message.contains("kms:Decrypt")), "{refused:?}");
    for operation in [Operation::GenerateDataKey, Operation::Decrypt] {
        kms.recheck(caller, operation, key, &bound).await.expect("who may, still may");
        let again = kms.recheck(stranger, operation, key, &bound).await;
        assert!(matches!(again, Err(Error::Denied { .. })), "{again:?}");
        let again = kms.recheck(caller, operation, disabled, &bound).await;
        assert!(matches!(again, Err(Error::Disabled { .. })), "{again:?}");
    }
    let refused = kms.generate_data_key(caller, GenerateDataKey { key: &named(disabled), context: &bound }).await;
    assert!(matches!(&refused, Err(Error::Disabled { key }) if key == disabled), "{refused:?}");
    let missing = KeyRef::Named("00000000-0000-4000-8000-000000000000".to_owned());
    let refused = kms.generate_data_key(caller, GenerateDataKey { key: &missing, context: &bound }).await;
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
    assert!(matches!(kms.describe(caller, &missing).await, Err(Error::NotFound { .. })));
}

async fn moving<K: Kms>(Subject { kms, caller, stranger, key, other, .. }: &Subject<'_, K>) {
    let (old, new) = (context(&[("k", "old")]), context(&[("k", "new")]));
    let made =
        kms.generate_data_key(caller, GenerateDataKey { key: &named(key), context: &old }).await.expect("generates");
    let to = named(other);
    let from = Decrypt { wrapped: &made.wrapped, key: Some(key), context: &old };
    let request = ReEncrypt { from, to: &to, context: &new };
    let moved = kms.re_encrypt(caller, request).await.expect("moves");
    assert_eq!(moved.key, *other);
    let opened = kms.decrypt(caller, Decrypt { wrapped: &moved.wrapped, key: Some(other), context: &new }).await;
    assert_eq!(
        opened.expect("opens under the new key").expose(),
        made.plaintext.expose(),
        "the key itself is unchanged"
    );
    let stale = kms.decrypt(caller, Decrypt { wrapped: &moved.wrapped, key: Some(other), context: &old }).await;
    assert!(matches!(stale, Err(Error::InvalidCiphertext)), "the old context no longer opens it: {stale:?}");
    assert!(matches!(kms.re_encrypt(stranger, request).await, Err(Error::Denied { .. })));
    let wrong = ReEncrypt { from: Decrypt { context: &new, ..from }, ..request };
    assert!(matches!(kms.re_encrypt(caller, wrong).await, Err(Error::InvalidCiphertext)));
}

async fn special_keys<K: Kms>(Subject { kms, caller, key, disabled, .. }: &Subject<'_, K>) {
    let described = kms.describe(caller, &named(key)).await.expect("a key is described");
    assert_eq!((&described.key, described.state, described.manager), (key, KeyState::Enabled, KeyManager::Customer));
    assert_eq!(kms.describe(caller, &named(disabled)).await.expect("a disabled key too").state, KeyState::Disabled);
    let via_s3 = caller.via_s3(&"us-east-1".parse().expect("a region"));
    let bound = context(&[("k", "v")]);
    let itself = caller.s3_itself(&"us-east-1".parse().expect("a region"));
    for (special, manager, via_s3) in
        [(KeyRef::AwsManagedS3, KeyManager::Aws, via_s3), (KeyRef::ServiceOwned, KeyManager::Owned, itself)]
    {
        let made = kms.generate_data_key(&via_s3, GenerateDataKey { key: &special, context: &bound }).await;
        let made = made.expect("S3 may use the keys that exist for it");
        let again = kms.generate_data_key(&via_s3, GenerateDataKey { key: &special, context: &bound }).await;
        assert_eq!(again.expect("again").key, made.key, "it is one key");
        let request = Decrypt { wrapped: &made.wrapped, key: Some(&made.key), context: &bound };
        let opened = kms.decrypt(&via_s3, request).await.expect("opens");
        assert_eq!(opened.expose(), made.plaintext.expose());
        assert_eq!(kms.describe(&via_s3, &special).await.expect("described").manager, manager);
        kms.recheck(&via_s3, Operation::Decrypt, &made.key, &bound).await.expect("still allowed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metered;
    use crate::testing::{ACCOUNT, Counting, Faulty, Memory, OTHER_ACCOUNT, root};

    #[tokio::test]
    async fn the_double_and_its_wrappers_keep_the_contract() {
        let memory = Memory::new();
        let disabled = memory.create(ACCOUNT, "disabled");
        memory.set_state(&disabled, KeyState::Disabled);
        let (key, other) = (memory.create(ACCOUNT, "one"), memory.create(ACCOUNT, "two"));
        let kms = Metered::new(Counting::new(Faulty::new(memory)));
        let (caller, stranger) = (root(ACCOUNT), root(OTHER_ACCOUNT));
        contract(&Subject { kms: &kms, caller, stranger, key, other, disabled }).await;
        assert!(kms.inner().calls().generate > 0);
    }
}
