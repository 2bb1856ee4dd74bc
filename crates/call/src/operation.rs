//! One row of the table.

use crate::action::{On, Permission};

/// A service of AWS whose protocol is spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon S3.
    S3,
    /// AWS KMS.
    Kms,
    /// IAM.
    Iam,
    /// STS.
    Sts,
    /// CloudTrail.
    CloudTrail,
}

impl Service {
    /// The name in credential scopes and before the colon of actions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Kms => "kms",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::CloudTrail => "cloudtrail",
        }
    }

    /// `eventSource` of its events.
    #[must_use]
    pub const fn event_source(self) -> &'static str {
        match self {
            Self::S3 => "s3.amazonaws.com",
            Self::Kms => "kms.amazonaws.com",
            Self::Iam => "iam.amazonaws.com",
            Self::Sts => "sts.amazonaws.com",
            Self::CloudTrail => "cloudtrail.amazonaws.com",
        }
    }
}

/// Whether an operation changes something that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It changes nothing.
    Reads,
    /// It does.
    Writes,
}

/// What kind of event an operation is (CloudTrail User Guide, "CloudTrail concepts").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Recorded always, and announced if it writes.
    Management,
    /// Recorded where a trail selects it.
    Data,
}

/// What a request of the operation counts against (KMS Developer Guide, "Request quotas").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Nothing.
    None,
    /// A quota of its own.
    Own,
    /// That of cryptographic operations with keys like the request's.
    OfKey,
    /// That of cryptographic operations with symmetric keys, whatever the request names.
    Symmetric,
}

/// Which parameters of a request its event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Parameters {
    /// Those that are no secrets, by the rules of the protocol.
    Shown,
    /// Only these, before the operation runs; its event tells the rest.
    Named(&'static [&'static str]),
    /// None: nobody here knows which are secret.
    Hidden,
}

/// What there is to know of an operation apart from performing it. Made by the tables of
/// [`crate::operations`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// Of which service.
    pub service: Service,
    /// Its name in the API.
    pub name: &'static str,
    /// Its name in the record (`eventName`).
    pub event: &'static str,
    /// Whether it changes something that is kept.
    pub effect: Effect,
    /// Its kind of event.
    pub kind: Kind,
    /// What it is about.
    pub on: On,
    /// The actions that it needs; none where there is nothing to decide.
    pub permissions: &'static [Permission],
    /// The actions that it needs instead where another gateway hands a replica over by it; none where none does.
    pub replicas: &'static [Permission],
    /// Whether it is performed here. Others are refused by name.
    pub is_served: bool,
    /// Whether principals of other accounts than the key's can be allowed it.
    pub cross_account: bool,
    /// Whether a grant can allow it.
    pub grantable: bool,
    /// Whether a successful call counts as a use of its keys.
    pub tracked: bool,
    /// What its requests count against.
    pub quota: Quota,
    /// What its event tells of the request.
    pub parameters: Parameters,
    /// Whether only the body names the objects that it is about.
    pub objects_in_body: bool,
    /// Why it is not served; nothing for what is, or where its name says enough.
    pub reason: &'static str,
}

impl Operation {
    /// A row as most are; the table adds whose it is.
    pub(crate) const fn new(effect: Effect, on: On) -> Self {
        Self {
            service: Service::S3,
            name: "",
            event: "",
            effect,
            kind: Kind::Management,
            on,
            permissions: &[],
            replicas: &[],
            is_served: true,
            cross_account: false,
            grantable: false,
            tracked: false,
            quota: Quota::None,
            parameters: Parameters::Shown,
            objects_in_body: false,
            reason: "",
        }
    }

    /// Whose row it is. Names and actions that the row leaves out are the usual ones.
    pub(crate) const fn named(
        self,
        service: Service,
        name: &'static str,
        usual: &'static [Permission],
        is_served: bool,
    ) -> Self {
        let event = if self.event.is_empty() { name } else { self.event };
        let permissions = if self.permissions.is_empty() { usual } else { self.permissions };
        // Nobody here knows which parameters of what is not served are secret.
        let parameters = if is_served { self.parameters } else { Parameters::Hidden };
        Self { service, name, event, permissions, is_served, parameters, ..self }
    }

    pub(crate) const fn recorded_as(self, event: &'static str) -> Self {
        Self { event, ..self }
    }

    pub(crate) const fn needs(self, permissions: &'static [Permission]) -> Self {
        Self { permissions, ..self }
    }

    /// What it needs where a replica comes by it.
    pub(crate) const fn replicas(self, replicas: &'static [Permission]) -> Self {
        Self { replicas, ..self }
    }

    pub(crate) const fn data(self) -> Self {
        Self { kind: Kind::Data, ..self }
    }

    pub(crate) const fn cross_account(self) -> Self {
        Self { cross_account: true, ..self }
    }

    pub(crate) const fn grantable(self) -> Self {
        Self { grantable: true, ..self }
    }

    pub(crate) const fn tracked(self) -> Self {
        Self { tracked: true, ..self }
    }

    pub(crate) const fn quota(self, quota: Quota) -> Self {
        Self { quota, ..self }
    }

    pub(crate) const fn objects_in_body(self) -> Self {
        Self { objects_in_body: true, ..self }
    }

    /// Why it is not served.
    pub(crate) const fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    /// Whether it changes something that is kept.
    #[must_use]
    pub const fn writes(&self) -> bool {
        matches!(self.effect, Effect::Writes)
    }

    /// Whether its events are management events.
    #[must_use]
    pub const fn is_management(&self) -> bool {
        matches!(self.kind, Kind::Management)
    }

    /// Whether it is announced before it takes effect: it changes how something is administered.
    /// What is refused by name has no effect.
    #[must_use]
    pub const fn is_announced(&self) -> bool {
        self.writes() && self.is_management() && self.is_served
    }
}
