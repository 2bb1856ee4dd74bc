//! The other AWS protocol edges: KMS JSON, STS and IAM Query, CloudTrail JSON.

pub mod signature;
