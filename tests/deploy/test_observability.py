"""Rules and dashboard: they parse, name only what is declared, and alerts fire when they should."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import promql_parser as pp
import pytest
import yaml

from plateful.metrics.declared import METRICS
from tests.deploy.promql import Vector, evaluate, parsed_series, run_rules

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "observability"
RULES = ("recording", "alerts")
DASHBOARD = json.loads((FOLDER / "grafana" / "plateful.json").read_text(encoding="utf-8"))
SCENARIOS = yaml.safe_load((FOLDER / "scenarios" / "alerts.yaml").read_text(encoding="utf-8"))["tests"]
# Set by Prometheus or the Pushgateway, not by us.
SCRAPED = {"job", "instance", "run", "le"}
FOREIGN = {"push_time_seconds": SCRAPED}
SEVERITIES = {"page", "ticket"}


def groups(name: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((FOLDER / "rules" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert set(document) == {"groups"}
    return document["groups"]


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for group in groups(name) for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def known() -> dict[str, set[str]]:
    """Every queried name -> the labels that it can have."""
    names = {name: {*metric.label_names, *SCRAPED} for metric in METRICS for name in metric.samples}
    recorded = {rule["record"]: _labels_of(rule["expr"]) | {"le"} for rule in rules("recording")}
    return names | recorded | FOREIGN | {"ALERTS": {"alertname", "alertstate"}}


def _labels_of(expression: str) -> set[str]:
    return set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", expression))))


def expressions() -> Iterator[tuple[str, str]]:
    for name in RULES:
        for rule in rules(name):
            yield rule.get("record") or rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield f"{panel['title']}/{target['refId']}", target["expr"].replace("$country", ".*")
    for note in DASHBOARD["annotations"]["list"]:
        yield note["name"], note["expr"]


def nodes(tree: Any) -> Iterator[Any]:
    yield tree
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        child = getattr(tree, name, None)
        if child is not None and not isinstance(child, str):
            yield from nodes(child)
    for child in getattr(tree, "args", None) or ():
        yield from nodes(child)


@pytest.mark.parametrize(("where", "expression"), list(expressions()), ids=[w for w, _ in expressions()])
def test_every_expression_parses_and_names_only_what_is_declared(where: str, expression: str) -> None:
    names, labels = known(), set()
    for node in nodes(pp.parse(expression)):
        if isinstance(node, pp.VectorSelector):
            assert node.name in names, f"{where}: {node.name} is not declared"
            unknown = {matcher.name for matcher in node.matchers.matchers} - names[node.name]
            assert not unknown, f"{where}: {node.name} has no label {unknown}"
            labels |= names[node.name]
    for node in nodes(pp.parse(expression)):
        if isinstance(node, pp.AggregateExpr) and node.modifier:
            assert set(node.modifier.labels) <= labels, where


def test_rule_files_have_the_form_of_prometheus() -> None:
    seen: set[str] = set()
    for name in RULES:
        for group in groups(name):
            assert set(group) <= {"name", "interval", "rules"}
            assert group["name"] not in seen
            seen.add(group["name"])
            assert group["rules"]
    for rule in rules("recording"):
        assert set(rule) == {"record", "expr"}
        assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", rule["record"])
    names = [rule["alert"] for rule in rules("alerts")]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"Plateful[A-Z]\w+", name) for name in names)


@pytest.mark.parametrize("rule", rules("alerts"), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in SEVERITIES
    assert set(rule["annotations"]) == {"summary", "runbook_url"}
    if "for" in rule:
        assert pp.parse_duration(rule["for"]).total_seconds() >= 60
    anchor = rule["alert"].removeprefix("Plateful")
    slug = re.sub(r"(?<!^)(?=[A-Z])", "-", anchor).lower()
    assert rule["annotations"]["runbook_url"] == f"deploy/RUNBOOK.md#alert-{slug}"


def test_the_runbook_has_a_section_for_every_alert() -> None:
    runbook = ROOT / "deploy" / "RUNBOOK.md"
    if not runbook.is_file():
        pytest.skip("deploy/RUNBOOK.md is not written yet")
    text = runbook.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    anchors |= set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    wanted = {rule["annotations"]["runbook_url"].partition("#")[2] for rule in rules("alerts")}
    assert wanted <= anchors


def test_every_declared_metric_is_looked_at() -> None:
    told = " ".join(expression for _, expression in expressions())
    unused = [metric.name for metric in METRICS if not re.search(rf"{metric.name}(_\w+)?\b", told)]
    assert unused == []


def test_every_alert_fires_in_a_scenario() -> None:
    expected = json.dumps(SCENARIOS)
    assert [rule["alert"] for rule in rules("alerts") if rule["alert"] not in expected] == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_alerts_fire_when_they_should_and_only_then(scenario: dict[str, Any]) -> None:
    interval = pp.parse_duration(scenario["interval"]).total_seconds()
    tests = [(pp.parse_duration(t["eval_time"]).total_seconds(), t) for t in scenario["promql_expr_test"]]
    both = [*rules("recording"), *rules("alerts")]
    database = run_rules(both, scenario["input_series"], interval, max(at for at, _ in tests))
    for at, test in tests:
        # An alert that stopped is not firing, though its last sample is still in the look-back.
        found = evaluate(pp.parse(test["expr"]), at, database)
        assert isinstance(found, dict)
        now = {labels: value for labels, value in found.items() if _is_now(labels, at, database)}
        assert _shown(now) == {_labels(sample["labels"]): sample["value"] for sample in test["exp_samples"]}


def _is_now(labels: Any, at: float, database: Any) -> bool:
    samples = database.series.get(labels)
    return samples is None or any(time == at for time, _ in samples)


def _shown(vector: Vector) -> dict[Any, float]:
    return {labels: round(value) for labels, value in vector.items()}


def _labels(text: str) -> Any:
    return () if text == "{}" else parsed_series(text)


def test_promtool_agrees() -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not on this machine (Debian's package `prometheus` has it)")
    files = [str(FOLDER / "rules" / f"{name}.yaml") for name in RULES]
    subprocess.run([tool, "check", "rules", *files], check=True)
    subprocess.run([tool, "test", "rules", str(FOLDER / "scenarios" / "alerts.yaml")], check=True)


def test_the_dashboard_is_laid_out_without_overlap() -> None:
    everything = DASHBOARD["panels"]
    ids = [panel["id"] for panel in everything]
    assert len(ids) == len(set(ids))
    for panel in everything:
        place = panel["gridPos"]
        assert place["x"] >= 0 and place["w"] > 0 and place["x"] + place["w"] <= 24 and place["h"] > 0
    for one, other in combinations([panel["gridPos"] for panel in everything], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_the_dashboard_has_what_grafana_needs() -> None:
    assert DASHBOARD["uid"] == "plateful" and DASHBOARD["schemaVersion"] >= 39
    assert "id" not in DASHBOARD  # a number of somebody's own Grafana
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == [
        "Now", "Throughput", "Latency per stage", "Quality and rejects", "Money", "Queue and review",
        "Leases and failures", "GPU",
    ]  # fmt: skip
    for panel in panels():
        assert panel["title"] and panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        references = [target["refId"] for target in panel["targets"]]
        assert references and len(references) == len(set(references))
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"]


def test_the_scrape_configuration_names_our_files_and_ports() -> None:
    document = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
    assert all((FOLDER / name).is_file() for name in document["rule_files"])
    jobs = {job["job_name"]: job for job in document["scrape_configs"]}
    assert jobs["pushgateway"]["honor_labels"] is True
    from plateful.environments import Settings

    port = Settings.model_fields["metrics_port"].default
    assert jobs["plateful-exporter"]["static_configs"][0]["targets"][0].endswith(f":{port}")
