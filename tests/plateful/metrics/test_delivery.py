"""Delivery: to a gateway and to a file, periodically and at the end; a dead gateway stops nothing."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from plateful.errors import ConfigError, EndpointError, StoreError
from plateful.metrics.declared import PENDING, PUBLISHED, STAGE_SECONDS
from plateful.metrics.delivery import Delivery, outlet
from plateful.metrics.figures import Figures
from plateful.metrics.gateway import LINGER, SILENT, Gateway, own_group, pushed, sweep
from plateful.metrics.meter import Meter
from plateful.metrics.textfile import Textfile
from tests.plateful.metrics.gateway_server import running_gateway


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        threading.Event().wait(0.01)


def test_a_process_pushes_zeros_first_then_its_figures_and_its_end() -> None:
    meter, warnings = Meter(), []
    with running_gateway() as server:
        group = {"run": "r1", "instance": "pod-7:1"}
        with Delivery(Gateway(server.url, group), warnings.append, meter, every=0.02):
            until(lambda: bool(server.groups))
            samples = next(iter(server.groups.values()))[1]
            assert samples["plateful_stage_duration_seconds_count", (("stage", "denoise"),)] == 0
            meter.observe(STAGE_SECONDS, 0.3, 4, stage="denoise")
            until(lambda: Figures.of(pushed(server.url)).stages["denoise"].items == 4)
            meter.count(PUBLISHED, 3)
        (told, (_, samples)) = next(iter(server.groups.items()))
        assert dict(told) == {"job": "plateful", **group}
        assert samples[PUBLISHED.name, ()] == 3
        assert samples["plateful_process_finished", ()] == 1
        assert warnings == []
        # A whole replacement each time: what a process no longer has goes.
        assert set(server.methods) == {"PUT", "GET"}


def test_groups_go_when_their_process_has_ended_or_is_dead() -> None:
    meter, other = Meter(), Meter()
    with running_gateway() as server:
        with Delivery(Gateway(server.url, {"run": "done"}), print, meter):
            pass
        Gateway(server.url, {"run": "alive"}).send(other)
        assert sweep(server.url, time.time()) == 0
        server.age(LINGER + 1)
        assert sweep(server.url, time.time()) == 1
        assert [dict(group)["run"] for group in server.groups] == ["alive"]
        server.age(SILENT - LINGER)
        assert sweep(server.url, time.time()) == 1
        assert not server.groups


def test_groups_of_others_are_left_alone() -> None:
    with running_gateway() as server:
        server.groups[("job", "backup"), ("run", "x")] = (0.0, {})
        assert sweep(server.url, time.time()) == 0
        assert len(server.groups) == 1


@pytest.mark.parametrize("kind", ["refused", "error", "slow"])
def test_a_gateway_that_is_no_use_is_said_once_and_stops_nothing(kind: str) -> None:
    meter, warnings = Meter(), []
    with running_gateway() as server:
        server.status, server.delay = (500, 0.0) if kind == "error" else (200, 60.0 if kind == "slow" else 0)
        url = "http://127.0.0.1:9" if kind == "refused" else server.url
        started = time.monotonic()
        with Delivery(Gateway(url, {"run": "r"}), warnings.append, meter, every=0.01, last=0.5) as delivery:
            if kind != "slow":
                until(lambda: delivery.failures > 2)
        assert time.monotonic() - started < 15
    assert len(warnings) == 1
    told = rf"figures of this process were not handed over \d+ times \({url}; first: .+\); the work went on"
    assert re.fullmatch(told, warnings[0])
    assert "\n" not in warnings[0]
    assert meter.samples()["plateful_metrics_push_failures_total", ()] >= 1


def test_a_file_adds_up_over_processes(tmp_path: Path) -> None:
    for run in range(3):
        meter = Meter()
        with Delivery(outlet(None, tmp_path, f"run-{run}"), print, meter, every=0.01):
            meter.count(PUBLISHED, 2)
            meter.set(PENDING, run)
            meter.observe(STAGE_SECONDS, 0.3, 5, stage="decode")
    found = Textfile(tmp_path / "metrics").read()
    assert found[PUBLISHED.name, ()] == 6
    assert found[PENDING.name, ()] == 2
    assert Figures.of(found).stages["decode"].items == 15


def test_two_deliveries_of_one_process_count_nothing_twice(tmp_path: Path) -> None:
    meter = Meter()
    for _ in range(2):
        with Delivery(outlet(None, tmp_path, "run"), print, meter):
            meter.count(PUBLISHED, 2)
    assert Textfile(tmp_path / "metrics").read()[PUBLISHED.name, ()] == 4


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    file = Textfile(tmp_path)
    file.path.write_text("no metrics {")
    with pytest.raises(StoreError, match="text format"):
        file.send(Meter())
    assert file.path.read_text() == "no metrics {"


def test_addresses() -> None:
    assert own_group("r")["run"] == "r"
    with pytest.raises(ConfigError, match="no http"):
        Gateway("pushgateway:9091", {})
    with pytest.raises(EndpointError, match="does not take figures"):
        pushed("http://127.0.0.1:9")
