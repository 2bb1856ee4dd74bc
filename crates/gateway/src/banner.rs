//! What a person sees at the start.
#![allow(clippy::print_stdout)] // standard output is where `arqueta serve` speaks to its user

use std::net::SocketAddr;

use arqueta_iam::NewAccessKey;
use arqueta_model::{AccountId, Region};

/// Root credentials that did not exist before this start.
#[derive(Debug)]
pub struct NewRoot {
    /// Whose.
    pub account: AccountId,
    /// The key.
    pub key: NewAccessKey,
}

/// Addresses, and what to paste.
#[derive(Debug)]
pub struct Banner<'a> {
    /// S3 port.
    pub listen: SocketAddr,
    /// Whether it speaks TLS.
    pub secure: bool,
    /// Whether there is a console.
    pub console: bool,
    /// Administration port.
    pub admin: SocketAddr,
    /// Region.
    pub region: &'a Region,
}

impl Banner<'_> {
    /// Prints the addresses, root credentials where they are new, and what is worth a warning.
    pub fn print(&self, created: &[NewRoot], warning: Option<&str>) {
        let url = format!("{}://{}", if self.secure { "https" } else { "http" }, self.listen);
        for NewRoot { account, key } in created {
            println!("Root credentials of account {account} were created. They are shown this once; keep them.");
            println!();
            println!("export AWS_ENDPOINT_URL={url}");
            println!("export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}", key.access_key_id, key.secret.expose());
            println!("export AWS_DEFAULT_REGION={}", self.region);
            println!();
        }
        if let Some(warning) = warning {
            println!("warning: {warning}");
        }
        println!("listening on {url}");
        if self.console {
            println!("console on {url}{}", arqueta_console::PATH);
        }
        println!("administration on http://{}", self.admin);
    }
}
