//! Ids of keys.

/// A fresh id of a multi-Region key: `mrk-` and 32 hexadecimal digits.
pub(crate) fn new_multi_region_id() -> String {
    format!("mrk-{}", arqueta_model::ObjectId::random())
}

/// Whether a text can be the id of a multi-Region key.
pub(crate) fn is_multi_region_id(text: &str) -> bool {
    text.strip_prefix("mrk-").is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A fresh key id: a UUID, version 4.
pub(crate) fn new_id() -> String {
    uuid::Builder::from_random_bytes(*arqueta_model::ObjectId::random().as_bytes()).into_uuid().to_string()
}
