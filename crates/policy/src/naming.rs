//! Unique ids in the place of names.
//!
//! A name can be given again: whoever deletes a user and creates another of that name would get
//! what policies granted the first. So the policies of resources are stored with unique ids where
//! they were given ARNs, and shown with ARNs while whom they name exists (IAM User Guide, "AWS
//! JSON policy elements: Principal": the ARN is transformed to the unique principal ID when the
//! policy is saved). Nothing else of a document is touched.

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::Range;

use async_trait::async_trait;
use serde_json::value::RawValue;

use crate::{Policy, PolicyKind, PrincipalName};

/// Why a look-up gave no answer.
pub type LookupError = Box<dyn Error + Send + Sync>;

/// What is known of a principal that a policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// There is no such principal.
    Nobody,
    /// It exists, and no other can ever have its name: an account, a service, everyone.
    AsNamed,
    /// It exists and has this unique id: a user, a role, a session of a role.
    Id(String),
}

/// Who the principals of policies are. The identity service answers.
#[async_trait]
pub trait Principals: Send + Sync {
    /// Whom a name means now. Unique ids mean themselves, while who has them exists.
    ///
    /// # Errors
    /// Failures of the store behind it.
    async fn identify(&self, name: PrincipalName<'_>) -> Result<Known, LookupError>;

    /// The ARN that a unique id's owner has now; `None` if it does not exist any more.
    ///
    /// # Errors
    /// Failures of the store behind it.
    async fn arn_of(&self, unique_id: &str) -> Result<Option<String>, LookupError>;
}

/// Why a policy cannot be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unidentified {
    /// It names somebody who does not exist. IAM answers `MalformedPolicyDocument` with this
    /// message, S3 `MalformedPolicy` and KMS `MalformedPolicyDocumentException` with their own.
    #[error("Invalid principal in policy: \"{kind}\":\"{name}\"")]
    Nobody {
        /// `AWS`, `Service`, `Federated` or `CanonicalUser`.
        kind: String,
        /// The name.
        name: String,
    },
    /// Nobody can tell.
    #[error("the principals of a policy cannot be looked up")]
    Lookup(#[source] LookupError),
}

/// The document to store for a policy that parsed: the principals that can be made again under
/// their names stand in it by unique id.
///
/// # Errors
/// [`Unidentified::Nobody`] if a principal does not exist.
pub async fn identified(policy: &Policy, document: &str, principals: &dyn Principals) -> Result<String, Unidentified> {
    let mut edits = Vec::new();
    for place in places(document) {
        let nobody = || Unidentified::Nobody { kind: place.kind.clone(), name: place.text.clone() };
        let name = place.name().ok_or_else(nobody)?;
        // Providers vouch for the callers of roles; resources know none.
        if matches!(name, PrincipalName::Federated(_)) && policy.kind() == PolicyKind::Trust {
            continue;
        }
        match principals.identify(name).await.map_err(Unidentified::Lookup)? {
            Known::Nobody => return Err(nobody()),
            Known::AsNamed => {}
            Known::Id(id) => edits.push((place.range, id)),
        }
    }
    Ok(edited(document, edits))
}

/// The document to show for a stored one: unique ids whose owners exist are their ARNs again.
///
/// # Errors
/// Failures of the look-up.
pub async fn shown(document: &str, principals: &dyn Principals) -> Result<String, LookupError> {
    let mut edits = Vec::new();
    for place in places(document) {
        if let Some(PrincipalName::UniqueId(id)) = place.name()
            && let Some(arn) = principals.arn_of(id).await?
        {
            edits.push((place.range, arn));
        }
    }
    Ok(edited(document, edits))
}

/// A principal in a document.
struct Place {
    kind: String,
    text: String,
    /// Where its string stands, quotation marks included.
    range: Range<usize>,
}

impl Place {
    fn name(&self) -> Option<PrincipalName<'_>> {
        Some(match &*self.kind {
            "AWS" => PrincipalName::of_aws(&self.text)?,
            "Service" => PrincipalName::Service(&self.text),
            "Federated" => PrincipalName::Federated(&self.text),
            "CanonicalUser" => PrincipalName::CanonicalUser(&self.text),
            _ => return None,
        })
    }
}

type Members<'a> = BTreeMap<String, &'a RawValue>;

