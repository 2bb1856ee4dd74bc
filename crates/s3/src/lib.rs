//! The S3 protocol edge on s3s.
