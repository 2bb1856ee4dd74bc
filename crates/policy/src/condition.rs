//! The Condition element: operators, compiled (IAM User Guide, "IAM JSON policy elements:
//! Condition operators" and "Set operators for multivalued context keys").

use std::cmp::Ordering;

use ipnet::IpNet;

use crate::ParseError;
use crate::effect::Effect;
use crate::glob::Case;
use crate::json::Json;
use crate::keys::{ANONYMOUS, Environment, Key, Values};
use crate::operand::{self, Moment, Number};
use crate::pattern::{ArnPattern, Outcome, Pattern, Syntax};
use crate::samples::Samples;

/// One operator on one key with all its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    key: Key,
    set: Set,
    if_exists: bool,
    negated: bool,
    test: Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// No qualifier: meant for keys with a single value.
    Single,
    ForAllValues,
    ForAnyValue,
}

/// How two ordered values must stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Text(Vec<Pattern>, Case),
    Number(Vec<Number>, Relation),
    Date(Vec<Moment>, Relation),
    Bool(Vec<bool>),
    Binary(Vec<Vec<u8>>),
    Ip(Vec<IpNet>),
    Arn(Vec<ArnPattern>),
    /// Whether the key must be absent.
    Null(Vec<bool>),
}

impl Condition {
    /// All conditions of a Condition element.
    pub(crate) fn parse_all(value: &Json, variables: bool) -> Result<Vec<Self>, ParseError> {
        let Json::Object(operators) = value else {
            return Err(ParseError::malformed(format!(
                "Syntax errors in policy. Condition must be an object of operators, found {}.",
                value.noun()
            )));
        };
        let mut conditions = Vec::new();
        for (name, keys) in operators {
            let operator = Operator::parse(name)?;
            let Json::Object(keys) = keys else {
                return Err(ParseError::malformed(format!(
                    "Syntax errors in policy. Condition operator {name} must hold an object of condition keys, found {}.",
                    keys.noun()
                )));
            };
            for (key, values) in keys {
                conditions.push(operator.condition(name, key, values, variables)?);
            }
        }
        Ok(conditions)
    }

    /// Whether the condition holds. Where that cannot be told (a policy variable without a value,
    /// several values without a set operator, a value that is no number where one is compared) an
    /// Allow does not apply and a Deny does. What calls for somebody is no address but a service's name:
    /// that is told, it is in no network, so that NotIpAddress holds for it whatever the effect.
    pub(crate) fn holds(&self, effect: Effect, env: &Environment<'_>) -> bool {
        env.steps.charge(1);
        let values = env.values(&self.key);
        let missing = values.iter().next().is_none();
        if let Test::Null(absent) = &self.test {
            return absent.contains(&missing);
        }
        if missing {
            return self.if_exists
                || match self.set {
                    Set::Single => self.negated,
                    Set::ForAllValues => true,
                    Set::ForAnyValue => false,
                };
        }
        self.present(&values, effect, env)
    }

    fn present(&self, values: &Values<'_>, effect: Effect, env: &Environment<'_>) -> bool {
        let mut each = values.iter().map(|value| self.value_holds(value, effect, env));
        match (self.set, effect) {
            (Set::ForAllValues, _) | (Set::Single, Effect::Allow) => each.all(|holds| holds),
            (Set::ForAnyValue, _) | (Set::Single, Effect::Deny) => each.any(|holds| holds),
        }
    }

    fn value_holds(&self, value: &str, effect: Effect, env: &Environment<'_>) -> bool {
        // Whatever stands behind is decided by no statement any more.
        if env.steps.are_spent() {
            return false;
        }
        match self.test.outcome(value, env) {
            Some(Outcome::Match) => !self.negated,
            Some(Outcome::Differ) => self.negated,
            Some(Outcome::Unresolved) => self.negated && effect == Effect::Deny,
            None => effect == Effect::Deny,
        }
    }

    /// The keys that the condition asks for: its own and those of its variables.
    pub(crate) fn asked_keys(&self) -> impl Iterator<Item = &str> {
        let variables: Vec<&str> = match &self.test {
            Test::Text(patterns, _) => patterns.iter().flat_map(Pattern::variables).collect(),
            Test::Arn(patterns) => patterns.iter().flat_map(ArnPattern::variables).collect(),
            _ => Vec::new(),
        };
        std::iter::once(self.key.written()).chain(variables)
    }

