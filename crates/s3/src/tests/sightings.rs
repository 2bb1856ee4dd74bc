//! What a request was decided on is what it is answered with: an object that is replaced at any point of it,
//! by one that the caller may not have.

use std::sync::Arc;

use arqueta_engine::api::{ObjectName, PutObject, Tags};
use arqueta_engine::{BucketKeyTable, Caller, Config, Engine, Envelope};
use arqueta_envelope::BucketKeyConfig;
use arqueta_store::{Batch, MemoryBlobs, MetaStore};
use bytes::Bytes;
use futures::StreamExt as _;

use super::exchange;
use super::rig::{Answer, Draft, Rig, Signer, anonymous};

/// Everyone may have what is not marked as secret, and set its tags.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":
    ["s3:GetObject","s3:GetObjectTagging","s3:GetObjectAttributes","s3:PutObjectTagging","s3:DeleteObjectTagging"],
    "Resource":"arn:aws:s3:::bucket/*"},{"Effect":"Deny","Principal":"*","Action":"s3:*Object*",
    "Resource":"arn:aws:s3:::bucket/*","Condition":{"StringEquals":{
    "s3:ExistingObjectTag/class":"secret"},"StringNotLike":{"aws:userid":"111122223333"}}}]}"#;
const OPEN: &str = "open to everyone";
const SECRET: &str = "a secret of the bucket";

async fn rig() -> Rig {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/mine").send(&rig).await.status, 200);
    assert_eq!(rig.root.put("/bucket?policy").body(POLICY).send(&rig).await.status, 204);
    rig
}

/// The same stores under another engine, which nothing but the preconditions of commits keeps apart.
fn beside(rig: &Rig) -> Arc<Engine> {
    let region: arqueta_model::Region = "us-east-1".parse().unwrap();
    let meta: Arc<dyn MetaStore> = rig.rows.clone();
    let table = Arc::new(BucketKeyTable::new(Arc::clone(&meta)));
    let config = BucketKeyConfig::default();
    let envelope = Envelope::new(rig.kms.clone(), table, rig.clock.clone(), region.clone(), config);
    let blobs = Arc::new(MemoryBlobs::default());
    Arc::new(Engine::open(meta, blobs, Arc::new(envelope), rig.clock.clone(), Config::new(region)).unwrap())
}

/// Puts an object of that class.
async fn put(engine: &Engine, caller: &Caller, class: &str, content: &'static str) {
    let body = futures::stream::iter([Ok(Bytes::from_static(content.as_bytes()))]).boxed();
    let mut put = PutObject::new("bucket".parse().unwrap(), "k".parse().unwrap(), body);
    put.tags = Tags::of_object(vec![("class".to_owned(), class.to_owned())]).unwrap();
    engine.objects().put(caller, put).await.unwrap();
}

async fn caller(rig: &Rig) -> Caller {
    let credential = rig.identities.iam.authentication().credential(&rig.root.id, None).await.unwrap();
    Caller::new(credential.identity, Arc::clone(exchange().info()))
}

/// Sends a request with the object replaced before each operation of the store that it takes, and looks at
/// every answer and at what became of the object.
async fn at_every_point(
    first: Option<&'static str>,
    request: impl Fn() -> Draft,
    check: impl AsyncFn(&Rig, &Answer, u64),
) {
    for nth in 1.. {
        let rig = rig().await;
        let (engine, root) = (beside(&rig), caller(&rig).await);
        if let Some(content) = first {
            put(&engine, &root, "open", content).await;
        }
        let other = (Arc::clone(&engine), root.clone());
        let action = async move { put(&other.0, &other.1, "secret", SECRET).await };
        rig.between.before(nth, Box::pin(action));
        let answer = request().send(&rig).await;
        let done = rig.between.is_done();
        check(&rig, &answer, nth).await;
        if !done {
            assert!(nth > 2, "nothing was interposed");
            return;
        }
    }
}

