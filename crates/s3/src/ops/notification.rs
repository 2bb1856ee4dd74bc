//! Configuration of event notifications, held to what S3 holds it to (API Reference,
//! PutBucketNotificationConfiguration; User Guide, "Event notification types and destinations"). The
//! engine acts on it.

use arqueta_engine::Error;
use arqueta_engine::notifications::{Access, Destination, Notifications, Rule, expand};
use arqueta_engine::record::{BucketDocument, BucketRecord};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail};
use crate::error::{invalid_argument, of_engine};
use crate::refusal::Detail as _;

/// Most rules of a bucket.
const MOST: usize = 100;
/// Longest value of a filter, in bytes.
const LONGEST_VALUE: usize = 1024;
/// Longest name of a rule, in characters.
const LONGEST_NAME: usize = 255;

/// Events of S3 that never happen here.
const ELSEWHERE: [&str; 11] = [
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:OperationNotTracked",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAnnotation:*",
    "s3:ObjectAcl:*",
    "s3:ObjectAcl:Put",
];

/// GetBucketNotificationConfiguration: an empty one where nobody is told anything.
pub async fn get_bucket_notification_configuration(
    ops: &Operations,
    request: S3Request<GetBucketNotificationConfigurationInput>,
) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let rules = match ops.engine.bucket_settings().document(&name, BucketDocument::Notification).await {
        Ok(document) => Notifications::from_document(&document).map_err(|e| of_engine(&e))?.rules,
        Err(Error::NoSuchDocument(_)) => Vec::new(),
        Err(failure) => return Err(fail(&failure, &request.input.bucket, None)),
    };
    let mut told = GetBucketNotificationConfigurationOutput::default();
    for rule in rules {
        let events = rule.events.into_iter().map(Event::from).collect();
        let filter = filter(rule.prefix, rule.suffix);
        let id = Some(rule.id);
        match rule.destination {
            Destination::Queue => told.queue_configurations.get_or_insert_default().push(QueueConfiguration {
                events,
                filter,
                id,
                queue_arn: rule.arn,
            }),
            Destination::Topic => told.topic_configurations.get_or_insert_default().push(TopicConfiguration {
                events,
                filter,
                id,
                topic_arn: rule.arn,
            }),
            Destination::Function => {
                told.lambda_function_configurations.get_or_insert_default().push(LambdaFunctionConfiguration {
                    events,
                    filter,
                    id,
                    lambda_function_arn: rule.arn,
                });
            }
        }
    }
    Ok(S3Response::new(told))
}

/// PutBucketNotificationConfiguration. An empty one takes it back.
pub async fn put_bucket_notification_configuration(
    ops: &Operations,
    request: S3Request<PutBucketNotificationConfigurationInput>,
) -> S3Result<S3Response<PutBucketNotificationConfigurationOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let asked = &input.notification_configuration;
    call.tell("NotificationConfiguration", asked);
    let name = bucket_name(&input.bucket)?;
    let bucket = ops.engine.buckets().get(&name).await.map_err(|e| fail(&e, &input.bucket, None))?;
    if asked.event_bridge_configuration.is_some() {
        return Err(s3_error!(NotImplemented, "There is no Amazon EventBridge here."));
    }
    let configuration = decode(ops, &bucket, asked)?;
    let test = !input.skip_destination_validation.unwrap_or(false);
    ops.engine
        .bucket_settings()
        .put_notifications(&name, &configuration, test)
        .await
        .map_err(|e| fail(&e, &input.bucket, None))?;
    Ok(S3Response::new(PutBucketNotificationConfigurationOutput::default()))
}

fn filter(prefix: Option<String>, suffix: Option<String>) -> Option<NotificationConfigurationFilter> {
    let rule = |name, value: Option<String>| {
        value.map(|value| FilterRule { name: Some(FilterRuleName::from_static(name)), value: Some(value) })
    };
    let rules: Vec<_> =
        [rule(FilterRuleName::PREFIX, prefix), rule(FilterRuleName::SUFFIX, suffix)].into_iter().flatten().collect();
    (!rules.is_empty())
        .then_some(NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules) }) })
}

