//! `arqueta audit search`: events by who, what, when, with which key, and how it ended.

use std::collections::HashMap;
use std::io::Write;

use arqueta_audit::{Entries, Entry, Event};
use clap::Args;
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime, UtcOffset};

use super::line::Form;
use super::{folder, warn_of, write};
use crate::{Config, Error};

#[derive(Debug, Default, Args)]
pub struct SearchArgs {
    /// Part of the caller's ARN, user name, principal id or access key id.
    #[arg(long, value_name = "TEXT")]
    user: Option<String>,

    /// Name of the operation, such as Decrypt, in any case; `*` stands for anything.
    #[arg(long, value_name = "NAME")]
    event: Option<String>,

    /// Part of the ARN, id or alias of a KMS key that the call touched or named.
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,

    /// Part of the ARN of any resource that the call touched.
    #[arg(long, value_name = "TEXT")]
    resource: Option<String>,

    /// Not before this time: 2026-11-21 or 2026-11-21T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<OffsetDateTime>,

    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<OffsetDateTime>,

    /// Error code, such as AccessDenied; `*` for any, `-` for calls that succeeded.
    #[arg(long, value_name = "CODE")]
    error: Option<String>,

    /// Account that the event belongs to.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,

    /// Instead: changes that were about to happen and whose outcome was never recorded.
    #[arg(long)]
    unfinished: bool,

    /// Show CloudTrail events as JSON, one on a line.
    #[arg(long)]
    json: bool,
}

/// A day or an instant; a day begins at midnight UTC.
pub(super) fn moment(text: &str) -> Result<OffsetDateTime, String> {
    let day = time::macros::format_description!("[year]-[month]-[day]");
    OffsetDateTime::parse(text, &Rfc3339)
        .map(|at| at.to_offset(UtcOffset::UTC))
        .or_else(|_| Date::parse(text, &day).map(|day| day.midnight().assume_utc()))
        .map_err(|_| "a time is a day like 2026-11-21 or an instant like 2026-11-21T08:00:00Z".to_owned())
}

impl SearchArgs {
    pub fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let form = Form::of(self.json);
        // Announced, and not an event yet, in the order of announcement.
        let mut open: HashMap<String, Vec<(usize, Event)>> = HashMap::new();
        let mut entries = Entries::open(folder(config), None).map_err(Error::Record)?;
        for (at, entry) in entries.by_ref().enumerate() {
            match entry.map_err(Error::Record)? {
                Entry::Announced(event) if self.unfinished => {
                    open.entry(event.request_id.clone()).or_default().push((at, event));
                }
                Entry::Event(event) if self.unfinished => {
                    if let Some(begun) = open.get_mut(&event.request_id) {
                        // A call on many objects is announced in pieces, each of which has an event.
                        begun.retain(|(_, begun)| !begun.management_event && begun.resources != event.resources);
                        if begun.is_empty() {
                            open.remove(&event.request_id);
                        }
                    }
                    if event.lacks_outcome() {
                        open.entry(event.event_id.clone()).or_default().push((at, event));
                    }
                }
                Entry::Event(event) if self.wants(&event) => write(out, &form.show(&event)?)?,
                _ => {}
            }
        }
        warn_of(entries.skipped());
        let mut open: Vec<_> = open.into_values().flatten().filter(|(_, event)| self.wants(event)).collect();
        open.sort_by_key(|(at, _)| *at);
        open.iter().try_for_each(|(_, event)| write(out, &form.show(event)?))
    }

    fn wants(&self, event: &Event) -> bool {
        self.wants_time(event)
            && self.wants_caller(event)
            && self.wants_resources(event)
            && self.event.as_deref().is_none_or(|name| matches(name, &event.event_name))
            && self.account.as_ref().is_none_or(|account| event.recipient_account_id == *account)
            && match (self.error.as_deref(), event.error_code.as_deref()) {
                (None, _) | (Some("-"), None) => true,
                (Some(wanted), Some(code)) => matches(wanted, code),
                (Some(_), None) => false,
            }
    }

    fn wants_time(&self, event: &Event) -> bool {
        if self.from.is_none() && self.to.is_none() {
            return true;
        }
        OffsetDateTime::parse(&event.event_time, &Rfc3339)
            .is_ok_and(|at| self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to))
    }

    fn wants_caller(&self, event: &Event) -> bool {
        let identity = &event.user_identity;
        let names = [&identity.arn, &identity.user_name, &identity.principal_id, &identity.access_key_id];
        self.user.as_deref().is_none_or(|wanted| names.into_iter().flatten().any(|name| name.contains(wanted)))
    }

    fn wants_resources(&self, event: &Event) -> bool {
        let touches = |wanted: &str, kind: Option<&str>| {
            event.resources.iter().any(|r| r.arn.contains(wanted) && kind.is_none_or(|kind| r.kind == kind))
        };
        let names_key = |wanted: &str| {
            let named = event.request_parameters.get("keyId").and_then(|id| id.as_str());
            named.is_some_and(|named| named.contains(wanted))
        };
        self.resource.as_deref().is_none_or(|wanted| touches(wanted, None))
            && self.key.as_deref().is_none_or(|wanted| touches(wanted, Some("AWS::KMS::Key")) || names_key(wanted))
    }
}

/// Whether `name` fits `pattern`, in any case. A star stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase(), name.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name, fits) in [
            ("decrypt", "Decrypt", true),
            ("Decrypt", "ReEncrypt", false),
            ("*crypt", "ReEncrypt", true),
            ("Put*Policy", "PutKeyPolicy", true),
            ("Put*Policy", "PutKeyPolicyX", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn times_are_days_or_instants() {
        assert_eq!(moment("2026-01-01").unwrap().unix_timestamp(), 1_767_225_600);
        assert_eq!(moment("2026-01-01T01:00:00+01:00").unwrap().unix_timestamp(), 1_767_225_600);
        for bad in ["", "yesterday", "2026-13-01", "2026-01-01T00:00", "2026-01-01T00:00:00"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
