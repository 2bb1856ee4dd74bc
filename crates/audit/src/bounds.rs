//! How large an event may become, whatever its caller sent (CloudTrail User Guide, "CloudTrail
//! record contents": each field has a limit, and an event is at most 256 KB).
//!
//! The limits hold where the line is made, so no caller can write a line that the record's readers
//! would not take. Texts are cut; parameters and other documents that are too large are left out
//! and say how large they were. All sizes are those of the escaped line, in bytes.

use serde_json::{Value, json};

use crate::event::uuid;
use crate::{Error, Event, Resource};

/// Longest line of an event or announcement: far below what a reader takes.
pub(crate) const LINE: usize = 256 * 1024;
/// Longest text of a single field.
const TEXT: usize = 1024;
/// Longest ARN: an object's key has 1,024 bytes, each of which may be escaped.
const ARN: usize = 8 * 1024;
/// Largest `requestParameters`, `responseElements` and `serviceEventDetails`.
const DOCUMENT: usize = 100 * 1024;
/// Members of a document that is too large are left out where they are larger than this.
const MEMBER: usize = 4 * 1024;
/// Largest documents of a call that failed and changed nothing: anybody with an access key can send such
/// calls without end.
const FAILED: usize = 8 * 1024;
/// Largest `additionalEventData` and session context.
const ADDITIONAL: usize = 28 * 1024;
/// Largest list of resources.
const RESOURCES: usize = 64 * 1024;

/// The event as a line between `before` and `after`, within the limits.
///
/// # Errors
/// [`Error::Io`] for an event that exceeds [`LINE`] although each field keeps its limit.
pub(crate) fn line(before: &[u8], mut event: Event, after: &[u8]) -> Result<Vec<u8>, Error> {
    if event.error_code.is_some() {
        cut_texts(&mut event);
        if encoded(before, &event, after)?.len() > FAILED {
            leave_out(&mut event, FAILED);
        }
    }
    line_of_effect(before, event, after)
}

/// As [`line`], of a call that changed something whatever became of it then: what it changed is told.
///
/// # Errors
/// As [`line`].
pub(crate) fn line_of_effect(before: &[u8], mut event: Event, after: &[u8]) -> Result<Vec<u8>, Error> {
    cut_texts(&mut event);
    let mut line = encoded(before, &event, after)?;
    // No field that is checked below can be too large in a line shorter than the least limit.
    if line.len() <= ADDITIONAL {
        return Ok(line);
    }
    leave_out(&mut event, DOCUMENT);
    line = encoded(before, &event, after)?;
    if line.len() > LINE {
        leave_out(&mut event, ADDITIONAL);
        line = encoded(before, &event, after)?;
    }
    if line.len() > LINE {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "an audit event is too large").into());
    }
    Ok(line)
}

fn encoded(before: &[u8], event: &Event, after: &[u8]) -> Result<Vec<u8>, Error> {
    let mut line = Vec::with_capacity(1024);
    line.extend_from_slice(before);
    serde_json::to_writer(&mut line, event).map_err(std::io::Error::from)?;
    line.extend_from_slice(after);
    Ok(line)
}

fn cut_texts(event: &mut Event) {
    let identity = &mut event.user_identity;
    let optional = [
        &mut identity.principal_id,
        &mut identity.arn,
        &mut identity.account_id,
        &mut identity.access_key_id,
        &mut identity.user_name,
        &mut identity.identity_provider,
        &mut identity.invoked_by,
        &mut event.error_code,
        &mut event.error_message,
        &mut event.shared_event_id,
    ];
    let tls = event.tls_details.as_mut().map(|tls| &mut tls.client_provided_host_header);
    let plain = [
        &mut event.event_source,
        &mut event.event_name,
        &mut event.aws_region,
        &mut event.source_ip_address,
        &mut event.user_agent,
        &mut event.request_id,
        &mut event.event_id,
        &mut event.recipient_account_id,
    ];
    for text in optional.into_iter().flatten().chain(plain).chain(tls) {
        cut(text, TEXT);
    }
    let mut room = RESOURCES;
    let mut kept = 0;
    for resource in &mut event.resources {
        cut(&mut resource.account_id, TEXT);
        cut(&mut resource.kind, TEXT);
        cut(&mut resource.arn, ARN);
        match room.checked_sub(room_of(resource)) {
            Some(rest) => room = rest,
            None => break,
        }
        kept += 1;
    }
    event.resources.truncate(kept);
}

