#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::geometry::FIRST_PLAIN_LEN;
use super::*;
use crate::Error;
use crate::aead::{Portable, Preferred, TAG_LEN};

const AAD: &[u8] = b"version, object and part";

/// Around every edge of the first three segments, and beyond.
const EDGES: [u64; 13] = [0, 1, 15, 16, 65_479, 65_480, 65_481, 130_999, 131_000, 131_001, 196_519, 196_520, 196_521];

fn ikm() -> [u8; 32] {
    std::array::from_fn(|i| i as u8)
}

/// Plaintext in which neighbouring segments differ.
fn pattern(size: u64) -> Vec<u8> {
    (0..size).map(|i| (i * 7 + (i >> 8)) as u8).collect()
}

fn seal_in<A: Aead>(mut sealer: Sealer<A>, plain: &[u8], chunk: usize) -> Vec<u8> {
    let mut out = BytesMut::new();
    for piece in plain.chunks(chunk) {
        sealer.push(piece, &mut out).unwrap();
    }
    sealer.finish(&mut out).unwrap();
    out.to_vec()
}

fn seal(plain: &[u8]) -> Vec<u8> {
    seal_in(Sealer::<Preferred>::new(&ikm(), AAD), plain, usize::MAX)
}

fn open_in<A: Aead>(mut opener: Opener<A>, sealed: &[u8], chunk: usize) -> Result<Vec<u8>, Error> {
    let mut out = BytesMut::new();
    for piece in sealed.chunks(chunk) {
        opener.push(Bytes::copy_from_slice(piece), &mut out)?;
    }
    opener.finish()?;
    Ok(out.to_vec())
}

/// Opens all of a stream that is believed to hold `size` bytes.
fn open(sealed: &[u8], size: u64) -> Result<Vec<u8>, Error> {
    open_in(Opener::<Preferred>::new(&ikm(), AAD, size, 0, 0..size).unwrap(), sealed, 70_000)
}

/// The sealed bytes that an opener asks for, in its order.
fn asked<A: Aead>(opener: &Opener<A>, sealed: &[u8]) -> Vec<u8> {
    let slice = |range: std::ops::Range<u64>| &sealed[range.start as usize..range.end as usize];
    [opener.head().map_or(&[][..], slice), slice(opener.sealed_range())].concat()
}

/// F-10: what Tink's Python library 1.16.1 sealed, with input key 00 01 … 1f and associated data
/// 01 ‖ aa × 16 ‖ bb × 16: plaintext size, salt, nonce prefix, SHA-256 of the whole stream.
const TINK: [(u64, &str, &str, &str); 9] = [
    (
        0,
        "f5ebfbb954a465d4d4602e1bb4c3585678c18d57d5e4dac39d28a964f5fa90db",
        "7f23912ef8a4a6",
        "c8b0957e9bcfa9dd0e700354a37e06ffff8d8c561ac1f1b40821a0a487ce92c6",
    ),
    (
        1,
        "99b93818c183fabf3c5ac077e5cfa02745938bdf521728ed411150480fd421e6",
        "a99807ded5078f",
        "6ce9bd8106300cbc004c1f07143f0d54d24c62f304d5e244ec6e6e41beaebc12",
    ),
    (
        100,
        "bfb374972f5f352b16c5773d4f9e93e4cced8739ec1735ebedef4c72f8c4ad55",
        "9b595ad18bfcdb",
        "2b1441900864376a3dc0e1f3373d5eedb96757e783892e5269713bf9d2dcc36f",
    ),
    (
        65_479,
        "38bf9ec771c17df41053f252d75f274184612681b3323c7a32fa4795e8ca476b",
        "25e81e2a47d332",
        "bc8efd80947345e3734e9db2c03f20ebc562404e54b7123445aa05490cc17b9b",
    ),
    (
        65_480,
        "f68617f45bb4e9074f6a8f3d6a326cd3775b89e38d989818057669719b4f1481",
        "f453187111fc49",
        "dcf1c4af46149f83020e5dc1131519fc070f2ad7a4c906583b7a430fd4565855",
    ),
    (
        65_481,
        "d550c83fd1b481a0642ee3e461ad7afb4de5743ea85231729857c252eaad8df3",
        "ca99800046a5ef",
        "5d0bd1dcc1ce6e974340845aad894f5d61679b2ab97b8c48b71923e985096c0a",
    ),
    (
        131_000,
        "478f1233b865b700115e78db17ea5f8bdd3e7e5a52195d791e9abbc1db9bfbb5",
        "3e91567a1c1c0a",
        "c88db874f3829464d857954dc20ce4da22eb0f29afcbbf939cafde0818371d24",
    ),
    (
        131_001,
        "fc639714e5233ba2f5db1a03c1355667a990a9644b5ed2cc3f18823b83565325",
        "504f39cf254c7a",
        "7eeede793c05847c6c130518219d5b242bc837f6dae8b34b2f13ee6c2681a0da",
    ),
    (
        200_000,
        "51bb2e4a7d1dc77af7e8ec8d07223f7f666d1a16d269772318f8dd70be65e9ee",
        "119dcf362baf71",
        "eb11e58b0504df3ef61eedf7778d9b3db0f17b86dc46e20aa93ad3d3149479c1",
    ),
];

