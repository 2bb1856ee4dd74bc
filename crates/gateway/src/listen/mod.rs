//! The listening ports: accept, TLS, HTTP/1.1 and HTTP/2, bounded connections, draining.

pub mod seats;
mod until_read;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;

use crate::Error;
use seats::{Seat, Seats, Working};
use until_read::UntilRead;

/// Largest head of a request. AWS answers above 8 KiB of headers; user metadata and presigned
/// queries need some room beside them.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Most bytes that a connection reads ahead; a head must fit. Each open upload holds as much, and as
/// much again while what was read before is on its way to the disk.
const READ_BUFFER: usize = 64 << 10;
/// Requests that one connection of HTTP/2 may have under way.
const STREAMS: u32 = 64;
/// Bytes of an answer that wait for an HTTP/2 client to read them. Each stream may hold as much, and
/// the piece that comes next.
const UNSENT: usize = 64 << 10;
/// Bytes that an HTTP/2 client may send of one body, and of all bodies of a connection, before they
/// are asked for.
const UNASKED: (u32, u32) = (256 << 10, 512 << 10);
/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
/// How long a connection that has no place any more may take to send what it was about to.
const FAREWELL: Duration = Duration::from_millis(200);
/// For how long connections are still taken after the gateway was told to stop.
const LAST_CALL: Duration = Duration::from_millis(100);

/// The peer of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address, as the socket has it.
    pub address: SocketAddr,
    /// Version of TLS as `s3:TlsVersion` writes it; `None` without TLS.
    pub tls: Option<&'static str>,
    /// Its cipher suite as CloudTrail writes it; empty without TLS.
    pub cipher_suite: &'static str,
}

impl Peer {
    /// Its address without its port. That of an IPv4 client of an IPv6 listener is an IPv4 address.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.address.ip().to_canonical()
    }
}

/// Extension of a request: what its connection is to be told of it.
#[derive(Debug, Clone, Default)]
pub struct Standing(Weak<Working>);

impl Standing {
    /// It is known who sent the request, or that it may be done.
    pub fn make_known(&self) {
        if let Some(working) = self.0.upgrade() {
            working.make_known();
        }
    }
}

/// What a TLS port accepts with, as it is now; `None` for a port without TLS.
pub type Acceptor = Option<watch::Receiver<TlsAcceptor>>;

/// Bounds of one port.
#[derive(Debug, Clone, Copy)]
pub struct PortLimits {
    /// Time for a request's head.
    pub header: Duration,
    /// Time that a connection may stay without a request.
    pub idle: Duration,
    /// Time that bytes of an answer may stay unacknowledged before the connection is given up.
    pub unread: Duration,
    /// Time for requests in flight once asked to stop.
    pub drain: Duration,
}

/// A bound port.
#[derive(Debug)]
pub struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    /// Binds; port 0 takes a free one.
    ///
    /// # Errors
    /// [`Error::Listen`] names the address.
    pub async fn bind(address: SocketAddr) -> Result<Self, Error> {
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// The address that was bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` turns true, then lets requests in flight finish for `limits.drain`.
    pub async fn serve<S, F, B>(
        self,
        tls: Acceptor,
        seats: Arc<Seats>,
        limits: PortLimits,
        mut stop: watch::Receiver<bool>,
        service: S,
    ) where
        S: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let graceful = GracefulShutdown::new();
        let builder = builder(&limits);
        let serve = |(stream, address, seat): (TcpStream, SocketAddr, Arc<Seat>)| {
            let (builder, watcher, service) = (builder.clone(), graceful.watcher(), service.clone());
            let connection = Connection { builder, watcher, service, limits, seat: seat.clone() };
            let tls = tls.as_ref().map(|tls| tls.borrow().clone());
            tokio::spawn(async move {
                let mut served = pin!(connection.accept(stream, address, tls));
                // Whoever has no place any more or asks for nothing ends here, in a handshake too; the
                // end of an answer may still be on its way out.
                tokio::select! {
                    () = &mut served => {}
                    () = seat.given_up(limits.idle) => {
                        tracing::debug!(%address, "an idle connection is ended");
                        let _ = tokio::time::timeout(FAREWELL, served).await;
                    }
                }
            });
        };
        let next = || accept(&self.listener, &seats, limits.unread);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                accepted = next() => {
                    if let Some(accepted) = accepted {
                        serve(accepted);
                    }
                }
            }
        }
        // A client that is connected may have sent its request, although nothing of it was read yet.
        let mut last = pin!(tokio::time::sleep(LAST_CALL));
        loop {
            tokio::select! {
                () = &mut last => break,
                accepted = next() => {
                    if let Some(accepted) = accepted {
                        serve(accepted);
                    }
                }
            }
        }
        drop(self.listener);
        if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests still in flight after {}s were cut", limits.drain.as_secs());
        }
    }
}

