//! What users, groups and roles have alike: managed policies, policies of their own, and a boundary.

use maud::{Markup, html};

use crate::client::Fault;
use crate::client::xml::Node;
use crate::page::{Page, Section};
use crate::screens::raise::ask;
use crate::view::{area, csrf, fact, fault, head, text_field};
use crate::visit::{Outcome, Visit, encode};

/// Who holds policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
    Role,
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct Holder<'a> {
    pub kind: Kind,
    pub name: &'a str,
}

impl<'a> Holder<'a> {
    /// The parameter that names it, as of each of its operations.
    pub fn named(self) -> (&'static str, &'a str) {
        let parameter = match self.kind {
            Kind::User => "UserName",
            Kind::Group => "GroupName",
            Kind::Role => "RoleName",
        };
        (parameter, self.name)
    }

    /// As IAM's operations have it in their names.
    fn word(self) -> &'static str {
        match self.kind {
            Kind::User => "User",
            Kind::Group => "Group",
            Kind::Role => "Role",
        }
    }

    /// The address of its page.
    pub fn page(self) -> String {
        let folder = match self.kind {
            Kind::User => "users",
            Kind::Group => "groups",
            Kind::Role => "roles",
        };
        format!("identities/{folder}/{}", encode(self.name))
    }
}

/// The cards of its policies.
pub(crate) async fn cards(visit: &Visit<'_>, holder: Holder<'_>, boundary: Option<&str>) -> Markup {
    let client = visit.strong_client();
    let (word, of) = (holder.word(), [holder.named()]);
    let attached = client.query("iam", &format!("ListAttached{word}Policies"), &of).await;
    let inline = client.query("iam", &format!("List{word}Policies"), &of).await;
    let policies = client.query("iam", "ListPolicies", &[("MaxItems", "200")]).await.unwrap_or_default();
    html! {
        (attached_card(visit, holder, attached, &policies))
        (inline_card(visit, holder, inline))
        @if holder.kind != Kind::Group { (boundary_card(visit, holder, boundary.unwrap_or_default(), &policies)) }
    }
}

fn choice(id: &str, policies: &Node, none: Option<&str>) -> Markup {
    html! {
        select id=(id) name="arn" {
            @if let Some(none) = none { option value="" { (none) } }
            @for policy in policies.members("Policies") { option value=(policy.text("Arn")) { (policy.text("PolicyName")) } }
        }
    }
}

fn attached_card(visit: &Visit<'_>, holder: Holder<'_>, attached: Result<Node, Fault>, policies: &Node) -> Markup {
    let (t, page) = (visit.t, holder.page());
    html! {
        section.card {
            h2 { (t.attached_policies) }
            @match &attached {
                Err(refusal) => (fault(t, refusal)),
                Ok(attached) => {
                    @for policy in attached.members("AttachedPolicies") {
                        @let arn = policy.text("PolicyArn");
                        div.row {
                            span { a.strong href={ "identities/policy?arn=" (encode(&arn)) } { (policy.text("PolicyName")) } " " code.small { (arn) } }
                            form method="post" action={ (page) "/detach" } {
                                (csrf(visit)) input type="hidden" name="arn" value=(arn);
                                button.quiet type="submit" aria-label={ (t.detach) ": " (policy.text("PolicyName")) } { (t.detach) }
                            }
                        }
                    }
                    form.row method="post" action={ (page) "/attach" } {
                        (csrf(visit))
                        div.field { label for="arn" { (t.policy) } (choice("arn", policies, None)) }
                        button type="submit" { (t.attach) }
                    }
                },
            }
        }
    }
}

fn inline_card(visit: &Visit<'_>, holder: Holder<'_>, inline: Result<Node, Fault>) -> Markup {
    let (t, page) = (visit.t, holder.page());
    html! {
        section.card {
            h2 { (t.inline_policies) }
            @match &inline {
                Err(refusal) => (fault(t, refusal)),
                Ok(inline) => {
                    @for name in inline.members("PolicyNames") {
                        p { a href={ (page) "/inline?name=" (encode(&name.content)) } { (name.content) } }
                    }
                    p { a.button href={ (page) "/inline" } { (t.new_policy) } }
                },
            }
        }
    }
}

