//! What the SDK does not hand out: the answer itself.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use quick_xml::Reader;
use quick_xml::events::Event;

/// Why replication failed, where the other side is an Arqueta.
const FAILURE: &str = "x-arqueta-replication-failure";

/// Keeps what came. Each call needs one of its own.
#[derive(Clone, Default)]
pub(super) struct Answer(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    body: String,
    failure: Option<String>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl Answer {
    /// The body.
    pub(super) fn body(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).body)
    }

    /// Why the object was not replicated.
    pub(super) fn failure(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failure.take()
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Answer {
    fn name(&self) -> &'static str {
        "Answer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let kept = Kept {
            body: String::from_utf8_lossy(response.body().bytes().unwrap_or_default()).into_owned(),
            failure: response.headers().get(FAILURE).map(str::to_owned),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        Ok(())
    }
}

/// Key and version of each version and delete marker of ListObjectVersions' answer, as they stand there.
pub(super) fn order(answer: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(answer);
    let (mut found, mut key, mut version, mut text) = (Vec::new(), String::new(), String::new(), String::new());
    // How deep, and where a version or a marker began.
    let (mut depth, mut inside) = (0, None);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                depth += 1;
                text.clear();
                if inside.is_none() && matches!(tag.local_name().as_ref(), "Version" | "DeleteMarker") {
                    inside = Some(depth);
                }
            }
            Ok(Event::Text(part)) => text.push_str(&part.xml10_content()),
            Ok(Event::GeneralRef(name)) => text.push_str(&referenced(&name)),
            Ok(Event::End(tag)) => {
                match (inside, tag.local_name().as_ref()) {
                    (Some(at), "Key") if depth == at + 1 => key = std::mem::take(&mut text),
                    (Some(at), "VersionId") if depth == at + 1 => version = std::mem::take(&mut text),
                    (Some(at), _) if depth == at => {
                        found.push((std::mem::take(&mut key), std::mem::take(&mut version)));
                        inside = None;
                    }
                    _ => {}
                }
                depth -= 1;
            }
            // The SDK has read it: what cannot be read on is ordered by what came before.
            Ok(Event::Eof) | Err(_) => return found,
            Ok(_) => {}
        }
    }
}

/// `amp`, `#38`, `#x26`
fn referenced(name: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(character)) = name.resolve_char_ref() {
        return character.into();
    }
    quick_xml::escape::resolve_predefined_entity(name).unwrap_or_default().to_owned()
}
