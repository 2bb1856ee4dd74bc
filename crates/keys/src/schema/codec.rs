//! How records are written: a format version byte, then MessagePack with named members.

use arqueta_kms::Error;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

const VERSION: u8 = 1;

pub(crate) fn encode<T: Serialize>(record: &T) -> Bytes {
    let mut bytes = vec![VERSION];
    rmp_serde::encode::write_named(&mut bytes, record).expect("records hold nothing that MessagePack cannot");
    bytes.into()
}

pub(crate) fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Error> {
    let damaged = || arqueta_store::Error::Damaged { what: String::from_utf8_lossy(key).into_owned() };
    match value.split_first() {
        Some((&VERSION, body)) => rmp_serde::from_slice(body).map_err(|_| damaged().into()),
        _ => Err(damaged().into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::Timestamp;

    use super::*;
    use crate::schema::AliasRecord;

    fn alias() -> AliasRecord {
        AliasRecord {
            account: "111122223333".parse().unwrap(),
            name: "alias/x".into(),
            target: "k".into(),
            created: Timestamp::from_millis(1),
            updated: Timestamp::from_millis(2),
        }
    }

    #[test]
    fn a_record_survives_its_encoding() {
        assert_eq!(decode::<AliasRecord>(b"k", &encode(&alias())).unwrap(), alias());
    }

    #[test]
    fn unknown_versions_and_damage_are_refused() {
        let good = encode(&alias()).to_vec();
        for bad in [vec![], vec![VERSION], [&[2], &good[1..]].concat(), good[..good.len() - 1].to_vec()] {
            let error = decode::<AliasRecord>(b"kms/a/x", &bad).unwrap_err();
            assert!(matches!(error, Error::Store(arqueta_store::Error::Damaged { .. })), "{bad:?}");
        }
    }
}
