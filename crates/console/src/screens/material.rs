//! Material of one's own: what it is wrapped under, and where it goes.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::key_parts::{at, pem};
use crate::screens::keys::text;
use crate::view::{area, confirm, copyable, csrf, fact, fault, field, head};
use crate::visit::{Outcome, Visit};

/// How material is wrapped that has to be as small as a symmetric key is.
const WRAPPING: [&str; 3] = ["RSAES_OAEP_SHA_256", "RSA_AES_KEY_WRAP_SHA_256", "RSAES_OAEP_SHA_1"];
/// Sizes of the key that it is wrapped under.
const SIZES: [&str; 3] = ["RSA_4096", "RSA_3072", "RSA_2048"];

/// The card of a key whose material comes from elsewhere.
pub(crate) fn card(visit: &Visit<'_>, key: &Value) -> Markup {
    let t = visit.t;
    if text(key, "Origin") != "EXTERNAL" {
        return html! {};
    }
    let id = text(key, "KeyId");
    let has = text(key, "KeyState") != "PendingImport";
    html! {
        section.card {
            h2 { (t.material) }
            p { (if has { t.material_there } else { t.wants_material }) }
            dl.facts {
                @if key["ValidTo"].is_number() { (fact(t.material_until, &at(&key["ValidTo"]))) }
            }
            p { a.button href={ "keys/" (id) "/import" } { (t.import_material) } }
            @if has {
                details {
                    summary { (t.delete_material) }
                    (confirm(visit, &format!("keys/{id}/delete-material"), t.delete_material_warning, &id, t.delete_material, &html! {}))
                }
            }
        }
    }
}

/// The page: first what to wrap under, and then where to put what was wrapped.
pub(crate) async fn page(visit: &Visit<'_>, id: &str, refusal: Option<&Fault>) -> Result<Outcome, Fault> {
    let t = visit.t;
    let back = format!("keys/{id}");
    let (form, query) = (&visit.form, &visit.query);
    let asked = |name: &str, first: &str| match (form.get(name), query.get(name)) {
        ("", "") => first.to_owned(),
        ("", asked) | (asked, _) => asked.to_owned(),
    };
    let (algorithm, size) = (asked("algorithm", WRAPPING[0]), asked("size", SIZES[0]));
    let input = json!({ "KeyId": id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": size });
    let given = visit.client().kms("GetParametersForImport", input).await;
    let choice = |label: &str, name: &str, known: &[&str], chosen: &str| {
        field(
            label,
            name,
            "",
            &html! {
                select id=(name) name=(name) { @for value in known { option value=(value) selected[*value == chosen] { (value) } } }
            },
        )
    };
    let body = html! {
        (head(&[("keys", t.keys), (&back, id)], t.import_material, &html! {}))
        p.lead { (t.import_lead) }
        @if let Some(refusal) = refusal { (fault(t, refusal)) }
        form.filters.row method="get" action={ "keys/" (id) "/import" } {
            (choice(t.wrapping, "algorithm", &WRAPPING, &algorithm))
            (choice(t.wrapping_key, "size", &SIZES, &size))
            button type="submit" { (t.change) }
        }
        @match &given {
            Err(refusal) => (fault(t, refusal)),
            Ok(given) => {
                section.card {
                    h2 { (t.wrap_under) }
                    p.help { (t.valid_until) " " (at(&given["ParametersValidTo"])) }
                    pre tabindex="0" { (pem(&text(given, "PublicKey"))) }
                    (copyable(t, &command(&algorithm)))
                }
                form.card method="post" action={ "keys/" (id) "/import" } {
                    (csrf(visit))
                    input type="hidden" name="algorithm" value=(algorithm);
                    input type="hidden" name="size" value=(size);
                    input type="hidden" name="import-token" value=(text(given, "ImportToken"));
                    (area(t.wrapped, "wrapped", t.wrapped_help, form.get("wrapped")))
                    (field(t.material_until, "until", t.material_until_help, &html! {
                        input id="until" name="until" type="datetime-local" value=(form.get("until")) aria-describedby="until-help";
                    }))
                    button.primary type="submit" { (t.import_material) }
                }
            },
        }
    };
    let status = refusal.map_or(http::StatusCode::OK, |refusal| refusal.status);
    Ok(Outcome::Page(Page::new(Section::Keys, t.import_material, body).status(status)))
}

/// What wraps 32 bytes on the machine that has them, so that nobody else ever does.
fn command(algorithm: &str) -> String {
    let digest = if algorithm.ends_with("SHA_1") { "sha1" } else { "sha256" };
    if algorithm.starts_with("RSA_AES") {
        return "https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-encrypt-key-material.html"
            .to_owned();
    }
    format!(
        "openssl pkeyutl -encrypt -pubin -inkey wrapping.pem -in material.bin -pkeyopt rsa_padding_mode:oaep \
         -pkeyopt rsa_oaep_md:{digest} -pkeyopt rsa_mgf1_md:{digest} | base64"
    )
}

/// Brings it.
pub(crate) async fn import(visit: &Visit<'_>, id: &str) -> Result<Outcome, Fault> {
    let form = &visit.form;
    let wrapped: String = form.get("wrapped").chars().filter(|c| !c.is_whitespace()).collect();
    let mut input = json!({
        "KeyId": id,
        "ImportToken": form.get("import-token"),
        "EncryptedKeyMaterial": wrapped,
        "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
    });
    if let Some(seconds) = crate::screens::record::seconds(form.trimmed("until")) {
        input["ExpirationModel"] = json!("KEY_MATERIAL_EXPIRES");
        input["ValidTo"] = json!(seconds);
    }
    match visit.client().kms("ImportKeyMaterial", input).await {
        Ok(_) => Ok(Outcome::Go(format!("keys/{id}?done=saved"))),
        Err(fault) => page(visit, id, Some(&fault)).await,
    }
}
