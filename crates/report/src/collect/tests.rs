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

fn life(second: i64, name: &str, parameters: Value) -> Event {
    kms(second, name, parameters).writes().build()
}

#[test]
fn material_that_is_imported_makes_and_ends_a_state() {
    let states = |events: &[Event]| report(Scope::Everything, None, events).keys[0].state.clone().unwrap_or_default();
    let made = life(0, "CreateKey", json!({"origin": "EXTERNAL", "keySpec": "SYMMETRIC_DEFAULT"}));
    let [import, delete] = ["ImportKeyMaterial", "DeleteImportedKeyMaterial"].map(|name| life(1, name, json!({})));
    let [schedule, cancel] = ["ScheduleKeyDeletion", "CancelKeyDeletion"].map(|name| life(2, name, json!({})));
    let [disable, made] = [life(1, "DisableKey", json!({})), made];
    assert_eq!(states(std::slice::from_ref(&made)), "PendingImport");
    assert_eq!(states(&[made.clone(), import.clone()]), "Enabled");
    assert_eq!(states(&[made.clone(), import.clone(), delete.clone()]), "PendingImport");
    assert_eq!(states(&[made.clone(), schedule.clone(), cancel.clone()]), "PendingImport");
    assert_eq!(states(&[made.clone(), import.clone(), schedule, cancel]), "Disabled");
    assert_eq!(states(&[made, import.clone(), disable, import]), "Disabled");
}

#[test]
fn replicating_a_key_says_nothing_of_the_key_that_was_there() {
    let answer = json!({"replicaKeyMetadata": {"KeySpec": "x", "KeyState": "Creating"}});
    let tags = json!({"tags": [{"TagKey": "owner", "TagValue": "abroad"}]});
    let replicated = kms(5, "ReplicateKey", tags).response(answer).writes().build();
    let key = report(Scope::Everything, None, &[made(), replicated]).keys.remove(0);
    assert_eq!((key.facts["spec"].as_str(), key.facts["made"].as_str()), ("SYMMETRIC_DEFAULT", "2026-01-01T00:00:00Z"));
    assert_eq!((key.state.as_deref(), key.tags["owner"].as_str()), (Some("Enabled"), "=finance"));
}

#[test]
fn an_alias_is_one_keys_at_a_time() {
    let other = "arn:aws:kms:us-east-1:111122223333:key/2";
    let named = json!({"aliasName": "alias/a", "targetKeyId": "2"});
    let moved = kms(2, "UpdateAlias", named).resource(KEY, other, "111122223333").writes().build();
    let created = life(1, "CreateAlias", json!({"aliasName": "alias/a", "targetKeyId": "1"}));
    let keys = report(Scope::Everything, None, &[made(), created, moved]).keys;
    assert_eq!(keys.iter().map(|key| key.aliases.len()).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn re_encrypting_opens_under_one_material_and_seals_under_another() {
    let other = "arn:aws:kms:us-east-1:111122223333:key/2";
    let data = json!({"sourceKeyMaterialId": "from", "destinationKeyMaterialId": "to"});
    let event = kms(2, "ReEncrypt", json!({})).additional(data).resource(KEY, other, "111122223333").build();
    let keys = report(Scope::Everything, None, &[event]).keys;
    let told: Vec<_> =
        keys.iter().flat_map(|key| &key.materials).map(|m| (m.id.as_str(), m.opened, m.sealed)).collect();
    assert_eq!(told, [("from", 1, 0), ("to", 0, 1)]);
}

#[test]
fn who_is_refused_fills_no_report() {
    let mut collector = Collector::new(Scope::Everything, None, None);
    for n in 0..10_050 {
        let arn = format!("arn:aws:s3:::bucket-{n}");
        let event =
            builder(1, "s3.amazonaws.com", "GetBucketPolicy", "111122223333").resource("AWS::S3::Bucket", &arn, "");
        collector.take(&event.error("AccessDenied", "no").build());
    }
    let details = json!({"reason": "AccessDenied", "sourceIPAddress": "192.0.2.1", "count": 77});
    let account = "111122223333".parse().expect("an account");
    let region = "us-east-1".parse().expect("a Region");
    let at = Timestamp::from_millis(1_767_225_600_000);
    collector.take(&EventBuilder::of_service("s3.amazonaws.com", SUMMED, &region, &account, at, details).build());
    let report = collector.finish(Proof::default());
    assert_eq!((report.refused.len(), report.omitted.refused), (10_000, 50 + 77));
    assert!(report.csv().contains("not listed") && report.html().contains("127 refused calls"));
    assert!(report.csv().contains("the record is not proven"));
}

#[test]
fn a_copy_is_of_both_buckets_and_its_version_is_the_new_objects() {
    let event = builder(1, "s3.amazonaws.com", "CopyObject", "111122223333").data().writes();
    let event = event.response(json!({"x-amz-version-id": "new"}));
    let event = event.resource(Resource::S3_OBJECT, "arn:aws:s3:::to/k", "");
    let event = event.resource(Resource::S3_OBJECT, "arn:aws:s3:::from/k", "").build();
    let report = report(Scope::Bucket("from".to_owned()), None, &[event]);
    let told: Vec<_> = report.objects.iter().map(|row| (row.object.as_str(), row.version.as_deref())).collect();
    assert_eq!(told, [("arn:aws:s3:::from/k", None), ("arn:aws:s3:::to/k", Some("new"))]);
}
