use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use arqueta_model::ManualClock;
use async_trait::async_trait;
use url::Url;

use super::issuer::Issuer;
use super::{FetchError, IssuerDocuments, Issuers};
use crate::Error;

const URL: &str = "https://issuer.example.com/realm";

/// An issuer whose keys are named by a list, and which counts what it is asked.
#[derive(Default)]
struct Published {
    kids: Mutex<Vec<&'static str>>,
    down: Mutex<bool>,
    asked: Mutex<usize>,
}

impl Published {
    fn asked(&self) -> usize {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[async_trait]
impl IssuerDocuments for Arc<Published> {
    async fn fetch(&self, url: &Url, _: &[String]) -> Result<Vec<u8>, FetchError> {
        *self.asked.lock().unwrap() += 1;
        if *self.down.lock().unwrap() {
            return Err(FetchError::Unreachable);
        }
        if url.path().ends_with("/openid-configuration") {
            return Ok(format!(r#"{{"issuer":"{URL}","jwks_uri":"{URL}/keys"}}"#).into_bytes());
        }
        let key = |kid: &&str| format!(r#"{{"kty":"RSA","kid":"{kid}","n":"AQAB","e":"AQAB"}}"#);
        let keys: Vec<String> = self.kids.lock().unwrap().iter().map(key).collect();
        Ok(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into_bytes())
    }
}

struct World {
    published: Arc<Published>,
    issuers: Issuers,
    clock: ManualClock,
}

impl World {
    fn new(kids: &[&'static str]) -> Self {
        let published = Arc::new(Published { kids: Mutex::new(kids.to_vec()), ..Published::default() });
        let issuers = Issuers::new(Some(Arc::new(Arc::clone(&published))));
        Self { published, issuers, clock: ManualClock::default() }
    }

    async fn found(&self, kid: Option<&str>) -> Result<usize, Error> {
        let issuer = Issuer { url: URL, thumbprints: &[] };
        Ok(self.issuers.keys(issuer, kid, &self.clock).await?.len())
    }
}

#[tokio::test]
async fn keys_are_remembered_for_an_hour_and_then_asked_for_again() {
    let world = World::new(&["a", "b"]);
    assert_eq!(world.found(Some("a")).await.unwrap(), 1);
    assert_eq!(world.found(None).await.unwrap(), 2);
    world.clock.advance(Duration::from_secs(3599));
    assert_eq!(world.found(Some("b")).await.unwrap(), 1);
    assert_eq!(world.published.asked(), 2);
    *world.published.kids.lock().unwrap() = vec!["b"];
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.found(Some("a")).await.unwrap(), 0, "a key that is no longer published signs no longer");
    assert_eq!(world.published.asked(), 2);
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_in_half_a_minute() {
    let world = World::new(&["a"]);
    assert_eq!(world.found(Some("a")).await.unwrap(), 1);
    world.published.asked();
    *world.published.kids.lock().unwrap() = vec!["a", "b"];
    for _ in 0..100 {
        assert_eq!(world.found(Some("b")).await.unwrap(), 0);
    }
    assert_eq!(world.published.asked(), 0);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.found(Some("b")).await.unwrap(), 1);
    assert_eq!(world.published.asked(), 2);
}

#[tokio::test]
async fn a_failure_is_remembered_for_half_a_minute() {
    let world = World::new(&["a"]);
    *world.published.down.lock().unwrap() = true;
    for _ in 0..10 {
        assert!(matches!(world.found(Some("a")).await, Err(Error::IdpCommunication)));
    }
    assert_eq!(world.published.asked(), 1);
    *world.published.down.lock().unwrap() = false;
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(world.found(Some("a")).await.unwrap(), 1);
}

#[tokio::test]
async fn concurrent_strangers_ask_once() {
    let world = World::new(&["a"]);
    let (one, two, three) = tokio::join!(world.found(Some("a")), world.found(Some("a")), world.found(Some("b")));
    assert_eq!((one.unwrap(), two.unwrap(), three.unwrap()), (1, 1, 0));
    assert_eq!(world.published.asked(), 2);
}

#[tokio::test]
async fn without_documents_no_issuer_can_be_reached() {
    let issuer = Issuer { url: URL, thumbprints: &[] };
    let found = Issuers::new(None).keys(issuer, None, &ManualClock::default()).await;
    assert!(matches!(found, Err(Error::IdpCommunication)));
}
