//! A key, tried: one call of what it is for.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::client::Fault;
use crate::page::{Page, Section};
use crate::screens::keys::text;
use crate::view::{area, copyable, csrf, fact, fault, field, head};
use crate::visit::{Fields, Outcome, Visit};

/// What can be tried: the operation, the member of its input that has the text, and whether that text is
/// an answer of another one, in Base64.
struct Way {
    operation: &'static str,
    usage: &'static str,
    input: &'static str,
    proof: &'static str,
}

const WAYS: [Way; 6] = [
    Way { operation: "Encrypt", usage: "ENCRYPT_DECRYPT", input: "Plaintext", proof: "" },
    Way { operation: "Decrypt", usage: "ENCRYPT_DECRYPT", input: "CiphertextBlob", proof: "" },
    Way { operation: "Sign", usage: "SIGN_VERIFY", input: "Message", proof: "" },
    Way { operation: "Verify", usage: "SIGN_VERIFY", input: "Message", proof: "Signature" },
    Way { operation: "GenerateMac", usage: "GENERATE_VERIFY_MAC", input: "Message", proof: "" },
    Way { operation: "VerifyMac", usage: "GENERATE_VERIFY_MAC", input: "Message", proof: "Mac" },
];

/// The page; `found` is what a call gave.
pub(crate) async fn page(visit: &Visit<'_>, id: &str, found: Option<Result<&Value, &Fault>>) -> Result<Outcome, Fault> {
    let (t, form) = (visit.t, &visit.form);
    let described = visit.client().kms("DescribeKey", json!({ "KeyId": id })).await?;
    let key = &described["KeyMetadata"];
    let usage = text(key, "KeyUsage");
    let back = format!("keys/{id}");
    let list = |name: &str| -> Vec<String> {
        key[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let algorithms: Vec<String> =
        ["EncryptionAlgorithms", "SigningAlgorithms", "MacAlgorithms"].into_iter().flat_map(list).collect();
    let ways: Vec<&Way> = WAYS.iter().filter(|way| way.usage == usage).collect();
    let proves = ways.iter().any(|way| !way.proof.is_empty());
    let body = html! {
        (head(&[("keys", t.keys), (&back, id)], t.try_key, &html! {}))
        p.lead { (t.try_lead) }
        @match found {
            Some(Err(refusal)) => (fault(t, refusal)),
            Some(Ok(answer)) => (shown(visit, answer)),
            None => {},
        }
        @if ways.is_empty() { p.quiet { (t.nothing_to_try) } }
        @else {
            form.card method="post" action={ "keys/" (id) "/try" } {
                (csrf(visit))
                (field(t.algorithm, "algorithm", "", &html! {
                    select id="algorithm" name="algorithm" {
                        @for name in &algorithms { option value=(name) selected[name == form.get("algorithm")] { (name) } }
                    }
                }))
                (area(t.try_text, "text", t.try_text_help, form.get("text")))
                @if usage == "ENCRYPT_DECRYPT" && text(key, "KeySpec") == "SYMMETRIC_DEFAULT" {
                    (area(t.context, "context", t.bucket_tags_help, form.get("context")))
                }
                @if proves { (area(t.try_proof, "proof", t.try_proof_help, form.get("proof"))) }
                div.buttons {
                    @for way in &ways { button type="submit" name="operation" value=(way.operation) { (way.operation) } }
                }
            }
        }
    };
    let status = match found {
        Some(Err(refusal)) => refusal.status,
        _ => http::StatusCode::OK,
    };
    Ok(Outcome::Page(Page::new(Section::Keys, t.try_key, body).status(status)))
}

/// What a call gave, a fact for each of its members; a plaintext as the text that it is.
fn shown(visit: &Visit<'_>, answer: &Value) -> Markup {
    html! {
        section.card aria-live="polite" {
            h2 { (visit.t.answer) }
            dl.facts {
                @for (name, value) in answer.as_object().into_iter().flatten() {
                    @let text = match value { Value::String(text) => text.clone(), other => other.to_string() };
                    @let plain = BASE64_STANDARD.decode(&text).ok().filter(|_| name == "Plaintext");
                    @let text = plain.map_or(text, |plain| String::from_utf8_lossy(&plain).into_owned());
                    (fact(name, &copyable(visit.t, &text)))
                }
            }
        }
    }
}

/// What is asked.
fn input(way: &Way, id: &str, form: &Fields) -> Value {
    let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let stated = form.get("text").replace("\r\n", "\n");
    let stated = if way.operation == "Decrypt" { plain(&stated) } else { BASE64_STANDARD.encode(stated) };
    let mut input = json!({ "KeyId": id, way.input: stated });
    let algorithm = match way.usage {
        "ENCRYPT_DECRYPT" => "EncryptionAlgorithm",
        "SIGN_VERIFY" => "SigningAlgorithm",
        _ => "MacAlgorithm",
    };
    input[algorithm] = json!(form.get("algorithm"));
    if !way.proof.is_empty() {
        input[way.proof] = json!(plain(form.get("proof")));
    }
    let context: Map<String, Value> = form
        .get("context")
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), json!(value.trim())))
        .collect();
    if way.usage == "ENCRYPT_DECRYPT" && !context.is_empty() {
        input["EncryptionContext"] = Value::Object(context);
    }
    input
}

/// Tries it.
pub(crate) async fn attempt(visit: &Visit<'_>, id: &str) -> Result<Outcome, Fault> {
    let way = WAYS.iter().find(|way| way.operation == visit.form.get("operation")).ok_or_else(Fault::nowhere)?;
    match visit.client().kms(way.operation, input(way, id, &visit.form)).await {
        Ok(answer) => page(visit, id, Some(Ok(&answer))).await,
        Err(fault) => page(visit, id, Some(Err(&fault))).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_go_as_bytes_and_answers_as_they_came() {
        let form = Fields::of(&[
            ("text", "a\r\nb".to_owned()),
            ("proof", " c2ln \n".to_owned()),
            ("algorithm", "X".to_owned()),
            ("context", "k = v\nnothing".to_owned()),
        ]);
        let of = |at: usize| input(&WAYS[at], "id", &form);
        let context = json!({ "k": "v" });
        assert_eq!(
            of(0),
            json!({ "KeyId": "id", "Plaintext": "YQpi", "EncryptionAlgorithm": "X", "EncryptionContext": context })
        );
        assert_eq!(of(1)["CiphertextBlob"], "ab");
        assert_eq!(of(3), json!({ "KeyId": "id", "Message": "YQpi", "SigningAlgorithm": "X", "Signature": "c2ln" }));
        assert_eq!(of(5)["Mac"], "c2ln");
    }
}
