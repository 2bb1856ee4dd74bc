//! Text patterns: `*`, `?` and policy variables, compiled once (IAM User Guide, "IAM policy
//! elements: Variables and tags").

use crate::ParseError;
use crate::glob::{Case, Glob, Glyph, Steps};
use crate::keys::{Environment, Key};
use crate::samples::Samples;

/// Which characters of a source text are special.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Syntax {
    /// `*` and `?` are wildcards.
    pub(crate) wildcards: bool,
    /// `${…}` is a policy variable (Version 2012-10-17 only).
    pub(crate) variables: bool,
}

/// The outcome of holding a text against a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Match,
    Differ,
    /// A policy variable has no value in this request and no default.
    Unresolved,
}

impl Outcome {
    pub(crate) fn of(matches: bool) -> Self {
        if matches { Self::Match } else { Self::Differ }
    }

    /// The outcome of "any of these": a match wins, then "cannot tell", then a difference.
    pub(crate) fn any(outcomes: impl Iterator<Item = Self>) -> Self {
        let mut found = Self::Differ;
        for outcome in outcomes {
            match outcome {
                Self::Match => return Self::Match,
                Self::Unresolved => found = Self::Unresolved,
                Self::Differ => {}
            }
        }
        found
    }

    /// The outcome of "all of these": a difference wins, then "cannot tell".
    pub(crate) fn all(outcomes: impl Iterator<Item = Self>) -> Self {
        let mut found = Self::Match;
        for outcome in outcomes {
            match outcome {
                Self::Differ => return Self::Differ,
                Self::Unresolved => found = Self::Unresolved,
                Self::Match => {}
            }
        }
        found
    }
}

/// One stretch of a pattern with variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Glyphs(Vec<Glyph>),
    Variable { key: Key, default: Option<Box<str>> },
}

/// A compiled pattern; the shapes that most policies use compare in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    Any,
    Literal(Box<str>),
    Prefix(Box<str>),
    Glob(Glob),
    Template(Box<[Part]>),
}

impl Pattern {
    pub(crate) fn parse(text: &str, syntax: Syntax) -> Result<Self, ParseError> {
        let parts = parts(text, syntax)?;
        let glyphs = match parts.as_slice() {
            [] => return Ok(Self::Literal("".into())),
            [Part::Glyphs(glyphs)] => glyphs,
            _ => return Ok(Self::Template(parts.into())),
        };
        let literal: Option<String> = glyphs.iter().map(|glyph| glyph.literal()).collect();
        if let Some(literal) = literal {
            return Ok(Self::Literal(literal.into()));
        }
        if let [head @ .., Glyph::Star] = glyphs.as_slice()
            && let Some(prefix) = head.iter().map(|glyph| glyph.literal()).collect::<Option<String>>()
        {
            return Ok(if prefix.is_empty() { Self::Any } else { Self::Prefix(prefix.into()) });
        }
        Ok(Self::Glob(Glob::new(glyphs)))
    }

    pub(crate) fn matches(&self, text: &str, case: Case, env: &Environment<'_>) -> Outcome {
        match self {
            Self::Template(parts) => match resolve(parts, env) {
                Some(glyphs) => Outcome::of(Glob::new(&glyphs).matches(text, case, &env.steps)),
                None => Outcome::Unresolved,
            },
            _ => Outcome::of(self.matches_plain(text, case, &env.steps)),
        }
    }

    /// As [`Self::matches`], for a pattern parsed without variables.
    pub(crate) fn matches_plain(&self, text: &str, case: Case, steps: &Steps) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(literal) => equal(literal, text, case, steps),
            // Only actions ignore case here, and they are ASCII.
            Self::Prefix(prefix) => text.get(..prefix.len()).is_some_and(|head| equal(prefix, head, case, steps)),
            Self::Glob(glob) => glob.matches(text, case, steps),
            Self::Template(_) => false,
        }
    }

    /// Adds texts that it matches, and where that makes a difference one that it nearly does.
    pub(crate) fn sample(&self, env: &Environment<'_>, into: &mut Samples) {
        match self {
            Self::Any => {}
            Self::Literal(literal) => into.add(&**literal),
            Self::Prefix(prefix) => {
                into.add(&**prefix);
                into.add_beyond(prefix);
            }
            Self::Glob(glob) => {
                into.note_partial();
                into.add(glob.sample());
            }
            Self::Template(parts) => match resolve(parts, env) {
                Some(glyphs) => {
                    if glyphs.iter().any(|glyph| glyph.literal().is_none()) {
                        into.note_partial();
                    }
                    into.add(Glob::new(&glyphs).sample());
                }
                None => into.note_partial(),
            },
        }
    }

    /// The keys of the policy variables in it, as written.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        let parts: &[Part] = match self {
            Self::Template(parts) => parts,
            _ => &[],
        };
        parts.iter().filter_map(|part| match part {
            Part::Variable { key, .. } => Some(key.written()),
            Part::Glyphs(_) => None,
        })
    }

    /// Whether the pattern is one fixed text: no wildcard, no variable.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(literal) => Some(literal),
            _ => None,
        }
    }
}

