//! A form on its way in: the fields before the file, bounded, and the file as it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arqueta_model::Clock;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http_body::Body;
use http_body_util::BodyDataStream;
use s3s::{S3Error, S3Result, StdError, s3_error};
use s3s_multipart::{Boundary, Error, Multipart, Part, PartDataStream};

use super::disposition::ContentDisposition;
use super::malformed;
use crate::error::invalid_argument;
use crate::subject::LONGEST_KEY;

/// Most bytes before the file (S3 User Guide, "POST Object": form fields are limited to 20 KB).
pub const FIELDS_LIMIT: usize = 20 * 1024;
/// What stands for the name of the file.
const FILE_NAME: &str = "${filename}";
/// Most fields before the file.
const FIELDS: usize = 100;
/// How long a client may take to send them. Nobody has been authenticated until they are there.
const FIELDS_TIME: Duration = Duration::from_secs(5);

/// The fields of a form in their order, names in lower case. No name stands there twice.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of a field.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Puts the file's name in the place of `${filename}`, which is nothing where it has none. The limit of the
    /// fields is that of what they are then: nobody has been asked who sends them.
    ///
    /// # Errors
    /// `MaxPostPreDataLengthExceeded`, before anything of that size is made.
    pub fn name_file(&mut self, name: Option<&str>) -> S3Result<()> {
        const SIGNED: [&str; 3] = ["policy", "signature", "x-amz-signature"];
        let name = name.unwrap_or_default();
        let mut size = 0_usize;
        for (field, value) in &mut self.0 {
            let places = if SIGNED.contains(&field.as_str()) { 0 } else { value.matches(FILE_NAME).count() };
            let named = places.saturating_mul(name.len());
            size = size.saturating_add(value.len() - places * FILE_NAME.len()).saturating_add(named);
            if size > FIELDS_LIMIT || (places > 0 && name.len() > LONGEST_KEY) {
                return Err(too_long());
            }
            if places > 0 {
                *value = value.replace(FILE_NAME, name);
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, value: String) -> S3Result<()> {
        if self.value(&name).is_some() {
            return Err(malformed("The body of your POST request contains a field more than once."));
        }
        if self.0.len() >= FIELDS {
            return Err(too_long());
        }
        self.0.push((name, value));
        Ok(())
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Fields {
    fn from(fields: [(&str, &str); N]) -> Self {
        Self(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }
}

/// The file of a form, of which nothing was asked for yet.
pub struct File<S>
where
    S: Stream<Item = Result<Bytes, Error>> + Send + Unpin,
{
    /// Its name without folders, if it has one.
    pub name: Option<String>,
    /// Its content. What stands behind it in the form is not read.
    pub bytes: PartDataStream<S>,
}

/// The bytes of a form. While the fields are read it fails rather than bring more than a form may
/// have before its file.
pub struct Source<B> {
    inner: BodyDataStream<B>,
    pulled: usize,
    in_fields: Arc<AtomicBool>,
}

impl<B> Source<B> {
    /// Of a body.
    pub fn of(body: B) -> Self
    where
        B: Body<Data = Bytes>,
    {
        Self { inner: BodyDataStream::new(body), pulled: 0, in_fields: Arc::new(AtomicBool::new(true)) }
    }
}

impl<B> Stream for Source<B>
where
    B: Body<Data = Bytes, Error = StdError> + Send + Unpin,
{
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Asked for more although all this was not yet the fields.
        if self.pulled >= FIELDS_LIMIT && self.in_fields.load(Ordering::Relaxed) {
            return Poll::Ready(Some(Err(Error::HeaderSizeExceeded { limit: FIELDS_LIMIT })));
        }
        let next = ready!(self.inner.poll_next_unpin(cx));
        if let Some(Ok(piece)) = &next {
            self.pulled = self.pulled.saturating_add(piece.len());
        }
        Poll::Ready(next.map(|piece| piece.map_err(Error::StreamReadFailed)))
    }
}

/// Reads the fields up to the file.
///
/// # Errors
/// `MalformedPOSTRequest`, `MaxPostPreDataLengthExceeded`, `RequestTimeout`; `InvalidArgument`
/// without a file.
pub async fn read<B>(source: Source<B>, boundary: &Boundary, clock: &dyn Clock) -> S3Result<(Fields, File<Source<B>>)>
where
    B: Body<Data = Bytes, Error = StdError> + Send + Unpin,
{
    tokio::select! {
        biased;
        read = up_to_file(source, boundary) => read,
        () = clock.sleep(FIELDS_TIME) => Err(s3_error!(
            RequestTimeout,
            "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed."
        )),
    }
}

async fn up_to_file<B>(source: Source<B>, boundary: &Boundary) -> S3Result<(Fields, File<Source<B>>)>
where
    B: Body<Data = Bytes, Error = StdError> + Send + Unpin,
{
    let in_fields = Arc::clone(&source.in_fields);
    let mut form = Multipart::new(source, boundary, FIELDS_LIMIT);
    let (mut fields, mut size) = (Fields::default(), 0);
    loop {
        let Some(mut part) = form.next_part().await.map_err(of_parser)? else {
            return Err(invalid_argument("POST requires exactly one file upload per request.", "file", "0"));
        };
        let Disposition { name, file_name } = disposition(&mut part).await?;
        if name == "file" {
            in_fields.store(false, Ordering::Relaxed);
            return Ok((fields, File { name: file_name, bytes: part.take_data_stream().map_err(of_parser)? }));
        }
        let mut value = Vec::new();
        while let Some(piece) = part.next_data().await.map_err(of_parser)? {
            size += piece.len();
            if size > FIELDS_LIMIT {
                return Err(too_long());
            }
            value.extend_from_slice(&piece);
        }
        let value = String::from_utf8(value).map_err(|_| malformed("A field of your POST request is no UTF-8."))?;
        fields.add(name, value)?;
    }
}

/// What the header of a part says.
struct Disposition {
    /// Name of the field, in lower case.
    name: String,
    file_name: Option<String>,
}

/// Reads the header of a part. Two headers of a name are two readings of one part: whoever signed
/// the form and whoever stores it must not differ about which counts.
async fn disposition<S>(part: &mut Part<'_, S>) -> S3Result<Disposition>
where
    S: Stream<Item = Result<Bytes, Error>> + Send + Unpin,
{
    const NOT_WELL_FORMED: &str = "The body of your POST request is not well-formed multipart/form-data.";
    let (mut names, mut found) = (Vec::new(), None);
    while let Some(header) = part.next_header().await.map_err(of_parser)? {
        let name = header.name.to_ascii_lowercase();
        if names.contains(&name) {
            return Err(malformed("A part of your POST request has a header more than once."));
        }
        if name == "content-disposition" {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| malformed(NOT_WELL_FORMED));
            let parsed = ContentDisposition::parse(header.value).ok_or_else(|| malformed(NOT_WELL_FORMED))?;
            let field = parsed.name.filter(|name| !name.is_empty()).ok_or_else(|| malformed(NOT_WELL_FORMED))?;
            let field = text(field)?.to_ascii_lowercase();
            let file_name = parsed.file_name.map(text).transpose()?.map(|name| without_folders(&name));
            found = Some(Disposition { name: field, file_name: file_name.filter(|name| !name.is_empty()) });
        }
        names.push(name);
    }
    found.ok_or_else(|| malformed(NOT_WELL_FORMED))
}

/// A file name as browsers send it may be a path, of any system.
fn without_folders(name: &str) -> String {
    name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
}

fn too_long() -> S3Error {
    s3_error!(MaxPostPreDataLengthExceededError, "Your POST request fields preceding the upload file were too large.")
}

fn of_parser(error: Error) -> S3Error {
    match error {
        Error::HeaderSizeExceeded { .. } => too_long(),
        Error::IncompleteStream | Error::IncompleteStreamPart => {
            s3_error!(IncompleteBody, "The request body terminated unexpectedly")
        }
        // The edge answers what its own watch over the body found.
        Error::StreamReadFailed(_) => s3_error!(IncompleteBody, "The request body could not be read."),
        _ => malformed("The body of your POST request is not well-formed multipart/form-data."),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arqueta_model::ManualClock;
    use http_body::Frame;
    use http_body_util::{BodyExt as _, StreamBody};

    fn part(head: &str, value: &str) -> String {
        format!("--b\r\n{head}\r\n\r\n{value}\r\n")
    }

    fn field(name: &str, value: &str) -> String {
        part(&format!("Content-Disposition: form-data; name=\"{name}\""), value)
    }

    const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"C:\\docs\\a.txt\"";

    /// Reads a form that comes in pieces of `size` bytes: fields, name and content of the file.
    async fn read_in(text: &str, size: usize) -> Result<(Vec<(String, String)>, Option<String>, Vec<u8>), String> {
        let pieces: Vec<Result<_, StdError>> =
            text.as_bytes().chunks(size).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
        let body = StreamBody::new(futures::stream::iter(pieces));
        let boundary = Boundary::new(b"b").unwrap();
        let code = |error: S3Error| error.code().as_str().to_owned();
        let (fields, file) = read(Source::of(body), &boundary, &ManualClock::default()).await.map_err(code)?;
        let mut content = Vec::new();
        let mut bytes = file.bytes;
        while let Some(piece) = bytes.next().await {
            content.extend_from_slice(&piece.map_err(|error| error.to_string())?);
        }
        Ok((fields.0, file.name, content))
    }

    #[tokio::test]
    async fn fields_and_file_are_told_apart_however_they_come() {
        let text = field("Key", "k") + &field("Policy", "e30=") + &part(FILE, "a\r\n--not\r\nb") + "--b--\r\n";
        for size in [1, 7, 64, text.len()] {
            let (fields, name, content) = read_in(&text, size).await.unwrap();
            assert_eq!(fields, [("key".into(), "k".into()), ("policy".into(), "e30=".into())], "{size}");
            assert_eq!((name.as_deref(), &*content), (Some("a.txt"), &b"a\r\n--not\r\nb"[..]), "{size}");
        }
    }

    #[tokio::test]
    async fn what_stands_behind_the_file_is_not_read() {
        let late = field("key", "k") + &part(FILE, "x") + &field("key", "other") + "--b--\r\n";
        let (fields, _, content) = read_in(&late, 9).await.unwrap();
        assert_eq!((fields.len(), &*content), (1, &b"x"[..]));
    }

    #[tokio::test]
    async fn fields_are_bounded_in_size_and_number() {
        let long = field("key", &"x".repeat(FIELDS_LIMIT + 1));
        for size in [1000, 1 << 20] {
            assert_eq!(read_in(&long, size).await.unwrap_err(), "MaxPostPreDataLengthExceededError", "{size}");
        }
        let preamble = "x".repeat(2 * FIELDS_LIMIT) + "\r\n" + &field("key", "k");
        assert_eq!(read_in(&preamble, 1000).await.unwrap_err(), "MaxPostPreDataLengthExceededError");
        let many: String = (0..=FIELDS + 1).map(|n| field(&format!("x-ignore-{n}"), "")).collect();
        assert_eq!(read_in(&many, 1000).await.unwrap_err(), "MaxPostPreDataLengthExceededError");
        let most = field("key", &"x".repeat(FIELDS_LIMIT - 1000)) + &part(FILE, &"y".repeat(100_000)) + "--b--";
        assert_eq!(read_in(&most, 4096).await.unwrap().2.len(), 100_000, "the file is not counted");
    }

    #[tokio::test]
    async fn what_can_be_read_in_two_ways_is_refused() {
        let twice =
            "Content-Disposition: form-data; name=\"x-ignore-a\"\r\nContent-Disposition: form-data; name=\"acl\"";
        let types = "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: a/b\r\ncontent-type: c/d";
        for (what, text) in [
            ("two dispositions", part(twice, "x")),
            ("two types", part(types, "x")),
            ("two names", part("Content-Disposition: form-data; name=\"x-ignore-a\"; name=\"acl\"", "x")),
            ("a name in another notation", part("Content-Disposition: form-data; name=\"a\"; name*=UTF-8''acl", "x")),
            ("no disposition", part("Content-Type: a/b", "x")),
            ("no name", part("Content-Disposition: form-data", "x")),
            ("no form data", part("Content-Disposition: attachment; name=\"a\"", "x")),
            ("a field twice", field("policy", "a") + &field("POLICY", "b")),
        ] {
            let text = text + &part(FILE, "x") + "--b--\r\n";
            assert_eq!(read_in(&text, 50).await.unwrap_err(), "MalformedPOSTRequest", "{what}");
        }
        assert_eq!(read_in(&(field("key", "k") + "--b--\r\n"), 50).await.unwrap_err(), "InvalidArgument");
        assert_eq!(read_in("", 50).await.unwrap_err(), "MalformedPOSTRequest");
        for cut in ["--b", "--b\r\nContent-Disp", &field("key", "k")] {
            assert_eq!(read_in(cut, 50).await.unwrap_err(), "IncompleteBody", "{cut:?}");
        }
    }

    #[tokio::test]
    async fn a_file_without_its_end_is_no_file() {
        let text = field("key", "k") + "--b\r\n" + FILE + "\r\n\r\nabc";
        assert!(read_in(&text, 10).await.is_err());
    }

    #[tokio::test]
    async fn a_client_that_falls_silent_is_not_waited_for() {
        let clock = Arc::new(ManualClock::default());
        let begun: Result<_, StdError> = Ok(Frame::data(Bytes::from_static(b"--b\r\n")));
        let body = StreamBody::new(futures::stream::iter([begun]).chain(futures::stream::pending())).boxed_unsync();
        let reading = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { read(Source::of(body), &Boundary::new(b"b").unwrap(), &*clock).await.map(|_| ()) }
        });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!reading.is_finished());
        clock.advance(FIELDS_TIME);
        assert_eq!(reading.await.unwrap().unwrap_err().code().as_str(), "RequestTimeout");
    }

    #[test]
    fn fields_are_bounded_as_they_are_with_the_name_of_the_file() {
        let code = |fields: &mut Fields, name: &str| {
            let refused = fields.name_file(Some(name)).err();
            refused.map(|error| error.code().as_str().to_owned())
        };
        let of = |value: &str| Fields::from([("key", "a"), ("x-amz-meta-a", value)]);
        let long = "x".repeat(LONGEST_KEY);
        assert_eq!(code(&mut of(&FILE_NAME.repeat(19)), &long), None);
        for (value, name) in [(FILE_NAME.repeat(20), long.clone()), (FILE_NAME.repeat(880), "&".repeat(9700))] {
            let mut fields = of(&value);
            assert_eq!(code(&mut fields, &name).as_deref(), Some("MaxPostPreDataLengthExceededError"));
            assert_eq!(fields.value("x-amz-meta-a"), Some(&*value), "nothing was made");
        }
        assert!(code(&mut of(FILE_NAME), &(long + "x")).is_some(), "no key is as long");
    }

    #[test]
    fn the_name_of_the_file_goes_where_it_is_wanted() {
        let named = |name: Option<&str>| {
            let mut fields = Fields::from([("key", "up/${filename}"), ("policy", "${filename}")]);
            fields.name_file(name).unwrap();
            (fields.value("key").unwrap().to_owned(), fields.value("policy").unwrap().to_owned())
        };
        assert_eq!(named(Some("a")), ("up/a".into(), "${filename}".into()));
        assert_eq!(named(None), ("up/".into(), "${filename}".into()));
    }
}
