//! `arqueta import`: buckets of a running S3 endpoint, brought over while it goes on serving.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arqueta_client::{Endpoint, Place, S3Bucket};
use arqueta_compare::{Options as Comparing, Tally, compare};
use arqueta_import::{Import, Options, Pace, Told, Totals, buckets};
use arqueta_model::{Clock as _, SystemClock};
use clap::Args;
use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{SignalKind, signal};

use super::quota::size;
use super::sides::SidesArgs;
use crate::{Error, hardening};

/// What scripts are told where it could not be done.
const FAILED: u8 = 3;

/// Options of `arqueta import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Buckets to bring over, as they are named at the source; BUCKET=NAME gives one another name [default: all]
    #[arg(value_name = "BUCKET")]
    buckets: Vec<String>,

    #[command(flatten)]
    sides: SidesArgs,

    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// How often to go over everything: the second time for what came meanwhile.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    passes: u32,
    /// Pass after pass, with so many seconds between them, until Ctrl-C: then the writers have been moved. What
    /// --passes says does not matter.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "10")]
    follow: Option<u64>,
    /// Delete objects that the source has no more, in buckets without versions.
    #[arg(long)]
    delete: bool,
    /// Key at the destination for what is under KMS keys at the source [default: the AWS managed key for S3]
    #[arg(long, value_name = "KEY")]
    kms_key: Option<String>,
    /// Versions copied at the same time.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    at_once: u16,
    /// Most bytes a second: a number, or one with KiB, MiB, GiB or TiB behind it.
    #[arg(long, value_name = "BYTES", value_parser = size)]
    rate: Option<u64>,
    /// Do not compare both sides at the end.
    #[arg(long)]
    no_report: bool,
    /// Read bytes for the report where nothing that is written down proves them the same.
    #[arg(long, conflicts_with = "no_report")]
    read: bool,
}

/// Imports.
///
/// # Errors
/// [`Error::Answer`] with 1 where something differs or stays behind, 2 where it cannot be told, and 3 where it
/// could not be done or was interrupted.
pub fn run(args: ImportArgs) -> Result<(), Error> {
    hardening::forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let said = runtime.block_on(async {
        let mut work = Box::pin(perform(&args));
        tokio::select! {
            said = &mut work => said,
            // With --follow it is `perform` that is told.
            _ = tokio::signal::ctrl_c(), if args.follow.is_none() => {
                say("arqueta: interrupted; the next import goes on from what has arrived")?;
                Ok(FAILED)
            }
        }
    });
    runtime.shutdown_background();
    match said {
        Ok(0) => Ok(()),
        Ok(code) => Err(Error::Answer(code)),
        Err(error) => {
            say(&format!("arqueta: {}", error.line()))?;
            Err(Error::Answer(FAILED))
        }
    }
}

fn say(line: &str) -> Result<(), Error> {
    writeln!(io::stderr(), "{line}").map_err(Error::Output)
}

async fn perform(args: &ImportArgs) -> Result<u8, Error> {
    let imports = imports(args).await?;
    let mut is_short = false;
    for (name, import) in &imports {
        let shown = Shown::new(name, args.dry_run);
        import.begin(&|told| shown.tell(told)).await.map_err(Error::open("bucket"))?;
        is_short |= shown.has_left();
    }
    is_short |= passes(args, &imports).await?;
    for (name, import) in &imports {
        let shown = Shown::new(name, args.dry_run);
        import.finish(&|told| shown.tell(told)).await.map_err(Error::open("bucket"))?;
        is_short |= shown.has_left();
    }
    if args.dry_run || args.no_report {
        return Ok(u8::from(is_short));
    }
    let mut code = u8::from(is_short);
    for (name, import) in &imports {
        code = match (report(args, name, import).await?, code) {
            (_, 1) | (1, _) => 1,
            (one, other) => one.max(other),
        };
    }
    Ok(code)
}

/// The buckets that are meant, on both sides.
async fn imports(args: &ImportArgs) -> Result<Vec<(String, Import)>, Error> {
    // Their names come below; what is asked for here is who asks whom.
    let nowhere = Place { endpoint: None, bucket: String::new(), prefix: String::new() };
    let (source, destination) = (args.sides.source(&nowhere).await?, args.sides.destination(&nowhere).await?);
    let client = |endpoint: &Endpoint| endpoint.client().map_err(Error::open("endpoint"));
    let (from, into) = (client(&source)?, client(&destination)?);
    let mut names = args.buckets.clone();
    if names.is_empty() {
        names = buckets(&from).await.map_err(Error::open("source"))?;
    }
    let options = Options {
        kms_key: args.kms_key.clone(),
        region: destination.region().to_owned(),
        deletes: args.delete,
        is_dry: args.dry_run,
        at_once: args.at_once.into(),
        pace: Pace::new(args.rate, Arc::new(SystemClock)),
    };
    let import = |name: String| {
        let (here, there) = name.split_once('=').unwrap_or((&name, &name));
        let source = S3Bucket::new(from.clone(), here, "");
        let import = Import::new(source, S3Bucket::new(into.clone(), there, ""), options.clone());
        (here.to_owned(), import)
    };
    Ok(names.into_iter().map(import).collect())
}

