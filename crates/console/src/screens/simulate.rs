//! "May X do Y?": what policies would decide, without doing it.

use http::Method;
use maud::{Markup, html};

use crate::client::xml::Node;
use crate::client::{Ask, Fault};
use crate::page::{Page, Section};
use crate::screens::keys::text;
use crate::screens::raise::ask;
use crate::view::{area, csrf, fault, head, text_field};
use crate::visit::{Fields, Outcome, Visit};

/// What was filled in, or what the address proposes.
struct Question {
    principal: String,
    action: String,
    resource: String,
    policy: String,
}

/// The page as the address proposes it: for a bucket, or for a key, with its policy.
pub(crate) async fn page(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let query = &visit.query;
    let (bucket, key) = (query.get("bucket"), query.get("key"));
    let mut question = of(query);
    let mut refusal = None;
    if !bucket.is_empty() {
        question.resource = format!("arn:aws:s3:::{bucket}/*");
        match visit.client().send(Ask::bucket(Method::GET, bucket).query("policy", "")).await {
            Ok(reply) => question.policy = String::from_utf8_lossy(&reply.body).into_owned(),
            Err(fault) if fault.is_absence() => {}
            Err(fault) => refusal = Some(fault),
        }
    } else if !key.is_empty() {
        let client = visit.client();
        let input = serde_json::json!({ "KeyId": key });
        let described = client.kms("DescribeKey", input.clone()).await?;
        question.resource = text(&described["KeyMetadata"], "Arn");
        match client.kms("GetKeyPolicy", input).await {
            Ok(read) => question.policy = text(&read, "Policy"),
            Err(fault) => refusal = Some(fault),
        }
    }
    Ok(shown(visit, &question, None, refusal.as_ref()))
}

fn of(fields: &Fields) -> Question {
    Question {
        principal: fields.trimmed("principal").to_owned(),
        action: fields.trimmed("action").to_owned(),
        resource: fields.trimmed("resource").to_owned(),
        policy: fields.trimmed("resource-policy").to_owned(),
    }
}

/// Asks. Nothing is changed by it.
pub(crate) async fn answer(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let question = of(&visit.form);
    let actions: Vec<&str> = question.action.split([',', ' ', '\n']).filter(|action| !action.is_empty()).collect();
    let names: Vec<String> = (1..=actions.len()).map(|at| format!("ActionNames.member.{at}")).collect();
    let mut parameters = vec![("PolicySourceArn", question.principal.as_str())];
    parameters.extend(names.iter().map(String::as_str).zip(actions.iter().copied()));
    if !question.resource.is_empty() {
        parameters.push(("ResourceArns.member.1", &question.resource));
    }
    if !question.policy.is_empty() {
        parameters.push(("ResourcePolicy", &question.policy));
        parameters.push(("CallerArn", &question.principal));
    }
    match ask(visit, "SimulatePrincipalPolicy", &parameters).await {
        Ok(Ok(decided)) => Ok(shown(visit, &question, Some(&decided), None)),
        Ok(Err(page)) => Ok(page),
        Err(fault) => Ok(shown(visit, &question, None, Some(&fault))),
    }
}

fn shown(visit: &Visit<'_>, question: &Question, decided: Option<&Node>, refusal: Option<&Fault>) -> Outcome {
    let t = visit.t;
    let pretty = serde_json::from_str::<serde_json::Value>(&question.policy)
        .ok()
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| question.policy.clone());
    let body = html! {
        (head(&[("identities", t.identities)], t.simulate, &html! {}))
        p.lead { (t.simulate_lead) }
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        @if let Some(decided) = decided { (decisions(visit, decided)) }
        form.card method="post" action="simulate" {
            (csrf(visit))
            (text_field(t.principal, "principal", t.grantee_help, &question.principal))
            (text_field(t.action, "action", t.action_help, &question.action))
            (text_field(t.resource, "resource", t.resource_help, &question.resource))
            (area(t.resource_policy, "resource-policy", t.resource_policy_help, &pretty))
            button.primary type="submit" { (t.ask) }
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Outcome::Page(Page::new(Section::Identities, t.simulate, body).status(status))
}

fn decisions(visit: &Visit<'_>, decided: &Node) -> Markup {
    let t = visit.t;
    html! {
        section.card aria-live="polite" {
            h2 { (t.answer) }
            @for result in decided.members("EvaluationResults") {
                @let decision = result.text("EvalDecision");
                @let (badge, words) = match decision.as_str() {
                    "allowed" => ("badge good", t.is_allowed),
                    "explicitDeny" => ("badge bad", t.is_denied),
                    _ => ("badge warn", t.is_not_allowed),
                };
                div.row.decision {
                    span class=(badge) { (words) }
                    code { (result.text("EvalActionName")) }
                    code { (result.text("EvalResourceName")) }
                }
                @if let Some(boundary) = result.child("PermissionsBoundaryDecisionDetail")
                    && boundary.text("AllowedByPermissionsBoundary") == "false" { p.help { (t.outside_boundary) } }
                @let missing: Vec<String> = result.members("MissingContextValues").map(|key| key.content.clone()).collect();
                @if !missing.is_empty() { p.help { (t.missing_context) " " code { (missing.join(", ")) } } }
            }
        }
    }
}
