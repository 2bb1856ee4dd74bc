//! Parameters of the Query protocol: `application/x-www-form-urlencoded`, lists as
//! `Name.member.N`, structures as `Name.Field`.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode;

use crate::Error;

/// Most parameters accepted in one request.
const MOST: usize = 1_000;
/// Most members accepted in one list.
const MOST_MEMBERS: usize = 200;

/// Longest value of any parameter, characters: that of policy documents.
const LONGEST: usize = 131_072;
/// Longest name of an entity, the largest of IAM's quotas for names.
const LONGEST_NAME: usize = 128;
/// Longest ARN (IAM API Reference, `arnType`).
const LONGEST_ARN: usize = 2048;
/// Parameters that are such names.
const NAMES: [&str; 12] = [
    "GroupName",
    "InstanceProfileName",
    "Name",
    "NewGroupName",
    "NewUserName",
    "PolicyName",
    "RoleName",
    "RoleSessionName",
    "SAMLProviderName",
    "ServerCertificateName",
    "UserName",
    "VirtualMFADeviceName",
];

/// The parameters of one request. Each occurs once.
#[derive(Default)]
pub struct Form {
    values: BTreeMap<String, String>,
}

/// Shows names only: a value may be a password or a token.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Form {
    /// Parses a form body (WHATWG URL, section 5.1, strict about escapes and text).
    ///
    /// # Errors
    /// [`Error::MalformedInput`] for half an escape, bytes that are not UTF-8, control characters
    /// that XML cannot answer, a parameter that occurs twice, or too many of them.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let mut form = Self::default();
        for pair in body.split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
            let (name, value) = match pair.iter().position(|&b| b == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            form.insert(decoded(name)?, decoded(value)?)?;
        }
        Ok(form)
    }

    /// Adds pairs that are decoded already: those of the query string.
    ///
    /// # Errors
    /// As [`Form::parse`].
    pub fn with(mut self, pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        for (name, value) in pairs {
            self.insert(name, value)?;
        }
        Ok(self)
    }

    /// All parameters, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn insert(&mut self, name: String, value: String) -> Result<(), Error> {
        let control = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        // U+FFFE and U+FFFF are no XML characters either.
        if name.chars().chain(value.chars()).any(|c| control(c) || matches!(c, '\u{fffe}' | '\u{ffff}')) {
            return Err(Error::MalformedInput("A parameter contains a control character."));
        }
        if self.values.len() >= MOST {
            return Err(Error::MalformedInput("The request has too many parameters."));
        }
        match self.values.insert(name, value) {
            None => Ok(()),
            Some(_) => Err(Error::MalformedInput("A parameter occurs more than once.")),
        }
    }

    /// Whether every parameter is one that the services could take: the longest are policy
    /// documents, and names of entities have at most 128 characters.
    ///
    /// # Errors
    /// [`Error::Validation`], which names the parameter and does not repeat its value.
    pub fn check_lengths(&self) -> Result<(), Error> {
        for (name, value) in &self.values {
            let most = match name.as_str() {
                name if NAMES.contains(&name) => LONGEST_NAME,
                name if name.ends_with("Arn") => LONGEST_ARN,
                _ => LONGEST,
            };
            if value.len() > most && value.chars().count() > most {
                return Err(Error::Validation(format!(
                    "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must have length less than or equal to {most}",
                    lower_camel(&name.chars().take(LONGEST_NAME).collect::<String>())
                )));
            }
            if name.len() > LONGEST_NAME {
                return Err(Error::MalformedInput("A parameter's name is too long."));
            }
        }
        Ok(())
    }

    /// A parameter.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// [`Error::Validation`] in AWS's words.
    pub fn required(&self, name: &str) -> Result<&str, Error> {
        self.value(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let member = lower_camel(name);
            Error::Validation(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// A parameter as a number within `range`.
    ///
    /// # Errors
    /// [`Error::Validation`] for anything else.
    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<u32>) -> Result<Option<u32>, Error> {
        let Some(text) = self.value(name) else { return Ok(None) };
        let member = lower_camel(name);
        let number: u32 =
            text.parse().map_err(|_| Error::Validation(format!("The value of '{member}' is not a number.")))?;
        if range.contains(&number) {
            return Ok(Some(number));
        }
        let (bound, word) = if number < *range.start() { (range.start(), "greater") } else { (range.end(), "less") };
        Err(Error::Validation(format!(
            "1 validation error detected: Value '{number}' at '{member}' failed to satisfy constraint: Member must have \
             value {word} than or equal to {bound}"
        )))
    }

    /// A parameter as a boolean; absent is `false`.
    ///
    /// # Errors
    /// [`Error::Validation`] for anything but `true` and `false`.
    pub fn flag(&self, name: &str) -> Result<bool, Error> {
        match self.value(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::Validation(format!("The value of '{}' is not a boolean.", lower_camel(name)))),
        }
    }

    /// Members of a list: `Name.member.1`, `Name.member.2`, … without a gap.
    ///
    /// # Errors
    /// [`Error::MalformedInput`] for a gap, a member 0 or too many.
    pub fn list(&self, name: &str) -> Result<Vec<&str>, Error> {
        self.members(name, "", "The members of a list have a gap.")
    }

    /// One field of each member of a list of structures, such as `PolicyArns.member.1.arn`.
    ///
    /// # Errors
    /// As [`Form::list`].
    pub fn fields(&self, name: &str, field: &str) -> Result<Vec<&str>, Error> {
        self.members(name, &format!(".{field}"), "A member of a list is incomplete.")
    }

    /// What stands behind each member's number and `rest`; `incomplete` where that is missing.
    fn members(&self, name: &str, rest: &str, incomplete: &'static str) -> Result<Vec<&str>, Error> {
        let prefix = format!("{name}.member.");
        let present = self.under(&prefix).count();
        if present > MOST_MEMBERS {
            return Err(Error::MalformedInput("A list has too many members."));
        }
        let member = |n: usize| self.value(&format!("{prefix}{n}{rest}")).ok_or(Error::MalformedInput(incomplete));
        (1..=present).map(member).collect()
    }

    /// Members of a list of two-field structures, such as `Tags.member.1.Key` and `.Value`.
    ///
    /// # Errors
    /// As [`Form::list`]; both fields must be there.
    pub fn pairs(&self, name: &str, first: &str, second: &str) -> Result<Vec<(&str, &str)>, Error> {
        let prefix = format!("{name}.member.");
        let present = self.under(&prefix).count();
        if present > 2 * MOST_MEMBERS {
            return Err(Error::MalformedInput("A list has too many members."));
        }
        let member = |n: usize| {
            let field = |field: &str| self.value(&format!("{prefix}{n}.{field}"));
            Some((field(first)?, field(second)?))
        };
        (1..=present.div_ceil(2))
            .map(|n| member(n).ok_or(Error::MalformedInput("A member of a list is incomplete.")))
            .collect()
    }

    /// Members of a list of structures with a name and a list of values, such as
    /// `ContextEntries.member.1.ContextKeyName` and `.ContextKeyValues.member.1`.
    ///
    /// # Errors
    /// As [`Form::list`].
    pub fn named_lists(&self, list: &str, name: &str, values: &str) -> Result<Vec<(String, Vec<String>)>, Error> {
        let prefix = format!("{list}.member.");
        let mut members = Vec::new();
        while let Some(named) = self.value(&format!("{prefix}{}.{name}", members.len() + 1)) {
            let values = self.list(&format!("{prefix}{}.{values}", members.len() + 1))?;
            members.push((named.to_owned(), values.into_iter().map(str::to_owned).collect()));
        }
        let present: BTreeSet<&str> =
            self.under(&prefix).filter_map(|name| name[prefix.len()..].split('.').next()).collect();
        if present.len() == members.len() {
            Ok(members)
        } else {
            Err(Error::MalformedInput("The members of a list have a gap."))
        }
    }

    /// Whether any parameter is `name` or lies beneath it.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.under(&format!("{name}.")).next().is_some()
    }

    fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a String> {
        self.values.range(prefix.to_owned()..).map(|(name, _)| name).take_while(move |name| name.starts_with(prefix))
    }
}

