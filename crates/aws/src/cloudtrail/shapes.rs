//! Shapes that several operations share.

use arqueta_model::Region;
use arqueta_trail::Trail;
use serde::{Deserialize, Serialize};

/// A request that names a trail and nothing else.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NamedTrail {
    /// Name or ARN.
    pub name: String,
}

/// An answer without members.
#[derive(Debug, Serialize)]
pub(super) struct Nothing {}

/// A trail, as every operation tells it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ShownTrail {
    name: String,
    s3_bucket_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    s3_key_prefix: Option<String>,
    include_global_service_events: bool,
    is_multi_region_trail: bool,
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    log_file_validation_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    is_organization_trail: bool,
    #[serde(flatten)]
    described: Option<Described>,
}

/// What only DescribeTrails and GetTrail tell.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    home_region: Region,
    has_custom_event_selectors: bool,
    has_insight_selectors: bool,
}

impl ShownTrail {
    /// As CreateTrail and UpdateTrail tell it.
    pub(super) fn new(trail: Trail, region: &Region) -> Self {
        Self {
            trail_arn: trail.id.arn(region),
            name: trail.id.name,
            s3_bucket_name: trail.bucket,
            s3_key_prefix: trail.prefix,
            include_global_service_events: trail.global_events,
            is_multi_region_trail: trail.multi_region,
            log_file_validation_enabled: trail.validation,
            kms_key_id: trail.kms_key,
            is_organization_trail: false,
            described: None,
        }
    }

    /// As DescribeTrails and GetTrail tell it.
    pub(super) fn described(trail: Trail, region: &Region) -> Self {
        let described = Described {
            home_region: region.clone(),
            has_custom_event_selectors: trail.has_custom_selectors(),
            has_insight_selectors: false,
        };
        Self { described: Some(described), ..Self::new(trail, region) }
    }
}
