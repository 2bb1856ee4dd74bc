//! `arqueta keys destroy-certificate`

use std::io::Write;

use arqueta_audit::{Entries, Entry, Mark};
use arqueta_report::Certifier;
use clap::{Args, ValueEnum};

use super::super::audit::verify::VerifyArgs;
use super::super::audit::{folder, warn_of};
use crate::{Config, Error};

/// How a certificate is written.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    /// A page to print and to sign.
    #[default]
    Html,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct DestroyCertificateArgs {
    /// Key id or ARN. Aliases go with their key.
    key: String,

    #[arg(long, value_enum, default_value_t)]
    format: Format,

    #[command(flatten)]
    verify: VerifyArgs,
}

impl DestroyCertificateArgs {
    pub(super) fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let proof = self.verify.proof(config)?;
        let found = proof.findings.len();
        let mut entries = Entries::open(folder(config), None).map_err(Error::Record)?;
        let mut certifier = Certifier::new(&self.key);
        // What a running gateway adds meanwhile was not verified.
        let most = if proof.valid { proof.events } else { u64::MAX };
        let mut taken = 0;
        while let Some(entry) = entries.next() {
            let Entry::Event(event) = entry.map_err(Error::Record)? else { continue };
            if taken == most {
                break;
            }
            taken += 1;
            certifier.take(&event, taken, &place(entries.mark()));
        }
        warn_of(entries.skipped());
        let certificate = certifier.finish(proof).map_err(|why| Error::Config(why.to_string()))?;
        let text = match self.format {
            Format::Html => certificate.html(),
            Format::Json => certificate.json(),
        };
        writeln!(out, "{}", text.trim_end()).map_err(Error::Output)?;
        match found {
            0 => Ok(()),
            found => Err(Error::Tampered(found)),
        }
    }
}

/// The file of the record, by its name while it is not packed, and the byte at which the line before the mark ends.
fn place(mark: &Mark) -> String {
    let mark = serde_json::json!(mark);
    let day = mark["day"].as_str().unwrap_or_default();
    format!("events-{day}-{:03}.jsonl, byte {}", mark["number"].as_u64().unwrap_or_default(), mark["offset"])
}
