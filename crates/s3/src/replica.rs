//! What another gateway says that hands a replica over (docs/replication.md, "Between two gateways").
//!
//! Who may send these headers says when something was written, and under which id: they count only where the
//! signature covers them, and need the actions of replication, never those of ordinary writes.

use arqueta_call::Operation;
use arqueta_engine::api::{Checksum, ReplicaParts};
use arqueta_model::{Timestamp, VersionId, replica as headers};
use http::{HeaderMap, HeaderName};
use s3s::{S3Result, s3_error};

use crate::error::invalid_argument;
use crate::signing::Signing;

/// What comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A version with content.
    Put,
    /// A delete marker.
    Mark,
    /// What may change of a version that is there.
    Amend,
}

/// A replica as its headers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// What comes.
    pub kind: Kind,
    /// The version's id.
    pub version: VersionId,
    /// When it was written; the epoch for what is only changed.
    pub last_modified: Timestamp,
    /// Its parts, if it was made of some.
    pub parts: Option<ReplicaParts>,
    /// Its checksum, if it is stated.
    pub checksum: Option<Checksum>,
}

impl Replica {
    /// What a request for `operation` says of a replica; `None` for all that do not.
    ///
    /// # Errors
    /// `AccessDenied` for headers that no signature in the `Authorization` header covers; `InvalidRequest` and
    /// `InvalidArgument` for those that make no sense together.
    pub fn of(operation: &Operation, sent: &HeaderMap, signing: Signing) -> S3Result<Option<Self>> {
        let mut ours = sent.keys().map(HeaderName::as_str).filter(|name| name.starts_with(headers::PREFIX)).peekable();
        if ours.peek().is_none() {
            return Ok(None);
        }
        if signing != Signing::Header {
            return Err(s3_error!(AccessDenied, "Replicas are signed in the Authorization header."));
        }
        if let Some(other) = ours.find(|name| !headers::HEADERS.contains(name)) {
            return Err(s3_error!(InvalidRequest, "{} is no header of a replica.", other));
        }
        let said = Said(sent);
        let kind = match (operation.name, said.text(headers::REPLICA)?) {
            ("PutObject", headers::PUT) => Kind::Put,
            ("PutObject", headers::AMEND) => Kind::Amend,
            ("DeleteObject", headers::MARK) => Kind::Mark,
            (_, other) => {
                return Err(invalid_argument("No replica comes by this operation.", headers::REPLICA, other));
            }
        };
        said.refuse_others(kind)?;
        let version = said.text(headers::VERSION)?;
        let version = version.parse::<VersionId>().map_err(|_| said.invalid(headers::VERSION))?;
        let last_modified = match kind {
            Kind::Amend => Timestamp::from_millis(0),
            Kind::Put | Kind::Mark => said.time()?,
        };
        let parts = said.parts()?;
        let checksum = said.checksum(parts.as_ref())?;
        Ok(Some(Self { kind, version, last_modified, parts, checksum }))
    }
}

/// The headers.
struct Said<'a>(&'a HeaderMap);

impl<'a> Said<'a> {
    fn optional(&self, name: &'static str) -> S3Result<Option<&'a str>> {
        let mut values = self.0.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().map_err(|_| self.invalid(name))).transpose()?;
        match values.next() {
            None => Ok(value),
            Some(_) => Err(s3_error!(InvalidRequest, "The header {} occurs more than once.", name)),
        }
    }

