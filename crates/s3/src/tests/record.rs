//! What calls leave in the record.

use arqueta_audit::{Event, Resource};
use arqueta_call::S3;
use arqueta_store::{Batch, MetaStore as _, Scan};
use serde_json::{Value, json};

use super::rig::{ACCOUNT, HOST, Rig, anonymous, presign};

const ALL: &str = "arn:aws:s3:::bucket/*";

pub(super) fn events(rig: &Rig) -> Vec<Event> {
    rig.audit.inner().take()
}

/// The next `count` events, which are recorded on their own time.
pub(super) async fn told(rig: &Rig, count: usize) -> Vec<Event> {
    let mut told = Vec::new();
    for _ in 0..1000 {
        told.extend(events(rig));
        if told.len() >= count {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(told.len(), count, "{told:?}");
    told
}

pub(super) fn content_md5(document: &str) -> String {
    use base64::Engine as _;
    use s3s::crypto::Checksum as _;
    let mut md5 = s3s::crypto::Md5::new();
    md5.update(document.as_bytes());
    base64::prelude::BASE64_STANDARD.encode(md5.finalize())
}

fn only(rig: &Rig) -> Event {
    let mut events = events(rig);
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

#[tokio::test]
async fn administration_of_a_bucket_is_an_event_with_its_document() {
    let rig = Rig::with_bucket().await;
    let created = only(&rig);
    assert_eq!((&*created.event_name, created.read_only, created.management_event), ("CreateBucket", false, true));
    assert_eq!(created.resources[0].account_id, ACCOUNT);
    assert_eq!(created.request_parameters, json!({ "bucketName": "bucket", "Host": HOST }));

    let document = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let answer = rig.root.put("/bucket?versioning").body(document).send(&rig).await;
    assert_eq!(answer.status, 200);
    let event = only(&rig);
    assert_eq!((&*event.event_source, &*event.event_name), ("s3.amazonaws.com", "PutBucketVersioning"));
    assert_eq!(event.request_parameters["VersioningConfiguration"], json!({ "Status": "Enabled" }));
    assert_eq!(event.request_parameters["versioning"], "");
    assert_eq!(event.request_id, answer.header("x-amz-request-id").unwrap());
    assert_eq!(event.resources[0].arn, "arn:aws:s3:::bucket");
    let additional = event.additional_event_data.unwrap();
    assert_eq!(additional["AuthenticationMethod"], "AuthHeader");
    assert_eq!(additional["bytesTransferredIn"], document.len());
    assert_eq!(additional["x-amz-id-2"], answer.header("x-amz-id-2").unwrap());

    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Principal": "*",
        "Action": "s3:GetObject", "Resource": ALL }] });
    assert!(rig.root.put("/bucket?policy").body(policy.to_string()).send(&rig).await.status.is_success());
    assert_eq!(only(&rig).request_parameters["bucketPolicy"], policy);
    rig.root.get("/bucket?policy").send(&rig).await;
    let read = only(&rig);
    assert_eq!((&*read.event_name, read.read_only), ("GetBucketPolicy", true));
    rig.root.get("/").send(&rig).await;
    assert_eq!(only(&rig).event_name, "ListBuckets");
}

