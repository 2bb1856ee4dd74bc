//! What a bucket does by itself: keeps what is locked, lets go what is old, tells what happens.

use http::StatusCode;
use maud::{Markup, html};

use crate::client::Fault;
use crate::client::xml::escape;
use crate::screens::property::{Document, add, card, document_card, present, put, read};
use crate::view::{csrf, field, text_field};
use crate::visit::{Fields, Visit};

pub(crate) const LIFECYCLE: Document = Document {
    name: "lifecycle",
    example: "<LifecycleConfiguration>\n  <Rule>\n    <ID>old-versions</ID>\n    <Status>Enabled</Status>\n    <Filter><Prefix></Prefix></Filter>\n    <NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays></NoncurrentVersionExpiration>\n  </Rule>\n</LifecycleConfiguration>",
    nothing: "",
};
pub(crate) const REPLICATION: Document = Document {
    name: "replication",
    example: "<ReplicationConfiguration>\n  <Role>arn:aws:iam::000000000000:role/ROLE</Role>\n  <Rule>\n    <ID>everything</ID>\n    <Priority>1</Priority>\n    <Status>Enabled</Status>\n    <Filter><Prefix></Prefix></Filter>\n    <DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication>\n    <Destination><Bucket>arn:aws:s3:::BUCKET</Bucket></Destination>\n  </Rule>\n</ReplicationConfiguration>",
    nothing: "",
};
pub(crate) const NOTIFICATION: Document = Document {
    name: "notification",
    example: "<NotificationConfiguration>\n  <QueueConfiguration>\n    <Queue>arn:aws:sqs:us-east-1:000000000000:TARGET</Queue>\n    <Event>s3:ObjectCreated:*</Event>\n  </QueueConfiguration>\n</NotificationConfiguration>",
    nothing: "<NotificationConfiguration/>",
};
/// Events that are told of, as S3 groups them.
const EVENTS: [&str; 4] =
    ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:LifecycleExpiration:*"];

/// For how long what is written is kept, whoever wants it gone.
pub(crate) async fn lock_card(visit: &Visit<'_>, bucket: &str, trouble: &Markup) -> Markup {
    let t = visit.t;
    let content = present(read(visit, bucket, "object-lock").await).map(|reply| {
        let document = reply.map(|reply| reply.xml()).unwrap_or_default();
        let is_on = document.text("ObjectLockEnabled") == "Enabled";
        let retention = document.child("Rule").and_then(|rule| rule.child("DefaultRetention")).cloned().unwrap_or_default();
        let mode = retention.text("Mode");
        let is_years = !retention.text("Years").is_empty();
        let period = if is_years { retention.text("Years") } else { retention.text("Days") };
        html! {
            p { span.badge.good[is_on] { (if is_on { t.on } else { t.off }) } " " (t.object_lock_default) }
            div.row {
                (field(t.lock_mode, "lock-mode", t.lock_mode_help, &html! {
                    select id="lock-mode" name="lock-mode" aria-describedby="lock-mode-help" {
                        option value="" { (t.lock_none) }
                        @for known in ["GOVERNANCE", "COMPLIANCE"] { option value=(known) selected[mode == known] { (known) } }
                    }
                }))
                (field(t.lock_period, "lock-period", "", &html! { input id="lock-period" name="lock-period" type="number" min="1" value=(period); }))
                (field(t.lock_unit, "lock-unit", "", &html! {
                    select id="lock-unit" name="lock-unit" {
                        option value="Days" { (t.days) }
                        option value="Years" selected[is_years] { (t.years) }
                    }
                }))
            }
        }
    });
    card(visit, t.object_lock, trouble, &format!("buckets/{bucket}/properties/object-lock"), &content)
}

/// Puts the default retention as the form has it.
pub(crate) async fn put_lock(visit: &Visit<'_>, bucket: &str) -> Result<(), Fault> {
    let (mode, period) = (visit.form.get("lock-mode"), visit.form.trimmed("lock-period"));
    let unit = if visit.form.get("lock-unit") == "Years" { "Years" } else { "Days" };
    let rule = if mode.is_empty() {
        String::new()
    } else {
        let (mode, period) = (escape(mode), escape(period));
        format!("<Rule><DefaultRetention><Mode>{mode}</Mode><{unit}>{period}</{unit}></DefaultRetention></Rule>")
    };
    let document = format!(
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
    );
    put(visit, bucket, "object-lock", document).await
}

/// The rules of lifecycle, and a form for the usual ones.
pub(crate) async fn lifecycle_card(visit: &Visit<'_>, bucket: &str, trouble: &Markup) -> Markup {
    let t = visit.t;
    let number = |label: &str, name: &str| {
        field(
            label,
            name,
            "",
            &html! { input id=(name) name=(name) type="number" min="1" value=(visit.form.get(name)); },
        )
    };
    html! {
        (document_card(visit, bucket, &LIFECYCLE, (t.lifecycle, t.lifecycle_help), trouble).await)
        details.card.more-of open[!visit.form.get("expire-prefix").is_empty()] {
            summary { (t.add_rule) }
            form method="post" action={ "buckets/" (bucket) "/properties/expire" } {
                (csrf(visit))
                (text_field(t.key_begins, "expire-prefix", t.rule_prefix_help, visit.form.get("expire-prefix")))
                div.row {
                    (number(t.expire_days, "expire-days"))
                    (number(t.noncurrent_days, "noncurrent-days"))
                    (number(t.abort_days, "abort-days"))
                }
                button type="submit" { (t.add_rule) }
            }
        }
    }
}

