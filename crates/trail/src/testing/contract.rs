//! What every adapter of [`Deliver`] and [`Sign`] keeps.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Deliver, DeliveryError, Destination, Object, Sign};

/// How a bucket is for CloudTrail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It takes files.
    Open,
    /// It is there and takes none.
    Closed,
    /// It is not there.
    Missing,
}

/// An adapter with what the contract needs to know of its buckets.
#[async_trait]
pub trait Site: Send + Sync {
    /// The adapter.
    fn adapter(&self) -> &dyn Deliver;
    /// A destination whose bucket is like this; holds until the next call.
    async fn destination(&self, gate: Gate) -> Destination;
    /// Body and metadata (names in lower case, sorted) of an object in the open bucket.
    async fn read(&self, key: &str) -> Option<(Bytes, Vec<(String, String)>)>;
}

/// Puts, puts again, and is refused.
///
/// # Panics
/// Where the adapter breaks the contract.
pub async fn delivery_contract(site: &impl Site) {
    let (adapter, folder) = (site.adapter(), "AWSLogs/111122223333/");
    let to = site.destination(Gate::Open).await;
    assert_eq!(adapter.check(&to, folder, None).await.expect("an open bucket"), None, "no key without a key");

    let key = format!("{folder}CloudTrail/eu-west-1/2026/11/22/a.json.gz");
    let metadata = vec![("signature", "0a0b".to_owned()), ("signature-algorithm", "SHA256withRSA".to_owned())];
    let object = |body: &'static str| Object {
        key: key.clone(),
        body: Bytes::from(body),
        metadata: metadata.clone(),
        kms_key: None,
    };
    let stated: Vec<_> = metadata.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    // Again as after an answer that was lost, then as after a crash under other selectors.
    for body in ["first", "first", "second"] {
        adapter.put(&to, object(body)).await.expect("an open bucket");
        let read = site.read(&key).await.expect("what was put is there");
        assert_eq!(read, (Bytes::from(body), stated.clone()));
    }

    let closed = site.destination(Gate::Closed).await;
    let checked = adapter.check(&closed, folder, None).await;
    assert!(matches!(checked, Err(DeliveryError::AccessDenied)), "{checked:?}");
    let put = adapter.put(&closed, object("closed")).await;
    assert!(matches!(put, Err(DeliveryError::AccessDenied)), "{put:?}");

    let missing = site.destination(Gate::Missing).await;
    let checked = adapter.check(&missing, folder, None).await;
    assert!(matches!(checked, Err(DeliveryError::NoSuchBucket)), "{checked:?}");
    let put = adapter.put(&missing, object("missing")).await;
    assert!(matches!(put, Err(DeliveryError::NoSuchBucket)), "{put:?}");

    let to = site.destination(Gate::Open).await;
    assert_eq!(site.read(&key).await.expect("refusals change nothing").0, "second");
    adapter.put(&to, object("after")).await.expect("it is open again");
}

/// Signs, the same for the same message, and under keys that it shows only.
///
/// # Panics
/// Where the adapter breaks the contract.
pub async fn signing_contract(sign: &dyn Sign) {
    let key = sign.current().await.expect("a key");
    assert!(key.from < key.to);
    assert!(key.fingerprint.len() == 32 && key.fingerprint.bytes().all(|c| c.is_ascii_hexdigit()), "{key:?}");
    assert_eq!(sign.current().await.expect("a key"), key, "one key at a time");
    assert!(sign.public_keys().await.expect("keys").contains(&key), "what signs is shown");
    let signature = sign.sign(&key.fingerprint, b"message").await.expect("a signature");
    assert_eq!(sign.sign(&key.fingerprint, b"message").await.expect("a signature"), signature);
    assert_ne!(sign.sign(&key.fingerprint, b"messagf").await.expect("a signature"), signature);
    assert!(sign.sign(&"f".repeat(32), b"message").await.is_err(), "a key that nobody knows");
}
