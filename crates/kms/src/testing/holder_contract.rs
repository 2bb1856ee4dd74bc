use std::sync::LazyLock;

use arqueta_model::{EncryptionContext, KeyArn, RequestId};

use crate::{HolderError, KeyHolder, MAX_HELD_CIPHERTEXT, Use};

/// What every holder of key material promises, as long as it is available.
///
/// # Panics
/// If the holder breaks the contract.
pub async fn holder_contract<H: KeyHolder + ?Sized>(holder: &H) {
    let arn: KeyArn = "arn:aws:kms:us-east-1:111122223333:key/0f6a1b2c".parse().expect("an ARN");
    assert!(holder.is_available());
    let one = holder.create(&arn).await.expect("a key is made");
    let two = holder.create(&arn).await.expect("another one");
    assert_ne!(one, two, "each call makes another key");
    for name in [&one, &two] {
        assert!(name.len() <= 1024 && name.bytes().all(|b| b.is_ascii_graphic()), "{name:?}");
        holder.adopt(name).await.expect("a key that was made can serve");
    }
    round_trips(holder, &one).await;
    nothing_else_opens(holder, &one, &two).await;
    many_at_once(holder, &one).await;
    unknown_names(holder).await;
    destruction(holder, &one, &two).await;
}

fn of<'a>(name: &'a str, request: &'a RequestId) -> Use<'a> {
    static NONE: LazyLock<EncryptionContext> = LazyLock::new(EncryptionContext::default);
    Use { name, request, context: &NONE }
}

async fn round_trips<H: KeyHolder + ?Sized>(holder: &H, name: &str) {
    let request = RequestId::random();
    for size in [1, 16, 32, 1000, 4096] {
        let plaintext = vec![0x5a; size];
        for aad in [&b""[..], b"a", &[7; 2000]] {
            let sealed = holder.encrypt(&of(name, &request), &plaintext, aad).await.expect("seals");
            let again = holder.encrypt(&of(name, &request), &plaintext, aad).await.expect("seals again");
            assert_ne!(sealed, again, "each ciphertext is another one");
            assert!(sealed.len() <= MAX_HELD_CIPHERTEXT, "{} bytes of {size}", sealed.len());
            assert!(!sealed.windows(16).any(|window| window == [0x5a; 16]), "the ciphertext hides the plaintext");
            let opened = holder.decrypt(&of(name, &request), &sealed, aad).await.expect("opens");
            assert_eq!(opened.as_slice(), plaintext);
        }
    }
}

async fn nothing_else_opens<H: KeyHolder + ?Sized>(holder: &H, name: &str, other: &str) {
    let request = RequestId::random();
    let sealed = holder.encrypt(&of(name, &request), b"thirty-two bytes of a data key..", b"aad").await.expect("seals");
    let refused = async |name: &str, bytes: &[u8], aad: &[u8], why: &str| {
        let outcome = holder.decrypt(&of(name, &request), bytes, aad).await;
        assert!(matches!(outcome, Err(HolderError::NotAuthentic)), "{why}: {outcome:?}");
    };
    refused(other, &sealed, b"aad", "another key").await;
    for aad in [&b""[..], b"aae", b"aa", b"aad\0"] {
        refused(name, &sealed, aad, "other additional data").await;
    }
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        refused(name, &flipped, b"aad", &format!("byte {at} flipped")).await;
        refused(name, &sealed[..at], b"aad", &format!("cut to {at} bytes")).await;
    }
    refused(name, &[&sealed[..], b"\0"].concat(), b"aad", "a byte added").await;
}

async fn many_at_once<H: KeyHolder + ?Sized>(holder: &H, name: &str) {
    let request = RequestId::random();
    let calls = (0..64_u8).map(|n| {
        let request = &request;
        async move {
            let sealed = holder.encrypt(&of(name, request), &[n; 32], &[n]).await.expect("seals among others");
            let opened = holder.decrypt(&of(name, request), &sealed, &[n]).await.expect("opens among others");
            assert_eq!(opened.as_slice(), [n; 32], "each call gets its own answer");
        }
    });
    futures::future::join_all(calls).await;
}

async fn unknown_names<H: KeyHolder + ?Sized>(holder: &H) {
    let request = RequestId::random();
    let name = "0000000000000000";
    assert!(matches!(holder.adopt(name).await, Err(HolderError::UnknownKey)));
    let outcome = holder.encrypt(&of(name, &request), b"x", b"").await;
    assert!(matches!(outcome, Err(HolderError::UnknownKey)), "{outcome:?}");
    holder.destroy(name).await.expect("what is not there is destroyed already");
}

async fn destruction<H: KeyHolder + ?Sized>(holder: &H, name: &str, other: &str) {
    let request = RequestId::random();
    let sealed = holder.encrypt(&of(name, &request), b"x", b"").await.expect("seals");
    holder.destroy(name).await.expect("destroys");
    holder.destroy(name).await.expect("twice is once");
    assert!(matches!(holder.adopt(name).await, Err(HolderError::UnknownKey)));
    let outcome = holder.encrypt(&of(name, &request), b"x", b"").await;
    assert!(matches!(outcome, Err(HolderError::UnknownKey)), "a destroyed key seals nothing: {outcome:?}");
    let outcome = holder.decrypt(&of(name, &request), &sealed, b"").await;
    assert!(matches!(outcome, Err(HolderError::UnknownKey)), "a destroyed key opens nothing: {outcome:?}");
    holder.encrypt(&of(other, &request), b"x", b"").await.expect("the other key is still there");
}
