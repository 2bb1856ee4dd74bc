//! `arqueta rekey`: the keys of all versions of a bucket, wrapped anew.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::time::Duration;

use arqueta_model::{BucketName, Clock, SystemClock};
use arqueta_work::rekey::{Counts, Phase};
use clap::Args;

use crate::config::ServeArgs;
use crate::control::{RekeyBucket, RekeyJob, Running};
use crate::{Config, Error, hardening};

/// How often a running job is asked how far it is.
const LOOK: Duration = Duration::from_millis(250);

/// Options of `arqueta rekey`.
#[derive(Debug, Args)]
pub struct RekeyArgs {
    /// The bucket. All its versions are wrapped anew; their bytes, ETags and dates stay.
    bucket: BucketName,

    /// The KMS key that they come under: id, ARN or alias, as the bucket's account names it [default: the one of
    /// the bucket's default encryption]
    #[arg(long)]
    key: Option<String>,

    /// Give each version a data key of its own, rather than put them under a bucket key.
    #[arg(long)]
    no_bucket_key: bool,

    /// Versions a second at most; 0 for no bound.
    #[arg(long, default_value_t = 0)]
    rate: u32,

    /// Do not wait: the gateway works on. The same command with --status shows how far it is.
    #[arg(long)]
    detach: bool,

    /// Show how far the job of the bucket is, and begin none.
    #[arg(long, conflicts_with_all = ["stop", "key", "no_bucket_key", "rate", "detach"])]
    status: bool,

    /// Stop the job of the bucket; what was done stays.
    #[arg(long, conflicts_with_all = ["key", "no_bucket_key", "rate", "detach"])]
    stop: bool,

    /// Write what came of it as JSON.
    #[arg(long)]
    json: bool,

    /// Configuration file of the gateway that is meant.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Data folder of that gateway [default: ./data]
    #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Carries it out.
///
/// # Errors
/// [`Error::Config`] where no gateway runs on the folder, and with what the gateway said.
pub fn run(args: RekeyArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config.clone(), data_dir: args.data_dir.clone(), ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    hardening::forbid_core_dumps();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(args.perform(&config))
}

impl RekeyArgs {
    async fn perform(&self, config: &Config) -> Result<(), Error> {
        let Some(running) = Running::on(&config.data_dir).await? else {
            let folder = config.data_dir.display();
            return Err(Error::Config(format!(
                "no gateway runs on {folder}: it is the gateway that works; start it first"
            )));
        };
        let bucket = self.bucket.as_str();
        let mut job = match (self.status, self.stop) {
            (true, _) => running.rekey_job(bucket).await?,
            (_, true) => running.stop_rekey(bucket).await?,
            _ => {
                let asked = RekeyBucket {
                    bucket: bucket.to_owned(),
                    key: self.key.clone(),
                    bucket_key: !self.no_bucket_key,
                    rate: self.rate,
                };
                running.rekey(asked).await?
            }
        };
        let bar = io::stderr().is_terminal();
        while !(self.status || self.stop || self.detach || job.phase.is_over()) {
            if bar {
                // Who does not see it loses nothing else.
                let _ = write!(io::stderr(), "\r{}", line(&job));
            }
            SystemClock.sleep(LOOK).await;
            job = running.rekey_job(bucket).await?;
        }
        if bar {
            let _ = writeln!(io::stderr());
        }
        self.tell(&mut io::stdout().lock(), &job).map_err(Error::Output)?;
        let Counts { refused, failed, .. } = job.counts;
        if self.status || self.stop || refused + failed == 0 {
            return Ok(());
        }
        let why = job.trouble.unwrap_or_default();
        Err(Error::Config(format!("{refused} versions were refused and {failed} failed; the last one: {why}")))
    }

    fn tell(&self, out: &mut impl Write, job: &RekeyJob) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", serde_json::to_string(job).map_err(io::Error::from)?);
        }
        let counts = &job.counts;
        let how = if job.bucket_key { "under bucket keys of" } else { "under data keys of their own of" };
        let is = match job.phase {
            Phase::Done => "done",
            Phase::Stopped => "stopped",
            Phase::Currents | Phase::Noncurrents => "under way",
        };
        writeln!(out, "{is}: {} versions of {} are {how} {}", counts.rewrapped, job.bucket, job.key)?;
        for (count, what) in [
            (counts.customer, "under SSE-C, which only their customers can wrap anew"),
            (counts.dual, "under DSSE-KMS, which are left alone"),
            (counts.plain, "not encrypted"),
            (counts.locked, "locked by retention or a legal hold"),
            (counts.refused, "refused by the key service"),
            (counts.failed, "damaged or failed"),
            (counts.gone, "gone meanwhile"),
        ] {
            if count > 0 {
                writeln!(out, "not touched: {count} versions {what}")?;
            }
        }
        if let Some(trouble) = &job.trouble {
            writeln!(out, "the last one: {trouble}")?;
        }
        let seconds = counts.millis as f64 / 1000.0;
        writeln!(
            out,
            "{} key-service calls in {seconds:.1} s of work, {:.0} versions a second",
            counts.calls,
            counts.rewrapped as f64 / seconds.max(0.001)
        )
    }
}

/// How far it is, in one line.
fn line(job: &RekeyJob) -> String {
    let (seen, all) = (job.counts.seen, job.versions.max(job.counts.seen).max(1));
    let filled = usize::try_from(seen * 30 / all).unwrap_or(30);
    let rate = job.counts.rewrapped as f64 / (job.counts.millis as f64 / 1000.0).max(0.001);
    format!("[{:<30}] {seen}/{all} versions, {rate:.0}/s ", "#".repeat(filled))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_never_exceeds_the_bar() {
        let mut job: RekeyJob = serde_json::from_str(
            r#"{"bucket":"b","key":"k","bucketKey":true,"rate":0,"phase":"currents","versions":0,"counts":{}}"#,
        )
        .unwrap();
        assert!(line(&job).starts_with("[                              ] 0/1"), "{}", line(&job));
        job.counts.seen = 10;
        job.versions = 5;
        assert!(line(&job).starts_with("[##############################] 10/10"), "{}", line(&job));
    }
}
