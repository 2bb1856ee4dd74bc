"""Listings and versions, against what S3 documents: order, pages, encodings, delete markers."""

import secrets

import pytest
from conftest import refused

NAMES = ["a", "a/b/1", "a/b/2", "a/c", "a b+c", "b/1", "b/2", "c", "z&<>", "ü/1", "\U0001f980"]


@pytest.fixture
def filled(s3, bucket):
    for name in NAMES:
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    return bucket


@pytest.fixture
def versioned(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def keys(page):
    return [entry["Key"] for entry in page.get("Contents", [])]


def prefixes(page):
    return [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_pages_join_to_the_whole_in_byte_order(s3, filled, operation, size):
    pages = list(s3.get_paginator(operation).paginate(Bucket=filled, PaginationConfig={"PageSize": size}))
    assert [key for page in pages for key in keys(page)] == sorted(NAMES, key=str.encode)
    assert all(len(keys(page)) <= size for page in pages)
    assert [page["IsTruncated"] for page in pages] == [True] * (len(pages) - 1) + [False]


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
def test_a_delimiter_groups_and_each_group_counts_as_one_entry(s3, filled, operation, size):
    pages = list(s3.get_paginator(operation).paginate(Bucket=filled, Delimiter="/", PaginationConfig={"PageSize": size}))
    assert [p for page in pages for p in prefixes(page)] == ["a/", "b/", "ü/"]
    assert [key for page in pages for key in keys(page)] == sorted((n for n in NAMES if "/" not in n), key=str.encode)
    assert all(len(keys(page)) + len(prefixes(page)) <= size for page in pages)


def test_prefix_and_delimiter(s3, filled):
    page = s3.list_objects_v2(Bucket=filled, Prefix="a/", Delimiter="/")
    assert (keys(page), prefixes(page), page["KeyCount"]) == (["a/c"], ["a/b/"], 2)
    page = s3.list_objects_v2(Bucket=filled, Prefix="a/", Delimiter="b/")
    assert (keys(page), prefixes(page)) == (["a/c"], ["a/b/"])
    page = s3.list_objects_v2(Bucket=filled, Prefix="a/b", Delimiter="b/")
    assert (keys(page), prefixes(page)) == (["a/b/1", "a/b/2"], [])
    assert keys(s3.list_objects_v2(Bucket=filled, Prefix="nothing")) == []


def test_start_after_and_marker_are_exclusive_and_need_not_exist(s3, filled):
    rest = sorted((n for n in NAMES if n.encode() > b"b/1"), key=str.encode)
    assert keys(s3.list_objects_v2(Bucket=filled, StartAfter="b/1")) == rest
    assert keys(s3.list_objects(Bucket=filled, Marker="b/1")) == rest
    assert keys(s3.list_objects_v2(Bucket=filled, StartAfter="b/0zz"))[0] == "b/1"
    assert prefixes(s3.list_objects(Bucket=filled, Marker="b/", Delimiter="/")) == ["ü/"]


def test_a_listing_describes_its_objects(s3, filled):
    entry = next(e for e in s3.list_objects_v2(Bucket=filled, FetchOwner=True)["Contents"] if e["Key"] == "ü/1")
    head = s3.head_object(Bucket=filled, Key="ü/1")
    assert (entry["Size"], entry["ETag"], entry["StorageClass"]) == (len("ü/1".encode()), head["ETag"], "STANDARD")
    assert entry["Owner"]["ID"]
    assert "Owner" not in s3.list_objects_v2(Bucket=filled)["Contents"][0]


def test_no_entries_are_asked_for_and_none_come(s3, filled):
    page = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (keys(page), page["IsTruncated"], page["KeyCount"]) == ([], False, 0)


@pytest.mark.parametrize("options", [{"MaxKeys": -1}, {"ContinuationToken": "nonsense!"}, {"EncodingType": "base64"}])
def test_bad_listing_parameters(s3, bucket, options):
    assert refused(s3.list_objects_v2, Bucket=bucket, **options)[:2] == (400, "InvalidArgument")


def test_listings_see_every_write_and_delete_at_once(s3, bucket):
    for n in range(20):
        s3.put_object(Bucket=bucket, Key=str(n), Body=b"")
        assert str(n) in keys(s3.list_objects_v2(Bucket=bucket))
    s3.delete_object(Bucket=bucket, Key="7")
    assert len(keys(s3.list_objects_v2(Bucket=bucket))) == 19


def test_versions_delete_markers_and_undelete(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="k", Body=b"2")["VersionId"]
    assert first != second
    marker = s3.delete_object(Bucket=versioned, Key="k")
    assert marker["DeleteMarker"] is True
    answer = refused(s3.get_object, Bucket=versioned, Key="k")
    assert answer[:2] == (404, "NoSuchKey")
    assert refused(s3.get_object, Bucket=versioned, Key="k", VersionId=marker["VersionId"])[:2] == (405, "MethodNotAllowed")
    assert keys(s3.list_objects_v2(Bucket=versioned)) == []
    for version, body in ((first, b"1"), (second, b"2")):
        assert s3.get_object(Bucket=versioned, Key="k", VersionId=version)["Body"].read() == body
    listed = s3.list_object_versions(Bucket=versioned)
    assert [(v["VersionId"], v["IsLatest"]) for v in listed["Versions"]] == [(second, False), (first, False)]
    assert [(m["VersionId"], m["IsLatest"]) for m in listed["DeleteMarkers"]] == [(marker["VersionId"], True)]
    undeleted = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker["VersionId"])
    assert undeleted["DeleteMarker"] is True
    assert s3.get_object(Bucket=versioned, Key="k")["Body"].read() == b"2"
    s3.delete_object(Bucket=versioned, Key="k", VersionId=second)
    assert s3.get_object(Bucket=versioned, Key="k")["Body"].read() == b"1"
    assert refused(s3.get_object, Bucket=versioned, Key="k", VersionId=second)[:2] == (404, "NoSuchVersion")
    assert refused(s3.get_object, Bucket=versioned, Key="k", VersionId="nonsense")[0] in (400, 404)


def test_the_null_version_of_a_bucket_that_was_not_versioned_and_of_a_suspended_one(s3, bucket):
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    kept = s3.put_object(Bucket=bucket, Key="k", Body=b"versioned")["VersionId"]
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == b"before"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
    s3.put_object(Bucket=bucket, Key="k", Body=b"suspended")
    s3.put_object(Bucket=bucket, Key="k", Body=b"suspended again")
    # A suspended bucket has one null version; versions with an id stay.
    listed = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [(v["VersionId"], v["IsLatest"]) for v in listed] == [("null", True), (kept, False)]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"suspended again"
    gone = s3.delete_object(Bucket=bucket, Key="k")
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, "null")
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=kept)["Body"].read() == b"versioned"
    assert refused(s3.get_object, Bucket=bucket, Key="k")[1] == "NoSuchKey"


