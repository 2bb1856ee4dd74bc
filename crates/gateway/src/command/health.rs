//! `arqueta health`: asks the administration port of a running gateway. For containers and supervisors,
//! whose images have no HTTP client.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::ServeArgs;
use crate::config::listen_address;
use crate::{Config, Error};

/// How long the gateway may take; readiness tries the disk and other services.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most bytes of an answer.
const ANSWER: usize = 1 << 16;

/// Options of `arqueta health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Ask whether everything works, and show what does not, rather than whether the process answers.
    #[arg(long)]
    ready: bool,

    /// Ask for these parts of readiness only: serving, read, write, record, keyService, connections.
    #[arg(long, value_delimiter = ',', requires = "ready", value_name = "PARTS")]
    only: Vec<String>,

    /// Configuration file of the gateway that is meant.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Address of its administration port [default: 127.0.0.1:9001]
    #[arg(long, env = "ARQUETA_ADMIN_LISTEN", value_name = "ADDR:PORT", value_parser = listen_address)]
    admin_listen: Option<SocketAddr>,
}

/// Asks, and shows the answer.
///
/// # Errors
/// [`Error::NotWell`] where there is no answer or another one than 200.
pub fn run(args: HealthArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config, admin_listen: args.admin_listen, ..ServeArgs::default() };
    let address = dialled(Config::load(&serve)?.admin_listen);
    let path = match (args.ready, args.only.as_slice()) {
        (false, _) => "/healthz".to_owned(),
        (true, []) => "/readyz".to_owned(),
        (true, only) => format!("/readyz?only={}", only.join(",")),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let asked = runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(address, &path)).await });
    let (status, said) = asked
        .map_err(|_| "it does not answer".to_owned())
        .and_then(|answer| answer.map_err(|error| error.to_string()))
        .map_err(|said| Error::NotWell { address, said })?;
    if status != StatusCode::OK {
        return Err(Error::NotWell { address, said: format!("{}: {}", status.as_u16(), said.trim()) });
    }
    io::stdout().write_all(said.as_bytes()).map_err(Error::Output)
}

/// Where a port is reached that listens on `address`: one that listens on all of them, on loopback.
fn dialled(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

async fn ask(
    address: SocketAddr,
    path: &str,
) -> Result<(StatusCode, String), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header(header::HOST, address.to_string()).body(Empty::<Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER).collect().await?.to_bytes();
    connection.abort();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_all_addresses_is_asked_on_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:9001", "127.0.0.1:9001"),
            ("[::]:9001", "[::1]:9001"),
            ("192.0.2.7:80", "192.0.2.7:80"),
            ("[2001:db8::1]:80", "[2001:db8::1]:80"),
        ] {
            assert_eq!(dialled(listens.parse().unwrap()).to_string(), asked);
        }
    }
}
