//! Browser forms: whole, refused, and never held.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::StreamExt as _;
use http::Request;
use http_body::Frame;
use http_body_util::{Full, StreamBody};

use super::rig::{HOST, Rig, Signer, now};

const ANY_FILE: &str = r#"["content-length-range",0,100]"#;

/// A form in the making. Its policy names the key's beginning, the bucket, and what is added.
struct Form {
    fields: Vec<(String, String)>,
    conditions: Vec<String>,
    head: Option<&'static str>,
    file: &'static str,
    behind: &'static str,
}

impl Form {
    fn new(key: &str) -> Self {
        let conditions =
            [r#"{"bucket":"bucket"}"#, r#"["starts-with","$key","up/"]"#, ANY_FILE].map(str::to_owned).to_vec();
        let fields = vec![("key".to_owned(), key.to_owned())];
        Self { fields, conditions, head: None, file: "content of the form", behind: "" }
    }

    /// A field that the policy names.
    fn field(mut self, name: &str, value: &str) -> Self {
        self.conditions.push(format!(r#"["starts-with","${name}",""]"#));
        self.extra(name, value)
    }

    /// A field that the policy does not name.
    fn extra(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn condition(mut self, condition: &str) -> Self {
        self.conditions.push(condition.to_owned());
        self
    }

    fn policy(&self) -> String {
        let conditions = self.conditions.join(",");
        BASE64_STANDARD.encode(format!(r#"{{"expiration":"2099-01-01T00:00:00Z","conditions":[{conditions}]}}"#))
    }

    fn signed(mut self, signer: &Signer) -> Request<Full<Bytes>> {
        let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
        let date = now().date_time().format(&format).unwrap();
        let credential = format!("{}/{}/us-east-1/s3/aws4_request", signer.id, &date[..8]);
        for (name, value) in [
            ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
            ("x-amz-credential", &credential),
            ("x-amz-date", &date),
            ("x-amz-security-token", signer.token.as_deref().unwrap_or_default()),
        ] {
            if !value.is_empty() {
                self.conditions.push(format!(r#"{{"{name}":"{value}"}}"#));
                self.fields.push((name.to_owned(), value.to_owned()));
            }
        }
        let policy = self.policy();
        let amz_date = s3s_sigv4::AmzDate::parse(&date).unwrap();
        let signature = s3s_sigv4::calculate_signature(&policy, &signer.secret, &amz_date, "us-east-1", "s3");
        self.extra("policy", &policy).extra("x-amz-signature", &signature).request()
    }

    fn signed_by_version_2(self, signer: &Signer) -> Request<Full<Bytes>> {
        let policy = self.policy();
        let signature = s3s_sigv2::calculate_signature(&signer.secret, &policy);
        self.extra("AWSAccessKeyId", &signer.id).extra("policy", &policy).extra("signature", &signature).request()
    }

    fn request(self) -> Request<Full<Bytes>> {
        let mut body = String::new();
        for (name, value) in &self.fields {
            body.push_str(&format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
        }
        let head = self.head.unwrap_or("Content-Disposition: form-data; name=\"file\"; filename=\"f.txt\"");
        body.push_str(&format!("--xyz\r\n{head}\r\n\r\n{}\r\n{}--xyz--\r\n", self.file, self.behind));
        Request::post("/bucket")
            .header("host", HOST)
            .header("content-type", "multipart/form-data; boundary=xyz")
            .header("content-length", body.len())
            .body(Full::new(body.into()))
            .unwrap()
    }
}

#[tokio::test]
async fn forms_are_decided_with_the_key_in_them() {
    let rig = Rig::with_bucket().await;
    let user = rig.identities.user("user", &[("s3:PutObject", "arn:aws:s3:::bucket/up/mine/*", "{}")]).await;
    let good = rig.send(Form::new("up/mine/a").signed(&user)).await;
    assert_eq!(good.status, 204, "{}", good.text());
    assert!(good.header("etag").is_some_and(|etag| etag.starts_with('"')));
    assert_eq!(good.header("location"), Some("http://127.0.0.1:9000/bucket/up/mine/a"));
    assert_eq!(rig.root.get("/bucket/up/mine/a").send(&rig).await.text(), "content of the form");
    let session = rig.identities.session(&user).await;
    let by_session = rig.send(Form::new("up/mine/b").signed(&session)).await;
    assert_eq!(by_session.status, 204, "{}", by_session.text());
    assert_eq!(rig.send(Form::new("up/other").signed(&user)).await.error(), (403, "AccessDenied"));
    let forged = Signer { secret: "wrong".into(), ..user.clone() };
    assert_eq!(rig.send(Form::new("up/mine/a").signed(&forged)).await.error(), (403, "SignatureDoesNotMatch"));
    let tokenless = Signer { token: None, ..session };
    assert_eq!(rig.send(Form::new("up/mine/a").signed(&tokenless)).await.error(), (403, "InvalidAccessKeyId"));
    let elsewhere = rig.send(Form::new("elsewhere").signed(&rig.root)).await;
    assert_eq!(elsewhere.error(), (403, "AccessDenied"), "the policy wants another key");
    let failed = r#"Invalid according to Policy: Policy Condition failed: ["starts-with", "$key", "up/"]"#;
    assert_eq!(elsewhere.element("Message").unwrap().replace("&quot;", "\""), failed);
    let unnamed = Form::new("up/mine/c").extra("x-amz-server-side-encryption", "AES256");
    assert_eq!(rig.send(unnamed.signed(&user)).await.error(), (403, "AccessDenied"));
    let named = rig.send(Form::new("up/mine/c").field("x-amz-server-side-encryption", "AES256").signed(&user)).await;
    assert_eq!((named.status.as_u16(), named.header("x-amz-server-side-encryption")), (204, Some("AES256")));
    let unsigned = rig.send(Form::new("up/mine/d").request()).await;
    assert_eq!(unsigned.error(), (403, "AccessDenied"), "an unsigned form is an anonymous put");
}

#[tokio::test]
async fn nobody_is_answered_with_more_than_a_few_times_what_he_sent() {
    let rig = Rig::with_bucket().await;
    for value in [format!("\u{1}{}", "&".repeat(16_000)), format!("\u{1}{}", "${filename}".repeat(880))] {
        let mut form = Form::new("a").extra("x-amz-meta-a", &value);
        form.head = Some("Content-Disposition: form-data; name=\"file\"; filename=\"a name that goes on and on\"");
        let answer = rig.send(form.request()).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.body.len() < 64 * 1024, "{}", answer.body.len());
    }
}

/// A form of unknown length, whose file goes on and on, and how much of it was asked for.
fn endless(
    head: &str,
) -> (Request<impl http_body::Body<Data = Bytes, Error = std::io::Error> + Send + Unpin + 'static>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let first = Ok(Frame::data(Bytes::from(head.to_owned())));
    let more = futures::stream::repeat_with(move || {
        assert!(count.fetch_add(1, Ordering::Relaxed) < 1000, "a refused form is read on and on");
        Ok(Frame::data(Bytes::from_static(&[b'x'; 64 * 1024])))
    });
    let body = StreamBody::new(futures::stream::iter([first]).chain(more).boxed());
    let request = Request::post("/bucket").header("host", HOST);
    let request = request.header("content-type", "multipart/form-data; boundary=xyz").body(body).unwrap();
    (request, asked)
}

#[tokio::test]
async fn what_nobody_admitted_is_not_read() {
    /// What is thrown away of any body before its connection ends: 1 MiB.
    const THROWN_AWAY: usize = 17;
    let rig = Rig::with_bucket().await;
    let key = "--xyz\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n";
    let file = "--xyz\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
    for (head, want, most) in [
        (format!("{key}k\r\n{file}"), (403, "AccessDenied"), 0),
        (key.to_owned(), (400, "MaxPostPreDataLengthExceededError"), 1),
        ("preamble".to_owned(), (400, "MaxPostPreDataLengthExceededError"), 1),
    ] {
        let (request, asked) = endless(&head);
        let answer = rig.send(request).await;
        assert_eq!(answer.error(), want, "{head}");
        assert!(
            asked.load(Ordering::Relaxed) <= most + THROWN_AWAY,
            "{head}: {} pieces were read",
            asked.load(Ordering::Relaxed)
        );
    }
}

#[tokio::test]
async fn a_part_is_read_in_one_way() {
    let rig = Rig::with_bucket().await;
    let mut doubled = Form::new("up/a");
    doubled.behind = "";
    let signed = doubled.signed(&rig.root);
    let (parts, body) = signed.into_parts();
    let text = String::from_utf8(http_body_util::BodyExt::collect(body).await.unwrap().to_bytes().to_vec()).unwrap();
    let smuggled = "--xyz\r\nContent-Disposition: form-data; name=\"x-ignore-a\"\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\nprivate\r\n";
    let text = format!("{smuggled}{text}");
    let mut request = Request::from_parts(parts, Full::new(Bytes::from(text.clone())));
    request.headers_mut().insert("content-length", text.len().into());
    assert_eq!(rig.send(request).await.error(), (400, "MalformedPOSTRequest"));
    let twice = Form::new("up/a").field("acl", "private").extra("ACL", "private");
    assert_eq!(rig.send(twice.signed(&rig.root)).await.error(), (400, "MalformedPOSTRequest"));
}

#[tokio::test]
async fn fields_behind_the_file_are_nothing() {
    let rig = Rig::with_bucket().await;
    let mut form = Form::new("up/a");
    form.behind = "--xyz\r\nContent-Disposition: form-data; name=\"x-amz-storage-class\"\r\n\r\nGLACIER\r\n";
    assert_eq!(rig.send(form.signed(&rig.root)).await.status, 204);
    let head = rig.root.head("/bucket/up/a").send(&rig).await;
    assert_eq!((head.header("x-amz-storage-class"), head.header("content-length")), (None, Some("19")));
}

#[tokio::test]
async fn fields_do_what_the_headers_of_a_put_do() {
    let rig = Rig::with_bucket().await;
    let tags = "<Tagging><TagSet><Tag><Key>a b</Key><Value>1+2</Value></Tag></TagSet></Tagging>";
    let form = Form::new("up/${filename}").field("tagging", tags).field("x-amz-meta-Colour", "blue");
    let stored = rig
        .send(form.field("Content-Type", "text/plain").field("success_action_status", "201").signed(&rig.root))
        .await;
    assert_eq!((stored.status.as_u16(), stored.element("Key")), (201, Some("up/f.txt")), "{}", stored.text());
    assert_eq!(stored.element("ETag").unwrap().replace("&quot;", "\""), stored.header("etag").unwrap());
    assert_eq!(stored.element("Location"), Some("http://127.0.0.1:9000/bucket/up/f.txt"));
    let head = rig.root.head("/bucket/up/f.txt").send(&rig).await;
    assert_eq!((head.header("x-amz-meta-colour"), head.header("content-type")), (Some("blue"), Some("text/plain")));
    let tagging = rig.root.get("/bucket/up/f.txt?tagging").send(&rig).await;
    assert_eq!((tagging.element("Key"), tagging.element("Value")), (Some("a b"), Some("1+2")));
    let again = Form::new("up/f.txt").field("if-none-match", "*");
    assert_eq!(rig.send(again.signed(&rig.root)).await.error(), (412, "PreconditionFailed"));
    let bad = Form::new("up/t").field("tagging", "not a document");
    assert_eq!(rig.send(bad.signed(&rig.root)).await.error(), (400, "MalformedXML"));
    let wrong = Form::new("up/t").field("x-amz-checksum-crc32", "AAAAAA==");
    assert_eq!(rig.send(wrong.signed(&rig.root)).await.error(), (400, "BadDigest"));
    assert_eq!(rig.root.head("/bucket/up/t").send(&rig).await.status, 404);
}

#[tokio::test]
async fn the_size_of_the_file_is_held_against_the_policy() {
    let rig = Rig::with_bucket().await;
    let sized = |range: &str| Form::new("up/a").condition(&format!(r#"["content-length-range",{range}]"#));
    for (range, want) in [
        ("0,18", (400, "EntityTooLarge")),
        ("20,100", (400, "EntityTooSmall")),
        (r#""test","10""#, (403, "AccessDenied")),
        ("20", (400, "InvalidPolicyDocument")),
    ] {
        let answer = rig.send(sized(range).signed(&rig.root)).await;
        assert_eq!(answer.error(), want, "{range}: {}", answer.text());
        assert_eq!(rig.root.head("/bucket/up/a").send(&rig).await.status, 404, "{range}");
    }
    let large = rig.send(sized("0,18").signed(&rig.root)).await;
    assert_eq!((large.element("ProposedSize"), large.element("MaxSizeAllowed")), (Some("19"), Some("18")));
    assert_eq!(rig.send(sized(r#""19","19""#).signed(&rig.root)).await.status, 204);
}

#[tokio::test]
async fn conditions_on_an_object_lock_bind_forms() {
    let rig = Rig::new().await;
    let create = rig.root.put("/bucket").header("x-amz-bucket-object-lock-enabled", "true");
    assert_eq!(create.send(&rig).await.status, 200);
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:PutObject","s3:PutObjectRetention"],"Resource":"arn:aws:s3:::bucket/*","Condition":{"NumericGreaterThan":{"s3:object-lock-remaining-retention-days":"30"}}}]}"#;
    assert_eq!(rig.root.put("/bucket?policy").body(policy).send(&rig).await.status, 204);
    let user = rig.identities.user("user", &[("s3:*", "arn:aws:s3:::bucket/*", "{}")]).await;
    let locked = |days: u64| {
        let until = now().plus(std::time::Duration::from_secs(days * 24 * 60 * 60)).rfc3339();
        Form::new("up/a")
            .field("x-amz-object-lock-mode", "GOVERNANCE")
            .field("x-amz-object-lock-retain-until-date", &until)
    };
    assert_eq!(rig.send(locked(4000).signed(&user)).await.error(), (403, "AccessDenied"));
    let short = rig.send(locked(5).signed(&user)).await;
    assert_eq!(short.status, 204, "{}", short.text());
    let head = rig.root.head("/bucket/up/a").send(&rig).await;
    assert_eq!(head.header("x-amz-object-lock-mode"), Some("GOVERNANCE"));
}

#[tokio::test]
async fn forms_of_signature_version_2() {
    let rig = Rig::with_bucket().await;
    let stored = rig.send(Form::new("up/a").signed_by_version_2(&rig.root)).await;
    assert_eq!(stored.status, 204, "{}", stored.text());
    let forged = Signer { secret: "wrong".into(), ..rig.root.clone() };
    assert_eq!(rig.send(Form::new("up/a").signed_by_version_2(&forged)).await.error(), (403, "SignatureDoesNotMatch"));
    let sealed = Form::new("up/b").field("x-amz-server-side-encryption", "aws:kms");
    assert_eq!(rig.send(sealed.signed_by_version_2(&rig.root)).await.error(), (400, "InvalidArgument"));
    let default = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
    assert_eq!(rig.root.put("/bucket?encryption").body(default).send(&rig).await.status, 200);
    assert_eq!(rig.send(Form::new("up/b").signed_by_version_2(&rig.root)).await.error(), (400, "InvalidArgument"));
    let plain = Form::new("up/b").field("x-amz-server-side-encryption", "AES256");
    assert_eq!(rig.send(plain.signed_by_version_2(&rig.root)).await.status, 204);
}

#[tokio::test]
async fn what_a_form_lacks_is_named() {
    let rig = Rig::with_bucket().await;
    let mut nameless = Form::new("up/a");
    nameless.fields.clear();
    let answer = rig.send(nameless.signed(&rig.root)).await;
    assert_eq!((answer.error(), answer.element("ArgumentName")), ((400, "InvalidArgument"), Some("key")));
    let mut fileless = Form::new("up/a");
    fileless.head = Some("Content-Disposition: form-data; name=\"x-ignore-a\"");
    let answer = rig.send(fileless.signed(&rig.root)).await;
    assert_eq!((answer.error(), answer.element("ArgumentName")), ((400, "InvalidArgument"), Some("file")));
    let unsigned = Form::new("up/a").extra("policy", "e30=").request();
    assert_eq!(rig.send(unsigned).await.element("ArgumentName"), Some("AWSAccessKeyId"));
    let no_form = rig.root.post("/bucket").header("content-type", "text/plain").body("x").send(&rig).await;
    assert_eq!(no_form.error(), (412, "PreconditionFailed"));
    assert_eq!(no_form.element("Condition"), Some("Bucket POST must be of the enclosure-type multipart/form-data"));
    let mut keyed = Form::new("up/a").signed(&rig.root);
    *keyed.uri_mut() = "/bucket/up/a".parse().unwrap();
    assert_eq!(rig.send(keyed).await.error(), (405, "MethodNotAllowed"));
    let mut asking = Form::new("up/a").signed(&rig.root);
    *asking.uri_mut() = "/bucket?delete".parse().unwrap();
    assert_eq!(rig.send(asking).await.error(), (405, "MethodNotAllowed"));
}
