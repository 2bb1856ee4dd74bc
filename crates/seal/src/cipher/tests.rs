#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::{SourceKey, WrapAad, WrapName};

/// A second handle on a body key, as a wrap and an unwrap give it.
fn again(key: &BodyKey) -> BodyKey {
    let source = SourceKey::random();
    let bucket = arqueta_model::Arn::new("s3", "", "", "bucket");
    let object = "key".parse().unwrap();
    let name = WrapName { bucket_arn: &bucket, object_key: &object, object_id: ObjectId::random() };
    let aad = WrapAad { mode: arqueta_model::SseMode::S3, layer: 0, key_arn: None, bucket_key: None };
    BodyKey::unwrap(&key.wrap(&source, &name, &aad), &source, &name, &aad).unwrap()
}

fn cipher(layers: usize) -> ObjectCipher {
    ObjectCipher::new(ObjectId::random(), (0..layers).map(|_| BodyKey::random()).collect())
}

fn pattern(size: u64) -> Vec<u8> {
    (0..size).map(|i| (i * 31 + (i >> 9)) as u8).collect()
}

fn seal(cipher: &ObjectCipher, part: PartId, plain: &[u8]) -> Vec<u8> {
    let (mut sealer, mut out) = (cipher.sealer(part), BytesMut::new());
    for piece in plain.chunks(100_000) {
        sealer.push(piece, &mut out).unwrap();
    }
    sealer.finish(&mut out).unwrap();
    out.to_vec()
}

fn open(cipher: &ObjectCipher, part: PartId, size: u64, range: Range<u64>, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let (mut opener, mut out) = (cipher.opener(part, size, range)?, BytesMut::new());
    for wanted in opener.head().into_iter().chain([opener.sealed_range()]) {
        let wanted = sealed.get(wanted.start as usize..wanted.end as usize).ok_or(Error::Authentication)?;
        for piece in wanted.chunks(10_007) {
            opener.push(Bytes::copy_from_slice(piece), &mut out)?;
        }
    }
    opener.finish(&mut out)?;
    Ok(out.to_vec())
}

#[test]
fn one_layer_and_two_layers_round_trip_around_every_edge() {
    for layers in [1, 2] {
        let (cipher, part) = (cipher(layers), PartId::random());
        for size in [0, 1, 65_423, 65_424, 65_425, 65_479, 65_480, 65_481, 131_000, 131_001, 3 << 20] {
            let plain = pattern(size);
            let sealed = seal(&cipher, part, &plain);
            assert_eq!(sealed.len() as u64, cipher.sealed_size(size), "{layers} layers, {size} bytes");
            assert!(open(&cipher, part, size, 0..size, &sealed).unwrap() == plain, "{layers} layers, {size} bytes");
        }
    }
}

#[test]
fn a_part_belongs_to_its_object_and_its_number() {
    let (key, object, part) = (BodyKey::random(), ObjectId::random(), PartId::random());
    let cipher = ObjectCipher::new(object, vec![again(&key)]);
    let sealed = seal(&cipher, part, b"secret");
    assert_eq!(open(&cipher, part, 6, 0..6, &sealed).unwrap(), b"secret");
    assert_eq!(open(&cipher, PartId::random(), 6, 0..6, &sealed), Err(Error::Authentication));
    let other_object = ObjectCipher::new(ObjectId::random(), vec![again(&key)]);
    assert_eq!(open(&other_object, part, 6, 0..6, &sealed), Err(Error::Authentication));
    let other_key = ObjectCipher::new(object, vec![BodyKey::random()]);
    assert_eq!(open(&other_key, part, 6, 0..6, &sealed), Err(Error::Authentication));
}

#[test]
fn both_layers_are_needed_in_their_order() {
    let (inner, outer, object, part) = (BodyKey::random(), BodyKey::random(), ObjectId::random(), PartId::random());
    let with = |layers: &[&BodyKey]| ObjectCipher::new(object, layers.iter().map(|key| again(key)).collect());
    let sealed = seal(&with(&[&inner, &outer]), part, b"secret");
    let opened = |layers: &[&BodyKey]| open(&with(layers), part, 6, 0..6, &sealed);
    assert_eq!(opened(&[&inner, &outer]).unwrap(), b"secret");
    for layers in [&[&outer, &inner][..], &[&inner, &inner], &[&outer, &outer], &[&inner], &[&outer]] {
        assert_eq!(opened(layers), Err(Error::Authentication));
    }
    // One layer alone does not pass for two either.
    let single = seal(&with(&[&inner]), part, b"secret");
    assert!(open(&with(&[&inner, &outer]), part, 6, 0..6, &single).is_err());
}

