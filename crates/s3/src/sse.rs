//! Encryption headers: what a request asks for, and what an answer tells (S3 API Reference,
//! PutObject, GetObject; S3 User Guide, "Using server-side encryption with AWS KMS keys" and
//! "… with customer-provided keys"). Messages are AWS's.

use std::collections::BTreeMap;
use std::sync::Arc;

use arqueta_engine::api::{EncryptionInfo, EncryptionRequest, RequestedMode};
use arqueta_engine::{CustomerKey, SseMode};
use arqueta_model::{BUCKET_CONTEXT_KEY, EncryptionContext};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::ServerSideEncryption;
use s3s::{S3Error, S3ErrorCode, S3Result};

use zeroize::Zeroizing;

use crate::error::invalid_argument;
use crate::refusal::Detail as _;

const SSE: &str = "x-amz-server-side-encryption";
const KMS_NEEDED: &str =
    "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms";

/// The three headers of a customer's key.
#[derive(Clone, Copy, Default)]
pub struct CustomerFields<'a> {
    /// `…-customer-algorithm`.
    pub algorithm: Option<&'a str>,
    /// `…-customer-key`.
    pub key: Option<&'a str>,
    /// `…-customer-key-MD5`.
    pub md5: Option<&'a str>,
}

/// The encryption headers of a write.
#[derive(Clone, Copy, Default)]
pub struct WriteFields<'a> {
    /// `x-amz-server-side-encryption`.
    pub algorithm: Option<&'a str>,
    /// `…-aws-kms-key-id`.
    pub kms_key: Option<&'a str>,
    /// `…-context`.
    pub context: Option<&'a str>,
    /// `…-bucket-key-enabled`.
    pub bucket_key: Option<bool>,
    /// The customer's key.
    pub customer: CustomerFields<'a>,
}

/// [`WriteFields`] of any s3s input that has them.
macro_rules! write_fields {
    ($input:expr) => {
        $crate::sse::WriteFields {
            algorithm: $input.server_side_encryption.as_ref().map(s3s::dto::ServerSideEncryption::as_str),
            kms_key: $input.ssekms_key_id.as_deref(),
            context: $input.ssekms_encryption_context.as_deref(),
            bucket_key: $input.bucket_key_enabled,
            customer: $crate::sse::customer_fields!($input),
        }
    };
}
/// [`CustomerFields`] of any s3s input that has them.
macro_rules! customer_fields {
    ($input:expr) => {
        $crate::sse::CustomerFields {
            algorithm: $input.sse_customer_algorithm.as_deref(),
            key: $input.sse_customer_key.as_deref(),
            md5: $input.sse_customer_key_md5.as_deref(),
        }
    };
}
/// [`CustomerFields`] of a copy's source.
macro_rules! source_customer_fields {
    ($input:expr) => {
        $crate::sse::CustomerFields {
            algorithm: $input.copy_source_sse_customer_algorithm.as_deref(),
            key: $input.copy_source_sse_customer_key.as_deref(),
            md5: $input.copy_source_sse_customer_key_md5.as_deref(),
        }
    };
}
pub(crate) use {customer_fields, source_customer_fields, write_fields};

/// What a write asks for.
///
/// # Errors
/// `InvalidArgument` for values and combinations that S3 refuses.
pub fn decode(fields: &WriteFields<'_>) -> S3Result<EncryptionRequest> {
    let customer = decode_customer(&fields.customer)?;
    let kms_parameters = fields.kms_key.is_some() || fields.context.is_some();
    let mode = match (customer, fields.algorithm) {
        (Some(_), Some(algorithm)) => {
            let message = "Server Side Encryption with Customer provided key is incompatible with the encryption method specified";
            return Err(invalid_argument(message, SSE, algorithm));
        }
        (Some(_), None) | (None, None | Some(ServerSideEncryption::AES256)) if kms_parameters => {
            return Err(invalid_argument(KMS_NEEDED, SSE, fields.algorithm.unwrap_or("null")));
        }
        (Some(key), None) => RequestedMode::Customer(key),
        (None, None) => RequestedMode::Default,
        (None, Some(ServerSideEncryption::AES256)) => RequestedMode::S3,
        (None, Some(ServerSideEncryption::AWS_KMS)) => {
            RequestedMode::Kms { key: fields.kms_key.map(str::to_owned), context: decode_context(fields.context)? }
        }
        (None, Some(ServerSideEncryption::AWS_KMS_DSSE)) => {
            RequestedMode::DualKms { key: fields.kms_key.map(str::to_owned), context: decode_context(fields.context)? }
        }
        (None, Some(other)) => {
            return Err(invalid_argument("The encryption method specified is not supported", SSE, other));
        }
    };
    Ok(EncryptionRequest { mode, bucket_key: fields.bucket_key })
}

