//! What the record tells of one key.

use std::collections::BTreeMap;

use arqueta_audit::Event;
use serde::Serialize;
use serde_json::Value;

use crate::act::{Act, Use};

/// Type of keys among the resources of events.
pub(crate) const KEY: &str = "AWS::KMS::Key";
/// What stands before a bucket's name in its ARN.
const BUCKET_ARN: &str = "arn:aws:s3:::";

/// One key: what it is, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// ARN.
    pub arn: String,
    /// Account that owns it.
    pub account: String,
    /// What CreateKey, ReplicateKey or a later call said of it: spec, usage, origin, description.
    pub facts: BTreeMap<&'static str, String>,
    /// Tags in force at the end: its owner and approver, where people tag so.
    pub tags: BTreeMap<String, String>,
    /// Aliases at the end.
    pub aliases: Vec<String>,
    /// State at the end as far as the record tells.
    pub state: Option<String>,
    /// Materials that calls of the period were served by, oldest first: its cryptoperiods.
    pub materials: Vec<Material>,
    /// Changes of the key in the period, oldest first.
    pub changes: Vec<Act>,
    /// Uses in the period.
    pub uses: Vec<Use>,
}

/// One material of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Material {
    /// Its id.
    pub id: String,
    /// The first call that it served.
    pub first: String,
    /// The last.
    pub last: String,
    /// Calls that sealed something: Encrypt, GenerateDataKey and their kin.
    pub sealed: u64,
    /// Calls that opened something.
    pub opened: u64,
}

impl Key {
    /// Takes in what a call that succeeded says of the key, whenever it was.
    pub(crate) fn learn(&mut self, event: &Event) {
        let parameters = &event.request_parameters;
        match event.event_name.as_str() {
            "CreateKey" | "ReplicateKey" => self.born(event),
            "TagResource" => self.tags.extend(tags(parameters)),
            "UntagResource" => {
                for name in parameters["tagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    self.tags.remove(name);
                }
            }
            "CreateAlias" | "UpdateAlias" => {
                let alias = parameters["aliasName"].as_str();
                self.aliases.extend(alias.filter(|alias| !self.aliases.iter().any(|a| a == alias)).map(str::to_owned));
            }
            "DeleteAlias" => self.aliases.retain(|alias| parameters["aliasName"] != alias.as_str()),
            "EnableKey" => self.state = Some("Enabled".to_owned()),
            "DisableKey" | "CancelKeyDeletion" => self.state = Some("Disabled".to_owned()),
            "ScheduleKeyDeletion" => self.state = Some("PendingDeletion".to_owned()),
            "DeleteKey" => self.state = Some("Deleted".to_owned()),
            _ => {}
        }
    }

    fn born(&mut self, event: &Event) {
        let made = match &event.response_elements["keyMetadata"] {
            Value::Null => &event.response_elements["replicaKeyMetadata"],
            made => made,
        };
        // Members in the API's case, and in CloudTrail's.
        let member =
            |upper: &str, lower: &str| made[upper].as_str().or_else(|| made[lower].as_str()).map(str::to_owned);
        for (fact, upper, lower) in [
            ("spec", "KeySpec", "keySpec"),
            ("usage", "KeyUsage", "keyUsage"),
            ("origin", "Origin", "origin"),
            ("description", "Description", "description"),
        ] {
            self.facts.extend(member(upper, lower).filter(|text| !text.is_empty()).map(|text| (fact, text)));
        }
        self.facts.insert("made", event.event_time.clone());
        self.facts.insert("made by", who(event));
        self.state = member("KeyState", "keyState");
        self.tags.extend(tags(&event.request_parameters));
    }

    /// Counts a call of the period under the material that served it.
    pub(crate) fn served(&mut self, event: &Event) {
        let Some(id) = event.additional_event_data.as_ref().and_then(|data| data["keyMaterialId"].as_str()) else {
            return;
        };
        let opens = event.event_name == "Decrypt";
        let at = &event.event_time;
        let found = self.materials.iter_mut().find(|material| material.id == id);
        let material = match found {
            Some(material) => material,
            None => {
                let new = Material { id: id.to_owned(), first: at.clone(), last: at.clone(), sealed: 0, opened: 0 };
                self.materials.push(new);
                self.materials.last_mut().expect("one was pushed")
            }
        };
        if material.first > *at {
            material.first.clone_from(at);
        }
        if material.last < *at {
            material.last.clone_from(at);
        }
        *(if opens { &mut material.opened } else { &mut material.sealed }) += 1;
    }
}

fn tags(parameters: &Value) -> BTreeMap<String, String> {
    let text =
        |tag: &Value, upper: &str, lower: &str| tag[upper].as_str().or_else(|| tag[lower].as_str()).map(str::to_owned);
    let tags = parameters["tags"].as_array().into_iter().flatten();
    tags.filter_map(|tag| Some((text(tag, "TagKey", "tagKey")?, text(tag, "TagValue", "tagValue")?))).collect()
}

/// Who called, as a report names them.
pub(crate) fn who(event: &Event) -> String {
    let identity = &event.user_identity;
    let named = identity.arn.as_deref().or(identity.invoked_by.as_deref()).or(identity.principal_id.as_deref());
    named.or(identity.account_id.as_deref()).unwrap_or(&identity.kind).to_owned()
}

/// The bucket that an event is about: the one that was called, or the one whose objects a key was used for.
pub(crate) fn bucket_of(event: &Event) -> Option<&str> {
    let context = event.request_parameters["encryptionContext"]["aws:s3:arn"].as_str();
    let touched = event.resources.iter().map(|resource| resource.arn.as_str());
    let arn = context.into_iter().chain(touched).find_map(|arn| arn.strip_prefix(BUCKET_ARN))?;
    Some(arn.split_once('/').map_or(arn, |(bucket, _)| bucket))
}
