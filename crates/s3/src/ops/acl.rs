//! Access control lists and object ownership. Every bucket is "bucket owner enforced", the
//! setting of all new buckets since 2023: lists are disabled, the owner has full control, policies
//! decide everything else (S3 User Guide, "Controlling ownership of objects and disabling ACLs").

use arqueta_engine::Error;
use arqueta_engine::api::{Conditions, ObjectName};
use arqueta_engine::record::BucketDocument;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail, fields, object_key};
use crate::refusal::Detail as _;

/// Canned lists that say what is so anyway.
const ACCEPTED: [&str; 2] = ["private", "bucket-owner-full-control"];

fn not_supported() -> S3Error {
    s3_error!(AccessControlListNotSupported, "The bucket does not allow ACLs")
}

/// Refuses canned lists that would give anyone else anything.
pub fn refuse_canned(acl: Option<&str>) -> S3Result<()> {
    if acl.is_none_or(|acl| ACCEPTED.contains(&acl)) { Ok(()) } else { Err(not_supported()) }
}

/// Refuses grants in headers.
pub fn refuse_grants<const N: usize>(grants: [&Option<String>; N]) -> S3Result<()> {
    if grants.iter().all(|grant| grant.is_none()) { Ok(()) } else { Err(not_supported()) }
}

/// Refuses lists and grants of a bucket to be, whose owner is enforced.
pub fn refuse_on_bucket<const N: usize>(acl: Option<&str>, grants: [&Option<String>; N]) -> S3Result<()> {
    refuse_canned(acl).and_then(|()| refuse_grants(grants)).map_err(|_| {
        s3_error!(
            InvalidBucketAclWithObjectOwnership,
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        )
    })
}

/// Refuses a request that states no list, or two.
fn require_one<const N: usize>(
    acl: Option<&str>,
    grants: [&Option<String>; N],
    list: Option<&AccessControlPolicy>,
) -> S3Result<()> {
    let in_headers = acl.is_some() || grants.iter().any(|grant| grant.is_some());
    match (in_headers, list) {
        (false, None) => Err(s3_error!(MissingSecurityHeader, "Your request was missing a required header")
            .detail("MissingHeaderName", "x-amz-acl")),
        (true, Some(_)) => Err(s3_error!(UnexpectedContent, "This request does not support content")),
        _ => Ok(()),
    }
}

/// Refuses any other ownership.
pub fn require_enforced(ownership: Option<&ObjectOwnership>) -> S3Result<()> {
    match ownership.map(ObjectOwnership::as_str) {
        None | Some(ObjectOwnership::BUCKET_OWNER_ENFORCED) => Ok(()),
        Some(_) => Err(s3_error!(NotImplemented, "Only the object ownership BucketOwnerEnforced is implemented.")),
    }
}

fn full_control(owner: &Owner) -> Vec<Grant> {
    vec![Grant {
        grantee: Some(Grantee {
            display_name: None,
            email_address: None,
            id: owner.id.clone(),
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        }),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }]
}

/// A list in a body must say what is so anyway: the owner's full control and nothing else.
fn refuse_list(policy: Option<&AccessControlPolicy>, owner: &Owner) -> S3Result<()> {
    let Some(policy) = policy else { return Ok(()) };
    let same = policy.grants.as_deref().is_some_and(|grants| match grants {
        [only] => {
            only.permission.as_ref().map(Permission::as_str) == Some(Permission::FULL_CONTROL)
                && only.grantee.as_ref().is_some_and(|grantee| grantee.id == owner.id)
        }
        _ => false,
    });
    if same { Ok(()) } else { Err(not_supported()) }
}

async fn bucket_owner(ops: &Operations, bucket: &str) -> S3Result<Owner> {
    let name = bucket_name(bucket)?;
    let record = ops.engine.buckets().get(&name).await.map_err(|e| fail(&e, bucket, None))?;
    Ok(fields::owner(&record.owner))
}

/// GetBucketAcl.
pub async fn get_bucket_acl(
    ops: &Operations,
    request: S3Request<GetBucketAclInput>,
) -> S3Result<S3Response<GetBucketAclOutput>> {
    Call::current()?;
    let owner = bucket_owner(ops, &request.input.bucket).await?;
    Ok(S3Response::new(GetBucketAclOutput { grants: Some(full_control(&owner)), owner: Some(owner) }))
}

/// PutBucketAcl.
pub async fn put_bucket_acl(
    ops: &Operations,
    request: S3Request<PutBucketAclInput>,
) -> S3Result<S3Response<PutBucketAclOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    if let Some(policy) = &input.access_control_policy {
        call.tell("AccessControlPolicy", policy);
    }
    let owner = bucket_owner(ops, &input.bucket).await?;
    let grants = [
        &input.grant_full_control,
        &input.grant_read,
        &input.grant_read_acp,
        &input.grant_write,
        &input.grant_write_acp,
    ];
    let acl = input.acl.as_ref().map(BucketCannedACL::as_str);
    require_one(acl, grants, input.access_control_policy.as_ref())?;
    refuse_canned(acl)?;
    refuse_grants(grants)?;
    refuse_list(input.access_control_policy.as_ref(), &owner)?;
    Ok(S3Response::new(PutBucketAclOutput::default()))
}

