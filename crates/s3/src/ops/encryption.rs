//! Default encryption of buckets, and UpdateObjectEncryption.

use arqueta_engine::api::{self, BlockedEncryption, DefaultMode, ObjectName};
use arqueta_model::KeyArn;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail, fields, object_key};
use crate::error::invalid_argument;

/// How `BlockedEncryptionTypes` names SSE-C, and the absence of any.
const CUSTOMER: &str = "SSE-C";

/// Longest key id (KMS API Reference, KeyId).
const LONGEST_KEY_ID: usize = 2048;

/// GetBucketEncryption.
pub async fn get_bucket_encryption(
    ops: &Operations,
    request: S3Request<GetBucketEncryptionInput>,
) -> S3Result<S3Response<GetBucketEncryptionOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let (default, blocked) =
        ops.engine.bucket_settings().encryption(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let Some(default) = default else {
        return Err(s3_error!(
            ServerSideEncryptionConfigurationNotFoundError,
            "The server side encryption configuration was not found"
        ));
    };
    let (algorithm, key) = match default.mode {
        DefaultMode::S3 => (ServerSideEncryption::AES256, None),
        DefaultMode::Kms(key) => (ServerSideEncryption::AWS_KMS, key),
        DefaultMode::DualKms(key) => (ServerSideEncryption::AWS_KMS_DSSE, key),
    };
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
            // As it was given: S3 does not resolve an alias here.
            kms_master_key_id: key,
            sse_algorithm: ServerSideEncryption::from_static(algorithm),
        }),
        bucket_key_enabled: Some(default.bucket_key),
        blocked_encryption_types: (!blocked.is_empty())
            .then(|| BlockedEncryptionTypes { encryption_type: Some(vec![EncryptionType::from_static(CUSTOMER)]) }),
    };
    Ok(S3Response::new(GetBucketEncryptionOutput {
        server_side_encryption_configuration: Some(ServerSideEncryptionConfiguration { rules: vec![rule] }),
    }))
}

/// PutBucketEncryption.
pub async fn put_bucket_encryption(
    ops: &Operations,
    request: S3Request<PutBucketEncryptionInput>,
) -> S3Result<S3Response<PutBucketEncryptionOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    call.tell("ServerSideEncryptionConfiguration", &input.server_side_encryption_configuration);
    let name = bucket_name(&input.bucket)?;
    let (default, blocked) = decode(&input.server_side_encryption_configuration)?;
    ops.engine
        .bucket_settings()
        .put_encryption(&name, default, blocked)
        .await
        .map_err(|e| fail(&e, &input.bucket, None))?;
    Ok(S3Response::new(PutBucketEncryptionOutput::default()))
}

fn decode(
    configuration: &ServerSideEncryptionConfiguration,
) -> S3Result<(api::DefaultEncryption, Option<Vec<BlockedEncryption>>)> {
    let malformed = || {
        s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )
    };
    let [rule] = configuration.rules.as_slice() else { return Err(malformed()) };
    let blocked = rule.blocked_encryption_types.as_ref().map(decode_blocked).transpose()?;
    let Some(default) = &rule.apply_server_side_encryption_by_default else {
        // A rule may set nothing but the bucket key or the blocked types.
        let default =
            api::DefaultEncryption { bucket_key: rule.bucket_key_enabled.unwrap_or(false), ..Default::default() };
        return Ok((default, blocked));
    };
    let key = default.kms_master_key_id.clone().filter(|key| !key.is_empty());
    if let Some(long) = key.as_deref().filter(|key| key.len() > LONGEST_KEY_ID) {
        return Err(invalid_argument("The KMSMasterKeyID is longer than any key id.", "KMSMasterKeyID", long));
    }
    let mode = match default.sse_algorithm.as_str() {
        ServerSideEncryption::AES256 if key.is_some() => {
            return Err(invalid_argument(
                "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
                "KMSMasterKeyID",
                key.as_deref().unwrap_or_default(),
            ));
        }
        ServerSideEncryption::AES256 => DefaultMode::S3,
        ServerSideEncryption::AWS_KMS => DefaultMode::Kms(key),
        ServerSideEncryption::AWS_KMS_DSSE => DefaultMode::DualKms(key),
        _ => return Err(malformed()),
    };
    Ok((api::DefaultEncryption { mode, bucket_key: rule.bucket_key_enabled.unwrap_or(false) }, blocked))
}

