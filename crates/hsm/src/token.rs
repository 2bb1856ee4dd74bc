//! One token, through its PKCS#11 module. Runs in the worker process only.

use std::collections::HashMap;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use zeroize::Zeroizing;

use crate::wire::{Failure, Transfer};

/// Label of the key that [`Desk::check`] uses. Each token has its own.
const CANARY: &str = "arqueta/canary";
/// RFC 3394: eight bytes of integrity check and the 32 of the key.
const WRAPPED: usize = 40;
/// A key seals one message only, so its nonce may be any: it never meets another.
const NONCE: [u8; 12] = [0; 12];
const TAG_BITS: u64 = 128;
const TRANSFER_BITS: u64 = 3072;

/// A module with one token of it, logged in.
pub(crate) struct Token {
    module: Pkcs11,
    slot: Slot,
    /// Keeps the login while desks come and go.
    _login: Session,
}

impl Token {
    pub(crate) fn open(module: &str, label: &str, pin: &[u8]) -> Result<Self, Failure> {
        let module = Pkcs11::new(module).map_err(away)?;
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(away)?;
        let slot = module
            .get_slots_with_token()
            .map_err(away)?
            .into_iter()
            .find(|slot| module.get_token_info(*slot).is_ok_and(|token| token.label().trim_end() == label))
            .ok_or_else(|| Failure::Away(format!("there is no token `{label}`")))?;
        let login = module.open_rw_session(slot).map_err(away)?;
        let pin = String::from_utf8(pin.to_vec()).map_err(|_| Failure::Pin)?;
        match login.login(UserType::User, Some(&pin.into())) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _)) => {
                return Err(Failure::Pin);
            }
            Err(error) => return Err(away(error)),
        }
        Ok(Self { module, slot, _login: login })
    }

    /// A session of its own to work with.
    pub(crate) fn desk(&self) -> Result<Desk, Failure> {
        let session = self.module.open_rw_session(self.slot).map_err(away)?;
        Ok(Desk { session, handles: HashMap::new(), transfer: None })
    }
}

/// A session, for one thread.
pub(crate) struct Desk {
    session: Session,
    /// Of keys that were found; a handle dies with its object.
    handles: HashMap<String, ObjectHandle>,
    transfer: Option<(ObjectHandle, Transfer)>,
}

impl Desk {
    /// Uses the token's canary, which is made on the first call ever.
    pub(crate) fn check(&mut self, make: bool) -> Result<(), Failure> {
        self.handles.remove(CANARY);
        if make && self.find(CANARY)?.is_none() {
            let mut template = kept(CANARY);
            template.push(Attribute::ValueLen(32.into()));
            self.session.generate_key(&Mechanism::AesKeyGen, &template).map_err(away)?;
        }
        let works = self.seal(CANARY, b"canary", b"").and_then(|sealed| self.unseal(CANARY, &sealed, b""));
        match works {
            Ok(opened) if opened.as_slice() == b"canary" => Ok(()),
            Ok(_) => Err(Failure::Away("the token opens something else than it sealed".to_owned())),
            Err(Fault::Token(error)) => Err(away(error)),
            Err(Fault::Missing) => Err(Failure::Away("the token's objects are not there".to_owned())),
            Err(Fault::Short) => Err(Failure::Away("the token answers too little".to_owned())),
        }
    }

