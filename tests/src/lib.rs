//! Harness of the Rust end-to-end suites: the real binary on a free loopback port.
//!
//! The binary is the one that `ARQUETA_BIN` names, or the one cargo built beside this test.

pub mod sdk;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Root credentials that the harness gives every gateway it starts.
pub const ACCESS_KEY: &str = "AKIAARQUETATESTROOT1";
/// Its secret.
pub const SECRET_KEY: &str = "arqueta/test/secret/not/for/production/01";

/// A running gateway. Dropping it kills the process.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    /// `http://127.0.0.1:<port>` of the S3 port.
    pub url: String,
    /// The same for the administration port.
    pub admin_url: String,
}

impl Gateway {
    /// Starts the gateway on `data` and returns once it serves.
    ///
    /// # Panics
    /// If the binary is missing or does not say its addresses: a test cannot go on then.
    #[must_use]
    pub fn start(data: &Path, options: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .arg("serve")
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(data)
            .args(options)
            .env("ARQUETA_ROOT_ACCESS_KEY_ID", ACCESS_KEY)
            .env("ARQUETA_ROOT_SECRET_ACCESS_KEY", SECRET_KEY)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the gateway's binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (mut url, mut admin_url) = (None, None);
        while url.is_none() || admin_url.is_none() {
            let mut line = String::new();
            let read = lines.read_line(&mut line).expect("the gateway's stdout is text");
            assert!(read > 0, "the gateway ended before it served");
            if let Some(found) = line.trim().strip_prefix("listening on ") {
                url = Some(found.to_owned());
            } else if let Some(found) = line.trim().strip_prefix("administration on ") {
                admin_url = Some(found.to_owned());
            }
        }
        // Keeps the pipe empty, so that the gateway never waits for us.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        Self { child, url: url.expect("loop ended"), admin_url: admin_url.expect("loop ended") }
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, then waits for the process to be gone.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // An error means it is gone already, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.end();
    }
}

/// The binary under test.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("ARQUETA_BIN") {
        return named.into();
    }
    // tests/…/target/<profile>/deps/<test> → target/<profile>/arqueta
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test.parent().and_then(Path::parent).expect("cargo's layout");
    let binary = profile.join("arqueta");
    assert!(binary.exists(), "build the gateway first (tests/run does): {}", binary.display());
    binary
}
