//! How material is sealed on its way from one Region to another, and what that is bound to.

use arqueta_model::{KeyArn, Region};
use arqueta_seal::message;
use zeroize::Zeroizing;

use crate::PeerKey;

/// From where to where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    pub from: &'a Region,
    pub to: &'a Region,
}

impl Way<'_> {
    pub(super) fn back(self) -> Self {
        Self { from: self.to, to: self.from }
    }

    pub(super) fn aad(self, what: &str, rest: &[u8]) -> Vec<u8> {
        let mut aad = b"arqueta/1/peer".to_vec();
        for part in [what.as_bytes(), self.from.as_str().as_bytes(), self.to.as_str().as_bytes(), rest] {
            aad.extend_from_slice(&(part.len() as u64).to_be_bytes());
            aad.extend_from_slice(part);
        }
        aad
    }
}

/// Material of version `number` of the key that is `arn` in the Region it goes to.
pub(super) fn seal_material(key: &PeerKey, way: Way<'_>, arn: &KeyArn, number: usize, bytes: &[u8]) -> Vec<u8> {
    message::seal(key.expose(), &way.aad("material", &position(arn, number)), bytes)
}

pub(super) fn open_material(
    key: &PeerKey,
    way: Way<'_>,
    arn: &KeyArn,
    number: usize,
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    message::open(key.expose(), &way.aad("material", &position(arn, number)), sealed).ok()
}

/// The number has a fixed width, so the end of the ARN is unambiguous.
fn position(arn: &KeyArn, number: usize) -> Vec<u8> {
    [arn.as_str().as_bytes(), &(number as u64).to_be_bytes()].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    #[test]
    fn material_is_bound_to_regions_key_and_number() {
        let (a, b) = (region("us-east-1"), region("eu-west-1"));
        let key = PeerKey::from_bytes(&[1; 32]);
        let way = Way { from: &a, to: &b };
        let arn = |id: &str| KeyArn::new(&b, &"111122223333".parse().unwrap(), id);
        let sealed = seal_material(&key, way, &arn("k"), 3, b"secret");
        assert_eq!(*open_material(&key, way, &arn("k"), 3, &sealed).unwrap(), b"secret");
        assert!(open_material(&key, way, &arn("k"), 2, &sealed).is_none());
        assert!(open_material(&key, way, &arn("l"), 3, &sealed).is_none());
        assert!(open_material(&key, way.back(), &arn("k"), 3, &sealed).is_none());
    }
}
