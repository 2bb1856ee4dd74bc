use super::Objects;
use super::read::{Purpose, info};
use crate::api::{GetObject, ObjectAttributes, PartInfo};
use crate::{Caller, Error};

impl Objects<'_> {
    /// What GetObjectAttributes tells: all that is known of the object, and its parts.
    ///
    /// # Errors
    /// As [`Objects::head`].
    pub async fn attributes(self, caller: &Caller, input: GetObject) -> Result<ObjectAttributes, Error> {
        let reading = self.find(&input.name, &input.conditions, Purpose::Answer).await?;
        self.unlock_customer(caller, &input.name, &reading, input.customer_key.as_deref()).await?;
        let parts = reading.manifest.parts.iter().filter(|_| reading.manifest.multipart);
        let parts = parts.map(|part| PartInfo {
            number: part.number,
            size: part.size,
            checksum: part.checksums.first().copied(),
        });
        let parts = parts.collect();
        Ok(ObjectAttributes { info: info(reading, None, 0..0), parts })
    }
}
