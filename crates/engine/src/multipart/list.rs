//! ListParts.

use arqueta_store::Scan;

use super::Uploads;
use crate::api::{ChecksumAlgorithm, ListParts, ListedPart, ListedParts};
use crate::record::{PartRecord, Record as _};
use crate::{Error, schema};

/// Most parts of a page, whatever the request says.
const MOST: usize = 1000;

impl Uploads<'_> {
    /// Lists the parts of an upload under way.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`].
    pub async fn list_parts(self, input: ListParts) -> Result<ListedParts, Error> {
        let upload = self.under_way(&input.bucket, &input.key, input.upload).await?.record;
        let wanted = upload.checksum.map(|(algorithm, _)| algorithm);
        let limit = input.limit.min(MOST);
        let all = Scan::prefix(&schema::parts(input.upload), limit + 1);
        let entries = match input.after.checked_add(1) {
            Some(first) if limit > 0 => {
                self.state.meta.page(Scan { start: schema::part(input.upload, first), ..all }).await?
            }
            _ => Vec::new(),
        };
        let more = entries.len() > limit;
        let shown = &entries[..entries.len().min(limit)];
        let last = shown.last().and_then(|entry| entry.key.last_chunk()).map(|number| u16::from_be_bytes(*number));
        // What is damaged is left out; the store has told of it.
        let parts = shown.iter().filter_map(|entry| entry.value.as_ref());
        let parts =
            parts.map(|bytes| Ok(listed(PartRecord::decode(bytes)?, wanted))).collect::<Result<Vec<_>, Error>>()?;
        Ok(ListedParts {
            next: last.filter(|_| more),
            parts,
            initiator: upload.initiator,
            owner: upload.owner,
            storage_class: upload.storage_class,
            checksum: upload.checksum,
        })
    }
}

/// Parts show the checksum that their upload was started with.
fn listed(part: PartRecord, shown: Option<ChecksumAlgorithm>) -> ListedPart {
    ListedPart {
        number: part.number,
        etag: part.etag,
        size: part.size,
        last_modified: part.last_modified,
        checksum: part.checksums.iter().find(|checksum| Some(checksum.value.algorithm()) == shown).copied(),
    }
}
