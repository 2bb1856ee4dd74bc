//! The object that a request names, and the ways to it.

use http::Method;
use maud::{Markup, html};

use crate::client::Ask;
use crate::view::csrf;
use crate::visit::{Visit, encode};

/// The object that a request names.
pub(crate) struct Named {
    pub key: String,
    pub version: String,
}

impl Named {
    pub fn of(visit: &Visit<'_>, changes: bool) -> Self {
        let fields = if changes { &visit.form } else { &visit.query };
        Self { key: fields.get("key").to_owned(), version: fields.get("version").to_owned() }
    }

    pub fn ask(&self, method: Method, bucket: &str) -> Ask {
        Ask::object(method, bucket, &self.key).query_some("versionId", Some(&self.version))
    }

    pub fn page(&self, bucket: &str) -> String {
        let version =
            if self.version.is_empty() { String::new() } else { format!("&version={}", encode(&self.version)) };
        format!("buckets/{bucket}/object?key={}{version}", encode(&self.key))
    }

    pub fn fields(&self, visit: &Visit<'_>) -> Markup {
        html! {
            (csrf(visit))
            (self.hidden())
        }
    }

    pub fn hidden(&self) -> Markup {
        html! {
            input type="hidden" name="key" value=(self.key);
            @if !self.version.is_empty() { input type="hidden" name="version" value=(self.version); }
        }
    }
}
