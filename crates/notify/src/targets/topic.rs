//! A topic of SNS, at AWS or any endpoint that speaks its Query protocol: an event is one message.

use std::fmt;
use std::sync::Arc;

use arqueta_model::Clock;
use arqueta_remote::{ServiceSettings, SetupError, SignedService};
use async_trait::async_trait;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use url::form_urlencoded::Serializer;

use super::code;
use crate::message::Message;
use crate::target::{Failure, Target};

/// A topic.
pub struct Topic {
    service: SignedService,
    arn: String,
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl Topic {
    /// The topic of this ARN, at the endpoint of `settings`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SetupError`] for secrets and files that cannot be read and addresses that are none.
    pub fn new(settings: ServiceSettings, arn: String, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let settings = ServiceSettings { service: "sns", ..settings };
        Ok(Self { service: SignedService::new(settings, clock)?, arn })
    }

    fn form(&self, message: &Message) -> String {
        let body = String::from_utf8_lossy(&message.body);
        let mut form = Serializer::new(String::new());
        form.append_pair("Action", "Publish")
            .append_pair("Version", "2010-03-31")
            .append_pair("TopicArn", &self.arn)
            .append_pair("Subject", "Amazon S3 Notification")
            .append_pair("Message", &body);
        if self.arn.ends_with(".fifo") {
            form.append_pair("MessageGroupId", &super::digest(&message.group))
                .append_pair("MessageDeduplicationId", &message.id);
        }
        form.finish()
    }
}

#[async_trait]
impl Target for Topic {
    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        headers.insert(CONTENT_TYPE, kind);
        let reply = self.service.call(headers, self.form(message).into()).await;
        let reply = reply.map_err(|error| Failure::unavailable(&error))?;
        match reply.status.as_u16() {
            200..=299 => Ok(()),
            status => Err(code(status, &reply.body)),
        }
    }
}
