"""Whose events LookupEvents shows: those of the account that the caller acts in, to whom its policies allow."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from accounts import OTHER, allow, deny, two_accounts
from conftest import ACCOUNT, refused

LOOKUP = "cloudtrail:LookupEvents"


@pytest.fixture(scope="module")
def world(start, tmp_path_factory):
    """Two accounts, each with something in its record."""
    gateway, home, abroad = two_accounts(start, tmp_path_factory.mktemp("lookup"))
    for account in (home, abroad):
        account.iam.create_user(UserName=f"of-{account.id}")
    return gateway, home, abroad


def seen(account, who=None, **options):
    pages = account.client("cloudtrail", **(who or {})).get_paginator("lookup_events").paginate(**options)
    return [json.loads(event["CloudTrailEvent"]) for page in pages for event in page["Events"]]


def recipients(events):
    return {event["recipientAccountId"] for event in events}


def test_each_account_sees_its_own_events_only(world):
    _, *accounts = world
    for account in accounts:
        _, auditor = account.user(allow(LOOKUP))
        for who in (account.root, auditor):
            events = seen(account, who)
            assert recipients(events) == {account.id}
            named = {(event["requestParameters"] or {}).get("userName") for event in events}
            assert f"of-{account.id}" in named and not {f"of-{other.id}" for other in accounts if other is not account} & named


def test_no_attribute_reaches_into_another_account(world):
    _, home, abroad = world
    theirs = seen(abroad)[-1]
    for key, value in (("EventId", theirs["eventID"]), ("AccessKeyId", theirs["userIdentity"]["accessKeyId"]),
                       ("Username", f"of-{OTHER}"), ("ResourceName", f"arn:aws:iam::{OTHER}:user/of-{OTHER}")):
        assert seen(home, LookupAttributes=[{"AttributeKey": key, "AttributeValue": value}]) == [], key
    assert seen(abroad, LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": theirs["eventID"]}]) == [theirs]


def test_an_auditor_of_elsewhere_sees_the_account_of_the_role(world):
    gateway, home, abroad = world
    role = home.role(allow(LOOKUP), trusts=f"arn:aws:iam::{OTHER}:root")
    _, visitor = abroad.user(allow("sts:AssumeRole", role))
    assert refused(gateway.client("cloudtrail", **visitor).lookup_events)[:2] == (400, "AccessDeniedException")
    session = abroad.session(role, visitor)
    assert recipients(seen(home, session)) == {ACCOUNT}
    # The record, and nothing else.
    for service, call in (("iam", "list_users"), ("kms", "list_keys"), ("s3", "list_buckets"), ("cloudtrail", "describe_trails")):
        assert refused(getattr(gateway.client(service, **session), call))[1] in ("AccessDenied", "AccessDeniedException"), call


def test_who_is_not_allowed_sees_nothing(world):
    _, home, _ = world
    for statements in ((), (allow("cloudtrail:*"), deny(LOOKUP)), (allow("cloudtrail:DescribeTrails"),)):
        _, who = home.user(*statements)
        assert refused(home.client("cloudtrail", **who).lookup_events)[:2] == (400, "AccessDeniedException")


def test_a_denial_comes_before_any_other_error(world):
    _, home, _ = world
    _, who = home.user()
    assert refused(home.client("cloudtrail", **who).lookup_events, NextToken="forged")[1] == "AccessDeniedException"


@pytest.mark.parametrize("options, code", [
    ({"StartTime": datetime.now(timezone.utc), "EndTime": datetime.now(timezone.utc) - timedelta(hours=1)}, "InvalidTimeRangeException"),
    ({"MaxResults": 51}, "InvalidMaxResultsException"),
    ({"NextToken": "forged"}, "InvalidNextTokenException"),
    ({"EventCategory": "insight"}, "InvalidEventCategoryException"),
    ({"EventCategory": "nonsense"}, "InvalidEventCategoryException"),
    ({"LookupAttributes": 2 * [{"AttributeKey": "EventName", "AttributeValue": "CreateUser"}]}, "InvalidLookupAttributesException"),
])
def test_refusals_are_those_of_cloudtrails_model(world, options, code):
    _, home, _ = world
    client = home.client("cloudtrail", parameter_validation=False)
    modelled = {shape.name for shape in client.meta.service_model.operation_model("LookupEvents").error_shapes}
    assert code in modelled
    assert refused(client.lookup_events, **options)[:2] == (400, code)


def test_who_looked_is_itself_in_the_record(world):
    gateway, home, _ = world
    _, curious = home.user()
    client = gateway.client("cloudtrail", **curious)
    assert refused(client.lookup_events, MaxResults=7)[1] == "AccessDeniedException"
    home.client("cloudtrail").lookup_events(MaxResults=8)
    looked = {event["requestParameters"].get("maxResults"): event for event in gateway.events("LookupEvents")}
    assert looked[7]["errorCode"] == "AccessDeniedException" and looked[7]["readOnly"]
    assert "errorCode" not in looked[8] and looked[8]["eventSource"] == "cloudtrail.amazonaws.com"