/// The owner of an object that exists.
async fn object_owner(
    (ops, call): (&Operations, &Call),
    bucket: &str,
    key: &str,
    version: Option<&str>,
    headers: &http::HeaderMap,
    uri: &http::Uri,
) -> S3Result<Owner> {
    let name = ObjectName { bucket: bucket_name(bucket)?, key: object_key(key)?, version: fields::version(version)? };
    let find = |seen| ops.engine.objects().tags_if(&name, Conditions { seen, ..Conditions::default() });
    ops.as_decided(call, &name, (headers, uri), find).await?;
    bucket_owner(ops, bucket).await
}

/// GetObjectAcl.
pub async fn get_object_acl(
    ops: &Operations,
    request: S3Request<GetObjectAclInput>,
) -> S3Result<S3Response<GetObjectAclOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let version = input.version_id.as_deref();
    let owner = object_owner((ops, &call), &input.bucket, &input.key, version, &request.headers, &request.uri).await?;
    Ok(S3Response::new(GetObjectAclOutput {
        grants: Some(full_control(&owner)),
        owner: Some(owner),
        ..Default::default()
    }))
}

/// PutObjectAcl.
pub async fn put_object_acl(
    ops: &Operations,
    request: S3Request<PutObjectAclInput>,
) -> S3Result<S3Response<PutObjectAclOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let version = input.version_id.as_deref();
    let owner = object_owner((ops, &call), &input.bucket, &input.key, version, &request.headers, &request.uri).await?;
    let grants = [
        &input.grant_full_control,
        &input.grant_read,
        &input.grant_read_acp,
        &input.grant_write,
        &input.grant_write_acp,
    ];
    let acl = input.acl.as_ref().map(ObjectCannedACL::as_str);
    require_one(acl, grants, input.access_control_policy.as_ref())?;
    refuse_canned(acl)?;
    refuse_grants(grants)?;
    refuse_list(input.access_control_policy.as_ref(), &owner)?;
    Ok(S3Response::new(PutObjectAclOutput::default()))
}

/// GetBucketOwnershipControls.
pub async fn get_bucket_ownership_controls(
    ops: &Operations,
    request: S3Request<GetBucketOwnershipControlsInput>,
) -> S3Result<S3Response<GetBucketOwnershipControlsOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let bucket = ops.engine.buckets().get(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    if bucket.documents.contains_key(&BucketDocument::OwnershipControls) {
        let none = Error::NoSuchDocument(BucketDocument::OwnershipControls);
        return Err(fail(&none, &request.input.bucket, None));
    }
    let object_ownership = ObjectOwnership::from_static(ObjectOwnership::BUCKET_OWNER_ENFORCED);
    Ok(S3Response::new(GetBucketOwnershipControlsOutput {
        ownership_controls: Some(OwnershipControls { rules: vec![OwnershipControlsRule { object_ownership }] }),
    }))
}

/// PutBucketOwnershipControls.
pub async fn put_bucket_ownership_controls(
    ops: &Operations,
    request: S3Request<PutBucketOwnershipControlsInput>,
) -> S3Result<S3Response<PutBucketOwnershipControlsOutput>> {
    Call::current()?.tell("OwnershipControls", &request.input.ownership_controls);
    bucket_owner(ops, &request.input.bucket).await?;
    for rule in &request.input.ownership_controls.rules {
        require_enforced(Some(&rule.object_ownership))?;
    }
    mark_removed(ops, &request.input.bucket, false).await?;
    Ok(S3Response::new(PutBucketOwnershipControlsOutput::default()))
}

/// DeleteBucketOwnershipControls. There is nothing to read then until they are set again; lists stay
/// disabled all the same.
pub async fn delete_bucket_ownership_controls(
    ops: &Operations,
    request: S3Request<DeleteBucketOwnershipControlsInput>,
) -> S3Result<S3Response<DeleteBucketOwnershipControlsOutput>> {
    Call::current()?;
    mark_removed(ops, &request.input.bucket, true).await?;
    Ok(S3Response::new(DeleteBucketOwnershipControlsOutput::default()))
}

/// Every bucket has the one ownership there is, so what is kept is that its controls were removed.
async fn mark_removed(ops: &Operations, bucket: &str, removed: bool) -> S3Result<()> {
    let name = bucket_name(bucket)?;
    let mark = removed.then(|| "removed".to_owned());
    let kept = ops.engine.bucket_settings().put_document(&name, BucketDocument::OwnershipControls, mark).await;
    kept.map_err(|e| fail(&e, bucket, None))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_that_change_nothing_are_accepted() {
        for acl in [None, Some("private"), Some("bucket-owner-full-control")] {
            assert!(refuse_canned(acl).is_ok());
        }
        for acl in ["public-read", "public-read-write", "authenticated-read", "", "Private"] {
            assert!(refuse_canned(Some(acl)).is_err(), "{acl}");
        }
        assert!(refuse_grants([&None, &None]).is_ok());
        assert!(refuse_grants([&None, &Some("id=1".to_owned())]).is_err());
    }

    #[test]
    fn a_list_in_a_body_grants_the_owner_and_nobody_else() {
        let owner = fields::owner(&"111122223333".parse().unwrap());
        let other = fields::owner(&"444455556666".parse().unwrap());
        let policy = |grants| AccessControlPolicy { grants, owner: None };
        assert!(refuse_list(None, &owner).is_ok());
        assert!(refuse_list(Some(&policy(Some(full_control(&owner)))), &owner).is_ok());
        for bad in [
            None,
            Some(vec![]),
            Some(full_control(&other)),
            Some([full_control(&owner), full_control(&other)].concat()),
        ] {
            assert!(refuse_list(Some(&policy(bad)), &owner).is_err());
        }
    }
}
