//! Peak memory of the real binary: 64 uploads that are all under way at once, then 64 downloads,
//! in less than 256 MiB. 8 MiB each, so that a gateway which keeps bodies in memory needs twice
//! what it may; 64 MiB each with `ARQUETA_NIGHTLY=1`.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // the figures are for whoever runs it

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arqueta_tests::{Gateway, sdk};
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::ServerSideEncryption;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const AT_ONCE: usize = 64;
const LIMIT_KIB: u64 = 256 << 10;
const CHUNK: usize = 64 << 10;

/// `left` bytes of one value. Half way it waits for all the others to be half way, too.
struct Paced {
    chunk: Bytes,
    left: usize,
    half: usize,
    meeting: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl Paced {
    fn new(value: u8, size: usize, barrier: Arc<Barrier>) -> Self {
        let meeting = Box::pin(async move {
            barrier.wait().await;
        });
        Self { chunk: vec![value; CHUNK].into(), left: size, half: size / 2, meeting: Some(meeting) }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left <= self.half
            && let Some(meeting) = &mut self.meeting
        {
            std::task::ready!(meeting.as_mut().poll(context));
            self.meeting = None;
        }
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let sent = self.left.min(CHUNK);
        self.left -= sent;
        Poll::Ready(Some(Ok(Frame::data(self.chunk.slice(..sent)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

async fn upload(s3: aws_sdk_s3::Client, number: usize, size: usize, barrier: Arc<Barrier>) {
    let body = SdkBody::from_body_1_x(Paced::new(number as u8, size, barrier));
    let put = s3.put_object().bucket("memory").key(number.to_string()).body(ByteStream::new(body));
    // Half of them under a key, half with the MD5 that the default needs.
    let put = if number.is_multiple_of(2) {
        put.server_side_encryption(ServerSideEncryption::AwsKms).bucket_key_enabled(true)
    } else {
        put
    };
    put.send().await.unwrap();
}

async fn download(s3: aws_sdk_s3::Client, number: usize, size: usize) {
    let mut body = s3.get_object().bucket("memory").key(number.to_string()).send().await.unwrap().body;
    let mut read = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.unwrap();
        assert!(chunk.iter().all(|byte| *byte == number as u8));
        read += chunk.len();
    }
    assert_eq!(read, size);
}

/// Most memory that the process ever had resident, in KiB (`VmHWM`, proc_pid_status(5)).
fn peak_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_streamed() {
    let size = if std::env::var_os("ARQUETA_NIGHTLY").is_some() { 64 << 20 } else { 8 << 20 };
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&folder.path().join("data"), &[]);
    let s3 = sdk::s3(&gateway);
    s3.create_bucket().bucket("memory").send().await.unwrap();
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let uploads: JoinSet<_> = (0..AT_ONCE).map(|number| upload(s3.clone(), number, size, barrier.clone())).collect();
    uploads.join_all().await;
    let after_uploads = peak_kib(gateway.id());
    let downloads: JoinSet<_> = (0..AT_ONCE).map(|number| download(s3.clone(), number, size)).collect();
    downloads.join_all().await;
    let peak = peak_kib(gateway.id());
    println!("{AT_ONCE} x {} MiB: {after_uploads} KiB after the uploads, {peak} KiB after the downloads", size >> 20);
    assert!(peak < LIMIT_KIB, "{peak} KiB");
}
