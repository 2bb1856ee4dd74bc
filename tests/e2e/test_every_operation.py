"""Every operation that changes something, of every protocol, as the table of operations has it: refused to
who may not, done for who may, each with its event that says who did what, when, from where and with which
key; and refused where the record cannot be written."""

import contextlib
import datetime
import json
import secrets
import shutil

import matrix_kms
import matrix_s3
import pytest
from botocore.exceptions import ClientError
from conftest import ACCOUNT, REGION, operations
from matrix import World
from test_record_coverage import iam_table
from test_trails import policy
from test_web_identity import Issuer

FROM = "127.0.0.1"
UNRECORDED = {"s3": (500, "InternalError"), "kms": (500, "InternalFailure"),
              "iam": (500, "ServiceFailure"), "cloudtrail": (500, "InternalFailure")}
DENIED = {"AccessDenied", "AccessDeniedException"}


def trail_table(bucket):
    """Operation and parameters, in an order in which each of them can be done."""
    arn = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/driven"
    tags = {"ResourceId": arn, "TagsList": [{"Key": "team", "Value": "red"}]}
    everything = [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}]
    return [
        ("CreateTrail", {"Name": "driven", "S3BucketName": bucket}), ("UpdateTrail", {"Name": "driven", "S3BucketName": bucket}),
        ("PutEventSelectors", {"TrailName": "driven", "EventSelectors": everything}), ("StartLogging", {"Name": "driven"}),
        ("AddTags", tags), ("RemoveTags", tags), ("StopLogging", {"Name": "driven"}), ("DeleteTrail", {"Name": "driven"}),
    ]


class Driver:
    """Asks as somebody, and remembers what the record must say of it."""

    def __init__(self, world):
        self.world, self.asked = world, []
        self.bucket = "record-" + secrets.token_hex(6)
        s3 = self.client("s3", world.root)
        s3.create_bucket(Bucket=self.bucket)
        s3.put_bucket_policy(Bucket=self.bucket, Policy=policy(self.bucket))
        trails = self.client("cloudtrail", world.root)
        trails.create_trail(Name="objects", S3BucketName=self.bucket)
        objects = {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}
        trails.put_event_selectors(TrailName="objects", EventSelectors=[
            {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True, "DataResources": [objects]}])
        trails.start_logging(Name="objects")

    def client(self, service, who):
        return self.world.gateway.client(service, who.key, who.secret)

    def note(self, service, name, who, request, denied):
        self.asked.append((service, name, who, request, denied, self.world.now()))

    def ask(self, service, name, who, parameters):
        """Calls by an SDK: status, code and request id."""
        client = self.client(service, who)
        method = next(method for method, operation in client.meta.method_to_api_mapping.items() if operation == name)
        try:
            answer = getattr(client, method)(**parameters)
        except ClientError as error:
            answer = error.response
        told = answer["ResponseMetadata"]
        return (told["HTTPStatusCode"], answer.get("Error", {}).get("Code")), told["RequestId"], answer

    def by_table(self, service, name, parameters, refusals=()):
        """An operation by nobody in particular, then by root."""
        verdict, request, _ = self.ask(service, name, self.world.nobody, parameters)
        assert verdict[1] in DENIED, (service, name, verdict)
        self.note(service, name, self.world.nobody, request, True)
        verdict, request, answer = self.ask(service, name, self.world.root, parameters)
        assert verdict[0] == 200 or refusals, (service, name, verdict)
        self.note(service, name, self.world.root, request, False)
        return answer

    def by_matrix(self, service, place, row):
        nobody, root = self.world.nobody, self.world.root
        if hasattr(place, "prepare"):
            place.prepare(row)
        answer = place.ask(nobody, row)
        assert answer.code in DENIED, (service, row, answer)
        # Keys of a body are decided one by one: the call as a whole succeeds.
        self.note(service, row.operation, nobody, request_of(answer), True if answer.status >= 400 else None)
        answer = place.ask(root, row)
        assert answer.verdict == row.allowed, (service, row, answer)
        self.note(service, row.operation, root, request_of(answer), False)


def request_of(answer):
    return answer.headers.get("x-amz-request-id") or answer.headers["x-amzn-requestid"]


def writing(service):
    return {row["name"]: row for row in operations(service, served=True, writes=True)}


def rows(module, service):
    """One row of the matrix for each operation that writes; those with a title are special cases."""
    found = {}
    for row in module.ROWS:
        found.setdefault(row.operation, row)
    names = writing(service)
    assert names.keys() <= found.keys(), names.keys() - found.keys()
    return [found[name] for name in names]


