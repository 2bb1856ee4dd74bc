//! Two fields of a browser form that s3s keeps to itself: the session token, which must be known
//! before the secret of temporary credentials is given out, and the policy, which s3s holds
//! against all fields but those of encryption and then drops. So the edge reads the beginning of
//! the form.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arqueta_model::Clock;
use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use s3s::StdError;

/// How far the edge reads, in bytes. What stands behind that is unknown, and so is not granted.
const REACH: usize = 64 * 1024;

/// What the edge found in a form.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FormFields {
    /// `x-amz-security-token`.
    pub token: Option<String>,
    /// `policy`, still in Base64.
    pub policy: Option<String>,
}

/// The boundary of a browser form; `None` if the request is none.
pub fn boundary(parts: &http::request::Parts) -> Option<String> {
    let value = parts.headers.get(CONTENT_TYPE).filter(|_| parts.method == Method::POST)?.to_str().ok()?;
    let (kind, parameters) = value.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    Some(boundary.to_owned())
}

/// Reads the beginning of a form and returns its fields and the whole body again. What goes wrong
/// while reading comes up again where s3s reads it; so does a client that sends nothing for `idle`.
///
/// The form is taken apart once, however small the pieces it comes in: nobody has been
/// authenticated yet.
pub async fn peek<B>(mut body: B, boundary: &str, clock: &dyn Clock, idle: Duration) -> (FormFields, Peeked<B>)
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    let (mut frames, mut seen) = (VecDeque::new(), Vec::new());
    while seen.len() < REACH {
        let next = tokio::select! {
            frame = body.frame() => frame,
            () = clock.sleep(idle) => None,
        };
        let Some(frame) = next else { break };
        if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
            seen.extend_from_slice(&data[..data.len().min(REACH)]);
        }
        let failed = frame.is_err();
        frames.push_back(frame.map_err(Into::into));
        if failed {
            break;
        }
    }
    (fields(&seen, boundary.as_bytes()).unwrap_or_default(), Peeked { frames, rest: body })
}

/// The fields of a form whose file has begun; `None` before that. A field that stands there twice
/// is taken for missing: whose value s3s takes is not ours to guess.
fn fields(form: &[u8], boundary: &[u8]) -> Option<FormFields> {
    let delimiter = [b"\r\n--", boundary].concat();
    let mut rest = form.strip_prefix(&delimiter[2..]).or_else(|| {
        let start = find(form, &delimiter)?;
        Some(&form[start + delimiter.len()..])
    })?;
    let (mut tokens, mut policies) = (Vec::new(), Vec::new());
    loop {
        let head = find(rest, b"\r\n\r\n")?;
        let name = field_name(&rest[..head])?;
        if name == "file" {
            break;
        }
        rest = &rest[head + 4..];
        let length = find(rest, &delimiter)?;
        let value = String::from_utf8(rest[..length].to_vec()).ok()?;
        rest = &rest[length + delimiter.len()..];
        match name.as_str() {
            "x-amz-security-token" => tokens.push(value),
            "policy" => policies.push(value),
            _ => {}
        }
    }
    let only = |mut values: Vec<String>| values.pop().filter(|value| values.is_empty() && !value.is_empty());
    Some(FormFields { token: only(tokens), policy: only(policies) })
}

/// The name in a part's Content-Disposition, in lower case.
fn field_name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?.to_ascii_lowercase();
    let line = head.lines().find(|line| line.starts_with("content-disposition:"))?;
    let start = line.find(" name=\"").or_else(|| line.find(";name=\""))?;
    let value = line[start..].split('"').nth(1)?;
    Some(value.to_owned())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// A body whose beginning was read already.
pub struct Peeked<B> {
    frames: VecDeque<Result<Frame<Bytes>, StdError>>,
    rest: B,
}

impl<B> Peeked<B> {
    /// A body of which nothing was read.
    pub fn whole(body: B) -> Self {
        Self { frames: VecDeque::new(), rest: body }
    }
}

impl<B> Body for Peeked<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead: u64 =
            self.frames.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref()).map(|data| data.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + ahead);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + ahead);
        }
        hint
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use arqueta_model::ManualClock;
    use futures::StreamExt as _;
    use http_body_util::{Full, StreamBody};

    const IDLE: Duration = Duration::from_secs(20);

    fn form(parts: &[(&str, &str)]) -> String {
        let part = |(name, value): &(&str, &str)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        parts.iter().map(part).collect::<String>() + "--b--\r\n"
    }

    fn read(parts: &[(&str, &str)]) -> Option<FormFields> {
        fields(form(parts).as_bytes(), b"b")
    }

    #[tokio::test]
    async fn fields_are_found_and_the_body_is_whole() {
        let text = form(&[("key", "k"), ("X-Amz-Security-Token", "tok+en/="), ("Policy", "e30="), ("file", "content")]);
        let want = FormFields { token: Some("tok+en/=".into()), policy: Some("e30=".into()) };
        let (found, body) = peek(Full::new(Bytes::from(text.clone())), "b", &ManualClock::default(), IDLE).await;
        assert_eq!((&found, body.size_hint().exact()), (&want, Some(text.len() as u64)));
        assert_eq!(body.collect().await.unwrap().to_bytes(), text.as_bytes());
        let pieces: Vec<Result<_, std::io::Error>> =
            text.as_bytes().chunks(7).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
        let (found, body) =
            peek(StreamBody::new(futures::stream::iter(pieces)), "b", &ManualClock::default(), IDLE).await;
        assert_eq!(found, want);
        assert_eq!(body.collect().await.unwrap().to_bytes(), text.as_bytes());
    }

    #[tokio::test]
    async fn a_client_that_falls_silent_is_not_waited_for() {
        let clock = Arc::new(ManualClock::default());
        let begun: Result<_, std::io::Error> = Ok(Frame::data(Bytes::from_static(b"--b\r\n")));
        let body = StreamBody::new(futures::stream::iter([begun]).chain(futures::stream::pending()));
        let peeking = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { peek(body, "b", &*clock, IDLE).await.0 }
        });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!peeking.is_finished());
        clock.advance(IDLE);
        assert_eq!(peeking.await.unwrap(), FormFields::default());
    }

    #[test]
    fn what_stands_behind_the_file_or_inside_a_value_is_no_field() {
        let late = read(&[("key", "k"), ("file", "x"), ("policy", "e30=")]).unwrap();
        assert_eq!(late, FormFields::default());
        let fake = "x\r\n\r\n; name=\"policy\"\r\n\r\nfake";
        assert_eq!(read(&[("key", fake), ("policy", "real"), ("file", "")]).unwrap().policy.as_deref(), Some("real"));
    }

    #[test]
    fn doubled_fields_and_unfinished_forms_count_for_nothing() {
        assert_eq!(read(&[("policy", "a"), ("POLICY", "b"), ("file", "")]).unwrap().policy, None);
        assert_eq!(read(&[("policy", "a")]), None, "no file yet");
        assert_eq!(fields(b"garbage", b"b"), None);
    }

    #[test]
    fn boundaries() {
        let of = |kind: &'static str| {
            boundary(&http::Request::post("/").header(CONTENT_TYPE, kind).body(()).unwrap().into_parts().0)
        };
        assert_eq!(of("Multipart/Form-Data; charset=x; boundary=\"a b\"").as_deref(), Some("a b"));
        assert_eq!(of("multipart/form-data;boundary=x").as_deref(), Some("x"));
        for other in ["text/xml", "multipart/form-data", "multipart/mixed; boundary=x"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
