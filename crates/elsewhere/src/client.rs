//! One S3 client for each endpoint.

use std::sync::{Arc, Mutex, PoisonError};

use arqueta_model::Clock;
use arqueta_remote::{BucketSettings, SetupError, s3_config};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RequestChecksumCalculation, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

/// A client that adds no checksums of its own: replicas have those of their sources.
pub fn client(settings: &BucketSettings, clock: Arc<dyn Clock>) -> Result<Client, SetupError> {
    let config = s3_config(settings, clock)?.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    Ok(Client::from_conf(config.build()))
}

/// A header of the answer that the client's own shapes do not have.
#[derive(Debug, Clone)]
pub struct Told {
    name: &'static str,
    value: Arc<Mutex<Option<String>>>,
}

impl Told {
    /// Listens for `name`.
    pub fn of(name: &'static str) -> Self {
        Self { name, value: Arc::default() }
    }

    /// What was said.
    pub fn value(&self) -> Option<String> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for Told {
    fn name(&self) -> &'static str {
        "Told"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let value = context.response().headers().get(self.name).map(str::to_owned);
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }
}