    fn text(&self, name: &'static str) -> S3Result<&'a str> {
        self.optional(name)?.ok_or_else(|| s3_error!(InvalidRequest, "A replica needs the header {}.", name))
    }

    fn invalid(&self, name: &'static str) -> s3s::S3Error {
        let value = self.0.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        invalid_argument("The value is none that a replica can have.", name, value)
    }

    /// Refuses what would be silently without effect.
    fn refuse_others(&self, kind: Kind) -> S3Result<()> {
        let of_put = [headers::PARTS, headers::PART_CHECKSUMS, headers::CHECKSUM];
        let also = [headers::OWNER, headers::LAST_MODIFIED];
        let without: &[&str] = match kind {
            Kind::Put => &[],
            Kind::Mark => &[of_put[0], of_put[1], of_put[2], also[0]],
            Kind::Amend => &[of_put[0], of_put[1], of_put[2], also[0], also[1]],
        };
        let checked = |name: &&str| name.starts_with("x-amz-checksum-") || *name == "x-amz-trailer";
        let conditional = |name: &&str| matches!(*name, "if-match" | "if-none-match" | "x-amz-mfa");
        let mut names = self.0.keys().map(HeaderName::as_str);
        match names.find(|name| without.contains(name) || checked(name) || conditional(name)) {
            Some(name) => Err(s3_error!(InvalidRequest, "A replica does not take the header {} here.", name)),
            None => self.amended(kind),
        }
    }

    /// A change changes something: what it needs is decided by what that is.
    fn amended(&self, kind: Kind) -> S3Result<()> {
        let changes = ["x-amz-tagging", "x-amz-object-lock-mode", "x-amz-object-lock-legal-hold"];
        match kind == Kind::Amend && !changes.iter().any(|name| self.0.contains_key(*name)) {
            true => Err(s3_error!(InvalidRequest, "Nothing of the replica is changed.")),
            false => Ok(()),
        }
    }

    fn time(&self) -> S3Result<Timestamp> {
        let millis = self.text(headers::LAST_MODIFIED)?.parse().map_err(|_| self.invalid(headers::LAST_MODIFIED))?;
        match millis {
            0.. => Ok(Timestamp::from_millis(millis)),
            _ => Err(self.invalid(headers::LAST_MODIFIED)),
        }
    }

    fn parts(&self) -> S3Result<Option<ReplicaParts>> {
        let checksums = match self.optional(headers::PART_CHECKSUMS)? {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(self.invalid(headers::PART_CHECKSUMS)),
        };
        let Some(text) = self.optional(headers::PARTS)? else { return Ok(None) };
        ReplicaParts::parse(text, checksums).map(Some).ok_or_else(|| self.invalid(headers::PARTS))
    }

    fn checksum(&self, parts: Option<&ReplicaParts>) -> S3Result<Option<Checksum>> {
        let count = parts.map_or(0, |parts| u16::try_from(parts.parts.len()).unwrap_or(u16::MAX));
        let Some(text) = self.optional(headers::CHECKSUM)? else { return Ok(None) };
        Checksum::from_named(text, count).map(Some).map_err(|_| self.invalid(headers::CHECKSUM))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arqueta_call::S3;
    use http::HeaderValue;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn read(row: S3, pairs: &[(&'static str, &str)], signing: Signing) -> S3Result<Option<Replica>> {
        let sent = pairs.iter().map(|(k, v)| (HeaderName::from_static(k), HeaderValue::from_str(v).unwrap())).collect();
        Replica::of(row.row(), &sent, signing)
    }

    fn put<'a>() -> Vec<(&'static str, &'a str)> {
        vec![(headers::REPLICA, "put"), (headers::VERSION, ID), (headers::LAST_MODIFIED, "1767225600123")]
    }

    #[test]
    fn a_replica_says_all_that_it_has_to() {
        assert!(headers::HEADERS.is_sorted());
        assert_eq!(read(S3::GetObject, &[("x-arqueta-other", "a")], Signing::None).unwrap(), None);
        let mut sent = put();
        sent.extend([(headers::PARTS, "1:5*2"), (headers::CHECKSUM, "CRC32:COMPOSITE:y/Q5Jg==")]);
        sent.extend([(headers::PART_CHECKSUMS, "true"), (headers::OWNER, "Destination")]);
        let replica = read(S3::PutObject, &sent, Signing::Header).unwrap().unwrap();
        assert_eq!((replica.kind, replica.version.to_string().len() > 8), (Kind::Put, true));
        assert_eq!(replica.last_modified.millis(), 1_767_225_600_123);
        assert_eq!(replica.parts.unwrap().parts.len(), 2);
        assert_eq!(replica.checksum.unwrap().parts, 2);
        for at in 0..3 {
            let mut less = put();
            less.remove(at);
            assert_eq!(read(S3::PutObject, &less, Signing::Header).unwrap_err().code().as_str(), "InvalidRequest");
        }
    }

    #[test]
    fn only_a_signature_in_the_header_speaks_of_replicas() {
        use Signing::{Form, FormV2, None as Nobody, Query, QueryV2};
        for signing in [Nobody, Query, QueryV2, Form, FormV2] {
            for sent in [put(), vec![(headers::OWNER, "Destination")], vec![("x-arqueta-replica-new", "a")]] {
                let refused = read(S3::PutObject, &sent, signing).unwrap_err();
                assert_eq!(refused.code().as_str(), "AccessDenied", "{signing:?}");
            }
        }
    }

    #[test]
    fn other_operations_and_words_are_refused() {
        for row in [S3::CopyObject, S3::GetObject, S3::DeleteObject, S3::PutObjectTagging, S3::UploadPart] {
            assert_eq!(read(row, &put(), Signing::Header).unwrap_err().code().as_str(), "InvalidArgument", "{row:?}");
        }
        let more = |name, value| {
            let mut sent = put();
            sent.push((name, value));
            read(S3::PutObject, &sent, Signing::Header).unwrap_err().code().as_str().to_owned()
        };
        for (name, value, code) in [
            ("x-arqueta-replica-status", "REPLICA", "InvalidRequest"),
            ("x-amz-checksum-crc32", "y/Q5Jg==", "InvalidRequest"),
            ("x-amz-trailer", "x-amz-checksum-crc32", "InvalidRequest"),
            ("if-none-match", "*", "InvalidRequest"),
            (headers::PARTS, "1:2*0", "InvalidArgument"),
            (headers::CHECKSUM, "CRC32:y/Q5Jg==", "InvalidArgument"),
            (headers::PART_CHECKSUMS, "yes", "InvalidArgument"),
        ] {
            assert_eq!(more(name, value), code, "{name}");
        }
        for (at, value) in [(0, "copy"), (1, ""), (1, "x"), (2, "-1"), (2, "yesterday")] {
            let mut sent = put();
            sent[at].1 = value;
            assert_eq!(read(S3::PutObject, &sent, Signing::Header).unwrap_err().code().as_str(), "InvalidArgument");
        }
    }

    #[test]
    fn a_change_changes_something_and_a_marker_has_nothing_but_its_time() {
        let amend = [(headers::REPLICA, "amend"), (headers::VERSION, ID)];
        assert!(read(S3::PutObject, &amend, Signing::Header).is_err());
        let tags = [amend[0], amend[1], ("x-amz-tagging", "")];
        assert_eq!(read(S3::PutObject, &tags, Signing::Header).unwrap().unwrap().kind, Kind::Amend);
        let mark = [(headers::REPLICA, "mark"), put()[1], put()[2]];
        assert_eq!(read(S3::DeleteObject, &mark, Signing::Header).unwrap().unwrap().kind, Kind::Mark);
        let other = [mark[0], mark[1], mark[2], (headers::CHECKSUM, "CRC32:FULL_OBJECT:y/Q5Jg==")];
        assert!(read(S3::DeleteObject, &other, Signing::Header).is_err());
    }
}
