//! ListMultipartUploads: by key, and within a key by the time they were started, which is the
//! order of upload ids.

use arqueta_model::UploadId;
use arqueta_store::{Entry, MetaStore};
use bytes::Bytes;

use super::cursor::{Cursor, after_all, just_after};
use super::group::{Shape, Start};
use super::whole;
use crate::api::{ListMultipartUploads, ListedUpload, ListedUploads};
use crate::record::{Record as _, UploadRecord};
use crate::{Error, schema};

/// Reads one page.
pub(super) async fn page(meta: &dyn MetaStore, input: &ListMultipartUploads) -> Result<ListedUploads, Error> {
    let mut page = ListedUploads::default();
    let shape = Shape::new(&input.prefix, input.delimiter.as_deref());
    let base = schema::uploads(&input.bucket);
    let Some(start) = start(&base, shape, input).filter(|_| input.limit > 0) else { return Ok(page) };
    let mut cursor = Cursor::new(meta, start, after_all(&under(&base, shape.prefix)), input.limit + 1);
    let mut last: Option<(String, Option<UploadId>)> = None;
    while let Some(Entry { key: stored, value }) = cursor.next().await? {
        let damaged = || Error::Damaged { what: UploadRecord::NAME };
        let (key, _) = schema::unescaped(&stored[base.len()..]).ok_or_else(damaged)?;
        if page.uploads.len() + page.prefixes.len() == input.limit {
            page.next = last;
            break;
        }
        if let Some(group) = shape.group(key.as_str()) {
            cursor.jump(after_all(&under(&base, group)));
            last = Some((group.to_owned(), None));
            page.prefixes.push(group.to_owned());
        } else {
            let Some(upload) = whole(&stored, value.as_ref(), UploadRecord::decode)? else { continue };
            last = Some((key.as_str().to_owned(), Some(upload.id)));
            page.uploads.push(listed(upload));
        }
    }
    Ok(page)
}

fn listed(upload: UploadRecord) -> ListedUpload {
    ListedUpload {
        key: upload.key,
        id: upload.id,
        started: upload.started,
        initiator: upload.initiator,
        owner: upload.owner,
        storage_class: upload.storage_class,
        checksum: upload.checksum,
    }
}

fn start(base: &[u8], shape: Shape<'_>, input: &ListMultipartUploads) -> Option<Bytes> {
    let whole = |key: &str| [base, &schema::escaped(key)].concat();
    Some(match shape.start(input.key_marker.as_deref())? {
        Start::At(text) => under(base, text),
        Start::After(key) => match input.upload_marker {
            Some(upload) => just_after(&[&whole(key)[..], upload.as_bytes()].concat()),
            None => after_all(&whole(key))?,
        },
        Start::Beyond(group) => after_all(&under(base, group))?,
    })
}

fn under(base: &[u8], text: &str) -> Bytes {
    [base, &schema::escaped_prefix(text)].concat().into()
}
