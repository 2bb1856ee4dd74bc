//! One event on one line.

use arqueta_audit::Event;

use crate::Error;

/// How events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// As CloudTrail events, one on a line.
    Json,
}

impl Form {
    /// JSON if it was asked for.
    pub fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// The event on one line.
    ///
    /// # Errors
    /// Never for events that were read from a record.
    pub fn show(self, event: &Event) -> Result<String, Error> {
        match self {
            Self::Json => {
                serde_json::to_string(event).map_err(|error| Error::Record(std::io::Error::from(error).into()))
            }
            Self::Text => Ok(text(event)),
        }
    }
}

fn text(event: &Event) -> String {
    let service = event.event_source.trim_end_matches(".amazonaws.com");
    let identity = &event.user_identity;
    let who = identity.arn.as_deref().or(identity.invoked_by.as_deref()).or(identity.account_id.as_deref());
    let mut line = format!(
        "{}  {service}:{}  {}  from {}",
        event.event_time,
        event.event_name,
        who.unwrap_or(&identity.kind),
        event.source_ip_address,
    );
    for resource in &event.resources {
        line.push_str("  on ");
        line.push_str(&resource.arn);
    }
    if let Some(code) = &event.error_code {
        line.push_str("  REFUSED ");
        line.push_str(code);
        if let Some(message) = &event.error_message {
            line.push_str(": ");
            line.push_str(message);
        }
    }
    printable(&line)
}

/// Text of callers may hold anything; a terminal must not act on it.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default().to_string());
            escaped.unwrap_or_else(|| c.to_string()).chars().collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arqueta_audit::EventBuilder;
    use arqueta_model::{Principal, RequestInfo, Timestamp};

    fn event() -> Event {
        let request =
            RequestInfo::new(std::net::Ipv4Addr::LOCALHOST.into(), "test", Timestamp::from_millis(1_767_225_600_000));
        let principal = Principal::root(&"111122223333".parse().unwrap(), "AKIA1");
        EventBuilder::new("kms.amazonaws.com", "Decrypt", &"us-east-1".parse().unwrap(), &principal, &request)
            .resource("AWS::KMS::Key", "arn:aws:kms:us-east-1:111122223333:key/1", "111122223333")
            .error("AccessDenied", "no \u{1b}[31m\nred")
            .build()
    }

    #[test]
    fn a_line_tells_who_did_what_to_what() {
        let line = Form::Text.show(&event()).unwrap();
        assert_eq!(
            line,
            "2026-01-01T00:00:00Z  kms:Decrypt  arn:aws:iam::111122223333:root  from 127.0.0.1  on \
             arn:aws:kms:us-east-1:111122223333:key/1  REFUSED AccessDenied: no \\u{1b}[31m\\nred"
        );
    }

    #[test]
    fn json_is_the_event_itself() {
        let line = Form::Json.show(&event()).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap().event_name, "Decrypt");
        assert!(!line.contains('\n'));
    }
}
