//! From JSON to statements: the grammar and what each kind of policy may contain, with AWS's
//! messages and a hint what to change.

use crate::ParseError;
use crate::condition::Condition;
use crate::document::{ACTION_SYNTAX, Actions, Policy, PolicyKind, Resources, Statement};
use crate::effect::Effect;
use crate::json::Json;
use crate::pattern::{ArnPattern, Pattern};
use crate::principal::PrincipalClause;

impl Policy {
    /// Parses and validates a document of `kind`.
    ///
    /// # Errors
    /// [`ParseError`], whose message is AWS's followed by what to change.
    pub fn parse(json: &str, kind: PolicyKind) -> Result<Self, ParseError> {
        let size = kind.measure(json);
        if size > kind.limit() {
            return Err(ParseError::TooLarge { size, limit: kind.limit() });
        }
        policy(Json::parse(json)?, kind, size)
    }
}

/// The members of an object, taken out one by one; what is left over is unknown.
struct Members {
    place: String,
    members: Vec<(String, Json)>,
}

impl Members {
    fn of(value: Json, place: impl Into<String>) -> Result<Self, ParseError> {
        let place = place.into();
        match value {
            Json::Object(members) => Ok(Self { place, members }),
            other => Err(syntax(format!("{place} must be an object, found {}", other.noun()))),
        }
    }

    fn take(&mut self, name: &str) -> Option<Json> {
        let at = self.members.iter().position(|(own, _)| own == name)?;
        Some(self.members.swap_remove(at).1)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, ParseError> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(other) => Err(syntax(format!("{name} of {} must be a string, found {}", self.place, other.noun()))),
        }
    }

    /// One of `name` and `Not<name>`, and whether it is the latter.
    fn either(&mut self, name: &str) -> Result<Option<(Json, bool)>, ParseError> {
        match (self.take(name), self.take(&format!("Not{name}"))) {
            (Some(_), Some(_)) => {
                Err(syntax(format!("{} has both {name} and Not{name}; keep one of them", self.place)))
            }
            (Some(value), None) => Ok(Some((value, false))),
            (None, Some(value)) => Ok(Some((value, true))),
            (None, None) => Ok(None),
        }
    }

    fn finish(self, known: &str) -> Result<(), ParseError> {
        match self.members.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(syntax(format!("{} has the unknown element {name:?}; known elements are {known}", self.place)))
            }
        }
    }
}

fn syntax(what: String) -> ParseError {
    ParseError::malformed(format!("Syntax errors in policy. {what}."))
}

fn policy(json: Json, kind: PolicyKind, size: usize) -> Result<Policy, ParseError> {
    let mut members = Members::of(json, "the policy")?;
    let variables = match members.text("Version")?.as_deref() {
        Some("2012-10-17") => true,
        None | Some("2008-10-17") => false,
        Some(other) => {
            return Err(ParseError::malformed(format!(
                "The policy must contain a valid version string. Use \"2012-10-17\" instead of {other:?}."
            )));
        }
    };
    let id = members.text("Id")?;
    let statements = match members.take("Statement") {
        Some(Json::List(items)) => items,
        Some(single @ Json::Object(_)) => vec![single],
        Some(other) => return Err(syntax(format!("Statement must be an object or a list, found {}", other.noun()))),
        None => return Err(syntax("The policy has no Statement; add one".to_owned())),
    };
    members.finish("Version, Id and Statement")?;
    if statements.is_empty() {
        return Err(syntax("Statement is empty; add a statement".to_owned()));
    }
    let numbered = statements.into_iter().enumerate();
    let statements: Box<[Statement]> =
        numbered.map(|(at, json)| statement(json, at + 1, kind, variables)).collect::<Result<_, _>>()?;
    distinct_sids(&statements)?;
    let policy = Policy::new(kind, id.map(Into::into), statements, size);
    Ok(if variables { policy } else { policy.of_2008() })
}

fn statement(json: Json, number: usize, kind: PolicyKind, variables: bool) -> Result<Statement, ParseError> {
    let mut members = Members::of(json, format!("statement {number}"))?;
    let sid = members.text("Sid")?;
    check_sid(sid.as_deref(), kind)?;
    let effect = match members.text("Effect")?.as_deref() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        Some(other) => {
            return Err(ParseError::malformed(format!("Invalid effect: {other}. Use \"Allow\" or \"Deny\".")));
        }
        None => {
            return Err(ParseError::malformed(format!(
                "Missing required field Effect. Add \"Allow\" or \"Deny\" to statement {number}."
            )));
        }
    };
    let principals = principals(members.either("Principal")?, kind)?;
    let actions = actions(members.either("Action")?, kind)?;
    let resources = resources(members.either("Resource")?, kind, variables)?;
    let conditions = match members.take("Condition") {
        Some(value) => Condition::parse_all(&value, variables)?,
        None => Vec::new(),
    };
    members.finish("Sid, Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource and Condition")?;
    Ok(Statement { sid: sid.map(Into::into), effect, principals, actions, resources, conditions: conditions.into() })
}

