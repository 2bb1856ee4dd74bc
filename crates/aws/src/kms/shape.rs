//! What a shape of the protocol is for its operation.

use std::collections::BTreeMap;

use arqueta_keys::{Asked, Embedded, Operation, refuse};
use arqueta_kms::{Caller, Error as Refusal};
use arqueta_model::EncryptionContext;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::limits;
use super::wire::{Json, Wire};
use crate::{Error, json};

/// A request as its JSON document says it. A member that is missing has its default; one that is not
/// acted on stands in the shape all the same, and is refused by name.
pub(super) trait Shape: DeserializeOwned + Send {
    /// What it asks of the key service.
    type Request: Operation;

    /// Tells the record of the parameters first, as they were sent, then refuses those that are none, in
    /// AWS's words.
    fn decode(self, told: &mut Told) -> Result<Self::Request, Refusal>;

    /// `responseElements` of its event: of what changes something, and never a secret.
    fn elements(_: &<Self::Request as Operation>::Answer) -> Value {
        Value::Null
    }
}

/// `requestParameters` of an event.
#[derive(Default)]
pub(super) struct Told(Map<String, Value>);

impl Told {
    pub(super) fn with(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// An encryption context, which is told once it is one.
    pub(super) fn context(
        &mut self,
        name: &str,
        pairs: BTreeMap<String, String>,
    ) -> Result<EncryptionContext, Refusal> {
        let context = EncryptionContext::new(pairs).map_err(|error| limits::invalid(error.to_string()))?;
        if !context.is_empty() {
            let shown: Map<_, _> = context.pairs().map(|(k, v)| (k.to_owned(), Value::from(v))).collect();
            self.with(name, shown);
        }
        Ok(context)
    }

    /// As [`Self::with`], where absent parameters are left out.
    pub(super) fn maybe(&mut self, name: &str, value: Option<impl Into<Value>>) -> &mut Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// What an operation answers with.
pub(super) trait Reply: Sync {
    /// A JSON document, or nothing.
    fn body(&self) -> Result<Vec<u8>, Error>;
}

impl Reply for () {
    fn body(&self) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }
}

impl<T: Wire + Sync> Reply for T {
    fn body(&self) -> Result<Vec<u8>, Error> {
        json::encoded(&Json(self))
    }
}

/// Decodes, performs and encodes one call. The key service records what it comes to, also where it
/// is refused here.
pub(super) async fn run<S: Shape>(service: &Embedded, caller: &Caller, body: &[u8]) -> Result<Vec<u8>, Error>
where
    <S::Request as Operation>::Answer: Reply,
{
    let shape: S = json::decoded(body)?;
    let mut told = Told::default();
    let decoded = shape.decode(&mut told);
    let asked = Asked { caller, told: told.0 };
    let answer = match decoded {
        Ok(request) => arqueta_keys::run(service, asked, request, S::elements).await?,
        Err(refusal) => refuse(service, asked, S::Request::OPERATION, refusal).await?,
    };
    answer.body()
}
