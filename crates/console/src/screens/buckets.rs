//! Buckets: the list, and deletion.

use http::Method;
use maud::html;

use crate::client::{Ask, Fault};
use crate::page::Section;
use crate::screens::overview::{is_operator, latest_changes};
use crate::view::{done, empty, head, is_confirmed, moment, more, size};
use crate::visit::{Outcome, Visit, encode};

/// Buckets of one page.
const PAGE: &str = "100";

/// The list.
pub(crate) async fn list(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let prefix = visit.query.trimmed("prefix");
    let token = visit.query.get("token");
    let ask = Ask::account(Method::GET)
        .query("max-buckets", PAGE)
        .query_some("prefix", Some(prefix))
        .query_some("continuation-token", Some(token));
    let answer = visit.client().send(ask).await?.xml();
    let buckets: Vec<_> =
        answer.members("Buckets").map(|bucket| (bucket.text("Name"), bucket.text("CreationDate"))).collect();
    // How much lies in them is told the operator, as on the first page.
    let operator = !buckets.is_empty() && is_operator(visit, &latest_changes(visit).await);
    let mut usage = Vec::new();
    for (name, _) in &buckets {
        usage.push(if operator { visit.house.facts.usage(name).await } else { None });
    }
    let next = answer.text("ContinuationToken");
    let next = (!next.is_empty()).then(|| format!("buckets?prefix={}&token={}", encode(prefix), encode(&next)));
    let create = html! { a.button.primary href="buckets/new" { (t.create_bucket) } };
    let body = html! {
        (head(&[], t.buckets, &create))
        (done(visit))
        @if buckets.is_empty() && prefix.is_empty() && token.is_empty() {
            (empty(t.no_buckets, t.no_buckets_advice, &create))
        } @else {
            form.search method="get" action="buckets" role="search" {
                label.hidden for="prefix" { (t.name_begins) }
                input id="prefix" name="prefix" value=(prefix) placeholder=(t.name_begins) type="search" autocomplete="off" spellcheck="false";
                button type="submit" { (t.search) }
            }
            div.scroll {
                table {
                    caption.hidden { (t.buckets) }
                    thead { tr { th scope="col" { (t.name) } th scope="col" { (t.created) } @if operator { th.number scope="col" { (t.objects) } th.number scope="col" { (t.size) } } th scope="col" { span.hidden { (t.actions) } } } }
                    tbody {
                        @for ((name, created), usage) in buckets.iter().zip(&usage) {
                            tr {
                                td { a.strong href={ "buckets/" (name) "/objects" } { (name) } }
                                td { (moment(created)) }
                                @if operator {
                                    td.number { @if let Some(usage) = usage { (usage.objects) } }
                                    td.number { @if let Some(usage) = usage { (size(usage.bytes)) } }
                                }
                                td.end { a href={ "buckets/" (name) "/properties" } aria-label={ (t.properties) ": " (name) } { (t.properties) } }
                            }
                        }
                        @if buckets.is_empty() { tr { td colspan="3" { (t.nothing_found) } } }
                    }
                }
            }
            (more(t, next.as_deref()))
        }
    };
    Ok(Outcome::page(Section::Buckets, t.buckets, body))
}

/// Deletes an empty bucket.
pub(crate) async fn delete(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    is_confirmed(visit, bucket)?;
    visit.client().send(Ask::bucket(Method::DELETE, bucket)).await?;
    Ok(Outcome::Go("buckets?done=deleted".to_owned()))
}
