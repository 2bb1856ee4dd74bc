//! Replicas that another gateway hands over.

use arqueta_model::{Clock as _, VersionId};

use super::record::{events, told};
use super::rig::{Answer, Draft, Rig, Signer, anonymous, presign};

const ALL: &str = "arn:aws:s3:::bucket/*";

async fn rig() -> Rig {
    let rig = Rig::with_bucket().await;
    let document = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(rig.root.put("/bucket?versioning").body(document).send(&rig).await.status, 200);
    rig
}

/// An id of a minute ago.
fn id(rig: &Rig, rest: u8) -> String {
    let mut bytes = [rest; 16];
    let millis = u64::try_from(rig.clock.now().millis()).unwrap() - 60_000 + u64::from(rest);
    bytes[..8].copy_from_slice(&(millis << 20).to_be_bytes());
    VersionId::Id(bytes).to_string()
}

fn of(draft: Draft, kind: &str, id: &str) -> Draft {
    draft.header("x-arqueta-replica", kind).header("x-arqueta-replica-version-id", id)
}

fn put(signer: &Signer, id: &str) -> Draft {
    of(signer.put("/bucket/k"), "put", id).header("x-arqueta-replica-last-modified", "1767225600000").body("content")
}

fn mark(signer: &Signer, id: &str) -> Draft {
    of(signer.delete("/bucket/k"), "mark", id).header("x-arqueta-replica-last-modified", "1767225600000")
}

fn version(answer: &Answer) -> Option<&str> {
    answer.header("x-amz-version-id")
}

#[tokio::test]
async fn a_replica_keeps_its_id_its_time_and_its_order() {
    let rig = rig().await;
    let id = id(&rig, 1);
    let own = rig.root.put("/bucket/k").body("newer").send(&rig).await;
    for said in ["placed", "there"] {
        let answer = put(&rig.root, &id).header("x-amz-meta-a", "b").send(&rig).await;
        assert_eq!((answer.status.as_u16(), version(&answer)), (200, Some(&*id)), "{}", answer.text());
        assert_eq!(answer.header("x-arqueta-replica"), Some(said));
        assert_eq!(answer.header("x-amz-server-side-encryption"), Some("AES256"));
        assert_eq!(answer.header("etag"), Some("\"9a0364b9e99bb480dd25e1f0284c8555\""));
    }
    let read = rig.root.get(&format!("/bucket/k?versionId={id}")).send(&rig).await;
    assert_eq!((read.text(), read.header("x-amz-replication-status")), ("content", Some("REPLICA")));
    assert_eq!(read.header("last-modified"), Some("Thu, 01 Jan 2026 00:00:00 GMT"));
    assert_eq!(read.header("x-amz-meta-a"), Some("b"));
    let current = rig.root.get("/bucket/k").send(&rig).await;
    assert_eq!((current.text(), version(&current)), ("newer", version(&own)), "what came later stays above");
    let marked = mark(&rig.root, &self::id(&rig, 2)).send(&rig).await;
    assert_eq!((marked.status.as_u16(), marked.header("x-amz-delete-marker")), (204, Some("true")));
    assert_eq!(marked.header("x-arqueta-replica"), Some("placed"));
}

#[tokio::test]
async fn parts_and_checksums_are_the_sources() {
    let rig = rig().await;
    let answer = put(&rig.root, &id(&rig, 1)).header("x-arqueta-replica-checksum", "CRC32:FULL_OBJECT:AAAAAA==");
    assert_eq!(answer.send(&rig).await.error(), (400, "BadDigest"));
    let parts = |parts: &str| put(&rig.root, &id(&rig, 2)).header("x-arqueta-replica-parts", parts);
    assert_eq!(parts("1:6").send(&rig).await.error(), (400, "InvalidArgument"));
    assert_eq!(parts("1:3,2:4").send(&rig).await.error(), (400, "EntityTooSmall"));
    let made = parts("3:7").send(&rig).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert!(made.header("etag").unwrap().ends_with("-1\""));
    let part = rig.root.head("/bucket/k?partNumber=3").send(&rig).await;
    assert_eq!((part.status.as_u16(), part.header("x-amz-mp-parts-count")), (206, Some("1")));
}

