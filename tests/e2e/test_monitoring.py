"""Dashboards and alerts speak of metrics that the binary has, in words that Prometheus understands."""

import json
import os
import re
import shutil
import subprocess

import pytest
import yaml
from conftest import ROOT

DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus/rules.yaml"
PROMTOOL = shutil.which("promtool") or ROOT / "tests/.tools/promtool"


def promtool(*words):
    return subprocess.run([str(PROMTOOL), *map(str, words)], capture_output=True, text=True, timeout=60)


def documented():
    """Metrics of docs/metrics.md, which another test holds against the binary: kind and labels by name."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", (ROOT / "docs/metrics.md").read_text(), re.M)
    assert len(rows) > 40
    return {name: (kind, set(re.findall(r"\w+", labels))) for name, kind, labels in rows}


def series():
    """What Prometheus has of each: its name on the wire and its labels."""
    found = {"up": {"job", "instance"}}
    for name, (kind, labels) in documented().items():
        ends = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}[kind]
        for end in ends:
            more = {"le"} if end == "_bucket" else set()
            found[name + end] = labels | more | {"job", "instance"}
    return found


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels():
    board = json.loads((DEPLOY / "grafana/arqueta.json").read_text())
    return [panel for panel in board["panels"] if panel["type"] != "row"]


EXPRESSIONS = [pytest.param(rule["expr"], id=rule.get("alert") or rule["record"]) for rule in rules()]
EXPRESSIONS += [pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}") for panel in panels() for target in panel["targets"]]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_and_label_that_is_asked_for_exists(expression):
    known = series() | {rule["record"]: {"job", "api"} for rule in rules() if "record" in rule}
    asked = set(re.findall(r"\b((?:job:)?(?:arqueta|process)_[\w:]+|up\b)", expression))
    assert asked and asked <= set(known), asked - set(known)
    labels = set().union(*(known[name] for name in asked))
    for inside in re.findall(r"\{(.*?)\}", expression):
        assert set(re.findall(r"(\w+)=", inside)) <= labels, inside
    for inside in re.findall(r"\b(?:by|on)\s*\((.*?)\)", expression):
        assert set(re.findall(r"\w+", inside)) <= labels, inside


def test_what_a_gateway_shows_is_what_the_expressions_read(gateway, s3, bucket):
    """Names on the wire, beside those of the documentation: suffixes are the encoder's."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    shown = {re.split(r"[{ ]", name)[0] for name in gateway.metrics()}
    for name in ("arqueta_http_requests_total", "arqueta_http_answer_seconds_bucket", "arqueta_http_operation_seconds_bucket",
                 "arqueta_disk_free_bytes", "arqueta_metadata_bytes", "process_cpu_seconds_total", "arqueta_build_info"):
        assert name in shown and name in series()


def test_the_dashboard_loads():
    board = json.loads((DEPLOY / "grafana/arqueta.json").read_text())
    assert board["uid"] == "arqueta" and "id" not in board, "an id belongs to one Grafana"
    every = board["panels"]
    assert len({panel["id"] for panel in every}) == len(every) > 20
    for panel in every:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for other in every:
            at = other["gridPos"]
            apart = place["x"] + place["w"] <= at["x"] or at["x"] + at["w"] <= place["x"] or place["y"] + place["h"] <= at["y"] or at["y"] + at["h"] <= place["y"]
            assert apart or panel is other, (panel["title"], other["title"])
    variables = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps([panel["targets"] for panel in panels()]))) - {"__rate_interval"}
    assert used == variables


needs_promtool = pytest.mark.skipif(
    not os.access(PROMTOOL, os.X_OK), reason="no promtool here; tests/run fetches it where Debian's packages are")


@needs_promtool
def test_prometheus_takes_the_rules_and_each_alert_that_is_tried_fires():
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert checked.returncode == 0 and f"{len(rules())} rules found" in checked.stdout, checked.stdout + checked.stderr
    checked = promtool("check", "config", DEPLOY / "prometheus/prometheus.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", DEPLOY / "prometheus/rules.test.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_promtool
def test_what_the_gateway_shows_is_good_prometheus_text(gateway):
    """promtool reads the older text; of OpenMetrics only the last line and the counters' names differ."""
    import urllib.request  # noqa: PLC0415
    text = urllib.request.urlopen(gateway.admin_url + "/metrics", timeout=10).read().decode()
    older = re.sub(r"^# (HELP|TYPE) (\w+)( .*)$", lambda line: line[0] if not re.search(rf"^{line[2]}_total[ {{]", text, re.M)
                   else f"# {line[1]} {line[2]}_total{line[3]}", text.replace("# EOF\n", ""), flags=re.M)
    checked = subprocess.run([str(PROMTOOL), "check", "metrics"], input=older, capture_output=True, text=True, timeout=60)
    # 3: it would name something otherwise; other statuses: it cannot read it.
    said = [line for line in checked.stderr.splitlines() if line]
    assert checked.returncode in (0, 3), said
    assert not [line for line in said if "no help text" in line or "counter" in line], said
