//! GetParametersForImport: a public key, and the token that says what it is for.

use std::time::Duration;

use arqueta_call::Kms;
use arqueta_kms::{Error, KeySpec, RootKeyError};
use arqueta_model::{AccountId, ObjectId, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::importable;
use super::wrapping::{self, Pair};
use crate::Embedded;
use crate::api::{Blob, GetParametersForImportRequest, GetParametersForImportResponse};
use crate::call::{Call, Operation};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::limits::refused;
use crate::schema::{self, WrappingAlgorithm, WrappingRecord, wrapping_key};
use crate::state::change::Change;

/// How long a token and its public key are valid.
const VALID: Duration = Duration::from_secs(24 * 3600);
/// Binds tokens to their purpose.
const TOKEN: &[u8] = b"kms/import-token";

/// What a token says; sealed under the root key, so that nobody else can make or read one.
#[derive(Serialize, Deserialize)]
struct Token {
    account: AccountId,
    key_id: String,
    /// Id of the [`WrappingRecord`].
    wrapping: String,
    until: Timestamp,
}

/// `GetParametersForImport`.
impl Operation for GetParametersForImportRequest {
    type Answer = GetParametersForImportResponse;
    const OPERATION: Kms = Kms::GetParametersForImport;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let (algorithm, wrapping_spec) = (self.wrapping_algorithm, self.wrapping_key_spec);
        let names = [[algorithm.name().to_owned()], [wrapping_spec.name().to_owned()]];
        let conditions = [("kms:WrappingAlgorithm", &names[0][..]), ("kms:WrappingKeySpec", &names[1][..])];
        let ask = Ask::new(call.caller, Kms::GetParametersForImport).conditions(&conditions);
        let key = admit(service, call, &self.key_id, Names::Keys, ask).await?;
        importable(&key)?;
        fits(key.record.spec, algorithm, wrapping_spec)?;
        let pair = service.off_runtime(move || wrapping::generate(wrapping_spec)).await?;
        let until = service.state.clock.now().plus(VALID);
        let token = keep_pair(service, &key, algorithm, until, &pair).await?;
        Ok(GetParametersForImportResponse {
            key_id: key.arn.as_str().to_owned(),
            import_token: Blob::new(token),
            public_key: Blob::new(pair.public),
            parameters_valid_to: until,
        })
    }
}

/// Stores the private key and makes the token that finds it again.
async fn keep_pair(
    service: &Embedded,
    key: &Key,
    algorithm: WrappingAlgorithm,
    until: Timestamp,
    pair: &Pair,
) -> Result<Vec<u8>, Error> {
    let (account, key_id, id) = (&key.record.account, &key.record.id, ObjectId::random().to_string());
    let sealed = service.seal_secret(wrapping_key(account, key_id, &id).as_bytes(), &pair.private);
    let token = Token { account: account.clone(), key_id: key_id.clone(), wrapping: id.clone(), until };
    let token = service.seal_secret(TOKEN, &schema::encode(&token));
    let wrapping = WrappingRecord { account: account.clone(), key_id: key_id.clone(), id, algorithm, until, sealed };
    let turn = service.turn_of(account, key_id).await?;
    service.commit(turn, vec![Change::Wrapping(wrapping)]).await?;
    Ok(token)
}

/// The private key and algorithm behind a token for `key`.
///
/// # Errors
/// `InvalidImportTokenException` for anything that is not such a token, and
/// `ExpiredImportTokenException` from its time on.
pub(super) async fn redeem(
    service: &Embedded,
    key: &Key,
    token: &[u8],
) -> Result<(Zeroizing<Vec<u8>>, WrappingAlgorithm), Error> {
    let invalid = || refused("InvalidImportTokenException", "The import token is invalid.");
    let opened = service.open_secret(TOKEN, token).ok_or_else(invalid)?;
    let token: Token = schema::decode(TOKEN, &opened).map_err(|_| invalid())?;
    if token.account != key.record.account || token.key_id != key.record.id {
        return Err(invalid());
    }
    if token.until <= service.state.clock.now() {
        return Err(refused("ExpiredImportTokenException", "The import token has expired."));
    }
    let name = wrapping_key(&token.account, &token.key_id, &token.wrapping);
    let stored = service.state.meta.get(name.as_bytes()).await?.ok_or_else(invalid)?;
    let wrapping: WrappingRecord = schema::decode(name.as_bytes(), &stored)?;
    let private = service.open_secret(name.as_bytes(), &wrapping.sealed).ok_or(RootKeyError::Wrong)?;
    Ok((private, wrapping.algorithm))
}

/// Refuses what is too small for the material (KMS API Reference, "WrappingAlgorithm").
fn fits(spec: KeySpec, algorithm: WrappingAlgorithm, wrapping: KeySpec) -> Result<(), Error> {
    let direct = matches!(algorithm, WrappingAlgorithm::OaepSha1 | WrappingAlgorithm::OaepSha256);
    let too_long = match spec {
        KeySpec::RSA_2048 | KeySpec::RSA_3072 | KeySpec::RSA_4096 => true,
        KeySpec::ECC_NIST_P521 => wrapping == KeySpec::RSA_2048,
        _ => false,
    };
    if direct && too_long {
        let message = format!("Key material of {} needs an RSA_AES_KEY_WRAP algorithm here.", spec.name());
        return Err(refused("UnsupportedOperationException", message));
    }
    Ok(())
}
