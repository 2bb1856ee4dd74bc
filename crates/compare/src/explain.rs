//! Why two ETags differ although the bytes are the same.

use arqueta_client::Facts;

/// A size for people: exact, and in the largest unit in which it is a whole number.
pub(crate) fn size(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

/// `13 parts of 8 MiB`; `sizes` is empty where nobody tells them.
fn parts(facts: &Facts, sizes: &[u64]) -> String {
    let Some(count) = facts.parts() else { return "one PUT".to_owned() };
    let noun = if count == 1 { "part" } else { "parts" };
    let but_last = sizes.split_last().map_or(sizes, |(_, before)| if before.is_empty() { sizes } else { before });
    match but_last.first() {
        None => format!("{count} {noun}"),
        Some(first) if but_last.iter().all(|size| size == first) => format!("{count} {noun} of {}", size(*first)),
        Some(_) => format!("{count} {noun} of several sizes"),
    }
}

/// Why, by encryption: ETags of objects under keys of KMS and of clients are no MD5s.
fn by_encryption(source: &Facts, destination: &Facts) -> Option<String> {
    // What replication wrote is called what it is.
    let other = if destination.replication.as_deref() == Some("REPLICA") { "replica" } else { "destination" };
    let (of_source, of_destination) = (&source.encryption, &destination.encryption);
    match (of_source.keeps_md5(), of_destination.keeps_md5()) {
        (true, true) => None,
        (true, false) => Some(format!("the {other} is {}", of_destination.sse)),
        (false, true) => Some(format!("the source is {}", of_source.sse)),
        (false, false) if of_source.sse == of_destination.sse => Some(format!("both are {}", of_source.sse)),
        (false, false) => Some(format!("the source is {}, the {other} {}", of_source.sse, of_destination.sse)),
    }
}

/// What explains that the ETags differ, where something does.
pub(crate) fn etags(source: &Facts, destination: &Facts, sizes: (&[u64], &[u64])) -> Option<String> {
    let encryption = by_encryption(source, destination);
    let (of_source, of_destination) = (parts(source, sizes.0), parts(destination, sizes.1));
    let layout = (of_source != of_destination).then(|| format!("{of_source} against {of_destination}"));
    match (encryption, layout) {
        (None, None) => None,
        (one, other) => Some([one, other].into_iter().flatten().collect::<Vec<_>>().join(", and ")),
    }
}

#[cfg(test)]
mod tests {
    use arqueta_client::{Encryption, Sse};

    use super::*;

    #[test]
    fn sizes_are_whole_numbers_of_their_unit() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (8 << 20, "8 MiB"),
            ((8 << 20) + 1, "8388609 bytes"),
            (5 << 30, "5 GiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn parts_and_encryption_are_named() {
        let of = |etag: &str, sse: Sse| Facts {
            etag: etag.to_owned(),
            encryption: Encryption { sse, ..Encryption::default() },
            ..Facts::default()
        };
        let mib = 1 << 20;
        let thirteen = [vec![8 * mib; 12], vec![5]].concat();
        let says = |a: &Facts, b: &Facts, sizes: (&[u64], &[u64])| etags(a, b, sizes).unwrap_or_default();
        let (put, multipart) = (of("a", Sse::S3), of("b-13", Sse::S3));
        assert_eq!(says(&multipart, &put, (&thirteen, &[])), "13 parts of 8 MiB against one PUT");
        assert_eq!(says(&put, &multipart, (&[], &[])), "one PUT against 13 parts");
        let two = of("c-2", Sse::None);
        assert_eq!(says(&two, &multipart, (&[3, 1], &thirteen)), "2 parts of 3 bytes against 13 parts of 8 MiB");
        assert_eq!(
            says(&two, &of("d-3", Sse::None), (&[3, 1], &[1, 2, 1])),
            "2 parts of 3 bytes against 3 parts of several sizes"
        );
        let mut replica = of("e", Sse::Kms);
        assert_eq!(says(&put, &replica, (&[], &[])), "the destination is SSE-KMS");
        replica.replication = Some("REPLICA".to_owned());
        assert_eq!(says(&put, &replica, (&[], &[])), "the replica is SSE-KMS");
        assert_eq!(says(&of("f", Sse::Kms), &put, (&[], &[])), "the source is SSE-KMS");
        assert_eq!(says(&of("f", Sse::Kms), &replica, (&[], &[])), "both are SSE-KMS");
        assert_eq!(says(&of("f", Sse::Dsse), &replica, (&[], &[])), "the source is DSSE-KMS, the replica SSE-KMS");
        assert_eq!(
            says(&multipart, &replica, (&thirteen, &[])),
            "the replica is SSE-KMS, and 13 parts of 8 MiB against one PUT"
        );
        assert_eq!(etags(&put, &of("g", Sse::None), (&[], &[])), None);
    }
}
