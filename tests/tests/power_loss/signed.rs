//! Calls of services that the SDKs of these tests do not speak, over a connection each.

use arqueta_model::{Clock as _, SystemClock};
use s3s_sigv4::{AmzDate, Payload};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::site::Front;

/// Access key and secret.
pub type Signer = (String, String);

/// What is asked for and how.
pub enum Asked<'a> {
    /// A form of IAM.
    Form(&'a str),
    /// An operation of CloudTrail, and its JSON.
    Trail(&'a str, &'a str),
    /// The policy of a bucket.
    Policy(&'a str, &'a str),
}

/// Makes a call that must succeed.
pub async fn call(front: &Front, (id, secret): &Signer, asked: Asked<'_>) {
    let target;
    let (service, method, path, query, (name, value), body) = match asked {
        Asked::Form(body) => {
            ("iam", "POST", "/".to_owned(), None, ("content-type", "application/x-www-form-urlencoded"), body)
        }
        Asked::Trail(operation, body) => {
            target = format!("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.{operation}");
            ("cloudtrail", "POST", "/".to_owned(), None, ("x-amz-target", target.as_str()), body)
        }
        Asked::Policy(bucket, body) => {
            ("s3", "PUT", format!("/{bucket}"), Some("policy"), ("content-type", "application/json"), body)
        }
    };
    let host = front.url.strip_prefix("http://").unwrap();
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    let stamp = SystemClock.now().date_time().format(&format).unwrap();
    let (date, hash) = (AmzDate::parse(&stamp).unwrap(), hex::encode(Sha256::digest(body)));
    let mut headers =
        vec![("host", host), ("x-amz-content-sha256", hash.as_str()), ("x-amz-date", stamp.as_str()), (name, value)];
    headers.sort_unstable();
    let asked: Vec<_> = query.map(|name| (name, "")).into_iter().collect();
    let canonical = s3s_sigv4::create_canonical_request(method, &path, &asked, &headers, Payload::SingleChunk(&hash));
    let to_sign = s3s_sigv4::create_string_to_sign(&canonical, &date, "us-east-1", service);
    let signature = s3s_sigv4::calculate_signature(&to_sign, secret, &date, "us-east-1", service);
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let scope = format!("{id}/{}/us-east-1/{service}/aws4_request", date.fmt_date());
    let line = query.map_or(path.clone(), |query| format!("{path}?{query}="));
    let mut request = format!("{method} {line} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in &headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!(
        "authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={}, Signature={}\r\n\r\n{body}",
        names.join(";"),
        signature.as_str()
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 20"), "{answer}");
}
