//! Sealing and opening one part, deriving and wrapping keys: bytes a second and time an object.
#![allow(missing_docs, clippy::unwrap_used)]

use arqueta_model::{Arn, ObjectId, PartId, SseMode};
use arqueta_seal::{BodyKey, ObjectCipher, SourceKey, WrapAad, WrapName};
use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 4] = [1 << 10, 64 << 10, 1 << 20, 8 << 20];

fn cipher(layers: usize) -> ObjectCipher {
    ObjectCipher::new(ObjectId::random(), (0..layers).map(|_| BodyKey::random()).collect())
}

fn streams(c: &mut Criterion) {
    for (layers, name) in [(1, "one layer"), (2, "two layers")] {
        let cipher = cipher(layers);
        let mut group = c.benchmark_group(name);
        for size in SIZES {
            let plain = vec![7u8; size];
            group.throughput(Throughput::Bytes(size as u64));
            group.bench_with_input(BenchmarkId::new("seal", size), &plain, |b, plain| {
                let mut out = BytesMut::with_capacity(2 * size + 1024);
                b.iter(|| {
                    out.clear();
                    let mut sealer = cipher.sealer(PartId::random());
                    sealer.push(plain, &mut out).unwrap();
                    sealer.finish(&mut out).unwrap();
                    out.len()
                });
            });
            let part = PartId::random();
            let mut sealed = BytesMut::new();
            let mut sealer = cipher.sealer(part);
            sealer.push(&plain, &mut sealed).unwrap();
            sealer.finish(&mut sealed).unwrap();
            let sealed = sealed.freeze();
            group.bench_with_input(BenchmarkId::new("open", size), &sealed, |b, sealed: &Bytes| {
                let mut out = BytesMut::with_capacity(2 * size + 1024);
                b.iter(|| {
                    out.clear();
                    let mut opener = cipher.opener(part, size as u64, 0..size as u64).unwrap();
                    opener.push(sealed.clone(), &mut out).unwrap();
                    opener.finish(&mut out).unwrap();
                    out.len()
                });
            });
        }
        group.finish();
    }
}

fn keys(c: &mut Criterion) {
    let source = SourceKey::random();
    let body = BodyKey::random();
    let bucket_arn = Arn::new("s3", "", "", "bucket");
    let object_key = "some/object/key".parse().unwrap();
    let name = WrapName { bucket_arn: &bucket_arn, object_key: &object_key, object_id: ObjectId::random() };
    let aad = WrapAad { mode: SseMode::S3, key_arn: None, bucket_key: None, layer: 0 };
    c.bench_function("wrap a body key", |b| b.iter(|| body.wrap(&source, &name, &aad)));
    let wrapped = body.wrap(&source, &name, &aad);
    c.bench_function("unwrap a body key", |b| b.iter(|| BodyKey::unwrap(&wrapped, &source, &name, &aad).unwrap()));
    let cipher = cipher(1);
    let manifest = vec![1u8; 400];
    c.bench_function("manifest tag", |b| b.iter(|| cipher.manifest_tag(&manifest)));
    c.bench_function("etag", |b| b.iter(|| cipher.etag(None)));
}

criterion_group!(benches, streams, keys);
criterion_main!(benches);