fn equal(a: &str, b: &str, case: Case, steps: &Steps) -> bool {
    match case {
        Case::Exact => {
            steps.charge_bytes(if a.len() == b.len() { a.len() } else { 0 });
            a == b
        }
        Case::Ignore => {
            steps.charge(1 + a.len().min(b.len()));
            a.eq_ignore_ascii_case(b)
                || !(a.is_ascii() && b.is_ascii())
                    && a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
        }
    }
}

/// Puts the request's values in; their `*` and `?` are plain characters.
fn resolve(parts: &[Part], env: &Environment<'_>) -> Option<Vec<Glyph>> {
    let mut glyphs = Vec::new();
    for part in parts {
        match part {
            Part::Glyphs(own) => glyphs.extend_from_slice(own),
            Part::Variable { key, default } => {
                let value = env.values(key);
                let value = value.single().or(default.as_deref())?;
                glyphs.extend(value.chars().map(Glyph::Char));
            }
        }
    }
    Some(glyphs)
}

fn parts(text: &str, syntax: Syntax) -> Result<Vec<Part>, ParseError> {
    let mut parts = Vec::new();
    let mut glyphs = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if syntax.variables
            && let Some(inner) = rest.strip_prefix("${")
        {
            let end = variable_end(inner).ok_or_else(|| {
                ParseError::malformed(format!(
                    "Invalid policy variable in {text:?}: close it with a brace, as in ${{aws:username}}."
                ))
            })?;
            match &inner[..end] {
                symbol @ ("*" | "?" | "$") => glyphs.extend(symbol.chars().map(Glyph::Char)),
                variable => {
                    if !glyphs.is_empty() {
                        parts.push(Part::Glyphs(std::mem::take(&mut glyphs)));
                    }
                    parts.push(variable_part(variable)?);
                }
            }
            rest = &inner[end + 1..];
            continue;
        }
        glyphs.push(match c {
            '*' if syntax.wildcards => Glyph::Star,
            '?' if syntax.wildcards => Glyph::One,
            _ => Glyph::Char(c),
        });
        rest = &rest[c.len_utf8()..];
    }
    if !glyphs.is_empty() {
        parts.push(Part::Glyphs(glyphs));
    }
    Ok(parts)
}

/// Where the closing brace stands; one inside a quoted default does not close.
fn variable_end(inner: &str) -> Option<usize> {
    let mut quoted = false;
    inner.char_indices().find_map(|(at, c)| {
        quoted ^= c == '\'';
        (c == '}' && !quoted).then_some(at)
    })
}

/// `key` or `key, 'default'`.
fn variable_part(text: &str) -> Result<Part, ParseError> {
    let wrong = || {
        ParseError::malformed(format!(
            "Invalid policy variable ${{{text}}}: write ${{key}} or ${{key, 'default'}}, such as ${{aws:username}}."
        ))
    };
    let (name, default) = match text.split_once(',') {
        None => (text, None),
        Some((name, default)) => {
            let default = default.trim().strip_prefix('\'').and_then(|d| d.strip_suffix('\'')).ok_or_else(wrong)?;
            (name, Some(default.into()))
        }
    };
    let name = name.trim();
    let fits = |c: char| !c.is_control() && !"{}$*?'\" ".contains(c);
    // Tag keys may hold spaces; nothing else of a key's name may.
    let (head, tail) = name.split_once('/').unwrap_or((name, ""));
    if !head.contains(':') || !head.chars().all(fits) || !tail.chars().all(|c| c == ' ' || fits(c)) {
        return Err(wrong());
    }
    Ok(Part::Variable { key: Key::parse(name), default })
}

/// A pattern for ARNs. A `*` of one of the first five fields stays within its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ArnPattern {
    Whole(Pattern),
    Fields(Box<[Pattern; 6]>),
}

impl ArnPattern {
    /// Compiles `text`. Missing fields are wildcards, as in the Resource element
    /// (`arn:aws:sqs` means `arn:aws:sqs:*:*:*`). `None` if it is neither an ARN nor `*`.
    pub(crate) fn parse(text: &str, variables: bool) -> Result<Option<Self>, ParseError> {
        let syntax = Syntax { wildcards: true, variables };
        if text == "*" {
            return Ok(Some(Self::Whole(Pattern::Any)));
        }
        let mut fields = split_fields(text, variables);
        if fields.len() < 3 || fields[0] != "arn" {
            return Ok(None);
        }
        if fields.len() < 6 {
            fields.resize(6, "*");
        } else if fields[..5].iter().all(|field| !field.contains('*') && !field.contains("${")) {
            return Pattern::parse(text, syntax).map(|pattern| Some(Self::Whole(pattern)));
        }
        let mut compiled = [const { Pattern::Any }; 6];
        for (slot, field) in compiled.iter_mut().zip(fields) {
            *slot = Pattern::parse(field, syntax)?;
        }
        Ok(Some(Self::Fields(Box::new(compiled))))
    }

