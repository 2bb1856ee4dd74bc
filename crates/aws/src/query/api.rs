//! The services that speak Query.

use arqueta_call::Service;
use http::request::Parts;

use crate::request;

/// A service that speaks Query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Iam,
    Sts,
}

impl Api {
    /// The service that a request is signed for. What is not signed is answered as STS would.
    pub(crate) fn of(parts: &Parts) -> Self {
        match request::signed_service(parts).as_deref() {
            Some(service) if service == Service::Iam.name() => Self::Iam,
            _ => Self::Sts,
        }
    }

    pub(crate) fn signing_name(self) -> &'static str {
        match self {
            Self::Iam => Service::Iam.name(),
            Self::Sts => Service::Sts.name(),
        }
    }

    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }

    pub(super) fn version(self) -> &'static str {
        match self {
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
        }
    }
}