fn check_sid(sid: Option<&str>, kind: PolicyKind) -> Result<(), ParseError> {
    let Some(sid) = sid else { return Ok(()) };
    // Policies of resources accept any characters, as S3 and KMS do.
    let free = matches!(kind, PolicyKind::Resource | PolicyKind::Key);
    if !free && !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(ParseError::malformed(format!(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*; change {sid:?}."
        )));
    }
    Ok(())
}

fn distinct_sids(statements: &[Statement]) -> Result<(), ParseError> {
    let mut seen = std::collections::HashSet::new();
    let twice = statements.iter().filter_map(Statement::sid).find(|sid| !sid.is_empty() && !seen.insert(*sid));
    match twice {
        None => Ok(()),
        Some(sid) => Err(ParseError::malformed(format!(
            "Statement IDs (SID) in a single policy must be unique. {sid:?} appears twice."
        ))),
    }
}

fn principals(given: Option<(Json, bool)>, kind: PolicyKind) -> Result<Option<PrincipalClause>, ParseError> {
    match (given, kind.has_principal()) {
        (None, false) => Ok(None),
        (Some(_), false) => Err(ParseError::malformed(
            "Policy document should not specify a principal. Remove Principal: the policy applies to whom it is attached to.",
        )),
        (None, true) => Err(ParseError::malformed(match kind {
            PolicyKind::Trust => "AssumeRole policy must contain principals. Add a Principal to each statement.",
            _ => "Missing required field Principal. Add a Principal to each statement.",
        })),
        (Some((_, true)), true) if kind == PolicyKind::Trust => Err(ParseError::malformed(
            "Has prohibited field NotPrincipal. Use Principal, and conditions for exceptions.",
        )),
        (Some((value, inverted)), true) => PrincipalClause::parse(&value, inverted).map(Some),
    }
}

fn actions(given: Option<(Json, bool)>, kind: PolicyKind) -> Result<Actions, ParseError> {
    let Some((value, inverted)) = given else {
        return Err(ParseError::malformed("Policy statement must contain actions. Add Action or NotAction."));
    };
    let texts = strings(value, "Action")?;
    for text in &texts {
        check_action(text)?;
        let is_sts = text.get(..4).is_some_and(|vendor| vendor.eq_ignore_ascii_case("sts:"));
        if kind == PolicyKind::Trust && !is_sts {
            return Err(ParseError::malformed(format!(
                "AssumeRole policy may only specify STS AssumeRole actions. Replace {text:?}, for instance by sts:AssumeRole."
            )));
        }
    }
    let patterns = texts.iter().map(|text| Pattern::parse(text, ACTION_SYNTAX)).collect::<Result<_, _>>()?;
    Ok(Actions { inverted, texts: texts.into(), patterns })
}

fn check_action(text: &str) -> Result<(), ParseError> {
    let vendor = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
    let name = |c: u8| c.is_ascii_alphanumeric() || b"*?-_".contains(&c);
    let fits = text == "*"
        || text.split_once(':').is_some_and(|(service, action)| {
            !service.is_empty() && !action.is_empty() && service.bytes().all(vendor) && action.bytes().all(name)
        });
    if fits {
        return Ok(());
    }
    Err(ParseError::malformed(format!(
        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. Write {text:?} as service:Action, such as s3:GetObject."
    )))
}

fn resources(given: Option<(Json, bool)>, kind: PolicyKind, variables: bool) -> Result<Option<Resources>, ParseError> {
    let (value, inverted) = match (given, kind) {
        (None, PolicyKind::Trust) => return Ok(None),
        (Some(_), PolicyKind::Trust) => {
            return Err(ParseError::malformed(
                "Has prohibited field Resource. A trust policy is about its own role: remove it.",
            ));
        }
        (None, PolicyKind::Resource | PolicyKind::Key) => {
            return Err(ParseError::malformed("Missing required field Resource. Add a Resource to each statement."));
        }
        (None, _) => {
            return Err(ParseError::malformed("Policy statement must contain resources. Add Resource or NotResource."));
        }
        (Some(given), _) => given,
    };
    let texts = strings(value, "Resource")?;
    let patterns = texts
        .iter()
        .map(|text| {
            ArnPattern::parse(text, variables)?.ok_or_else(|| {
                ParseError::malformed(match kind {
                    PolicyKind::Resource => format!("Policy has invalid resource. Write {text:?} as an ARN."),
                    _ => format!("Resource {text} must be in ARN format or \"*\"."),
                })
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(Resources { inverted, texts: texts.into(), patterns }))
}

/// One string or a non-empty list of strings.
fn strings(value: Json, name: &str) -> Result<Vec<Box<str>>, ParseError> {
    let wrong = |noun: &str| syntax(format!("{name} must be a string or a non-empty list of strings, found {noun}"));
    match value {
        Json::Text(text) => Ok(vec![text.into()]),
        Json::List(items) if !items.is_empty() => items
            .into_iter()
            .map(|item| match item {
                Json::Text(text) => Ok(text.into()),
                other => Err(wrong(other.noun())),
            })
            .collect(),
        Json::List(_) => Err(wrong("an empty list")),
        other => Err(wrong(other.noun())),
    }
}
