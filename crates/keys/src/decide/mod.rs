//! Who may do what with which key.

pub(crate) mod access;
pub(crate) mod admit;
pub(crate) mod ask;
pub(crate) mod charge;
pub(crate) mod dry_run;
pub(crate) mod lockout;
pub(crate) mod primary;
pub(crate) mod principals;
pub(crate) mod resolve;
