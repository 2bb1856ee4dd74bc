//! The worker alone, for this crate's own tests; the gateway starts itself as one.

fn main() {
    arqueta_hsm::worker::run();
}
