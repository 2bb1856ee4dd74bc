//! ListParts.

use arqueta_store::Scan;

use crate::api::{ListParts, ListedPart, ListedParts};
use crate::record::{PartRecord, Record as _};
use crate::{Engine, Error, schema};

/// Most parts of a page, whatever the request says.
const MOST: usize = 1000;

impl Engine {
    /// Lists the parts of an upload under way.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`].
    pub async fn list_parts(&self, input: ListParts) -> Result<ListedParts, Error> {
        let upload = self.upload(&input.bucket, &input.key, input.upload).await?.record;
        let limit = input.limit.min(MOST);
        let all = Scan::prefix(&schema::parts(input.upload), limit + 1);
        let pairs = match input.after.checked_add(1) {
            Some(first) if limit > 0 => {
                self.meta.scan(Scan { start: schema::part(input.upload, first), ..all }).await?
            }
            _ => Vec::new(),
        };
        let more = pairs.len() > limit;
        let parts = pairs.iter().take(limit).map(|(_, bytes)| Ok(listed(PartRecord::decode(bytes)?)));
        let parts = parts.collect::<Result<Vec<_>, Error>>()?;
        Ok(ListedParts {
            next: parts.last().filter(|_| more).map(|part| part.number),
            parts,
            initiator: upload.initiator,
            owner: upload.owner,
            storage_class: upload.storage_class,
            checksum: upload.checksum,
        })
    }
}

fn listed(part: PartRecord) -> ListedPart {
    ListedPart {
        number: part.number,
        etag: part.etag,
        size: part.size,
        last_modified: part.last_modified,
        checksum: part.checksums.first().copied(),
    }
}
