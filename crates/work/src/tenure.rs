//! A lease that is held for as long as there is work.

use arqueta_model::{Clock, Timestamp};
use arqueta_store::{Error, Held, Leases};

/// A lease, and when it was renewed.
pub(crate) struct Tenure {
    pub held: Held,
    renewed: Timestamp,
}

impl Tenure {
    /// Of a lease that was taken just now.
    pub fn begins(held: Held, clock: &dyn Clock) -> Self {
        Self { held, renewed: clock.now() }
    }

    /// Renews the lease in time. `false`: it is another's.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn goes_on(&mut self, leases: &Leases, clock: &dyn Clock) -> Result<bool, Error> {
        let now = clock.now();
        if now.since(self.renewed) < leases.term() / 3 {
            return Ok(true);
        }
        self.renewed = now;
        leases.renew(&mut self.held).await
    }
}
