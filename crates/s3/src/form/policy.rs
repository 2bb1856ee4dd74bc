//! The policy of a form: until when it is good, and what the fields must be (S3 API Reference,
//! "POST policy").

use arqueta_model::Timestamp;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;

use super::reader::Fields;

/// A policy whose signature was verified.
#[derive(Debug)]
pub struct Policy {
    expires: Timestamp,
    conditions: Vec<Condition>,
}

/// How large a file may be, both ends included, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeRange {
    /// At least.
    pub least: u64,
    /// At most.
    pub most: u64,
}

/// What one field must be, or the file's size.
#[derive(Debug)]
struct Condition {
    /// The condition as AWS repeats it in its refusals.
    text: String,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    Equal {
        field: String,
        value: String,
    },
    StartsWith {
        field: String,
        prefix: String,
    },
    Size(Option<SizeRange>),
    /// The field is not written as one: nothing can meet it.
    Never,
}

impl Policy {
    /// Reads a policy out of its Base64.
    ///
    /// # Errors
    /// `InvalidPolicyDocument`.
    pub fn parse(text: &str) -> S3Result<Self> {
        let json = BASE64_STANDARD.decode(text).map_err(|_| invalid("Invalid Policy: Invalid JSON."))?;
        let policy: Value = serde_json::from_slice(&json).map_err(|_| invalid("Invalid Policy: Invalid JSON."))?;
        let text =
            policy["expiration"].as_str().ok_or_else(|| invalid("Invalid Policy: Policy missing expiration."))?;
        let conditions =
            policy["conditions"].as_array().ok_or_else(|| invalid("Invalid Policy: Policy missing conditions."))?;
        let expires =
            expiration(text).ok_or_else(|| invalid(format!("Invalid Policy: Invalid 'expiration' value: '{text}'")))?;
        Ok(Self { expires, conditions: conditions.iter().map(condition).collect::<S3Result<_>>()? })
    }

    /// # Errors
    /// `AccessDenied` once it has expired.
    pub fn require_current(&self, now: Timestamp) -> S3Result<()> {
        if now < self.expires {
            return Ok(());
        }
        Err(s3_error!(AccessDenied, "Invalid according to Policy: Policy expired."))
    }

    /// Holds the fields of a form sent to `bucket` against the policy: each condition is met, and
    /// each field is named by one.
    ///
    /// # Errors
    /// `AccessDenied` with the condition, or with the field that none names.
    pub fn require_match(&self, fields: &Fields, bucket: &str) -> S3Result<()> {
        let value = |field: &str| match field {
            "bucket" => Some(bucket),
            field => fields.value(field),
        };
        for condition in &self.conditions {
            let met = match &condition.rule {
                Rule::Equal { field, value: wanted } => value(field) == Some(wanted),
                Rule::StartsWith { field, prefix } => value(field).unwrap_or_default().starts_with(prefix.as_str()),
                // The file's size is known once it is here; a size that cannot be read is known now.
                Rule::Size(range) => range.is_some(),
                Rule::Never => false,
            };
            if !met {
                return Err(failed(&condition.text));
            }
        }
        if fields.value("bucket").is_some_and(|stated| stated != bucket) {
            return Err(failed(&listed(["eq", "$bucket", bucket])));
        }
        let named = |name: &str| self.conditions.iter().any(|condition| condition.names(name));
        let mut given = fields.iter().map(|(name, _)| name).chain(["bucket"]);
        match given.find(|name| !is_exempt(name) && !named(name)) {
            None => Ok(()),
            Some(extra) => Err(S3Error::with_message(
                S3ErrorCode::AccessDenied,
                format!("Invalid according to Policy: Extra input fields: {extra}"),
            )),
        }
    }

    /// How large the file may be. Where several conditions say it, all of them count.
    ///
    /// # Errors
    /// `AccessDenied` for a size that cannot be read.
    pub fn size_range(&self) -> S3Result<Option<SizeRange>> {
        let mut found: Option<SizeRange> = None;
        for condition in &self.conditions {
            let Rule::Size(range) = &condition.rule else { continue };
            let range = range.ok_or_else(|| failed(&condition.text))?;
            found = Some(found.map_or(range, |before| SizeRange {
                least: before.least.max(range.least),
                most: before.most.min(range.most),
            }));
        }
        Ok(found)
    }
}