    /// Adds values that the condition treats unlike each other.
    pub(crate) fn sample(&self, env: &Environment<'_>, into: &mut Samples) {
        if self.set != Set::Single {
            into.note_sets();
        }
        match &self.test {
            Test::Text(patterns, case) => {
                patterns.iter().for_each(|pattern| pattern.sample(env, into));
                if *case == Case::Ignore {
                    into.note_partial();
                }
            }
            Test::Arn(patterns) => patterns.iter().for_each(|pattern| pattern.sample(env, into)),
            Test::Number(numbers, _) => numbers.iter().flat_map(Number::around).for_each(|text| into.add(text)),
            Test::Date(moments, _) => moments.iter().flat_map(Moment::around).for_each(|text| into.add(text)),
            Test::Bool(_) => ["true", "false"].into_iter().for_each(|text| into.add(text)),
            Test::Binary(wanted) => wanted.iter().for_each(|bytes| into.add(operand::base64(bytes))),
            Test::Ip(nets) => nets.iter().flat_map(operand::around).for_each(|address| into.add(address.to_string())),
            Test::Null(_) => {}
        }
    }

    /// Name of the key, lower case.
    pub(crate) fn key_name(&self) -> &str {
        self.key.name()
    }

    /// Whether the condition lets only fixed, enumerable values through: what S3 asks of a
    /// condition that keeps a policy from being public.
    pub(crate) fn is_fixed(&self) -> bool {
        let positive = !self.negated && !self.if_exists && self.set != Set::ForAllValues;
        positive
            && match &self.test {
                Test::Text(patterns, _) => patterns.iter().all(|pattern| {
                    // Whom nobody signed for has a user id as well, and everyone has it.
                    pattern.literal().is_some_and(|literal| !literal.eq_ignore_ascii_case(ANONYMOUS))
                }),
                Test::Arn(patterns) => patterns.iter().all(ArnPattern::is_literal),
                Test::Ip(nets) => operand::are_narrow(nets),
                _ => false,
            }
    }
}

impl Test {
    /// `None` where the request's value is none of the operator's kind, a size that is no number say:
    /// it neither fits nor differs, and must not be a way around a Deny.
    fn outcome(&self, value: &str, env: &Environment<'_>) -> Option<Outcome> {
        Some(match self {
            Self::Text(patterns, case) => {
                Outcome::any(patterns.iter().map(|pattern| pattern.matches(value, *case, env)))
            }
            Self::Arn(patterns) => Outcome::any(patterns.iter().map(|pattern| pattern.matches(value, env))),
            Self::Number(numbers, relation) => {
                env.steps.charge(numbers.len());
                compare(&Number::parse(value)?, numbers, *relation)
            }
            Self::Date(moments, relation) => {
                env.steps.charge(moments.len());
                compare(&Moment::parse(value)?, moments, *relation)
            }
            Self::Bool(wanted) => Outcome::of(wanted.contains(&operand::boolean(value)?)),
            Self::Binary(wanted) => {
                env.steps.charge(wanted.len());
                env.steps.charge_bytes(value.len());
                Outcome::of(wanted.contains(&operand::bytes(value)?))
            }
            Self::Ip(nets) => {
                env.steps.charge(nets.len());
                // The name of a service that calls for somebody is an address in no network.
                let address = operand::address(value);
                Outcome::of(address.is_some_and(|address| nets.iter().any(|net| net.contains(&address))))
            }
            Self::Null(_) => Outcome::Differ,
        })
    }
}

fn compare<T: Ord>(value: &T, wanted: &[T], relation: Relation) -> Outcome {
    Outcome::of(wanted.iter().any(|wanted| relation.holds(value.cmp(wanted))))
}

/// A parsed operator name.
struct Operator {
    set: Set,
    if_exists: bool,
    negated: bool,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text { case: Case, wildcards: bool },
    Number(Relation),
    Date(Relation),
    Bool,
    Binary,
    Ip,
    Arn,
    Null,
}

impl Operator {
    fn parse(name: &str) -> Result<Self, ParseError> {
        let unknown = || {
            ParseError::malformed(format!(
                "Invalid Condition type : {name}. Use an operator such as StringEquals, ArnLike, IpAddress, Bool, NumericLessThan, \
                 DateGreaterThan, BinaryEquals or Null; add IfExists after it, ForAllValues: or ForAnyValue: before it."
            ))
        };
        let (set, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Set::ForAllValues, rest),
            Some(("ForAnyValue", rest)) => (Set::ForAnyValue, rest),
            Some(_) => return Err(unknown()),
            None => (Set::Single, name),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (kind, negated) = kind(base).ok_or_else(unknown)?;
        if kind == Kind::Null && (if_exists || set != Set::Single) {
            return Err(unknown());
        }
        Ok(Self { set, if_exists, negated, kind })
    }

    fn condition(&self, name: &str, key: &str, values: &Json, variables: bool) -> Result<Condition, ParseError> {
        if !key.contains(':') || key.chars().any(char::is_control) {
            return Err(ParseError::malformed(format!(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. Condition key {key:?} needs one, as in aws:SourceIp."
            )));
        }
        let texts = texts(values).filter(|texts| !texts.is_empty()).ok_or_else(|| {
            ParseError::malformed(format!(
                "Syntax errors in policy. {name} of {key} must be a string or a non-empty list of strings, found {}.",
                values.noun()
            ))
        })?;
        let test = self.test(&texts, variables).map_err(|wrong| match wrong {
            Wrong::Operand(value) => ParseError::malformed(format!(
                "Syntax errors in policy. The value {value:?} of {key} does not fit the operator {name}: {}.",
                self.expectation()
            )),
            Wrong::Variable(error) => error,
        })?;
        Ok(Condition { key: Key::parse(key), set: self.set, if_exists: self.if_exists, negated: self.negated, test })
    }