#[tokio::test]
async fn a_read_is_answered_with_what_it_was_decided_on() {
    for first in [Some(OPEN), None] {
        at_every_point(
            first,
            || anonymous("GET", "/bucket/k"),
            async |_, answer, nth| {
                assert!(matches!(answer.status.as_u16(), 200 | 403 | 503), "{nth}: {:?}", answer.status);
                assert!(!answer.text().contains(SECRET), "{nth}: {first:?}");
            },
        )
        .await;
    }
    let length = SECRET.len().to_string();
    at_every_point(
        Some(OPEN),
        || anonymous("HEAD", "/bucket/k"),
        async |_, answer, nth| {
            assert!(answer.status != 200 || answer.header("content-length") != Some(&*length), "{nth}");
        },
    )
    .await;
    let attributes = || anonymous("GET", "/bucket/k?attributes").header("x-amz-object-attributes", "ObjectSize");
    at_every_point(Some(OPEN), attributes, async |_, answer, nth| {
        assert!(answer.element("ObjectSize") != Some(&*length), "{nth}: {}", answer.text());
    })
    .await;
    at_every_point(
        Some(OPEN),
        || anonymous("GET", "/bucket/k?tagging"),
        async |_, answer, nth| {
            assert!(answer.element("Value") != Some("secret"), "{nth}: {}", answer.text());
        },
    )
    .await;
}

async fn copier(rig: &Rig) -> Signer {
    let mine = "arn:aws:s3:::mine/*";
    let put = |action| (action, mine, "{}");
    rig.identities.user("copier", &[put("s3:PutObject"), put("s3:PutObjectTagging")]).await
}

#[tokio::test]
async fn a_copy_carries_off_what_it_was_decided_on() {
    for (first, directive) in [(Some(OPEN), "COPY"), (Some(OPEN), "REPLACE"), (None, "COPY"), (None, "REPLACE")] {
        for nth in 1.. {
            let rig = rig().await;
            let copier = copier(&rig).await;
            let (engine, root) = (beside(&rig), caller(&rig).await);
            if let Some(content) = first {
                put(&engine, &root, "open", content).await;
            }
            let action = async move { put(&engine, &root, "secret", SECRET).await };
            rig.between.before(nth, Box::pin(action));
            let copy = copier.put("/mine/c").header("x-amz-copy-source", "bucket/k");
            let answer = copy.header("x-amz-tagging-directive", directive).send(&rig).await;
            let done = rig.between.is_done();
            let copied = rig.root.get("/mine/c").send(&rig).await;
            assert!(!copied.text().contains(SECRET), "{nth} {first:?} {directive}: {:?}", answer.error());
            if !done {
                break;
            }
        }
    }
}

#[tokio::test]
async fn tags_are_set_on_what_was_decided_on() {
    let body = "<Tagging><TagSet><Tag><Key>class</Key><Value>open</Value></Tag></TagSet></Tagging>";
    let requests: [&dyn Fn() -> Draft; 2] =
        [&|| anonymous("PUT", "/bucket/k?tagging").body(body), &|| anonymous("DELETE", "/bucket/k?tagging")];
    for request in requests {
        at_every_point(Some(OPEN), request, async |rig, answer, nth| {
            let name = ObjectName { bucket: "bucket".parse().unwrap(), key: "k".parse().unwrap(), version: None };
            let content = rig.root.get("/bucket/k").send(rig).await;
            if content.text() == SECRET {
                let (tags, _) = beside(rig).objects().tags(&name).await.unwrap();
                assert!(tags.pairs().iter().any(|(_, value)| value == "secret"), "{nth}: {:?}", answer.error());
            }
        })
        .await;
    }
}

#[tokio::test]
async fn who_cannot_be_told_the_tags_is_not_told_that_there_are_none() {
    let rig = rig().await;
    put(&beside(&rig), &caller(&rig).await, "secret", SECRET).await;
    assert_eq!(anonymous("GET", "/bucket/k").send(&rig).await.error(), (403, "AccessDenied"));
    // The record is damaged while it is being decided, and whole again when it is read.
    let key = arqueta_engine::schema::current(&"bucket".parse().unwrap(), &"k".parse().unwrap());
    let rows = rig.rows.clone();
    let whole = rows.get(&key).await.unwrap().unwrap();
    for nth in 1.. {
        rows.commit(Batch::default().put(key.clone(), Bytes::from_static(&[1, 2, 3]))).await.unwrap();
        let mend = (rows.clone(), key.clone(), whole.clone());
        let action = async move { mend.0.commit(Batch::default().put(mend.1, mend.2)).await.unwrap() };
        rig.between.before(nth, Box::pin(action));
        let answer = anonymous("GET", "/bucket/k").send(&rig).await;
        assert_ne!(answer.status, 200, "{nth}");
        if !rig.between.is_done() {
            break;
        }
    }
}