fn invalid(message: &str) -> S3Error {
    s3_error!(InvalidArgument, "{}", message)
}

fn decode(ops: &Operations, bucket: &BucketRecord, asked: &NotificationConfiguration) -> S3Result<Notifications> {
    // Before anything else: each rule is held against all others.
    count(asked)?;
    let mut rules: Vec<Rule> = Vec::new();
    let queues = asked.queue_configurations.iter().flatten();
    let topics = asked.topic_configurations.iter().flatten();
    let functions = asked.lambda_function_configurations.iter().flatten();
    let all = queues
        .map(|of| (Destination::Queue, &of.queue_arn, &of.id, &of.events, &of.filter))
        .chain(topics.map(|of| (Destination::Topic, &of.topic_arn, &of.id, &of.events, &of.filter)))
        .chain(functions.map(|of| (Destination::Function, &of.lambda_function_arn, &of.id, &of.events, &of.filter)));
    for (destination, arn, id, events, filter) in all {
        let events = decode_events(events)?;
        let (prefix, suffix) = decode_filter(filter.as_ref())?;
        let target = find(ops, bucket, destination, arn)?;
        let rule =
            Rule { id: decode_id(id.as_deref())?, destination, arn: arn.clone(), target, events, prefix, suffix };
        if rules.iter().any(|other| other.id == rule.id) {
            return Err(invalid("Same ID used for multiple configurations. IDs must be unique"));
        }
        if rules.iter().any(|other| other.overlaps(&rule)) {
            return Err(invalid(
                "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
            ));
        }
        rules.push(rule);
    }
    Ok(Notifications { rules })
}

fn count(asked: &NotificationConfiguration) -> S3Result<()> {
    let queues = asked.queue_configurations.as_ref().map_or(0, Vec::len);
    let topics = asked.topic_configurations.as_ref().map_or(0, Vec::len);
    let functions = asked.lambda_function_configurations.as_ref().map_or(0, Vec::len);
    if queues + topics + functions > MOST {
        return Err(invalid("The notification configuration has more than 100 entries"));
    }
    Ok(())
}