fn builder(limits: &PortLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // `Date` and keep-alive are hyper's; writing head and small body in one segment needs
    // `writev`, which hyper picks when the body is known at once.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.header).max_buf_size(READ_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_header_list_size(MAX_HEAD_BYTES as u32)
        .max_send_buf_size(UNSENT)
        .initial_stream_window_size(UNASKED.0)
        .initial_connection_window_size(UNASKED.1)
        .max_concurrent_streams(STREAMS);
    builder
}

fn version(version: Option<rustls::ProtocolVersion>) -> &'static str {
    match version {
        Some(rustls::ProtocolVersion::TLSv1_2) => "1.2",
        // The acceptor offers nothing else.
        _ => "1.3",
    }
}

/// RFC 8446's name of a suite of TLS 1.3, where rustls has one of its own; of TLS 1.2, the RFCs'.
fn cipher_suite(suite: Option<rustls::SupportedCipherSuite>) -> &'static str {
    match suite.and_then(|suite| suite.suite().as_str()).unwrap_or_default() {
        "TLS13_AES_128_GCM_SHA256" => "TLS_AES_128_GCM_SHA256",
        "TLS13_AES_256_GCM_SHA384" => "TLS_AES_256_GCM_SHA384",
        "TLS13_CHACHA20_POLY1305_SHA256" => "TLS_CHACHA20_POLY1305_SHA256",
        name => name,
    }
}

