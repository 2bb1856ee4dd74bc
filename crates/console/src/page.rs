//! A page, before it has its frame.

use http::StatusCode;
use maud::Markup;

/// Part of the console that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Buckets,
    Keys,
    Record,
    Identities,
    Settings,
    None,
}

/// What a page has.
pub(crate) struct Page {
    pub status: StatusCode,
    pub section: Section,
    pub title: String,
    pub body: Markup,
    /// Modules of script beside the usual one.
    pub scripts: &'static [&'static str],
    /// Where the page leads by itself.
    pub leads: Option<String>,
}

impl Page {
    pub fn new(section: Section, title: impl Into<String>, body: Markup) -> Self {
        Self { status: StatusCode::OK, section, title: title.into(), body, scripts: &[], leads: None }
    }

    /// With a module of script.
    pub fn script(self, scripts: &'static [&'static str]) -> Self {
        Self { scripts, ..self }
    }

    /// With an address to which it leads at once.
    pub fn leading(self, to: String) -> Self {
        Self { leads: Some(to), ..self }
    }

    /// With a status.
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}
