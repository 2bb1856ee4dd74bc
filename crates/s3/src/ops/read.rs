//! GetObject and HeadObject.

use arqueta_call::Action;
use arqueta_call::s3_actions::{
    GET_OBJECT_LEGAL_HOLD, GET_OBJECT_RETENTION, GET_OBJECT_TAGGING, GET_OBJECT_VERSION_TAGGING,
};
use arqueta_engine::Error;
use arqueta_engine::api::{ByteRange, GetObject, ObjectInfo, ObjectName, ObjectStream, Sighting};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::{HeaderMap, Uri};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::{Call, Operations, bucket_name, fields, object_key};
use crate::body::Sized;
use crate::checksum::{set_checksum, type_name};
use crate::error::of_engine;
use crate::sse::{self, Told};
use crate::time_text::{exact, from_dto, http_date, to_dto};
use crate::wide;

/// Answers up to this size leave as one piece together with their head, in bytes: one write to
/// the socket, and an integrity failure is an error answer instead of a broken connection.
const WHOLE: u64 = 64 * 1024;

/// The engine's input of GetObject and of HeadObject, which have the same fields.
macro_rules! reading {
    ($request:ident) => {{
        fields::presigned_conditions!($request);
        let input = &$request.input;
        sse::refuse_on_read(&$request.headers)?;
        GetObject {
            name: ObjectName {
                bucket: bucket_name(&input.bucket)?,
                key: object_key(&input.key)?,
                version: fields::version(input.version_id.as_deref())?,
            },
            range: fields::byte_range(fields::stated_range(input.range, &$request.headers), input.part_number)?,
            if_range: fields::if_range(&$request.headers),
            conditions: fields::read_conditions(
                input.if_match.as_ref(),
                input.if_none_match.as_ref(),
                input.if_modified_since.as_ref(),
                input.if_unmodified_since.as_ref(),
            ),
            customer_key: sse::decode_customer(&sse::customer_fields!(input))?,
        }
    }};
}

/// The fields that both outputs have.
macro_rules! describe {
    ($output:ident, $info:ident, $shown:ident, $call:ident, $range:ident, $mode:expr) => {{
        $output.accept_ranges = Some("bytes".to_owned());
        let length = $info.range.as_ref().map_or($info.size, |range| range.end - range.start);
        $output.content_length = i64::try_from(length).ok();
        $output.content_range = content_range(&$info);
        $output.content_type =
            Some($info.headers.content_type.unwrap_or_else(|| "binary/octet-stream".to_owned()).into());
        $output.content_encoding = $info.headers.content_encoding;
        $output.content_disposition = $info.headers.content_disposition;
        $output.content_language = $info.headers.content_language;
        $output.cache_control = $info.headers.cache_control;
        $output.expires = $info.headers.expires;
        $output.website_redirect_location = $info.headers.website_redirect;
        $output.e_tag = Some(fields::etag(&$info.etag));
        $output.last_modified = Some(to_dto($info.last_modified));
        $output.metadata =
            Some($info.metadata.0.into_iter().map(|(name, value)| (name, wide::encoded(value))).collect());
        $output.version_id = $call.names_versions().then(|| $info.version.to_string());
        $output.storage_class = fields::told_class($info.storage_class);
        $output.replication_status = $info.replication.map(fields::replication);
        if $shown.tags {
            $output.tag_count = i32::try_from($info.tags).ok();
        }
        if let Some(retention) = $info.retention.filter(|_| $shown.retention) {
            $output.object_lock_mode = Some(ObjectLockMode::from_static(fields::mode_name(retention.mode)));
            $output.object_lock_retain_until_date = Some(exact(retention.until));
        }
        if let Some(hold) = $info.legal_hold.filter(|_| $shown.hold) {
            $output.object_lock_legal_hold_status =
                Some(ObjectLockLegalHoldStatus::from_static(fields::hold_name(hold)));
        }
        if matches!($range, Some(ByteRange::Part(_))) {
            $output.parts_count = $info.parts.map(i32::from);
        }
        // A range has no checksum of its own; a part has.
        let whole = matches!($range, None | Some(ByteRange::Part(_)));
        if whole && $mode.as_ref().is_some_and(|mode| mode.as_str().eq_ignore_ascii_case(ChecksumMode::ENABLED)) {
            $output.checksum_type = $info.checksum.map(|checksum| type_name(checksum.kind));
            set_checksum!($output, $info.checksum);
        }
        sse::tell!($output, Told::of($info.encryption.as_ref()));
    }};
}

