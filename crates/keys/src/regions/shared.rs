//! The properties that all Regions of a key share, taken out of a record and put into another
//! (KMS Developer Guide, "Shared properties of multi-Region keys"). Policy, grants, aliases, tags,
//! description and state are each Region's own.

use arqueta_kms::{Error, KeySpec, KeyUsage};
use arqueta_model::{AccountId, Region};
use serde::{Deserialize, Serialize};

use super::seal::{self, Way};
use crate::crypt::sealing::material_of;
use crate::key::{Key, material};
use crate::schema::{KeyRecord, Lifecycle, MultiRegion, Origin, Rotation, VersionRecord};
use crate::{Embedded, PeerKey};

/// The shared properties, on their way to one Region.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Shared {
    pub account: AccountId,
    pub id: String,
    pub usage: KeyUsage,
    pub spec: KeySpec,
    pub origin: Origin,
    pub rotation: Rotation,
    pub regions: MultiRegion,
    /// With material sealed for the Region, or none: in an offer, and of imported keys always.
    pub versions: Vec<VersionRecord>,
}

/// Why what a Region says is not taken over. It does not happen between Regions that work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misfit {
    #[error("another kind of key, or other versions of its material, have this id")]
    Other,
    #[error("material does not open")]
    Material,
}

impl Shared {
    /// Without material.
    pub(super) fn bare(record: &KeyRecord, regions: &MultiRegion) -> Self {
        let bare = |version: &VersionRecord| VersionRecord { sealed: Vec::new(), ..version.clone() };
        Self {
            account: record.account.clone(),
            id: record.id.clone(),
            usage: record.usage,
            spec: record.spec,
            origin: record.origin,
            rotation: record.rotation,
            regions: regions.clone(),
            versions: record.versions.iter().map(bare).collect(),
        }
    }
}

/// What `to` is told of a key.
///
/// # Errors
/// [`Error::RootKey`] if its material does not open here.
pub(super) fn shared_for(
    service: &Embedded,
    key: &Key,
    regions: &MultiRegion,
    to: &Region,
    peer: &PeerKey,
) -> Result<Shared, Error> {
    let mut shared = Shared::bare(&key.record, regions);
    let way = Way { from: &service.state.region, to };
    let arn = key.record.arn(to);
    for (number, version) in shared.versions.iter_mut().enumerate() {
        if key.record.origin == Origin::AwsKms {
            version.sealed = seal::seal_material(peer, way, &arn, number, material_of(service, key, number)?.expose());
        }
    }
    Ok(shared)
}

/// A record with what `from` says of it. Material is sealed anew, under this Region's root key.
pub(super) fn merged(
    service: &Embedded,
    record: &KeyRecord,
    shared: Shared,
    from: &Region,
    peer: &PeerKey,
) -> Result<KeyRecord, Misfit> {
    let kind = |usage, spec, origin| (usage, spec, origin);
    let same_kind = kind(record.usage, record.spec, record.origin) == kind(shared.usage, shared.spec, shared.origin);
    // What not every Region has yet, or no rotation has moved to, has encrypted nothing and can
    // be given up.
    let lasting = record.everywhere().iter().take_while(|version| !version.is_pending());
    let mut theirs = shared.versions.iter();
    let continues = lasting
        .zip(std::iter::from_fn(|| Some(theirs.next())))
        .all(|(mine, theirs)| theirs.is_some_and(|theirs| theirs.id == mine.id));
    if !same_kind || !continues {
        return Err(Misfit::Other);
    }
    let way = Way { from, to: &service.state.region };
    let arn = record.arn(&service.state.region);
    let mut merged = record.clone();
    merged.versions = shared.versions;
    for (number, version) in merged.versions.iter_mut().enumerate() {
        let mine = record.versions.get(number).filter(|mine| mine.id == version.id);
        version.sealed = match mine {
            // This Region has it already, or imported it itself.
            Some(mine) if !mine.sealed.is_empty() || record.origin == Origin::External => mine.sealed.clone(),
            _ if version.sealed.is_empty() => Vec::new(),
            _ => {
                let bytes = seal::open_material(peer, way, &arn, number, &version.sealed);
                material::seal(&service.state.root, &arn, number, &bytes.ok_or(Misfit::Material)?)
            }
        };
        keep_own_terms(version, mine);
    }
    merged.rotation = shared.rotation;
    merged.multi_region = Some(shared.regions);
    merged.lifecycle = settled(&merged);
    Ok(merged)
}

/// The state of a key that has just heard from its primary.
fn settled(record: &KeyRecord) -> Lifecycle {
    match record.lifecycle {
        Lifecycle::Creating if record.is_complete() => Lifecycle::Enabled,
        Lifecycle::Creating => Lifecycle::PendingImport,
        // A rotation moved to material that is yet to be imported here.
        Lifecycle::Enabled if !record.is_complete() => Lifecycle::PendingImport,
        Lifecycle::Updating { enabled } => standing(enabled),
        other => other,
    }
}

/// What imported material is called and when it expires is said in each Region by who imports it
/// there; whether a rotation has moved to it is shared.
fn keep_own_terms(version: &mut VersionRecord, mine: Option<&VersionRecord>) {
    let Some(theirs) = &mut version.imported else { return };
    let own = mine.and_then(|mine| mine.imported.clone());
    (theirs.expires, theirs.description) = own.map(|own| (own.expires, own.description)).unwrap_or_default();
}

/// The state after a hand-over, which is the one before it.
pub(super) fn standing(enabled: bool) -> Lifecycle {
    if enabled { Lifecycle::Enabled } else { Lifecycle::Disabled }
}
