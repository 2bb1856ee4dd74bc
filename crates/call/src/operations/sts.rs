//! STS (AWS STS API Reference, version 2011-06-15). Sessions are sealed into their tokens: no operation
//! keeps anything.

use super::{operations, reads};
use crate::action::On;

operations! {
    /// An operation of STS.
    Sts, "sts:";
    served {
        AssumeRole => reads(On::Role);
        AssumeRoleWithWebIdentity => reads(On::Role);
        DecodeAuthorizationMessage => reads(On::Account);
        GetAccessKeyInfo => reads(On::Account);
        GetFederationToken => reads(On::User);
        GetSessionToken => reads(On::Account);
    }
    open {
        GetCallerIdentity => reads(On::Account);
    }
    refused {
        AssumeRoleWithSAML => reads(On::Account);
        AssumeRoot => reads(On::Account);
        GetDelegatedAccessToken => reads(On::Account);
        GetWebIdentityToken => reads(On::Account);
    }
}
