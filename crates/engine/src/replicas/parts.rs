//! One body cut where its source's parts end, so that a replica has the parts of its source.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use md5::{Digest as _, Md5};

use super::Replicas;
use crate::api::{Body, Checksum, ChecksumAlgorithm, ChecksumRequest, ChecksumType, ReplicaPart, ReplicaParts};
use crate::checksum::{PartValue, of_parts};
use crate::ingest::{Intake, Stowed};
use crate::multipart::PARTS;
use crate::objects::Draft;
use crate::record::{ManifestPart, total};
use crate::{BodyError, Caller, Error};

/// The bodies of a replica that was made of parts.
pub(super) struct Taken {
    pub stowed: Vec<Stowed>,
    pub parts: Vec<ManifestPart>,
    pub checksum: Checksum,
}

impl Replicas<'_> {
    /// Takes in a body of several parts. None is left behind after a failure.
    pub(super) async fn take_parts(
        self,
        caller: &Caller,
        draft: &Draft,
        body: Body,
        parts: &ReplicaParts,
        checksum: Option<Checksum>,
    ) -> Result<Taken, Error> {
        let mut stowed = Vec::with_capacity(parts.parts.len());
        let taken = self.try_parts(caller, draft, body, (parts, checksum), &mut stowed).await;
        match taken {
            Ok((parts, checksum)) => Ok(Taken { stowed, parts, checksum }),
            Err(error) => {
                for stowed in &stowed {
                    self.state.abandon(stowed).await;
                }
                Err(error)
            }
        }
    }

    async fn try_parts(
        self,
        caller: &Caller,
        draft: &Draft,
        body: Body,
        (layout, checksum): (&ReplicaParts, Option<Checksum>),
        stowed: &mut Vec<Stowed>,
    ) -> Result<(Vec<ManifestPart>, Checksum), Error> {
        let (algorithm, kind) = checksum.map_or((ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject), |stated| {
            (stated.value.algorithm(), stated.kind)
        });
        let mut cut = Cut { body, rest: Bytes::new() };
        for part in &layout.parts {
            let intake = Intake {
                cipher: draft.cipher.clone(),
                size: Some(part.size),
                md5: None,
                md5_wanted: draft.etag_is_md5(),
                checksum: ChecksumRequest::Compute(algorithm),
                beside: None,
                booking: self.state.admit(caller, Some(part.size))?,
            };
            stowed.push(self.state.take_in(cut.portion(part.size), intake).await?);
        }
        cut.finish().await?;
        let values: Vec<_> =
            stowed.iter().map(|stowed| PartValue { value: stowed.checksum, size: stowed.size }).collect();
        let invalid = || Error::request("The checksum is none that an object of parts can have.");
        let computed = of_parts(algorithm, kind, &values).map_err(|_| invalid())?;
        if let Some(stated) = checksum.filter(|stated| *stated != computed) {
            let [stated, computed] = [stated, computed].map(|checksum| checksum.to_string());
            return Err(Error::ChecksumMismatch { algorithm, stated, computed });
        }
        let own = |stowed: &Stowed| layout.checksums.then(|| Checksum::full_object(stowed.checksum));
        let manifest = layout.parts.iter().zip(&*stowed).map(|(part, stowed)| ManifestPart {
            number: part.number,
            id: stowed.part,
            size: stowed.size,
            checksums: own(stowed).into_iter().collect(),
        });
        Ok((manifest.collect(), computed))
    }
}

/// Refuses parts that no upload could have made an object of.
pub(super) fn check(parts: &[ReplicaPart], size: u64, minimum: u64) -> Result<(), Error> {
    let numbered = parts.iter().all(|part| (1..=PARTS).contains(&part.number));
    let (Some((_, others)), true) = (parts.split_last(), numbered) else {
        return Err(Error::argument("The parts of a replica are numbered from 1 to 10,000."));
    };
    if !parts.is_sorted_by(|a, b| a.number < b.number) {
        return Err(Error::InvalidPartOrder);
    }
    if let Some(small) = others.iter().find(|part| part.size < minimum) {
        return Err(Error::EntityTooSmall { number: small.number, size: small.size, etag: String::new() });
    }
    match total(parts.iter().map(|part| part.size)) == Some(size) {
        true => Ok(()),
        false => Err(Error::argument("The parts of a replica do not add up to its size.")),
    }
}

