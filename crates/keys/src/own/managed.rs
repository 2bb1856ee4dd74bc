//! Keys that the service makes for itself and on an account's behalf.

use std::collections::BTreeMap;
use std::sync::Arc;

use arqueta_kms::{Error, KeyManager, KeySpec, KeyUsage};
use arqueta_model::{AccountId, Region};

use crate::Embedded;
use crate::held::new_version;
use crate::key::Key;
use crate::key::id::new_id;
use crate::schema::{AWS_S3, AliasRecord, Cause, KeyRecord, Lifecycle, Origin, Rotation, days};
use crate::state::change::Change;

/// Automatic rotation of AWS-managed keys, in days.
const YEAR: u16 = 365;

/// The service-owned key behind SSE-S3. Users never see it.
pub(crate) fn owned(service: &Embedded) -> Option<Arc<Key>> {
    let directory = service.state.directory();
    directory.owned(&service.state.account).find(|key| key.record.usage == KeyUsage::EncryptDecrypt).cloned()
}

/// Makes the service-owned key if there is none.
pub(crate) async fn ensure_owned(service: &Embedded) -> Result<(), Error> {
    let turn = service.turn().await?;
    if owned(service).is_some() {
        return Ok(());
    }
    let mut record = new_key(service, &service.state.account, &new_id(), KeyManager::Owned, String::new());
    record.versions.push(new_version(service, &record, service.state.home.as_deref(), Cause::Creation).await?);
    service.commit(turn, vec![Change::Key(record)]).await
}

/// The AWS-managed key `alias/aws/s3` of an account, made on first use.
pub(crate) async fn managed_s3(service: &Embedded, account: &AccountId) -> Result<Arc<Key>, Error> {
    if let Some(key) = existing_managed_s3(service, account) {
        return Ok(key);
    }
    let turn = service.turn().await?;
    if let Some(key) = existing_managed_s3(service, account) {
        return Ok(key);
    }
    let now = service.state.clock.now();
    let mut record = new_key(service, account, &new_id(), KeyManager::Aws, s3_policy(account, &service.state.region));
    record.description = "Default key that protects my S3 objects when no other key is defined".to_owned();
    record.rotation.next = Some(now.plus(days(YEAR)));
    record.versions.push(new_version(service, &record, service.state.home.as_deref(), Cause::Creation).await?);
    let alias = AliasRecord {
        account: account.clone(),
        name: AWS_S3.to_owned(),
        target: record.id.clone(),
        created: now,
        updated: now,
    };
    let id = record.id.clone();
    service.commit(turn, vec![Change::Key(record), Change::Alias(alias)]).await?;
    let key = service.state.directory().key(account, &id).cloned();
    Ok(key.expect("a committed key is in the directory, and AWS-managed keys are never deleted"))
}

fn existing_managed_s3(service: &Embedded, account: &AccountId) -> Option<Arc<Key>> {
    let directory = service.state.directory();
    directory.key(account, &directory.alias(account, AWS_S3)?.target).cloned()
}

/// A symmetric key, not yet stored and without material.
pub(crate) fn new_key(
    service: &Embedded,
    account: &AccountId,
    id: &str,
    manager: KeyManager,
    policy: String,
) -> KeyRecord {
    KeyRecord {
        account: account.clone(),
        id: id.to_owned(),
        created: service.state.clock.now(),
        description: String::new(),
        usage: KeyUsage::EncryptDecrypt,
        spec: KeySpec::SYMMETRIC_DEFAULT,
        manager,
        lifecycle: Lifecycle::Enabled,
        policy,
        tags: BTreeMap::new(),
        rotation: Rotation { next: None, period_days: YEAR },
        origin: Origin::AwsKms,
        custom_key_store: None,
        multi_region: None,
        versions: Vec::new(),
    }
}

/// What a key has whose creator gave no policy (KMS Developer Guide, "Default key policy").
pub(crate) fn default_policy(account: &AccountId) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}

/// AWS's own policy of `alias/aws/s3`: usable through S3 only, by the account's principals only.
fn s3_policy(account: &AccountId, region: &Region) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "auto-s3-2",
  "Statement" : [ {{
    "Sid" : "Allow access through S3 for all principals in the account that are authorized to use S3",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "*"
    }},
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : {{
      "StringEquals" : {{
        "kms:CallerAccount" : "{account}",
        "kms:ViaService" : "s3.{region}.amazonaws.com"
      }}
    }}
  }}, {{
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  }} ]
}}"#
    )
}
