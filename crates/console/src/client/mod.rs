//! The way to the services: a request is built, signed as the person, and handed to the function that
//! the listener calls.

mod ask;
mod fault;
mod sign;
pub(crate) mod xml;

pub(crate) use ask::Ask;
pub(crate) use fault::Fault;
pub(crate) use sign::Scope;

use std::sync::Arc;

use arqueta_call::{Connection, Visitor};
use bytes::Bytes;
use http::Response;
use serde_json::Value;
use xml::Node;

use crate::service::{CallBody, Service, whole};

/// Largest answer that is read whole; lists are asked for by pages far below it.
const LARGEST: usize = 16 << 20;

/// A call of the person.
pub(crate) struct Client<'a> {
    /// What is called.
    pub service: &'a dyn Service,
    /// The connection of the browser: calls come from where it is.
    pub connection: Connection,
    /// The browser's request, as long as it is not decided.
    pub visitor: Option<Arc<Visitor>>,
    /// How the person signs.
    pub scope: Scope<'a>,
    /// What the record has as user agent.
    pub agent: String,
}

/// An answer that was read whole.
pub(crate) struct Reply {
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// A header, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The body as a document of XML; an empty one where it is none.
    pub fn xml(&self) -> Node {
        Node::parse(&self.body).unwrap_or_default()
    }
}

impl Client<'_> {
    /// Sends a call and gives its answer as it comes, body unread.
    ///
    /// # Errors
    /// [`Fault`], as the service tells it.
    pub async fn open(&self, ask: Ask) -> Result<Response<CallBody>, Fault> {
        let mut request = self.scope.sign(ask.sound()?, &self.agent);
        if let Some(visitor) = &self.visitor {
            request.extensions_mut().insert(Arc::clone(visitor));
        }
        let answer = self.service.call(request, &self.connection).await;
        if answer.status().is_success() || answer.status().is_redirection() {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = whole(body, LARGEST).await.unwrap_or_default();
        Err(Fault::of(parts.status, &parts.headers, &body))
    }

    /// Sends a call and reads its answer.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn send(&self, ask: Ask) -> Result<Reply, Fault> {
        let (parts, body) = self.open(ask).await?.into_parts();
        let body = whole(body, LARGEST).await.ok_or_else(Fault::unreadable)?;
        Ok(Reply { headers: parts.headers, body })
    }

    /// Calls an operation of a JSON service: `target` is `TrentService.ListKeys` and the like.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn json(&self, service: &'static str, target: &str, input: &Value) -> Result<Value, Fault> {
        let body = input.to_string();
        let ask = Ask::post(service, "/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(body);
        let reply = self.send(ask).await?;
        if reply.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&reply.body).map_err(|_| Fault::unreadable())
    }

    /// Calls an operation of KMS.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn kms(&self, operation: &str, input: Value) -> Result<Value, Fault> {
        self.json("kms", &format!("TrentService.{operation}"), &input).await
    }

    /// Calls an operation of IAM or STS; gives the element `<operation>Result`.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn query(
        &self,
        service: &'static str,
        operation: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Node, Fault> {
        let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
        let form = {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("Action", operation).append_pair("Version", version).extend_pairs(parameters);
            form.finish()
        };
        let ask = Ask::post(service, "/")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(form);
        let reply = self.send(ask).await?;
        Ok(reply.xml().take(&format!("{operation}Result")).unwrap_or_default())
    }
}