impl Condition {
    fn names(&self, name: &str) -> bool {
        match &self.rule {
            Rule::Equal { field, .. } | Rule::StartsWith { field, .. } => field == name,
            Rule::Size(_) | Rule::Never => false,
        }
    }
}

/// Fields that a policy need not name. AWS exempts the signature's own and `x-ignore-`; `submit` is
/// what browsers send for the button.
fn is_exempt(name: &str) -> bool {
    matches!(name, "policy" | "signature" | "awsaccesskeyid" | "x-amz-signature" | "submit")
        || name.starts_with("x-ignore-")
}

/// S3 takes `2026-11-21T20:00:00Z`, with or without a fraction, and no other zone.
fn expiration(text: &str) -> Option<Timestamp> {
    let plain = text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    let time = time::OffsetDateTime::parse(text, &Rfc3339).ok().filter(|_| plain)?;
    Some(Timestamp::from_millis(i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()?))
}

fn condition(value: &Value) -> S3Result<Condition> {
    match value {
        Value::Object(pairs) => {
            let mut pairs = pairs.iter();
            let (Some((field, Value::String(value))), None) = (pairs.next(), pairs.next()) else {
                return Err(invalid(
                    "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
                ));
            };
            let text = listed(["eq", &format!("${field}"), value]);
            Ok(Condition { text, rule: Rule::Equal { field: field.to_ascii_lowercase(), value: value.clone() } })
        }
        Value::Array(items) => listed_condition(items),
        _ => Err(invalid("Invalid Policy: Invalid condition.")),
    }
}

fn listed_condition(items: &[Value]) -> S3Result<Condition> {
    let [Value::String(operator), first, second] = items else {
        return Err(invalid("Invalid Policy: Invalid condition."));
    };
    let operator = operator.to_ascii_lowercase();
    if operator == "content-length-range" {
        return size_condition(first, second);
    }
    let (Value::String(field), Value::String(value)) = (first, second) else {
        return Err(invalid("Invalid Policy: Invalid condition."));
    };
    let text = listed([&operator, field, value]);
    let Some(name) = field.strip_prefix('$').map(str::to_ascii_lowercase) else {
        return Ok(Condition { text, rule: Rule::Never });
    };
    match operator.as_str() {
        "eq" => Ok(Condition { text, rule: Rule::Equal { field: name, value: value.clone() } }),
        "starts-with" => Ok(Condition { text, rule: Rule::StartsWith { field: name, prefix: value.clone() } }),
        _ => Err(invalid("Invalid Policy: Invalid condition.")),
    }
}

/// Both ends may be numbers or texts. A text that is no number is a condition that nothing meets.
fn size_condition(least: &Value, most: &Value) -> S3Result<Condition> {
    let end = |value: &Value| match value {
        Value::Number(number) => number.as_u64().map(Some).ok_or(()),
        Value::String(text) => Ok(text.parse().ok()),
        _ => Err(()),
    };
    let (Ok(from), Ok(to)) = (end(least), end(most)) else {
        return Err(invalid("Invalid Policy: Invalid content-length-range."));
    };
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text = listed(["content-length-range", &plain(least), &plain(most)]);
    let range = from.zip(to).map(|(least, most)| SizeRange { least, most });
    if range.is_some_and(|range| range.least > range.most) {
        return Err(invalid("Invalid Policy: Invalid content-length-range."));
    }
    Ok(Condition { text, rule: Rule::Size(range) })
}

/// `["eq", "$key", "x"]`.
fn listed(items: [&str; 3]) -> String {
    let items = items.map(|item| Value::from(item).to_string());
    format!("[{}]", items.join(", "))
}