#[test]
fn both_backends_write_what_tink_writes() {
    let aad = [&[1][..], &[0xaa; 16], &[0xbb; 16]].concat();
    for (size, salt, prefix, digest) in TINK {
        let salt = hex::decode(salt).unwrap().try_into().unwrap();
        let prefix = hex::decode(prefix).unwrap().try_into().unwrap();
        let plain = pattern(size);
        let fast = seal_in(Sealer::<Preferred>::with_header(&ikm(), &aad, &salt, &prefix), &plain, 10_000);
        assert_eq!(hex::encode(Sha256::digest(&fast)), digest, "{size} bytes");
        let portable = seal_in(Sealer::<Portable>::with_header(&ikm(), &aad, &salt, &prefix), &plain, usize::MAX);
        assert_eq!(portable, fast, "{size} bytes");
        let opener = Opener::<Portable>::new(&ikm(), &aad, size, 0, 0..size).unwrap();
        assert_eq!(open_in(opener, &fast, usize::MAX).unwrap(), plain);
    }
}

/// A stream as Tink's Python library 1.16.1 wrote it: one byte, 0x00.
#[test]
fn a_stream_written_by_tink_opens() {
    let sealed = hex::decode("2899b93818c183fabf3c5ac077e5cfa02745938bdf521728ed411150480fd421e6a99807ded5078f0d77be3f250a9a41b2f460ae1bb3eb2f5a").unwrap();
    let aad = [&[1][..], &[0xaa; 16], &[0xbb; 16]].concat();
    let opener = Opener::<Preferred>::new(&ikm(), &aad, 1, 0, 0..1).unwrap();
    assert_eq!(open_in(opener, &sealed, 7).unwrap(), [0]);
}

#[test]
fn sizes_around_every_segment_edge_round_trip() {
    for size in EDGES.into_iter().chain([5 << 20]) {
        let plain = pattern(size);
        for chunk in [999, 65_480, 65_520, 65_536, usize::MAX] {
            let sealed = seal_in(Sealer::<Preferred>::new(&ikm(), AAD), &plain, chunk);
            assert_eq!(sealed.len() as u64, sealed_size(size), "{size} bytes in pieces of {chunk}");
            let opener = Opener::<Preferred>::new(&ikm(), AAD, size, 0, 0..size).unwrap();
            assert!(open_in(opener, &sealed, chunk).unwrap() == plain, "{size} bytes in pieces of {chunk}");
        }
    }
}

#[test]
fn sizes_invert_each_other() {
    for plain in (0..300_000).step_by(7).chain(EDGES).chain([MAX_PLAIN - 1, MAX_PLAIN]) {
        assert_eq!(plain_size(sealed_size(plain)), Some(plain));
    }
    // No stream ends within a tag or a header.
    for sealed in [0, 39, 40, 55, 65_537, 65_536 + 16, 2 * 65_536 + 1, u64::MAX] {
        assert_eq!(plain_size(sealed), None, "{sealed} bytes");
    }
    assert_eq!(plain_size(sealed_size(MAX_PLAIN) + 17), None);
    assert_eq!(sealed_size(u64::MAX), u64::MAX);
}

