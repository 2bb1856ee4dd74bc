use arqueta_audit::EventBuilder;
use arqueta_model::{Principal, RequestId, RequestInfo, Timestamp};
use serde_json::json;

use super::*;

const KEY_ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/1";

fn builder(second: i64, source: &str, name: &str, account: &str) -> EventBuilder {
    let request = RequestInfo {
        id: RequestId::random(),
        source_ip: std::net::Ipv4Addr::LOCALHOST.into(),
        user_agent: "test".into(),
        secure_transport: false,
        tls: None,
        received: Timestamp::from_millis((1_767_225_600 + second) * 1_000),
        via_service: None,
    };
    let principal = Principal::root(&account.parse().expect("an account"), "AKIA1");
    EventBuilder::new(source, name, &"us-east-1".parse().expect("a Region"), &principal, &request)
}

fn kms(second: i64, name: &str, parameters: Value) -> EventBuilder {
    let Value::Object(parameters) = parameters else { panic!("parameters are an object") };
    let event = builder(second, "kms.amazonaws.com", name, "111122223333").parameters(parameters);
    event.resource(KEY, KEY_ARN, "111122223333")
}

fn made() -> Event {
    let answer = json!({"keyMetadata": {"KeySpec": "SYMMETRIC_DEFAULT", "KeyState": "Enabled", "Origin": "AWS_KMS"}});
    let tags = json!({"tags": [{"TagKey": "owner", "TagValue": "=finance"}]});
    kms(0, "CreateKey", tags).response(answer).writes().build()
}

fn decrypt(second: i64, material: &str) -> Event {
    let context = json!({"encryptionContext": {"aws:s3:arn": "arn:aws:s3:::ledgers/2026"}});
    kms(second, "Decrypt", context).additional(json!({"keyMaterialId": material})).build()
}

fn report(scope: Scope, from: Option<&str>, events: &[Event]) -> Report {
    let mut collector = Collector::new(scope, from.map(str::to_owned), Some("2026-01-01T01:00:00Z".to_owned()));
    events.iter().for_each(|event| collector.take(event));
    collector.finish(Proof { valid: true, ..Proof::default() })
}

#[test]
fn a_key_is_told_with_its_facts_materials_uses_and_changes() {
    let events = [
        made(),
        decrypt(1, "old"),
        kms(2, "DisableKey", json!({})).writes().build(),
        kms(3, "UntagResource", json!({"tagKeys": ["owner"]})).writes().build(),
        decrypt(4, "new"),
        decrypt(5, "old"),
        kms(6, "Decrypt", json!({})).error("DisabledException", "is disabled").build(),
        decrypt(3_600, "after the period"),
    ];
    let report = report(Scope::Key("key/1".to_owned()), None, &events);
    let [key] = &report.keys[..] else { panic!("{:?}", report.keys) };
    assert_eq!((key.facts["spec"].as_str(), key.state.as_deref()), ("SYMMETRIC_DEFAULT", Some("Disabled")));
    assert!(key.tags.is_empty());
    let materials: Vec<_> = key.materials.iter().map(|m| (m.id.as_str(), m.opened, m.last.as_str())).collect();
    assert_eq!(materials, [("old", 2, "2026-01-01T00:00:05Z"), ("new", 1, "2026-01-01T00:00:04Z")]);
    let [used] = &key.uses[..] else { panic!("{:?}", key.uses) };
    assert_eq!((used.what.as_str(), used.count, used.bucket.as_deref()), ("kms:Decrypt", 3, Some("ledgers")));
    assert_eq!(
        key.changes.iter().map(|act| act.what.as_str()).collect::<Vec<_>>(),
        ["kms:CreateKey", "kms:DisableKey", "kms:UntagResource"]
    );
    assert_eq!((report.refused[0].code.as_str(), report.refused[0].count), ("DisabledException", 1));
}

#[test]
fn what_a_key_is_was_told_before_the_period() {
    let report = report(Scope::Bucket("ledgers".to_owned()), Some("2026-01-01T00:00:01Z"), &[made(), decrypt(1, "m")]);
    assert_eq!(report.keys[0].tags["owner"], "=finance");
    assert!(report.keys[0].changes.is_empty());
    assert_eq!(report.keys[0].uses[0].count, 1);
    assert!(report.csv().lines().all(|line| !line.split(',').any(|field| field.starts_with('='))));
}

#[test]
fn the_copies_of_a_call_between_accounts_are_one_call() {
    let call =
        builder(1, "kms.amazonaws.com", "Encrypt", "444455556666").resource(KEY, KEY_ARN, "111122223333").build();
    let copies = call.for_accounts([&"111122223333".parse().expect("an account")]);
    assert_eq!(copies.len(), 2);
    let report = report(Scope::Everything, None, &copies);
    assert_eq!(report.keys[0].uses.iter().map(|used| used.count).sum::<u64>(), 1);
    assert!(report.keys[0].uses[0].principal.contains("444455556666"));
}

#[test]
fn the_same_record_gives_the_same_bytes_and_nobodys_name_is_markup() {
    let events = [kms(1, "<script>alert(1)</script>", json!({"a": "</td><img src=x>"})).writes().build()];
    let page = report(Scope::Everything, None, &events).html();
    assert_eq!(page, report(Scope::Everything, None, &events).html());
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
}

#[test]
fn objects_are_told_by_version_where_data_events_are() {
    let get = |second| {
        let parameters = json!({"bucketName": "ledgers", "key": "a", "versionId": "v1"});
        let Value::Object(parameters) = parameters else { unreachable!() };
        let event = builder(second, "s3.amazonaws.com", "GetObject", "111122223333").parameters(parameters).data();
        event.resource(Resource::S3_OBJECT, "arn:aws:s3:::ledgers/a", "").build()
    };
    let report = report(Scope::Everything, None, &[get(1), get(2)]);
    let [object] = &report.objects[..] else { panic!("{:?}", report.objects) };
    assert_eq!(
        (object.version.as_deref(), object.count, object.last.as_str()),
        (Some("v1"), 2, "2026-01-01T00:00:02Z")
    );
}
