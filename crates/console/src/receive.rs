//! What a browser sends: read whole, within bounds of size and of time.

use std::pin::pin;
use std::time::Duration;

use arqueta_call::Visitor;
use arqueta_model::Clock;
use futures::future::{Either, select};
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use zeroize::Zeroizing;

use crate::client::Fault;
use crate::service::CallBody;

/// How much somebody may send, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub bytes: usize,
    /// Fields of a form.
    pub fields: usize,
    pub time: Duration,
}

/// Of who has not signed in: an access key, its secret and a token, or a language. The edges give
/// strangers as much time.
pub(crate) const STRANGER: Bounds = Bounds { bytes: 16 << 10, fields: 16, time: Duration::from_secs(5) };
/// Of who has: a policy of the largest size, encoded, or the keys of a page, and some room.
pub(crate) const PERSON: Bounds = Bounds { bytes: 1 << 20, fields: 1024, time: Duration::from_secs(60) };

/// A body, which may have a secret in it. What it holds is counted for `visitor`.
pub(crate) async fn receive(
    body: CallBody,
    bounds: Bounds,
    visitor: Option<&Visitor>,
    clock: &dyn Clock,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let late = pin!(clock.sleep(bounds.time));
    match select(pin!(collect(body, bounds.bytes, visitor)), late).await {
        Either::Left((read, _)) => read,
        Either::Right(_) => Err(Fault::own(
            StatusCode::BAD_REQUEST,
            "RequestTimeout",
            "Your socket connection to the server was not read from or written to within the timeout period.",
        )),
    }
}

async fn collect(mut body: CallBody, most: usize, visitor: Option<&Visitor>) -> Result<Zeroizing<Vec<u8>>, Fault> {
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    // Whatever length is announced, there is room for what came.
    let mut read = Zeroizing::new(Vec::new());
    while let Some(frame) = body.frame().await {
        let broken = "The request body terminated unexpectedly";
        let frame = frame.map_err(|_| Fault::own(StatusCode::BAD_REQUEST, "IncompleteBody", broken))?;
        let Ok(data) = frame.into_data() else { continue };
        if read.len() + data.len() > most {
            return Err(too_large());
        }
        if visitor.is_some_and(|visitor| !visitor.hold(data.len())) {
            return Err(Fault::own(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate."));
        }
        append(&mut read, &data);
    }
    Ok(read)
}

/// Appends, and leaves nothing where the bytes stood before, as a vector would that grows by itself.
fn append(read: &mut Zeroizing<Vec<u8>>, data: &[u8]) {
    let length = read.len() + data.len();
    if length > read.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(length.max(read.capacity() * 2)));
        larger.extend_from_slice(read);
        *read = larger;
    }
    read.extend_from_slice(data);
}

pub(crate) fn too_large() -> Fault {
    Fault::own(StatusCode::PAYLOAD_TOO_LARGE, "EntityTooLarge", "The form is larger than any that the console has.")
}