/// The entity tag of an object whose parts have these MD5s.
pub(super) fn md5_of_md5s(stowed: &[Stowed]) -> Option<String> {
    let hash = stowed.iter().try_fold(Md5::new(), |hash, stowed| Some(hash.chain_update(stowed.md5?)))?;
    Some(format!("{}-{}", hex::encode(hash.finalize()), stowed.len()))
}

struct Cut {
    body: Body,
    rest: Bytes,
}

impl Cut {
    /// The next `size` bytes.
    fn portion(&mut self, size: u64) -> Portion<'_> {
        Portion { cut: self, left: size }
    }

    /// Nothing may follow; and what the transport says at the end of a body is heard.
    async fn finish(mut self) -> Result<(), Error> {
        while self.rest.is_empty() {
            match self.body.next().await {
                None => return Ok(()),
                Some(more) => self.rest = more?,
            }
        }
        Err(BodyError::TooLarge.into())
    }
}

struct Portion<'a> {
    cut: &'a mut Cut,
    left: u64,
}

impl Stream for Portion<'_> {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        while this.cut.rest.is_empty() {
            match ready!(this.cut.body.poll_next_unpin(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                Some(Ok(bytes)) => this.cut.rest = bytes,
            }
        }
        let most = usize::try_from(this.left).unwrap_or(usize::MAX).min(this.cut.rest.len());
        this.left -= most as u64;
        Poll::Ready(Some(Ok(this.cut.rest.split_to(most))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parts(of: &[(u16, u64)]) -> Vec<ReplicaPart> {
        of.iter().map(|(number, size)| ReplicaPart { number: *number, size: *size }).collect()
    }

    #[test]
    fn parts_are_those_of_an_upload() {
        assert!(check(&parts(&[(1, 5), (7, 5), (10_000, 1)]), 11, 5).is_ok());
        assert!(check(&parts(&[(1, 0)]), 0, 5).is_ok());
        for (none, size) in
            [(&[][..], 0), (&[(0, 5)], 5), (&[(10_001, 5)], 5), (&[(1, 5)], 6), (&[(1, u64::MAX), (2, 1)], 0)]
        {
            assert!(matches!(check(&parts(none), size, 5), Err(Error::InvalidArgument { .. })), "{none:?}");
        }
        assert!(matches!(check(&parts(&[(2, 5), (2, 5)]), 10, 5), Err(Error::InvalidPartOrder)));
        assert!(matches!(
            check(&parts(&[(1, 4), (2, 5)]), 9, 5),
            Err(Error::EntityTooSmall { number: 1, size: 4, .. })
        ));
    }

    #[tokio::test]
    async fn a_body_is_cut_where_parts_end_whatever_its_chunks() {
        for size in 1..7 {
            let body: Vec<u8> = (0..12).collect();
            let chunks: Vec<Result<Bytes, BodyError>> =
                body.chunks(size).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
            let mut cut = Cut { body: futures::stream::iter(chunks).boxed(), rest: Bytes::new() };
            for wanted in [&body[..5], &body[5..5], &body[5..11], &body[11..]] {
                let got: Vec<_> = cut.portion(wanted.len() as u64).map(Result::unwrap).collect().await;
                assert_eq!(got.concat(), wanted, "{size}");
            }
            cut.finish().await.unwrap();
        }
    }

    #[tokio::test]
    async fn nothing_may_follow_the_last_part() {
        let body = |last: Result<Bytes, BodyError>| {
            futures::stream::iter([Ok(Bytes::from_static(b"ab")), Ok(Bytes::new()), last]).boxed()
        };
        let mut cut = Cut { body: body(Ok(Bytes::from_static(b"c"))), rest: Bytes::new() };
        let _: Vec<_> = cut.portion(2).collect().await;
        assert!(matches!(cut.finish().await, Err(Error::Body(BodyError::TooLarge))));
        let mut cut = Cut { body: body(Err(BodyError::Digest)), rest: Bytes::new() };
        let _: Vec<_> = cut.portion(2).collect().await;
        assert!(matches!(cut.finish().await, Err(Error::Body(BodyError::Digest))), "a late refusal is heard");
    }
}
