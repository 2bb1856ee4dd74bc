//! Conditional requests: RFC 9110 section 13 as S3 applies it.

use arqueta_model::Timestamp;

use crate::api::{Conditions, DeleteConditions, IfRange};
use crate::{Condition, Error};

/// What conditions are held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub etag: &'a str,
    pub size: u64,
    pub last_modified: Timestamp,
}

/// Whether a range may be answered with a part: it may unless `If-Range` names another object.
pub(crate) fn permits_part(condition: Option<&IfRange>, subject: Subject<'_>) -> bool {
    match condition {
        None => true,
        Some(IfRange::Etag(etag)) => etag == subject.etag,
        Some(IfRange::LastModified(at)) => at.seconds() == subject.last_modified.seconds(),
        Some(IfRange::Never) => false,
    }
}

/// Conditions of a read at `now`. Entity tags outweigh dates.
pub(crate) fn of_read(conditions: &Conditions, subject: Subject<'_>, now: Timestamp) -> Result<(), Error> {
    match first_failing(conditions, subject, now) {
        None => Ok(()),
        Some(Condition::IfNoneMatch | Condition::IfModifiedSince) => {
            Err(Error::NotModified { etag: subject.etag.to_owned(), last_modified: subject.last_modified })
        }
        Some(condition) => Err(Error::PreconditionFailed { condition }),
    }
}

/// Conditions on the source of a copy at `now`: all failures are alike.
pub(crate) fn of_source(conditions: &Conditions, subject: Subject<'_>, now: Timestamp) -> Result<(), Error> {
    let Some(failing) = first_failing(conditions, subject, now) else { return Ok(()) };
    let condition = match failing {
        Condition::IfMatch => Condition::SourceIfMatch,
        Condition::IfNoneMatch => Condition::SourceIfNoneMatch,
        Condition::IfModifiedSince => Condition::SourceIfModifiedSince,
        _ => Condition::SourceIfUnmodifiedSince,
    };
    Err(Error::PreconditionFailed { condition })
}

/// Conditions of a write against the current object, `None` if there is none or a delete marker.
pub(crate) fn of_write(conditions: &Conditions, current: Option<Subject<'_>>) -> Result<(), Error> {
    if let Some(wanted) = &conditions.if_match {
        let subject = current.ok_or(Error::NoSuchKey { delete_marker: None })?;
        if !wanted.covers(subject.etag) {
            return Err(Error::PreconditionFailed { condition: Condition::IfMatch });
        }
    }
    match (&conditions.if_none_match, current) {
        (Some(unwanted), Some(subject)) if unwanted.covers(subject.etag) => {
            Err(Error::PreconditionFailed { condition: Condition::IfNoneMatch })
        }
        _ => Ok(()),
    }
}

/// Conditions of a delete against an object that exists.
pub(crate) fn of_delete(conditions: &DeleteConditions, subject: Subject<'_>) -> Result<(), Error> {
    let failed = |condition| Err(Error::PreconditionFailed { condition });
    if conditions.if_match.as_ref().is_some_and(|wanted| !wanted.covers(subject.etag)) {
        return failed(Condition::IfMatch);
    }
    if conditions.size.is_some_and(|size| size != subject.size) {
        return failed(Condition::IfMatchSize);
    }
    if conditions.last_modified.is_some_and(|at| at.seconds() != subject.last_modified.seconds()) {
        return failed(Condition::IfMatchLastModified);
    }
    Ok(())
}

