//! A Transit engine in memory on a loopback port, for the end-to-end suites:
//! `transit <token> [port]` prints its address and serves until it is killed. Not for use.
#![allow(clippy::print_stdout)] // its user reads the address there

mod engine;

use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let token = arguments.next().unwrap_or_default();
    let port = arguments.next().and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    engine::Engine::new(&token).serve(listener).await;
    Ok(())
}
