use bytes::Bytes;

use super::*;
use crate::testing::{Failure, Gate, Site, delivery_contract, signing_contract};

struct InMemory(MemoryBucket);

#[async_trait::async_trait]
impl Site for InMemory {
    fn adapter(&self) -> &dyn Deliver {
        &self.0
    }

    async fn destination(&self, gate: Gate) -> Destination {
        let failure: Option<Failure> = match gate {
            Gate::Open => None,
            Gate::Closed => Some(|| DeliveryError::AccessDenied),
            Gate::Missing => Some(|| DeliveryError::NoSuchBucket),
        };
        self.0.fail(failure);
        let trail = format!("arn:aws:cloudtrail:eu-west-1:{ACCOUNT}:trail/t");
        Destination { account: account(), trail, bucket: "record".parse().unwrap() }
    }

    async fn read(&self, key: &str) -> Option<(Bytes, Vec<(String, String)>)> {
        let object = self.0.objects().remove(key)?;
        Some((object.body, object.metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }
}

#[tokio::test]
async fn the_bucket_in_memory_keeps_the_contract() {
    delivery_contract(&InMemory(MemoryBucket::default())).await;
}

#[tokio::test]
async fn the_digest_signer_keeps_the_contract() {
    signing_contract(&DigestSigner).await;
}
