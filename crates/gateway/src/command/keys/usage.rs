//! `arqueta keys usage`

use std::io::Write;

use arqueta_engine::dependents::{Dependents, Survey};
use arqueta_keys::list_keys;
use clap::Args;

use super::authenticated;
use crate::{Config, Error};

#[derive(Debug, Args)]
pub(super) struct UsageArgs {
    /// Key id, ARN or alias (`alias/…`).
    key: String,
}

impl UsageArgs {
    pub(super) async fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let meta = authenticated(config).await?.meta;
        let keys = list_keys(&*meta, &config.region).await.map_err(Error::open("key service"))?;
        let aliased = keys.iter().find(|key| key.aliases.contains(&self.key));
        let named = aliased.map_or(self.key.as_str(), |key| key.arn.as_str());
        let is_here = keys.iter().any(|key| key.arn.as_str() == named || key.arn.key_id() == named);
        let survey = Survey::take(&*meta, |_| {}).await.map_err(Error::open("metadata"))?;
        let buckets = survey.of(named);
        // A key that was destroyed is not listed, and what depended on it still shows.
        if !is_here && buckets.is_empty() {
            return Err(Error::Config(format!("there is no key {}, and nothing depends on one", self.key)));
        }
        writeln!(out, "current  noncurrent  uploads  bucket-keys  bucket").map_err(Error::Output)?;
        let mut all = Dependents::default();
        for (bucket, counted) in &buckets {
            all += *counted;
            line(out, counted, bucket.as_str())?;
        }
        line(out, &all, "(all)")?;
        match survey.unreadable() {
            0 => Ok(()),
            more => writeln!(out, "{more} damaged records may depend on it, too").map_err(Error::Output),
        }
    }
}

fn line(out: &mut impl Write, counted: &Dependents, bucket: &str) -> Result<(), Error> {
    let Dependents { current, noncurrent, uploads, bucket_keys } = counted;
    writeln!(out, "{current:>7}  {noncurrent:>10}  {uploads:>7}  {bucket_keys:>11}  {bucket}").map_err(Error::Output)
}
