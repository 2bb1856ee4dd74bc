//! Data key pairs: drawn here, given out, and kept nowhere.

use arqueta_call::Kms;
use arqueta_kms::{EncryptionAlgorithm, Error, KeySpec};
use arqueta_model::EncryptionContext;
use zeroize::Zeroizing;

use super::opened::Sealed;
use super::sealing::seal;
use crate::Embedded;
use crate::api::{
    Blob, GenerateDataKeyPairRequest, GenerateDataKeyPairResponse, GenerateDataKeyPairWithoutPlaintextRequest,
    GenerateDataKeyPairWithoutPlaintextResponse,
};
use crate::asymmetric;
use crate::call::{Call, Operation};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::dry_run::dry_run;
use crate::decide::resolve::Names;
use crate::key::fitness::{fits, usable};
use crate::key::material;

/// A new pair, its private half wrapped.
struct Pair {
    private: Zeroizing<Vec<u8>>,
    public: Vec<u8>,
    sealed: Sealed,
}

/// `GenerateDataKeyPair`.
impl Operation for GenerateDataKeyPairRequest {
    type Answer = GenerateDataKeyPairResponse;
    const OPERATION: Kms = Kms::GenerateDataKeyPair;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let Self { key_id, encryption_context, key_pair_spec, dry_run } = self;
        let pair = draw_pair(service, call, &key_id, key_pair_spec, &encryption_context, dry_run).await?;
        Ok(GenerateDataKeyPairResponse {
            private_key_ciphertext_blob: Blob::new(pair.sealed.bytes),
            private_key_plaintext: pair.private.into(),
            public_key: Blob::new(pair.public),
            key_id: pair.sealed.key.arn.as_str().to_owned(),
            key_pair_spec,
            key_material_id: pair.sealed.material_id,
        })
    }
}

/// `GenerateDataKeyPairWithoutPlaintext`.
impl Operation for GenerateDataKeyPairWithoutPlaintextRequest {
    type Answer = GenerateDataKeyPairWithoutPlaintextResponse;
    const OPERATION: Kms = Kms::GenerateDataKeyPairWithoutPlaintext;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let Self { key_id, encryption_context, key_pair_spec, dry_run } = self;
        let pair = draw_pair(service, call, &key_id, key_pair_spec, &encryption_context, dry_run).await?;
        Ok(GenerateDataKeyPairWithoutPlaintextResponse {
            private_key_ciphertext_blob: Blob::new(pair.sealed.bytes),
            public_key: Blob::new(pair.public),
            key_id: pair.sealed.key.arn.as_str().to_owned(),
            key_pair_spec,
            key_material_id: pair.sealed.material_id,
        })
    }
}

async fn draw_pair(
    service: &Embedded,
    call: &mut Call<'_>,
    name: &str,
    spec: KeySpec,
    context: &EncryptionContext,
    dry: bool,
) -> Result<Pair, Error> {
    let wanted = [spec.name().to_owned()];
    let conditions = [("kms:DataKeyPairSpec", &wanted[..])];
    let ask = Ask::new(call.caller, call.operation).context(context).conditions(&conditions);
    let key = admit(service, call, name, Names::Aliases, ask).await?;
    fits(&key, EncryptionAlgorithm::SYMMETRIC_DEFAULT, context, call.operation)?;
    usable(&key)?;
    if dry {
        return Err(dry_run());
    }
    let (private, public) = service
        .off_runtime(move || {
            let private = material::draw(spec)?;
            let public = asymmetric::check_private_key(spec, &private).map_err(|_| asymmetric::broken())?;
            Ok((private, public))
        })
        .await?;
    let sealed = seal(service, call.caller, key, context, &private).await?;
    Ok(Pair { private, public, sealed })
}