/// One rule of lifecycle.
fn rule(form: &Fields, id: &str) -> Result<String, Fault> {
    let days = |name: &str, around: &dyn Fn(u32) -> String| match form.trimmed(name) {
        "" => Ok(String::new()),
        text => text.parse().map(around).map_err(|_| {
            Fault::own(StatusCode::BAD_REQUEST, "InvalidArgument", "A number of days is a positive integer.")
        }),
    };
    let expire = days("expire-days", &|days| format!("<Expiration><Days>{days}</Days></Expiration>"))?;
    let noncurrent = days("noncurrent-days", &|days| {
        format!("<NoncurrentVersionExpiration><NoncurrentDays>{days}</NoncurrentDays></NoncurrentVersionExpiration>")
    })?;
    let abort = days("abort-days", &|days| {
        format!(
            "<AbortIncompleteMultipartUpload><DaysAfterInitiation>{days}</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
        )
    })?;
    let prefix = escape(form.get("expire-prefix"));
    Ok(format!(
        "  <Rule><ID>{id}</ID><Status>Enabled</Status><Filter><Prefix>{prefix}</Prefix></Filter>{expire}{noncurrent}{abort}</Rule>\n"
    ))
}

/// Adds a rule of lifecycle.
pub(crate) async fn add_rule(visit: &Visit<'_>, bucket: &str) -> Result<(), Fault> {
    let id = format!("console-{}", &crate::session::random()[..8]);
    add(visit, bucket, ("lifecycle", "LifecycleConfiguration"), &rule(&visit.form, &id)?).await
}

/// Who is told of what happens, and a form for one more.
pub(crate) async fn notification_card(visit: &Visit<'_>, bucket: &str, trouble: &Markup) -> Markup {
    let t = visit.t;
    html! {
        (document_card(visit, bucket, &NOTIFICATION, (t.notifications, t.notification_help), trouble).await)
        details.card.more-of open[visit.form.is_on("target")] {
            summary { (t.add_target) }
            form method="post" action={ "buckets/" (bucket) "/properties/notify" } {
                (csrf(visit))
                (text_field(t.target, "target", t.target_help, visit.form.get("target")))
                fieldset.boxes { legend { (t.events) }
                    @for event in EVENTS { label { input type="checkbox" name="event" value=(event) checked[visit.form.all("event").any(|known| known == event)]; " " (event) } }
                }
                (text_field(t.key_begins, "notify-prefix", "", visit.form.get("notify-prefix")))
                (text_field(t.key_ends, "notify-suffix", "", visit.form.get("notify-suffix")))
                button type="submit" { (t.add_target) }
            }
        }
    }
}

/// What has `target` told of the events of the form.
fn target(form: &Fields) -> String {
    let arn = form.trimmed("target");
    // Each kind of target has an element of its own (S3 API Reference, "NotificationConfiguration").
    let (kind, name) = match arn.split(':').nth(2) {
        Some("sns") => ("TopicConfiguration", "Topic"),
        Some("lambda") => ("CloudFunctionConfiguration", "CloudFunction"),
        _ => ("QueueConfiguration", "Queue"),
    };
    let events: String = form.all("event").map(|event| format!("<Event>{}</Event>", escape(event))).collect();
    let filter: String = ["prefix", "suffix"]
        .into_iter()
        .map(|part| (part, form.get(if part == "prefix" { "notify-prefix" } else { "notify-suffix" })))
        .filter(|(_, value)| !value.is_empty())
        .map(|(part, value)| format!("<FilterRule><Name>{part}</Name><Value>{}</Value></FilterRule>", escape(value)))
        .collect();
    let filter = if filter.is_empty() { String::new() } else { format!("<Filter><S3Key>{filter}</S3Key></Filter>") };
    format!("  <{kind}><{name}>{}</{name}>{events}{filter}</{kind}>\n", escape(arn))
}

/// Adds a target.
pub(crate) async fn add_target(visit: &Visit<'_>, bucket: &str) -> Result<(), Fault> {
    add(visit, bucket, ("notification", "NotificationConfiguration"), &target(&visit.form)).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_element_of_its_kind() {
        let of = |arn: &str| {
            target(&Fields::of(&[
                ("target", arn.to_owned()),
                ("event", EVENTS[0].to_owned()),
                ("notify-suffix", "<.jpg".to_owned()),
            ]))
        };
        assert_eq!(
            of("arn:aws:sqs:us-east-1:000000000000:t"),
            "  <QueueConfiguration><Queue>arn:aws:sqs:us-east-1:000000000000:t</Queue><Event>s3:ObjectCreated:*</Event>\
             <Filter><S3Key><FilterRule><Name>suffix</Name><Value>&lt;.jpg</Value></FilterRule></S3Key></Filter></QueueConfiguration>\n"
        );
        assert!(of("arn:aws:sns:us-east-1:000000000000:t").contains("<TopicConfiguration><Topic>"));
        assert!(of("arn:aws:lambda:r:000000000000:function:t").contains("<CloudFunction>"));
    }

    #[test]
    fn a_rule_has_what_was_filled_in() {
        let form =
            |days: &str| Fields::of(&[("expire-prefix", "a&b/".to_owned()), ("noncurrent-days", days.to_owned())]);
        assert_eq!(
            rule(&form("3"), "x").unwrap(),
            "  <Rule><ID>x</ID><Status>Enabled</Status><Filter><Prefix>a&amp;b/</Prefix></Filter>\
             <NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration></Rule>\n"
        );
        assert!(rule(&form("<x>"), "x").is_err());
    }
}
