//! `ARQUETA_*` variables that are misspelt, and so would do nothing.

use std::collections::BTreeSet;

use clap::{Args as _, Command};

use super::{Config, Root, ServeArgs};
use crate::{Error, credentials};

const PREFIX: &str = "ARQUETA_";

/// Refuses a variable that is nearly one of ours. One that is like none may be anybody's: the tests
/// have some, and Kubernetes makes `ARQUETA_SERVICE_HOST` of a service's name.
///
/// # Errors
/// [`Error::Config`] names the variable and the one that was probably meant.
pub(super) fn check(config: &Config) -> Result<(), Error> {
    let set = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    match set.filter(|name| name.starts_with(PREFIX)).find_map(|name| Some((meant(&name, config)?, name))) {
        Some((meant, name)) => {
            Err(Error::Config(format!("{name} is no variable that Arqueta reads; did you mean {meant}?")))
        }
        None => Ok(()),
    }
}

/// The variable that `name` is nearly, if it is not one.
fn meant(name: &str, config: &Config) -> Option<String> {
    let known = known(config);
    if known.contains(name) {
        return None;
    }
    let distance = |known: &String| strsim::osa_distance(&known[PREFIX.len()..], &name[PREFIX.len()..]);
    let nearest = known.iter().filter(|known| known.starts_with(PREFIX)).min_by_key(|known| distance(known))?;
    // A third of the letters: `ARQUETA_LISTN`, but not another word of the same length.
    let most = ((nearest.len() - PREFIX.len()) / 3).clamp(1, 3);
    (distance(nearest) <= most).then(|| nearest.clone())
}

fn known(config: &Config) -> BTreeSet<String> {
    let command = ServeArgs::augment_args(Command::new("serve"));
    let options = command.get_arguments().filter_map(|option| Some(option.get_env()?.to_str()?.to_owned()));
    let mut known: BTreeSet<String> = options.chain(credentials::VARIABLES.map(str::to_owned)).collect();
    // Those whose names the configuration gives.
    if let Root::Passphrase(by) = &config.kms.root {
        known.extend(by.passphrase_env.clone());
    }
    known.extend(config.kms.clusters.iter().filter_map(|cluster| cluster.pin_env.clone()));
    known.extend(config.audit.webhook.iter().flat_map(super::AuditWebhook::variables).cloned());
    known.extend(config.console.oidc.iter().filter_map(|oidc| oidc.client_secret_env.clone()));
    known.extend(config.notifications.variables().map(str::to_owned));
    known.extend(config.replication.variables().cloned());
    known.extend(config.trails.remote.values().filter_map(|bucket| bucket.secret_access_key_env.clone()));
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_a_variable_is_told_and_what_is_another_word_is_left_alone() {
        let config = Config::default();
        for (name, expected) in [
            ("ARQUETA_LISTN", Some("ARQUETA_LISTEN")),
            ("ARQUETA_DATADIR", Some("ARQUETA_DATA_DIR")),
            ("ARQUETA_ROOT_SECRET_KEY_ID", None),
            ("ARQUETA_ROOT_ACCES_KEY_ID", Some("ARQUETA_ROOT_ACCESS_KEY_ID")),
            ("ARQUETA_DOMAIN", Some("ARQUETA_DOMAINS")),
            ("ARQUETA_LISTEN", None),
            ("ARQUETA_BIN", None),
            ("ARQUETA_STREAM", None),
            ("ARQUETA_NIGHTLY", None),
            ("ARQUETA_CHECKOUT", None),
            ("ARQUETA_PORT", None),
            ("ARQUETA_SERVICE_HOST", None),
            ("ARQUETA_PASSPHRASE", None),
        ] {
            assert_eq!(meant(name, &config).as_deref(), expected, "{name}");
        }
    }
}
