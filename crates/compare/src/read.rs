//! The rungs that read.

use arqueta_client::{Body, Bucket, Entry, Error};
use bytes::Bytes;
use futures::TryStreamExt as _;

use crate::digest::{Expected, Recomputing};
use crate::{Content, Proof};

/// Whether the bytes of an object are those of which the other side has something written down. `None` for
/// algorithms that are not computed here.
pub(crate) async fn fits(bucket: &dyn Bucket, entry: &Entry, expected: Expected) -> Result<Option<bool>, Error> {
    let Some(mut recomputing) = Recomputing::new(expected) else { return Ok(None) };
    let mut body = bucket.body(entry).await?;
    while let Some(bytes) = body.try_next().await? {
        recomputing.update(&bytes);
    }
    Ok(Some(recomputing.fits()))
}

/// Both sides, byte by byte.
pub(crate) async fn bytes(source: Body, destination: Body) -> Result<Content, Error> {
    let (mut one, mut other) = (Ahead::new(source), Ahead::new(destination));
    let mut at = 0u64;
    loop {
        futures::try_join!(one.fill(), other.fill())?;
        let size = one.now.len().min(other.now.len());
        if size == 0 {
            return Ok(match (one.now.is_empty(), other.now.is_empty()) {
                (true, true) => Content::Same(Proof::Bytes),
                (true, false) => Content::Differs(format!("the source ends at byte {at}")),
                _ => Content::Differs(format!("the destination ends at byte {at}")),
            });
        }
        let (left, right) = (one.now.split_to(size), other.now.split_to(size));
        if left != right {
            let first = left.iter().zip(&right).position(|(a, b)| a != b).unwrap_or(0);
            return Ok(Content::Differs(format!("from byte {} on", at + first as u64)));
        }
        at += size as u64;
    }
}

/// A body and what of it is here.
struct Ahead {
    body: Body,
    now: Bytes,
}

impl Ahead {
    fn new(body: Body) -> Self {
        Self { body, now: Bytes::new() }
    }

    /// Until there is something, or nothing more.
    async fn fill(&mut self) -> Result<(), Error> {
        while self.now.is_empty() {
            let Some(next) = self.body.try_next().await? else { break };
            self.now = next;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    fn body(pieces: &[&'static str]) -> Body {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        futures::stream::iter(pieces).boxed()
    }

    #[tokio::test]
    async fn bytes_are_the_same_however_they_come() {
        let same = bytes(body(&["abc", "", "d"]), body(&["a", "bcd"])).await.unwrap();
        assert_eq!(same, Content::Same(Proof::Bytes));
        for (one, other, says) in [
            (&["abc", "xe"][..], &["a", "bcde"][..], "from byte 3 on"),
            (&["abc"], &["ab", "cd"], "the source ends at byte 3"),
            (&["abc", "d"], &["abc"], "the destination ends at byte 3"),
        ] {
            assert_eq!(bytes(body(one), body(other)).await.unwrap(), Content::Differs(says.to_owned()));
        }
    }
}
