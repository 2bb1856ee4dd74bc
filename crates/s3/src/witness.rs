//! What event notifications tell of the request that caused an event.

use arqueta_call::S3;
use arqueta_engine::notifications::{Act, Witness};
use arqueta_model::PrincipalKind;

use crate::answer::host_id;
use crate::exchange::Exchange;

impl Witness for Exchange {
    fn act(&self) -> Act {
        let request = self.info().id.to_string();
        // As AWS writes it: the unique id of who acts, whatever it is called.
        let principal = match self.identity().map(|identity| &identity.principal) {
            Some(principal) if principal.kind != PrincipalKind::Anonymous => format!("AWS:{}", principal.id),
            _ => "Anonymous".to_owned(),
        };
        Act { principal, source: self.info().source_ip.to_string(), host: host_id(&request), request }
    }

    fn by_form(&self) -> bool {
        self.operation() == Some(S3::PostObject.row())
    }
}
