//! One verified call and what it answers.

use std::sync::Arc;

use arqueta_call::Operation;
use arqueta_iam::Identity;
use arqueta_model::RequestInfo;
use serde::Serialize;
use serde_json::Value;

use super::form::Form;
use super::xml;
use crate::Error;
use crate::services::Services;

/// One verified call.
pub(crate) struct Call<'a> {
    pub services: &'a Services,
    pub form: &'a Form,
    pub identity: &'a Arc<Identity>,
    pub info: &'a RequestInfo,
}

/// What an operation answers.
pub(crate) struct Answer {
    /// The result element, as XML.
    pub(super) result: Option<String>,
    /// `responseElements` of the event. Never holds a secret.
    pub(super) recorded: Value,
}

impl Answer {
    /// No result, as for most operations that change something.
    pub(super) fn nothing() -> Self {
        Self { result: None, recorded: Value::Null }
    }

    pub(super) fn of<T: Serialize>(operation: &Operation, result: &T) -> Result<Self, Error> {
        Ok(Self { result: Some(xml::result(operation.name, result)?), recorded: Value::Null })
    }

    /// A result element without members.
    pub(super) fn empty(operation: &Operation) -> Self {
        Self { result: Some(format!("<{}Result/>", operation.name)), recorded: Value::Null }
    }

    pub(super) fn recording(self, recorded: Value) -> Self {
        Self { recorded, ..self }
    }
}
