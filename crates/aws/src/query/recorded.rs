//! `requestParameters` of a Query call as CloudTrail has them: the form's flat names as the
//! structure that they stand for, without the protocol's own parameters and without secrets.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::form::{Form, lower_camel};

const PROTOCOL: [&str; 2] = ["Action", "Version"];
/// Last names of parameters that are secrets, or that sign in whoever has them.
const SECRET: [&str; 10] = [
    "Password",
    "NewPassword",
    "OldPassword",
    "TokenCode",
    "AuthenticationCode1",
    "AuthenticationCode2",
    "WebIdentityToken",
    "SAMLAssertion",
    "ContextAssertion",
    "PrivateKey",
];
/// Parameters that are numbers or booleans in the services' models.
const TYPED: [&str; 5] = ["DurationSeconds", "MaxItems", "MaxSessionDuration", "OnlyAttached", "SetAsDefault"];
/// Deepest structure: no operation has one of more than five names. Deeper names stay flat.
const DEPTH: usize = 8;

/// Codes of modelled errors that IAM and STS answer without the last word of their names.
const SHORTENED: [&str; 14] = [
    "ConcurrentModification",
    "DeleteConflict",
    "EntityAlreadyExists",
    "IDPCommunicationError",
    "IDPRejectedClaim",
    "InvalidIdentityToken",
    "InvalidInput",
    "LimitExceeded",
    "MalformedPolicyDocument",
    "NoSuchEntity",
    "PackedPolicyTooLarge",
    "PolicyEvaluation",
    "ServiceFailure",
    "UnmodifiableEntity",
];

/// `errorCode`: CloudTrail names modelled errors as the service's model does
/// (`NoSuchEntityException`), not as the answer's `Code` does.
pub(super) fn error_code(code: &str) -> Cow<'_, str> {
    if SHORTENED.contains(&code) { format!("{code}Exception").into() } else { code.into() }
}

/// The parameters: `Tags.member.1.Key` becomes `tags: [{key: …}]`. A name that contradicts another
/// (both a value and a structure) stays as it was sent.
pub(super) fn parameters(form: &Form) -> Map<String, Value> {
    let mut root = Map::new();
    for (name, value) in form.iter().filter(|(name, _)| !PROTOCOL.contains(name)) {
        let path: Vec<String> = name.split('.').map(lower_camel).collect();
        let value = shown(name, value);
        if path.len() > DEPTH || !place(&mut root, &path, &value) {
            root.insert(lower_camel(name), value);
        }
    }
    root.into_iter().map(|(name, value)| (name, folded(value))).collect()
}

fn shown(name: &str, value: &str) -> Value {
    let last = name.rsplit('.').next().unwrap_or(name);
    if SECRET.contains(&last) {
        return "HIDDEN_DUE_TO_SECURITY_REASONS".into();
    }
    let typed = TYPED.contains(&last).then(|| serde_json::from_str(value).ok()).flatten();
    typed.filter(|value: &Value| value.is_u64() || value.is_boolean()).unwrap_or_else(|| value.into())
}

/// Puts a value at its path; `false` if something else is in the way.
fn place(fields: &mut Map<String, Value>, path: &[String], value: &Value) -> bool {
    match path {
        [] => false,
        [name] if fields.contains_key(name) => false,
        [name] => fields.insert(name.clone(), value.clone()).is_none(),
        [name, rest @ ..] => match fields.entry(name.as_str()).or_insert_with(|| Map::new().into()) {
            Value::Object(inner) => place(inner, rest, value),
            _ => false,
        },
    }
}

/// Structures of the one field `member`, numbered from 1 without a gap, as the lists they are.
fn folded(value: Value) -> Value {
    let Value::Object(fields) = value else { return value };
    if let (1, Some(Value::Object(members))) = (fields.len(), fields.get("member")) {
        let list: Option<Vec<Value>> = (1..=members.len()).map(|n| members.get(&n.to_string()).cloned()).collect();
        if let Some(list) = list {
            return list.into_iter().map(folded).collect();
        }
    }
    fields.into_iter().map(|(name, value)| (name, folded(value))).collect::<Map<_, _>>().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn of(text: &str) -> Value {
        parameters(&Form::parse(text.as_bytes()).unwrap()).into()
    }

    #[test]
    fn flat_names_become_lists_and_structures() {
        let text = "Action=CreateUser&Version=2010-05-08&UserName=a&Tags.member.1.Key=k&Tags.member.1.Value=v\
                    &Tags.member.2.Key=l&Tags.member.2.Value=&MaxItems=7&SetAsDefault=true&PolicyArns.member.1.arn=x";
        let tags = json!([{ "key": "k", "value": "v" }, { "key": "l", "value": "" }]);
        assert_eq!(
            of(text),
            json!({ "userName": "a", "tags": tags, "maxItems": 7, "setAsDefault": true, "policyArns": [{ "arn": "x" }] })
        );
        let values = json!([{ "contextKeyName": "n", "contextKeyValues": ["x", "y"] }]);
        let text =
            "C.member.1.ContextKeyName=n&C.member.1.ContextKeyValues.member.1=x&C.member.1.ContextKeyValues.member.2=y";
        assert_eq!(of(text), json!({ "c": values }));
        let eleven: String = (1..=11).map(|n| format!("L.member.{n}={n}&")).collect();
        assert_eq!(of(&eleven)["l"][10], "11");
    }

    #[test]
    fn what_is_no_number_and_no_list_is_told_as_it_came() {
        assert_eq!(of("MaxItems=-1&DurationSeconds=1e3"), json!({ "maxItems": "-1", "durationSeconds": "1e3" }));
        assert_eq!(of("UserName=7&RoleName=true"), json!({ "userName": "7", "roleName": "true" }));
        assert_eq!(of("L.member.2=x"), json!({ "l": { "member": { "2": "x" } } }));
        assert_eq!(of("A=1&A.B=2"), json!({ "a": "1", "a.B": "2" }));
        let deep = vec!["A"; 5000].join(".");
        assert_eq!(of(&format!("{deep}=1")).as_object().unwrap().len(), 1);
    }

    #[test]
    fn secrets_are_hidden_at_any_depth() {
        let text = "NewPassword=hunter2&WebIdentityToken=hunter2&ProvidedContexts.member.1.ContextAssertion=hunter2&A.B.C.D.E.F.G.H.I.Password=hunter2";
        let shown = of(text).to_string();
        assert!(!shown.contains("hunter2") && shown.matches("HIDDEN_DUE_TO_SECURITY_REASONS").count() == 4, "{shown}");
    }

    #[test]
    fn errors_have_the_names_of_the_model() {
        assert_eq!(error_code("NoSuchEntity"), "NoSuchEntityException");
        for code in ["AccessDenied", "ExpiredTokenException", "ValidationError", "InternalFailure"] {
            assert_eq!(error_code(code), code);
        }
    }

    proptest! {
        #[test]
        fn no_value_is_lost(names in proptest::collection::btree_set("[A-C](\\.(member|[A-C1-3])){0,4}", 1..12)) {
            let text: String = names.iter().enumerate().map(|(n, name)| format!("{name}=value-{n}-&")).collect();
            let shown = of(&text).to_string();
            for n in 0..names.len() {
                prop_assert!(shown.contains(&format!("value-{n}-")), "{text} {shown}");
            }
        }
    }
}