fn decode_id(id: Option<&str>) -> S3Result<String> {
    match id {
        Some(id) if id.chars().count() > LONGEST_NAME => {
            Err(invalid("ID length should not exceed allowed limit of 255"))
        }
        Some(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => Ok(arqueta_model::RequestId::random().to_string()),
    }
}

/// Each event once, in the order they were given: no more than there are names.
fn decode_events(events: &[Event]) -> S3Result<Vec<String>> {
    if events.is_empty() {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let mut names: Vec<String> = Vec::new();
    for event in events {
        let name: &str = event.as_ref();
        if names.iter().any(|known| known == name) {
            continue;
        }
        if ELSEWHERE.contains(&name) {
            return Err(s3_error!(NotImplemented, "{} does not happen here.", name));
        }
        if expand(name).next().is_none() {
            return Err(invalid_argument("The event is not supported for notifications", "Event", name));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// Prefix and suffix. Names are taken in any case, as S3 does.
fn decode_filter(filter: Option<&NotificationConfigurationFilter>) -> S3Result<(Option<String>, Option<String>)> {
    let rules = filter.and_then(|filter| filter.key.as_ref()).and_then(|key| key.filter_rules.as_ref());
    let (mut prefix, mut suffix) = (None, None);
    for rule in rules.into_iter().flatten() {
        let value = rule.value.clone().unwrap_or_default();
        if value.len() > LONGEST_VALUE {
            return Err(invalid("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation"));
        }
        let name = rule.name.as_ref().map(|name| name.as_str().to_ascii_lowercase());
        let (slot, twice) = match name.as_deref() {
            Some(FilterRuleName::PREFIX) => (&mut prefix, "Cannot specify more than one prefix rule in a filter."),
            Some(FilterRuleName::SUFFIX) => (&mut suffix, "Cannot specify more than one suffix rule in a filter."),
            _ => return Err(invalid("filter rule name must be either prefix or suffix")),
        };
        if slot.replace(value).is_some() {
            return Err(invalid(twice));
        }
    }
    Ok((prefix, suffix))
}

/// The target that an ARN names.
fn find(ops: &Operations, bucket: &BucketRecord, destination: Destination, arn: &str) -> S3Result<String> {
    let (service, what) = match destination {
        Destination::Queue => ("sqs", "queue"),
        Destination::Topic => ("sns", "topic"),
        Destination::Function => ("lambda", "function"),
    };
    let mut pieces = arn.splitn(6, ':');
    let is_of = pieces.next() == Some("arn") && pieces.next().is_some() && pieces.next() == Some(service);
    if !is_of || pieces.count() < 3 {
        return Err(invalid_argument("The ARN is not well formed", "ARN", arn));
    }
    let why = match ops.engine.config().notices.targets().find(destination, arn, &bucket.owner) {
        Access::Granted(target) => return Ok(target),
        Access::Denied => {
            format!("Permissions on the destination {what} do not allow S3 to publish notifications from this bucket")
        }
        Access::Unknown => format!("The destination {what} does not exist"),
    };
    Err(invalid("Unable to validate the following destination configurations")
        .detail("ArgumentName1", arn)
        .detail("ArgumentValue1", why))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(name: &str, value: &str) -> FilterRule {
        FilterRule { name: Some(FilterRuleName::from(name.to_owned())), value: Some(value.to_owned()) }
    }

    fn filtered(rules: Vec<FilterRule>) -> S3Result<(Option<String>, Option<String>)> {
        decode_filter(Some(&NotificationConfigurationFilter { key: Some(S3KeyFilter { filter_rules: Some(rules) }) }))
    }

    #[test]
    fn filters_have_one_prefix_and_one_suffix() {
        let both = filtered(vec![rule("Prefix", "a"), rule("suffix", "")]).unwrap();
        assert_eq!(both, (Some("a".to_owned()), Some(String::new())));
        assert_eq!(decode_filter(None).unwrap(), (None, None));
        for (rules, said) in [
            (vec![rule("prefix", "a"), rule("prefix", "b")], "more than one prefix"),
            (vec![rule("suffix", "a"), rule("Suffix", "a")], "more than one suffix"),
            (vec![rule("infix", "a")], "either prefix or suffix"),
            (vec![rule("prefix", &"x".repeat(1025))], "1024 bytes"),
        ] {
            let error = filtered(rules).unwrap_err();
            assert!(error.message().unwrap().contains(said), "{said}");
        }
    }

    #[test]
    fn events_are_known_or_refused_by_name() {
        let names = |names: &[&str]| names.iter().map(|&name| Event::from(name.to_owned())).collect::<Vec<_>>();
        assert_eq!(decode_events(&names(&["s3:ObjectCreated:*"])).unwrap(), ["s3:ObjectCreated:*"]);
        let twice = names(&["s3:ObjectRemoved:*", "s3:ObjectCreated:*", "s3:ObjectRemoved:*"]);
        assert_eq!(decode_events(&twice).unwrap(), ["s3:ObjectRemoved:*", "s3:ObjectCreated:*"]);
        for (given, code) in [
            ("s3:Replication:OperationNotTracked", "NotImplemented"),
            ("s3:ObjectAcl:Put", "NotImplemented"),
            ("s3:ObjectMade:*", "InvalidArgument"),
            ("s3:*", "InvalidArgument"),
        ] {
            assert_eq!(decode_events(&names(&[given])).unwrap_err().code().as_str(), code, "{given}");
        }
        assert_eq!(decode_events(&[]).unwrap_err().code().as_str(), "MalformedXML");
    }

    #[test]
    fn rules_are_counted_before_they_are_read() {
        // None of them could be read: the first thing said is that they are too many.
        let topics = |rules| NotificationConfiguration {
            topic_configurations: Some(vec![TopicConfiguration::default(); rules]),
            queue_configurations: Some(vec![QueueConfiguration::default(); 50]),
            ..Default::default()
        };
        count(&topics(50)).unwrap();
        assert!(count(&topics(51)).unwrap_err().message().unwrap().contains("more than 100"));
    }
}
