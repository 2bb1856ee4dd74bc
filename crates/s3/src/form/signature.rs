//! Whose a form is: its signature fields (S3 API Reference, "Authenticating requests: browser-based
//! uploads using POST"; S3 User Guide, "Browser-based uploads using POST (Signature Version 2)").

use std::time::Duration;

use arqueta_call::signature::{ALGORITHM, Candidate, SKEW, SigningKeys, moment};
use arqueta_model::{Region, Timestamp};
use s3s::{S3Result, s3_error};
use s3s_sigv4::{AmzDate, CredentialV4};

use super::missing;
use super::reader::Fields;
use crate::error::invalid_argument;
use crate::refusal::Detail as _;

/// The fields of Version 4 beside the policy, as AWS writes them.
const VERSION_4: [&str; 4] = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature"];
/// Those of Version 2.
const VERSION_2: [&str; 2] = ["AWSAccessKeyId", "Signature"];
/// How long a derived signing key is good.
const KEY_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a form claims, not verified.
#[derive(Debug)]
pub struct Claim<'a> {
    /// Who is said to have signed it.
    pub access_key: &'a str,
    /// The policy, in the Base64 that was signed.
    pub policy: &'a str,
    signature: &'a str,
    scope: Scope<'a>,
}

#[derive(Debug)]
enum Scope<'a> {
    Version2,
    Version4 { credential: CredentialV4<'a>, date: AmzDate },
}

/// The signature that a form states; `None` for a form without one.
///
/// # Errors
/// `InvalidArgument` where part of it is missing or malformed; `InvalidRequest` for Version 2
/// where that is off.
pub fn claim(fields: &Fields, version_2: bool) -> S3Result<Option<Claim<'_>>> {
    let has = |name: &&'static str| fields.value(&name.to_ascii_lowercase()).is_some();
    let all = |names: &[&'static str]| match names.iter().find(|name| !has(name)) {
        Some(name) => Err(missing(name)),
        None => Ok(()),
    };
    let value = |name: &str| fields.value(name).unwrap_or_default();
    let policy = fields.value("policy").filter(|policy| !policy.is_empty());
    if VERSION_4.iter().any(has) {
        all(&VERSION_4)?;
        let policy = policy.ok_or_else(|| missing("policy"))?;
        return version_4(value("x-amz-credential"), policy, &value).map(Some);
    }
    if VERSION_2.iter().any(has) {
        all(&VERSION_2)?;
        let policy = policy.ok_or_else(|| missing("policy"))?;
        if !version_2 {
            return Err(s3_error!(
                InvalidRequest,
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
            ));
        }
        let (access_key, signature) = (value("awsaccesskeyid"), value("signature"));
        return Ok(Some(Claim { access_key, policy, signature, scope: Scope::Version2 }));
    }
    // A policy that nobody signed binds nobody.
    policy.map_or(Ok(None), |_| Err(missing(VERSION_2[0])))
}

fn version_4<'a>(credential: &'a str, policy: &'a str, value: &dyn Fn(&str) -> &'a str) -> S3Result<Claim<'a>> {
    let algorithm = value("x-amz-algorithm");
    if algorithm != ALGORITHM {
        let message = "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"";
        return Err(invalid_argument(message, "X-Amz-Algorithm", algorithm));
    }
    let parsed = CredentialV4::parse(credential).map_err(|_| {
        let message = "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
        invalid_argument(message, "X-Amz-Credential", credential)
    })?;
    let date = AmzDate::parse(value("x-amz-date")).map_err(|_| {
        let message = "X-Amz-Date must be formatted via ISO8601 Long format";
        invalid_argument(message, "X-Amz-Date", value("x-amz-date"))
    })?;
    let (access_key, signature) = (parsed.access_key_id, value("x-amz-signature"));
    Ok(Claim { access_key, policy, signature, scope: Scope::Version4 { credential: parsed, date } })
}

