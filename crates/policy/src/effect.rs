//! What a statement does.

/// What a statement does when it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Forbids, whatever grants.
    Deny,
}
