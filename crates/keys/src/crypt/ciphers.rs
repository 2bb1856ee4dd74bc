//! Ciphertext of both kinds: the service's own under symmetric keys, and RSAES-OAEP.

use std::sync::Arc;

use arqueta_kms::{Caller, EncryptionAlgorithm, Error};
use arqueta_model::EncryptionContext;

use super::ciphertext;
use super::opened::{Opened, Sealed};
use super::private::with_private;
use super::sealing::{key_behind, open_parsed, seal};
use crate::Embedded;
use crate::api::Blob;
use crate::asymmetric;
use crate::call::Call;
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::dry_run::{IGNORE_CIPHERTEXT, dry_run};
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::key::fitness::{fits, usable};
use crate::limits::invalid;

/// A ciphertext and what its request says of it.
pub(crate) struct Source<'a> {
    pub key_id: Option<&'a str>,
    /// Name of that in the request.
    pub member: &'static str,
    /// `None` in a dry run that asks for the permission only.
    pub ciphertext: Option<&'a Blob>,
    pub context: &'a EncryptionContext,
    pub algorithm: EncryptionAlgorithm,
    /// Of ReEncrypt: whether its other key is the same.
    pub same_key: Option<bool>,
}

/// The key of a ciphertext, allowed and fit to open it.
///
/// # Errors
/// As Decrypt; `ValidationException` where OAEP is asked for without a key, because such a
/// ciphertext does not name one.
pub(crate) async fn opener(
    service: &Embedded,
    call: &mut Call<'_>,
    source: &Source<'_>,
    ask: Ask<'_>,
) -> Result<Arc<Key>, Error> {
    let ask = ask.context(source.context).algorithm(source.algorithm);
    let ask = Ask { same_key: source.same_key, ..ask };
    let key = match source.ciphertext {
        None => unseen_source(service, call, source.key_id, source.member, ask).await?,
        Some(bytes) => {
            if source.algorithm == EncryptionAlgorithm::SYMMETRIC_DEFAULT {
                key_behind(service, call, source.key_id, &ciphertext::parse(bytes.expose())?, ask).await?
            } else {
                let missing = || invalid(format!("{} is required with an asymmetric key.", source.member));
                admit(service, call, source.key_id.ok_or_else(missing)?, Names::Aliases, ask).await?
            }
        }
    };
    fits(&key, source.algorithm, source.context, call.operation)?;
    usable(&key)?;
    Ok(key)
}

/// Opens a ciphertext with the key that [`opener`] found.
///
/// # Errors
/// [`Error::InvalidCiphertext`]; the dry run's answer where there is no ciphertext.
pub(crate) async fn open_source(
    service: &Embedded,
    caller: &Caller,
    key: Arc<Key>,
    source: &Source<'_>,
) -> Result<Opened, Error> {
    let Some(bytes) = source.ciphertext.map(Blob::expose) else { return Err(dry_run()) };
    if source.algorithm == EncryptionAlgorithm::SYMMETRIC_DEFAULT {
        return open_parsed(service, caller, key, &ciphertext::parse(bytes)?, source.context).await;
    }
    let (algorithm, bytes) = (source.algorithm, bytes.to_vec());
    let plaintext = with_private(service, &key, move |private| private.decrypt(algorithm, &bytes)).await?;
    Ok(Opened { plaintext, material_id: None, key })
}

/// Encrypts under a key that [`fits`].
///
/// # Errors
/// `ValidationException` for more than the key can encrypt, in a dry run too.
pub(crate) async fn encrypt_under(
    service: &Embedded,
    caller: &Caller,
    (key, algorithm): (Arc<Key>, EncryptionAlgorithm),
    context: &EncryptionContext,
    plaintext: &[u8],
    dry: bool,
) -> Result<Sealed, Error> {
    if algorithm == EncryptionAlgorithm::SYMMETRIC_DEFAULT {
        return if dry { Err(dry_run()) } else { seal(service, caller, key, context, plaintext).await };
    }
    let public = with_private(service, &key, |private| Ok(private.public().to_vec())).await?;
    let most = asymmetric::max_plaintext(algorithm, &public)?;
    if plaintext.len() > most {
        return Err(invalid(format!(
            "Algorithm {} and key spec {} cannot encrypt data larger than {most} bytes.",
            algorithm.name(),
            key.record.spec.name()
        )));
    }
    if dry {
        return Err(dry_run());
    }
    Ok(Sealed { bytes: asymmetric::encrypt(algorithm, &public, plaintext)?, material_id: None, key })
}

/// The key whose ciphertext would be opened, where none is given: the caller must name it.
pub(crate) async fn unseen_source(
    service: &Embedded,
    call: &mut Call<'_>,
    named: Option<&str>,
    member: &str,
    ask: Ask<'_>,
) -> Result<Arc<Key>, Error> {
    let Some(name) = named else {
        return Err(invalid(format!("{member} is required with the DryRunModifier {IGNORE_CIPHERTEXT}.")));
    };
    let key = admit(service, call, name, Names::Aliases, ask).await?;
    usable(&key)?;
    Ok(key)
}
