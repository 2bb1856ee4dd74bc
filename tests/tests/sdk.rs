//! The AWS SDK for Rust, unmodified, against the real binary.
#![allow(clippy::unwrap_used)]

use arqueta_tests::{Gateway, sdk};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, ServerSideEncryption,
    VersioningConfiguration,
};

fn start() -> (tempfile::TempDir, Gateway) {
    let data = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&data.path().join("data"), &[]);
    (data, gateway)
}

async fn read(s3: &aws_sdk_s3::Client, bucket: &str, key: &str) -> bytes::Bytes {
    let answer = s3.get_object().bucket(bucket).key(key).send().await.unwrap();
    answer.body.collect().await.unwrap().into_bytes()
}

#[tokio::test]
async fn objects_under_a_kms_key_with_a_bucket_key() {
    let (_data, gateway) = start();
    let (s3, kms) = (sdk::s3(&gateway), sdk::kms(&gateway));
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    s3.create_bucket().bucket("sdk").send().await.unwrap();
    for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc64Nvme, ChecksumAlgorithm::Sha256] {
        let put = s3
            .put_object()
            .bucket("sdk")
            .key(algorithm.as_str())
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .ssekms_key_id(&key)
            .bucket_key_enabled(true)
            .checksum_algorithm(algorithm.clone())
            .body(ByteStream::from_static(b"hello"))
            .send()
            .await
            .unwrap();
        assert_eq!((put.ssekms_key_id(), put.bucket_key_enabled()), (Some(key.as_str()), Some(true)));
        assert_eq!(read(&s3, "sdk", algorithm.as_str()).await, "hello");
    }
}

#[tokio::test]
async fn a_multipart_upload_and_its_ranges() {
    let (_data, gateway) = start();
    let s3 = sdk::s3(&gateway);
    s3.create_bucket().bucket("parts").send().await.unwrap();
    let upload = s3
        .create_multipart_upload()
        .bucket("parts")
        .key("k")
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .send()
        .await
        .unwrap()
        .upload_id
        .unwrap();
    let bodies = [vec![1u8; 5 << 20], vec![2u8; 6 << 20], vec![3u8; 77]];
    let mut parts = Vec::new();
    for (number, body) in (1..).zip(&bodies) {
        let part = s3.upload_part().bucket("parts").key("k").upload_id(&upload).part_number(number);
        let part = part.body(body.clone().into()).send().await.unwrap();
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag)
                .set_checksum_crc32(part.checksum_crc32)
                .build(),
        );
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    s3.complete_multipart_upload()
        .bucket("parts")
        .key("k")
        .upload_id(&upload)
        .multipart_upload(parts)
        .send()
        .await
        .unwrap();
    let whole = bodies.concat();
    assert!(read(&s3, "parts", "k").await == whole);
    let edge = 5 << 20;
    let range = s3
        .get_object()
        .bucket("parts")
        .key("k")
        .range(format!("bytes={}-{}", edge - 3, edge + 2))
        .send()
        .await
        .unwrap();
    assert_eq!(range.body.collect().await.unwrap().into_bytes().as_ref(), [1, 1, 1, 2, 2, 2]);
    let second = s3.get_object().bucket("parts").key("k").part_number(2).send().await.unwrap();
    assert_eq!((second.parts_count(), second.content_length()), (Some(3), Some(6 << 20)));
}

#[tokio::test]
async fn versions_come_back_in_order() {
    let (_data, gateway) = start();
    let s3 = sdk::s3(&gateway);
    s3.create_bucket().bucket("versions").send().await.unwrap();
    let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket("versions").versioning_configuration(on).send().await.unwrap();
    let mut ids = Vec::new();
    for body in ["one", "two", "three"] {
        let put =
            s3.put_object().bucket("versions").key("k").body(body.as_bytes().to_vec().into()).send().await.unwrap();
        ids.push(put.version_id.unwrap());
    }
    let marker = s3.delete_object().bucket("versions").key("k").send().await.unwrap();
    assert_eq!(marker.delete_marker(), Some(true));
    assert!(s3.get_object().bucket("versions").key("k").send().await.is_err());
    let first = s3.get_object().bucket("versions").key("k").version_id(&ids[0]).send().await.unwrap();
    assert_eq!(first.body.collect().await.unwrap().into_bytes(), "one");
    let listed = s3.list_object_versions().bucket("versions").send().await.unwrap();
    let listed: Vec<_> = listed.versions().iter().map(|v| v.version_id().unwrap().to_owned()).collect();
    ids.reverse();
    assert_eq!(listed, ids);
}
