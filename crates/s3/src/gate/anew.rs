//! Decisions made again, because what they were made on was replaced.

use arqueta_call::{Action, S3};
use arqueta_engine::api::ObjectName;
use arqueta_engine::record::BucketRecord;
use http::{HeaderMap, Uri};
use s3s::S3Result;

use super::{About, Gate, Question};
use crate::condition;
use crate::error;
use crate::exchange::Exchange;
use crate::sightings::{Decided, Seen};

impl Gate {
    /// Makes the decisions about a request again, because what they were made on is no longer what is there.
    ///
    /// # Errors
    /// As [`Gate::decide_object`].
    pub async fn decide_anew(&self, exchange: &Exchange, headers: &HeaderMap, uri: &Uri) -> S3Result<()> {
        let mut plain = self.keys(exchange, headers, uri, exchange.signing());
        if let Some(operation) = exchange.operation().and_then(|row| S3::served(row.name)) {
            condition::of_operation(&mut plain, operation);
        }
        for Decided { action, resource, name, of_source, told, if_tagged } in exchange.sightings().take() {
            let mut keys = match of_source {
                true => condition::of_source(&plain, name.version),
                false => plain.clone(),
            };
            for (key, value) in &told {
                keys.insert(key, value.as_str());
            }
            let bucket = self.bucket(name.bucket.as_str()).await?;
            let about = About { name: Some(&name), of_source, told: &told };
            let question = Question { exchange, keys: &keys };
            match if_tagged {
                Some(source) => {
                    self.decide_if_tagged(question, action, &resource, bucket.as_deref(), (about, &source)).await?;
                }
                None => self.decide_object(question, action, &resource, bucket.as_deref(), about).await?,
            }
        }
        Ok(())
    }

    /// As [`Gate::decide_object`] where `source` has tags, which is what the request is then decided on.
    ///
    /// # Errors
    /// As [`Gate::decide_object`].
    pub async fn decide_if_tagged(
        &self,
        question: Question<'_>,
        action: Action,
        resource: &str,
        bucket: Option<&BucketRecord>,
        (about, source): (About<'_>, &ObjectName),
    ) -> S3Result<()> {
        let Some(name) = about.name else { return Ok(()) };
        let is_tagged = !self.see(question.exchange, source).await?.tags.is_empty();
        question.exchange.sightings().decided(Decided {
            action,
            resource: resource.to_owned(),
            name: name.clone(),
            of_source: about.of_source,
            told: about.told.to_vec(),
            if_tagged: Some(source.clone()),
        });
        if is_tagged { self.weigh_object(question, action, resource, bucket, Some(name)).await } else { Ok(()) }
    }

    /// The object as the decisions about this request see it: as it was when the first of them asked.
    pub(super) async fn see(&self, exchange: &Exchange, name: &ObjectName) -> S3Result<Seen> {
        if let Some(seen) = exchange.sightings().of(name) {
            return Ok(seen);
        }
        let (tags, sighting) = self.engine.objects().sight(name).await.map_err(|failure| error::of_engine(&failure))?;
        let seen = Seen { tags, sighting };
        exchange.sightings().keep(name, seen.clone());
        Ok(seen)
    }
}
