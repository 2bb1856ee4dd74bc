//! How far a request was let in, and what its body may take until then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use arqueta_call::Visitor;
use arqueta_iam::Identity;
use arqueta_model::{Principal, PrincipalKind};

/// Of one request.
#[derive(Debug, Default)]
pub struct Admission {
    admitted: AtomicBool,
    visitor: OnceLock<Arc<Visitor>>,
}

impl Admission {
    /// Remembers where it is counted what the request holds until it is decided.
    pub fn receive(&self, visitor: Arc<Visitor>) {
        let _ = self.visitor.set(visitor);
    }

    /// Counts bytes of the body that are kept; whether there is room for them.
    #[must_use]
    pub fn holds(&self, bytes: usize) -> bool {
        self.visitor.get().is_none_or(|visitor| visitor.hold(bytes))
    }

    /// Whether nobody knows yet who sends the request, or whether he may.
    #[must_use]
    pub fn is_strangers(&self) -> bool {
        match self.visitor.get() {
            Some(visitor) => visitor.is_stranger(),
            None => !self.is_admitted(),
        }
    }

    /// Records that signature and authorization were found good.
    pub fn admit(&self) {
        self.admitted.store(true, Ordering::Release);
        if let Some(visitor) = self.visitor.get() {
            visitor.admit();
        }
    }

    /// As [`Admission::admit`], of a request of `identity` that its body decides. What it holds is the
    /// caller's; of one that nobody signed it remains a stranger's.
    pub fn admit_to_body(&self, identity: Option<&Arc<Identity>>) {
        self.admitted.store(true, Ordering::Release);
        if let (Some(visitor), Some(identity)) = (self.visitor.get(), identity)
            && identity.principal.kind != PrincipalKind::Anonymous
        {
            visitor.identify(&holder(&identity.principal));
        }
    }

    /// Whether signature and authorization were found good.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.admitted.load(Ordering::Acquire)
    }
}

/// Whose room it is: a user's or a role's, whatever its sessions are called, or one would have as much as
/// it can think of names. Those whom an account federates share the account's.
fn holder(principal: &Principal) -> String {
    let id = principal.id.split_once(':').map_or(&*principal.id, |(id, _)| id);
    format!("{}/{id}", principal.account)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arqueta_model::Arn;

    #[test]
    fn the_sessions_of_a_role_share_one_room() {
        let of = |account: &str, id: &str| {
            let account: arqueta_model::AccountId = account.parse().unwrap();
            let arn = Arn::new("sts", "", account.as_str(), &format!("assumed-role/r/{id}"));
            holder(&Principal { id: id.to_owned(), arn, ..Principal::root(&account, "ASIA") })
        };
        let (home, abroad) = ("111122223333", "444455556666");
        assert_eq!(of(home, "AROA1:one"), of(home, "AROA1:two:three"));
        let all =
            [of(home, "AROA1:one"), of(home, "AROA2:one"), of(home, "AIDA1"), of(abroad, "AROA1:one"), of(home, home)];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
