//! A queue of SQS, at AWS or any endpoint that speaks its JSON protocol: an event is one message.

use std::fmt;
use std::sync::Arc;

use arqueta_model::Clock;
use arqueta_remote::{ServiceSettings, SetupError, SignedService};
use async_trait::async_trait;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::code;
use crate::message::Message;
use crate::target::{Failure, Target};

/// A queue.
pub struct Queue {
    service: SignedService,
    url: String,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Queue {
    /// The queue of this URL, at the endpoint of `settings`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SetupError`] for secrets and files that cannot be read and addresses that are none.
    pub fn new(settings: ServiceSettings, url: String, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let settings = ServiceSettings { service: "sqs", ..settings };
        Ok(Self { service: SignedService::new(settings, clock)?, url })
    }
}

#[async_trait]
impl Target for Queue {
    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let mut call = json!({ "QueueUrl": self.url, "MessageBody": String::from_utf8_lossy(&message.body) });
        if self.url.ends_with(".fifo") {
            // Its own ways to keep order, and to know a repetition.
            call["MessageGroupId"] = super::digest(&message.group).into();
            call["MessageDeduplicationId"] = message.id.as_str().into();
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        headers.insert("x-amz-target", HeaderValue::from_static("AmazonSQS.SendMessage"));
        let reply = self.service.call(headers, call.to_string().into()).await;
        let reply = reply.map_err(|error| Failure::unavailable(&error))?;
        match reply.status.as_u16() {
            200..=299 => Ok(()),
            status => Err(code(status, &reply.body)),
        }
    }
}