@pytest.mark.parametrize("size", [1, 2, 5])
def test_version_listings_page_without_gaps_or_repeats(s3, versioned, size):
    expected = []
    for name in ("a", "b", "c/d"):
        made = [s3.put_object(Bucket=versioned, Key=name, Body=b"x")["VersionId"] for _ in range(3)]
        made.append(s3.delete_object(Bucket=versioned, Key=name)["VersionId"])
        expected += [(name, version) for version in reversed(made)]
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=versioned, PaginationConfig={"PageSize": size})
    found = []
    for page in pages:
        entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
        assert len(entries) <= size
        found += [(e["Key"], e["VersionId"]) for e in entries]
    assert sorted(found) == sorted(expected)
    assert len(found) == len(set(found))


def test_delete_objects_answers_one_by_one_and_takes_a_thousand(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    s3.put_object(Bucket=versioned, Key="l", Body=b"x")
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k", "VersionId": version}, {"Key": "l"}, {"Key": "never"}]})
    deleted = {entry["Key"]: entry for entry in answer["Deleted"]}
    assert set(deleted) == {"k", "l", "never"} and "Errors" not in answer
    assert deleted["k"]["VersionId"] == version and deleted["l"]["DeleteMarker"] is True
    quiet = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "x"}], "Quiet": True})
    assert "Deleted" not in quiet
    many = {"Objects": [{"Key": str(n)} for n in range(1001)]}
    assert refused(s3.delete_objects, Bucket=versioned, Delete=many)[:2] == (400, "MalformedXML")


def test_a_bucket_with_anything_in_it_is_not_deleted(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    assert refused(s3.delete_bucket, Bucket=versioned)[:2] == (409, "BucketNotEmpty")
    for each in (version, marker):
        s3.delete_object(Bucket=versioned, Key="k", VersionId=each)
    s3.delete_bucket(Bucket=versioned)
    assert refused(s3.head_bucket, Bucket=versioned)[0] == 404


def test_buckets_are_listed_located_and_owned_once(s3, bucket):
    assert bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    pages = list(s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1}))
    assert all(len(page["Buckets"]) <= 1 for page in pages)
    assert bucket in [b["Name"] for page in pages for b in page["Buckets"]]
    nowhere = "b-" + secrets.token_hex(8)
    for call, more in ((s3.list_objects_v2, {}), (s3.put_object, {"Key": "k", "Body": b"x"}), (s3.delete_bucket, {})):
        assert refused(call, Bucket=nowhere, **more)[:2] == (404, "NoSuchBucket")
    location = {"LocationConstraint": "eu-west-1"}
    assert refused(s3.create_bucket, Bucket=nowhere, CreateBucketConfiguration=location)[0] == 400
