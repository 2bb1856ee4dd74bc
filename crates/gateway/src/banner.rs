//! What a person sees at the start.
#![allow(clippy::print_stdout)] // standard output is where `arqueta serve` speaks to its user

use std::net::SocketAddr;

use arqueta_model::Region;

/// Addresses, and what to paste.
#[derive(Debug)]
pub struct Banner<'a> {
    /// S3 port.
    pub listen: SocketAddr,
    /// Whether it speaks TLS.
    pub secure: bool,
    /// Administration port.
    pub admin: SocketAddr,
    /// Region.
    pub region: &'a Region,
}

impl Banner<'_> {
    /// Prints the addresses, and root credentials where they are new.
    pub fn print(&self, created: Option<&NewCredentials>) {
        let url = format!("{}://{}", if self.secure { "https" } else { "http" }, self.listen);
        if let Some(NewCredentials { access_key_id, secret_access_key }) = created {
            println!("Root credentials were created. They are shown this once; keep them.");
            println!();
            println!("export AWS_ENDPOINT_URL={url}");
            println!("export AWS_ACCESS_KEY_ID={access_key_id} AWS_SECRET_ACCESS_KEY={}", **secret_access_key);
            println!("export AWS_DEFAULT_REGION={}", self.region);
            println!();
        }
        println!("listening on {url}");
        println!("administration on http://{}", self.admin);
    }
}

/// Root credentials that were just created.
pub struct NewCredentials {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key; printed once and wiped with this value.
    pub secret_access_key: zeroize::Zeroizing<String>,
}
