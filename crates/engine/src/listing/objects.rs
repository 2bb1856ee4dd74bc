//! ListObjects: current versions in key order.

use arqueta_store::{Entry, MetaStore};
use bytes::Bytes;

use super::brief::Brief;
use super::cursor::{Cursor, after_all, just_after};
use super::group::{Shape, Start};
use super::{object_key, place, text, whole};
use crate::api::{ListObjects, ListedObjects};
use crate::{Error, schema};

/// Records that one page may read. Delete markers are no entries, so a page over very many of them
/// stops here, short or even empty, and says where to go on: within a common prefix by a place
/// ([`place::within`]), since a marker there means what lies behind the prefix.
pub(super) const BUDGET: usize = 20_000;

/// First chunk of a walk with a delimiter: the first key often decides for a jump.
const FIRST_WITH_DELIMITER: usize = 64;

/// Reads one page.
pub(super) async fn page(meta: &dyn MetaStore, input: &ListObjects, budget: usize) -> Result<ListedObjects, Error> {
    let mut page = ListedObjects::default();
    let shape = Shape::new(&input.prefix, input.delimiter.as_deref());
    let base = schema::currents(&input.bucket);
    let Some(mut cursor) = start(meta, &base, shape, input).filter(|_| input.limit > 0) else { return Ok(page) };
    // Whether the last entry is a common prefix.
    let mut grouped = false;
    while let Some(Entry { key: stored, value }) = cursor.next().await? {
        let brief = whole(&stored, value.as_ref(), Brief::decode)?;
        let key = text(&stored[base.len()..])?;
        let group = shape.group(key);
        let Some(brief) = brief.filter(|brief| brief.content.is_some()) else {
            if cursor.examined >= budget {
                page.next = Some(if group.is_some() { place::within(key) } else { key.to_owned() });
                break;
            }
            continue;
        };
        if page.objects.len() + page.prefixes.len() == input.limit {
            page.next = match grouped {
                true => page.prefixes.last().cloned(),
                false => page.objects.last().map(|object| object.key.as_str().to_owned()),
            };
            break;
        }
        grouped = group.is_some();
        if let Some(group) = group {
            cursor.jump(after_all(&under(&base, group)));
            page.prefixes.push(group.to_owned());
        } else {
            page.objects.extend(brief.object(object_key(key)?));
        }
    }
    Ok(page)
}

fn start<'m>(meta: &'m dyn MetaStore, base: &[u8], shape: Shape<'_>, input: &ListObjects) -> Option<Cursor<'m>> {
    let marker = input.after.as_deref();
    let start = match place::key(marker).filter(|key| key.starts_with(shape.prefix)).map(Start::After) {
        Some(place) => place,
        None => shape.start(place::key(marker).or(marker))?,
    };
    let start = match start {
        Start::At(text) => under(base, text),
        Start::After(text) => just_after(&under(base, text)),
        Start::Beyond(text) => after_all(&under(base, text))?,
    };
    let first = if shape.delimiter.is_some() { FIRST_WITH_DELIMITER } else { input.limit + 1 };
    Some(Cursor::new(meta, start, after_all(&under(base, shape.prefix)), first))
}

fn under(base: &[u8], text: &str) -> Bytes {
    [base, text.as_bytes()].concat().into()
}
