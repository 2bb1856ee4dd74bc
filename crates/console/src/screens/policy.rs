//! One managed policy: its versions, and who has it.

use maud::{Markup, html};

use crate::client::Fault;
use crate::client::xml::Node;
use crate::page::{Page, Section};
use crate::screens::holder::readable;
use crate::screens::raise::ask;
use crate::view::{area, confirm, copyable, csrf, done, fact, fault, head, is_confirmed, moment};
use crate::visit::{Outcome, Visit, encode};

/// The page; `refusal` is of an act.
pub(crate) async fn page(visit: &Visit<'_>, refusal: Option<&Fault>) -> Result<Outcome, Fault> {
    let (t, form) = (visit.t, &visit.form);
    let arn = if refusal.is_some() { form.get("arn") } else { visit.query.get("arn") };
    let of = ("PolicyArn", arn);
    let policy = match ask(visit, "GetPolicy", &[of]).await? {
        Ok(answer) => answer.take("Policy").unwrap_or_default(),
        Err(page) => return Ok(page),
    };
    let client = visit.strong_client();
    let current = policy.text("DefaultVersionId");
    let asked = visit.query.get("version");
    let shown = if asked.is_empty() { current.as_str() } else { asked };
    let version = client.query("iam", "GetPolicyVersion", &[of, ("VersionId", shown)]).await;
    let versions = client.query("iam", "ListPolicyVersions", &[of]).await;
    let holders = client.query("iam", "ListEntitiesForPolicy", &[of]).await;
    let name = policy.text("PolicyName");
    let is_ours = arn.starts_with("arn:aws:iam::aws:");
    let body = html! {
        (head(&[("identities", t.identities)], &name, &html! {}))
        (done(visit))
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        section.card {
            h2 { (t.details) }
            dl.facts {
                (fact("ARN", &copyable(t, arn)))
                @if !policy.text("Description").is_empty() { (fact(t.description, &html! { (policy.text("Description")) })) }
                (fact(t.version, &html! { code { (shown) } }))
                @if let Ok(holders) = &holders { (fact(t.held_by, &held(holders))) }
            }
        }
        section.card {
            h2 { (t.policy) }
            @match &version {
                Err(refusal) => (fault(t, refusal)),
                Ok(version) => {
                    @let document = version.child("PolicyVersion").map(|version| readable(&version.text("Document"))).unwrap_or_default();
                    @if is_ours { pre tabindex="0" { (document) } }
                    @else {
                        form method="post" action="identities/policy/version" {
                            (csrf(visit)) input type="hidden" name="arn" value=(arn);
                            (area(t.policy, "document", t.policy_version_help, if form.is_on("document") { form.get("document") } else { &document }))
                            button.primary type="submit" { (t.save_version) }
                        }
                    }
                },
            }
        }
        @match &versions {
            Err(refusal) => (fault(t, refusal)),
            Ok(versions) => (versions_card(visit, arn, versions, is_ours)),
        }
        @if !is_ours {
            details.card {
                summary { h2 { (t.delete_policy) } }
                (confirm(visit, "identities/policy/delete", t.delete_policy_warning, &name, t.delete_policy, &html! {
                    input type="hidden" name="arn" value=(arn); input type="hidden" name="name" value=(name);
                }))
            }
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Identities, name, body).status(status)))
}

fn held(holders: &Node) -> Markup {
    let lists = [
        ("PolicyUsers", "UserName", "users"),
        ("PolicyGroups", "GroupName", "groups"),
        ("PolicyRoles", "RoleName", "roles"),
    ];
    let none = lists.iter().all(|(list, ..)| holders.members(list).next().is_none());
    html! {
        @if none { "—" }
        @for (list, name, folder) in lists {
            @for holder in holders.members(list) {
                a href={ "identities/" (folder) "/" (encode(&holder.text(name))) } { (holder.text(name)) } " "
            }
        }
    }
}

fn versions_card(visit: &Visit<'_>, arn: &str, versions: &Node, is_ours: bool) -> Markup {
    let t = visit.t;
    let act = |act: &str, id: &str, label: &str| {
        html! {
            form method="post" action={ "identities/policy/" (act) } {
                (csrf(visit)) input type="hidden" name="arn" value=(arn); input type="hidden" name="version" value=(id);
                button.quiet type="submit" aria-label={ (label) ": " (id) } { (label) }
            }
        }
    };
    html! {
        section.card {
            h2 { (t.versions) }
            @for version in versions.members("Versions") {
                @let (id, current) = (version.text("VersionId"), version.text("IsDefaultVersion") == "true");
                div.row {
                    a href={ "identities/policy?arn=" (encode(arn)) "&version=" (encode(&id)) } { code { (id) } }
                    span.small { (moment(&version.text("CreateDate"))) }
                    @if current { span.badge { (t.latest) } }
                    @else if !is_ours { (act("default", &id, t.make_current)) (act("forget", &id, t.delete)) }
                }
            }
        }
    }
}

/// Performs one act on a policy.
pub(crate) async fn act(visit: &Visit<'_>, act: &str) -> Result<Outcome, Fault> {
    let form = &visit.form;
    let (arn, version) = (("PolicyArn", form.get("arn")), ("VersionId", form.get("version")));
    let done = match act {
        "version" => {
            let document = ("PolicyDocument", form.get("document"));
            ask(visit, "CreatePolicyVersion", &[arn, document, ("SetAsDefault", "true")]).await
        }
        "default" => ask(visit, "SetDefaultPolicyVersion", &[arn, version]).await,
        "forget" => ask(visit, "DeletePolicyVersion", &[arn, version]).await,
        "delete" => {
            is_confirmed(visit, form.get("name"))?;
            ask(visit, "DeletePolicy", &[arn]).await
        }
        _ => return Err(Fault::nowhere()),
    };
    match done {
        Ok(Err(page)) => Ok(page),
        Ok(Ok(_)) if act == "delete" => Ok(Outcome::Go("identities?done=deleted".to_owned())),
        Ok(Ok(_)) => Ok(Outcome::Go(format!("identities/policy?arn={}&done=saved", encode(arn.1)))),
        Err(fault) => page(visit, Some(&fault)).await,
    }
}
