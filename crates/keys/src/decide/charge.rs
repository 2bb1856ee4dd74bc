//! Which calls count against which quota.
//!
//! Counted are calls of users, also those that S3 makes for them. Not counted are calls under the
//! service-owned key and rechecks of bucket keys, which are no calls of the KMS API.

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error};

use crate::Embedded;
use crate::call::{Call, finish};
use crate::key::Key;
use crate::quotas::Class;

impl Embedded {
    /// Counts a call of an operation that is not counted by its key's spec, before it does
    /// anything. A refused one is in the record.
    ///
    /// # Errors
    /// [`Error::Throttled`].
    pub async fn admit_operation(&self, caller: &Caller, operation: Kms) -> Result<(), Error> {
        let Some(class) = Class::of_operation(operation) else { return Ok(()) };
        match take_token(self, caller, class) {
            Ok(()) => Ok(()),
            refused => finish(self, Call::new(caller, operation), refused).await,
        }
    }
}

/// Counts a cryptographic operation with `key`. ReEncrypt counts for both of its keys.
pub(crate) fn charge(service: &Embedded, caller: &Caller, operation: Kms, key: &Key) -> Result<(), Error> {
    if Class::of_operation(operation).is_some() {
        return Ok(());
    }
    take_token(service, caller, Class::of_spec(key.record.spec))
}

fn take_token(service: &Embedded, caller: &Caller, class: Class) -> Result<(), Error> {
    service.state.limiter.take(&caller.identity.principal.account, class, service.state.clock.now())
}
