//! The actions of policies, and when an operation needs one.

/// What an action is decided on, and what kind of thing an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum On {
    /// The account: `*`.
    Account,
    /// A bucket.
    Bucket,
    /// An object of the bucket.
    Object,
    /// A KMS key.
    Key,
    /// An alias of a KMS key.
    Alias,
    /// A custom key store.
    KeyStore,
    /// An IAM user.
    User,
    /// An IAM group.
    Group,
    /// An IAM role.
    Role,
    /// A managed policy.
    Policy,
    /// An instance profile.
    InstanceProfile,
    /// An OpenID Connect provider.
    Provider,
    /// A trail.
    Trail,
}

/// An action as policies name it (Service Authorization Reference).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action {
    /// Service and name, such as `s3:GetObject`.
    pub name: &'static str,
    /// What it is decided on.
    pub on: On,
    /// Whether policies may decide it by the tags of the object that is there (`s3:ExistingObjectTag`).
    pub by_existing_tags: bool,
}

impl Action {
    /// The action `name`.
    #[must_use]
    pub const fn new(name: &'static str, on: On) -> Self {
        Self { name, on, by_existing_tags: false }
    }
}

/// When an operation needs an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// For every request.
    Always,
    /// For requests with this header.
    Header(&'static str),
    /// For requests with one of these headers.
    AnyHeader(&'static [&'static str]),
    /// For requests whose header of this name has this value.
    HeaderIs(&'static str, &'static str),
    /// For requests whose header of this name is `true`.
    Says(&'static str),
    /// For requests without a body. With one the operation decides itself, with what stands in it.
    WithoutBody,
    /// Decided before the body is read, and again by the operation with what stands in it; only the
    /// second decision allows.
    InBody,
    /// Decided by the operation, for what the body names or asks for.
    ByOperation,
}

/// One action that an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Permission {
    /// The action.
    pub action: Action,
    /// The action instead where the request names a version.
    pub version: Option<Action>,
    /// Whether it is decided on what the operation copies from, rather than on what it is about.
    pub of_source: bool,
    /// When.
    pub when: When,
}

impl Permission {
    /// `action`, always.
    #[must_use]
    pub const fn of(action: Action) -> Self {
        Self { action, version: None, of_source: false, when: When::Always }
    }

    /// The same, where `action` stands for versions that are named.
    #[must_use]
    pub const fn or_version(self, action: Action) -> Self {
        Self { version: Some(action), ..self }
    }

    /// The same, on what is copied from.
    #[must_use]
    pub const fn of_source(self) -> Self {
        Self { of_source: true, ..self }
    }

    /// The same, under a condition.
    #[must_use]
    pub const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }
}