fn failed(condition: &str) -> S3Error {
    let message = format!("Invalid according to Policy: Policy Condition failed: {condition}");
    S3Error::with_message(S3ErrorCode::AccessDenied, message)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidPolicyDocument, message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(json: &str) -> S3Result<Policy> {
        Policy::parse(&BASE64_STANDARD.encode(json))
    }

    fn with(conditions: &str) -> S3Result<Policy> {
        parse(&format!(r#"{{"expiration":"2099-01-01T00:00:00Z","conditions":[{conditions}]}}"#))
    }

    fn refusal(conditions: &str, fields: &Fields) -> Option<String> {
        let policy = with(&format!(r#"{{"bucket":"b"}},{conditions}"#)).unwrap();
        let refused = policy.require_match(fields, "b").err()?;
        assert_eq!(refused.code().as_str(), "AccessDenied");
        refused.message().map(str::to_owned)
    }

    #[test]
    fn an_expiration_is_plain_universal_time() {
        for good in ["2099-01-01T00:00:00Z", "2099-01-01T00:00:00.000Z"] {
            assert!(expiration(good).is_some(), "{good}");
        }
        for bad in ["2099-01-01 00:00:00Z", "2099-01-01T00:00:00+00:00", "2099-01-01", ""] {
            assert!(expiration(bad).is_none(), "{bad}");
        }
        let policy = parse(r#"{"expiration":"1970-01-01T00:00:01Z","conditions":[]}"#).unwrap();
        assert!(policy.require_current(Timestamp::from_millis(999)).is_ok());
        assert!(policy.require_current(Timestamp::from_millis(1000)).is_err());
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for bad in [
            "",
            "[]",
            r#"{"conditions":[]}"#,
            r#"{"expiration":"2099-01-01T00:00:00Z"}"#,
            r#"{"expiration":"2099-01-01T00:00:00Z","conditions":{}}"#,
            r#"{"expiration":"2099-01-01T00:00:00Z","CONDITIONS":[]}"#,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for bad in [
            r#"{"a":"b","c":"d"}"#,
            "{}",
            r#"{"a":1}"#,
            r#"["eq","$key"]"#,
            r#"["like","$key","x"]"#,
            r#"["content-length-range",0]"#,
            r#"["content-length-range",-1,0]"#,
            r#"["content-length-range",5,4]"#,
            r#""key""#,
        ] {
            assert_eq!(with(bad).unwrap_err().code().as_str(), "InvalidPolicyDocument", "{bad}");
        }
        assert!(Policy::parse("%").is_err());
    }

    #[test]
    fn a_refusal_names_the_condition() {
        let fields = Fields::from([("key", "x"), ("acl", "private")]);
        for (conditions, condition) in [
            (r#"["EQ","$Key","y"],{"acl":"private"}"#, r#"["eq", "$Key", "y"]"#),
            (r#"["starts-with","$key","y"],{"acl":"private"}"#, r#"["starts-with", "$key", "y"]"#),
            (r#"["starts-with","$key",""],{"acl":"public"}"#, r#"["eq", "$acl", "public"]"#),
            (r#"["eq","key","x"]"#, r#"["eq", "key", "x"]"#),
            (r#"["content-length-range","test",10]"#, r#"["content-length-range", "test", "10"]"#),
        ] {
            let want = format!("Invalid according to Policy: Policy Condition failed: {condition}");
            assert_eq!(refusal(conditions, &fields).unwrap(), want);
        }
        assert!(refusal(r#"["starts-with","$key",""],{"ACL":"private"}"#, &fields).is_none());
    }

    #[test]
    fn every_field_is_named() {
        let conditions = r#"["starts-with","$key",""]"#;
        assert!(refusal(conditions, &Fields::from([("key", "k"), ("x-ignore-a", "b"), ("submit", "")])).is_none());
        for extra in ["acl", "x-amz-server-side-encryption-customer-key", "x-amz-meta-a", "content-type"] {
            let message = refusal(conditions, &Fields::from([("key", "k"), (extra, "v")])).unwrap();
            assert_eq!(message, format!("Invalid according to Policy: Extra input fields: {extra}"));
        }
        let silent = with(conditions).unwrap();
        assert!(silent.require_match(&Fields::from([("key", "k")]), "b").is_err(), "the bucket must be named");
        assert!(refusal(conditions, &Fields::from([("key", "k"), ("bucket", "other")])).is_some());
    }

    #[test]
    fn sizes_are_numbers_or_texts() {
        let range = |conditions: &str| with(conditions).unwrap().size_range().unwrap();
        let want = Some(SizeRange { least: 1, most: 10 });
        assert_eq!(range(r#"["content-length-range",1,10]"#), want);
        assert_eq!(range(r#"["content-length-range","1","10"]"#), want);
        assert_eq!(range(r#"["content-length-range",1,20],["content-length-range",0,10]"#), want);
        assert_eq!(range(r#"{"a":"b"}"#), None);
        assert!(with(r#"["content-length-range","x",10]"#).unwrap().size_range().is_err());
    }
}
