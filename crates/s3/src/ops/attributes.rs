//! GetObjectAttributes.

use arqueta_engine::api::{ChecksumType, Conditions, GetObject, ObjectName, PartInfo};
use s3s::dto::{
    Checksum, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts, ObjectAttributes,
    ObjectPart, StorageClass,
};
use s3s::xml::{SerError, Serializer};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::read::as_seen;
use super::{Call, Operations, bucket_name, fields, object_key};
use crate::answer::Ordered;
use crate::checksum::{set_checksum, type_name};
use crate::error::invalid_argument;
use crate::sse;
use crate::time_text::to_dto;

/// Most parts of one page.
const MOST: usize = 1000;

/// GetObjectAttributes.
pub async fn get_object_attributes(
    ops: &Operations,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    sse::refuse_on_read(&request.headers)?;
    let wanted = wanted(&input.object_attributes)?;
    let wants = |name: &str| wanted.iter().any(|attribute| attribute == name);
    let name = ObjectName {
        bucket: bucket_name(&input.bucket)?,
        key: object_key(&input.key)?,
        version: fields::version(input.version_id.as_deref())?,
    };
    let get = GetObject {
        name,
        range: None,
        if_range: None,
        conditions: Conditions::default(),
        customer_key: sse::decode_customer(&sse::customer_fields!(input))?,
    };
    let read = |seen| ops.engine.objects().attributes(&call.caller, as_seen(&get, seen));
    let found = ops.as_decided(&call, &get.name, (&request.headers, &request.uri), read).await?;
    let info = found.info;
    let checksum = info.checksum.filter(|_| wants(ObjectAttributes::CHECKSUM)).map(|mut checksum| {
        let mut told = Checksum { checksum_type: Some(type_name(checksum.kind)), ..Checksum::default() };
        // Here, and only here, a composite one without the number of its parts.
        checksum.parts = 0;
        set_checksum!(told, Some(checksum));
        told
    });
    let parts = (wants(ObjectAttributes::OBJECT_PARTS) && info.parts.is_some()).then(|| {
        match info.checksum.is_some_and(|checksum| checksum.kind == ChecksumType::FullObject) {
            // Its parts have no checksums that anyone could ask for: they are only counted.
            true => GetObjectAttributesParts {
                total_parts_count: i32::try_from(found.parts.len()).ok(),
                ..GetObjectAttributesParts::default()
            },
            false => page(&found.parts, input.part_number_marker.unwrap_or(0), input.max_parts),
        }
    });
    let told = GetObjectAttributesOutput {
        checksum,
        e_tag: wants(ObjectAttributes::ETAG).then(|| fields::etag(&info.etag)),
        last_modified: Some(to_dto(info.last_modified)),
        object_parts: parts,
        object_size: wants(ObjectAttributes::OBJECT_SIZE).then(|| i64::try_from(info.size).unwrap_or(i64::MAX)),
        storage_class: wants(ObjectAttributes::STORAGE_CLASS)
            .then(|| StorageClass::from_static(info.storage_class.name())),
        version_id: call.names_versions().then(|| info.version.to_string()),
        ..GetObjectAttributesOutput::default()
    };
    let document =
        ordered(&told).map_err(|failure| S3Error::with_source(S3ErrorCode::InternalError, Box::new(failure)))?;
    let mut answer = S3Response::new(told);
    answer.extensions.insert(Ordered(document.into()));
    Ok(answer)
}

/// The document with its elements in the order that S3 has, which is not that of its model.
fn ordered(told: &GetObjectAttributesOutput) -> Result<Vec<u8>, SerError> {
    const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
    let mut document = Vec::new();
    let mut xml = Serializer::new(&mut document);
    xml.decl()?;
    xml.element_with_ns("GetObjectAttributesResponse", NAMESPACE, |xml| {
        told.e_tag.iter().try_for_each(|etag| xml.content("ETag", etag.value()))?;
        told.checksum.iter().try_for_each(|checksum| xml.content("Checksum", checksum))?;
        told.object_parts.iter().try_for_each(|parts| xml.content("ObjectParts", parts))?;
        told.storage_class.iter().try_for_each(|class| xml.content("StorageClass", class))?;
        told.object_size.iter().try_for_each(|size| xml.content("ObjectSize", size))
    })?;
    Ok(document)
}

/// The attributes named; a header may name several.
fn wanted(headers: &[ObjectAttributes]) -> S3Result<Vec<String>> {
    const KNOWN: [&str; 5] = [
        ObjectAttributes::CHECKSUM,
        ObjectAttributes::ETAG,
        ObjectAttributes::OBJECT_PARTS,
        ObjectAttributes::OBJECT_SIZE,
        ObjectAttributes::STORAGE_CLASS,
    ];
    let names: Vec<String> =
        headers.iter().flat_map(|header| header.as_str().split(',')).map(|name| name.trim().to_owned()).collect();
    match names.iter().find(|name| !KNOWN.contains(&name.as_str())) {
        Some(unknown) => Err(invalid_argument("Invalid attribute name specified.", "x-amz-object-attributes", unknown)),
        None => Ok(names),
    }
}

fn page(parts: &[PartInfo], after: i32, limit: Option<i32>) -> GetObjectAttributesParts {
    let limit = limit.map_or(MOST, |limit| usize::try_from(limit).unwrap_or(0).min(MOST));
    let rest: Vec<&PartInfo> = parts.iter().filter(|part| i32::from(part.number) > after).collect();
    let shown = &rest[..rest.len().min(limit)];
    let truncated = shown.len() < rest.len();
    // Parts without checksums of their own are counted and not listed, as in S3.
    let listed = shown.iter().any(|part| part.checksum.is_some()).then(|| {
        shown
            .iter()
            .map(|part| {
                let mut told = ObjectPart {
                    part_number: Some(part.number.into()),
                    size: i64::try_from(part.size).ok(),
                    ..ObjectPart::default()
                };
                set_checksum!(told, part.checksum);
                told
            })
            .collect()
    });
    GetObjectAttributesParts {
        is_truncated: Some(truncated),
        max_parts: i32::try_from(limit).ok(),
        next_part_number_marker: Some(shown.last().map_or(0, |part| part.number.into())),
        part_number_marker: Some(after),
        parts: listed,
        total_parts_count: i32::try_from(parts.len()).ok(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_in_one_header_or_many() {
        let attributes =
            |texts: &[&'static str]| texts.iter().map(|t| ObjectAttributes::from_static(t)).collect::<Vec<_>>();
        assert_eq!(wanted(&attributes(&["ETag, ObjectSize", "Checksum"])).unwrap(), ["ETag", "ObjectSize", "Checksum"]);
        for bad in ["etag", "ETag,", "Everything"] {
            assert!(wanted(&attributes(&[bad])).is_err(), "{bad}");
        }
    }

    #[test]
    fn parts_are_paged() {
        let parts: Vec<PartInfo> = (1..=5).map(|number| PartInfo { number, size: 1, checksum: None }).collect();
        let first = page(&parts, 0, Some(2));
        assert_eq!(
            (first.is_truncated, first.next_part_number_marker, first.total_parts_count),
            (Some(true), Some(2), Some(5))
        );
        let last = page(&parts, 4, Some(2));
        assert_eq!((last.is_truncated, last.next_part_number_marker), (Some(false), Some(5)));
        assert!(first.parts.is_none());
    }
}
