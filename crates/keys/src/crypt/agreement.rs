//! DeriveSharedSecret.

use arqueta_call::Kms;
use arqueta_kms::{Error, KeyAgreementAlgorithm, KeyUsage};

use super::private::with_private;
use crate::Embedded;
use crate::api::{DeriveSharedSecretRequest, DeriveSharedSecretResponse};
use crate::call::{Call, Operation};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::dry_run::dry_run;
use crate::decide::resolve::Names;
use crate::key::fitness::{usable, used_for};

/// `DeriveSharedSecret`.
impl Operation for DeriveSharedSecretRequest {
    type Answer = DeriveSharedSecretResponse;
    const OPERATION: Kms = Kms::DeriveSharedSecret;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let wanted = [KeyAgreementAlgorithm::ECDH.name().to_owned()];
        let conditions = [("kms:KeyAgreementAlgorithm", &wanted[..])];
        let ask = Ask::new(call.caller, call.operation).conditions(&conditions);
        let key = admit(service, call, &self.key_id, Names::Aliases, ask).await?;
        used_for(&key, KeyUsage::KeyAgreement, call.operation)?;
        usable(&key)?;
        let (peer, dry) = (self.public_key, self.dry_run);
        let secret = with_private(service, &key, move |private| {
            let secret = private.agree(peer.expose())?;
            // Late, because only this tells whether the peer's key is one.
            if dry { Err(dry_run()) } else { Ok(secret) }
        });
        Ok(DeriveSharedSecretResponse {
            shared_secret: secret.await?.into(),
            key_id: key.arn.as_str().to_owned(),
            key_agreement_algorithm: KeyAgreementAlgorithm::ECDH.name(),
            key_origin: key.record.origin.name(),
        })
    }
}