impl Event {
    /// The event in as many as it takes to name all its resources: a line is bounded, and what an
    /// event does not name nobody who selects it sees. Each is an event of the same request.
    #[must_use]
    pub fn in_pieces(mut self) -> Vec<Self> {
        if fits(&self.resources) {
            return vec![self];
        }
        let (objects, common): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.resources).into_iter().partition(|resource| resource.kind == Resource::S3_OBJECT);
        let mut pieces = Vec::new();
        let mut objects = objects.into_iter().peekable();
        while objects.peek().is_some() {
            let mut piece = Self { event_id: uuid(), ..self.clone() };
            while let Some(object) = objects.next() {
                piece.resources.push(object);
                let next = objects.peek().into_iter();
                if !fits(piece.resources.iter().chain(&common).chain(next)) {
                    break;
                }
            }
            piece.resources.extend(common.iter().cloned());
            pieces.push(piece);
        }
        pieces
    }
}

/// Whether a list of resources keeps its limit.
pub(crate) fn fits<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> bool {
    resources.into_iter().map(room_of).sum::<usize>() <= RESOURCES
}

/// What a resource takes of the line, names of its members included.
fn room_of(resource: &Resource) -> usize {
    64 + escaped(&resource.account_id) + escaped(&resource.kind) + escaped(&resource.arn)
}

/// Leaves out the documents larger than `most`, and others larger than theirs.
fn leave_out(event: &mut Event, most: usize) {
    let identity = &mut event.user_identity;
    for (name, document, most) in [
        ("requestParameters", Some(&mut event.request_parameters), most),
        ("responseElements", Some(&mut event.response_elements), most),
        ("serviceEventDetails", event.service_event_details.as_mut(), most),
        ("additionalEventData", event.additional_event_data.as_mut(), ADDITIONAL),
        ("sessionContext", identity.session_context.as_mut(), ADDITIONAL),
    ] {
        let Some(document) = document else { continue };
        if size(document) <= most {
            continue;
        }
        if let Value::Object(members) = document {
            members.values_mut().filter(|member| size(member) > MEMBER).for_each(|member| omit(member, name));
        }
        if size(document) > most {
            omit(document, name);
        }
    }
}

fn omit(document: &mut Value, name: &str) {
    let size = size(document);
    *document = json!({ "omitted": true, "originalSize": size, "reason": format!("{name} too large") });
}

/// The length of a document as JSON.
fn size(document: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting cannot fail, and a value always serialises.
    let _ = serde_json::to_writer(&mut count, document);
    count.0
}

/// How long a character is in a JSON text, at most.
fn escaped_char(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        c if c.is_control() => 6,
        c => c.len_utf8(),
    }
}

fn escaped(text: &str) -> usize {
    text.chars().map(escaped_char).sum()
}

