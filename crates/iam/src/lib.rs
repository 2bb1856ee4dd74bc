//! Identities, access keys, roles and sessions.
