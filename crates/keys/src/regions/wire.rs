//! What Regions say to each other, and how it is sealed.
//!
//! A request is a [`Letter`] and an answer an [`Answer`], both MessagePack, each sealed under the
//! key that the two Regions share. The associated data binds direction and Regions, of an answer
//! also the request's nonce: nothing can be reflected, redirected, or put in the place of another
//! answer. Material inside is sealed once more, bound to the key's ARN in the Region that shall
//! have it and to the number of its version.

use std::collections::BTreeMap;

use arqueta_kms::KeyState;
use arqueta_model::{AccountId, ObjectId, Region};
use arqueta_seal::message;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::seal::Way;
use super::shared::Shared;
use crate::PeerKey;
use crate::schema::{Creation, Edition};

/// What one Region asks of another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Message {
    /// The sender has just started: whatever it has yet to hear can be told now.
    Hello,
    /// How a replica stands, before it becomes the primary.
    Inquire { account: AccountId, key_id: String },
    /// A replica shall come to be. Holds no material.
    Offer { shared: Shared, creation: Box<Creation> },
    /// The shared properties, with material.
    Share(Shared),
    /// The sender's replica is destroyed.
    Leave { account: AccountId, key_id: String },
}

/// What it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The edition that the Region has now: the one that it was told, or a higher one.
    Done(Edition),
    /// There is no such key here, and what was said makes none.
    Unknown,
    /// Another key has this id here.
    Taken,
    /// Another Region's business.
    Elsewhere(Region),
    /// To [`Message::Inquire`].
    Standing(Standing),
    /// Not now, or not from this Region.
    Refused,
}

/// What decides whether a replica may become the primary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub state: KeyState,
    pub policy: String,
    pub tags: BTreeMap<String, String>,
    pub aliases: Vec<String>,
}

/// Names one request, so that its answer fits no other.
pub(super) type Nonce = [u8; 16];

#[derive(Serialize, Deserialize)]
struct Letter {
    nonce: Nonce,
    message: Message,
}

pub(super) fn seal_request(key: &PeerKey, way: Way<'_>, message: Message) -> (Nonce, Vec<u8>) {
    let nonce = *ObjectId::random().as_bytes();
    (nonce, message::seal(key.expose(), &way.aad("request", b""), &packed(&Letter { nonce, message })))
}

/// `None` for anything that the other Region did not seal for this one.
pub(super) fn open_request(key: &PeerKey, way: Way<'_>, sealed: &[u8]) -> Option<(Nonce, Message)> {
    let letter: Letter = opened(key, &way.aad("request", b""), sealed)?;
    Some((letter.nonce, letter.message))
}

/// The answer to the request `nonce`, which came along `way`.
pub(super) fn seal_answer(key: &PeerKey, way: Way<'_>, nonce: &Nonce, answer: &Answer) -> Vec<u8> {
    message::seal(key.expose(), &way.back().aad("answer", nonce), &packed(answer))
}

/// `None` for anything but the answer to this very request.
pub(super) fn open_answer(key: &PeerKey, way: Way<'_>, nonce: &Nonce, sealed: &[u8]) -> Option<Answer> {
    opened(key, &way.back().aad("answer", nonce), sealed)
}

fn packed<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).expect("messages hold nothing that MessagePack cannot")
}

fn opened<T: DeserializeOwned>(key: &PeerKey, aad: &[u8], sealed: &[u8]) -> Option<T> {
    rmp_serde::from_slice(&message::open(key.expose(), aad, sealed).ok()?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    #[test]
    fn a_request_opens_only_between_its_regions_in_its_direction_under_their_key() {
        let (a, b, c) = (region("us-east-1"), region("eu-west-1"), region("eu-west-2"));
        let key = PeerKey::from_bytes(&[1; 32]);
        let way = Way { from: &a, to: &b };
        let (nonce, sealed) = seal_request(&key, way, Message::Hello);
        assert!(matches!(open_request(&key, way, &sealed), Some((n, Message::Hello)) if n == nonce));
        assert!(open_request(&PeerKey::from_bytes(&[2; 32]), way, &sealed).is_none(), "another key");
        assert!(open_request(&key, way.back(), &sealed).is_none(), "reflected");
        assert!(open_request(&key, Way { from: &a, to: &c }, &sealed).is_none(), "redirected");
        for at in [0, 1, sealed.len() / 2, sealed.len() - 1] {
            let mut broken = sealed.clone();
            broken[at] ^= 1;
            assert!(open_request(&key, way, &broken).is_none(), "byte {at}");
        }
        assert!(open_request(&key, way, &[]).is_none());
        assert!(open_answer(&key, way.back(), &nonce, &sealed).is_none(), "a request is no answer");
    }

    #[test]
    fn an_answer_fits_its_own_request_only() {
        let (a, b) = (region("us-east-1"), region("eu-west-1"));
        let key = PeerKey::from_bytes(&[1; 32]);
        let way = Way { from: &a, to: &b };
        let ((one, _), (two, _)) = (seal_request(&key, way, Message::Hello), seal_request(&key, way, Message::Hello));
        let sealed = seal_answer(&key, way, &one, &Answer::Unknown);
        assert_eq!(open_answer(&key, way, &one, &sealed), Some(Answer::Unknown));
        assert_eq!(open_answer(&key, way, &two, &sealed), None, "replayed");
        assert_eq!(open_answer(&key, way.back(), &one, &sealed), None, "reflected");
    }
}