fn decoded(text: &[u8]) -> Result<String, Error> {
    let whole = text
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'%')
        .all(|(at, _)| text.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)));
    if !whole {
        return Err(Error::MalformedInput("A parameter ends within an escape."));
    }
    let spaced: Vec<u8> = text.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(bytes).map_err(|_| Error::MalformedInput("A parameter is not UTF-8."))
}

/// `UserName` as AWS's validation messages write it: `userName`.
pub(super) fn lower_camel(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form(text: &str) -> Form {
        Form::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn values_lists_and_structures() {
        let form = form(
            "Action=TagUser&UserName=a+b%2Bc&Tags.member.1.Key=k&Tags.member.1.Value=&TagKeys.member.2=y&TagKeys.member.1=x&",
        );
        assert_eq!(form.value("UserName"), Some("a b+c"));
        assert_eq!(form.list("TagKeys").unwrap(), ["x", "y"]);
        assert_eq!(form.pairs("Tags", "Key", "Value").unwrap(), [("k", "")]);
        assert_eq!(form.list("Absent").unwrap(), Vec::<&str>::new());
        assert!(form.mentions("Tags") && form.mentions("UserName") && !form.mentions("User") && !form.mentions("Tag"));
    }

    #[test]
    fn malformed_forms_are_refused() {
        for text in ["a=1&a=2", "a=%", "a=%4", "a=%zz", "%=1", "a=%ff", "a=%00", "a=%1b", "a=%ef%bf%bf"] {
            assert!(matches!(Form::parse(text.as_bytes()), Err(Error::MalformedInput(_))), "{text}");
        }
        let many: String = (0..=MOST).map(|n| format!("p{n}=&")).collect();
        assert!(Form::parse(many.as_bytes()).is_err());
    }

    #[test]
    fn lists_with_gaps_are_refused() {
        for text in ["L.member.2=x", "L.member.0=x", "L.member.1=x&L.member.3=y", "L.member.x=1", "L.member.01=x"] {
            assert!(form(text).list("L").is_err(), "{text}");
        }
        for text in [
            "T.member.1.Key=k",
            "T.member.1.Value=v",
            "T.member.2.Key=k&T.member.2.Value=v",
            "T.member.1.Key=k&T.member.1.Other=v",
        ] {
            assert!(form(text).pairs("T", "Key", "Value").is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_flags_are_checked() {
        assert_eq!(form("MaxItems=7").number("MaxItems", 1..=1000).unwrap(), Some(7));
        assert_eq!(form("").number("MaxItems", 1..=1000).unwrap(), None);
        for text in ["MaxItems=0", "MaxItems=1001", "MaxItems=-1", "MaxItems=x", "MaxItems="] {
            assert!(matches!(form(text).number("MaxItems", 1..=1000), Err(Error::Validation(_))), "{text}");
        }
        assert!(form("OnlyAttached=true").flag("OnlyAttached").unwrap());
        assert!(form("OnlyAttached=yes").flag("OnlyAttached").is_err());
    }

    #[test]
    fn what_no_service_takes_is_refused_and_not_repeated() {
        assert!(form(&format!("UserName={}", "a".repeat(128))).check_lengths().is_ok());
        assert!(form(&format!("PolicyDocument={}", "a".repeat(131_072))).check_lengths().is_ok());
        for text in [
            format!("UserName={}", "a".repeat(129)),
            format!("UserName={}", "%22".repeat(300_000)),
            format!("PolicyDocument={}", "a".repeat(131_073)),
            format!("Tags.member.1.Value={}", "a".repeat(131_073)),
            format!("{}=1", "a".repeat(100_000)),
        ] {
            let message = form(&text).check_lengths().unwrap_err().to_string();
            assert!(message.len() < 400 && !message.contains("aaaaaaaaaa\""), "{message}");
        }
    }

    #[test]
    fn a_missing_parameter_is_named_as_aws_names_it() {
        let message = form("").required("UserName").unwrap_err().to_string();
        assert_eq!(
            message,
            "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null"
        );
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", form("Password=hunter2")), r#"{"Password"}"#);
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_are_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Form::parse(&body).map(|form| (form.list("a").is_ok(), form.pairs("a", "b", "c").is_ok()));
        }

        #[test]
        fn what_is_encoded_is_read_back(name in "[A-Za-z.]{1,10}", value in "[^\\x00-\\x1f\\x7f-\\u{9f}\\u{fffe}\\u{ffff}]{0,20}") {
            let encoded = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC);
            let parsed = form(&format!("{name}={encoded}"));
            prop_assert_eq!(parsed.value(&name), Some(value.as_str()));
        }
    }
}