    /// The public half of this desk's transfer pair, which dies with its session.
    pub(crate) fn transfer(&mut self) -> Result<Transfer, Failure> {
        if let Some((_, public)) = &self.transfer {
            return Ok(public.clone());
        }
        let public = [
            Attribute::Token(false),
            Attribute::ModulusBits(TRANSFER_BITS.into()),
            Attribute::PublicExponent(vec![1, 0, 1]),
            Attribute::Wrap(true),
        ];
        let private = [
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Unwrap(true),
        ];
        let pair = self.session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private);
        let (public, private) = pair.map_err(away)?;
        let mut transfer = Transfer { modulus: Vec::new(), exponent: Vec::new() };
        let wanted = [AttributeType::Modulus, AttributeType::PublicExponent];
        for attribute in self.session.get_attributes(public, &wanted).map_err(away)? {
            match attribute {
                Attribute::Modulus(value) => transfer.modulus = value,
                Attribute::PublicExponent(value) => transfer.exponent = value,
                _ => {}
            }
        }
        self.session.destroy_object(public).map_err(away)?;
        self.transfer = Some((private, transfer.clone()));
        Ok(transfer)
    }

    /// A new key, wrapped for each receiver. It lives in this session only, until this returns:
    /// nothing that lasts is ever extractable.
    pub(crate) fn make(&mut self, receivers: &[Transfer]) -> Result<Vec<Vec<u8>>, Failure> {
        let key = self.session.generate_key(&Mechanism::AesKeyGen, &passing()).map_err(away)?;
        let wrapped = receivers.iter().map(|receiver| self.wrap_for(receiver, key)).collect();
        self.session.destroy_object(key).map_err(away)?;
        wrapped
    }

    fn wrap_for(&self, receiver: &Transfer, key: ObjectHandle) -> Result<Vec<u8>, Failure> {
        let public = self.session.create_object(&[
            Attribute::Class(ObjectClass::PUBLIC_KEY),
            Attribute::KeyType(KeyType::RSA),
            Attribute::Token(false),
            Attribute::Wrap(true),
            Attribute::Modulus(receiver.modulus.clone()),
            Attribute::PublicExponent(receiver.exponent.clone()),
        ]);
        let public = public.map_err(away)?;
        let wrapped = self.session.wrap_key(&oaep(), public, key).map_err(away);
        self.session.destroy_object(public).map_err(away)?;
        wrapped
    }

    /// Keeps a key that was wrapped for this desk's transfer pair, and verifies how it is kept.
    pub(crate) fn keep(&mut self, name: &str, wrapped: &[u8]) -> Result<(), Failure> {
        let Some((private, _)) = &self.transfer else {
            return Err(Failure::Away("the transfer key is gone".to_owned()));
        };
        let mut template = kept(name);
        template.push(Attribute::Class(ObjectClass::SECRET_KEY));
        template.push(Attribute::KeyType(KeyType::AES));
        let key = self.session.unwrap_key(&oaep(), *private, wrapped, &template).map_err(away)?;
        match self.is_kept_well(key) {
            Ok(()) => Ok(()),
            Err(failure) => {
                self.session.destroy_object(key).map_err(away)?;
                Err(failure)
            }
        }
    }

    fn is_kept_well(&self, key: ObjectHandle) -> Result<(), Failure> {
        let wanted = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(false),
            Attribute::Decrypt(false),
        ];
        let kinds = wanted.iter().map(Attribute::attribute_type).collect::<Vec<_>>();
        let found = self.session.get_attributes(key, &kinds).map_err(away)?;
        match wanted.iter().find(|attribute| !found.contains(attribute)) {
            None => Ok(()),
            Some(missing) => Err(Failure::Attributes(format!("{:?}", missing.attribute_type()))),
        }
    }

    pub(crate) fn has(&mut self, name: &str) -> Result<(), Failure> {
        if self.find(name)?.is_some() {
            return Ok(());
        }
        self.check(false).and(Err(Failure::UnknownKey))
    }

    pub(crate) fn destroy(&mut self, name: &str) -> Result<(), Failure> {
        while let Some(key) = self.find(name)? {
            self.session.destroy_object(key).map_err(away)?;
        }
        // A token that was taken away has no objects either.
        self.check(false)
    }

    pub(crate) fn encrypt(&mut self, name: &str, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, Failure> {
        self.seal(name, plaintext, aad).map_err(|fault| self.explain(fault, None))
    }

    pub(crate) fn decrypt(&mut self, name: &str, sealed: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.unseal(name, sealed, aad).map_err(|fault| self.explain(fault, Some(Failure::NotAuthentic)))
    }

    pub(crate) fn random(&mut self, size: u32) -> Result<Vec<u8>, Failure> {
        self.session.generate_random_vec(size).map_err(away)
    }

    /// Modules say the same of a damaged ciphertext as of a token that failed, and a token that
    /// was taken away seems to have no keys: whether it works tells which it was.
    fn explain(&mut self, fault: Fault, otherwise: Option<Failure>) -> Failure {
        match (self.check(false), fault) {
            (Err(away), _) => away,
            (Ok(()), Fault::Missing) => Failure::UnknownKey,
            (Ok(()), Fault::Short) => Failure::NotAuthentic,
            (Ok(()), Fault::Token(error)) => otherwise.unwrap_or_else(|| away(error)),
        }
    }

    /// A key made for this message seals it, and travels with it wrapped (RFC 3394) under the
    /// named key: no count of messages ever wears that key's nonces out.
    fn seal(&mut self, name: &str, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, Fault> {
        self.with_key(name, |session, key| {
            let once = session.generate_key(&Mechanism::AesKeyGen, &passing())?;
            let sealed = session.wrap_key(&Mechanism::AesKeyWrap, key, once).and_then(|mut sealed| {
                let mut nonce = NONCE;
                let gcm = Mechanism::AesGcm(GcmParams::new(&mut nonce, aad, TAG_BITS.into())?);
                sealed.extend(session.encrypt(&gcm, once, plaintext)?);
                Ok(sealed)
            });
            session.destroy_object(once)?;
            sealed
        })
    }

    fn unseal(&mut self, name: &str, sealed: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let (wrapped, message) = sealed.split_at_checked(WRAPPED).ok_or(Fault::Short)?;
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Decrypt(true),
        ];
        self.with_key(name, |session, key| {
            let once = session.unwrap_key(&Mechanism::AesKeyWrap, key, wrapped, &template)?;
            let mut nonce = NONCE;
            let gcm = GcmParams::new(&mut nonce, aad, TAG_BITS.into()).map(Mechanism::AesGcm);
            let opened = gcm.and_then(|gcm| session.decrypt(&gcm, once, message)).map(Zeroizing::new);
            session.destroy_object(once)?;
            opened
        })
    }

    /// Works with the key of a name; a handle that died is looked up once more.
    fn with_key<T>(
        &mut self,
        name: &str,
        work: impl Fn(&Session, ObjectHandle) -> Result<T, Error>,
    ) -> Result<T, Fault> {
        if let Some(handle) = self.handles.get(name) {
            match work(&self.session, *handle) {
                Err(error) if is_dead_handle(&error) => self.handles.remove(name),
                other => return other.map_err(Fault::Token),
            };
        }
        let handle = self.lookup(name).map_err(Fault::Token)?.ok_or(Fault::Missing)?;
        self.handles.insert(name.to_owned(), handle);
        work(&self.session, handle).map_err(Fault::Token)
    }

    fn find(&mut self, name: &str) -> Result<Option<ObjectHandle>, Failure> {
        self.handles.remove(name);
        self.lookup(name).map_err(away)
    }

    fn lookup(&self, name: &str) -> Result<Option<ObjectHandle>, Error> {
        let template =
            [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(true), Attribute::Label(name.into())];
        Ok(self.session.find_objects(&template)?.first().copied())
    }
}

