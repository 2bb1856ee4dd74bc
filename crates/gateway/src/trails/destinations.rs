//! Where a trail's bucket is: at another S3 endpoint if the configuration says so, otherwise here.

use std::collections::BTreeMap;
use std::sync::Arc;

use arqueta_model::{AccountId, BucketName, Clock};
use arqueta_remote::{BucketSettings, Guarded, RemoteBuckets, Secret};
use arqueta_trail::{Deliver, DeliveryError, Destination, Object};
use async_trait::async_trait;

use crate::Error;
use crate::config::{Config, RemoteBucket};

/// A configured bucket elsewhere.
struct Elsewhere {
    /// Whose trails may deliver there.
    accounts: Vec<AccountId>,
    bucket: Arc<dyn Deliver>,
}

/// All destinations. A remote bucket wins over one of the same name here: buckets here are made by
/// users, and none of them may take over what the operator sends elsewhere.
pub(super) struct Destinations<H> {
    here: H,
    elsewhere: BTreeMap<BucketName, Elsewhere>,
}

impl<H: Deliver> Destinations<H> {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Config`] names the bucket and what it lacks.
    pub(super) fn new(here: H, config: &Config, clock: &Arc<dyn Clock>) -> Result<Self, Error> {
        let mut elsewhere = BTreeMap::new();
        for (name, remote) in &config.trails.remote {
            let failed = |why: String| Error::Config(format!("trails.remote.{name:?}: {why}"));
            let bucket = name.parse().map_err(|_| failed("no bucket has this name".to_owned()))?;
            let buckets = RemoteBuckets::new(&settings(remote), clock.clone());
            let buckets = buckets.map_err(|error| {
                let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
                failed(format!("{error}{}", source.unwrap_or_default()))
            })?;
            let guarded = Guarded::new(buckets, clock.clone(), remote.calls.limits());
            let accounts = remote.accounts.clone().unwrap_or_else(|| vec![config.account_id.clone()]);
            elsewhere.insert(bucket, Elsewhere { accounts, bucket: Arc::new(guarded) });
        }
        Ok(Self { here, elsewhere })
    }

    fn of(&self, to: &Destination) -> Result<&dyn Deliver, DeliveryError> {
        match self.elsewhere.get(&to.bucket) {
            None => Ok(&self.here),
            Some(elsewhere) if elsewhere.accounts.contains(&to.account) => Ok(&*elsewhere.bucket),
            Some(_) => Err(DeliveryError::AccessDenied),
        }
    }
}

fn settings(remote: &RemoteBucket) -> BucketSettings {
    let secret = match (&remote.secret_access_key_file, &remote.secret_access_key_env) {
        (Some(file), _) => Secret::File(file.clone()),
        (None, name) => Secret::Variable(name.clone().unwrap_or_default()),
    };
    BucketSettings {
        endpoint: remote.endpoint.clone(),
        region: remote.region.clone(),
        access_key_id: remote.access_key_id.clone(),
        secret,
        session_token_file: remote.session_token_file.clone(),
        ca: remote.ca.clone(),
        path_style: remote.path_style,
        connect: remote.calls.connect(),
    }
}

#[async_trait]
impl<H: Deliver> Deliver for Destinations<H> {
    async fn check(
        &self,
        to: &Destination,
        folder: &str,
        kms_key: Option<&str>,
    ) -> Result<Option<String>, DeliveryError> {
        self.of(to)?.check(to, folder, kms_key).await
    }

    async fn put(&self, to: &Destination, object: Object) -> Result<(), DeliveryError> {
        self.of(to)?.put(to, object).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::ManualClock;
    use arqueta_trail::testing::MemoryBucket;
    use bytes::Bytes;

    use super::*;

    const HERE: &str = "111122223333";
    const THERE: &str = "444455556666";

    fn destinations(elsewhere: &Arc<MemoryBucket>) -> Destinations<MemoryBucket> {
        let remote = Elsewhere { accounts: vec![HERE.parse().unwrap()], bucket: elsewhere.clone() };
        Destinations { here: MemoryBucket::default(), elsewhere: [("remote".parse().unwrap(), remote)].into() }
    }

    fn to(account: &str, bucket: &str) -> Destination {
        let trail = format!("arn:aws:cloudtrail:eu-west-1:{account}:trail/t");
        Destination { account: account.parse().unwrap(), trail, bucket: bucket.parse().unwrap() }
    }

    fn object() -> Object {
        Object { key: "k".to_owned(), body: Bytes::from_static(b"x"), metadata: Vec::new(), kms_key: None }
    }

    #[tokio::test]
    async fn the_name_says_where_to() {
        let elsewhere = Arc::new(MemoryBucket::default());
        let all = destinations(&elsewhere);
        all.put(&to(HERE, "remote"), object()).await.unwrap();
        assert_eq!((elsewhere.puts(), all.here.puts()), (1, 0));
        all.put(&to(THERE, "own"), object()).await.unwrap();
        assert_eq!((elsewhere.puts(), all.here.puts()), (1, 1));
    }

    #[tokio::test]
    async fn an_account_that_is_not_let_in_delivers_neither_there_nor_here() {
        let elsewhere = Arc::new(MemoryBucket::default());
        let all = destinations(&elsewhere);
        let refused = |outcome| matches!(outcome, Err(DeliveryError::AccessDenied));
        assert!(refused(all.put(&to(THERE, "remote"), object()).await));
        assert!(refused(all.check(&to(THERE, "remote"), "f/", None).await.map(drop)));
        assert_eq!((elsewhere.puts(), all.here.puts()), (0, 0));
    }

    #[test]
    fn a_secret_that_is_not_there_is_named_at_the_start() {
        let text =
            "[trails.remote.r-1]\nregion = \"x\"\naccess_key_id = \"A\"\nsecret_access_key_file = \"/none/such\"";
        let config: Config = toml::from_str(text).unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let error = Destinations::new(MemoryBucket::default(), &config, &clock).err().unwrap();
        assert!(error.line().contains("r-1") && error.line().contains("/none/such"), "{}", error.line());
    }
}
