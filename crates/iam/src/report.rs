//! The credential report (IAM User Guide, "Generate credential reports for your AWS account"): one
//! line of CSV for each user of an account, made when it is asked for and kept for four hours.

use std::time::Duration;

use arqueta_model::{AccountId, Timestamp};

use crate::access_keys::AccessKeys;
use crate::record::{CredentialReport, UserRecord};
use crate::state::State;
use crate::{Error, KeyHolder};

/// How long a report is good for.
const LIFE: Duration = Duration::from_secs(4 * 3600);
const HEAD: &str = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,\
    access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
    access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,\
    cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

/// What an account holds, as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Reports<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Reports<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Reports<'_> {
    /// Makes a report, unless there is one that is good. Whether it was made.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn generate_credentials(self, account: &AccountId) -> Result<bool, Error> {
        if self.credentials(account).await.is_ok() {
            return Ok(false);
        }
        let record = self.state.directory.account(account).await?;
        let created = record.map_or(Timestamp::from_millis(0), |record| record.created);
        let root = format!("arn:aws:iam::{account}:root");
        let mut lines = vec![HEAD.to_owned()];
        // Nobody here has a password, a device or a certificate.
        let password = ["not_supported", "N/A", "not_supported", "not_supported"];
        lines.push(self.line(account, "<root_account>", &root, created, KeyHolder::Root, password).await?);
        for user in self.state.directory.all::<UserRecord>(account).await? {
            let arn = user.arn(account);
            let holder = KeyHolder::User(&user.name);
            let password = ["FALSE", "N/A", "N/A", "N/A"];
            lines.push(self.line(account, &user.name, arn.as_str(), user.created, holder, password).await?);
        }
        let report = CredentialReport { content: lines.join("\n"), generated: self.state.directory.now() };
        self.state.directory.put_report(account, &report).await?;
        Ok(true)
    }

    /// The report that was made last.
    ///
    /// # Errors
    /// [`Error::ReportNotPresent`], [`Error::ReportExpired`].
    pub async fn credentials(self, account: &AccountId) -> Result<CredentialReport, Error> {
        let report = self.state.directory.report(account).await?.ok_or(Error::ReportNotPresent)?;
        if self.state.directory.now() >= report.generated.plus(LIFE) {
            return Err(Error::ReportExpired);
        }
        Ok(report)
    }

    async fn line(
        self,
        account: &AccountId,
        name: &str,
        arn: &str,
        created: Timestamp,
        holder: KeyHolder<'_>,
        password: [&str; 4],
    ) -> Result<String, Error> {
        let mut cells = vec![name.to_owned(), arn.to_owned(), created.rfc3339()];
        cells.extend(password.map(str::to_owned));
        cells.push("FALSE".to_owned());
        let keys = AccessKeys::over(self.state).list(account, holder).await?.into_iter();
        // A root key that the operator configured is stored nowhere, so nobody knows its age.
        let configured = self.state.configured_root.iter().filter(|(of, _)| holder == KeyHolder::Root && of == account);
        let configured = configured.map(|_| ["TRUE", "N/A", "N/A"].map(str::to_owned));
        let mut told: Vec<[String; 3]> = configured.collect();
        for key in keys {
            let used = self.state.directory.last_use(&key.access_key_id).await?;
            let active = if key.active { "TRUE" } else { "FALSE" };
            told.push([active.to_owned(), key.create_date.rfc3339(), used.map_or_else(none, |at| at.rfc3339())]);
        }
        told.resize_with(2, || ["FALSE".to_owned(), none(), none()]);
        for key in told {
            cells.extend(key);
            // Region and service of a use are not kept.
            cells.extend([none(), none()]);
        }
        cells.extend(["FALSE", "N/A", "FALSE", "N/A"].map(str::to_owned));
        // A name may hold a comma.
        Ok(cells.into_iter().map(quoted).collect::<Vec<_>>().join(","))
    }
}

fn none() -> String {
    "N/A".to_owned()
}

/// A cell of CSV (RFC 4180).
fn quoted(cell: String) -> String {
    if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}
