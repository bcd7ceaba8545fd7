"""`plateful metrics` after a real run: a scrape, the screen, a gateway, and the same figures in Dagster."""

import re
import socket
import subprocess
import sys
import urllib.request

import dagster as dg
import pytest

from cli.instance import open_instance
from cli.mainjob import run_countries
from plateful.environments import Settings, load_settings
from plateful.metrics.exposition import read
from plateful.metrics.figures import Figures
from plateful.metrics.gateway import pushed
from tests.cli.conftest import Plateful
from tests.plateful.metrics.gateway_server import running_gateway


def test_a_run_s_figures_on_screen_in_dagster_and_at_a_scrape(settings: Settings, plateful: Plateful) -> None:
    run_countries(settings, ["SG"])

    shown = plateful("metrics", "show", "--json").json
    items = {row["stage"]: row["items"] for row in shown["stages"]}
    # Six candidates in all: each rendered, stored and judged once, however often it was planned.
    for stage in (
        "text_encode",
        "denoise",
        "decode",
        "store",
        "score_safety",
        "score_quality",
        "score_judge",
    ):
        assert items[stage] == 6, stage
    assert items["plan"] >= 6
    assert all(row["p50"] <= row["p95"] <= row["p99"] for row in shown["stages"])
    gauges = {(row["metric"], *row["labels"].values()): row["value"] for row in shown["gauges"]}
    assert gauges["plateful_renders_today", "default", "plateful-tiny", "menu-item"] == 6
    assert "Stages, seconds an item" in plateful("metrics", "show").out

    with open_instance(settings) as instance:
        chosen = dg.AssetRecordsFilter(dg.AssetKey("generated_candidates"), asset_partitions=["SG"])
        (record,) = instance.fetch_materializations(chosen, limit=1).records
    assert record.asset_materialization is not None
    metadata = record.asset_materialization.metadata
    assert metadata["images_per_second"].value > 0  # type: ignore[operator]
    assert re.search(
        r"\| denoise \| 6 \| [\d.]+ \| [\d.]+ \| [\d.]+ \|", str(metadata["stage_seconds"].value)
    )
    assert str(metadata["reject_rates"].value).startswith("| reason | share |")

    found = scraped()
    assert (
        found[
            "plateful_renders_today", _sorted(team="default", model="plateful-tiny", application="menu-item")
        ]
        == 6
    )
    waiting = found["plateful_review_queue_requests", _sorted(country="SG")]
    assert waiting == gauges.get(("plateful_review_queue_requests", "SG"), 0)
    assert found["plateful_exporter_errors_total", _sorted(source="ledger")] == 0
    assert not [key for key in found if key[0] == "plateful_lease_age_seconds"], "an ended run holds nothing"


def _sorted(**labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def scraped() -> dict:
    """Start `plateful metrics serve` on a free port, scrape it once, and stop it."""
    command = [sys.executable, "-m", "cli", "metrics", "serve", "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        address = next(line.strip() for line in server.stderr if line.startswith("http://"))
        with urllib.request.urlopen(address, timeout=60) as reply:  # noqa: S310 - our own address
            assert reply.headers["Content-Type"].startswith("text/plain")
            return read(reply.read().decode(), address)
    finally:
        server.terminate()
        server.wait(30)


def test_a_run_pushes_to_its_gateway_and_none_of_it_to_the_file(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_gateway() as gateway:
        monkeypatch.setenv("PLATEFUL_METRICS_GATEWAY", gateway.url)
        run_countries(load_settings(), ["SG", "DE"])
        runs = {dict(group)["run"] for group in gateway.groups}
        assert len(runs) == 2
        for _, samples in gateway.groups.values():
            assert samples["plateful_process_finished", ()] == 1
            rendered = [v for (name, labels), v in samples.items() if name == "plateful_candidates_total"]
            assert rendered == [6]
        assert Figures.of(pushed(gateway.url)).stages["denoise"].items == 12
        steps = {dict(labels).get("step") for _, samples in gateway.groups.values() for _, labels in samples}
        assert {"products", "plan_shards", "render_shard", "collect", "published_images"} <= steps
    assert not (settings.home / "metrics").exists()


@pytest.mark.usefixtures("settings")
def test_a_taken_port_is_one_line(plateful: Plateful) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = plateful("metrics", "serve", "--port", str(taken.getsockname()[1]))
    assert done.status == 2
    assert "metrics cannot be served on 127.0.0.1:" in done.err
