//! `arqueta operations`: the table of operations, for tests and for who wants to know what is served.

use std::io::{self, Write as _};

use arqueta_call::{Operation, Permission, operations};
use serde_json::json;

use crate::Error;

/// Writes one JSON object a line.
///
/// # Errors
/// [`Error::Output`].
pub fn run() -> Result<(), Error> {
    let out = &mut io::stdout().lock();
    operations::all().try_for_each(|row| writeln!(out, "{}", shown(row)).map_err(Error::Output))
}

fn shown(row: &Operation) -> serde_json::Value {
    let named = |permissions: &[Permission]| -> Vec<_> {
        let actions = permissions.iter().flat_map(|permission| [Some(permission.action), permission.version]);
        actions.flatten().map(|action| action.name).collect()
    };
    json!({
        "service": row.service.name(),
        "name": row.name,
        "event": row.event,
        "served": row.is_served,
        "writes": row.writes(),
        "management": row.is_management(),
        "announced": row.is_announced(),
        "actions": named(row.permissions),
        "replicas": named(row.replicas),
        "reason": row.reason,
    })
}
