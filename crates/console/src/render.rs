//! What becomes of a request, as an answer.

use http::Response;

use crate::answer::{html, redirect};
use crate::client::Fault;
use crate::page::{Page, Section};
use crate::service::CallBody;
use crate::view;
use crate::visit::{Outcome, Visit};

/// The answer to a request.
pub(crate) fn render(visit: &Visit<'_>, outcome: Result<Outcome, Fault>) -> Response<CallBody> {
    let outcome = outcome.unwrap_or_else(|fault| {
        let page = Page::new(Section::None, visit.t.refused, view::refused(visit, &fault));
        Outcome::Page(page.status(fault.status))
    });
    let there = |to: &str| redirect(&format!("{}{to}", visit.up));
    match outcome {
        Outcome::Page(page) => html(page.status, view::document(visit, &page).into_string()),
        Outcome::Go(to) => there(&to),
        Outcome::SignedIn(session, to) => {
            let mut answer = there(&to);
            visit.house.sessions.keep(&session, visit.secure, answer.headers_mut());
            answer
        }
        Outcome::SignedOut(to) => {
            let mut answer = there(&to);
            visit.house.sessions.end(visit.session.as_ref(), visit.secure, answer.headers_mut());
            answer
        }
        Outcome::Raw(answer) => *answer,
    }
}
