//! Settings of buckets: those that both sides know.

use arqueta_client::{Error, refusal, versioning};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus, CorsConfiguration,
    CreateBucketConfiguration, ObjectLockConfiguration, ObjectLockEnabled, OwnershipControls, ServerSideEncryption,
    ServerSideEncryptionConfiguration, Tagging, VersioningConfiguration, WebsiteConfiguration,
};

use crate::told::Told;

/// One bucket on both sides.
pub(crate) struct Settings<'a> {
    pub(crate) source: (&'a Client, &'a str),
    pub(crate) destination: (&'a Client, &'a str),
    /// The key at the destination for what is under a key of KMS at the source.
    pub(crate) kms_key: Option<&'a str>,
    /// Region of the destination, where buckets are made with it.
    pub(crate) region: &'a str,
    /// Whether nothing is changed.
    pub(crate) is_dry: bool,
}

/// What the source has not set, has no operation for, or does not let the asker see.
enum Found<T> {
    Set(T),
    None,
    Hidden(String),
}

fn found<T>(asked: Result<T, Error>) -> Found<T> {
    match asked {
        Ok(value) => Found::Set(value),
        Err(error) if error.is_absent() || error.is_unserved() => Found::None,
        Err(error) => Found::Hidden(error.to_string()),
    }
}

/// Asks the source, tells the destination, says what came of it.
macro_rules! carry {
    ($self:ident, $told:ident, $what:literal, $get:ident, $put:ident, |$said:ident| $value:expr, |$call:ident, $config:ident| $with:expr) => {
        let asked = $self.source.0.$get().bucket($self.source.1).send().await;
        match found(asked.map_err(|error| refusal($what, error))) {
            Found::None => {}
            Found::Hidden(why) => $told.push(Told::SettingLeft { what: $what, why }),
            Found::Set($said) => {
                if let Some($config) = $value {
                    let $call = $self.destination.0.$put().bucket($self.destination.1);
                    let call = $with;
                    let put = if $self.is_dry { Ok(()) } else { call.send().await.map(|_| ()) };
                    $told.push(done($what, put.map_err(|error| refusal($what, error))));
                }
            }
        }
    };
}

fn done(what: &'static str, put: Result<(), Error>) -> Told {
    match put {
        Ok(()) => Told::Setting { what },
        Err(error) => Told::SettingLeft { what, why: error.to_string() },
    }
}

/// How the source keeps versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versioning {
    Never,
    Enabled,
    Suspended,
}

