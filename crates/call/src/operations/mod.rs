//! The table, one file a service. An operation is added by its row here, its shape and its function
//! at the edge (docs/adding-an-operation.md).

mod cloudtrail;
mod iam;
mod kms;
mod s3;
mod sts;

pub use cloudtrail::CloudTrail;
pub use iam::Iam;
pub use kms::Kms;
pub use s3::S3;
pub use sts::Sts;

use crate::action::On;
use crate::operation::{Effect, Operation};

/// Writes the enum of a service's operations that are served, and their rows. Those that are
/// refused by name have rows too, and no variant. The second literal begins the action that an
/// operation needs whose row names none; `open` rows need none.
macro_rules! operations {
    (
        $(#[$doc:meta])*
        $name:ident, $prefix:literal;
        served { $($served:ident => $row:expr;)* }
        open { $($open:ident => $open_row:expr;)* }
        refused { $($refused:ident => $refused_row:expr;)* }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the API's names
        pub enum $name { $($served,)* $($open,)* }

        const fn usual(action: &'static str, on: crate::action::On) -> crate::action::Permission {
            crate::action::Permission::of(crate::action::Action::new(action, on))
        }

        static ROWS: &[crate::operation::Operation] = &[
            $({
                const ROW: crate::operation::Operation = $row;
                ROW.named(
                    crate::operation::Service::$name,
                    stringify!($served),
                    &[usual(concat!($prefix, stringify!($served)), ROW.on)],
                    true,
                )
            },)*
            $({
                const ROW: crate::operation::Operation = $open_row;
                ROW.named(crate::operation::Service::$name, stringify!($open), &[], true)
            },)*
            $({
                const ROW: crate::operation::Operation = $refused_row;
                ROW.named(
                    crate::operation::Service::$name,
                    stringify!($refused),
                    &[usual(concat!($prefix, stringify!($refused)), ROW.on)],
                    false,
                )
            },)*
        ];

        impl $name {
            /// The operations that are served.
            pub const ALL: &'static [Self] = &[$(Self::$served,)* $(Self::$open,)*];

            /// The operation of that name, if it is served.
            #[must_use]
            pub fn served(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($served) => Some(Self::$served),)*
                    $(stringify!($open) => Some(Self::$open),)*
                    _ => None,
                }
            }

            /// The row of that name, of operations that are served and of those that are refused by name.
            #[must_use]
            pub fn known(name: &str) -> Option<&'static crate::operation::Operation> {
                match Self::served(name) {
                    Some(served) => Some(served.row()),
                    None => ROWS[Self::ALL.len()..].iter().find(|row| row.name == name),
                }
            }

            /// Its row.
            #[must_use]
            pub fn row(self) -> &'static crate::operation::Operation {
                &ROWS[self as usize]
            }

            /// Its name in the API.
            #[must_use]
            pub fn name(self) -> &'static str {
                self.row().name
            }

            /// All rows: those of [`Self::ALL`] in its order, then those that are refused by name.
            #[must_use]
            pub fn rows() -> &'static [crate::operation::Operation] {
                ROWS
            }
        }
    };
}
use operations;

/// All rows of all services.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    [S3::rows(), Kms::rows(), Iam::rows(), Sts::rows(), CloudTrail::rows()].into_iter().flatten()
}

const fn reads(on: On) -> Operation {
    Operation::new(Effect::Reads, on)
}

const fn writes(on: On) -> Operation {
    Operation::new(Effect::Writes, on)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Service;
    use std::collections::HashSet;

    #[test]
    fn each_operation_stands_once_and_is_found_by_its_name() {
        let mut seen = HashSet::new();
        for row in all() {
            assert!(seen.insert((row.service, row.name)), "{} twice", row.name);
        }
        assert!(seen.len() > 300, "{}", seen.len());
        for &operation in Iam::ALL {
            assert_eq!(Iam::served(operation.name()), Some(operation));
            assert_eq!(Iam::known(operation.name()), Some(operation.row()));
        }
        assert_eq!(Iam::served("createuser"), None);
    }

    #[test]
    fn names_that_say_so_change_nothing() {
        for row in all() {
            let reads = ["Get", "Head", "List", "Describe", "Lookup", "Simulate", "Verify", "Decrypt", "Search"]
                .iter()
                .any(|verb| row.name.starts_with(verb));
            assert!(!(reads && row.writes()), "{} reads", row.name);
            let writes = ["Put", "Create", "Delete", "Update", "Attach", "Detach", "Schedule", "Tag", "Untag", "Stop"]
                .iter()
                .any(|verb| row.name.starts_with(verb));
            // What it would create is a session, which changes nothing of a bucket.
            assert!(!writes || row.writes() || row.name == "CreateSession", "{} writes", row.name);
        }
    }

    #[test]
    fn actions_are_those_of_the_service() {
        for row in all() {
            for permission in row.permissions {
                let names = [Some(permission.action), permission.version];
                for action in names.into_iter().flatten() {
                    let (service, _) = action.name.split_once(':').expect("an action names its service");
                    // Directory buckets and object lambdas have prefixes of their own, and no service here.
                    let of_s3 = ["s3express", "s3-object-lambda"];
                    let is_known =
                        service == row.service.name() || (row.service == Service::S3 && of_s3.contains(&service));
                    assert!(is_known, "{}: {}", row.name, action.name);
                }
            }
        }
    }
}