/// A customer's key; `None` where no header speaks of one.
///
/// # Errors
/// `InvalidArgument` unless all three headers are there and fit together.
pub fn decode_customer(fields: &CustomerFields<'_>) -> S3Result<Option<Arc<CustomerKey>>> {
    const NAME: &str = "x-amz-server-side-encryption-customer-algorithm";
    let refuse = |message: &str| Err(invalid_argument(message, SSE, "null"));
    let (algorithm, key, md5) = match (fields.algorithm, fields.key, fields.md5) {
        (None, None, None) => return Ok(None),
        (None, ..) => {
            return refuse(
                "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
            );
        }
        (_, None, _) => {
            return refuse(
                "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
            );
        }
        (.., None) => {
            return refuse(
                "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.",
            );
        }
        (Some(algorithm), Some(key), Some(md5)) => (algorithm, key, md5),
    };
    if algorithm != "AES256" {
        let code = S3ErrorCode::InvalidEncryptionAlgorithmError;
        let message = "The Encryption request you specified is not valid. Supported value: AES256.";
        let error = S3Error::with_message(code, message);
        return Err(error.detail("ArgumentName", NAME).detail("ArgumentValue", algorithm));
    }
    let mut bytes = Zeroizing::new([0; 32]);
    // The decoder refuses to write more than the key has room for.
    if !matches!(BASE64_STANDARD.decode_slice(key, &mut *bytes), Ok(32)) {
        return Err(invalid_argument("The secret key was invalid for the specified algorithm.", SSE, "null"));
    }
    let mut hash = Md5::new();
    hash.update(&*bytes);
    let computed = hash.finalize();
    if BASE64_STANDARD.decode(md5).ok().as_deref() != Some(&computed[..]) {
        return refuse("The calculated MD5 hash of the key did not match the hash that was provided.");
    }
    Ok(Some(Arc::new(CustomerKey::new(&bytes, computed))))
}

/// The caller's own encryption context.
fn decode_context(header: Option<&str>) -> S3Result<EncryptionContext> {
    const NAME: &str = "x-amz-server-side-encryption-context";
    let Some(header) = header else { return Ok(EncryptionContext::default()) };
    let refuse = |message: &str| invalid_argument(message, NAME, header);
    let pairs: BTreeMap<String, String> = BASE64_STANDARD
        .decode(header)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| {
            refuse(
                "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map",
            )
        })?;
    if pairs.contains_key(BUCKET_CONTEXT_KEY) {
        return Err(refuse("The encryption context must not contain the reserved key 'aws:s3:arn'"));
    }
    EncryptionContext::new(pairs).map_err(|_| refuse("The encryption context is too large"))
}

/// Refuses the headers of SSE-S3 and SSE-KMS where an object is read: S3 answers 400.
///
/// # Errors
/// `InvalidArgument` naming the header.
pub fn refuse_on_read(headers: &HeaderMap) -> S3Result<()> {
    for name in [
        SSE,
        "x-amz-server-side-encryption-aws-kms-key-id",
        "x-amz-server-side-encryption-context",
        "x-amz-server-side-encryption-bucket-key-enabled",
    ] {
        if let Some(value) = headers.get(name) {
            let message = format!("{name} header is not supported for this operation.");
            return Err(invalid_argument(&message, name, value.to_str().unwrap_or_default()));
        }
    }
    Ok(())
}

/// Encryption as answers tell it: absent where there is nothing to tell, never "false".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// `x-amz-server-side-encryption`.
    pub algorithm: Option<&'static str>,
    /// `…-aws-kms-key-id`: always the ARN.
    pub kms_key: Option<String>,
    /// `…-context`, where the operation has it.
    pub context: Option<String>,
    /// `…-bucket-key-enabled`: `Some(true)` or absent.
    pub bucket_key: Option<bool>,
    /// `…-customer-algorithm`.
    pub customer_algorithm: Option<String>,
    /// `…-customer-key-MD5`.
    pub customer_md5: Option<String>,
}

