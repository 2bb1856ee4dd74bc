"""For every operation that is served, who gets in and who does not: a user with exactly the needed actions,
one without a policy, one with an explicit deny, another account, an expired session, a signature for another
Region, and nobody at all. A denied call changes nothing, and tells nothing of what is there."""

import re

import botocore.session
import matrix_kms
import matrix_s3
import pytest
from accounts import allow, deny
from conftest import ACCOUNT, REGION, operations
from matrix import World


@pytest.fixture(scope="module")
def world(start, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        world = World(start, tmp_path_factory.mktemp("matrix"), patch)
        world.shared_key = world.made("CreateKey")["KeyMetadata"]["Arn"]
        # For those who change nothing.
        world.place = matrix_s3.Place(world)
        yield world


def refusals(world, statements):
    """Everyone who must not get in, one after another; the user is denied each needed action in turn."""
    for who in (world.nobody, world.other, world.expired, world.elsewhere, world.anonymous):
        yield who.name, who
    for action, resource in statements:
        world.grant(allow("*"), deny(action, resource))
        yield f"explicit deny of {action}", world.user
    for missing in statements if len(statements) > 1 else ():
        world.grant(*(allow(*each) for each in statements if each != missing))
        yield f"no allow of {missing[0]}", world.user


S3 = {"expired session": (400, "ExpiredToken"), "wrong region": (400, "AuthorizationHeaderMalformed")}


@pytest.mark.parametrize("row", matrix_s3.ROWS, ids=str)
def test_s3(world, row):
    place = matrix_s3.Place(world)
    place.prepare(row)
    statements = place.statements(row)
    before = place.state()
    wrong = []
    for column, who in refusals(world, statements):
        answer = place.ask(who, row)
        usual = S3.get(column, row.denied)
        expected = row.others.get(column, usual)
        if answer.verdict != (expected if row.method != "HEAD" else (expected[0], None)):
            wrong.append((column, answer, expected))
        if any(secret in answer.body for secret in place.secrets()) and expected != (200, None):
            wrong.append((column, "reveals", answer))
        if place.b in answer.body and expected == (200, None):
            wrong.append((column, "names a bucket of another account", answer))
    assert not wrong
    assert place.state() == before, "a denied call changed something"
    world.grant(*(allow(action, resource) for action, resource in statements))
    answer = place.ask(world.user, row)
    assert answer.verdict == (row.allowed if row.method != "HEAD" else (row.allowed[0], None)), answer


@pytest.mark.parametrize("row", [row for row in matrix_s3.ROWS if "{b}" in row.path], ids=str)
def test_s3_tells_nothing_of_what_is_there(world, row):
    place = matrix_s3.Place(world) if row.wants else world.place
    place.prepare(row)
    missing = "b-" + "0" * 16
    for who in (world.nobody, world.anonymous, world.stranger):
        there, gone = place.ask(who, row), place.ask(who, row, b=missing)
        assert there.told(bucket=place.b) == gone.told(bucket=missing), who.name
    if re.match(r"/\{b}/k", row.path):
        for who in (world.nobody, world.anonymous, world.other, world.stranger):
            there, gone = place.ask(who, row), place.ask(who, row, k="m")
            assert there.told(key="/k") == gone.told(key="/m"), who.name


KMS = {"expired session": (400, "ExpiredTokenException"), "wrong region": (400, "InvalidSignatureException"),
       "anonymous": (400, "MissingAuthenticationTokenException")}


@pytest.mark.parametrize("row", matrix_kms.ROWS, ids=str)
def test_kms(world, row):
    place = matrix_kms.Place(world)
    statements = row.needs(place)
    row.request(place)
    before = place.state()
    wrong = []
    for column, who in refusals(world, statements):
        answer = place.ask(who, row)
        expected = row.others.get(column, KMS.get(column, matrix_kms.DENIED))
        if answer.verdict != expected:
            wrong.append((column, answer, expected))
        if expected == (200, None) and ACCOUNT in answer.body:
            wrong.append((column, "names what another account has", answer))
    assert not wrong
    assert place.state() == before, "a denied call changed something"
    world.grant(*(allow(action, resource) for action, resource in statements))
    answer = place.ask(world.user, row)
    assert answer.verdict == row.allowed, answer


MISSING = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/12345678-1234-1234-1234-123456789012"
NO_ALIAS = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/missing"


@pytest.mark.parametrize("row", [row for row in matrix_kms.ROWS if row.of], ids=str)
def test_kms_tells_nothing_of_what_is_there(world, row):
    place = matrix_kms.Place(world)
    named = getattr(place, row.of)
    for who in (world.other, world.stranger):
        there, gone = place.ask(who, row), place.ask(who, row, swap={named: MISSING})
        assert there.verdict == matrix_kms.DENIED
        assert there.told(key=named) == gone.told(key=MISSING), who.name
        alias = place.arn(place.alias)
        there, gone = place.ask(who, row, swap={named: alias}), place.ask(who, row, swap={named: NO_ALIAS})
        assert there.told(alias=alias) == gone.told(alias=NO_ALIAS), who.name
    everyone = (world.nobody, world.other, world.stranger)
    usual = [place.ask(who, row).told(key=named) for who in everyone]
    wrong_kind = place.signing if row.of == "hmac" else place.hmac
    assert [place.ask(who, row, swap={named: wrong_kind}).told(key=wrong_kind) for who in everyone] == usual
    changes = {"deleting": ["CancelKeyDeletion"], "external": ["ScheduleKeyDeletion"]}
    for operation in changes.get(row.of, ["DisableKey", "ScheduleKeyDeletion"]):
        world.made(operation, KeyId=named)
        assert [place.ask(who, row).told(key=named) for who in everyone] == usual, operation


def test_every_operation_that_is_served_has_its_rows(world):
    served, kms = ({row["name"] for row in operations(service, served=True)} for service in ("s3", "kms"))
    unserved = [row for row in matrix_s3.ROWS if row.operation not in served]
    assert len(served) > 60 and served <= {row.operation for row in matrix_s3.ROWS}
    assert all(row.allowed == (501, "NotImplemented") for row in unserved), unserved
    assert {row.operation for row in matrix_kms.ROWS} == kms
    model = set(botocore.session.get_session().get_service_model("kms").operation_names)
    assert len(kms) >= 54 and kms <= model
    for operation in model - kms:
        assert world.kms(world.root, operation, {}).verdict in (
            (400, "UnsupportedOperationException"), (400, "UnknownOperationException")), operation