@pytest.fixture(scope="module")
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def driver(start, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        world = World(start, tmp_path_factory.mktemp("driven"), patch)
        world.shared_key = world.made("CreateKey")["KeyMetadata"]["Arn"]
        yield Driver(world)


@pytest.fixture(scope="module")
def driven(driver, issuer):
    """Everything that writes, asked once by nobody and once by root."""
    for row in rows(matrix_s3, "s3"):
        driver.by_matrix("s3", matrix_s3.Place(driver.world), row)
    for row in rows(matrix_kms, "kms"):
        driver.by_matrix("kms", matrix_kms.Place(driver.world), row)
    made = None
    for name, parameters, *refusals in iam_table(issuer):
        parameters = parameters(made) if callable(parameters) else parameters
        answer = driver.by_table("iam", name, parameters, refusals)
        made = answer.get("AccessKey", {}).get("AccessKeyId", made)
    for name, parameters in trail_table(driver.bucket):
        driver.by_table("cloudtrail", name, parameters)
    return driver


def test_every_row_that_writes_is_driven(driven):
    for service in ("s3", "kms", "iam", "cloudtrail"):
        asked = {(name, denied is not False) for of, name, _, _, denied, _ in driven.asked if of == service}
        names = writing(service)
        assert names and {(name, denied) for name in names for denied in (True, False)} <= asked, service
    assert not writing("sts"), "sessions are kept nowhere"


def test_each_is_decided_and_recorded_with_who_what_when_from_where_and_key(driven):
    events = {}
    for event in driven.world.gateway.events():
        events.setdefault((event["requestID"], event["eventSource"]), []).append(event)
    wrong = []
    for service, name, who, request, denied, at in driven.asked:
        row = {row["name"]: row for row in operations_of(service)}[name]
        found = events.get((request, f"{service}.amazonaws.com"), [])
        if len(found) != 1:
            wrong.append((service, name, denied, found))
            continue
        [event] = found
        told = datetime.datetime.fromisoformat(event["eventTime"])
        identity = event["userIdentity"]
        holds = (
            event["eventName"] == row["event"] and event["readOnly"] is not row["writes"]
            and event["managementEvent"] is row["management"] and event["sourceIPAddress"] == FROM
            and abs(told - at) < datetime.timedelta(minutes=2) and event["awsRegion"] == REGION
            and identity["accessKeyId"] == who.key and identity["accountId"] == ACCOUNT
            and identity["type"] == ("Root" if who == driven.world.root else "IAMUser")
            and (denied is None or (event.get("errorCode") in DENIED) is denied))
        if not holds:
            wrong.append((service, name, denied, event))
    assert not wrong


ROWS = {}


def operations_of(service):
    if service not in ROWS:
        ROWS[service] = operations(service)
    return ROWS[service]


@contextlib.contextmanager
def unwritable(gateway):
    """While the record cannot be written."""
    record = gateway.data / "audit"
    shutil.rmtree(record)
    try:
        yield
    finally:
        record.mkdir(mode=0o700)


def test_none_is_done_that_cannot_be_recorded(driven, issuer):
    world = driven.world
    places = {"s3": matrix_s3.Place(world), "kms": matrix_kms.Place(world)}
    asked = [("s3", row) for row in rows(matrix_s3, "s3")] + [("kms", row) for row in rows(matrix_kms, "kms")]
    for service, row in asked:
        # What it needs is made while that can be recorded.
        if service == "kms":
            row.request(places["kms"])
        else:
            places["s3"].prepare(row)
            places["s3"].fill(row.path)
    before = {service: place.state() for service, place in places.items()}
    with unwritable(world.gateway):
        for service, row in asked:
            answer = places[service].ask(world.root, row)
            assert answer.verdict == UNRECORDED[service], (service, row, answer)
        for service, table in (("iam", iam_table(issuer)), ("cloudtrail", trail_table(driven.bucket))):
            for name, parameters, *_ in table:
                if name in writing(service):
                    parameters = parameters("AKIAARQUETANOBODYS00") if callable(parameters) else parameters
                    verdict, _, _ = driven.ask(service, name, world.root, parameters)
                    assert verdict == UNRECORDED[service], (service, name, verdict)
    for service, place in places.items():
        assert place.state() == before[service], service
    root = driven.client("iam", world.root)
    assert not {user["UserName"] for user in root.list_users()["Users"]} & {"covered"}
    assert [trail["Name"] for trail in driven.client("cloudtrail", world.root).describe_trails()["trailList"]] == ["objects"]


def test_an_operation_that_is_refused_by_name_is_recorded(driver):
    """An authenticated call of an operation that is not served has an event, and no parameters of it."""
    world = driver.world
    for service, name, parameters in (
            ("s3", "PutBucketMetricsConfiguration", {"Bucket": driver.bucket, "Id": "a", "MetricsConfiguration": {"Id": "hidden"}}),
            ("iam", "CreateServiceLinkedRole", {"AWSServiceName": "hidden.amazonaws.com"}),
            ("cloudtrail", "CreateChannel", {"Name": "hidden", "Source": "Custom", "Destinations": [{"Type": "AWS_SERVICE", "Location": "hidden"}]})):
        verdict, request, _ = driver.ask(service, name, world.root, parameters)
        assert verdict[0] >= 400, verdict
        [event] = [event for event in world.gateway.events(name) if event["requestID"] == request]
        assert event["errorCode"] and event["userIdentity"]["accessKeyId"] == world.root.key
        assert "hidden" not in json.dumps(event["requestParameters"])
