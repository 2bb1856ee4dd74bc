//! Digest files: which log files were delivered, signed, each bound to the one before
//! (AWS CloudTrail User Guide, "CloudTrail digest file structure" and "Custom implementations of
//! CloudTrail log file integrity validation").

use serde::Serialize;

use crate::layout::Layout;
use crate::log_file::sha256;
use crate::record::{BegunDigest, Chain, LogFile};

/// `digestSignatureAlgorithm`, and the metadata that says so.
pub(crate) const ALGORITHM: &str = "SHA256withRSA";
const HASH: &str = "SHA-256";

/// A digest, ready to be signed.
pub(crate) struct Digest {
    pub(crate) key: String,
    /// The uncompressed file.
    pub(crate) text: Vec<u8>,
    /// Its SHA-256, in hexadecimal.
    pub(crate) hash: String,
    /// What is signed.
    pub(crate) to_sign: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    aws_account_id: &'a str,
    digest_start_time: String,
    digest_end_time: String,
    #[serde(rename = "digestS3Bucket")]
    bucket: &'a str,
    #[serde(rename = "digestS3Object")]
    object: &'a str,
    digest_public_key_fingerprint: &'a str,
    digest_signature_algorithm: &'a str,
    newest_event_time: Option<&'a str>,
    oldest_event_time: Option<&'a str>,
    #[serde(rename = "previousDigestS3Bucket")]
    previous_bucket: Option<&'a str>,
    #[serde(rename = "previousDigestS3Object")]
    previous_object: Option<&'a str>,
    previous_digest_hash_value: Option<&'a str>,
    previous_digest_hash_algorithm: Option<&'a str>,
    previous_digest_signature: Option<&'a str>,
    log_files: Vec<Listed<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(rename = "s3Bucket")]
    bucket: &'a str,
    #[serde(rename = "s3Object")]
    object: &'a str,
    hash_value: &'a str,
    hash_algorithm: &'a str,
    newest_event_time: &'a str,
    oldest_event_time: &'a str,
}

impl<'a> Listed<'a> {
    fn of(log: &'a LogFile) -> Self {
        Self {
            bucket: &log.bucket,
            object: &log.key,
            hash_value: &log.hash,
            hash_algorithm: HASH,
            newest_event_time: &log.newest,
            oldest_event_time: &log.oldest,
        }
    }
}

impl Digest {
    /// The digest of `chain` that was begun, for a bucket.
    pub(crate) fn new(layout: Layout<'_>, bucket: &str, chain: &Chain, begun: &BegunDigest) -> Self {
        let key = layout.digest(begun.end);
        let logs = &chain.logs[..begun.logs.min(chain.logs.len())];
        let previous = chain.previous.as_ref();
        let end = begun.end.rfc3339();
        let document = Document {
            aws_account_id: layout.id.account.as_str(),
            digest_start_time: chain.start.rfc3339(),
            digest_end_time: end.clone(),
            bucket,
            object: &key,
            digest_public_key_fingerprint: &begun.fingerprint,
            digest_signature_algorithm: ALGORITHM,
            newest_event_time: logs.iter().map(|log| &*log.newest).max(),
            oldest_event_time: logs.iter().map(|log| &*log.oldest).min(),
            previous_bucket: previous.map(|previous| &*previous.bucket),
            previous_object: previous.map(|previous| &*previous.key),
            previous_digest_hash_value: previous.map(|previous| &*previous.hash),
            previous_digest_hash_algorithm: previous.map(|_| HASH),
            previous_digest_signature: previous.map(|previous| &*previous.signature),
            log_files: logs.iter().map(Listed::of).collect(),
        };
        let text = serde_json::to_vec(&document).expect("strings and lists of them always encode");
        let hash = sha256(&text);
        // A chain's first digest has no signature before it, which is signed as this word.
        let before = previous.map_or("null", |previous| &previous.signature);
        let to_sign = format!("{end}\n{bucket}/{key}\n{hash}\n{before}");
        Self { key, text, hash, to_sign }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::{Region, Timestamp};
    use serde_json::{Value, json};

    use super::*;
    use crate::TrailId;
    use crate::record::PreviousDigest;

    fn digest(chain: &Chain) -> (Digest, Value) {
        let id = TrailId { account: "111122223333".parse().unwrap(), name: "t-1".to_owned() };
        let region: Region = "us-east-2".parse().unwrap();
        let layout = Layout { id: &id, region: &region, prefix: Some("p") };
        let at = Timestamp::from_millis(1_439_822_731_000);
        let begun = BegunDigest { end: at, logs: chain.logs.len(), fingerprint: "f0".to_owned() };
        let digest = Digest::new(layout, "bucket", chain, &begun);
        let document = serde_json::from_slice(&digest.text).unwrap();
        (digest, document)
    }

    fn log(key: &str, oldest: &str, newest: &str) -> LogFile {
        let owned = str::to_owned;
        LogFile { bucket: owned("b"), key: owned(key), hash: owned("h"), oldest: owned(oldest), newest: owned(newest) }
    }

    #[test]
    fn the_first_of_a_chain_names_nothing_before_it() {
        let (digest, document) = digest(&Chain::begin(Timestamp::from_millis(1_439_819_131_000)));
        let key = "p/AWSLogs/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/111122223333_CloudTrail-Digest_us-east-2_t-1_us-east-2_20150817T144531Z.json.gz";
        assert_eq!(
            document,
            json!({
                "awsAccountId": "111122223333",
                "digestStartTime": "2015-08-17T13:45:31Z",
                "digestEndTime": "2015-08-17T14:45:31Z",
                "digestS3Bucket": "bucket",
                "digestS3Object": key,
                "digestPublicKeyFingerprint": "f0",
                "digestSignatureAlgorithm": "SHA256withRSA",
                "newestEventTime": null,
                "oldestEventTime": null,
                "previousDigestS3Bucket": null,
                "previousDigestS3Object": null,
                "previousDigestHashValue": null,
                "previousDigestHashAlgorithm": null,
                "previousDigestSignature": null,
                "logFiles": [],
            })
        );
        assert_eq!(digest.to_sign, format!("2015-08-17T14:45:31Z\nbucket/{key}\n{}\nnull", sha256(&digest.text)));
    }

    #[test]
    fn the_others_are_bound_to_the_one_before() {
        let mut chain = Chain::begin(Timestamp::from_millis(1_439_819_131_000));
        chain.previous = Some(PreviousDigest {
            bucket: "old".to_owned(),
            key: "k".to_owned(),
            hash: "ab".to_owned(),
            signature: "cd".to_owned(),
        });
        chain.logs = vec![
            log("l1", "2015-08-17T14:00:00Z", "2015-08-17T14:10:00Z"),
            log("l2", "2015-08-17T13:59:00Z", "2015-08-17T14:05:00Z"),
        ];
        let (digest, document) = digest(&chain);
        assert!(digest.to_sign.ends_with("\ncd"));
        assert_eq!(document["previousDigestS3Bucket"], "old");
        assert_eq!(document["previousDigestHashAlgorithm"], "SHA-256");
        assert_eq!(
            (&document["oldestEventTime"], &document["newestEventTime"]),
            (&json!("2015-08-17T13:59:00Z"), &json!("2015-08-17T14:10:00Z"))
        );
        assert_eq!(document["logFiles"][1]["s3Object"], "l2");
    }
}
