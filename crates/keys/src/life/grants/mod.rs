//! Grants: permissions that are given and taken one by one.

pub(crate) mod create;
pub(crate) mod end;
pub(crate) mod list;
pub(crate) mod request;