impl Settings<'_> {
    /// How the source keeps versions; one that has no such call keeps none.
    pub(crate) async fn versioning(&self) -> Result<Versioning, Error> {
        let (client, bucket) = self.source;
        Ok(match versioning(client, bucket).await?.as_deref() {
            None => Versioning::Never,
            Some("Suspended") => Versioning::Suspended,
            // What says something else keeps them, too, as far as anybody knows.
            Some(_) => Versioning::Enabled,
        })
    }

    /// Whether there is a bucket at the destination.
    pub(crate) async fn is_there(&self) -> Result<bool, Error> {
        let asked = self.destination.0.head_bucket().bucket(self.destination.1).send().await;
        match asked.map_err(|error| refusal("HeadBucket", error)) {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn lock(&self) -> Found<ObjectLockConfiguration> {
        let asked = self.source.0.get_object_lock_configuration().bucket(self.source.1).send().await;
        let asked = asked.map_err(|error| refusal("object lock", error));
        match found(asked) {
            Found::Set(said) => said.object_lock_configuration.map_or(Found::None, Found::Set),
            // MinIO and others say so with a refusal.
            Found::Hidden(why) if why.contains("ObjectLock") => Found::None,
            Found::None => Found::None,
            Found::Hidden(why) => Found::Hidden(why),
        }
    }

    /// Makes the bucket where there is none, and gives it what its objects are to find there.
    pub(crate) async fn begin(&self, versioning: Versioning) -> Result<Vec<Told>, Error> {
        let mut told = Vec::new();
        if !self.is_there().await? {
            told.push(Told::Setting { what: "bucket" });
            if !self.is_dry {
                let has_lock = matches!(self.lock().await, Found::Set(_));
                let place = BucketLocationConstraint::from(self.region);
                let place = CreateBucketConfiguration::builder().location_constraint(place).build();
                let call = self.destination.0.create_bucket().bucket(self.destination.1);
                let call = call.set_create_bucket_configuration(Some(place).filter(|_| self.region != "us-east-1"));
                let made = call.object_lock_enabled_for_bucket(has_lock).send().await;
                made.map_err(|error| refusal("CreateBucket", error))?;
            }
        }
        if versioning != Versioning::Never {
            // Also where it is suspended: each version is to be one of its own while they come.
            told.push(done("versioning", self.put_versioning(BucketVersioningStatus::Enabled).await));
        }
        self.encryption(&mut told).await;
        carry!(
            self,
            told,
            "tags",
            get_bucket_tagging,
            put_bucket_tagging,
            |said| tagging(said.tag_set),
            |call, config| call.tagging(config)
        );
        carry!(self, told, "CORS", get_bucket_cors, put_bucket_cors, |said| cors(said.cors_rules), |call, config| call
            .cors_configuration(config));
        carry!(
            self,
            told,
            "ownership controls",
            get_bucket_ownership_controls,
            put_bucket_ownership_controls,
            |said| ownership(said.ownership_controls),
            |call, config| call.ownership_controls(config)
        );
        carry!(
            self,
            told,
            "public access block",
            get_public_access_block,
            put_public_access_block,
            |said| said.public_access_block_configuration,
            |call, config| call.public_access_block_configuration(config)
        );
        self.reported(&mut told).await;
        Ok(told)
    }

    /// Gives the bucket what must not come before its objects: a default retention would lock those that have
    /// none, rules would expire them, a policy could keep the rest out.
    pub(crate) async fn finish(&self, versioning: Versioning) -> Vec<Told> {
        let mut told = Vec::new();
        if versioning == Versioning::Suspended {
            told.push(done("versioning", self.put_versioning(BucketVersioningStatus::Suspended).await));
        }
        match self.lock().await {
            Found::None => {}
            Found::Hidden(why) => told.push(Told::SettingLeft { what: "object lock", why }),
            Found::Set(config)
                if config.rule.is_none() && config.object_lock_enabled == Some(ObjectLockEnabled::Enabled) => {}
            Found::Set(config) => {
                let call = self.destination.0.put_object_lock_configuration().bucket(self.destination.1);
                let call = call.object_lock_configuration(config);
                let put = if self.is_dry { Ok(()) } else { call.send().await.map(|_| ()) };
                told.push(done("object lock", put.map_err(|error| refusal("object lock", error))));
            }
        }
        carry!(
            self,
            told,
            "lifecycle",
            get_bucket_lifecycle_configuration,
            put_bucket_lifecycle_configuration,
            |said| lifecycle(said.rules),
            |call, config| call.lifecycle_configuration(config)
        );
        carry!(self, told, "website", get_bucket_website, put_bucket_website, |said| website(said), |call, config| {
            call.website_configuration(config)
        });
        let (here, there) = (self.source.1, self.destination.1);
        carry!(
            self,
            told,
            "policy",
            get_bucket_policy,
            put_bucket_policy,
            |said| said.policy.map(|policy| renamed(&policy, here, there)),
            |call, config| call.policy(config)
        );
        told
    }

    async fn put_versioning(&self, status: BucketVersioningStatus) -> Result<(), Error> {
        if self.is_dry {
            return Ok(());
        }
        let config = VersioningConfiguration::builder().status(status).build();
        let call = self.destination.0.put_bucket_versioning().bucket(self.destination.1);
        let put = call.versioning_configuration(config).send().await;
        put.map(|_| ()).map_err(|error| refusal("PutBucketVersioning", error))
    }

    /// The keys' names are the source's own: here it is the key that was chosen, or the destination's own for S3.
    async fn encryption(&self, told: &mut Vec<Told>) {
        let what = "default encryption";
        let asked = self.source.0.get_bucket_encryption().bucket(self.source.1).send().await;
        let config = match found(asked.map_err(|error| refusal("default encryption", error))) {
            Found::Set(said) => said.server_side_encryption_configuration,
            Found::None => None,
            Found::Hidden(why) => return told.push(Told::SettingLeft { what, why }),
        };
        let Some(config) = config else { return };
        let config = under(config, self.kms_key);
        let call = self.destination.0.put_bucket_encryption().bucket(self.destination.1);
        let call = call.server_side_encryption_configuration(config);
        let put = if self.is_dry { Ok(()) } else { call.send().await.map(|_| ()) };
        told.push(done(what, put.map_err(|error| refusal("default encryption", error))));
    }

    /// What names things beside the bucket, and so is for people to set.
    async fn reported(&self, told: &mut Vec<Told>) {
        let left = |what: &'static str| Told::SettingLeft {
            what,
            why: "it names others than this bucket: set it at the destination by hand".to_owned(),
        };
        let events = self.source.0.get_bucket_notification_configuration().bucket(self.source.1).send().await;
        let has_events = events.is_ok_and(|said| {
            [
                said.queue_configurations.is_some_and(|all| !all.is_empty()),
                said.topic_configurations.is_some_and(|all| !all.is_empty()),
                said.lambda_function_configurations.is_some_and(|all| !all.is_empty()),
            ]
            .contains(&true)
        });
        if has_events {
            told.push(left("notifications"));
        }
        let replication = self.source.0.get_bucket_replication().bucket(self.source.1).send().await;
        if replication.is_ok_and(|said| said.replication_configuration.is_some()) {
            told.push(left("replication"));
        }
        let logging = self.source.0.get_bucket_logging().bucket(self.source.1).send().await;
        if logging.is_ok_and(|said| said.logging_enabled.is_some()) {
            told.push(left("access logging"));
        }
    }
}

