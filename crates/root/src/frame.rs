//! Sealed files of the key service: `name (7 bytes) ‖ format version ‖ u16 BE length ‖ parameters
//! (MessagePack) ‖ what is sealed`. Everything before what is sealed is its associated data, so
//! parameters cannot be exchanged.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version that this crate writes.
const VERSION: u8 = 1;

/// What is in front of the sealed bytes.
pub struct Frame<P> {
    /// How the rest is sealed.
    pub parameters: P,
    /// The associated data: all bytes in front.
    pub head: Vec<u8>,
}

/// Why a file is not one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// Not this kind of file, or cut or edited beyond recognition.
    Foreign,
    /// A later format.
    Version(u8),
}

impl<P: Serialize + DeserializeOwned> Frame<P> {
    /// The front of a new file.
    ///
    /// # Panics
    /// If the parameters do not fit 64 KiB.
    pub fn new(name: &[u8; 7], parameters: P) -> Self {
        let body = rmp_serde::to_vec_named(&parameters).expect("parameters hold nothing that MessagePack cannot");
        let length = u16::try_from(body.len()).expect("parameters are short: names have at most 1,024 bytes");
        let head = [&name[..], &[VERSION], &length.to_be_bytes(), &body].concat();
        Self { parameters, head }
    }

    /// The frame, and what is sealed behind it.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn parse<'a>(name: &[u8; 7], bytes: &'a [u8]) -> Result<(Self, &'a [u8]), FrameError> {
        let rest = bytes.strip_prefix(name).ok_or(FrameError::Foreign)?;
        let rest = match rest.split_first() {
            Some((&VERSION, rest)) => rest,
            Some((&version, _)) => return Err(FrameError::Version(version)),
            None => return Err(FrameError::Foreign),
        };
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(FrameError::Foreign)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (body, sealed) = rest.split_at_checked(length).ok_or(FrameError::Foreign)?;
        let parameters = rmp_serde::from_slice(body).map_err(|_| FrameError::Foreign)?;
        let head = bytes[..bytes.len() - sealed.len()].to_vec();
        Ok((Self { parameters, head }, sealed))
    }
}