#[test]
fn the_segment_counter_ends_the_stream_instead_of_wrapping() {
    let mut sealer = Sealer::<Preferred>::new(&ikm(), AAD);
    sealer.skip_to(u64::from(u32::MAX));
    let mut out = BytesMut::new();
    // Segment 2^32 - 1 is the last one; it is sealed once something follows it.
    sealer.push(&vec![0; geometry::PLAIN_LEN], &mut out).unwrap();
    sealer.push(&[0], &mut out).unwrap();
    assert_eq!(out.len(), SEGMENT_LEN);
    assert_eq!(sealer.push(&vec![0; geometry::PLAIN_LEN], &mut out), Err(Error::TooLarge));
    assert_eq!(sealer.finish(&mut out), Err(Error::TooLarge));
    let too_large = Opener::<Preferred>::new(&ikm(), AAD, MAX_PLAIN + 1, 0, 0..1).err();
    assert_eq!(too_large, Some(Error::TooLarge));
    assert!(Opener::<Preferred>::new(&ikm(), AAD, MAX_PLAIN, 0, MAX_PLAIN - 1..MAX_PLAIN).is_ok());
}

#[test]
fn a_salt_is_never_used_twice() {
    let (a, b) = (seal(b"same"), seal(b"same"));
    assert_eq!((a[0], b[0]), (40, 40));
    assert_ne!(a[1..33], b[1..33]);
    assert_ne!(a[33..40], b[33..40]);
    assert_ne!(a[40..], b[40..]);
}

#[test]
fn another_key_or_other_associated_data_fails() {
    let sealed = seal(b"secret");
    let fails = |ikm: &[u8; 32], aad: &[u8]| {
        open_in(Opener::<Preferred>::new(ikm, aad, 6, 0, 0..6).unwrap(), &sealed, 100) == Err(Error::Authentication)
    };
    assert!(!fails(&ikm(), AAD));
    assert!(fails(&[0; 32], AAD));
    assert!(fails(&ikm(), b""));
    assert!(fails(&ikm(), &AAD[1..]));
}

#[test]
fn a_cut_fails_at_segment_edges_and_within_segments() {
    let size = 200_000;
    let sealed = seal(&pattern(size));
    let cuts = [0, 1, 39, 40, 41, 56, 65_535, 65_536, 65_537, 131_072, 196_608, 196_609, sealed.len() - 1];
    for cut in cuts {
        assert_eq!(open(&sealed[..cut], size), Err(Error::Authentication), "believed whole, cut to {cut}");
        // Also when the reader's idea of the size was cut along.
        if let Some(shorter) = plain_size(cut as u64) {
            assert_eq!(open(&sealed[..cut], shorter), Err(Error::Authentication), "cut to {cut}");
        }
    }
}

#[test]
fn an_extension_fails() {
    for size in EDGES {
        let sealed = seal(&pattern(size));
        assert_eq!(open(&[&sealed[..], &[0]].concat(), size), Err(Error::Authentication));
        let longer = [&sealed[..], &sealed[sealed.len() - 16..]].concat();
        if let Some(size) = plain_size(longer.len() as u64) {
            assert_eq!(open(&longer, size), Err(Error::Authentication));
        }
    }
    // A second stream behind the first, as an append would write it.
    let sealed = seal(&pattern(70_000));
    let doubled = [sealed.clone(), sealed].concat();
    assert_eq!(open(&doubled, 70_000), Err(Error::Authentication));
}

#[test]
fn segments_swapped_moved_duplicated_or_dropped_fail() {
    let size = 260_000;
    let sealed = seal(&pattern(size));
    let segment = |n: usize| &sealed[n * SEGMENT_LEN..((n + 1) * SEGMENT_LEN).min(sealed.len())];
    let arrange = |order: &[usize]| order.iter().flat_map(|&n| segment(n).to_vec()).collect::<Vec<u8>>();
    assert_eq!(open(&arrange(&[0, 1, 2, 3]), size).unwrap(), pattern(size));
    for order in [
        &[0, 2, 1, 3][..],
        &[0, 1, 1, 3],
        &[0, 1, 2, 2],
        &[1, 0, 2, 3],
        &[0, 3, 1, 2],
        &[0, 1, 2, 2, 3],
        &[0, 1, 3],
        &[0, 1, 2],
    ] {
        let bad = arrange(order);
        assert_eq!(open(&bad, size), Err(Error::Authentication), "{order:?}");
        if let Some(size) = plain_size(bad.len() as u64) {
            assert_eq!(open(&bad, size), Err(Error::Authentication), "{order:?} with its own size");
        }
    }
    // The same segment of another stream under the same key.
    let other = seal(&pattern(size));
    let spliced = [&sealed[..SEGMENT_LEN], &other[SEGMENT_LEN..]].concat();
    assert_eq!(open(&spliced, size), Err(Error::Authentication));
}

