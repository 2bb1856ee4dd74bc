//! Copies of an object elsewhere.

use http::Method;
use maud::{Markup, html};

use crate::client::{Ask, Fault};
use crate::screens::named::Named;
use crate::screens::versions::source;
use crate::view::text_field;
use crate::visit::{Outcome, Visit};

/// The panel.
pub(crate) fn panel(visit: &Visit<'_>, bucket: &str, named: &Named) -> Markup {
    let t = visit.t;
    html! {
        details.card {
            summary { h2 { (t.copy_to) } }
            form method="post" action={ "buckets/" (bucket) "/object/copy" } {
                (named.fields(visit))
                (text_field(t.bucket, "to-bucket", "", bucket))
                (text_field(t.key, "to-key", t.copy_help, &named.key))
                button type="submit" { (t.copy_to) }
            }
        }
    }
}

/// Copies it, sealed as its new bucket has it.
pub(crate) async fn copy_to(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let named = Named::of(visit, true);
    let (to, key) = (visit.form.trimmed("to-bucket"), visit.form.get("to-key"));
    let ask = Ask::object(Method::PUT, to, key).header("x-amz-copy-source", &source(bucket, &named));
    visit.client().send(ask).await?;
    let there = Named { key: key.to_owned(), version: String::new() };
    Ok(Outcome::Go(format!("{}&done=created", there.page(to))))
}