#[tokio::test]
async fn changes_are_announced_before_they_take_effect_and_reads_are_not() {
    let rig = Rig::with_bucket().await;
    rig.root.get("/bucket?versioning").send(&rig).await;
    rig.root.put("/bucket/k").body("x").send(&rig).await;
    let announced: Vec<_> = rig.audit.inner().announced().into_iter().map(|event| event.event_name).collect();
    assert_eq!(announced, ["CreateBucket"]);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done_and_not_answered() {
    let rig = Rig::with_bucket().await;
    rig.audit.fail(true);
    let made = rig.root.put("/unrecorded").send(&rig).await;
    // The sink's disk is full.
    let full = (507, "InsufficientStorage");
    assert_eq!(made.error(), full);
    assert_eq!(rig.root.get("/bucket?versioning").send(&rig).await.error(), full, "reads neither");
    assert_eq!(rig.root.get("/bucket/none").send(&rig).await.error(), (404, "NoSuchKey"), "unselected calls go on");
    rig.audit.fail(false);
    assert_eq!(rig.root.get("/unrecorded?versioning").send(&rig).await.error(), (404, "NoSuchBucket"));
}

#[tokio::test]
async fn refusals_are_events_of_who_was_refused() {
    let rig = Rig::with_bucket().await;
    let user = rig.identities.user("user", &[("s3:GetObject", ALL, "{}")]).await;
    events(&rig);
    assert_eq!(user.put("/bucket?versioning").body("<x/>").send(&rig).await.error(), (403, "AccessDenied"));
    let event = only(&rig);
    assert_eq!((&*event.event_name, event.error_code.as_deref()), ("PutBucketVersioning", Some("AccessDenied")));
    assert!(event.error_message.unwrap().contains("s3:PutBucketVersioning"));
    assert_eq!(event.user_identity.user_name.as_deref(), Some("user"));
    assert_eq!(rig.audit.inner().announced().len(), 1, "only the bucket itself was announced");

    rig.root.get("/missing?cors").send(&rig).await;
    assert_eq!(only(&rig).error_code.as_deref(), Some("NoSuchBucket"));

    let mut stranger = user.clone();
    stranger.secret = "another".to_owned();
    assert_eq!(stranger.get("/bucket?cors").send(&rig).await.error().0, 403);
    assert!(events(&rig).is_empty(), "nobody is known to have asked");
}

#[tokio::test]
async fn objects_are_recorded_where_they_are_selected_and_nowhere_else() {
    let rig = Rig::with_bucket().await;
    events(&rig);
    *rig.selected.0.lock().unwrap() = Some("bucket/logs/");
    for uri in ["/bucket/other", "/bucket/logs/1"] {
        assert_eq!(rig.root.put(uri).body("body").send(&rig).await.status, 200);
    }
    let event = only(&rig);
    assert_eq!((&*event.event_name, event.management_event, &*event.event_category), ("PutObject", false, "Data"));
    assert_eq!(event.request_parameters["key"], "logs/1");
    assert_eq!(event.resources[0].arn, "arn:aws:s3:::bucket/logs/1");
    assert_eq!(event.response_elements["x-amz-server-side-encryption"], "AES256");
    assert_eq!(rig.root.get("/bucket/logs/1").send(&rig).await.text(), "body");
    let event = only(&rig);
    assert_eq!((&*event.event_name, event.read_only), ("GetObject", true));
    assert_eq!(event.additional_event_data.unwrap()["bytesTransferredOut"], 4);
    rig.root.get("/bucket/logs/none").send(&rig).await;
    assert_eq!(only(&rig).error_code.as_deref(), Some("NoSuchKey"));

    let delete = |keys: &[&str]| {
        let objects: String = keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
        let document = format!("<Delete>{objects}</Delete>");
        rig.root.post("/bucket?delete").header("content-md5", &content_md5(&document)).body(document)
    };
    assert_eq!(delete(&["other"]).send(&rig).await.status, 200);
    assert!(events(&rig).is_empty());
    assert_eq!(delete(&["other", "logs/1", "logs/2"]).send(&rig).await.status, 200);
    let arns: Vec<_> = only(&rig).resources.into_iter().map(|resource| resource.arn).collect();
    assert_eq!(arns, ["arn:aws:s3:::bucket/logs/1", "arn:aws:s3:::bucket/logs/2", "arn:aws:s3:::bucket"]);
}

/// Of which objects a DeleteObjects is only its body says. Their event is in the first commit all the
/// same, so that one sync does for both.
#[tokio::test]
async fn a_delete_of_selected_objects_is_told_by_its_own_commit() {
    let rig = Rig::with_bucket().await;
    let keys: Vec<String> = (0..999).map(|n| format!("logs/{n:04}/{}", "x".repeat(60))).collect();
    for key in ["other", &keys[0], &keys[998]] {
        assert_eq!(rig.root.put(&format!("/bucket/{key}")).body("x").send(&rig).await.status, 200);
    }
    let carried = async || {
        let found = rig.rows.scan(Scan::prefix(b"audit/told/", 100)).await.unwrap();
        let gone = found.iter().fold(Batch::default(), |batch, (key, _)| batch.delete(key.clone()));
        rig.rows.commit(gone).await.unwrap();
        found.iter().map(|(_, line)| serde_json::from_slice(line).unwrap()).collect::<Vec<Event>>()
    };
    carried().await;
    events(&rig);
    *rig.selected.0.lock().unwrap() = Some("bucket/logs/");
    let delete = async |keys: &[String]| {
        let objects: String = keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
        let document = format!("<Delete>{objects}</Delete>");
        let md5 = content_md5(&document);
        assert_eq!(
            rig.root.post("/bucket?delete").header("content-md5", &md5).body(document).send(&rig).await.status,
            200
        );
    };
    delete(&["other".to_owned()]).await;
    assert_eq!((carried().await.len(), events(&rig).len()), (0, 0), "nobody selected it");
    delete(&[&["other".to_owned()], &keys[..]].concat()).await;
    let (mut begun, told) = (carried().await, events(&rig));
    assert!(told.len() > 1, "more than one event can name");
    begun.sort_by_key(|event| event.resources[0].arn.clone());
    let resources = |events: &[Event]| events.iter().map(|event| event.resources.clone()).collect::<Vec<_>>();
    assert_eq!(resources(&begun), resources(&told));
    let named = told.iter().flat_map(|event| &event.resources).filter(|it| it.kind == Resource::S3_OBJECT);
    assert!(named.map(|it| it.arn.clone()).eq(keys.iter().map(|key| format!("arn:aws:s3:::bucket/{key}"))));
}

/// More than a commit should carry is announced before it, and nothing is deleted where that fails.
#[tokio::test]
async fn a_delete_that_takes_many_events_is_announced_before_it_takes_effect() {
    let rig = Rig::with_bucket().await;
    let keys: Vec<String> = (0..400).map(|n| format!("logs/{n:04}/{}", "x".repeat(900))).collect();
    let last = format!("/bucket/{}", keys[399]);
    assert_eq!(rig.root.put(&last).body("x").send(&rig).await.status, 200);
    events(&rig);
    *rig.selected.0.lock().unwrap() = Some("bucket/logs/");
    let objects: String = keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
    let document = format!("<Delete>{objects}</Delete>");
    let delete = || {
        rig.root.post("/bucket?delete").header("content-md5", &content_md5(&document)).body(document.clone()).send(&rig)
    };
    rig.audit.fail(true);
    assert_eq!(delete().await.error(), (507, "InsufficientStorage"));
    rig.audit.fail(false);
    *rig.selected.0.lock().unwrap() = None;
    assert_eq!(rig.root.get(&last).send(&rig).await.status, 200, "it is still there");
    *rig.selected.0.lock().unwrap() = Some("bucket/logs/");
    let before = rig.audit.inner().announced().len();
    assert_eq!(delete().await.status, 200);
    let (begun, told) = (rig.audit.inner().announced().split_off(before), events(&rig));
    assert!(told.len() > arqueta_audit::PIECES, "{}", told.len());
    let resources = |events: &[Event]| events.iter().map(|event| event.resources.clone()).collect::<Vec<_>>();
    assert_eq!(resources(&begun), resources(&told));
}

/// Of Object Lambda there is nothing, and the call is in the record; in a bucket it is a key like others.
#[tokio::test]
async fn what_an_object_lambda_asks_is_told_and_is_a_key_where_the_host_names_a_bucket() {
    let rig = Rig::with_bucket().await;
    events(&rig);
    *rig.selected.0.lock().unwrap() = Some("");
    assert_eq!(rig.root.post("/WriteGetObjectResponse").send(&rig).await.error(), (501, "NotImplemented"));
    let event = only(&rig);
    assert_eq!((&*event.event_name, event.error_code.as_deref()), ("WriteGetObjectResponse", Some("NotImplemented")));
    let begun = rig.root.post("/WriteGetObjectResponse?uploads").host("bucket.localhost:9000").send(&rig).await;
    assert_eq!((begun.status.as_u16(), begun.element("Key")), (200, Some("WriteGetObjectResponse")));
}

#[tokio::test]
async fn nobody_is_an_account_of_that_name() {
    let rig = Rig::with_bucket().await;
    events(&rig);
    let anonymous = http::Request::get("/bucket?versioning").header("host", HOST);
    let answer = rig.send(anonymous.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap()).await;
    assert_eq!(answer.status, 403);
    let event = serde_json::to_value(told(&rig, 1).await.remove(0)).unwrap();
    let who = json!({ "type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL" });
    assert_eq!(event["userIdentity"], who);
    assert_eq!(event["recipientAccountId"], ACCOUNT);
    assert_eq!(event["errorCode"], "AccessDenied");
    let nowhere = http::Request::get("/missing?versioning").header("host", HOST);
    rig.send(nowhere.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap()).await;
    tokio::task::yield_now().await;
    assert!(events(&rig).is_empty(), "no account is concerned");
}

#[tokio::test]
async fn no_secret_of_a_request_is_recorded() {
    let rig = Rig::with_bucket().await;
    *rig.selected.0.lock().unwrap() = Some("bucket/");
    let key = "a2V5IGtleSBrZXkga2V5IGtleSBrZXkga2V5IGtleSE=";
    rig.root
        .put("/bucket/k")
        .header("x-amz-server-side-encryption-customer-algorithm", "AES256")
        .header("x-amz-server-side-encryption-customer-key", key)
        .header("x-amz-meta-note", "private note")
        .body("the plaintext of the object")
        .send(&rig)
        .await;
    let url = presign(&rig.root, "GET", "/bucket/k", true);
    let signature = url.split("X-Amz-Signature=").nth(1).unwrap()[..64].to_owned();
    rig.send(
        http::Request::get(&*url).header("host", HOST).body(http_body_util::Full::<bytes::Bytes>::default()).unwrap(),
    )
    .await;
    let text = serde_json::to_string(&events(&rig)).unwrap();
    assert!(text.contains("QueryString"), "{text}");
    for secret in [key, "private note", "the plaintext", &*signature, &*rig.root.secret, "X-Amz-Signature"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let parameters: Value = serde_json::from_str(&text).unwrap();
    assert!(parameters.is_array());
}

/// What s3s makes of a document decides what is deleted; whatever that is, the record names it.
#[tokio::test]
async fn a_delete_is_seen_however_its_document_is_written() {
    let rig = Rig::with_bucket().await;
    *rig.selected.0.lock().unwrap() = Some("bucket/secret/");
    let secret = "secret/payroll.csv";
    for document in [
        format!("<Delete><Object><Key>{secret}</Key></Object></Delete>"),
        format!("<Delete><Object><Key a=\"b\">{secret}</Key></Object></Delete>"),
        format!("<Delete><Object><Key xml:space=\"preserve\">{secret}</Key></Object></Delete>"),
        format!("<!DOCTYPE Delete><Delete><Object><Key>{secret}</Key></Object></Delete>"),
        format!("<Delete x><Object><Key>{secret}</Key></Object></Delete>"),
        format!("<Delete a=\"1\" a=\"2\"><Object><Key>{secret}</Key></Object></Delete>"),
        format!("<Delete><Object><Key><![CDATA[public/]]>{secret}</Key></Object></Delete>"),
        "<Delete><Object><Key>secret&#x2f;payroll.csv</Key></Object></Delete>".to_owned(),
    ] {
        rig.root.put(&format!("/bucket/{secret}")).body("x").send(&rig).await;
        events(&rig);
        let md5 = content_md5(&document);
        let answer =
            rig.root.post("/bucket?delete").header("content-md5", &md5).body(document.clone()).send(&rig).await;
        let named: Vec<_> = events(&rig).into_iter().flat_map(|event| event.resources).map(|r| r.arn).collect();
        let gone = rig.root.get(&format!("/bucket/{secret}")).send(&rig).await.status == 404;
        assert!(!gone || named.contains(&format!("arn:aws:s3:::bucket/{secret}")), "{document}: {named:?}");
        assert!(gone || answer.status == 400 || !answer.text().contains(secret), "{document}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_configuration_in_force_is_the_one_recorded() {
    let rig = Rig::with_bucket().await;
    events(&rig);
    let document = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>\
         <SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>KEY<![CDATA[ (approved)]]></KMSMasterKeyID>\
         </ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
    let answer = rig.root.put("/bucket?encryption").body(document).send(&rig).await;
    let event = only(&rig);
    if answer.status == 200 {
        let recorded = &event.request_parameters["ServerSideEncryptionConfiguration"]["Rule"];
        let recorded = recorded["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"].as_str().unwrap();
        let read = rig.root.get("/bucket?encryption").send(&rig).await;
        assert_eq!(read.element("KMSMasterKeyID"), Some(recorded));
    } else {
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(!event.request_parameters.to_string().contains("approved"));
    }
}

#[tokio::test]
async fn copies_out_of_a_watched_prefix_are_seen() {
    let rig = Rig::with_bucket().await;
    rig.root.put("/other").send(&rig).await;
    rig.root.put("/bucket/secret/1").body("x").send(&rig).await;
    *rig.selected.0.lock().unwrap() = Some("bucket/secret/");
    events(&rig);
    let copy = |to: &str| rig.root.put(to).header("x-amz-copy-source", "/bucket/secret/1");
    assert_eq!(copy("/other/copy").send(&rig).await.status, 200);
    let event = only(&rig);
    assert_eq!((&*event.event_name, event.read_only), ("CopyObject", false));
    let arns: Vec<_> = event.resources.iter().map(|resource| &*resource.arn).collect();
    let wanted =
        ["arn:aws:s3:::other/copy", "arn:aws:s3:::bucket/secret/1", "arn:aws:s3:::bucket", "arn:aws:s3:::other"];
    assert_eq!(arns, wanted);
    assert!(event.resources[2..].iter().all(|bucket| bucket.account_id == ACCOUNT));

    let upload = rig.root.post("/other/parts?uploads").send(&rig).await;
    let id = upload.element("UploadId").unwrap().to_owned();
    assert_eq!(copy(&format!("/other/parts?partNumber=1&uploadId={id}")).send(&rig).await.status, 200);
    assert_eq!(only(&rig).event_name, "UploadPartCopy");

    let user = rig.identities.user("user", &[("s3:PutObject", "*", "{}")]).await;
    let refused = user.put("/other/k").header("x-amz-copy-source", "/bucket/secret/1").send(&rig).await;
    assert_eq!(refused.error(), (403, "AccessDenied"));
    assert_eq!(only(&rig).error_code.as_deref(), Some("AccessDenied"), "attempts, too");
    rig.root.put("/other/unwatched").header("x-amz-copy-source", "/other/copy").send(&rig).await;
    assert!(events(&rig).is_empty());
}

#[tokio::test]
async fn what_nobody_signed_fills_no_record() {
    let rig = Rig::with_bucket().await;
    events(&rig);
    for n in 0..40 {
        let uri = format!("/bucket?policy&{}{n}", "%01".repeat(5000));
        assert_eq!(anonymous("GET", &uri).send(&rig).await.error(), (403, "AccessDenied"));
    }
    let told = told(&rig, 10).await;
    let size: usize = told.iter().map(|event| serde_json::to_string(event).unwrap().len()).sum();
    assert!(size < 10 * 16 * 1024, "{size}");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(events(&rig).is_empty(), "the rest is counted");
    rig.clock.advance(std::time::Duration::from_secs(60));
    let more = self::told(&rig, 1).await.remove(0);
    assert_eq!((&*more.event_name, &*more.event_type), ("AnonymousRequestsRefused", "AwsServiceEvent"));
    assert_eq!(more.recipient_account_id, ACCOUNT);
    let details = json!({ "reason": "AccessDenied", "sourceIPAddress": "127.0.0.1", "count": 30 });
    assert_eq!(more.service_event_details, Some(details));
    // Who signs is not concerned.
    rig.root.get("/bucket?policy").send(&rig).await;
    assert_eq!(only(&rig).event_name, "GetBucketPolicy");
}

/// Where S3 Control is asked for what an account blocks.
const OF_ACCOUNT: &str = "/v20180820/configuration/publicAccessBlock";

/// Every operation that administers a bucket and is served, by the table.
#[tokio::test]
async fn every_change_to_a_bucket_is_announced_and_recorded() {
    let rig = Rig::with_bucket().await;
    let requests = [
        ("CreateBucket", "PUT", "/another"),
        ("DeleteBucketAnalyticsConfiguration", "DELETE", "/bucket?analytics&id=a"),
        ("DeleteBucketCors", "DELETE", "/bucket?cors"),
        ("DeleteBucketIntelligentTieringConfiguration", "DELETE", "/bucket?intelligent-tiering&id=a"),
        ("DeleteBucketInventoryConfiguration", "DELETE", "/bucket?inventory&id=a"),
        ("DeleteBucketLifecycle", "DELETE", "/bucket?lifecycle"),
        ("DeleteBucketMetadataConfiguration", "DELETE", "/bucket?metadataConfiguration"),
        ("DeleteBucketMetadataTableConfiguration", "DELETE", "/bucket?metadataTable"),
        ("DeleteBucketMetricsConfiguration", "DELETE", "/bucket?metrics&id=a"),
        ("DeleteBucketOwnershipControls", "DELETE", "/bucket?ownershipControls"),
        ("DeleteBucketReplication", "DELETE", "/bucket?replication"),
        ("PutBucketReplication", "PUT", "/bucket?replication"),
        ("DeleteBucketWebsite", "DELETE", "/bucket?website"),
        ("PutBucketAccelerateConfiguration", "PUT", "/bucket?accelerate"),
        ("PutBucketNotificationConfiguration", "PUT", "/bucket?notification"),
        ("PutBucketRequestPayment", "PUT", "/bucket?requestPayment"),
        ("DeleteBucketEncryption", "DELETE", "/bucket?encryption"),
        ("DeleteBucketPolicy", "DELETE", "/bucket?policy"),
        ("DeleteBucketTagging", "DELETE", "/bucket?tagging"),
        ("DeletePublicAccessBlock", "DELETE", "/bucket?publicAccessBlock"),
        ("DeleteAccountPublicAccessBlock", "DELETE", OF_ACCOUNT),
        ("PutAccountPublicAccessBlock", "PUT", OF_ACCOUNT),
        ("PutBucketAcl", "PUT", "/bucket?acl"),
        ("PutBucketCors", "PUT", "/bucket?cors"),
        ("PutBucketLifecycleConfiguration", "PUT", "/bucket?lifecycle"),
        ("PutBucketEncryption", "PUT", "/bucket?encryption"),
        ("PutBucketOwnershipControls", "PUT", "/bucket?ownershipControls"),
        ("PutBucketPolicy", "PUT", "/bucket?policy"),
        ("PutBucketTagging", "PUT", "/bucket?tagging"),
        ("PutBucketVersioning", "PUT", "/bucket?versioning"),
        ("PutBucketWebsite", "PUT", "/bucket?website"),
        ("PutObjectLockConfiguration", "PUT", "/bucket?object-lock"),
        ("PutPublicAccessBlock", "PUT", "/bucket?publicAccessBlock"),
        ("DeleteBucket", "DELETE", "/bucket"),
    ];
    for row in S3::rows().iter().filter(|row| row.is_announced()) {
        assert!(requests.iter().any(|(name, ..)| *name == row.name), "{}", row.name);
    }
    let mut announced = rig.audit.inner().announced().len();
    for (operation, method, uri) in requests {
        events(&rig);
        let draft = if method == "PUT" { rig.root.put(uri) } else { rig.root.delete(uri) };
        let draft = if uri == OF_ACCOUNT { draft.header("x-amz-account-id", ACCOUNT) } else { draft };
        let answer = draft.body(if uri.ends_with("another") { "" } else { "<x/>" }).send(&rig).await;
        announced += 1;
        let (told, event) = (rig.audit.inner().announced(), only(&rig));
        assert_eq!(told.len(), announced, "{operation} is announced: {}", answer.text());
        let last = told.last().unwrap();
        assert_eq!((&last.event_name, &last.request_id), (&event.event_name, &event.request_id), "{operation}");
        assert!(!event.read_only, "{operation}");
    }
}
