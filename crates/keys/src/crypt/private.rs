//! Work with private keys, off the runtime's threads.

use std::sync::Arc;

use arqueta_kms::Error;

use super::opened::no_material;
use super::sealing::material_of;
use crate::Embedded;
use crate::asymmetric::PrivateKey;
use crate::key::Key;

/// Runs `work` with the private key of `key`, off the runtime's threads.
///
/// # Errors
/// As `work`, and `KMSInvalidStateException` where the material is not here.
pub(crate) async fn with_private<T: Send + 'static>(
    service: &Embedded,
    key: &Arc<Key>,
    work: impl FnOnce(&PrivateKey) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (handle, key) = (service.clone(), key.clone());
    service
        .off_runtime(move || {
            let number = key.record.current().ok_or_else(|| no_material(&key))?;
            work(material_of(&handle, &key, number)?.private(key.record.spec, key.record.usage)?)
        })
        .await
}