/// RFC 9110 section 13.2.2, to the second. A date that has not come yet is as good as none.
fn first_failing(conditions: &Conditions, subject: Subject<'_>, now: Timestamp) -> Option<Condition> {
    let changed_after = |at: Timestamp| subject.last_modified.seconds() > at.seconds();
    let come = |date: Option<Timestamp>| date.filter(|at| at.seconds() <= now.seconds());
    match (&conditions.if_match, come(conditions.if_unmodified_since)) {
        (Some(wanted), _) if !wanted.covers(subject.etag) => return Some(Condition::IfMatch),
        (None, Some(at)) if changed_after(at) => return Some(Condition::IfUnmodifiedSince),
        _ => {}
    }
    match (&conditions.if_none_match, come(conditions.if_modified_since)) {
        (Some(unwanted), _) if unwanted.covers(subject.etag) => Some(Condition::IfNoneMatch),
        (None, Some(at)) if !changed_after(at) => Some(Condition::IfModifiedSince),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::EtagCondition;

    const NOW: Timestamp = Timestamp::from_millis(20_500);
    const AT: Timestamp = Timestamp::from_millis(10_500);
    const SUBJECT: Subject<'_> = Subject { etag: "a", size: 3, last_modified: AT };

    fn tag(etag: &str) -> Option<EtagCondition> {
        Some(EtagCondition::OneOf(vec![etag.to_owned()]))
    }

    /// (If-Match, If-None-Match, If-Unmodified-Since, If-Modified-Since) → outcome.
    fn read(
        tags: (Option<EtagCondition>, Option<EtagCondition>),
        unmodified: Option<i64>,
        modified: Option<i64>,
    ) -> &'static str {
        let conditions = Conditions {
            if_match: tags.0,
            if_none_match: tags.1,
            if_unmodified_since: unmodified.map(Timestamp::from_millis),
            if_modified_since: modified.map(Timestamp::from_millis),
            seen: None,
        };
        match of_read(&conditions, SUBJECT, NOW) {
            Ok(()) => "ok",
            Err(Error::NotModified { .. }) => "not modified",
            Err(Error::PreconditionFailed { .. }) => "failed",
            Err(_) => "other",
        }
    }

    #[test]
    fn reads_by_the_table_of_get_object() {
        assert_eq!(read((None, None), None, None), "ok");
        assert_eq!(read((tag("a"), None), None, None), "ok");
        assert_eq!(read((tag("b"), None), None, None), "failed");
        assert_eq!(read((None, tag("a")), None, None), "not modified");
        assert_eq!(read((None, tag("b")), None, None), "ok");
        assert_eq!(read((None, None), Some(9_000), None), "failed");
        assert_eq!(read((None, None), Some(10_000), None), "ok", "dates count in seconds");
        assert_eq!(read((None, None), None, Some(10_000)), "not modified");
        assert_eq!(read((None, None), None, Some(9_999)), "ok");
        assert_eq!(read((None, None), None, Some(20_000)), "not modified");
        assert_eq!(read((None, None), None, Some(21_000)), "ok", "a date in the future is ignored");
        // S3: If-Match true outweighs If-Unmodified-Since false, If-None-Match false outweighs
        // If-Modified-Since true.
        assert_eq!(read((tag("a"), None), Some(0), None), "ok");
        assert_eq!(read((None, tag("a")), None, Some(0)), "not modified");
        assert_eq!(read((None, Some(EtagCondition::Any)), None, None), "not modified");
    }

    #[test]
    fn a_part_is_of_the_object_that_the_reader_has() {
        assert!(permits_part(None, SUBJECT));
        assert!(permits_part(Some(&IfRange::Etag("a".to_owned())), SUBJECT));
        assert!(permits_part(Some(&IfRange::LastModified(Timestamp::from_millis(10_000))), SUBJECT));
        for other in [
            IfRange::Etag("b".to_owned()),
            IfRange::LastModified(Timestamp::from_millis(9_000)),
            IfRange::LastModified(Timestamp::from_millis(11_000)),
            IfRange::Never,
        ] {
            assert!(!permits_part(Some(&other), SUBJECT), "{other:?}");
        }
    }

    #[test]
    fn writes_that_must_not_replace() {
        let none_match = Conditions { if_none_match: Some(EtagCondition::Any), ..Conditions::default() };
        assert!(of_write(&none_match, None).is_ok());
        assert!(matches!(
            of_write(&none_match, Some(SUBJECT)),
            Err(Error::PreconditionFailed { condition: Condition::IfNoneMatch })
        ));
        let matching = Conditions { if_match: tag("b"), ..Conditions::default() };
        assert!(matches!(of_write(&matching, None), Err(Error::NoSuchKey { .. })));
        assert!(matches!(
            of_write(&matching, Some(SUBJECT)),
            Err(Error::PreconditionFailed { condition: Condition::IfMatch })
        ));
    }

    #[test]
    fn deletes_by_tag_size_and_time() {
        let ok = DeleteConditions {
            if_match: tag("a"),
            size: Some(3),
            last_modified: Some(Timestamp::from_millis(10_000)),
            seen: None,
        };
        assert!(of_delete(&ok, SUBJECT).is_ok());
        for bad in [
            DeleteConditions { if_match: tag("b"), ..ok.clone() },
            DeleteConditions { size: Some(4), ..ok.clone() },
            DeleteConditions { last_modified: Some(Timestamp::from_millis(11_000)), ..ok.clone() },
        ] {
            assert!(matches!(of_delete(&bad, SUBJECT), Err(Error::PreconditionFailed { .. })), "{bad:?}");
        }
    }
}
