"""The table of docs/kms.md: every operation of the API, and a test for each that is really there."""

import re

import botocore.session
from conftest import ROOT
from test_kms_parameters import PROXIES, REFUSED, UNSERVED, VALUES, call

DOCUMENT = ROOT / "docs/kms.md"
MODEL = botocore.session.get_session().get_service_model("kms")
ROWS = {cells[0].strip(" `"): [cell.strip() for cell in cells[1:]]
        for line in DOCUMENT.read_text().splitlines() if re.match(r"\| `[A-Z]\w+` \|", line)
        for cells in [line.strip("|").split(" | ")]}
LINK = re.compile(r"\[(\w+)\]\(([^)]+)\)")


def test_every_operation_of_the_model_has_a_row_and_no_other():
    assert list(ROWS) == sorted(MODEL.operation_names)


def test_every_row_names_tests_that_exist():
    for operation, (_, _, proof) in ROWS.items():
        links = LINK.findall(proof)
        assert links, operation
        for name, file in links:
            source = (DOCUMENT.parent / file).read_text()
            assert re.search(rf"\b(def|fn) {name}\(", source), f"{operation}: no {name} in {file}"


def test_every_row_says_what_is_enforced_or_that_nothing_is_served():
    assert {operation for operation, (enforced, _, _) in ROWS.items() if not enforced} == UNSERVED


def test_every_operation_is_answered_by_the_binary(gateway):
    for operation in ROWS:
        status, code, _ = call(gateway, operation, {})
        assert code != "UnknownOperationException" and status in (200, 400), operation
        assert (code == "UnsupportedOperationException") == (operation in UNSERVED), (operation, code)
    assert call(gateway, "DescribeKeys", {})[1] == "UnknownOperationException"


def test_what_the_tests_find_refused_the_table_says():
    for operation, _, name, value in REFUSED + PROXIES + VALUES:
        if isinstance(value, dict) and name == "Constraints":
            name = next(iter(value))
        told = ROWS[operation][1]
        if operation == "UpdateCustomKeyStore":
            told += ROWS["CreateCustomKeyStore"][1]
        assert name in told or (isinstance(value, str) and value in told) or "imported ML_DSA" in told, (operation, name)
