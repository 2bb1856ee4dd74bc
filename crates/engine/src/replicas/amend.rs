//! Changes that follow those of a source: tags, retention, legal holds.

use super::Replicas;
use crate::Error;
use crate::api::{AmendReplica, Conditions};
use crate::notifications::Happening;
use crate::objects::{Objects, permit_change};
use crate::record::Content;

impl Replicas<'_> {
    /// Changes a version as its source was changed. Repeated, it comes to the same.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::NoSuchVersion`], [`Error::MethodNotAllowed`] for a delete marker;
    /// [`Error::NoObjectLockConfiguration`] for a lock where there is none; [`Error::ObjectLocked`] for
    /// retention that would be weaker than what is in force here.
    pub async fn amend(self, input: AmendReplica) -> Result<(), Error> {
        let locks = input.retention.is_some() || input.legal_hold.is_some();
        if locks && self.state.bucket(&input.name.bucket).await?.object_lock.is_none() {
            return Err(Error::NoObjectLockConfiguration);
        }
        // Two buckets that tell each other of changes would never come to an end.
        if self.is_so(&input).await? {
            return Ok(());
        }
        let now = self.state.clock.now();
        let happening = match &input.tags {
            None => None,
            Some(tags) if tags.is_empty() => Some(Happening::TagsDeleted),
            Some(_) => Some(Happening::TagsPut),
        };
        let change = |content: &mut Content| {
            if let Some(retention) = input.retention {
                permit_change(content.retention, retention, false, now)?;
                content.retention = retention;
            }
            if let Some(tags) = &input.tags {
                content.tags = tags.clone();
            }
            content.legal_hold = input.legal_hold.or(content.legal_hold);
            Ok(())
        };
        let unconditional = Conditions::default();
        Objects::over(self.state).changed(&input.name, &unconditional, (happening, false), change).await.map(drop)
    }

    /// Whether the version is already as it is to be.
    async fn is_so(self, input: &AmendReplica) -> Result<bool, Error> {
        let reading = Objects::over(self.state).itself(&input.name).await?;
        let content = reading.content();
        Ok(input.tags.as_ref().is_none_or(|tags| *tags == content.tags)
            && input.retention.is_none_or(|retention| retention == content.retention)
            && input.legal_hold.is_none_or(|hold| Some(hold) == content.legal_hold))
    }
}
