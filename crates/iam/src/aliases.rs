//! Account aliases (IAM API Reference: CreateAccountAlias, DeleteAccountAlias, ListAccountAliases): a name
//! that an account has beside its number, one at a time and nobody else's.

use arqueta_model::AccountId;

use crate::Error;
use crate::accounts::Accounts;
use crate::record::AccountRecord;

/// Shortest and longest alias, characters.
const LENGTH: std::ops::RangeInclusive<usize> = 3..=63;

impl Accounts<'_> {
    /// The alias of an account.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn alias(self, account: &AccountId) -> Result<Option<String>, Error> {
        Ok(self.state.directory.account(account).await?.and_then(|record| record.alias))
    }

    /// Gives an account its alias, in the place of the one that it had.
    ///
    /// # Errors
    /// [`Error::Validation`], [`Error::EntityAlreadyExists`] for one that an account has.
    pub async fn set_alias(self, account: &AccountId, alias: &str) -> Result<(), Error> {
        check(alias)?;
        let mut change = self.state.directory.begin().await?;
        if self.state.directory.alias_owner(alias).await?.is_some() {
            return Err(Error::EntityAlreadyExists { message: format!("The account alias {alias} already exists.") });
        }
        let mut record = self.record(account).await?;
        if let Some(former) = record.alias.replace(alias.to_owned()) {
            change.delete_alias(&former);
        }
        change.put_alias(alias, account);
        change.put_account(account, &record);
        change.commit().await
    }

    /// Takes the alias from an account.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`] for another one than it has.
    pub async fn delete_alias(self, account: &AccountId, alias: &str) -> Result<(), Error> {
        check(alias)?;
        let mut change = self.state.directory.begin().await?;
        let mut record = self.record(account).await?;
        if record.alias.as_deref() != Some(alias) {
            return Err(Error::no_such(format!("The Account Alias {alias} cannot be found.")));
        }
        record.alias = None;
        change.delete_alias(alias);
        change.put_account(account, &record);
        change.commit().await
    }

    async fn record(self, account: &AccountId) -> Result<AccountRecord, Error> {
        let record = self.state.directory.account(account).await?;
        record.ok_or_else(|| Error::no_such(format!("Account {account} does not exist.")))
    }
}

/// Lower-case letters, digits and single dashes between them, and nothing that reads as an account's number.
fn check(alias: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = LENGTH.contains(&alias.len())
        && alias.chars().all(|c| plain(c) || c == '-')
        && alias.starts_with(plain)
        && alias.ends_with(plain)
        && !alias.contains("--");
    let number = alias.len() == 12 && alias.bytes().all(|byte| byte.is_ascii_digit());
    if fits && !number {
        return Ok(());
    }
    Err(Error::validation(
        "The specified value for accountAlias is invalid. It must be 3 to 63 characters of lower-case letters, digits and dashes, must not begin or end with a dash, must not have two of them in a row and must not be 12 digits.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases() {
        for good in ["abc", "a-b", "a1-2-3", "123", &"a".repeat(63)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "ab", "-ab", "ab-", "a--b", "Abc", "a.b", "a_b", "é12", "123456789012", &"a".repeat(64)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
