//! Where randomness comes from: identifiers and key material alike.

/// Fills `bytes` from the operating system's generator.
///
/// # Panics
/// If that does not work: nothing would be safe then.
pub fn fill(bytes: &mut [u8]) {
    #[cfg(any(test, feature = "testing"))]
    if repeatable::fill(bytes) {
        return;
    }
    getrandom::fill(bytes).expect("the operating system's random generator works, or nothing here is safe");
}

/// Randomness that a simulation can draw again (feature `testing`, never in a release).
#[cfg(any(test, feature = "testing"))]
pub mod repeatable {
    use std::cell::Cell;

    use sha2::{Digest as _, Sha256};

    thread_local! {
        /// The seed, and how often was drawn since.
        static DRAWN: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
    }

    /// From here on this thread draws from `seed`; from the operating system again for `None`.
    pub fn seed(seed: Option<u64>) {
        DRAWN.set(seed.map(|seed| (seed, 0)));
    }

    pub(super) fn fill(bytes: &mut [u8]) -> bool {
        let Some((seed, drawn)) = DRAWN.get() else { return false };
        DRAWN.set(Some((seed, drawn + 1)));
        let drawn = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(drawn.to_be_bytes());
        for (part, chunk) in (0_u64..).zip(bytes.chunks_mut(32)) {
            let digest = drawn.clone().chain_update(part.to_be_bytes()).finalize();
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> [u8; 50] {
        let mut bytes = [0; 50];
        fill(&mut bytes);
        bytes
    }

    #[test]
    fn what_is_drawn_from_a_seed_is_drawn_again() {
        repeatable::seed(Some(7));
        let first = (some(), some());
        assert_ne!(first.0, first.1);
        assert_ne!(first.0[..18], first.0[32..]);
        repeatable::seed(Some(7));
        assert_eq!(first, (some(), some()));
        repeatable::seed(None);
        assert_ne!(some(), first.0);
        assert_ne!(some(), some());
    }
}