impl Told {
    /// What an answer tells of `info`; nothing of an unencrypted object.
    #[must_use]
    pub fn of(info: Option<&EncryptionInfo>) -> Self {
        let Some(info) = info else { return Self::default() };
        let context = || {
            let pairs: BTreeMap<_, _> = info.context.pairs().collect();
            // A map of texts always has a JSON form.
            serde_json::to_vec(&pairs).map(|json| BASE64_STANDARD.encode(json)).unwrap_or_default()
        };
        match info.mode {
            SseMode::S3 => Self { algorithm: Some(ServerSideEncryption::AES256), ..Self::default() },
            SseMode::Kms | SseMode::DualKms => Self {
                algorithm: Some(if info.mode == SseMode::Kms {
                    ServerSideEncryption::AWS_KMS
                } else {
                    ServerSideEncryption::AWS_KMS_DSSE
                }),
                kms_key: info.key.as_ref().map(|key| key.as_str().to_owned()),
                context: (!info.context.is_empty()).then(context),
                bucket_key: info.bucket_key.then_some(true),
                ..Self::default()
            },
            SseMode::Customer => Self {
                customer_algorithm: Some("AES256".to_owned()),
                customer_md5: info.customer_key_md5.map(|md5| BASE64_STANDARD.encode(md5)),
                ..Self::default()
            },
        }
    }

    /// The algorithm as s3s wants it.
    #[must_use]
    pub fn server_side_encryption(&self) -> Option<ServerSideEncryption> {
        self.algorithm.map(ServerSideEncryption::from_static)
    }
}

