//! The rungs that need no reading: what both sides have written down.

use arqueta_client::{Algorithm, Bucket, Entry, Error, Facts};

use crate::digest::Expected;
use crate::explain::size;
use crate::{Content, Proof};

/// Sizes of the parts of both sides; empty where there are none or nobody tells.
pub(crate) type Sizes = (Vec<u64>, Vec<u64>);

/// What the first rung says, if anything: checksums of the whole object, and MD5s.
pub(crate) fn by_checksum(source: &Facts, destination: &Facts) -> Option<Content> {
    if source.size != destination.size {
        return Some(Content::Differs(format!("{} against {}", size(source.size), size(destination.size))));
    }
    if source.size == 0 {
        return Some(Content::Same(Proof::Empty));
    }
    let common: Vec<_> = source
        .of_all()
        .filter_map(|(algorithm, one)| {
            let (_, other) = destination.of_all().find(|(other, _)| *other == algorithm)?;
            Some((algorithm, one, other))
        })
        .collect();
    if let Some((algorithm, one, other)) = common.iter().find(|(_, one, other)| one != other) {
        return Some(Content::Differs(format!("{} {one} against {other}", algorithm.name())));
    }
    if let Some((algorithm, ..)) = common.first() {
        return Some(Content::Same(Proof::Checksum(*algorithm)));
    }
    let are_put = source.parts().is_none() && destination.parts().is_none();
    if !(are_put && source.has_md5() && destination.has_md5()) {
        return None;
    }
    Some(if source.etag == destination.etag {
        Content::Same(Proof::Md5)
    } else {
        Content::Differs(format!("MD5 {} against {}", source.etag, destination.etag))
    })
}

/// Whether the second rung needs the sizes of the parts.
pub(crate) fn wants_sizes(source: &Facts, destination: &Facts) -> bool {
    source.parts().is_some() && source.parts() == destination.parts()
}

/// What the second rung says, if anything: checksums and ETags of the same parts.
pub(crate) fn by_parts(source: &Facts, destination: &Facts, sizes: &Sizes) -> Option<Content> {
    let are_known = !sizes.0.is_empty() && !sizes.1.is_empty();
    let are_same = are_known && sizes.0 == sizes.1;
    for (algorithm, one) in &source.checksums {
        match destination.checksums.get(algorithm) {
            Some(other) if one == other => return Some(Content::Same(Proof::PartChecksums(*algorithm))),
            Some(other) if are_same => {
                return Some(Content::Differs(format!(
                    "{} of the same parts, {one} against {other}",
                    algorithm.name()
                )));
            }
            _ => {}
        }
    }
    if !(source.has_md5() && destination.has_md5() && source.parts().is_some()) {
        return None;
    }
    match source.etag == destination.etag {
        true if are_same => Some(Content::Same(Proof::MultipartEtag)),
        true if !are_known => Some(Content::Same(Proof::MultipartEtagAlone)),
        // One digest of other parts: as good as impossible, and no proof.
        true => None,
        false if are_same => {
            Some(Content::Differs(format!("ETags of the same parts, {} against {}", source.etag, destination.etag)))
        }
        false => None,
    }
}

/// The sizes of the parts of one side.
pub(crate) async fn sizes(bucket: &dyn Bucket, entry: &Entry, facts: &Facts) -> Result<Vec<u64>, Error> {
    match facts.parts() {
        // More than S3 has: not an ETag of S3's.
        None | Some(0 | 10_001..) => Ok(Vec::new()),
        Some(count) => bucket.parts(entry, count).await,
    }
}

/// What of this side can be computed of the other side's bytes; `sizes` are those of this side's parts.
pub(crate) fn computable(facts: &Facts, sizes: &[u64]) -> Option<(Expected, Proof)> {
    let is_computed =
        |algorithm: &Algorithm| !matches!(algorithm, Algorithm::Xxhash64 | Algorithm::Xxhash3 | Algorithm::Xxhash128);
    let whole = facts.of_all().find(|(algorithm, _)| is_computed(algorithm));
    if let Some((algorithm, value)) = whole {
        let expected = Expected { algorithm, parts: Vec::new(), value: value.to_owned(), is_etag: false };
        return Some((expected, Proof::Recomputed(algorithm)));
    }
    let has_sizes = facts.parts().is_some_and(|count| count as usize == sizes.len());
    if facts.has_md5() && (facts.parts().is_none() || has_sizes) {
        let parts = if facts.parts().is_some() { sizes.to_vec() } else { Vec::new() };
        let expected = Expected { algorithm: Algorithm::Md5, parts, value: facts.etag.clone(), is_etag: true };
        return Some((expected, Proof::RecomputedEtag));
    }
    let (algorithm, value) =
        facts.checksums.iter().find(|(algorithm, value)| has_sizes && is_computed(algorithm) && value.contains('-'))?;
    let expected = Expected { algorithm: *algorithm, parts: sizes.to_vec(), value: value.clone(), is_etag: false };
    Some((expected, Proof::Recomputed(*algorithm)))
}