/// Goes over all buckets until that was often enough. Whether something stays behind.
async fn passes(args: &ImportArgs, imports: &[(String, Import)]) -> Result<bool, Error> {
    // From the start on: what comes during a pass is heard behind it.
    let mut interrupts = match args.follow {
        Some(_) => Some(signal(SignalKind::interrupt())?),
        None => None,
    };
    let mut pass = 0;
    loop {
        pass += 1;
        let (mut is_short, mut is_idle) = (false, true);
        for (name, import) in imports {
            let (totals, left) = one(args, name, import, pass).await?;
            is_short |= left;
            is_idle &= totals.is_idle();
        }
        match (args.follow, &mut interrupts) {
            _ if args.dry_run => return Ok(is_short),
            (Some(seconds), Some(interrupts)) => {
                if is_idle {
                    say("nothing new: once nobody writes to the source any more, Ctrl-C ends the import")?;
                }
                tokio::select! {
                    // What is asked for is the end: one more pass, for what was written last.
                    _ = interrupts.recv() => {
                        for (name, import) in imports {
                            is_short |= one(args, name, import, pass + 1).await?.1;
                        }
                        return Ok(is_short);
                    }
                    () = SystemClock.sleep(Duration::from_secs(seconds)) => {}
                }
            }
            _ if is_idle || pass >= args.passes => return Ok(is_short),
            _ => {}
        }
    }
}

/// One pass over one bucket.
async fn one(args: &ImportArgs, name: &str, import: &Import, pass: u32) -> Result<(Arc<Totals>, bool), Error> {
    let totals = Arc::new(Totals::default());
    let shown = Shown::new(name, args.dry_run);
    let failed = || Error::open("bucket");
    // Only somebody who looks needs to know how much there is; a later pass has little to do.
    if pass == 1 && !args.dry_run && io::stderr().is_terminal() {
        let (_, bytes) = import.size().await.map_err(failed())?;
        shown.of(bytes);
    }
    let (tell, counted) = (|told| shown.tell(told), totals.clone());
    let mut work = Box::pin(import.pass(totals.clone(), &tell));
    loop {
        tokio::select! {
            done = &mut work => {
                done.map_err(failed())?;
                break;
            }
            () = SystemClock.sleep(Duration::from_millis(250)) => shown.progress(&counted),
        }
    }
    drop(work);
    shown.bar.finish_and_clear();
    let would = if args.dry_run { "would be: " } else { "" };
    say(&format!("{name}, pass {pass}: {would}{}", totals.line()))?;
    Ok((totals, shown.has_left()))
}

/// What differs all the same, and why.
async fn report(args: &ImportArgs, name: &str, import: &Import) -> Result<u8, Error> {
    let failed = || Error::open("bucket");
    let (source, destination) = import.sides();
    let options =
        Comparing { listing: import.listing().await.map_err(failed())?, read: args.read, ..Comparing::default() };
    let mut outcomes = Box::pin(compare(Arc::new(source), Arc::new(destination), options));
    let mut tally = Tally::default();
    while let Some(outcome) = outcomes.next().await {
        let outcome = outcome.map_err(failed())?;
        tally.count(&outcome, false);
        for line in outcome.lines() {
            writeln!(io::stdout(), "{name}: {line}").map_err(Error::Output)?;
        }
    }
    say(&format!("{name}: {}", tally.line()))?;
    Ok(tally.exit())
}

/// What is shown of one bucket.
struct Shown<'a> {
    bucket: &'a str,
    is_dry: bool,
    bar: ProgressBar,
    left: std::sync::atomic::AtomicBool,
}

impl<'a> Shown<'a> {
    fn new(bucket: &'a str, is_dry: bool) -> Self {
        let bar = ProgressBar::new_spinner();
        Self { bucket, is_dry, bar, left: std::sync::atomic::AtomicBool::new(false) }
    }

    /// How much there is to come: from now on there is a bar, on standard error, where that is a terminal.
    fn of(&self, bytes: u64) {
        let template =
            "{prefix} {wide_bar} {binary_bytes}/{binary_total_bytes}, {binary_bytes_per_sec}, {eta} left, {msg}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar.set_style(style);
        self.bar.set_prefix(self.bucket.to_owned());
        self.bar.set_length(bytes);
    }

    fn progress(&self, totals: &Totals) {
        self.bar.set_position(totals.bytes.load(Ordering::Relaxed));
        self.bar.set_message(format!("{} keys", totals.keys.load(Ordering::Relaxed)));
    }

    fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    fn tell(&self, told: Told) {
        let bucket = self.bucket;
        let line = match told {
            Told::Setting { what } if self.is_dry => format!("{bucket}: {what} would be brought over"),
            Told::Setting { what } => format!("{bucket}: {what} brought over"),
            Told::SettingLeft { what, why } => {
                self.left.store(true, Ordering::Relaxed);
                format!("{bucket}: {what} left behind: {why}")
            }
            Told::Left { key, version, why } => {
                self.left.store(true, Ordering::Relaxed);
                let version = version.map_or_else(String::new, |version| format!(" ({version})"));
                format!("{bucket}: {}{version} left behind: {why}", key.escape_debug())
            }
        };
        // Whoever does not listen any more is told of it by the exit status.
        let _gone = self.bar.suspend(|| writeln!(io::stdout(), "{line}"));
    }
}