/// Cuts a text at a character, so that it takes at most `most` bytes of the line.
fn cut(text: &mut String, most: usize) {
    if text.len() * 6 <= most {
        return;
    }
    let mut room = most;
    for (at, c) in text.char_indices() {
        match room.checked_sub(escaped_char(c)) {
            Some(rest) => room = rest,
            None => return text.truncate(at),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::event;

    fn line_of(event: Event) -> (usize, Value) {
        let line = line(b"{\"announced\":", event, b"}").unwrap();
        (line.len(), serde_json::from_slice::<Value>(&line).unwrap()["announced"].take())
    }

    #[test]
    fn an_ordinary_event_is_as_it_was() {
        let whole = event("Decrypt");
        let shown = line_of(whole.clone()).1;
        assert_eq!(serde_json::from_value::<Event>(shown).unwrap(), whole);
    }

    #[test]
    fn whatever_a_caller_sends_a_line_keeps_its_limit_and_says_what_is_not_there() {
        // A mebibyte of quotes is four of them in a line: each is escaped, and again in a message.
        for filling in ["\"".repeat(1 << 20), "\u{1}".repeat(1 << 20), "é".repeat(1 << 20), "\\\n".repeat(1 << 19)] {
            let mut large = event("GetUser");
            large.request_parameters = json!({ "userName": filling, "path": "/" });
            large.response_elements = json!([filling]);
            large.additional_event_data = Some(filling.clone().into());
            large.service_event_details = Some(filling.clone().into());
            large.user_identity.session_context = Some(filling.clone().into());
            let identity = &mut large.user_identity;
            for text in [&mut identity.arn, &mut identity.user_name, &mut identity.principal_id] {
                *text = Some(filling.clone());
            }
            (large.user_agent, large.error_message) = (filling.clone(), Some(filling.clone()));
            let resource = Resource { account_id: String::new(), kind: "x".into(), arn: filling.clone() };
            large.resources = vec![resource; 100];
            let (length, shown) = line_of(large);
            assert!(length <= LINE, "{length}");
            assert_eq!(shown["requestParameters"]["path"], "/", "what is small stays");
            let parameters = &shown["requestParameters"]["userName"];
            assert_eq!(
                (&parameters["omitted"], &parameters["reason"]),
                (&json!(true), &json!("requestParameters too large"))
            );
            assert!(parameters["originalSize"].as_u64().unwrap() > 1 << 20);
            let agent = shown["userAgent"].as_str().unwrap();
            assert!(filling.starts_with(agent) && (170..=1024).contains(&agent.len()), "{}", agent.len());
            assert!(!shown["resources"].as_array().unwrap().is_empty(), "what was touched is told");
        }
    }

    #[test]
    fn what_a_call_that_failed_brought_is_told_by_its_size() {
        let mut denied = event("PutKeyPolicy");
        let policy = "{\"x\": 1}".repeat(4096);
        denied.request_parameters = json!({ "keyId": "none", "policy": policy, "policyName": "default" });
        let (whole, _) = line_of(denied.clone());
        denied.error_code = Some("NotFoundException".to_owned());
        let (length, shown) = line_of(denied);
        assert!(whole > 32 * 1024 && length < 2 * 1024, "{length} of {whole}");
        let parameters = &shown["requestParameters"];
        assert_eq!((&parameters["keyId"], &parameters["policyName"]), (&json!("none"), &json!("default")));
        assert_eq!(parameters["policy"]["omitted"], true);
        assert!(parameters["policy"]["originalSize"].as_u64().unwrap() > 32 * 1024);
    }

    #[test]
    fn documents_that_are_each_within_their_limit_do_not_add_up_to_more_than_a_line() {
        let mut large = event("CreateKey");
        let document: Value = "x".repeat(99 * 1024).into();
        large.request_parameters = document.clone();
        large.response_elements = document.clone();
        large.service_event_details = Some(document);
        let (length, shown) = line_of(large);
        assert!(length <= LINE, "{length}");
        assert_eq!(shown["responseElements"]["omitted"], true);
    }

    #[test]
    fn a_call_on_more_objects_than_an_event_can_name_is_several_events() {
        let mut whole = event("DeleteObjects");
        let key = |n: u32| format!("arn:aws:s3:::bucket/{n:04}{}", "\u{1}".repeat(1000));
        let resource = |kind: &str, arn: String| Resource { account_id: String::new(), kind: kind.to_owned(), arn };
        whole.resources = (0..1000).map(|n| resource(Resource::S3_OBJECT, key(n))).collect();
        whole.resources.push(resource("AWS::S3::Bucket", "arn:aws:s3:::bucket".to_owned()));
        let pieces = whole.clone().in_pieces();
        assert!(pieces.len() > 50);
        let mut named = Vec::new();
        for piece in &pieces {
            let line = line(b"", piece.clone(), b"\n").unwrap();
            let read: Event = serde_json::from_slice(&line).unwrap();
            assert_eq!(read.resources, piece.resources, "nothing is cut");
            assert_eq!(read.resources.last().unwrap().kind, "AWS::S3::Bucket");
            assert_eq!(read.request_id, whole.request_id);
            named.extend(read.resources.into_iter().filter(|r| r.kind == Resource::S3_OBJECT));
        }
        assert_eq!(named, whole.resources[..1000]);
        let ids: std::collections::HashSet<_> = pieces.iter().map(|piece| &piece.event_id).collect();
        assert_eq!(ids.len(), pieces.len());
        assert_eq!(event("PutObject").in_pieces().len(), 1);
    }

    #[test]
    fn a_text_is_cut_at_a_character() {
        for (text, most, left) in
            [("abc", 2, "ab"), ("aéé", 4, "aé"), ("a\"b", 2, "a"), ("a\u{1}", 6, "a"), ("", 0, "")]
        {
            let mut cut_text = text.to_owned();
            cut(&mut cut_text, most);
            assert_eq!(cut_text, left, "{text:?} to {most}");
        }
    }
}