fn boundary_card(visit: &Visit<'_>, holder: Holder<'_>, boundary: &str, policies: &Node) -> Markup {
    let (t, page) = (visit.t, holder.page());
    html! {
        section.card {
            h2 { (t.boundary) }
            p.help { (t.boundary_help) }
            dl.facts { (fact(t.policy, &html! { @if boundary.is_empty() { "—" } @else { code { (boundary) } } })) }
            form.row method="post" action={ (page) "/boundary" } {
                (csrf(visit))
                div.field { label for="boundary" { (t.policy) } (choice("boundary", policies, Some(t.no_boundary))) }
                button type="submit" aria-label={ (t.save) ": " (t.boundary) } { (t.save) }
            }
        }
    }
}

/// The page of a policy of its own; `refusal` is of an act on it.
pub(crate) async fn inline_page(
    visit: &Visit<'_>,
    holder: Holder<'_>,
    refusal: Option<&Fault>,
) -> Result<Outcome, Fault> {
    let t = visit.t;
    let name = visit.query.get("name");
    let stated = visit.form.get("document");
    let mut document = stated.to_owned();
    if !name.is_empty() && stated.is_empty() {
        let of = [holder.named(), ("PolicyName", name)];
        match ask(visit, &format!("Get{}Policy", holder.word()), &of).await? {
            Ok(answer) => document = readable(&answer.text("PolicyDocument")),
            Err(page) => return Ok(page),
        }
    }
    let named = if name.is_empty() { visit.form.get("name") } else { name };
    let (page, title) = (holder.page(), if name.is_empty() { t.new_policy } else { name });
    let body = html! {
        (head(&[("identities", t.identities), (&page, holder.name)], title, &html! {}))
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        form.card method="post" action={ (page) "/inline" } {
            (csrf(visit))
            @if name.is_empty() { (text_field(t.name, "name", "", named)) } @else { input type="hidden" name="name" value=(name); }
            (area(t.policy, "document", t.policy_help, &document))
            div.buttons {
                button.primary type="submit" { (t.save) }
                @if !name.is_empty() { button.bad type="submit" formaction={ (page) "/inline-delete" } { (t.delete) } }
            }
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Identities, title, body).status(status)))
}

/// A document as IAM gives it, encoded for an address, as somebody reads it.
pub(crate) fn readable(document: &str) -> String {
    let plain = percent_encoding::percent_decode_str(document).decode_utf8_lossy().into_owned();
    let pretty = serde_json::from_str::<serde_json::Value>(&plain).ok();
    pretty.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or(plain)
}

/// Performs one act that they all know; `None` for one that is not theirs.
pub(crate) async fn act(visit: &Visit<'_>, holder: Holder<'_>, act: &str) -> Option<Result<Outcome, Fault>> {
    let (form, word, named) = (&visit.form, holder.word(), holder.named());
    let (arn, name) = (("PolicyArn", form.get("arn")), ("PolicyName", form.trimmed("name")));
    let saved = || Outcome::Go(format!("{}?done=saved", holder.page()));
    let done = match act {
        "attach" => ask(visit, &format!("Attach{word}Policy"), &[named, arn]).await,
        "detach" => ask(visit, &format!("Detach{word}Policy"), &[named, arn]).await,
        "boundary" if holder.kind != Kind::Group && arn.1.is_empty() => {
            match ask(visit, &format!("Delete{word}PermissionsBoundary"), &[named]).await {
                // There was none, and none was wanted.
                Err(fault) if fault.is_absence() => return Some(Ok(saved())),
                done => done,
            }
        }
        "boundary" if holder.kind != Kind::Group => {
            let boundary = ("PermissionsBoundary", arn.1);
            ask(visit, &format!("Put{word}PermissionsBoundary"), &[named, boundary]).await
        }
        "inline" => {
            let document = ("PolicyDocument", form.get("document"));
            match ask(visit, &format!("Put{word}Policy"), &[named, name, document]).await {
                Err(fault) => return Some(inline_page(visit, holder, Some(&fault)).await),
                done => done,
            }
        }
        "inline-delete" => ask(visit, &format!("Delete{word}Policy"), &[named, name]).await,
        _ => return None,
    };
    Some(match done {
        Ok(Ok(_)) => Ok(saved()),
        Ok(Err(page)) => Ok(page),
        Err(fault) => Err(fault),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_shown_to_be_edited() {
        assert_eq!(readable("%7B%22a%22%3A1%7D"), "{\n  \"a\": 1\n}");
        assert_eq!(readable("%7Bnot"), "{not");
    }

    #[test]
    fn names_lead_to_their_own_page() {
        let holder = Holder { kind: Kind::Role, name: "a/../b" };
        assert_eq!(holder.page(), "identities/roles/a%2F%2E%2E%2Fb");
    }
}
