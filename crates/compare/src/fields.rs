//! What two objects differ in beside their bytes.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use arqueta_client::{Encryption, Facts, Lock, Sse, Tags};

use crate::text::time;
use crate::{Difference, Field};

/// Everything but ETag and bytes.
pub(crate) fn differences(source: &Facts, destination: &Facts, tags: Option<(&Tags, &Tags)>) -> Vec<Difference> {
    let mut found = Vec::new();
    found.extend(checksums(source, destination));
    found.extend(encryption(&source.encryption, &destination.encryption));
    found.extend(counts(Field::Metadata, metadata(source, destination)));
    if let Some((one, other)) = tags {
        found.extend(counts(Field::Tags, maps(one, other, "")));
    }
    found.extend(counts(Field::Lock, lock(&source.lock, &destination.lock)));
    found
}

fn counts(field: Field, says: Vec<String>) -> Option<Difference> {
    (!says.is_empty()).then(|| Difference {
        field,
        says: format!("{} differ{}: {}", field.name(), if field == Field::Tags { "" } else { "s" }, says.join(", ")),
        is_explained: false,
    })
}

/// Which checksums are kept is up to who wrote; what they are is the ladder's.
fn checksums(source: &Facts, destination: &Facts) -> Option<Difference> {
    let names = |facts: &Facts| {
        let of_parts = |value: &str| value.contains('-') || facts.whole == Some(arqueta_client::Whole::Parts);
        let name = |(algorithm, value): (&arqueta_client::Algorithm, &String)| {
            format!("{}{}", algorithm.name(), if of_parts(value) { " of parts" } else { "" })
        };
        let names: Vec<_> = facts.checksums.iter().map(name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let (one, other) = (names(source), names(destination));
    (one != other).then(|| Difference {
        field: Field::Checksums,
        says: format!("checksums differ in kind: {one} against {other}"),
        is_explained: true,
    })
}

/// Less than the source's is a loss. The keys' names are not looked at: each side has its own.
fn encryption(source: &Encryption, destination: &Encryption) -> Option<Difference> {
    let rank = |encryption: &Encryption| match encryption.sse {
        Sse::None => 0,
        Sse::S3 => 1,
        Sse::Kms => 2,
        Sse::Dsse => 3,
        Sse::Customer | Sse::Other(_) => 4,
    };
    let (one, other) = (rank(source), rank(destination));
    let loses_bucket_key = source.bucket_key && !destination.bucket_key && one == other;
    if one == other && source.bucket_key == destination.bucket_key {
        return None;
    }
    let word = if other < one {
        "encryption lost"
    } else if loses_bucket_key {
        "bucket key lost"
    } else {
        "encryption differs"
    };
    Some(Difference {
        field: Field::Encryption,
        says: format!("{word}: {source} against {destination}"),
        is_explained: other >= one && !loses_bucket_key,
    })
}

fn metadata(source: &Facts, destination: &Facts) -> Vec<String> {
    let mut says = maps(&source.headers, &destination.headers, "");
    says.extend(maps(&source.metadata, &destination.metadata, "x-amz-meta-"));
    says
}

fn maps<K, V>(source: &BTreeMap<K, V>, destination: &BTreeMap<K, V>, prefix: &str) -> Vec<String>
where
    K: Ord + Display,
    V: PartialEq + Debug,
{
    let shown = |value: Option<&V>| value.map_or_else(|| "none".to_owned(), |value| format!("{value:?}"));
    let keys: std::collections::BTreeSet<_> = source.keys().chain(destination.keys()).collect();
    let differ = keys.into_iter().filter(|key| source.get(key) != destination.get(key));
    differ
        .map(|key| {
            let name: String = key.to_string().escape_debug().collect();
            format!("{prefix}{name} {} against {}", shown(source.get(key)), shown(destination.get(key)))
        })
        .collect()
}

fn lock(source: &Lock, destination: &Lock) -> Vec<String> {
    let mut says = Vec::new();
    let retention = |lock: &Lock| match (&lock.mode, lock.until) {
        (Some(mode), Some(until)) => format!("{mode} until {}", time(until)),
        _ => "no retention".to_owned(),
    };
    if (&source.mode, source.until) != (&destination.mode, destination.until) {
        says.push(format!("{} against {}", retention(source), retention(destination)));
    }
    if source.hold != destination.hold {
        let hold = |lock: &Lock| if lock.hold { "a legal hold" } else { "no legal hold" };
        says.push(format!("{} against {}", hold(source), hold(destination)));
    }
    says
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(sse: Sse, bucket_key: bool) -> Encryption {
        Encryption { sse, key: None, bucket_key }
    }

    #[test]
    fn only_less_encryption_is_a_loss() {
        for (source, destination, word) in [
            (of(Sse::Kms, true), of(Sse::Kms, false), "bucket key lost"),
            (of(Sse::Kms, false), of(Sse::S3, false), "encryption lost"),
            (of(Sse::S3, false), of(Sse::None, false), "encryption lost"),
            (of(Sse::Dsse, false), of(Sse::Kms, true), "encryption lost"),
            (of(Sse::Customer, false), of(Sse::Kms, true), "encryption lost"),
        ] {
            let difference = encryption(&source, &destination).unwrap();
            assert!(difference.says.starts_with(word) && !difference.is_explained, "{difference:?}");
            let difference = encryption(&destination, &source).unwrap();
            assert!(difference.says.starts_with("encryption differs") && difference.is_explained, "{difference:?}");
        }
        let key = |name: &str| Encryption { key: Some(name.to_owned()), ..of(Sse::Kms, true) };
        assert_eq!(encryption(&key("a"), &key("b")), None);
        let says = encryption(&key("a"), &of(Sse::S3, false)).unwrap().says;
        assert_eq!(says, "encryption lost: SSE-KMS under a with a bucket key against SSE-S3");
    }

    #[test]
    fn each_field_is_told() {
        let source = Facts {
            headers: [("content-type", "text/plain".to_owned())].into(),
            metadata: [("a".to_owned(), "1\n".to_owned()), ("b".to_owned(), "2".to_owned())].into(),
            lock: Lock { mode: Some("COMPLIANCE".to_owned()), until: Some(86_400), hold: true },
            ..Facts::default()
        };
        let destination = Facts { metadata: [("b".to_owned(), "2".to_owned())].into(), ..Facts::default() };
        let tags: Tags = [("t".to_owned(), "x".to_owned())].into();
        let says: Vec<_> =
            differences(&source, &destination, Some((&tags, &Tags::new()))).into_iter().map(|d| d.says).collect();
        assert_eq!(
            says,
            [
                "metadata differs: content-type \"text/plain\" against none, x-amz-meta-a \"1\\n\" against none",
                "tags differ: t \"x\" against none",
                "lock differs: COMPLIANCE until 1970-01-02T00:00:00Z against no retention, a legal hold against no legal hold",
            ]
        );
    }
}
