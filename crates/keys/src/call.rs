//! One call by a user, and its event in the record.

use std::future::Future;
use std::pin::Pin;

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error};
use arqueta_model::{AccountId, EncryptionContext, KeyArn};
use serde_json::{Map, Value};

use crate::Embedded;
use crate::schema::LastUse;

/// A request of the API as a value: what its operation is to do, once its protocol has read it.
pub trait Operation: Sized + Send {
    /// What it comes to.
    type Answer: Send;
    /// Which operation it is.
    const OPERATION: Kms;

    /// Decides whether the caller may, and does it. [`run`] is the way here, for who is to be answered.
    ///
    /// # Errors
    /// As the API names them.
    fn perform(
        self,
        service: &Embedded,
        call: &mut Call<'_>,
    ) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// Who asks, and what the record tells of the parameters, in the words of the protocol that read them.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// `requestParameters`: no secret is in it.
    pub told: Map<String, Value>,
}

impl<'a> From<&'a Caller> for Asked<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self { caller, told: Map::new() }
    }
}

/// Performs `operation`, and answers once that is recorded; `elements` tells the record of the answer.
///
/// # Errors
/// The operation's, and [`Error::Audit`] in the place of any outcome that cannot be recorded.
pub async fn run<O: Operation>(
    service: &Embedded,
    asked: Asked<'_>,
    operation: O,
    elements: impl FnOnce(&O::Answer) -> Value + Send,
) -> Result<O::Answer, Error> {
    let mut call = Call::asked(asked, O::OPERATION);
    let outcome = operation.perform(service, &mut call).await;
    if let Ok(answer) = &outcome {
        call.answers(elements(answer));
    }
    let afterwards = call.afterwards.take();
    let answer = finish(service, call, outcome).await?;
    if let Some(Afterwards(work)) = afterwards {
        work.await;
    }
    Ok(answer)
}

/// Records a call that its protocol refused because of its parameters, and answers that.
///
/// # Errors
/// Always: `error`, or [`Error::Audit`] where it cannot be recorded.
pub async fn refuse<T>(service: &Embedded, asked: Asked<'_>, operation: Kms, error: Error) -> Result<T, Error> {
    finish(service, Call::asked(asked, operation), Err(error)).await
}

/// What the record will say of a call. Built while the call goes on; holds no secret, because
/// nothing that builds it is given one.
#[derive(Debug)]
pub struct Call<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) operation: Kms,
    parameters: Map<String, Value>,
    response: Value,
    keys: Vec<KeyArn>,
    additional: Map<String, Value>,
    /// What goes on once the record has the call.
    afterwards: Option<Afterwards>,
}

struct Afterwards(Pin<Box<dyn Future<Output = ()> + Send>>);

impl std::fmt::Debug for Afterwards {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Afterwards(…)")
    }
}

impl<'a> Call<'a> {
    pub(crate) fn new(caller: &'a Caller, operation: Kms) -> Self {
        let (parameters, additional) = (Map::new(), Map::new());
        Self { caller, operation, parameters, response: Value::Null, keys: Vec::new(), additional, afterwards: None }
    }

    fn asked(Asked { caller, told }: Asked<'a>, operation: Kms) -> Self {
        Self { parameters: told, ..Self::new(caller, operation) }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// As [`Self::with`], where absent parameters are left out.
    pub(crate) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(crate) fn context(self, name: &str, context: &EncryptionContext) -> Self {
        if context.is_empty() { self } else { self.with(name, pairs(context)) }
    }

    /// Notes a key that the call touches.
    pub(crate) fn touches(&mut self, key: &KeyArn) {
        if !self.keys.contains(key) {
            self.keys.push(key.clone());
        }
    }

    /// Notes which key material was used, under CloudTrail's `name` of it.
    pub(crate) fn uses_material(&mut self, name: &str, id: Option<&str>) {
        self.additional.extend(id.map(|id| (name.to_owned(), Value::from(id))));
    }

    /// What follows the call, and is waited for, once the record has it: what cannot be recorded is not
    /// gone on with.
    pub(crate) fn afterwards(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.afterwards = Some(Afterwards(Box::pin(work)));
    }

    /// Elements of the answer, for calls that change something.
    pub(crate) fn answers(&mut self, response: Value) {
        self.response = response;
    }
}

fn pairs(context: &EncryptionContext) -> Value {
    context.pairs().map(|(k, v)| (k.to_owned(), Value::from(v))).collect::<Map<_, _>>().into()
}

/// Records the call with its outcome, durably, and only then lets the outcome go. What cannot
/// be recorded is not answered: a plaintext inside `outcome` is dropped, and wiped, here.
pub(crate) async fn finish<T>(service: &Embedded, call: Call<'_>, outcome: Result<T, Error>) -> Result<T, Error> {
    let Caller { identity, request, .. } = call.caller;
    let (row, recorder) = (call.operation.row(), &service.state.recorder);
    let mut event = recorder.event(row, &identity.principal, request).parameters(call.parameters);
    for key in &call.keys {
        event = event.resource("AWS::KMS::Key", key.as_str(), key.account());
    }
    event = match &outcome {
        Ok(_) => event.response(call.response),
        // CloudTrail's spelling of this one differs from the API's.
        Err(error @ Error::Denied { .. }) => event.error("AccessDenied", &error.to_string()),
        Err(error) => event.error(error.code(), &error.to_string()),
    };
    if !call.additional.is_empty() {
        event = event.additional(Value::Object(call.additional));
    }
    let event = event.build();
    let used = (outcome.is_ok() && row.tracked).then(|| LastUse {
        operation: row.name.to_owned(),
        at: request.received,
        event_id: event.event_id.clone(),
        request_id: event.request_id.clone(),
    });
    let owners: Vec<AccountId> = match &outcome {
        // The owner of a key is told who used it. Nobody is told who tried: keys and accounts
        // that do not exist can be named, too.
        Ok(_) => call.keys.iter().filter_map(|key| key.account().parse().ok()).collect(),
        Err(_) => Vec::new(),
    };
    recorder.record(event.for_accounts(&owners)).await?;
    if let Some(used) = used
        && service.state.usage.note(&call.keys, &used, service.state.clock.now())
    {
        service.state.wake.notify_one();
    }
    outcome
}