#[test]
fn every_region_is_authenticated() {
    let size = 140_000;
    let sealed = seal(&pattern(size));
    let regions = [
        ("header length", 0),
        ("salt", 1),
        ("salt end", 32),
        ("nonce prefix", 33),
        ("nonce prefix end", 39),
        ("first byte", 40),
        ("first segment's tag", 65_535),
        ("second segment", 65_536),
        ("third segment", 131_072),
        ("last byte of the last tag", sealed.len() - 1),
    ];
    for (region, at) in regions {
        for bit in [0, 7] {
            let mut bad = sealed.clone();
            bad[at] ^= 1 << bit;
            assert_eq!(open(&bad, size), Err(Error::Authentication), "{region}, bit {bit}");
        }
    }
}

#[test]
fn nothing_of_a_failing_segment_is_released_and_nothing_after_it() {
    let size = 200_000;
    let plain = pattern(size);
    let mut sealed = seal(&plain);
    sealed[SEGMENT_LEN + 5] ^= 1;
    let mut opener = Opener::<Preferred>::new(&ikm(), AAD, size, 0, 0..size).unwrap();
    let mut out = BytesMut::new();
    assert_eq!(opener.push(sealed.clone().into(), &mut out), Err(Error::Authentication));
    assert!(out == plain[..FIRST_PLAIN_LEN], "exactly the first segment was released");
    let rest = Bytes::from(sealed).slice(2 * SEGMENT_LEN..);
    assert_eq!(opener.push(rest, &mut out), Err(Error::Authentication));
    assert_eq!(out.len(), FIRST_PLAIN_LEN);
    assert_eq!(opener.finish(), Err(Error::Authentication));
}

#[test]
fn a_range_needs_all_of_its_segments() {
    let size = 260_000;
    let sealed = seal(&pattern(size));
    let opener = || Opener::<Preferred>::new(&ikm(), AAD, size, 0, 70_000..140_000).unwrap();
    let wanted = asked(&opener(), &sealed);
    assert!(open_in(opener(), &wanted, 4096).unwrap() == pattern(size)[70_000..140_000]);
    // A clean end at the edge of a segment is not the end of the range.
    assert_eq!(open_in(opener(), &wanted[..40 + SEGMENT_LEN], 4096), Err(Error::Authentication));
    assert_eq!(open_in(opener(), &[&wanted[..], &[0]].concat(), 4096), Err(Error::Authentication));
    // The right number of bytes from elsewhere in the stream.
    let elsewhere = [&sealed[..40], &sealed[2 * SEGMENT_LEN..], &[0; SEGMENT_LEN][..]].concat();
    assert_eq!(open_in(opener(), &elsewhere[..wanted.len()], 4096), Err(Error::Authentication));
}

#[test]
fn a_range_costs_at_most_two_extra_segments_and_the_header() {
    let size = 1 << 20;
    for range in [0..1, 65_479..65_481, 65_480..65_481, 100_000..300_000, size - 1..size, 0..size] {
        let opener = Opener::<Preferred>::new(&ikm(), AAD, size, 0, range.clone()).unwrap();
        let sealed = opener.sealed_range();
        let read = sealed.end - sealed.start + opener.head().map_or(0, |head| head.end);
        assert!(read <= range.end - range.start + 2 * SEGMENT_LEN as u64 + 40, "{range:?} reads {read} bytes");
    }
}

