//! What only the primary of a multi-Region key can be asked for.

use arqueta_kms::Error;

use crate::Embedded;
use crate::key::Key;
use crate::limits::refused;
use crate::schema::MultiRegion;

/// Refuses what only the primary key can be asked for.
pub(crate) fn primary_only(service: &Embedded, key: &Key) -> Result<(), Error> {
    if key.record.leads(&service.state.region) {
        return Ok(());
    }
    Err(refused("UnsupportedOperationException", format!("{} is not a multi-region primary key.", key.arn)))
}

/// The multi-Region side of a primary key.
pub(crate) fn primary_of<'a>(service: &Embedded, key: &'a Key) -> Result<&'a MultiRegion, Error> {
    let regions = key.record.multi_region.as_ref().filter(|regions| regions.primary == service.state.region);
    regions.ok_or_else(|| {
        refused("UnsupportedOperationException", format!("{} is not a multi-region primary key.", key.arn))
    })
}
