//! Identity providers of an account (IAM API Reference: CreateOpenIDConnectProvider and its
//! siblings).

use arqueta_model::{AccountId, Arn, Timestamp};
use url::Url;

use super::Providers;
use super::issuer::{is_loopback, is_secure};
use crate::Error;
use crate::directory::Change;
use crate::names::{self, Tag};
use crate::record::OidcProviderRecord;

/// Longest URL, characters.
const URL: usize = 255;
/// Most client ids of a provider, and longest of them.
const CLIENT_IDS: usize = 100;
const CLIENT_ID: usize = 255;
/// Most thumbprints of a provider.
const THUMBPRINTS: usize = 5;
/// Most providers of an account (IAM's default quota).
const PROVIDERS: usize = 100;

/// An identity provider as IAM describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcProvider {
    /// `arn:aws:iam::<account>:oidc-provider/<URL without its scheme>`.
    pub arn: Arn,
    /// The issuer's URL without its scheme.
    pub url: String,
    /// Audiences that its tokens may be for.
    pub client_ids: Vec<String>,
    /// SHA-1 digests of certification authorities that are trusted for this provider beside the
    /// usual ones, in hex.
    pub thumbprints: Vec<String>,
    /// When it was created.
    pub create_date: Timestamp,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// An identity provider to create.
#[derive(Debug, Clone, Default)]
pub struct CreateOidcProvider {
    /// The issuer: `https://…` without query and fragment. For an issuer on this very machine,
    /// `http://127.0.0.1…` and `http://localhost…` are taken too, which AWS does not.
    pub url: String,
    /// At most 100.
    pub client_ids: Vec<String>,
    /// At most 5.
    pub thumbprints: Vec<String>,
    /// At most 50.
    pub tags: Vec<Tag>,
}

impl Providers<'_> {
    /// Creates an identity provider.
    ///
    /// # Errors
    /// [`Error::EntityAlreadyExists`], [`Error::InvalidInput`], [`Error::LimitExceeded`].
    pub async fn create(self, account: &AccountId, input: CreateOidcProvider) -> Result<OidcProvider, Error> {
        let name = check_url(&input.url)?;
        check_client_ids(&input.client_ids)?;
        names::check_tags(&input.tags)?;
        let thumbprints = check_thumbprints(input.thumbprints)?;
        let mut change = self.state.directory.begin().await?;
        if self.state.directory.find::<OidcProviderRecord>(account, &name).await?.is_some() {
            return Err(Error::EntityAlreadyExists {
                message: format!("Provider with url {} already exists.", input.url),
            });
        }
        if self.state.directory.all::<OidcProviderRecord>(account).await?.len() >= PROVIDERS {
            return Err(Error::limit(format!("Cannot exceed quota for OpenIdConnectProvidersPerAccount: {PROVIDERS}")));
        }
        let record = OidcProviderRecord {
            name,
            url: input.url,
            client_ids: input.client_ids,
            thumbprints,
            created: self.state.directory.now(),
            tags: input.tags,
        };
        change.put(account, &record);
        change.commit().await?;
        Ok(shown(account, record))
    }

    /// One provider.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn get(self, account: &AccountId, arn: &str) -> Result<OidcProvider, Error> {
        Ok(shown(account, self.record(account, arn).await?))
    }

    /// All providers of an account, by URL.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn list(self, account: &AccountId) -> Result<Vec<OidcProvider>, Error> {
        let records = self.state.directory.all::<OidcProviderRecord>(account).await?;
        Ok(records.into_iter().map(|record| shown(account, record)).collect())
    }

    /// Deletes a provider. Sessions that it vouched for go on, as in AWS.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn delete(self, account: &AccountId, arn: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let record = self.record(account, arn).await?;
        change.delete::<OidcProviderRecord>(account, &record.name);
        change.commit().await
    }

    /// Replaces the thumbprints.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::InvalidInput`].
    pub async fn set_thumbprints(self, account: &AccountId, arn: &str, thumbprints: Vec<String>) -> Result<(), Error> {
        let thumbprints = check_thumbprints(thumbprints)?;
        self.change(account, arn, |record| {
            record.thumbprints = thumbprints;
            Ok(())
        })
        .await
    }

    /// Adds an audience; one that is there already is fine.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::InvalidInput`], [`Error::LimitExceeded`].
    pub async fn add_client_id(self, account: &AccountId, arn: &str, id: &str) -> Result<(), Error> {
        self.change(account, arn, |record| {
            if !record.client_ids.iter().any(|own| own == id) {
                record.client_ids.push(id.to_owned());
            }
            check_client_ids(&record.client_ids)
        })
        .await
    }

    /// Removes an audience; one that is not there is fine.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn remove_client_id(self, account: &AccountId, arn: &str, id: &str) -> Result<(), Error> {
        self.change(account, arn, |record| {
            record.client_ids.retain(|own| own != id);
            Ok(())
        })
        .await
    }

    /// Adds tags, over those of the same keys.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::LimitExceeded`].
    pub async fn tag(self, account: &AccountId, arn: &str, tags: Vec<Tag>) -> Result<(), Error> {
        self.change(account, arn, |record| names::merge_tags(&mut record.tags, tags)).await
    }

    /// Removes tags.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn untag(self, account: &AccountId, arn: &str, keys: &[String]) -> Result<(), Error> {
        self.change(account, arn, |record| {
            names::remove_tags(&mut record.tags, keys.iter().map(String::as_str));
            Ok(())
        })
        .await
    }

    async fn change(
        self,
        account: &AccountId,
        arn: &str,
        alter: impl FnOnce(&mut OidcProviderRecord) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut change: Change<'_> = self.state.directory.begin().await?;
        let mut record = self.record(account, arn).await?;
        alter(&mut record)?;
        change.put(account, &record);
        change.commit().await
    }

    async fn record(self, account: &AccountId, arn: &str) -> Result<OidcProviderRecord, Error> {
        let prefix = format!("arn:aws:iam::{account}:oidc-provider/");
        let missing = || Error::no_such(format!("OpenIDConnect Provider not found for arn {arn}"));
        let name = arn.strip_prefix(&prefix).ok_or_else(missing)?;
        let record: Option<OidcProviderRecord> = self.state.directory.find(account, name).await?;
        record.filter(|record| record.name == name).ok_or_else(missing)
    }
}