/// GetObject.
pub async fn get_object(
    ops: &Operations,
    mut request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let call = Call::current()?;
    let reading = reading!(request);
    let (name, range) = (&reading.name, reading.range);
    let get = |seen| ops.engine.objects().get(&call.caller, as_seen(&reading, seen));
    let got = ops.as_decided(&call, name, (&request.headers, &request.uri), get).await?;
    let info = got.info;
    let length = info.range.as_ref().map_or(info.size, |range| range.end - range.start);
    let body = outgoing(got.body, length).await?;
    let shown = Shown::to_caller(ops, name, &info, &request.headers, &request.uri).await;
    let mut output = GetObjectOutput { body: Some(body), ..GetObjectOutput::default() };
    if name.version.is_none() {
        output.expiration = ops.expiration(call.bucket(), &name.key).await;
    }
    describe!(output, info, shown, call, range, request.input.checksum_mode);
    Ok(S3Response::new(output))
}

/// HeadObject.
pub async fn head_object(
    ops: &Operations,
    mut request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let call = Call::current()?;
    let reading = reading!(request);
    let (name, range) = (&reading.name, reading.range);
    let head = |seen| ops.engine.objects().head(&call.caller, as_seen(&reading, seen));
    let info = ops.as_decided(&call, name, (&request.headers, &request.uri), head).await?;
    let shown = Shown::to_caller(ops, name, &info, &request.headers, &request.uri).await;
    let mut output = HeadObjectOutput::default();
    if name.version.is_none() {
        output.expiration = ops.expiration(call.bucket(), &name.key).await;
    }
    describe!(output, info, shown, call, range, request.input.checksum_mode);
    override_headers(&mut output, request.input);
    Ok(S3Response::new(output))
}

/// The same, of what the caller's leave was decided on.
pub fn as_seen(reading: &GetObject, seen: Option<Sighting>) -> GetObject {
    let mut reading = reading.clone();
    reading.conditions.seen = seen;
    reading
}

/// The headers that the request wants instead of the object's. GET has them from s3s.
fn override_headers(output: &mut HeadObjectOutput, input: HeadObjectInput) {
    macro_rules! instead {
        ($field:ident, $wanted:expr) => {
            output.$field = $wanted.map(Into::into).or_else(|| output.$field.take());
        };
    }
    instead!(content_type, input.response_content_type);
    instead!(content_language, input.response_content_language);
    instead!(content_disposition, input.response_content_disposition);
    instead!(content_encoding, input.response_content_encoding);
    instead!(cache_control, input.response_cache_control);
    instead!(expires, input.response_expires.map(|date| http_date(from_dto(&date))));
}

fn content_range(info: &ObjectInfo) -> Option<String> {
    let range = info.range.as_ref().filter(|range| !range.is_empty())?;
    Some(format!("bytes {}-{}/{}", range.start, range.end - 1, info.size))
}

/// Which headers the caller may see: tags and locks have permissions of their own.
struct Shown {
    tags: bool,
    retention: bool,
    hold: bool,
}

