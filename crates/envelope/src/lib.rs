//! Data-key policy and the bucket-key cache.
