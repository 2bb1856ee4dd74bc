//! The ways to sign in beside access keys.

use maud::{Markup, html};

use crate::visit::{Visit, encode};

/// The ways to the provider, where there is one.
pub(crate) fn doors(visit: &Visit<'_>) -> Markup {
    let Some(desk) = &visit.house.oidc else { return html! {} };
    let next = encode(visit.query.get("next"));
    let several = desk.provider.roles.len() > 1;
    html! {
        div.doors {
            p.or { (visit.t.or) }
            @for (at, role) in desk.provider.roles.iter().enumerate() {
                a.button href={ "sign-in/begin?role=" (at) "&next=" (next) } {
                    (visit.t.sign_in_with) " " (desk.provider.name)
                    @if several { " · " (role.rsplit('/').next().unwrap_or_default()) }
                }
            }
        }
    }
}
