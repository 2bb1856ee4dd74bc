//! May the role do this there? Its own policies; the bucket's policy is the other endpoint's to ask.

use arqueta_engine::Caller;
use arqueta_iam::{ConditionKeys, PolicyRequest};
use arqueta_replicate::{Failure, Item, Reason, What};

/// What an item needs, and the reason why it fails without.
fn needs(item: &Item) -> Vec<(&'static str, Reason)> {
    let object = ("s3:ReplicateObject", Reason::DstPutObjectNotPermitted);
    let tags = ("s3:ReplicateTags", Reason::DstPutTaggingNotPermitted);
    match &item.what {
        What::Marker => vec![("s3:ReplicateDelete", Reason::DstDelObjNotPermitted)],
        What::Amend(_) => vec![object, tags],
        What::Put(version) => {
            let owner = ("s3:ObjectOwnerOverrideToBucketOwner", Reason::DstPutAclNotPermitted);
            let mut all = vec![object];
            all.extend((!version.amendable.tags.is_empty()).then_some(tags));
            all.extend(item.to.owner_override.then_some(owner));
            all
        }
    }
}

/// # Errors
/// Why it may not.
pub fn of(role: &Caller, item: &Item) -> Result<(), Failure> {
    let keys = ConditionKeys::of_request(&role.request, &item.from.region);
    let resource = format!("arn:aws:s3:::{}/{}", item.to.bucket, item.from.key);
    for (action, reason) in needs(item) {
        let request = PolicyRequest { action, resource: &resource, keys: &keys };
        let account = &role.identity.principal.account;
        arqueta_iam::authorize(&role.identity, &request, None, account)
            .map_err(|denied| Failure::denied(reason, denied.message))?;
    }
    Ok(())
}
