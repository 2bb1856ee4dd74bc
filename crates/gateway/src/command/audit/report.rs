//! `arqueta audit report`: who used which key, for what, when, as a page to sign, a table or JSON.

use std::io::Write;

use arqueta_report::Scope;
use clap::{Args, ValueEnum};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::search::moment;
use super::verify::VerifyArgs;
use super::{folder, warn_of, write};
use crate::report::{self, Asked};
use crate::{Config, Error};

/// How a report is written.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A page to read on paper and to sign.
    #[default]
    Html,
    /// A row for each use, change, refusal and object.
    Csv,
    /// All of it, for programs.
    Json,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// About one key: part of its ARN or id.
    #[arg(long, value_name = "KEY", group = "about")]
    key: Option<String>,

    /// About one bucket: its name.
    #[arg(long, value_name = "BUCKET", group = "about")]
    bucket: Option<String>,

    /// About one person: part of an ARN, user name, principal id or access key id.
    #[arg(long, value_name = "TEXT", group = "about")]
    principal: Option<String>,

    /// Not before this time: 2026-11-21 or 2026-11-21T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<OffsetDateTime>,

    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<OffsetDateTime>,

    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    verify: VerifyArgs,
}

impl ReportArgs {
    pub fn run(self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let proof = self.verify.proof(config)?;
        let found = proof.findings.len();
        let scope = match (self.key, self.bucket, self.principal) {
            (Some(key), ..) => Scope::Key(key),
            (_, Some(bucket), _) => Scope::Bucket(bucket),
            (.., Some(principal)) => Scope::Principal(principal),
            _ => Scope::Everything,
        };
        let second = |at: OffsetDateTime| at.replace_nanosecond(0).ok().and_then(|at| at.format(&Rfc3339).ok());
        let asked = Asked { scope, from: self.from.and_then(second), to: self.to.and_then(second) };
        let made = report::collected(&folder(config), asked, proof).map_err(Error::Record);
        let (report, skipped) = made?;
        warn_of(skipped);
        let text = match self.format {
            Format::Html => report.html(),
            Format::Csv => report.csv(),
            Format::Json => report.json(),
        };
        write(out, text.trim_end())?;
        match found {
            0 => Ok(()),
            found => Err(Error::Tampered(found)),
        }
    }
}