#[tokio::test]
async fn replication_has_its_own_permissions() {
    let rig = rig().await;
    let id = id(&rig, 1);
    let everything = [
        ("s3:PutObject*", ALL, "{}"),
        ("s3:DeleteObject*", ALL, "{}"),
        ("s3:GetObject*", ALL, "{}"),
        ("s3:BypassGovernanceRetention", ALL, "{}"),
    ];
    let writer = rig.identities.user("writer", &everything).await;
    let replica = rig.identities.user("replica", &[("s3:ReplicateObject", ALL, "{}")]).await;
    let tagger = rig.identities.user("tagger", &[("s3:ReplicateTags", ALL, "{}")]).await;
    let deleter = rig.identities.user("deleter", &[("s3:ReplicateDelete", ALL, "{}")]).await;
    let amend = |signer: &Signer| of(signer.put("/bucket/k"), "amend", &id).header("x-amz-tagging", "a=b");
    let hold = |signer: &Signer| of(signer.put("/bucket/k"), "amend", &id).header("x-amz-object-lock-legal-hold", "ON");
    let denied = (403, "AccessDenied");
    for other in [&writer, &tagger, &deleter] {
        assert_eq!(put(other, &id).send(&rig).await.error(), denied);
    }
    assert_eq!(replica.put("/bucket/k").body("x").send(&rig).await.error(), denied, "it writes nothing of its own");
    assert_eq!(put(&replica, &id).header("x-amz-tagging", "a=b").send(&rig).await.error(), denied);
    assert_eq!(put(&replica, &id).header("x-arqueta-replica-owner", "Destination").send(&rig).await.error(), denied);
    assert_eq!(put(&replica, &id).send(&rig).await.status, 200);
    for other in [&writer, &replica, &deleter] {
        assert_eq!(amend(other).send(&rig).await.error(), denied);
    }
    assert_eq!(hold(&tagger).send(&rig).await.error(), denied);
    let unlocked = hold(&replica).send(&rig).await.error().1.to_owned();
    assert_eq!(unlocked, "ObjectLockConfigurationNotFoundError");
    assert_eq!(amend(&tagger).send(&rig).await.status, 200);
    let tags = rig.root.get(&format!("/bucket/k?tagging&versionId={id}")).send(&rig).await;
    assert!(tags.text().contains("<Key>a</Key>"), "{}", tags.text());
    for other in [&writer, &replica, &tagger] {
        assert_eq!(mark(other, &self::id(&rig, 2)).send(&rig).await.error(), denied);
    }
    assert_eq!(mark(&deleter, &self::id(&rig, 2)).send(&rig).await.status, 204);
    // A bucket of another account, or of none, is told to nobody.
    let elsewhere = of(replica.put("/elsewhere/k"), "put", &id).header("x-arqueta-replica-last-modified", "1");
    assert_eq!(elsewhere.send(&rig).await.error(), denied);
}