    fn test(&self, texts: &[&str], variables: bool) -> Result<Test, Wrong> {
        Ok(match self.kind {
            Kind::Text { case, wildcards } => {
                let syntax = Syntax { wildcards, variables };
                let patterns = texts.iter().map(|text| Pattern::parse(text, syntax).map_err(Wrong::Variable));
                Test::Text(patterns.collect::<Result<_, _>>()?, case)
            }
            Kind::Arn => {
                let pattern = |text: &&str| match ArnPattern::parse(text, variables).map_err(Wrong::Variable)? {
                    Some(pattern) => Ok(pattern),
                    None => Err(Wrong::Operand((*text).to_owned())),
                };
                Test::Arn(texts.iter().map(pattern).collect::<Result<_, _>>()?)
            }
            Kind::Number(relation) => Test::Number(operands(texts, Number::parse)?, relation),
            Kind::Date(relation) => Test::Date(operands(texts, Moment::parse)?, relation),
            Kind::Bool => Test::Bool(operands(texts, operand::boolean)?),
            Kind::Null => Test::Null(operands(texts, operand::boolean)?),
            Kind::Binary => Test::Binary(operands(texts, operand::bytes)?),
            Kind::Ip => Test::Ip(operands(texts, operand::network)?),
        })
    }

    fn expectation(&self) -> &'static str {
        match self.kind {
            Kind::Text { .. } => "give a string",
            Kind::Number(_) => "give a decimal number such as 10 or 0.5",
            Kind::Date(_) => "give a date such as 2026-11-21T20:00:00Z, or seconds since 1970",
            Kind::Bool | Kind::Null => "give true or false",
            Kind::Binary => "give standard base64",
            Kind::Ip => "give an address or CIDR block such as 203.0.113.0/24",
            Kind::Arn => "give a fully qualified ARN such as arn:aws:iam::111122223333:role/*",
        }
    }
}

enum Wrong {
    Operand(String),
    Variable(ParseError),
}

fn operands<T>(texts: &[&str], parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Wrong> {
    texts.iter().map(|text| parse(text).ok_or_else(|| Wrong::Operand((*text).to_owned()))).collect()
}

/// Kind of an operator without qualifiers, and whether it is negated.
fn kind(base: &str) -> Option<(Kind, bool)> {
    let text = |case, wildcards| Kind::Text { case, wildcards };
    Some(match base {
        "StringEquals" => (text(Case::Exact, false), false),
        "StringNotEquals" => (text(Case::Exact, false), true),
        "StringEqualsIgnoreCase" => (text(Case::Ignore, false), false),
        "StringNotEqualsIgnoreCase" => (text(Case::Ignore, false), true),
        "StringLike" => (text(Case::Exact, true), false),
        "StringNotLike" => (text(Case::Exact, true), true),
        "ArnEquals" | "ArnLike" => (Kind::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Kind::Arn, true),
        "Bool" => (Kind::Bool, false),
        "BinaryEquals" => (Kind::Binary, false),
        "IpAddress" => (Kind::Ip, false),
        "NotIpAddress" => (Kind::Ip, true),
        "Null" => (Kind::Null, false),
        _ => {
            let (of, relation): (fn(Relation) -> Kind, &str) = match base.strip_prefix("Numeric") {
                Some(rest) => (Kind::Number, rest),
                None => (Kind::Date, base.strip_prefix("Date")?),
            };
            let (relation, negated) = relation_named(relation)?;
            (of(relation), negated)
        }
    })
}

fn relation_named(name: &str) -> Option<(Relation, bool)> {
    Some(match name {
        "Equals" => (Relation::Equal, false),
        "NotEquals" => (Relation::Equal, true),
        "LessThan" => (Relation::Less, false),
        "LessThanEquals" => (Relation::LessOrEqual, false),
        "GreaterThan" => (Relation::Greater, false),
        "GreaterThanEquals" => (Relation::GreaterOrEqual, false),
        _ => return None,
    })
}

/// Strings, numbers and booleans, one or a list of them.
fn texts(value: &Json) -> Option<Vec<&str>> {
    let scalar = |value| match value {
        &Json::Text(ref text) | &Json::Bare(ref text) => Some(text.as_str()),
        _ => None,
    };
    match value {
        Json::List(items) => items.iter().map(scalar).collect(),
        single => Some(vec![scalar(single)?]),
    }
}
