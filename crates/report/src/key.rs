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
    /// Whether its material is to be imported and is not there.
    #[serde(skip)]
    pub(crate) lacks_material: bool,
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
    /// Takes in what a call that succeeded says of the key, whenever it was. ReplicateKey says nothing of
    /// it: the replica is another key, whose own Region records its CreateKey.
    pub(crate) fn learn(&mut self, event: &Event) {
        let parameters = &event.request_parameters;
        match event.event_name.as_str() {
            "CreateKey" => self.born(event),
            "UpdateKeyDescription" => self.fact("description", parameters["description"].as_str()),
            "TagResource" => self.tags.extend(tags(parameters)),
            "UntagResource" => {
                for name in parameters["tagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                    self.tags.remove(name);
                }
            }
            "CreateAlias" => self.aliases.extend(parameters["aliasName"].as_str().map(str::to_owned)),
            "UpdateAlias" => self.moved(event),
            "DeleteAlias" => self.aliases.retain(|alias| parameters["aliasName"] != alias.as_str()),
            "ImportKeyMaterial" => self.set_material(true),
            "DeleteImportedKeyMaterial" | "DeleteExpiredKeyMaterial" => self.set_material(false),
            "EnableKey" => self.set_state("Enabled"),
            "CancelKeyDeletion" if self.lacks_material => self.set_state("PendingImport"),
            "DisableKey" | "CancelKeyDeletion" => self.set_state("Disabled"),
            "ScheduleKeyDeletion" => self.set_state("PendingDeletion"),
            "DeleteKey" => self.set_state("Deleted"),
            _ => {}
        }
    }

    /// An alias that left one of the keys that the event names for the other.
    fn moved(&mut self, event: &Event) {
        let parameters = &event.request_parameters;
        let (Some(alias), Some(target)) = (parameters["aliasName"].as_str(), parameters["targetKeyId"].as_str()) else {
            return;
        };
        self.aliases.retain(|known| known != alias);
        if self.arn == target || self.arn.rsplit('/').next() == Some(target) {
            self.aliases.push(alias.to_owned());
        }
    }

    fn set_state(&mut self, state: &str) {
        self.state = Some(state.to_owned());
    }

    /// Material that comes back does not enable a key that was disabled.
    fn set_material(&mut self, there: bool) {
        self.lacks_material = !there;
        match (there, self.state.as_deref()) {
            (_, Some("PendingDeletion" | "Deleted")) => {}
            (true, Some("PendingImport")) => self.set_state("Enabled"),
            (true, _) => {}
            (false, _) => self.set_state("PendingImport"),
        }
    }

    fn fact(&mut self, name: &'static str, text: Option<&str>) {
        match text {
            Some("") => drop(self.facts.remove(name)),
            Some(text) => drop(self.facts.insert(name, text.to_owned())),
            None => {}
        }
    }

    fn born(&mut self, event: &Event) {
        let (made, asked) = (&event.response_elements["keyMetadata"], &event.request_parameters);
        // Members in the API's case, and in CloudTrail's. A replica's CreateKey has its parameters alone.
        let member = |upper: &str, lower: &str| {
            made[upper].as_str().or_else(|| made[lower].as_str()).or_else(|| asked[lower].as_str())
        };
        for (fact, upper, lower) in [
            ("spec", "KeySpec", "keySpec"),
            ("usage", "KeyUsage", "keyUsage"),
            ("origin", "Origin", "origin"),
            ("description", "Description", "description"),
        ] {
            self.fact(fact, member(upper, lower).filter(|text| !text.is_empty()));
        }
        self.facts.insert("made", event.event_time.clone());
        self.facts.insert("made by", who(event));
        self.lacks_material = member("Origin", "origin") == Some("EXTERNAL");
        let begun = if self.lacks_material { "PendingImport" } else { "Enabled" };
        self.set_state(member("KeyState", "keyState").unwrap_or(begun));
        self.tags.extend(tags(asked));
    }

    /// Counts a call of the period under the material that served it. ReEncrypt opens under one and seals
    /// under another, which may be another key's.
    pub(crate) fn served(&mut self, event: &Event) {
        let Some(data) = &event.additional_event_data else { return };
        let keys: Vec<_> = event.resources.iter().filter(|resource| resource.kind == KEY).collect();
        let is_mine = |at: usize| keys.len() < 2 || keys.get(at).is_some_and(|key| key.arn == self.arn);
        let decrypts = event.event_name == "Decrypt";
        let named = [
            ("keyMaterialId", decrypts, true),
            ("sourceKeyMaterialId", true, is_mine(0)),
            ("destinationKeyMaterialId", false, is_mine(1)),
        ];
        for (member, opens, _) in named.into_iter().filter(|(.., mine)| *mine) {
            if let Some(id) = data[member].as_str() {
                self.count(id, opens, &event.event_time);
            }
        }
    }

    fn count(&mut self, id: &str, opens: bool, at: &str) {
        let found = self.materials.iter().position(|material| material.id == id).unwrap_or_else(|| {
            let (first, last) = (at.to_owned(), at.to_owned());
            self.materials.push(Material { id: id.to_owned(), first, last, sealed: 0, opened: 0 });
            self.materials.len() - 1
        });
        let material = &mut self.materials[found];
        if *material.first > *at {
            at.clone_into(&mut material.first);
        }
        if *material.last < *at {
            at.clone_into(&mut material.last);
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

/// The buckets that an event is about: whose objects a key was used for, and those that were called. The
/// first is the one that a row names; a copy has its source besides.
pub(crate) fn buckets_of(event: &Event) -> impl Iterator<Item = &str> {
    let context = event.request_parameters["encryptionContext"]["aws:s3:arn"].as_str();
    let touched = event.resources.iter().map(|resource| resource.arn.as_str());
    let arns = context.into_iter().chain(touched).filter_map(|arn| arn.strip_prefix(BUCKET_ARN));
    arns.map(|arn| arn.split_once('/').map_or(arn, |(bucket, _)| bucket))
}
