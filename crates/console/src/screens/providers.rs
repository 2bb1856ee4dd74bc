//! Identity providers whose tokens roles may trust.

use maud::{Markup, html};

use crate::client::Fault;
use crate::screens::raise::ask;
use crate::view::{csrf, fault, text_field};
use crate::visit::{Outcome, Visit};

/// The card of the page of identities.
pub(crate) async fn card(visit: &Visit<'_>) -> Markup {
    let t = visit.t;
    let client = visit.strong_client();
    let listed = client.query("iam", "ListOpenIDConnectProviders", &[]).await;
    html! {
        section.card {
            h2 { (t.providers) }
            @match &listed {
                Err(refusal) => (fault(t, refusal)),
                Ok(listed) => {
                    @let arns: Vec<String> = listed.members("OpenIDConnectProviderList").map(|provider| provider.text("Arn")).collect();
                    @if arns.is_empty() { p.quiet { (t.none_yet) } }
                    @for arn in &arns { (provider(visit, arn).await) }
                    form method="post" action="identities/provider" {
                        (csrf(visit))
                        div.stack {
                            (text_field(t.provider_url, "url", t.provider_url_help, ""))
                            (text_field(t.audience, "audience", t.audience_help, ""))
                        }
                        button type="submit" { (t.add_provider) }
                    }
                },
            }
        }
    }
}

async fn provider(visit: &Visit<'_>, arn: &str) -> Markup {
    let t = visit.t;
    let of = [("OpenIDConnectProviderArn", arn)];
    let read = visit.strong_client().query("iam", "GetOpenIDConnectProvider", &of).await.unwrap_or_default();
    let audiences: Vec<String> = read.members("ClientIDList").map(|client| client.content.clone()).collect();
    html! {
        div.row {
            code { (arn) }
            span.small { (t.audience) ": " (audiences.join(", ")) }
            form method="post" action="identities/provider/delete" {
                (csrf(visit)) input type="hidden" name="arn" value=(arn);
                button.quiet type="submit" aria-label={ (t.delete) ": " (arn) } { (t.delete) }
            }
        }
    }
}

/// Makes one.
pub(crate) async fn create(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let form = &visit.form;
    let parameters = [("Url", form.trimmed("url")), ("ClientIDList.member.1", form.trimmed("audience"))];
    Ok(match ask(visit, "CreateOpenIDConnectProvider", &parameters).await? {
        Ok(_) => Outcome::Go("identities?done=created".to_owned()),
        Err(page) => page,
    })
}

/// Removes one.
pub(crate) async fn delete(visit: &Visit<'_>) -> Result<Outcome, Fault> {
    let of = [("OpenIDConnectProviderArn", visit.form.get("arn"))];
    Ok(match ask(visit, "DeleteOpenIDConnectProvider", &of).await? {
        Ok(_) => Outcome::Go("identities?done=deleted".to_owned()),
        Err(page) => page,
    })
}
