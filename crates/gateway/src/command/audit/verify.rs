//! `arqueta audit verify`: whether the record is what was written (docs/record.md).

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{Finding, Head, Report};
use arqueta_keys::RecordSealer;
use arqueta_model::{Clock, SystemClock};
use arqueta_report::Proof;
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::{folder, write};
use crate::config::listen_address;
use crate::{Config, Error, metadata, root};

/// A running gateway may be in the middle of a group; one that it does not finish is a finding.
const LOOKS: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// Largest head document, in bytes.
const DOCUMENT: usize = 4096;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Administration port of the gateway, if one runs on the data folder [default: as configured]
    #[arg(long, env = "ARQUETA_ADMIN_LISTEN", value_name = "ADDR:PORT", value_parser = listen_address)]
    admin: Option<SocketAddr>,
}

impl VerifyArgs {
    pub fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let report = self.verified(config)?;
        for finding in &report.findings {
            write(out, &finding.to_string())?;
        }
        let Report { files, groups, events, head, pruned, findings } = &report;
        if *pruned > 0 {
            write(
                out,
                &format!("groups 1 to {pruned} were removed earlier; a statement of this gateway vouches for that"),
            )?;
        }
        if findings.is_empty() {
            let sequence = head.sequence;
            write(
                out,
                &format!("valid: {events} events in {groups} groups, {files} files; the chain ends at {sequence}"),
            )
        } else {
            write(out, &format!("{events} events in {groups} groups, {files} files are what was recorded"))?;
            Err(Error::Tampered(findings.len()))
        }
    }

    /// What the verification finds, as reports and certificates tell it.
    ///
    /// # Errors
    /// As [`VerifyArgs::verified`].
    pub fn proof(&self, config: &Config) -> Result<Proof, Error> {
        let verified = self.verified(config)?;
        Ok(Proof {
            valid: verified.findings.is_empty(),
            events: verified.events,
            groups: verified.groups,
            chain_end: verified.head.sequence,
            chain_tag: verified.head.tag_hex(),
            pruned: verified.pruned,
            findings: verified.findings.iter().map(ToString::to_string).collect(),
        })
    }

    /// What the verification finds.
    ///
    /// # Errors
    /// [`Error::Record`] if the record cannot be read, [`Error::Config`] if nobody tells where it ends.
    pub fn verified(&self, config: &Config) -> Result<Report, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.report(config))
    }

    async fn report(&self, config: &Config) -> Result<Report, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let root = root::open(config, &clock).await?;
        let root = root.unlock().await.map_err(Error::open("root key"))?;
        let sealer = RecordSealer::new(&root);
        let (head, running) = self.head(config, &sealer).await?;
        let look = || arqueta_audit::verify(folder(config), &sealer, head).map_err(Error::Record);
        let mut report = look()?;
        for _ in 0..LOOKS {
            if !running || !matches!(report.findings[..], [Finding::Unsealed { .. }]) {
                break;
            }
            SystemClock.sleep(BETWEEN_LOOKS).await;
            report = look()?;
        }
        Ok(report)
    }

    /// The chain's end, from the metadata store or, where a gateway holds that, from the gateway.
    async fn head(&self, config: &Config, sealer: &RecordSealer) -> Result<(Option<Head>, bool), Error> {
        if !metadata::exists(config) {
            return Err(Error::Config(format!("{} is no data folder of a gateway", config.data_dir.display())));
        }
        let closed = match metadata::open(config) {
            Ok(meta) => {
                return Ok((Head::load(&meta, sealer).await.map_err(Error::Record)?, false));
            }
            Err(error) => error.line(),
        };
        let admin = self.admin.unwrap_or(config.admin_listen);
        match ask(admin).await {
            Ok(document) => Ok((Some(Head::decode(&document, sealer).map_err(Error::Record)?), true)),
            Err(error) => Err(Error::Config(format!(
                "the metadata in the data folder does not open ({closed}), and no gateway answers on its \
                 administration port {admin} ({error}); tell the port with --admin"
            ))),
        }
    }
}

/// The head that the gateway behind the administration port shows.
async fn ask(admin: SocketAddr) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
    let stream = tokio::net::TcpStream::connect(admin).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = http::Request::get("/audit/head").header("host", admin.to_string()).body(Empty::<Bytes>::new())?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        if answer.status() != http::StatusCode::OK {
            return Err(format!("it answers {}", answer.status()).into());
        }
        Ok(Limited::new(answer.into_body(), DOCUMENT).collect().await?.to_bytes())
    };
    tokio::pin!(connection);
    tokio::select! {
        answer = answer => answer,
        ended = &mut connection => Err(ended.err().map_or_else(|| "the connection ended".into(), Into::into)),
    }
}