fn shown(account: &AccountId, record: OidcProviderRecord) -> OidcProvider {
    OidcProvider {
        arn: record.arn(account),
        url: record.name,
        client_ids: record.client_ids,
        thumbprints: record.thumbprints,
        create_date: record.created,
        tags: record.tags,
    }
}

/// The URL of an issuer without its scheme.
fn check_url(text: &str) -> Result<String, Error> {
    let invalid = || {
        Error::InvalidInput {
        message: "Invalid Open ID Connect Provider URL: it begins with https:// (http:// only for this machine) and has neither query nor fragment.".to_owned(),
    }
    };
    let url = Url::parse(text).map_err(|_| invalid())?;
    let plain =
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    let fits = text.len() <= URL && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits || !plain || !(is_secure(&url) || is_loopback(&url)) {
        return Err(invalid());
    }
    let (_, name) = text.split_once("://").ok_or_else(invalid)?;
    Ok(name.to_owned())
}

fn check_client_ids(ids: &[String]) -> Result<(), Error> {
    if ids.len() > CLIENT_IDS {
        return Err(Error::limit(format!("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {CLIENT_IDS}")));
    }
    if ids.iter().all(|id| (1..=CLIENT_ID).contains(&id.chars().count())) {
        return Ok(());
    }
    Err(Error::validation(format!(
        "1 validation error detected: Value at 'clientID' failed to satisfy constraint: Member must have length between 1 and {CLIENT_ID}"
    )))
}

fn check_thumbprints(thumbprints: Vec<String>) -> Result<Vec<String>, Error> {
    if thumbprints.len() > THUMBPRINTS {
        return Err(Error::InvalidInput { message: "Thumbprint list must contain fewer than 5 entries.".to_owned() });
    }
    let is_digest = |text: &String| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if thumbprints.iter().all(is_digest) {
        return Ok(thumbprints.into_iter().map(|text| text.to_ascii_lowercase()).collect());
    }
    Err(Error::validation(
        "1 validation error detected: Value at 'thumbprintList' failed to satisfy constraint: Member must have length equal to 40",
    ))
}