impl Claim<'_> {
    /// Whether it was signed for this service, here, and with a key that is still good.
    ///
    /// # Errors
    /// `AuthorizationHeaderMalformed`, `SignatureDoesNotMatch`, `AccessDenied`.
    pub fn require_scope(&self, region: &Region, now: Timestamp) -> S3Result<()> {
        let Scope::Version4 { credential, date } = &self.scope else { return Ok(()) };
        if credential.aws_region != region.as_str() {
            return Err(s3_error!(
                AuthorizationHeaderMalformed,
                "The authorization header is malformed; the region '{}' is wrong; expecting '{region}'",
                credential.aws_region
            )
            .detail("Region", region.as_str()));
        }
        if credential.aws_service != "s3" || credential.date != date.fmt_date().as_str() {
            return Err(mismatch());
        }
        let signed = moment(date).ok_or_else(mismatch)?;
        if now.since(signed) > KEY_LIFE {
            return Err(s3_error!(AccessDenied, "Invalid according to Policy: Policy expired."));
        }
        if signed.since(now) > SKEW {
            return Err(s3_error!(
                RequestTimeTooSkewed,
                "The difference between the request time and the current time is too large."
            ));
        }
        Ok(())
    }

    /// Verifies the signature over the policy.
    ///
    /// # Errors
    /// `SignatureDoesNotMatch`.
    pub fn verify(&self, secret: &str, keys: &SigningKeys) -> S3Result<()> {
        let good = match &self.scope {
            Scope::Version2 => Candidate::version_2(self.policy.to_owned(), secret).is(self.signature),
            Scope::Version4 { credential, date } => {
                let (region, service) = (credential.aws_region, credential.aws_service);
                let key = keys.key(self.access_key, secret.as_bytes(), date, region, service);
                key.is_signature(self.policy, self.signature)
            }
        };
        match good {
            true => Ok(()),
            false => Err(mismatch()),
        }
    }

    /// Whether it is signed by Version 2.
    #[must_use]
    pub fn is_version_2(&self) -> bool {
        matches!(self.scope, Scope::Version2)
    }
}

fn mismatch() -> s3s::S3Error {
    s3_error!(
        SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SCOPE: &str = "AKIA/20261121/us-east-1/s3/aws4_request";

    fn code<T>(result: S3Result<T>) -> String {
        result.err().map_or_else(|| "accepted".to_owned(), |error| error.code().as_str().to_owned())
    }

    #[test]
    fn a_form_is_signed_whole_or_not_at_all() {
        assert!(claim(&Fields::from([("key", "k")]), true).unwrap().is_none());
        for fields in [
            Fields::from([("policy", "e30=")]),
            Fields::from([("policy", "e30="), ("awsaccesskeyid", "a")]),
            Fields::from([("awsaccesskeyid", "a"), ("signature", "s")]),
            Fields::from([("policy", "e30="), ("x-amz-signature", "s")]),
        ] {
            assert_eq!(code(claim(&fields, true)), "InvalidArgument", "{fields:?}");
        }
        let old = Fields::from([("policy", "e30="), ("awsaccesskeyid", "a"), ("signature", "s")]);
        assert!(claim(&old, true).unwrap().unwrap().is_version_2());
        assert_eq!(code(claim(&old, false)), "InvalidRequest");
    }

    #[test]
    fn the_scope_is_here_and_now() {
        let fields = |date: &'static str, scope: &'static str| {
            Fields::from([
                ("policy", "e30="),
                ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
                ("x-amz-credential", scope),
                ("x-amz-date", date),
                ("x-amz-signature", "0"),
            ])
        };
        let (here, signed) = ("us-east-1".parse().unwrap(), Timestamp::from_millis(1_795_219_200_000));
        let hour = Duration::from_secs(3600);
        for (scope, date, now, want) in [
            (SCOPE, "20261121T000000Z", signed, "accepted"),
            (SCOPE, "20261121T000000Z", signed.plus(hour * 167), "accepted"),
            (SCOPE, "20261121T000000Z", signed.plus(hour * 169), "AccessDenied"),
            (SCOPE, "20261121T200000Z", signed, "RequestTimeTooSkewed"),
            (SCOPE, "20261122T000000Z", signed, "SignatureDoesNotMatch"),
            ("AKIA/20261121/us-east-1/kms/aws4_request", "20261121T000000Z", signed, "SignatureDoesNotMatch"),
            ("AKIA/20261121/eu-west-1/s3/aws4_request", "20261121T000000Z", signed, "AuthorizationHeaderMalformed"),
        ] {
            let fields = fields(date, scope);
            let claim = claim(&fields, false).unwrap().unwrap();
            assert_eq!(code(claim.require_scope(&here, now)), want, "{scope} {date}");
        }
        for (date, scope) in [("today", SCOPE), ("20261121T000000Z", "AKIA")] {
            assert_eq!(code(claim(&fields(date, scope), false)), "InvalidArgument");
        }
    }

    /// The example of the S3 API Reference, "Examples: browser-based upload using HTTP POST".
    #[test]
    fn the_example_of_the_reference_verifies() {
        let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
        let fields = Fields::from([
            ("policy", policy),
            ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
            ("x-amz-credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
            ("x-amz-date", "20151229T000000Z"),
            ("x-amz-signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"),
        ]);
        let claim = claim(&fields, false).unwrap().unwrap();
        assert!(claim.verify("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &SigningKeys::new()).is_ok());
        assert_eq!(code(claim.verify("wrong", &SigningKeys::new())), "SignatureDoesNotMatch");
    }
}