    /// The keys of the policy variables in it, as written.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        let patterns: &[Pattern] = match self {
            Self::Whole(pattern) => std::slice::from_ref(pattern),
            Self::Fields(patterns) => &patterns[..],
        };
        patterns.iter().flat_map(Pattern::variables)
    }

    /// As [`Pattern::sample`].
    pub(crate) fn sample(&self, env: &Environment<'_>, into: &mut Samples) {
        match self {
            Self::Whole(pattern) => pattern.sample(env, into),
            Self::Fields(patterns) => {
                into.note_partial();
                let field = |pattern: &Pattern| {
                    let mut one = Samples::default();
                    pattern.sample(env, &mut one);
                    one.values().next().unwrap_or_default().to_owned()
                };
                into.add(patterns.iter().map(field).collect::<Vec<_>>().join(":"));
            }
        }
    }

    pub(crate) fn matches(&self, arn: &str, env: &Environment<'_>) -> Outcome {
        match self {
            Self::Whole(pattern) => pattern.matches(arn, Case::Exact, env),
            Self::Fields(patterns) => {
                let mut fields = arn.splitn(6, ':');
                Outcome::all(patterns.iter().map(|pattern| match fields.next() {
                    Some(field) => pattern.matches(field, Case::Exact, env),
                    None => Outcome::Differ,
                }))
            }
        }
    }

    /// Whether it names exactly one ARN.
    pub(crate) fn is_literal(&self) -> bool {
        matches!(self, Self::Whole(pattern) if pattern.literal().is_some())
    }
}

/// At most six colon-separated fields; a colon inside `${…}` separates nothing.
fn split_fields(text: &str, variables: bool) -> Vec<&str> {
    let mut fields = Vec::with_capacity(6);
    let (mut start, mut at) = (0, 0);
    while fields.len() < 5 && at < text.len() {
        let rest = &text[at..];
        if variables && let Some(inner) = rest.strip_prefix("${") {
            at += 2 + variable_end(inner).unwrap_or(0);
        } else if rest.starts_with(':') {
            fields.push(&text[start..at]);
            at += 1;
            start = at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    fields.push(&text[start..]);
    fields
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(pattern: &str, text: &str, case: Case) -> bool {
        Pattern::parse(pattern, Syntax { wildcards: true, variables: false }).unwrap().matches_plain(
            text,
            case,
            &Steps::default(),
        )
    }

    #[test]
    fn wildcards() {
        for (pattern, text) in [
            ("*", ""),
            ("a*", "a"),
            ("a*c", "abbc"),
            ("*a*b*", "xaxbx"),
            ("a?c", "aéc"),
            ("**", "x"),
            ("*.jpg", "a.jpg.jpg"),
        ] {
            assert!(plain(pattern, text, Case::Exact), "{pattern} {text}");
        }
        for (pattern, text) in [("a*", "ba"), ("a?c", "ac"), ("*b", "ba"), ("", "x"), ("a", "A"), ("?", "")] {
            assert!(!plain(pattern, text, Case::Exact), "{pattern} {text}");
        }
        assert!(plain("s3:GET*", "s3:getObject", Case::Ignore));
        assert!(!plain("s3:GETX*", "s3:getObject", Case::Ignore));
    }

    #[test]
    fn many_stars_do_not_explode() {
        assert!(!plain(&"*a".repeat(200), &"a".repeat(199), Case::Exact));
        assert!(!plain(&format!("{}b", "a*".repeat(500)), &"a".repeat(2000), Case::Exact));
    }

    #[test]
    fn broken_variables_are_refused() {
        for text in ["${", "${}", "${aws:username", "a${x}b", "${aws:a, b}", "${aws:a,'b}", "${aws:${b}}", "${aws:*}"] {
            assert!(Pattern::parse(text, Syntax { wildcards: true, variables: true }).is_err(), "{text}");
        }
    }

    #[test]
    fn old_documents_have_no_variables() {
        let pattern = Pattern::parse("${aws:username}", Syntax { wildcards: true, variables: false }).unwrap();
        assert_eq!(pattern.literal(), Some("${aws:username}"));
    }

    #[test]
    fn incomplete_arns_are_completed_and_other_texts_are_not_arns() {
        assert!(matches!(ArnPattern::parse("arn:aws:sqs", true), Ok(Some(ArnPattern::Fields(_)))));
        for text in ["bucket", "arn", "arn:aws", "aws:arn:s3:::b", ""] {
            assert_eq!(ArnPattern::parse(text, true), Ok(None), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(pattern in "(\\PC|\\$\\{|\\}|:|,|'){0,20}", text in "\\PC{0,20}") {
            let _ = Pattern::parse(&pattern, Syntax { wildcards: true, variables: true });
            let _ = ArnPattern::parse(&format!("arn:{pattern}"), true);
            let _ = plain(&pattern, &text, Case::Ignore);
        }
    }
}
