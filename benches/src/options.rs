//! What to measure.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Drives an S3 endpoint; one row for each combination of operation, mode, size and concurrency.
#[derive(Debug, Parser)]
#[command(name = "arqueta-bench", version, about, max_term_width = 100)]
pub struct Options {
    /// Endpoint, plain HTTP.
    #[arg(long, env = "AWS_ENDPOINT_URL", default_value = "http://127.0.0.1:9000")]
    pub endpoint: String,
    /// Access key id.
    #[arg(long, env = "AWS_ACCESS_KEY_ID")]
    pub access_key: String,
    /// Secret access key.
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub secret_key: String,
    /// Region to sign for.
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,
    /// Bucket; made if it does not exist.
    #[arg(long, default_value = "arqueta-bench")]
    pub bucket: String,
    /// Operations, in this order.
    #[arg(long = "op", value_delimiter = ',', default_value = "put,get")]
    pub operations: Vec<Operation>,
    /// Protection of new objects.
    #[arg(long = "sse", value_delimiter = ',', default_value = "kms-bucket-key")]
    pub modes: Vec<Mode>,
    /// KMS key id, ARN or alias for the kms modes; the account's aws/s3 key if absent.
    #[arg(long)]
    pub kms_key: Option<String>,
    /// Object sizes, such as 4KiB,8MiB.
    #[arg(long = "size", value_delimiter = ',', default_value = "4KiB,128KiB,8MiB")]
    pub sizes: Vec<Size>,
    /// Connections, each with one request at a time.
    #[arg(long = "concurrency", value_delimiter = ',', default_value = "1,16,64")]
    pub concurrency: Vec<usize>,
    /// Seconds for each row.
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// Objects that GETs choose from, and that PUTs overwrite, for each row.
    #[arg(long, default_value_t = 256)]
    pub objects: usize,
    /// How PUT bodies are signed.
    #[arg(long, default_value = "unsigned")]
    pub payload: PayloadMode,
    /// Process id of the server, to charge its CPU and memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Writes the rows as JSON to this file (`-` for standard output).
    #[arg(long)]
    pub json: Option<PathBuf>,
}

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// PutObject.
    Put,
    /// GetObject, the whole object.
    Get,
    /// HeadObject.
    Head,
    /// Three GETs to one PUT.
    Mixed,
    /// ListObjectsV2, up to 1,000 keys of the objects from one of them on.
    List,
    /// ListObjectVersions, likewise.
    Versions,
}

/// Protection asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The bucket's default.
    Default,
    /// SSE-S3.
    S3,
    /// SSE-KMS, a key-service call for each object.
    Kms,
    /// SSE-KMS with a bucket key.
    KmsBucketKey,
    /// DSSE-KMS.
    Dsse,
}

/// How a PUT's payload is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PayloadMode {
    /// `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// SHA-256 of the body in the signature.
    Signed,
}

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Size(pub usize);

impl FromStr for Size {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: usize = text[..digits].parse().map_err(|_| format!("{text:?} is not a size such as 4KiB"))?;
        let unit = match &text[digits..] {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            unit => return Err(format!("{unit:?} is not one of B, KiB, MiB, GiB")),
        };
        number.checked_mul(unit).map(Self).ok_or_else(|| format!("{text:?} is too large"))
    }
}
