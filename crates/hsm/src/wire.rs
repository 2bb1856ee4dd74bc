//! What a cluster and its workers say to each other: a length (4 bytes, big-endian) and a
//! MessagePack value, over a pipe.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Largest frame, in bytes. Orders carry at most some thousand bytes of plaintext and context.
pub(crate) const MAX_FRAME: usize = 1 << 20;

/// Bytes that are wiped on drop and never shown.
#[derive(Clone, Default)]
pub(crate) struct Secret(pub Zeroizing<Vec<u8>>);

impl Secret {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_bytes::ByteBuf::deserialize(deserializer).map(|bytes| Self(Zeroizing::new(bytes.into_vec())))
    }
}

/// The public half of a worker's transfer key, under which keys travel to its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transfer {
    #[serde(with = "serde_bytes")]
    pub modulus: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub exponent: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// First of all: log in to the token `label`.
    Open {
        module: String,
        label: String,
        pin: Secret,
    },
    /// Proves that the token works, by using a key in it.
    Check,
    /// The public half of a key pair that lives as long as the worker.
    Transfer,
    /// A new key, wrapped for each of these and kept nowhere.
    Make {
        receivers: Vec<Transfer>,
    },
    /// Keeps a key that was wrapped for this token's transfer key.
    Keep {
        name: String,
        wrapped: serde_bytes::ByteBuf,
    },
    Has {
        name: String,
    },
    Destroy {
        name: String,
    },
    Encrypt {
        name: String,
        plaintext: Secret,
        aad: serde_bytes::ByteBuf,
    },
    Decrypt {
        name: String,
        ciphertext: serde_bytes::ByteBuf,
        aad: serde_bytes::ByteBuf,
    },
    Random {
        size: u32,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    Transfer(Transfer),
    Wrapped(Vec<serde_bytes::ByteBuf>),
    Bytes(Secret),
}

/// Why a token did not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub(crate) enum Failure {
    /// The module or the token does not work, or is not there.
    #[error("{0}")]
    Away(String),
    #[error("the token refuses the PIN")]
    Pin,
    #[error("too many calls wait for the token")]
    Busy,
    #[error("the token has no such key")]
    UnknownKey,
    #[error("the ciphertext is not valid")]
    NotAuthentic,
    /// A kept key is not what was ordered; it was destroyed.
    #[error("the token keeps keys otherwise than told: {0}")]
    Attributes(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub id: u64,
    pub order: Order,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub id: u64,
    pub outcome: Result<Answer, Failure>,
}

/// A value as a frame.
pub(crate) fn frame<T: Serialize>(value: &T) -> Zeroizing<Vec<u8>> {
    let body = Zeroizing::new(rmp_serde::to_vec(value).expect("orders hold nothing that MessagePack cannot"));
    let length = u32::try_from(body.len()).expect("orders are small");
    let mut framed = Zeroizing::new(Vec::with_capacity(4 + body.len()));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&body);
    framed
}

/// The length that a frame announces, if it may be one.
pub(crate) fn announced(header: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(header)).ok().filter(|length| *length <= MAX_FRAME)
}

pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    rmp_serde::from_slice(body).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_its_frame_and_hides_its_secret() {
        let order = Order::Encrypt { name: "k".into(), plaintext: Secret::new(b"canary"), aad: vec![1].into() };
        let framed = frame(&Request { id: 7, order });
        let length = announced(framed[..4].try_into().unwrap()).unwrap();
        assert_eq!(length, framed.len() - 4);
        let back: Request = parse(&framed[4..]).unwrap();
        assert!(!format!("{back:?}").contains("canary") && format!("{back:?}").contains("6 bytes"));
        let Order::Encrypt { plaintext, .. } = back.order else { panic!() };
        assert_eq!(&plaintext.0[..], b"canary");
    }

    #[test]
    fn a_length_beyond_the_limit_is_no_frame() {
        assert_eq!(announced([0xff; 4]), None);
        assert_eq!(announced(1_048_577_u32.to_be_bytes()), None);
    }

    #[test]
    fn arbitrary_bytes_are_no_reply() {
        for bytes in [&b""[..], b"\xc1", b"\x92\x01", &[0xff; 64]] {
            assert!(parse::<Reply>(bytes).is_none(), "{bytes:?}");
        }
    }
}