/// What went wrong, before it is known whose fault it is.
enum Fault {
    Missing,
    Short,
    Token(Error),
}

/// A key that stays: it wraps the keys of messages, and neither it nor its value ever leaves.
fn kept(name: &str) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
        Attribute::Wrap(true),
        Attribute::Unwrap(true),
        Attribute::Label(name.into()),
        Attribute::Id(name.into()),
    ]
}

/// A key of this session only, that leaves wrapped or not at all.
fn passing() -> [Attribute; 6] {
    [
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(true),
        Attribute::Encrypt(true),
        Attribute::ValueLen(32.into()),
    ]
}

/// RSAES-OAEP with SHA-1: what every token has. Its security does not rest on collisions.
fn oaep() -> Mechanism<'static> {
    let params = PkcsOaepParams::new(MechanismType::SHA1, PkcsMgfType::MGF1_SHA1, PkcsOaepSource::empty());
    Mechanism::RsaPkcsOaep(params)
}

fn is_dead_handle(error: &Error) -> bool {
    let Error::Pkcs11(code, _) = error else { return false };
    matches!(
        code,
        RvError::KeyHandleInvalid
            | RvError::ObjectHandleInvalid
            | RvError::WrappingKeyHandleInvalid
            | RvError::UnwrappingKeyHandleInvalid
    )
}

fn away(error: Error) -> Failure {
    Failure::Away(error.to_string())
}
