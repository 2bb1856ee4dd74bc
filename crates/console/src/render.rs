//! What becomes of a request, as an answer.

use http::Response;
use serde_json::json;

use crate::answer::{self, html, redirect};
use crate::client::Fault;
use crate::page::{Page, Section};
use crate::service::CallBody;
use crate::session::Place;
use crate::view;
use crate::visit::{Outcome, Visit};

/// The answer to a request.
pub(crate) fn render(visit: &Visit<'_>, outcome: Result<Outcome, Fault>) -> Response<CallBody> {
    let outcome = outcome.unwrap_or_else(|fault| {
        if visit.is_script() {
            return Outcome::Raw(Box::new(told(&fault)));
        }
        let page = Page::new(Section::None, visit.t.refused, view::refused(visit, &fault));
        Outcome::Page(page.status(fault.status))
    });
    let there = |to: &str| redirect(&format!("{}{to}", visit.up));
    match outcome {
        Outcome::Page(page) => html(page.status, view::document(visit, &page).into_string()),
        Outcome::Go(to) => there(&to),
        Outcome::SignedIn(session, to) => {
            let mut answer = there(&to);
            if let Some(before) = visit.session.as_ref().filter(|before| before.id != session.id) {
                visit.house.sessions.revoke(before);
            }
            visit.house.sessions.keep(&session, &Place::of(&session.base, visit.secure), answer.headers_mut());
            answer
        }
        Outcome::Arrived(session, page, more) => {
            let mut answer = html(page.status, view::document(visit, &page).into_string());
            if let Some(before) = &visit.session {
                visit.house.sessions.revoke(before);
            }
            visit.house.sessions.keep(&session, &session.place(), answer.headers_mut());
            for (name, value) in &more {
                answer.headers_mut().append(name.clone(), value.clone());
            }
            answer
        }
        Outcome::SignedOut(to) => {
            // To a script a page is no refusal.
            let mut answer = if visit.is_script() { told(&Fault::session_over(visit.t)) } else { there(&to) };
            visit.house.sessions.end(visit.session.as_ref(), &visit.place(), answer.headers_mut());
            answer
        }
        Outcome::Raw(answer) => *answer,
    }
}

/// A refusal, to a script.
pub(crate) fn told(fault: &Fault) -> Response<CallBody> {
    answer::json(fault.status, &json!({ "code": fault.code, "message": fault.message }))
}
