//! Runs the contract of key holders against a real service; exits with an error where it breaks.
//!
//! `holder-contract aws <endpoint> <region> <access key id> <file with the secret>`
//! `holder-contract vault <address> <mount> <file with the token>`
#![allow(clippy::print_stdout, clippy::print_stderr)] // a tool for people and suites

use std::sync::Arc;
use std::time::Duration;

use arqueta_kms::testing::holder_contract;
use arqueta_model::SystemClock;
use arqueta_remote::{AwsHolder, AwsSettings, Guarded, Limits, VaultHolder, VaultSettings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (connect, limits, clock) = (Duration::from_secs(2), Limits::default(), Arc::new(SystemClock));
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["aws", endpoint, region, access_key_id, secret] => {
            let settings = AwsSettings {
                endpoint: Some(endpoint.to_owned()),
                region: region.to_owned(),
                access_key_id: access_key_id.to_owned(),
                secret_access_key_file: secret.into(),
                session_token_file: None,
                ca: None,
                connect,
            };
            let holder = AwsHolder::new(&settings, clock.clone())?;
            holder_contract(&Guarded::new(holder, clock, limits)).await;
        }
        ["vault", address, mount, token] => {
            let settings = VaultSettings {
                address: address.to_owned(),
                mount: mount.to_owned(),
                namespace: None,
                token_file: token.into(),
                ca: None,
                connect,
            };
            holder_contract(&Guarded::new(VaultHolder::new(&settings)?, clock, limits)).await;
        }
        _ => return Err("aws <endpoint> <region> <access key id> <file>, or vault <address> <mount> <file>".into()),
    }
    println!("the contract holds");
    Ok(())
}