/// Writes a [`Told`] into any s3s output that has the fields all of them have.
macro_rules! tell {
    ($output:expr, $told:expr) => {{
        let told = $told;
        $output.server_side_encryption = told.server_side_encryption();
        $output.ssekms_key_id = told.kms_key.map(Into::into);
        $output.bucket_key_enabled = told.bucket_key;
        $output.sse_customer_algorithm = told.customer_algorithm.map(Into::into);
        $output.sse_customer_key_md5 = told.customer_md5;
    }};
}
pub(crate) use tell;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const KEY_MD5: &str = "hRasmdxgYDKV3nvbahU1MA==";

    fn customer() -> CustomerFields<'static> {
        CustomerFields { algorithm: Some("AES256"), key: Some(KEY), md5: Some(KEY_MD5) }
    }

    fn message(result: S3Result<impl Sized>) -> String {
        result.err().unwrap().message().unwrap().to_owned()
    }

    #[test]
    fn each_mode_is_decoded() {
        let mode = |fields: &WriteFields<'_>| decode(fields).unwrap().mode;
        assert!(matches!(mode(&WriteFields::default()), RequestedMode::Default));
        assert!(matches!(mode(&WriteFields { algorithm: Some("AES256"), ..Default::default() }), RequestedMode::S3));
        let kms = WriteFields { algorithm: Some("aws:kms"), kms_key: Some("alias/a"), ..Default::default() };
        assert!(matches!(mode(&kms), RequestedMode::Kms { key: Some(key), .. } if key == "alias/a"));
        let dual = WriteFields { algorithm: Some("aws:kms:dsse"), ..Default::default() };
        assert!(matches!(mode(&dual), RequestedMode::DualKms { key: None, .. }));
        assert!(matches!(
            mode(&WriteFields { customer: customer(), ..Default::default() }),
            RequestedMode::Customer(_)
        ));
    }

    #[test]
    fn the_bucket_key_flag_is_kept_apart_from_the_mode() {
        for flag in [None, Some(true), Some(false)] {
            assert_eq!(decode(&WriteFields { bucket_key: flag, ..Default::default() }).unwrap().bucket_key, flag);
        }
    }

    #[test]
    fn modes_that_do_not_go_together_are_refused() {
        let kms = WriteFields { kms_key: Some("k"), ..Default::default() };
        for fields in [
            kms,
            WriteFields { algorithm: Some("AES256"), ..kms },
            WriteFields { context: Some("e30="), ..Default::default() },
            WriteFields { customer: customer(), ..kms },
        ] {
            assert_eq!(message(decode(&fields)), KMS_NEEDED);
        }
        let both = WriteFields { algorithm: Some("aws:kms"), customer: customer(), ..Default::default() };
        assert!(message(decode(&both)).contains("incompatible"));
        for algorithm in ["", "aes256", "aws:KMS", "aws:kms:dssf", "aws:fsx"] {
            assert!(
                message(decode(&WriteFields { algorithm: Some(algorithm), ..Default::default() }))
                    .contains("not supported")
            );
        }
    }

    #[test]
    fn a_customer_key_needs_all_its_headers_and_fitting_ones() {
        let whole = customer();
        assert!(decode_customer(&whole).unwrap().is_some());
        assert!(decode_customer(&CustomerFields::default()).unwrap().is_none());
        for (fields, words) in [
            (CustomerFields { algorithm: None, ..whole }, "valid encryption algorithm"),
            (CustomerFields { key: None, ..whole }, "appropriate secret key"),
            (CustomerFields { md5: None, ..whole }, "client calculated MD5"),
            (CustomerFields { algorithm: Some("AES128"), ..whole }, "Supported value: AES256"),
            (CustomerFields { key: Some("c2hvcnQ="), ..whole }, "secret key was invalid"),
            (CustomerFields { key: Some("not base64"), ..whole }, "secret key was invalid"),
            (CustomerFields { md5: Some("1B2M2Y8AsgTpgAmY7PhCfg=="), ..whole }, "did not match"),
            (CustomerFields { md5: Some("x"), ..whole }, "did not match"),
        ] {
            assert!(message(decode_customer(&fields)).contains(words), "{words}");
        }
    }

    #[test]
    fn a_context_is_a_map_of_texts_without_the_reserved_key() {
        let fields = |json: &str| BASE64_STANDARD.encode(json);
        let decoded = decode_context(Some(&fields(r#"{"a":"b"}"#))).unwrap();
        assert_eq!(decoded.value("a"), Some("b"));
        for bad in [r#"{"a":1}"#, "[]", "", r#"{"a":{}}"#, r#"{"aws:s3:arn":"arn:aws:s3:::b"}"#] {
            assert!(decode_context(Some(&fields(bad))).is_err(), "{bad}");
        }
        assert!(decode_context(Some("%%%")).is_err());
        let huge = format!("{{\"k\":\"{}\"}}", "v".repeat(EncryptionContext::MAX_BYTES));
        assert!(decode_context(Some(&fields(&huge))).is_err());
    }

    fn info(mode: SseMode) -> EncryptionInfo {
        EncryptionInfo {
            mode,
            key: Some("arn:aws:kms:eu-west-1:111122223333:key/k".parse().unwrap()),
            bucket_key: false,
            context: EncryptionContext::default(),
            customer_key_md5: Some([0; 16]),
        }
    }

    #[test]
    fn the_bucket_key_header_is_true_or_absent() {
        assert_eq!(Told::of(Some(&info(SseMode::Kms))).bucket_key, None);
        assert_eq!(Told::of(Some(&EncryptionInfo { bucket_key: true, ..info(SseMode::Kms) })).bucket_key, Some(true));
    }

    #[test]
    fn each_mode_tells_only_its_own_headers() {
        let s3 = Told::of(Some(&info(SseMode::S3)));
        assert_eq!(s3, Told { algorithm: Some("AES256"), ..Told::default() });
        let kms = Told::of(Some(&info(SseMode::Kms)));
        assert_eq!(
            (kms.algorithm, kms.kms_key.as_deref()),
            (Some("aws:kms"), Some("arn:aws:kms:eu-west-1:111122223333:key/k"))
        );
        assert_eq!((kms.customer_md5, kms.context), (None, None));
        let customer = Told::of(Some(&info(SseMode::Customer)));
        assert_eq!((customer.algorithm, customer.kms_key), (None, None));
        assert_eq!(customer.customer_md5.as_deref(), Some("AAAAAAAAAAAAAAAAAAAAAA=="));
        assert_eq!(Told::of(None), Told::default());
    }
}
