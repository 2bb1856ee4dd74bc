//! Keys whose material is held elsewhere: who holds it, and what its answers mean here.

use arqueta_kms::{Error, HolderError, KeyHolder, KeySpec, KeyState, Use};
use arqueta_model::{EncryptionContext, KeyArn, RequestId};
use zeroize::Zeroizing;

use crate::Embedded;
use crate::key::{Key, material};
use crate::schema::{Cause, Held, KeyRecord, Origin, VersionRecord};

impl Key {
    /// The holder of a version and its name there; `None` if this service has the material itself.
    fn held(&self, number: usize) -> Option<(&dyn KeyHolder, &str)> {
        let home = self.homes.get(number)?.as_ref()?;
        let held = self.record.versions.get(number)?.held.as_ref()?;
        Some((&*home.holder, &held.name))
    }

    /// Seals at the holder of version `number`; `None` if this service has the material itself.
    pub(crate) async fn seal_held(
        &self,
        (request, context): (&RequestId, &EncryptionContext),
        number: usize,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Option<Result<Vec<u8>, Error>> {
        let (holder, name) = self.held(number)?;
        let sealed = holder.encrypt(&Use { name, request, context }, plaintext, aad).await;
        Some(sealed.map_err(|error| answer(&self.arn, &self.record, error)))
    }

    /// Opens at the holder of version `number`; `None` if this service has the material itself.
    pub(crate) async fn open_held(
        &self,
        (request, context): (&RequestId, &EncryptionContext),
        number: usize,
        aad: &[u8],
        message: &[u8],
    ) -> Option<Result<Zeroizing<Vec<u8>>, Error>> {
        let (holder, name) = self.held(number)?;
        let opened = holder.decrypt(&Use { name, request, context }, message, aad).await;
        Some(opened.map_err(|error| answer(&self.arn, &self.record, error)))
    }
}

/// New material for the next version of `record`: made by `holder` where the key is symmetric,
/// or here.
pub(crate) async fn new_version(
    service: &Embedded,
    record: &KeyRecord,
    holder: Option<&str>,
    cause: Cause,
) -> Result<VersionRecord, Error> {
    let (arn, made) = (record.arn(&service.state.region), service.state.clock.now());
    let spec = record.spec;
    let Some(holder) = holder.filter(|_| spec == KeySpec::SYMMETRIC_DEFAULT) else {
        let bytes = match spec.secret_len() {
            Some(_) => material::draw(spec)?,
            None => service.off_runtime(move || material::draw(spec)).await?,
        };
        return Ok(material::version(&service.state.root, &arn, record.versions.len(), (made, cause), &bytes));
    };
    let home = service.state.homes.get(holder);
    let name = home.holder.create(&arn).await.map_err(|error| answer(&arn, record, error))?;
    let held = Some(Held { holder: holder.to_owned(), name, adopted: false });
    Ok(VersionRecord { id: material::new_id(), made, cause, sealed: Vec::new(), held, imported: None })
}

/// The material that exists at `holder` under `name`, as the only version of `record`.
pub(crate) async fn adopted_version(
    service: &Embedded,
    record: &KeyRecord,
    holder: &str,
    name: &str,
) -> Result<VersionRecord, Error> {
    let made = service.state.clock.now();
    let adopted = service.state.homes.get(holder).holder.adopt(name).await;
    adopted.map_err(|error| answer(&record.arn(&service.state.region), record, error))?;
    let held = Some(Held { holder: holder.to_owned(), name: name.to_owned(), adopted: true });
    Ok(VersionRecord { id: material::new_id(), made, cause: Cause::Creation, sealed: Vec::new(), held, imported: None })
}

/// Destroys what holders keep of a key, so that its record may go.
pub(crate) async fn destroy_held(service: &Embedded, record: &KeyRecord) -> Result<(), Error> {
    let arn = record.arn(&service.state.region);
    // What was there before stays there: it is not this service's to destroy.
    for held in record.versions.iter().filter_map(|v| v.held.as_ref()).filter(|held| !held.adopted) {
        let destroyed = service.state.homes.get(&held.holder).holder.destroy(&held.name).await;
        destroyed.map_err(|error| answer(&arn, record, error))?;
    }
    Ok(())
}

/// Destroys what holders made for a key that did not come to be. What cannot be destroyed is
/// named in the log, for the operator of the holder.
pub(crate) async fn discard(service: &Embedded, record: &KeyRecord) {
    if let Err(error) = destroy_held(service, record).await {
        let names: Vec<_> = record.versions.iter().filter_map(|version| version.held.as_ref()).collect();
        tracing::warn!(%error, ?names, "material of a key that was not created stays at its holder");
    }
}

/// A holder's refusal, as users see it. Users of a custom key store are told its state, as AWS
/// does; where the operator chose the holder it is the key service that is away.
fn answer(arn: &KeyArn, record: &KeyRecord, error: HolderError) -> Error {
    let unavailable = || Error::InvalidState { key: arn.clone(), state: KeyState::Unavailable };
    if !matches!(error, HolderError::NotAuthentic | HolderError::Throttled) {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(key = %arn, %error, source, "the holder of a key did not serve");
    }
    match error {
        HolderError::NotAuthentic => Error::InvalidCiphertext,
        HolderError::Throttled => Error::Throttled,
        HolderError::UnknownKey => unavailable(),
        _ if record.origin == Origin::CloudHsm => unavailable(),
        HolderError::Denied(_) => Error::Denied { message: format!("The holder of the key {arn} denied the call.") },
        HolderError::Unavailable(source) => Error::Unavailable(source),
    }
}

/// New material where the current one is; it encrypts from the next call on.
pub(crate) async fn add_version(service: &Embedded, record: &mut KeyRecord, cause: Cause) -> Result<(), Error> {
    let held = record.current().and_then(|number| record.versions[number].held.as_ref());
    let holder = held.map(|held| held.holder.clone());
    record.versions.push(new_version(service, record, holder.as_deref(), cause).await?);
    Ok(())
}