impl Shown {
    async fn to_caller(ops: &Operations, name: &ObjectName, info: &ObjectInfo, headers: &HeaderMap, uri: &Uri) -> Self {
        let may = async |present: bool, plain: Action, versioned: Action| {
            let action = if name.version.is_some() { versioned } else { plain };
            present && ops.permits_on(action, name, headers, uri).await.is_ok()
        };
        Self {
            tags: may(info.tags > 0, GET_OBJECT_TAGGING, GET_OBJECT_VERSION_TAGGING).await,
            retention: may(info.retention.is_some(), GET_OBJECT_RETENTION, GET_OBJECT_RETENTION).await,
            hold: may(info.legal_hold.is_some(), GET_OBJECT_LEGAL_HOLD, GET_OBJECT_LEGAL_HOLD).await,
        }
    }
}

/// A body on its way out: small ones whole, large ones once their first piece is authentic.
async fn outgoing(mut stream: ObjectStream, length: u64) -> S3Result<StreamingBlob> {
    let first = match stream.next().await.transpose().map_err(|failure| of_engine(&failure))? {
        Some(first) => first,
        None if length == 0 => Bytes::new(),
        None => return Err(of_engine(&Error::Integrity)),
    };
    if length > WHOLE {
        let rest = futures::stream::once(async { Ok(first) }).chain(stream);
        return Ok(StreamingBlob::new(Sized::new(rest.boxed(), length)));
    }
    if first.len() as u64 == length && length > 0 {
        // The end may still bring a failure.
        return match stream.next().await {
            None => Ok(first.into()),
            Some(Err(failure)) => Err(of_engine(&failure)),
            Some(Ok(_)) => Err(of_engine(&Error::Integrity)),
        };
    }
    let mut whole = BytesMut::from(&first[..]);
    while let Some(chunk) = stream.next().await {
        whole.extend_from_slice(&chunk.map_err(|failure| of_engine(&failure))?);
    }
    if whole.len() as u64 == length { Ok(whole.freeze().into()) } else { Err(of_engine(&Error::Integrity)) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn stream(chunks: Vec<Result<&'static [u8], Error>>) -> ObjectStream {
        futures::stream::iter(chunks.into_iter().map(|chunk| chunk.map(Bytes::from_static))).boxed()
    }

    async fn read(mut blob: StreamingBlob) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        while let Some(chunk) = blob.next().await {
            all.extend_from_slice(&chunk.map_err(|failure| failure.to_string())?);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn small_bodies_leave_whole_or_not_at_all() {
        for chunks in [vec![Ok(&b"abc"[..])], vec![Ok(&b"a"[..]), Ok(b"bc")]] {
            assert_eq!(read(outgoing(stream(chunks), 3).await.unwrap()).await.unwrap(), b"abc");
        }
        assert!(read(outgoing(stream(vec![]), 0).await.unwrap()).await.unwrap().is_empty());
        for chunks in [
            vec![],
            vec![Ok(&b"ab"[..])],
            vec![Ok(&b"abcd"[..])],
            vec![Err(Error::Integrity)],
            vec![Ok(&b"abc"[..]), Err(Error::Integrity)],
            vec![Ok(&b"ab"[..]), Err(Error::Integrity)],
            vec![Ok(&b"abc"[..]), Ok(b"d")],
        ] {
            assert!(outgoing(stream(chunks), 3).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_failure_in_the_middle_of_a_large_body_never_ends_cleanly() {
        static PIECE: [u8; 65_536] = [7; 65_536];
        let length = 2 * PIECE.len() as u64;
        for tail in [vec![Err(Error::Integrity)], vec![], vec![Ok(&PIECE[1..])], vec![Ok(&PIECE[..]), Ok(b"x")]] {
            let chunks = std::iter::once(Ok(&PIECE[..])).chain(tail).collect();
            let blob = outgoing(stream(chunks), length).await.unwrap();
            assert!(read(blob).await.is_err());
        }
        let good = outgoing(stream(vec![Ok(&PIECE[..]), Ok(&PIECE[..])]), length).await.unwrap();
        assert_eq!(read(good).await.unwrap().len() as u64, length);
        assert!(outgoing(stream(vec![Err(Error::Integrity)]), length).await.is_err());
    }
}
