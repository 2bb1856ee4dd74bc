//! CreateTrail, UpdateTrail, DeleteTrail, DescribeTrails, GetTrail, ListTrails, ListPublicKeys.

use arqueta_call::CloudTrail;
use arqueta_model::{Region, Timestamp};
use arqueta_trail::{Changes, NewTrail, Tag, TrailId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::call::{Call, no_token};
use super::shapes::{NamedTrail, Nothing, ShownTrail};
use super::tagging::brought;
use crate::Error;
use crate::json::instant;

/// What CreateTrail and UpdateTrail can be told and is not acted on here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NotSupported {
    sns_topic_name: Option<String>,
    cloud_watch_logs_log_group_arn: Option<String>,
    cloud_watch_logs_role_arn: Option<String>,
    is_organization_trail: bool,
    recursive_logging: bool,
}

impl NotSupported {
    fn refuse(&self) -> Result<(), Error> {
        // An empty text removes what was never there.
        let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let parameters = [
            (given(&self.sns_topic_name), "SnsTopicName"),
            (given(&self.cloud_watch_logs_log_group_arn), "CloudWatchLogsLogGroupArn"),
            (given(&self.cloud_watch_logs_role_arn), "CloudWatchLogsRoleArn"),
            (self.is_organization_trail, "IsOrganizationTrail"),
            (self.recursive_logging, "RecursiveLogging"),
        ];
        match parameters.into_iter().find(|(given, _)| *given) {
            Some((_, parameter)) => Err(Error::UnsupportedParameter { parameter }),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateTrail {
    name: String,
    s3_bucket_name: String,
    s3_key_prefix: Option<String>,
    kms_key_id: Option<String>,
    include_global_service_events: Option<bool>,
    is_multi_region_trail: Option<bool>,
    enable_log_file_validation: Option<bool>,
    #[serde(default)]
    tags_list: Vec<Tag>,
    #[serde(flatten)]
    not_supported: NotSupported,
}

pub(super) async fn create(call: &Call<'_>, request: CreateTrail) -> Result<ShownTrail, Error> {
    let trails = &call.services.trails;
    let name = TrailId::new(&call.identity.principal.account, &request.name)?;
    let tags = brought(&request.tags_list);
    let tags: Vec<_> = tags.iter().map(|(key, value)| (&**key, *value)).collect();
    let id = call.trail_with(CloudTrail::CreateTrail, &name.name, &tags).await?;
    if !tags.is_empty() {
        call.trail_with(CloudTrail::AddTags, &name.name, &tags).await?;
    }
    request.not_supported.refuse()?;
    let new = NewTrail {
        id,
        bucket: request.s3_bucket_name,
        prefix: request.s3_key_prefix,
        kms_key: request.kms_key_id,
        global_events: request.include_global_service_events.unwrap_or(true),
        multi_region: request.is_multi_region_trail.unwrap_or(false),
        validation: request.enable_log_file_validation.unwrap_or(false),
        tags: request.tags_list,
    };
    Ok(ShownTrail::new(trails.create(new).await?, trails.region()))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateTrail {
    name: String,
    s3_bucket_name: Option<String>,
    s3_key_prefix: Option<String>,
    kms_key_id: Option<String>,
    include_global_service_events: Option<bool>,
    is_multi_region_trail: Option<bool>,
    enable_log_file_validation: Option<bool>,
    #[serde(flatten)]
    not_supported: NotSupported,
}

pub(super) async fn update(call: &Call<'_>, request: UpdateTrail) -> Result<ShownTrail, Error> {
    let id = call.trail(CloudTrail::UpdateTrail, &request.name).await?;
    request.not_supported.refuse()?;
    let changes = Changes {
        bucket: request.s3_bucket_name,
        prefix: request.s3_key_prefix,
        kms_key: request.kms_key_id,
        global_events: request.include_global_service_events,
        multi_region: request.is_multi_region_trail,
        validation: request.enable_log_file_validation,
    };
    let trails = &call.services.trails;
    Ok(ShownTrail::new(trails.update(&id, changes).await?, trails.region()))
}

pub(super) async fn delete(call: &Call<'_>, request: NamedTrail) -> Result<Nothing, Error> {
    let id = call.trail(CloudTrail::DeleteTrail, &request.name).await?;
    call.services.trails.delete(&id).await?;
    Ok(Nothing {})
}

/// `includeShadowTrails` asks for trails of other regions, of which there are none.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DescribeTrails {
    trail_name_list: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribedTrails {
    trail_list: Vec<ShownTrail>,
}

/// Names that no trail has are left out, as in AWS.
pub(super) async fn describe(call: &Call<'_>, request: DescribeTrails) -> Result<DescribedTrails, Error> {
    call.allow(CloudTrail::DescribeTrails)?;
    let (trails, account) = (&call.services.trails, &call.identity.principal.account);
    let region = trails.region();
    let mut found = trails.of_account(account).await?;
    if !request.trail_name_list.is_empty() {
        let wanted = request.trail_name_list.iter().map(|named| TrailId::named(account, region, named));
        let wanted = wanted.filter(|id| !matches!(id, Err(arqueta_trail::Error::TrailNotFound { .. })));
        let wanted: Vec<_> = wanted.collect::<Result<_, _>>()?;
        found.retain(|trail| wanted.contains(&trail.id));
    }
    Ok(DescribedTrails { trail_list: found.into_iter().map(|trail| ShownTrail::described(trail, region)).collect() })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GotTrail {
    trail: ShownTrail,
}

pub(super) async fn get(call: &Call<'_>, request: NamedTrail) -> Result<GotTrail, Error> {
    let id = call.trail(CloudTrail::GetTrail, &request.name).await?;
    let trails = &call.services.trails;
    Ok(GotTrail { trail: ShownTrail::described(trails.trail(&id).await?, trails.region()) })
}

/// A request for a page. All there is fits one, so no token was ever given out.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListTrails {
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedTrails {
    trails: Vec<ListedTrail>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedTrail {
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    name: String,
    home_region: Region,
}

pub(super) async fn list(call: &Call<'_>, request: ListTrails) -> Result<ListedTrails, Error> {
    call.allow(CloudTrail::ListTrails)?;
    no_token(request.next_token.as_deref())?;
    let trails = &call.services.trails;
    let region = trails.region();
    let found = trails.of_account(&call.identity.principal.account).await?;
    let listed = found.into_iter().map(|trail| ListedTrail {
        trail_arn: trail.id.arn(region),
        name: trail.id.name,
        home_region: region.clone(),
    });
    Ok(ListedTrails { trails: listed.collect() })
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListPublicKeys {
    start_time: Option<f64>,
    end_time: Option<f64>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PublicKeys {
    public_key_list: Vec<ShownKey>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownKey {
    value: String,
    validity_start_time: i64,
    validity_end_time: i64,
    fingerprint: String,
}

pub(super) async fn public_keys(call: &Call<'_>, request: ListPublicKeys) -> Result<PublicKeys, Error> {
    call.allow(CloudTrail::ListPublicKeys)?;
    no_token(request.next_token.as_deref())?;
    let (start, end) = (request.start_time.map(instant), request.end_time.map(instant));
    let keys = call.services.trails.public_keys(start, end).await?;
    let shown = keys.into_iter().map(|key| ShownKey {
        value: STANDARD.encode(&key.der),
        validity_start_time: Timestamp::seconds(key.from),
        validity_end_time: Timestamp::seconds(key.to),
        fingerprint: key.fingerprint,
    });
    Ok(PublicKeys { public_key_list: shown.collect() })
}
