//! The frame around every page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::page::{Page, Section};
use crate::texts::Language;
use crate::view::parts::csrf;
use crate::visit::Visit;

const LOGO: &str = include_str!("../assets/icon.svg");

/// The whole document.
pub(crate) fn document(visit: &Visit<'_>, page: &Page) -> Markup {
    let (t, nonce) = (visit.t, visit.nonce.as_str());
    html! {
        (DOCTYPE)
        html lang=(visit.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " · Arqueta" }
                base href=(visit.up);
                @if let Some(to) = &page.leads { meta http-equiv="refresh" content={ "0;url=" (to) }; }
                link rel="icon" href="assets/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="assets/console.css" nonce=(nonce);
                script type="module" src="assets/console.js" nonce=(nonce) {}
                @for script in page.scripts {
                    script type="module" src={ "assets/" (script) } nonce=(nonce) {}
                }
            }
            body {
                a.skip href={ (visit.this()) "#main" } { (t.skip) }
                header.bar {
                    a.brand href="./" { (PreEscaped(LOGO)) span { "Arqueta" } }
                    @if visit.session.is_some() {
                        (navigation(visit, page.section))
                        (person(visit))
                    } @else {
                        (languages(visit))
                    }
                }
                main #main tabindex="-1" { (page.body) }
                footer.foot { "Arqueta " (visit.house.settings.version) }
            }
        }
    }
}

fn navigation(visit: &Visit<'_>, here: Section) -> Markup {
    let t = visit.t;
    let sections = [
        (Section::Overview, "./", t.overview),
        (Section::Buckets, "buckets", t.buckets),
        (Section::Keys, "keys", t.keys),
        (Section::Record, "record", t.record),
        (Section::Identities, "identities", t.identities),
        (Section::Settings, "settings", t.settings),
    ];
    html! {
        nav aria-label=(t.sections) {
            ul {
                @for (section, to, name) in sections {
                    li { a href=(to) aria-current=[(section == here).then_some("page")] { (name) } }
                }
            }
        }
    }
}

fn person(visit: &Visit<'_>) -> Markup {
    let (t, session) = (visit.t, visit.session());
    html! {
        @if let Some(role) = session.role() { span.badge.role title=(session.arn) { (role) } }
        details.person {
            summary { span.who { (session.name()) } }
            div.menu {
                p.arn { (session.arn) }
                (languages(visit))
                a href="role" { (t.switch_role) }
                @if let Some(before) = &session.before {
                    form method="post" action="role/back" {
                        (csrf(visit))
                        button.quiet type="submit" { (t.switch_back) " " (before.arn.rsplit([':', '/']).next().unwrap_or_default()) }
                    }
                }
                form method="post" action="sign-out" {
                    (csrf(visit))
                    button.quiet type="submit" { (t.sign_out) }
                }
            }
        }
    }
}

fn languages(visit: &Visit<'_>) -> Markup {
    html! {
        form.languages method="post" action="language" {
            input type="hidden" name="back" value=(visit.plain_here());
            @for language in Language::ALL {
                button.quiet type="submit" name="to" value=(language.tag()) lang=(language.tag())
                    aria-pressed=(if language == visit.language { "true" } else { "false" }) { (language.name()) }
            }
        }
    }
}
