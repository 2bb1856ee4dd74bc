//! Access keys.

use arqueta_iam::KeyHolder;
use serde::Serialize;
use serde_json::json;

use super::call::{Iam, Keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{AccessKey, AccessKeyMetadata, Date, Listing, One};

pub(super) async fn create(call: &Iam<'_>) -> Result<Answer, Error> {
    let user_name = authorized(call).await?;
    let created = call.service().access_keys().create(call.account(), holder(user_name.as_deref())).await?;
    let keys = call.service().access_keys().list(call.account(), holder(user_name.as_deref())).await?;
    let create_date = keys.iter().find(|key| key.access_key_id == created.access_key_id).map(|key| key.create_date);
    let create_date = create_date.unwrap_or(call.call.info.received);
    // The secret is for the answer only, never for the record.
    let recorded = json!({ "accessKey": {
        "accessKeyId": created.access_key_id,
        "status": "Active",
        "userName": user_name,
        "createDate": create_date.rfc3339(),
    } });
    let shown = AccessKey {
        user_name,
        access_key_id: created.access_key_id,
        status: "Active",
        secret_access_key: created.secret.expose().to_owned(),
        create_date: Date(create_date),
    };
    Ok(Answer::of(call.operation, &One("AccessKey", shown))?.recording(recorded))
}

pub(super) async fn list(call: &Iam<'_>) -> Result<Answer, Error> {
    let user_name = authorized(call).await?;
    let keys = call.service().access_keys().list(call.account(), holder(user_name.as_deref())).await?;
    let metadata = |key: arqueta_iam::AccessKey| AccessKeyMetadata {
        user_name: user_name.clone(),
        access_key_id: key.access_key_id,
        status: if key.active { "Active" } else { "Inactive" },
        create_date: Date(key.create_date),
    };
    let items = keys.into_iter().map(metadata).collect();
    Answer::of(call.operation, &Listing { name: "AccessKeyMetadata", items, marker: None })
}

pub(super) async fn update(call: &Iam<'_>) -> Result<Answer, Error> {
    let id = call.required("AccessKeyId")?;
    let active = match call.required("Status")? {
        "Active" => true,
        "Inactive" => false,
        other => {
            return Err(Error::Validation(format!(
                "1 validation error detected: Value '{other}' at 'status' failed to satisfy constraint: Member must \
                 satisfy enum value set: [Active, Inactive, Expired]"
            )));
        }
    };
    let user_name = authorized(call).await?;
    call.service().access_keys().update(call.account(), holder(user_name.as_deref()), id, active).await?;
    Ok(Answer::nothing())
}

pub(super) async fn delete(call: &Iam<'_>) -> Result<Answer, Error> {
    let id = call.required("AccessKeyId")?;
    let user_name = authorized(call).await?;
    call.service().access_keys().delete(call.account(), holder(user_name.as_deref()), id).await?;
    Ok(Answer::nothing())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LastUsed {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<String>,
    access_key_last_used: Use,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Use {
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_date: Option<Date>,
    service_name: &'static str,
    region: &'static str,
}

pub(super) async fn last_used(call: &Iam<'_>) -> Result<Answer, Error> {
    let id = call.required("AccessKeyId")?;
    let found = call.service().access_keys().last_used(call.account(), id).await;
    // Authorized on its user; a key that does not exist on any, so that only those who may see
    // all of them learn that it is missing.
    let user = found.as_ref().ok().and_then(|found| found.user_name.as_deref());
    let (arn, keys) = match user {
        Some(name) => call.user(name).await?,
        None => (call.arn("user/*").into(), Keys::new()),
    };
    call.authorize(&arn, &keys)?;
    let found = found?;
    // Which service and region is not kept; AWS answers N/A where it does not know either.
    let used = Use { last_used_date: found.at.map(Date), service_name: "N/A", region: "N/A" };
    Answer::of(call.operation, &LastUsed { user_name: found.user_name, access_key_last_used: used })
}

fn holder(user_name: Option<&str>) -> KeyHolder<'_> {
    user_name.map_or(KeyHolder::Root, KeyHolder::User)
}

/// Whose keys are meant (`None` for the root user), once the caller is allowed to act on them.
async fn authorized(call: &Iam<'_>) -> Result<Option<String>, Error> {
    let user_name = call.named_or_own_user()?;
    let (arn, keys) = match &user_name {
        Some(name) => call.user(name).await?,
        None => (call.arn("root").into(), Keys::new()),
    };
    call.authorize(&arn, &keys)?;
    Ok(user_name)
}
