//! Configuration of cross-origin rules. [`crate::cors`] acts on them.

use arqueta_engine::record::BucketDocument;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail};
use crate::cors::{Rule, from_document, to_document};

/// Most rules of a bucket.
const MOST: usize = 100;
/// Longest id of one (S3 API Reference, CORSRule).
const LONGEST_ID: usize = 255;

/// GetBucketCors.
pub async fn get_bucket_cors(
    ops: &Operations,
    request: S3Request<GetBucketCorsInput>,
) -> S3Result<S3Response<GetBucketCorsOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let document = ops
        .engine
        .bucket_settings()
        .document(&name, BucketDocument::Cors)
        .await
        .map_err(|e| fail(&e, &request.input.bucket, None))?;
    let rules = from_document(&document).ok_or_else(|| s3_error!(InternalError))?;
    let some = |texts: Vec<String>| (!texts.is_empty()).then_some(texts);
    let told = |rule: Rule| CORSRule {
        id: rule.id,
        allowed_headers: some(rule.headers),
        allowed_methods: rule.methods,
        allowed_origins: rule.origins,
        expose_headers: some(rule.exposed),
        max_age_seconds: rule.max_age,
    };
    Ok(S3Response::new(GetBucketCorsOutput { cors_rules: Some(rules.into_iter().map(told).collect()) }))
}

/// PutBucketCors.
pub async fn put_bucket_cors(
    ops: &Operations,
    request: S3Request<PutBucketCorsInput>,
) -> S3Result<S3Response<PutBucketCorsOutput>> {
    Call::current()?.tell("CORSConfiguration", &request.input.cors_configuration);
    let name = bucket_name(&request.input.bucket)?;
    let rules = decode(&request.input.cors_configuration.cors_rules)?;
    ops.engine
        .bucket_settings()
        .put_document(&name, BucketDocument::Cors, Some(to_document(&rules)))
        .await
        .map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(PutBucketCorsOutput::default()))
}

fn decode(rules: &[CORSRule]) -> S3Result<Vec<Rule>> {
    if rules.is_empty() || rules.len() > MOST {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    rules.iter().map(decode_rule).collect()
}

fn decode_rule(rule: &CORSRule) -> S3Result<Rule> {
    let invalid = |message: String| Err(s3_error!(InvalidRequest, "{}", message));
    for method in &rule.allowed_methods {
        if !matches!(method.as_str(), "GET" | "PUT" | "POST" | "DELETE" | "HEAD") {
            return invalid(format!("Found unsupported HTTP method in CORS config. Unsupported method is {method}"));
        }
    }
    if rule.id.as_ref().is_some_and(|id| id.chars().count() > LONGEST_ID) {
        return invalid(format!("The CORS rule ID can not be longer than {LONGEST_ID} characters."));
    }
    let wild = |text: &&String| text.matches('*').count() > 1;
    if let Some(origin) = rule.allowed_origins.iter().find(wild) {
        return invalid(format!("AllowedOrigin \"{origin}\" can not have more than one wildcard."));
    }
    if let Some(header) = rule.allowed_headers.iter().flatten().find(wild) {
        return invalid(format!("AllowedHeader \"{header}\" can not have more than one wildcard."));
    }
    if let Some(header) = rule.expose_headers.iter().flatten().find(|text| text.contains('*')) {
        return invalid(format!(
            "ExposeHeader \"{header}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
        ));
    }
    if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
        return invalid("A CORS rule needs at least one AllowedMethod and one AllowedOrigin.".to_owned());
    }
    Ok(Rule {
        id: rule.id.clone(),
        origins: rule.allowed_origins.clone(),
        methods: rule.allowed_methods.clone(),
        headers: rule.allowed_headers.clone().unwrap_or_default(),
        exposed: rule.expose_headers.clone().unwrap_or_default(),
        max_age: rule.max_age_seconds,
    })
}

/// DeleteBucketCors.
pub async fn delete_bucket_cors(
    ops: &Operations,
    request: S3Request<DeleteBucketCorsInput>,
) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    ops.engine
        .bucket_settings()
        .put_document(&name, BucketDocument::Cors, None)
        .await
        .map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(DeleteBucketCorsOutput::default()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(methods: &[&str], origins: &[&str]) -> CORSRule {
        let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
        CORSRule {
            allowed_headers: None,
            allowed_methods: owned(methods),
            allowed_origins: owned(origins),
            expose_headers: None,
            id: None,
            max_age_seconds: None,
        }
    }

    #[test]
    fn rules_that_s3_refuses_are_refused() {
        assert!(decode(&[rule(&["GET"], &["https://*.x"])]).is_ok());
        for bad in [
            rule(&["OPTIONS"], &["*"]),
            rule(&["get"], &["*"]),
            rule(&["GET"], &["http://*.*"]),
            rule(&[], &["*"]),
            rule(&["GET"], &[]),
            CORSRule { allowed_headers: Some(vec!["a*b*".into()]), ..rule(&["GET"], &["*"]) },
            CORSRule { id: Some("i".repeat(256)), ..rule(&["GET"], &["*"]) },
            CORSRule { expose_headers: Some(vec!["x-*".into()]), ..rule(&["GET"], &["*"]) },
        ] {
            assert!(decode(&[bad]).is_err());
        }
        assert!(decode(&[]).is_err());
        assert!(decode(&vec![rule(&["GET"], &["*"]); 101]).is_err());
    }
}
