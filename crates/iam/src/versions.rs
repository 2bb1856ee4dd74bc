//! Versions of managed policies (IAM API Reference: CreatePolicyVersion, GetPolicyVersion,
//! ListPolicyVersions, SetDefaultPolicyVersion, DeletePolicyVersion).

use arqueta_model::{AccountId, Timestamp};

use crate::Error;
use crate::page::{List, Page};
use crate::policies::{Managed, Policies, check_document, conflict, not_found, version_id};
use crate::record::{PolicyRecord, VersionRecord};

/// Versions of one policy.
pub(crate) const VERSIONS: usize = 5;

/// A version of a managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// `v1`, `v2`, …
    pub version_id: String,
    /// Document as it was given.
    pub document: String,
    /// Whether it is in effect.
    pub is_default_version: bool,
    /// When it was created.
    pub create_date: Timestamp,
}

impl Policies<'_> {
    /// Adds a version and, if wanted, puts it in effect.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::MalformedPolicyDocument`], [`Error::LimitExceeded`] at
    /// the sixth, [`Error::Unmodifiable`].
    pub async fn create_version(
        self,
        account: &AccountId,
        arn: &str,
        document: String,
        set_as_default: bool,
    ) -> Result<PolicyVersion, Error> {
        check_document(&document)?;
        let mut change = self.state.directory.begin().await?;
        let mut record = self.own(account, arn).await?;
        if record.versions.len() >= VERSIONS {
            return Err(Error::limit(format!(
                "A managed policy can have up to {VERSIONS} versions. Before you create a new version, you must delete an existing version."
            )));
        }
        let (number, now) = (record.next, self.state.directory.now());
        record.next += 1;
        record.updated = now;
        record.versions.insert(number, VersionRecord { document: document.clone(), created: now });
        if set_as_default {
            record.default = number;
        }
        change.put(account, &record);
        change.commit().await?;
        Ok(PolicyVersion {
            version_id: version_id(number),
            document,
            is_default_version: set_as_default,
            create_date: now,
        })
    }

    /// One version.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn version(self, account: &AccountId, arn: &str, version: &str) -> Result<PolicyVersion, Error> {
        let versions = self.all_versions(account, arn).await?;
        versions.into_iter().find(|own| own.version_id == version).ok_or_else(|| no_version(arn, version))
    }

    /// A page of versions, newest first.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`].
    pub async fn versions(self, account: &AccountId, arn: &str, list: &List) -> Result<Page<PolicyVersion>, Error> {
        let versions = self.all_versions(account, arn).await?;
        // Fewer than ten live at a time, but their numbers grow: order by how many came after.
        let newest = versions.iter().map(|version| number(&version.version_id)).max().unwrap_or_default();
        list.page(versions.into_iter(), |version| format!("{:010}", newest - number(&version.version_id)).into())
    }

    /// Puts a version in effect, at once.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::Unmodifiable`].
    pub async fn set_default_version(self, account: &AccountId, arn: &str, version: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record = self.own(account, arn).await?;
        record.default = existing_version(&record, arn, version)?;
        record.updated = self.state.directory.now();
        change.put(account, &record);
        change.commit().await
    }

    /// Deletes a version that is not in effect.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::DeleteConflict`], [`Error::Unmodifiable`].
    pub async fn delete_version(self, account: &AccountId, arn: &str, version: &str) -> Result<(), Error> {
        let mut change = self.state.directory.begin().await?;
        let mut record = self.own(account, arn).await?;
        let number = existing_version(&record, arn, version)?;
        if number == record.default {
            return Err(conflict("Cannot delete the default version of a policy."));
        }
        record.versions.remove(&number);
        change.put(account, &record);
        change.commit().await
    }

    pub(crate) async fn all_versions(self, account: &AccountId, arn: &str) -> Result<Vec<PolicyVersion>, Error> {
        match self.managed(account, arn).await? {
            None => Err(not_found(arn)),
            Some(Managed::Aws(policy)) => Ok(vec![PolicyVersion {
                version_id: version_id(1),
                document: policy.document.to_owned(),
                is_default_version: true,
                create_date: policy.created(),
            }]),
            Some(Managed::Own(record)) => {
                let default = record.default;
                let version = |(number, version): (u32, VersionRecord)| PolicyVersion {
                    version_id: version_id(number),
                    document: version.document,
                    is_default_version: number == default,
                    create_date: version.created,
                };
                Ok(record.versions.into_iter().rev().map(version).collect())
            }
        }
    }
}

fn number(version_id: &str) -> u32 {
    version_id.strip_prefix('v').and_then(|number| number.parse().ok()).unwrap_or_default()
}

fn existing_version(record: &PolicyRecord, arn: &str, version: &str) -> Result<u32, Error> {
    let found = record.versions.keys().copied().find(|number| version_id(*number) == version);
    found.ok_or_else(|| no_version(arn, version))
}

fn no_version(arn: &str, version: &str) -> Error {
    Error::no_such(format!("Policy {arn} version {version} does not exist or is not attachable."))
}
