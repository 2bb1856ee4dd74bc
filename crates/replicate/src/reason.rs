//! Why a replication failed, by AWS's names (S3 User Guide, "Amazon S3 replication failure reasons").

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident,)*) => {
        /// A failure reason.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])+ $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// AWS's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

reasons! {
    /// The role cannot be assumed.
    AssumeRoleNotPermitted,
    /// There is no destination bucket, or not of the account that the rule names.
    DstBucketNotFound,
    /// The source has object lock, the destination has none.
    DstBucketObjectLockConfigMissing,
    /// Versioning is not enabled on the destination.
    DstBucketUnversioned,
    /// The role may not replicate delete markers there.
    DstDelObjNotPermitted,
    /// The key of replicas is disabled or about to be destroyed.
    DstKmsKeyInvalidState,
    /// There is no such key, or it is no key that replicas can be encrypted under.
    DstKmsKeyNotFound,
    /// The role may not complete an upload there.
    DstMultipartCompleteNotPermitted,
    /// The role may not begin an upload there.
    DstMultipartInitNotPermitted,
    /// The role may not upload a part there.
    DstMultipartUploadNotPermitted,
    /// The replica that is to be changed was removed.
    DstObjectHardDeleted,
    /// The role may not hand replicas over to the destination's owner.
    DstPutAclNotPermitted,
    /// The role may not replicate there, or not use the key of replicas.
    DstPutObjectNotPermitted,
    /// The role may not replicate tags there.
    DstPutTaggingNotPermitted,
    /// The version that is to be changed is not there.
    DstVersionNotFound,
    /// The source bucket is gone.
    SrcBucketNotFound,
    /// The source bucket has no replication any more, or no such rule.
    SrcBucketReplicationConfigMissing,
    /// The role may not read the source, or not use its key.
    SrcGetObjectNotPermitted,
    /// The role may not read the source's tags.
    SrcGetTaggingNotPermitted,
    /// The source cannot be replicated, such as for what encrypts it.
    SrcObjectNotEligible,
    /// The version is gone.
    SrcVersionNotFound,
}

impl Reason {
    /// The reason of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_aws_names() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_name(&reason.to_string()), Some(*reason));
        }
        assert_eq!(Reason::DstKmsKeyNotFound.name(), "DstKmsKeyNotFound");
        assert_eq!(Reason::from_name("dstkmskeynotfound"), None);
    }
}
