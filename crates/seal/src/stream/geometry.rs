//! Where the bytes of a stream lie (F-11, F-15).

use std::ops::Range;

use crate::aead::TAG_LEN;

use super::{PREFIX_LEN, SALT_LEN};

/// Sealed bytes of a full segment; the first one includes the header.
pub const SEGMENT_LEN: usize = 64 * 1024;

/// Bytes of a stream's header: its own length, salt, nonce prefix.
pub const HEADER_LEN: usize = 1 + SALT_LEN + PREFIX_LEN;

/// Plaintext of a full segment.
pub(super) const PLAIN_LEN: usize = SEGMENT_LEN - TAG_LEN;

/// Plaintext of a full first segment.
pub(super) const FIRST_PLAIN_LEN: usize = PLAIN_LEN - HEADER_LEN;

/// The largest plaintext: the segment number is a u32 (F-16). 256 TiB less 64 GiB and 40 bytes.
pub const MAX_PLAIN: u64 = (u32::MAX as u64 + 1) * PLAIN_LEN as u64 - HEADER_LEN as u64;

/// Size of a stream that holds `plain` bytes. Saturates beyond [`MAX_PLAIN`].
#[must_use]
pub const fn sealed_size(plain: u64) -> u64 {
    let segments = last_segment(plain).saturating_add(1);
    plain.saturating_add(HEADER_LEN as u64).saturating_add(segments.saturating_mul(TAG_LEN as u64))
}

/// Size of the plaintext in a stream of `sealed` bytes; `None` if no stream has that size.
#[must_use]
pub const fn plain_size(sealed: u64) -> Option<u64> {
    let segments = sealed.div_ceil(SEGMENT_LEN as u64);
    match sealed.checked_sub(HEADER_LEN as u64 + segments * TAG_LEN as u64) {
        Some(plain) if plain <= MAX_PLAIN && sealed_size(plain) == sealed => Some(plain),
        _ => None,
    }
}

/// Number of the segment that holds plaintext byte `at`.
pub(super) const fn segment_of(at: u64) -> u64 {
    at.saturating_add(HEADER_LEN as u64) / PLAIN_LEN as u64
}

/// Number of the last segment of a plaintext of `plain` bytes.
pub(super) const fn last_segment(plain: u64) -> u64 {
    segment_of(plain.saturating_sub(1))
}

/// The plaintext bytes that segment `segment` of a plaintext of `plain` bytes holds.
pub(super) fn plain_of(segment: u64, plain: u64) -> Range<u64> {
    let start = (segment * PLAIN_LEN as u64).saturating_sub(HEADER_LEN as u64);
    let end = ((segment + 1) * PLAIN_LEN as u64 - HEADER_LEN as u64).min(plain);
    start..end
}

/// The sealed bytes of segments `first..=last` of a plaintext of `plain` bytes, the header
/// included where `first` is 0.
pub(super) fn sealed_of(first: u64, last: u64, plain: u64) -> Range<u64> {
    let start = first * SEGMENT_LEN as u64;
    let end = ((last + 1) * SEGMENT_LEN as u64).min(sealed_size(plain));
    start..end
}
