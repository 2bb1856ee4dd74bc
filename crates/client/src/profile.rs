//! AWS's own files: `~/.aws/config` and `~/.aws/credentials`.

use std::path::PathBuf;

use aws_credential_types::Credentials;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_runtime::env_config::section::EnvConfigSections;
use aws_runtime::env_config::source;
use aws_types::os_shim_internal::{Env, Fs};

use crate::Error;

/// What a profile says of an endpoint.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profile {
    pub(crate) url: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) credentials: Option<Credentials>,
}

impl Profile {
    /// The profile of this name, or the default one, which need not be there.
    ///
    /// # Errors
    /// [`Error::File`] for files that cannot be read, [`Error::Profile`] for a name that they do not have,
    /// [`Error::Elsewhere`] for one whose credentials come by a role, a process or a sign-in.
    pub(crate) async fn load(name: Option<&str>) -> Result<Self, Error> {
        let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| Error::File {
            path: PathBuf::from("the AWS configuration files"),
            source,
        };
        let files = EnvConfigFiles::default();
        let text = source::load(&Env::real(), &Fs::real(), &files).await.map_err(|error| unreadable(error.into()))?;
        let sections = EnvConfigSections::parse(text).map_err(|error| unreadable(error.into()))?;
        let chosen = name.unwrap_or_else(|| sections.selected_profile());
        let Some(profile) = sections.get_profile(chosen) else {
            return if name.is_some() { Err(Error::Profile(chosen.to_owned())) } else { Ok(Self::default()) };
        };
        let word = |key: &str| profile.get(key).map(str::to_owned);
        let credentials = match (word("aws_access_key_id"), word("aws_secret_access_key")) {
            (Some(id), Some(secret)) => {
                Some(Credentials::new(id, secret, word("aws_session_token"), None, "a profile"))
            }
            _ if name.is_some() => return Err(Error::Elsewhere(chosen.to_owned())),
            _ => None,
        };
        Ok(Self { url: word("endpoint_url"), region: word("region"), credentials })
    }
}
