//! `arqueta audit tail`: the latest events, and those that follow.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use arqueta_audit::{Entries, Entry};
use arqueta_model::{Clock as _, SystemClock};
use clap::Args;

use super::line::Form;
use super::{folder, warn_of, write};
use crate::{Config, Error};

/// How often a follower looks for more.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub struct TailArgs {
    /// How many events to show.
    #[arg(short = 'n', long, default_value_t = 10)]
    lines: usize,

    /// Stay, and show events as they are recorded.
    #[arg(short, long)]
    follow: bool,

    /// Show CloudTrail events as JSON, one on a line.
    #[arg(long)]
    json: bool,
}

impl TailArgs {
    pub fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let mut entries = Entries::open(folder(config), None).map_err(Error::Record)?.following();
        let mut latest = VecDeque::new();
        for entry in &mut entries {
            if let Entry::Event(event) = entry.map_err(Error::Record)? {
                latest.push_back(event);
            }
            if latest.len() > self.lines {
                latest.pop_front();
            }
        }
        warn_of(entries.skipped());
        let form = Form::of(self.json);
        for event in latest {
            write(out, &form.show(&event)?)?;
        }
        if !self.follow {
            return Ok(());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        loop {
            for entry in &mut entries {
                if let Entry::Event(event) = entry.map_err(Error::Record)? {
                    write(out, &form.show(&event)?)?;
                }
            }
            out.flush().map_err(Error::Output)?;
            runtime.block_on(SystemClock.sleep(LOOK));
        }
    }
}
