//! The two buckets of `diff` and `import`: where they are and who asks.

use std::path::PathBuf;

use arqueta_client::{Chosen, Endpoint, Place};
use clap::Args;

use crate::Error;

/// Where the two sides are and who asks them.
///
/// Credentials are, for each side: those of its profile; `ARQUETA_SOURCE_ACCESS_KEY_ID`,
/// `ARQUETA_SOURCE_SECRET_ACCESS_KEY` and `ARQUETA_SOURCE_SESSION_TOKEN`, or the same with `DESTINATION`;
/// `AWS_ACCESS_KEY_ID` and its sisters; the default profile.
#[derive(Debug, Clone, Default, Args)]
pub struct SidesArgs {
    /// Address of both endpoints [default: that of the profile, then `AWS_ENDPOINT_URL`, then AWS's own]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Address of the source's endpoint.
    #[arg(long, value_name = "URL")]
    source_endpoint: Option<String>,
    /// Address of the destination's endpoint.
    #[arg(long, value_name = "URL")]
    destination_endpoint: Option<String>,

    /// Profile of AWS's configuration files, for both sides.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The source's profile; `NAME:bucket` says the same.
    #[arg(long, value_name = "NAME")]
    source_profile: Option<String>,
    /// The destination's profile; `NAME:bucket` says the same.
    #[arg(long, value_name = "NAME")]
    destination_profile: Option<String>,

    /// Region to sign for, on both sides [default: that of the profile, then us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The source's Region.
    #[arg(long, value_name = "REGION")]
    source_region: Option<String>,
    /// The destination's Region.
    #[arg(long, value_name = "REGION")]
    destination_region: Option<String>,

    /// PEM file of the certificate authority of both, in place of the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Buckets stand in the host name and not in the path. AWS's own endpoints are always asked so.
    #[arg(long)]
    virtual_hosts: bool,
}

impl SidesArgs {
    /// The source's endpoint.
    pub(super) async fn source(&self, place: &Place) -> Result<Endpoint, Error> {
        let of = (&self.source_endpoint, &self.source_profile, &self.source_region);
        self.find("source", place.endpoint.as_ref(), of).await
    }

    /// The destination's endpoint.
    pub(super) async fn destination(&self, place: &Place) -> Result<Endpoint, Error> {
        let of = (&self.destination_endpoint, &self.destination_profile, &self.destination_region);
        self.find("destination", place.endpoint.as_ref(), of).await
    }

    async fn find(
        &self,
        side: &'static str,
        named: Option<&String>,
        (url, profile, region): (&Option<String>, &Option<String>, &Option<String>),
    ) -> Result<Endpoint, Error> {
        let chosen = Chosen {
            url: url.clone().or_else(|| self.endpoint.clone()),
            region: region.clone().or_else(|| self.region.clone()),
            profile: named.or(profile.as_ref()).or(self.profile.as_ref()).cloned(),
            ca: self.ca.clone(),
            virtual_hosts: self.virtual_hosts,
        };
        Endpoint::find(side, &chosen).await.map_err(Error::open("endpoint"))
    }
}