#[tokio::test]
async fn strangers_cannot_speak_of_replicas() {
    let rig = rig().await;
    let open = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]}]}"#;
    assert_eq!(rig.root.put("/bucket?policy").body(open).send(&rig).await.status, 204);
    let id = id(&rig, 1);
    let stranger = Signer { id: "AKIANOBODY".to_owned(), secret: "x".to_owned(), token: None };
    assert_eq!(put(&stranger, &id).send(&rig).await.error(), (403, "InvalidAccessKeyId"));
    for name in ["x-arqueta-replica", "x-arqueta-replica-version-id", "x-arqueta-replica-last-modified"] {
        let unsigned = put(&rig.root, &id).unsigned(name).send(&rig).await;
        assert_eq!(unsigned.error(), (403, "AccessDenied"), "{name}: it could be put to what somebody else signed");
    }
    let nobody = of(anonymous("PUT", "/bucket/k"), "put", &id).header("x-arqueta-replica-last-modified", "1");
    assert_eq!(nobody.send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(anonymous("PUT", "/bucket/open").body("x").send(&rig).await.status, 200, "others may write here");
    let url = presign(&rig.root, "PUT", "/bucket/k", true);
    let presigned = of(anonymous("PUT", &url), "put", &id).header("x-arqueta-replica-last-modified", "1");
    assert_eq!(presigned.send(&rig).await.error(), (403, "AccessDenied"));
    let listed = rig.root.get("/bucket?versions&prefix=k").send(&rig).await;
    assert!(!listed.text().contains("<Version>"), "{}", listed.text());
}

#[tokio::test]
async fn what_cannot_be_a_replica_is_refused() {
    let rig = rig().await;
    let id = id(&rig, 1);
    for (draft, error) in [
        (put(&rig.root, "none"), (400, "InvalidArgument")),
        (put(&rig.root, "7fffffffffffffff7fffffffffffffff"), (400, "InvalidArgument")),
        (put(&rig.root, &id).header("x-arqueta-replica-status", "COMPLETED"), (400, "InvalidRequest")),
        (put(&rig.root, &id).header("if-none-match", "*"), (400, "InvalidRequest")),
        (put(&rig.root, &id).header("x-amz-copy-source", "/bucket/other"), (400, "InvalidArgument")),
        (of(rig.root.put("/bucket/k?tagging"), "amend", &id), (400, "InvalidArgument")),
        (of(rig.root.put("/bucket/k"), "amend", &id).header("x-amz-tagging", "a=b").body("x"), (400, "InvalidRequest")),
        (of(rig.root.put("/bucket/k"), "amend", &id).header("x-amz-tagging", "a=b"), (404, "NoSuchVersion")),
        (of(rig.root.get("/bucket/k"), "put", &id), (400, "InvalidArgument")),
    ] {
        assert_eq!(draft.send(&rig).await.error(), error);
    }
    assert_eq!(rig.root.put("/plain").send(&rig).await.status, 200);
    let plain = of(rig.root.put("/plain/k"), "put", &id).header("x-arqueta-replica-last-modified", "1").body("x");
    assert_eq!(plain.send(&rig).await.error(), (409, "InvalidBucketState"));
    assert_eq!(put(&rig.root, &id).send(&rig).await.status, 200);
    assert_eq!(rig.root.delete(&format!("/bucket/k?versionId={id}")).send(&rig).await.status, 204);
    assert_eq!(put(&rig.root, &id).send(&rig).await.error(), (409, "DstObjectHardDeleted"));
}

#[tokio::test]
async fn a_replica_is_a_data_event_that_tells_whose_version_it_is() {
    let rig = rig().await;
    *rig.selected.0.lock().unwrap() = Some("bucket/");
    drop(events(&rig));
    let id = id(&rig, 1);
    put(&rig.root, &id).send(&rig).await;
    let event = told(&rig, 1).await.remove(0);
    assert_eq!((&*event.event_name, event.management_event), ("PutObject", false));
    assert_eq!(event.request_parameters["x-arqueta-replica"], "put");
    assert_eq!(event.request_parameters["x-arqueta-replica-version-id"], *id);
    assert_eq!(event.response_elements["x-arqueta-replica"], "placed");
    let writer = rig.identities.user("writer", &[("s3:PutObject", ALL, "{}")]).await;
    drop(events(&rig));
    put(&writer, &id).send(&rig).await;
    let denied = told(&rig, 1).await.remove(0);
    assert_eq!((&*denied.event_name, denied.error_code.as_deref()), ("PutObject", Some("AccessDenied")));
}