fn decode_blocked(types: &BlockedEncryptionTypes) -> S3Result<Vec<BlockedEncryption>> {
    let names: Vec<&str> = types.encryption_type.iter().flatten().map(EncryptionType::as_str).collect();
    match names.as_slice() {
        [] | [EncryptionType::NONE] => Ok(Vec::new()),
        [CUSTOMER] => Ok(vec![BlockedEncryption::Customer]),
        _ => Err(invalid_argument(
            "Invalid EncryptionType in BlockedEncryptionTypes",
            "EncryptionType",
            &names.join(","),
        )),
    }
}

/// DeleteBucketEncryption.
pub async fn delete_bucket_encryption(
    ops: &Operations,
    request: S3Request<DeleteBucketEncryptionInput>,
) -> S3Result<S3Response<DeleteBucketEncryptionOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    ops.engine.bucket_settings().delete_encryption(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(DeleteBucketEncryptionOutput::default()))
}

/// UpdateObjectEncryption: re-wraps in place.
pub async fn update_object_encryption(
    ops: &Operations,
    request: S3Request<UpdateObjectEncryptionInput>,
) -> S3Result<S3Response<UpdateObjectEncryptionOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let ObjectEncryption::SSEKMS(wanted) = &input.object_encryption else {
        return Err(s3_error!(NotImplemented, "Objects can be re-keyed to SSE-KMS only."));
    };
    if wanted.kms_key_arn.parse::<KeyArn>().is_err() {
        let message = "The KMSKeyArn must be the ARN of a KMS key";
        return Err(invalid_argument(message, "KMSKeyArn", &wanted.kms_key_arn));
    }
    let update = api::UpdateObjectEncryption {
        name: ObjectName {
            bucket: bucket_name(&input.bucket)?,
            key: object_key(&input.key)?,
            version: fields::version(input.version_id.as_deref())?,
        },
        key: wanted.kms_key_arn.clone(),
        bucket_key: wanted.bucket_key_enabled.unwrap_or(false),
    };
    match ops.engine.objects().update_encryption(&call.caller, &update).await {
        Ok(_) => Ok(S3Response::new(UpdateObjectEncryptionOutput::default())),
        Err(failure) => {
            let name = &update.name;
            Err(ops.fail_object(&failure, &name.bucket, &name.key, &request.headers, &request.uri).await)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(algorithm: &'static str, key: Option<&str>) -> ServerSideEncryptionConfiguration {
        ServerSideEncryptionConfiguration {
            rules: vec![ServerSideEncryptionRule {
                apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                    kms_master_key_id: key.map(str::to_owned),
                    sse_algorithm: ServerSideEncryption::from_static(algorithm),
                }),
                bucket_key_enabled: Some(true),
                blocked_encryption_types: None,
            }],
        }
    }

    #[test]
    fn rules_are_decoded() {
        let (default, blocked) = decode(&rule("aws:kms", Some("alias/a"))).unwrap();
        assert_eq!(
            default,
            api::DefaultEncryption { mode: DefaultMode::Kms(Some("alias/a".into())), bucket_key: true }
        );
        assert_eq!(blocked, None);
        assert_eq!(decode(&rule("AES256", Some(""))).unwrap().0.mode, DefaultMode::S3);
    }

    #[test]
    fn rules_that_s3_refuses_are_refused() {
        let two = ServerSideEncryptionConfiguration {
            rules: [rule("AES256", None).rules, rule("AES256", None).rules].concat(),
        };
        for bad in [
            rule("AES256", Some("k")),
            rule("aws:kms", Some(&"k".repeat(LONGEST_KEY_ID + 1))),
            rule("aes", None),
            two,
            ServerSideEncryptionConfiguration { rules: vec![] },
        ] {
            assert!(decode(&bad).is_err());
        }
        let types = |names: &[&'static str]| BlockedEncryptionTypes {
            encryption_type: Some(names.iter().map(|n| EncryptionType::from_static(n)).collect()),
        };
        assert_eq!(decode_blocked(&types(&["SSE-C"])).unwrap(), [BlockedEncryption::Customer]);
        assert!(decode_blocked(&types(&["NONE"])).unwrap().is_empty());
        assert!(decode_blocked(&types(&["SSE-S3"])).is_err());
        assert!(decode_blocked(&types(&["NONE", "SSE-C"])).is_err());
    }
}
