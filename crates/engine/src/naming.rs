//! What a key of the metadata store stands for, in words for an operator. What the engine does not
//! know is shown as it is.

use arqueta_model::{BlobId, BucketKeyId, UploadId};

use crate::schema;

/// What the record under `key` is: its kind, and the bucket and object it is about.
#[must_use]
pub fn name_of(key: &[u8]) -> String {
    known(key).unwrap_or_else(|| key.escape_ascii().to_string())
}

fn known(key: &[u8]) -> Option<String> {
    let (kind, rest) = key.split_at_checked(2)?;
    Some(match kind {
        schema::BUCKETS => format!("bucket {}", text(rest)),
        schema::CURRENTS => {
            let (bucket, object) = parted(rest)?;
            format!("current version of {} in bucket {bucket}", text(object))
        }
        schema::NONCURRENTS => {
            let (bucket, rest) = parted(rest)?;
            let (object, rest) = schema::unescaped(rest)?;
            format!("version {} of {} in bucket {bucket}", schema::sequence_of(rest)?, text(object.as_str().as_bytes()))
        }
        schema::UPLOADS => {
            let (bucket, rest) = parted(rest)?;
            let (object, id) = schema::unescaped(rest)?;
            let id = UploadId::from_bytes(id.try_into().ok()?);
            format!("multipart upload {id} of {} in bucket {bucket}", text(object.as_str().as_bytes()))
        }
        schema::PARTS => {
            let (id, number) = rest.split_last_chunk::<2>()?;
            let id = UploadId::from_bytes(id.try_into().ok()?);
            format!("part {} of multipart upload {id}", u16::from_be_bytes(*number))
        }
        schema::FINISHED => format!("ended multipart upload {}", UploadId::from_bytes(rest.try_into().ok()?)),
        schema::BUCKET_KEYS => {
            let (bucket, id) = parted(rest)?;
            format!("bucket key {} of bucket {bucket}", BucketKeyId::from_bytes(id.try_into().ok()?))
        }
        schema::INLINE => format!("small body {}", blob(rest)?),
        schema::REFERENCED => format!("reference to body {}", blob(rest)?),
        schema::GARBAGE => format!("garbage mark of body {}", blob(rest)?),
        schema::REMOVED => {
            let (bucket, version) = parted(rest)?;
            format!("removal of replica {} from bucket {bucket}", text(version))
        }
        schema::INTENTS => format!("version on its way to bucket {}", parted(rest)?.0),
        schema::STANDINGS => {
            let (bucket, rest) = parted(rest)?;
            let (object, rest) = schema::unescaped(rest)?;
            let object = text(object.as_str().as_bytes());
            format!("replication of version {} of {object} in bucket {bucket}", schema::sequence_of(rest)?)
        }
        schema::NOTICES => format!("event for the target {}", parted(rest)?.0),
        _ => return None,
    })
}

/// A bucket's name and what follows its zero byte.
fn parted(rest: &[u8]) -> Option<(&str, &[u8])> {
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some((std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]))
}

fn blob(id: &[u8]) -> Option<BlobId> {
    Some(BlobId::from_bytes(id.try_into().ok()?))
}

/// Quoted, and without control characters: a log is read line by line.
fn text(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::{BucketName, ObjectKey, VersionId};

    use super::*;

    #[test]
    fn every_kind_of_record_has_its_name() {
        let bucket: BucketName = "bkt".parse().unwrap();
        let key: ObjectKey = "a\0\nb".parse().unwrap();
        let (upload, body, wrapped) = (UploadId::from_bytes([1; 16]), BlobId::random(), BucketKeyId::random());
        for (stored, name) in [
            (schema::bucket(&bucket), "bucket \"bkt\"".to_owned()),
            (schema::current(&bucket, &key), r#"current version of "a\0\nb" in bucket bkt"#.into()),
            (schema::noncurrent(&bucket, &key, 7), r#"version 7 of "a\0\nb" in bucket bkt"#.into()),
            (schema::upload(&bucket, &key, upload), format!(r#"multipart upload {upload} of "a\0\nb" in bucket bkt"#)),
            (schema::part(upload, 3), format!("part 3 of multipart upload {upload}")),
            (schema::finished(upload), format!("ended multipart upload {upload}")),
            (schema::bucket_key(&bucket, wrapped), format!("bucket key {wrapped} of bucket bkt")),
            (schema::inline(body), format!("small body {body}")),
            (schema::removed(&bucket, VersionId::Null), "removal of replica \"null\" from bucket bkt".to_owned()),
            (schema::referenced(body), format!("reference to body {body}")),
            (schema::garbage(body), format!("garbage mark of body {body}")),
            ("n/hook\0abc".into(), "event for the target hook".into()),
        ] {
            assert_eq!(name_of(&stored), name);
        }
    }

    #[test]
    fn what_is_unknown_or_broken_is_shown_as_it_is() {
        for (key, shown) in
            [(&b"iam/u/1\0x"[..], r"iam/u/1\x00x"), (b"c/nobucket", "c/nobucket"), (b"g/short", "g/short"), (b"", "")]
        {
            assert_eq!(name_of(key), shown);
        }
    }
}
