//! What requests cost of which nobody knows who sends them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arqueta_audit::Resource;
use arqueta_call::antechamber::{Antechamber, Room};
use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use serde_json::json;

use super::record::{content_md5, events, told};
use super::rig::{Rig, anonymous};

/// A large body of which nothing ever comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((4 << 20) - 1)
    }
}

/// Status and code of a request whose body never comes. Time stands still meanwhile.
async fn unread(rig: &Rig, method: &'static str, uri: &str) -> (u16, String) {
    let (mut parts, _) = anonymous(method, uri).header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==").build().into_parts();
    parts.headers.insert("content-length", http::HeaderValue::from_static("4194303"));
    let answer = rig.send(Request::from_parts(parts, Never));
    let answer = tokio::time::timeout(Duration::from_secs(60), answer).await.expect("answered without its body");
    (answer.status.as_u16(), answer.element("Code").unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_nobody_may_do_is_refused_before_its_body_and_alike_whether_the_bucket_exists() {
    let rig = Rig::with_bucket().await;
    for (method, rest) in [
        ("PUT", ""),
        ("POST", "?delete"),
        ("PUT", "?policy"),
        ("PUT", "?tagging"),
        ("PUT", "/k?tagging"),
        ("PUT", "/k?retention"),
        ("PUT", "/k?legal-hold"),
        ("POST", "/k?uploadId=u"),
    ] {
        for bucket in ["bucket", "none"] {
            let refused = unread(&rig, method, &format!("/{bucket}{rest}")).await;
            assert_eq!(refused, (403, "AccessDenied".to_owned()), "{method} /{bucket}{rest}");
        }
    }
}

/// What a refusal costs says no more than its words do: the store is asked as often, but for one look, and
/// nothing is written, whether or not there is such a bucket.
#[tokio::test]
async fn a_refusal_costs_the_same_whether_the_bucket_exists() {
    let rig = Rig::with_bucket().await;
    let nobody = rig.identities.user("nobody", &[("s3:GetObject", "arn:aws:s3:::elsewhere/*", "{}")]).await;
    for uri in ["", "?policy", "?acl", "?tagging", "?versioning", "?list-type=2", "/k", "/k?tagging", "/k?uploadId=u"] {
        for signer in [Some(&nobody), None] {
            let cost = async |bucket: &str| {
                let uri = format!("/{bucket}{uri}");
                let draft = || signer.map_or_else(|| anonymous("GET", &uri), |signer| signer.get(&uri));
                // What is remembered of the caller is remembered now.
                draft().send(&rig).await;
                let before = (rig.asked.reads(), rig.asked.writes());
                assert_eq!(draft().send(&rig).await.error(), (403, "AccessDenied"), "{uri}");
                (rig.asked.reads() - before.0, rig.asked.writes() - before.1)
            };
            let (there, missing) = (cost("bucket").await, cost("none").await);
            assert_eq!((there.1, missing.1), (0, 0), "{uri}");
            assert!(there.0.abs_diff(missing.0) <= 1, "{uri}: {there:?} {missing:?}");
        }
    }
}

/// Lets everyone delete below `open/`, and put tags anywhere.
async fn open_a_little(rig: &Rig) {
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::bucket/open/*" }
    ] });
    assert!(rig.root.put("/bucket?policy").body(policy.to_string()).send(rig).await.status.is_success());
    events(rig);
}

fn delete(keys: impl Iterator<Item = String>) -> String {
    let keys: String = keys.map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
    format!("<Delete>{keys}</Delete>")
}

#[tokio::test]
async fn bodies_of_strangers_have_the_room_of_their_address_and_those_of_callers_their_own() {
    let rig = Rig::with_bucket().await;
    open_a_little(&rig).await;
    let room = |each| Room { all: 9000, each, floor: 0 };
    let chamber = Arc::new(Antechamber::new(room(1000), room(4000)));
    let document = delete((0..50).map(|n| format!("open/{n}")));
    assert!((1000..4000).contains(&document.len()));
    let sent = async |signed: bool| {
        let draft = if signed { rig.root.post("/bucket?delete") } else { anonymous("POST", "/bucket?delete") };
        let mut request = draft.header("content-md5", &content_md5(&document)).body(document.clone()).build();
        request.extensions_mut().insert(chamber.enter([192, 0, 2, 1].into(), || ()));
        rig.send(request).await
    };
    assert_eq!(sent(false).await.error(), (503, "SlowDown"));
    assert_eq!(sent(true).await.status, 200, "who signed is in nobody's way");
    assert_eq!(chamber.held(), (0, 0));
    // As much as the address has room for is read.
    let answer =
        anonymous("POST", "/bucket?delete").header("content-md5", &content_md5(&document)).body(document.clone());
    assert_eq!(answer.send(&rig).await.status, 200);
}

#[tokio::test]
async fn a_call_on_a_thousand_objects_of_which_nobody_was_let_at_one_is_one_small_event_and_then_counted() {
    let rig = Rig::with_bucket().await;
    open_a_little(&rig).await;
    *rig.selected.0.lock().unwrap() = Some("bucket/");
    let document = delete((0..1000).map(|n| format!("closed/{n:04}{}", "x".repeat(900))));
    for _ in 0..12 {
        let request = anonymous("POST", "/bucket?delete").header("content-md5", &content_md5(&document));
        let answer = request.body(document.clone()).send(&rig).await;
        assert_eq!((answer.status.as_u16(), answer.text().matches("<Code>AccessDenied</Code>").count()), (200, 1000));
    }
    let told = told(&rig, 10).await;
    let size: usize = told.iter().map(|event| serde_json::to_string(event).unwrap().len()).sum();
    assert!(size < 10 * 8 * 1024, "{size} bytes of {} sent", 12 * document.len());
    assert!(told.iter().all(|event| event.event_name == "DeleteObjects"));
    // Of a call that does something that is told, and what it was refused as long as that is little.
    let document = delete(["open/a".to_owned(), "closed/b".to_owned()].into_iter());
    let request = anonymous("POST", "/bucket?delete").header("content-md5", &content_md5(&document));
    assert_eq!(request.body(document).send(&rig).await.status, 200);
    let named: Vec<_> = events(&rig).into_iter().flat_map(|event| event.resources).map(|it| it.arn).collect();
    assert!(
        named.contains(&"arn:aws:s3:::bucket/open/a".to_owned())
            && named.contains(&"arn:aws:s3:::bucket/closed/b".to_owned())
    );
}

/// A caller's own refusals are bounded as a stranger's: he names the objects, and nothing happens to them.
#[tokio::test]
async fn what_a_caller_was_not_let_at_is_named_in_part_and_counted() {
    let rig = Rig::with_bucket().await;
    *rig.selected.0.lock().unwrap() = Some("bucket/");
    let may = [("s3:DeleteObject", "arn:aws:s3:::bucket/open/*", "{}")];
    let user = rig.identities.user("user", &may).await;
    let call = async |keys: &mut dyn Iterator<Item = String>| {
        let document = delete(keys);
        let request = user.post("/bucket?delete").header("content-md5", &content_md5(&document));
        let answer = request.body(document).send(&rig).await;
        (answer.status.as_u16(), answer.text().matches("<Code>AccessDenied</Code>").count())
    };
    let closed = |n: usize| format!("closed/{n:04}{}", "x".repeat(900));
    events(&rig);
    assert_eq!(call(&mut (0..1000).map(closed)).await, (200, 1000));
    let event = events(&rig).pop().unwrap();
    let size = serde_json::to_string(&event).unwrap().len();
    assert!(size < 8 * 1024, "{size} bytes");
    assert_eq!(event.additional_event_data.unwrap()["refusedObjectsNotNamed"], 996);
    // What he may delete is named, each object; what he may not is bounded beside it as well.
    let open = |n: usize| format!("open/{n:04}");
    assert_eq!(call(&mut (0..10).map(open).chain((10..1000).map(closed))).await, (200, 990));
    let told = events(&rig);
    assert_eq!(told.len(), 1);
    let named: Vec<_> = told[0].resources.iter().filter(|it| it.kind == Resource::S3_OBJECT).collect();
    assert_eq!(named.len(), 14);
    assert!(named[..10].iter().enumerate().all(|(n, it)| it.arn == format!("arn:aws:s3:::bucket/{}", open(n))));
    assert_eq!(told[0].additional_event_data.as_ref().unwrap()["refusedObjectsNotNamed"], 986);
}

#[tokio::test]
async fn what_is_malformed_and_nobodys_costs_the_record_the_same_whether_the_bucket_exists() {
    let rig = Rig::with_bucket().await;
    events(&rig);
    // The few that are told of an address are used up.
    for _ in 0..10 {
        anonymous("GET", "/bucket?policy").send(&rig).await;
    }
    told(&rig, 10).await;
    let tag = format!("<Tag><Key>{}</Key><Value/></Tag>", "k".repeat(400));
    let tags = format!("<CreateBucketConfiguration><Tags>{}</Tags></CreateBucketConfiguration>", tag.repeat(200));
    for (method, rest, body) in [
        ("PUT", "", "<x"),
        (
            "PUT",
            "",
            "<CreateBucketConfiguration><LocationConstraint>mars</LocationConstraint></CreateBucketConfiguration>",
        ),
        ("PUT", "", &*tags),
        ("PUT", "?acl", "<x"),
        ("PUT", "?cors", "<x"),
        ("PUT", "?encryption", "<!DOCTYPE a>"),
        ("PUT", "?lifecycle", "<x/>"),
        ("PUT", "?notification", ""),
        ("PUT", "?object-lock", "<x"),
        ("PUT", "?policy", "{"),
        ("PUT", "?publicAccessBlock", "<x"),
        ("PUT", "?tagging", "<x"),
        ("PUT", "?versioning", "<x"),
        ("POST", "?delete", "<x"),
        ("GET", "?versions&max-keys=x", ""),
        ("GET", "?list-type=2&max-keys=1.5", ""),
    ] {
        for round in 0..2 {
            let [existing, missing] = ["bucket", "none"].map(|bucket| {
                let draft = anonymous(method, &format!("/{bucket}{rest}"));
                draft.header("content-md5", "x").body(body.to_owned()).send(&rig)
            });
            let (existing, missing) = (existing.await, missing.await);
            assert_eq!(existing.error(), missing.error(), "{method} {rest} {body:.40}");
            // What the URL itself gets wrong is told before anybody is asked.
            assert_eq!(existing.status, if method == "GET" { 400 } else { 403 }, "{method} {rest} {body:.40}");
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            assert!(events(&rig).is_empty(), "{method} {rest}, round {round}");
        }
    }
}