#[test]
fn a_manifest_tag_is_of_one_manifest_and_of_all_layers() {
    let (a, b, object) = (BodyKey::random(), BodyKey::random(), ObjectId::random());
    let with = |layers: &[&BodyKey]| ObjectCipher::new(object, layers.iter().map(|key| again(key)).collect());
    let cipher = with(&[&a, &b]);
    let tag = cipher.manifest_tag(b"manifest");
    assert_eq!(cipher.verify_manifest(b"manifest", &tag), Ok(()));
    assert_eq!(cipher.verify_manifest(b"manifesT", &tag), Err(Error::Authentication));
    assert_eq!(cipher.verify_manifest(b"", &tag), Err(Error::Authentication));
    for bit in 0..256 {
        let mut bad = tag;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(cipher.verify_manifest(b"manifest", &bad), Err(Error::Authentication), "bit {bit}");
    }
    for layers in [&[&b, &a][..], &[&a], &[&b], &[&a, &a]] {
        assert_eq!(with(layers).verify_manifest(b"manifest", &tag), Err(Error::Authentication));
    }
}

#[test]
fn etags_are_stable_and_differ_by_object_and_part() {
    let (key, object, part) = (BodyKey::random(), ObjectId::random(), PartId::random());
    let cipher = ObjectCipher::new(object, vec![again(&key)]);
    assert_eq!(cipher.etag(None), ObjectCipher::new(object, vec![again(&key)]).etag(None));
    assert_eq!(cipher.etag(Some(part)), cipher.etag(Some(part)));
    assert_ne!(cipher.etag(None), cipher.etag(Some(part)));
    assert_ne!(cipher.etag(Some(part)), cipher.etag(Some(PartId::random())));
    assert_ne!(cipher.etag(None), ObjectCipher::new(object, vec![BodyKey::random()]).etag(None));
}

/// The derivations are normative: these values were computed by an independent implementation
/// (Python's `cryptography`), from body key 00 … 1f, object id 16 × aa and part id 16 × bb.
#[test]
fn derived_values_are_those_of_the_format() {
    let bytes: [u8; 32] = std::array::from_fn(|i| i as u8);
    let key = || BodyKey::from_box(Box::new(Zeroizing::new(bytes)));
    let part = PartId::from_bytes([0xbb; 16]);
    let cipher = ObjectCipher::new(ObjectId::from_bytes([0xaa; 16]), vec![key()]);
    assert_eq!(
        hex::encode(*cipher.streams(part).next().unwrap()),
        "7084df098ebc1abb30054c4fc21d8e8b7d3aeffcb048a8c132b4c871e775ea46"
    );
    assert_eq!(
        hex::encode(cipher.manifest_tag(b"manifest")),
        "576634723a3cf639e51e112492a3c74bea4ca05501ae85fbe78770d69147bde3"
    );
    assert_eq!(hex::encode(cipher.etag(None)), "f2aa1f0ddb48b93eaf5771820adbdcd0");
    assert_eq!(hex::encode(cipher.etag(Some(part))), "737309ebbf3947e107342a337d09982e");
    assert_eq!(cipher.part_aad(part), [&[1][..], &[0xaa; 16], &[0xbb; 16]].concat()[..]);
    let two = ObjectCipher::new(
        ObjectId::from_bytes([0xaa; 16]),
        vec![key(), BodyKey::from_box(Box::new(Zeroizing::new([0xcc; 32])))],
    );
    assert_eq!(
        hex::encode(two.manifest_tag(b"manifest")),
        "4ceb23fa47a659db896e855211ff045319f98d267b21cef41323962e3d998563"
    );
}

#[test]
fn debug_tells_no_key() {
    let cipher = ObjectCipher::new(ObjectId::from_bytes([1; 16]), vec![BodyKey::random(), BodyKey::random()]);
    assert_eq!(format!("{cipher:?}"), "ObjectCipher(ObjectId(01010101010101010101010101010101), 2 layers)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_range_of_two_layers_opens_to_equal_bytes(size in 0..400_000u64, a: prop::sample::Index, b: prop::sample::Index) {
        let (a, b) = (a.index(size as usize + 1) as u64, b.index(size as usize + 1) as u64);
        let (start, end) = (a.min(b), a.max(b));
        let (cipher, part, plain) = (cipher(2), PartId::random(), pattern(size));
        let sealed = seal(&cipher, part, &plain);
        prop_assert!(open(&cipher, part, size, start..end, &sealed).unwrap() == plain[start as usize..end as usize]);
    }

    #[test]
    fn any_flipped_bit_of_two_layers_fails(size in 0..140_000u64, at: prop::sample::Index, bit in 0..8) {
        let (cipher, part) = (cipher(2), PartId::random());
        let mut sealed = seal(&cipher, part, &pattern(size));
        let at = at.index(sealed.len());
        sealed[at] ^= 1u8 << bit;
        prop_assert_eq!(open(&cipher, part, size, 0..size, &sealed), Err(Error::Authentication));
    }
}
