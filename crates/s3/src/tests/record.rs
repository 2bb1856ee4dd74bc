//! What calls leave in the record.

use arqueta_audit::Event;
use serde_json::{Value, json};

use super::rig::{ACCOUNT, HOST, Rig, presign};

const ALL: &str = "arn:aws:s3:::bucket/*";

fn events(rig: &Rig) -> Vec<Event> {
    rig.audit.inner().take()
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
    assert_eq!(made.error(), (500, "InternalError"));
    assert_eq!(rig.root.get("/bucket?versioning").send(&rig).await.error(), (500, "InternalError"), "reads neither");
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
        let md5 = {
            use base64::Engine as _;
            use s3s::crypto::Checksum as _;
            let mut md5 = s3s::crypto::Md5::new();
            md5.update(document.as_bytes());
            base64::prelude::BASE64_STANDARD.encode(md5.finalize())
        };
        rig.root.post("/bucket?delete").header("content-md5", &md5).body(document)
    };
    assert_eq!(delete(&["other"]).send(&rig).await.status, 200);
    assert!(events(&rig).is_empty());
    assert_eq!(delete(&["other", "logs/1", "logs/2"]).send(&rig).await.status, 200);
    let arns: Vec<_> = only(&rig).resources.into_iter().map(|resource| resource.arn).collect();
    assert_eq!(arns, ["arn:aws:s3:::bucket/logs/1", "arn:aws:s3:::bucket/logs/2", "arn:aws:s3:::bucket"]);
}

#[tokio::test]
async fn nobody_is_an_account_of_that_name() {
    let rig = Rig::with_bucket().await;
    events(&rig);
    let anonymous = http::Request::get("/bucket?versioning").header("host", HOST);
    let answer = rig.send(anonymous.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap()).await;
    assert_eq!(answer.status, 403);
    let event = serde_json::to_value(only(&rig)).unwrap();
    let who = json!({ "type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL" });
    assert_eq!(event["userIdentity"], who);
    assert_eq!(event["recipientAccountId"], ACCOUNT);
    assert_eq!(event["errorCode"], "AccessDenied");
    let nowhere = http::Request::get("/missing?versioning").header("host", HOST);
    rig.send(nowhere.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap()).await;
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