async fn accept(
    listener: &TcpListener,
    seats: &Arc<Seats>,
    unread: Duration,
) -> Option<(TcpStream, SocketAddr, Arc<Seat>)> {
    match listener.accept().await {
        Ok((stream, address)) => {
            let Some(seat) = seats.admit(address.ip()).await else {
                tracing::debug!(%address, "a connection was refused: its address has its share of them");
                return None;
            };
            if let Err(error) = tune(&stream, unread) {
                tracing::debug!(%address, %error, "cannot set options of a connection");
            }
            Some((stream, address, Arc::new(seat)))
        }
        Err(error) => {
            // Out of file descriptors, mostly: others must finish first, so spinning would only hurt.
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// Nagle's algorithm and delayed acknowledgements together cost 40 ms per small answer. A client
/// that is gone, or that stops reading in the middle of an answer (RFC 5482), must not keep its
/// connection for ever.
fn tune(stream: &TcpStream, unread: Duration) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_user_timeout(stream, u32::try_from(unread.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// One connection with what serves it.
struct Connection<S> {
    builder: auto::Builder<TokioExecutor>,
    watcher: Watcher,
    service: S,
    limits: PortLimits,
    seat: Arc<Seat>,
}

impl<S> Connection<S> {
    async fn accept<F, B>(self, stream: TcpStream, address: SocketAddr, tls: Option<TlsAcceptor>)
    where
        S: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(tls) = tls else {
            return self.run(stream, Peer { address, tls: None, cipher_suite: "" }).await;
        };
        match tokio::time::timeout(self.limits.header, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let session = stream.get_ref().1;
                let tls = Some(version(session.protocol_version()));
                let cipher_suite = cipher_suite(session.negotiated_cipher_suite());
                self.run(stream, Peer { address, tls, cipher_suite }).await;
            }
            Ok(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "TLS handshake took too long"),
        }
    }

    async fn run<I, F, B>(self, io: I, peer: Peer)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Fn(Request<Incoming>, Peer) -> F + Clone + Send + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Self { builder, watcher, service, limits, seat } = self;
        let asked = Arc::new(Notify::new());
        let first = asked.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            asked.notify_one();
            let working = Arc::new(seat.work());
            request.extensions_mut().insert(Standing(Arc::downgrade(&working)));
            let answer = service(request, peer);
            // Under way until the answer's body is out, too.
            async move { Ok::<_, std::convert::Infallible>(answer.await.map(|body| UntilRead::new(body, working))) }
        });
        let connection = builder.serve_connection(TokioIo::new(io), service);
        let mut watched = pin!(watcher.watch(connection.into_owned()));
        // hyper's own timer starts only once it is known which HTTP is spoken, so a client that
        // never says so would keep its slot.
        let ended = tokio::select! {
            ended = &mut watched => ended,
            () = first.notified() => watched.await,
            () = tokio::time::sleep(limits.header) => {
                tracing::debug!(peer = %peer.address, "the first request took too long");
                return;
            }
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %peer.address, %error, "connection ended with an error");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::seats::Bounds;
    use super::*;
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const HEADER: Duration = Duration::from_millis(400);
    const UNREAD: Duration = Duration::from_millis(500);

    /// Says when it is dropped, which a connection's answer is when the connection ends.
    struct Flood(Arc<Notify>);

    impl Drop for Flood {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }

    #[tokio::test]
    async fn who_stops_reading_an_answer_keeps_no_connection() {
        let port = Port::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = port.address();
        let limits = PortLimits { header: UNREAD * 100, idle: UNREAD * 100, unread: UNREAD, drain: HEADER };
        let (_stopper, stop) = watch::channel(false);
        let ended = Arc::new(Notify::new());
        let over = ended.clone();
        let serving = tokio::spawn(port.serve(None, Seats::new(Bounds::of(1)), limits, stop, move |_, _| {
            let flood = Flood(over.clone());
            async move {
                // More than any socket buffer holds.
                let body = futures::stream::iter((0..4096).map(move |_| {
                    let _ = &flood;
                    Ok::<_, std::io::Error>(hyper::body::Frame::data(Bytes::from(vec![0; 64 << 10])))
                }));
                Response::new(http_body_util::StreamBody::new(body))
            }
        }));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        tokio::time::timeout(Duration::from_secs(60), ended.notified()).await.unwrap();
        serving.abort();
    }

    /// What a client gets that sends `said` and then nothing more, until the gateway hangs up.
    async fn heard_by(said: &[u8]) -> Vec<u8> {
        let port = Port::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = port.address();
        let limits = PortLimits { header: HEADER, idle: HEADER * 100, unread: UNREAD, drain: HEADER };
        let (_stopper, stop) = watch::channel(false);
        let serving = tokio::spawn(port.serve(None, Seats::new(Bounds::of(1)), limits, stop, |_, _| async {
            tokio::time::sleep(HEADER * 4).await;
            Response::new(Full::new(Bytes::from_static(b"answered")))
        }));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(said).await.unwrap();
        let mut heard = Vec::new();
        // A reset is a way to hang up, too.
        let _ = client.read_to_end(&mut heard).await;
        serving.abort();
        heard
    }

    #[tokio::test]
    async fn who_never_asks_keeps_no_connection() {
        for said in
            [&b""[..], b"P", b"PRI * HTTP/2.0\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\nhost"]
        {
            let heard = tokio::time::timeout(Duration::from_secs(60), heard_by(said)).await.unwrap();
            assert!(!heard.ends_with(b"answered"));
        }
    }

    #[tokio::test]
    async fn an_answer_may_take_longer_than_its_question() {
        let heard = heard_by(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        assert!(heard.ends_with(b"answered"));
    }

    /// Whether a port with one place answers a newcomer although others, who `said` this and wait,
    /// have it.
    async fn newcomer_is_answered_beside(said: &[u8], answered: &[u8]) -> bool {
        let port = Port::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = port.address();
        let hour = HEADER * 9000;
        let limits = PortLimits { header: hour, idle: hour, unread: hour, drain: HEADER };
        let (_stopper, stop) = watch::channel(false);
        let serving = tokio::spawn(port.serve(None, Seats::new(Bounds::of(2)), limits, stop, |_, _| async {
            Response::new(Full::new(Bytes::from_static(b"answered")))
        }));
        let mut squatters = Vec::new();
        for _ in 0..2 {
            let mut squatter = TcpStream::connect(address).await.unwrap();
            squatter.write_all(said).await.unwrap();
            let mut heard = vec![0; answered.len()];
            squatter.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, answered);
            squatters.push(squatter);
        }
        let mut newcomer = TcpStream::connect(address).await.unwrap();
        newcomer.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut heard = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(60), newcomer.read_to_end(&mut heard)).await;
        serving.abort();
        read.is_ok() && heard.ends_with(b"answered")
    }

    #[tokio::test]
    async fn half_a_request_of_nobody_keeps_no_newcomer_out() {
        let port = Port::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = port.address();
        let hour = HEADER * 9000;
        let limits = PortLimits { header: hour, idle: hour, unread: hour, drain: HEADER };
        let (_stopper, stop) = watch::channel(false);
        let seats = Seats::new(Bounds::of(2));
        // Whoever posts is waited for, who gets is answered; nobody is known before his body came.
        let serving =
            tokio::spawn(port.serve(None, seats.clone(), limits, stop, |request: Request<Incoming>, _| async move {
                let known = request.extensions().get::<Standing>().cloned().unwrap();
                let _body = http_body_util::BodyExt::collect(request.into_body()).await;
                known.make_known();
                Response::new(Full::new(Bytes::from_static(b"answered")))
            }));
        let mut squatters = Vec::new();
        for _ in 0..2 {
            let mut squatter = TcpStream::connect(address).await.unwrap();
            squatter.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
            squatters.push(squatter);
        }
        while seats.occupancy().undecided < 2 {
            tokio::task::yield_now().await;
        }
        let mut newcomer = TcpStream::connect(address).await.unwrap();
        newcomer.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut heard = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(60), newcomer.read_to_end(&mut heard)).await;
        serving.abort();
        assert!(read.is_ok() && heard.ends_with(b"answered"));
        assert_eq!(seats.occupancy().displaced, 1);
    }

    #[tokio::test]
    async fn idle_connections_keep_no_newcomer_out() {
        assert!(newcomer_is_answered_beside(b"", b"").await);
        let http1 = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        assert!(newcomer_is_answered_beside(http1, b"HTTP/1.1 200 OK\r\n").await);
        // Preface and settings; the server's settings come back.
        let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        assert!(newcomer_is_answered_beside(http2, b"").await);
    }

    #[tokio::test]
    async fn a_connection_without_requests_ends_after_the_limit() {
        let port = Port::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = port.address();
        let limits = PortLimits { header: HEADER * 9000, idle: HEADER, unread: HEADER * 9000, drain: HEADER };
        let (_stopper, stop) = watch::channel(false);
        let seats = Seats::new(Bounds::of(2));
        let serving = tokio::spawn(port.serve(None, seats, limits, stop, |_, _| async {
            Response::new(Full::new(Bytes::from_static(b"answered")))
        }));
        // A preface and a request for `/` of one stream (RFC 9113), then silence for ever.
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        client.write_all(b"\0\0\x07\x01\x05\0\0\0\x01\x82\x84\x86\x41\x02hi").await.unwrap();
        let mut heard = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(60), client.read_to_end(&mut heard)).await;
        serving.abort();
        assert!(read.is_ok(), "the connection is still open");
        assert!(heard.windows(8).any(|bytes| bytes == b"answered"));
    }
}