/// The principals of a document, in order. What is no policy has none.
fn places(document: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let Ok(policy) = serde_json::from_str::<Members<'_>>(document) else { return places };
    for statement in policy.get("Statement").into_iter().flat_map(|raw| each(raw)) {
        let Ok(statement) = serde_json::from_str::<Members<'_>>(statement.get()) else { continue };
        for element in ["Principal", "NotPrincipal"] {
            // `"*"` is no object.
            let kinds = statement.get(element).and_then(|raw| serde_json::from_str::<Members<'_>>(raw.get()).ok());
            for (kind, values) in kinds.unwrap_or_default() {
                for value in each(values) {
                    let Ok(text) = serde_json::from_str(value.get()) else { continue };
                    let start = value.get().as_ptr().addr() - document.as_ptr().addr();
                    places.push(Place { kind: kind.clone(), text, range: start..start + value.get().len() });
                }
            }
        }
    }
    places.sort_by_key(|place| place.range.start);
    places
}

/// The items of a list, or the one value that stands for a list of one.
fn each(raw: &RawValue) -> Vec<&RawValue> {
    match raw.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(raw.get()).unwrap_or_default(),
        _ => vec![raw],
    }
}

/// Puts strings in the places of others, which stand in order.
fn edited(document: &str, edits: Vec<(Range<usize>, String)>) -> String {
    let mut text = String::with_capacity(document.len());
    let mut done = 0;
    for (range, name) in edits {
        text.push_str(&document[done..range.start]);
        text.push_str(&serde_json::Value::from(name).to_string());
        done = range.end;
    }
    text.push_str(&document[done..]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "arn:aws:iam::111122223333:user/alice";
    const ID: &str = "AIDACKCEVSQ6C2EXAMPLE";

    struct Alice;

    #[async_trait]
    impl Principals for Alice {
        async fn identify(&self, name: PrincipalName<'_>) -> Result<Known, LookupError> {
            Ok(match name {
                PrincipalName::Identity(USER) => Known::Id(ID.to_owned()),
                PrincipalName::Identity(_) | PrincipalName::UniqueId(_) => Known::Nobody,
                _ => Known::AsNamed,
            })
        }

        async fn arn_of(&self, id: &str) -> Result<Option<String>, LookupError> {
            Ok((id == ID).then(|| USER.to_owned()))
        }
    }

    /// Nothing in these look-ups waits.
    fn now<T>(work: impl Future<Output = T>) -> T {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::pin!(work).poll(&mut context) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => panic!("nothing to wait for"),
        }
    }

    fn store(document: &str) -> Result<String, Unidentified> {
        let policy = Policy::parse(document, PolicyKind::Resource).unwrap_or_else(|error| panic!("{error}"));
        now(identified(&policy, document, &Alice))
    }

    #[test]
    fn only_principals_change_and_come_back_as_they_were() {
        let document = r#" { "Version":"2012-10-17",
            "Statement" : [ {"Sid":"AWS", "Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:user/alice" ,"111122223333"],
              "Service":"cloudtrail.amazonaws.com"}, "Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*",
              "Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/alice"}}},
            {"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/\u0061lice"},"Action":"*","Resource":"arn:aws:s3:::b"},
            {"Effect":"Deny","Principal":"*","Action":"*","Resource":"arn:aws:s3:::b"} ] } "#;
        let stored = store(document).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(stored.matches(ID).count(), 2);
        // The condition keeps its ARN, as in AWS.
        assert_eq!(stored.matches(USER).count(), 1);
        let plain = document.replace("\\u0061", "a");
        assert_eq!(stored.replace(ID, USER), plain);
        assert!(now(shown(&stored, &Alice)).is_ok_and(|text| text == plain));
        assert!(Policy::parse(&stored, PolicyKind::Resource).is_ok());
    }

    #[test]
    fn who_is_gone_stays_an_id() {
        let document = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"AIDAGONEGONEGONEGONE1"},"Action":"*","Resource":"arn:aws:s3:::b"}}"#;
        assert!(now(shown(document, &Alice)).is_ok_and(|text| text == document));
    }

    #[test]
    fn nobody_can_be_named() {
        for (kind, name) in [
            ("AWS", "arn:aws:iam::111122223333:user/bob"),
            ("AWS", "AIDAGONEGONEGONEGONE1"),
            ("AWS", "AROACKCEVSQ6C2EXAMPLE:session"),
        ] {
            let document = format!(
                r#"{{"Statement":{{"Effect":"Allow","Principal":{{"{kind}":"{name}"}},"Action":"*","Resource":"arn:aws:s3:::b"}}}}"#
            );
            let said = store(&document).map_err(|error| error.to_string());
            assert_eq!(said, Err(format!("Invalid principal in policy: \"{kind}\":\"{name}\"")));
        }
    }

    #[test]
    fn what_is_no_policy_is_left_alone() {
        for text in ["", "[]", "{\"Statement\":1}", "{\"Statement\":[{\"Principal\":{\"AWS\":[1,[]]}}]}", "x"] {
            assert!(now(shown(text, &Alice)).is_ok_and(|same| same == text), "{text}");
        }
    }
}