#[test]
fn ranges_outside_the_plaintext_are_refused_and_empty_ones_read_nothing() {
    #[allow(clippy::reversed_empty_ranges)]
    for range in [0..11, 11..11, 5..4, u64::MAX..u64::MAX] {
        assert_eq!(Opener::<Preferred>::new(&ikm(), AAD, 10, 0, range).err(), Some(Error::OutOfRange));
    }
    assert_eq!(Opener::<Preferred>::new(&ikm(), AAD, 10, 11, 0..10).err(), Some(Error::OutOfRange));
    let empty = Opener::<Preferred>::new(&ikm(), AAD, 10, 0, 4..4).unwrap();
    assert_eq!((empty.head(), empty.sealed_range()), (None, 0..0));
    assert_eq!(open_in(empty, &[], 1), Ok(vec![]));
    // An empty part is verified: without its one segment it does not open.
    assert_eq!(open(&[], 0), Err(Error::Authentication));
    assert_eq!(open(&seal(b""), 0), Ok(vec![]));
}

fn size_and_range() -> impl Strategy<Value = (u64, u64, u64)> {
    let size =
        prop_oneof![0..400u64, 60_000..70_000u64, 120_000..140_000u64, 0..1_000_000u64, prop::sample::select(&EDGES)];
    (size, any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(size, a, b)| {
        let (a, b) = (a.index(size as usize + 1) as u64, b.index(size as usize + 1) as u64);
        (size, a.min(b), a.max(b))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_range_of_any_size_opens_to_equal_bytes((size, start, end) in size_and_range(), push in 1usize..200_000, lead in 0u64..65_480) {
        let plain = pattern(size);
        let sealed = seal(&plain);
        let opener = Opener::<Preferred>::new(&ikm(), AAD, size, 0, start..end).unwrap();
        let wanted = asked(&opener, &sealed);
        prop_assert!(open_in(opener, &wanted, push).unwrap() == plain[start as usize..end as usize]);

        let lead = lead.min(size);
        let opener = Opener::<Preferred>::new(&ikm(), AAD, size, lead, start..end).unwrap();
        let kept = if start < end && start >= FIRST_PLAIN_LEN as u64 { lead as usize } else { 0 };
        let wanted = asked(&opener, &sealed);
        let expected = [&plain[..kept], &plain[start as usize..end as usize]].concat();
        prop_assert!(open_in(opener, &wanted, push).unwrap() == expected);
    }

    #[test]
    fn any_flipped_bit_fails(size in prop_oneof![0..400u64, 60_000..140_000u64], at: prop::sample::Index, bit in 0..8) {
        let mut sealed = seal(&pattern(size));
        let at = at.index(sealed.len());
        sealed[at] ^= 1u8 << bit;
        prop_assert_eq!(open(&sealed, size), Err(Error::Authentication));
    }

    #[test]
    fn any_truncation_fails(size in 0..200_000u64, at: prop::sample::Index) {
        let sealed = seal(&pattern(size));
        let cut = &sealed[..at.index(sealed.len())];
        prop_assert_eq!(open(cut, size), Err(Error::Authentication));
        if let Some(shorter) = plain_size(cut.len() as u64) {
            prop_assert_eq!(open(cut, shorter), Err(Error::Authentication));
        }
    }

    #[test]
    fn backends_and_chunkings_write_identical_bytes(
        ikm: [u8; 32], aad in prop::collection::vec(any::<u8>(), 0..64), salt: [u8; 32], prefix: [u8; 7],
        size in prop_oneof![0..400u64, 65_400..65_600u64, 0..200_000u64], a in 1usize..100_000, b in 1usize..200_000,
    ) {
        let plain = pattern(size);
        let fast = seal_in(Sealer::<Preferred>::with_header(&ikm, &aad, &salt, &prefix), &plain, a);
        let portable = seal_in(Sealer::<Portable>::with_header(&ikm, &aad, &salt, &prefix), &plain, b);
        prop_assert!(fast == portable);
        let opener = Opener::<Portable>::new(&ikm, &aad, size, 0, 0..size).unwrap();
        prop_assert!(open_in(opener, &fast, b).unwrap() == plain);
        prop_assert_eq!(fast.len(), 40 + plain.len() + TAG_LEN * fast.len().div_ceil(SEGMENT_LEN));
    }
}