fn under(mut config: ServerSideEncryptionConfiguration, kms_key: Option<&str>) -> ServerSideEncryptionConfiguration {
    for rule in &mut config.rules {
        let Some(default) = &mut rule.apply_server_side_encryption_by_default else { continue };
        if default.sse_algorithm != ServerSideEncryption::Aes256 {
            default.kms_master_key_id = kms_key.map(str::to_owned);
        }
    }
    config
}

/// The policy with the bucket's new name, where it has one.
fn renamed(policy: &str, here: &str, there: &str) -> String {
    if here == there {
        return policy.to_owned();
    }
    let arn = |name: &str, end: &str| format!("arn:aws:s3:::{name}{end}");
    policy
        .replace(&arn(here, "\""), &arn(there, "\""))
        .replace(&arn(here, "/"), &arn(there, "/"))
        .replace(&arn(here, "*"), &arn(there, "*"))
}

fn tagging(tags: Vec<aws_sdk_s3::types::Tag>) -> Option<Tagging> {
    (!tags.is_empty()).then(|| Tagging::builder().set_tag_set(Some(tags)).build().ok()).flatten()
}

fn cors(rules: Option<Vec<aws_sdk_s3::types::CorsRule>>) -> Option<CorsConfiguration> {
    let rules = rules.filter(|rules| !rules.is_empty())?;
    CorsConfiguration::builder().set_cors_rules(Some(rules)).build().ok()
}

fn lifecycle(rules: Option<Vec<aws_sdk_s3::types::LifecycleRule>>) -> Option<BucketLifecycleConfiguration> {
    let rules = rules.filter(|rules| !rules.is_empty())?;
    BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().ok()
}

fn ownership(controls: Option<OwnershipControls>) -> Option<OwnershipControls> {
    controls.filter(|controls| !controls.rules.is_empty())
}

fn website(said: aws_sdk_s3::operation::get_bucket_website::GetBucketWebsiteOutput) -> Option<WebsiteConfiguration> {
    let is_set = said.index_document.is_some() || said.redirect_all_requests_to.is_some();
    is_set.then(|| {
        WebsiteConfiguration::builder()
            .set_index_document(said.index_document)
            .set_error_document(said.error_document)
            .set_redirect_all_requests_to(said.redirect_all_requests_to)
            .set_routing_rules(said.routing_rules)
            .build()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_follows_its_bucket() {
        let policy = r#"{"Resource":["arn:aws:s3:::old","arn:aws:s3:::old/*","arn:aws:s3:::older/*"]}"#;
        let expected = r#"{"Resource":["arn:aws:s3:::new","arn:aws:s3:::new/*","arn:aws:s3:::older/*"]}"#;
        assert_eq!(renamed(policy, "old", "new"), expected);
        assert_eq!(renamed(policy, "old", "old"), policy);
    }
}
