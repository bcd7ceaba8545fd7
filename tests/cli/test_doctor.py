"""`plateful doctor`: one screen that says what is there, never a stack trace."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from plateful.doctor import Status, run_checks
from plateful.doctor.findings import Result, ok
from plateful.environments import Settings, load_settings, open_ledger
from plateful.models.versions import resolve_model
from plateful.models.weight_store import publish
from plateful.stores.s3 import S3Options
from tests.cli.conftest import Done, Plateful
from tests.servers.mlflow import MlflowServer
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server
from tests.servers.snowflake import SnowflakeServer, running_snowflake

NAMES = [
    "settings", "feed", "lake", "bucket", "ledger", "warehouse", "mlflow", "model", "judge", "writer",
    "translator", "gpu", "dagster",
]  # fmt: skip


def findings(done: Done) -> dict[str, dict[str, str]]:
    return {one["name"]: one for one in json.loads(done.out)}


def test_a_fresh_machine_lacks_nothing(settings: Settings, plateful: Plateful) -> None:
    done = plateful("doctor", "--json")
    assert done.status == 0, done.out
    found = findings(done)
    assert list(found) == NAMES
    assert {name for name, one in found.items() if one["status"] == "warn"} == {"ledger", "mlflow", "dagster"}
    assert "6 rows, 2 countries" in found["feed"]["found"]
    assert list((settings.home / "lake").rglob("*")) == [settings.home / "lake" / "probes"]
    shown = plateful("doctor").out
    assert all(name in shown for name in NAMES)


def test_a_migrated_ledger_is_told_by_its_schema(settings: Settings, plateful: Plateful) -> None:
    open_ledger(settings.ledger)
    ledger = findings(plateful("doctor", "--json"))["ledger"]
    assert (ledger["status"], ledger["found"].partition(": schema 0")[0]) == ("ok", settings.ledger)


def test_what_is_broken_is_named_with_its_fix(
    settings: Settings, plateful: Plateful, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (settings.weights / "plateful-tiny" / "pipeline" / "unet" / "extra.safetensors").write_bytes(b"x")
    monkeypatch.setenv("PLATEFUL_FEED", str(tmp_path / "absent.csv"))
    monkeypatch.setenv("PLATEFUL_WRITER", "llm")
    monkeypatch.setenv("PLATEFUL_TRANSLATOR", "google")
    (settings.home).mkdir()
    (settings.home / "lake").write_text("a file where the folder should be")
    (settings.home / "warehouse.duckdb").write_bytes(b"not a database" * 1000)
    try:
        done = plateful("doctor", "--json")
    finally:
        (settings.weights / "plateful-tiny" / "pipeline" / "unet" / "extra.safetensors").unlink()
    assert done.status == 2
    failed = {name: one for name, one in findings(done).items() if one["status"] == "fail"}
    assert set(failed) == {"feed", "lake", "warehouse", "model", "writer", "translator"}
    assert "does not exist" in failed["feed"]["found"]
    assert "is not recorded" in failed["model"]["found"]
    assert "PLATEFUL_WRITER_URL" in failed["writer"]["found"]
    assert "PLATEFUL_TRANSLATOR_PROJECT" in failed["translator"]["fix"]
    assert all(one["fix"] for one in failed.values())


def test_incomplete_production_is_one_line(plateful: Plateful, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATEFUL_ENV", "production")
    done = plateful("doctor", "--json")
    assert done.status == 2
    assert list(findings(done)) == ["settings"]
    assert "PLATEFUL_LAKE_URL" in findings(done)["settings"]["found"]


@pytest.mark.usefixtures("settings")
def test_variables_without_effect_are_named(plateful: Plateful, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLATEFUL_LAKE_URL", "s3://plateful/live/lake")
    assert "without effect: PLATEFUL_LAKE_URL" in findings(plateful("doctor", "--json"))["settings"]["found"]
    monkeypatch.setenv("PLATEFUL_CANDIDATE", "4")
    found = findings(plateful("doctor", "--json"))["settings"]
    assert (found["status"], "PLATEFUL_CANDIDATES" in found["found"]) == ("warn", True)


@pytest.mark.usefixtures("settings")
def test_the_writer_is_asked_whether_it_lets_us_in(
    plateful: Plateful, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATEFUL_WRITER", "llm")
    monkeypatch.setenv("PLATEFUL_WRITER_MODEL", "some-model")
    monkeypatch.setenv("PLATEFUL_WRITER_KEY", "sk-secret")
    monkeypatch.setenv("PLATEFUL_WRITER_URL", f"http://127.0.0.1:{_closed_port()}/v1")
    done = plateful("doctor", "--json")
    assert "does not answer" in findings(done)["writer"]["found"]
    assert "sk-secret" not in done.out
    with answering({"Bearer sk-secret": 200}) as address:
        monkeypatch.setenv("PLATEFUL_WRITER_URL", f"{address}/v1")
        assert findings(plateful("doctor", "--json"))["writer"]["status"] == "ok"
        monkeypatch.setenv("PLATEFUL_WRITER_KEY", "sk-old")
        refused = findings(plateful("doctor", "--json"))["writer"]
    assert "refuses our key: 401" in refused["found"]
    assert refused["fix"] == "see PLATEFUL_WRITER_KEY"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[SnowflakeServer]:
    """Production whose Snowflake answers and whose other services are closed ports."""
    closed = _closed_port()
    with running_snowflake() as server:
        places = {
            "ENV": "production",
            "LAKE_URL": "s3://plateful/live/lake",
            "BUCKET_URL": "s3://plateful/live/published",
            "LEDGER_URL": f"postgresql+psycopg2://plateful@127.0.0.1:{closed}/plateful",
            "LEDGER_PASSWORD": "hunter2",
            "MLFLOW_URL": f"http://127.0.0.1:{closed}",
            "S3_ENDPOINT": f"http://127.0.0.1:{closed}",
        }
        for name, value in places.items():
            monkeypatch.setenv(f"PLATEFUL_{name}", value)
        for name, value in server.variables().items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        yield server


@pytest.mark.usefixtures("settings")
def test_a_cluster_is_looked_at_service_by_service(cluster: SnowflakeServer, plateful: Plateful) -> None:
    done = plateful("doctor", "--json")
    found = findings(done)
    assert done.status == 2
    assert found["warehouse"]["status"] == "ok", found["warehouse"]
    assert found["warehouse"]["found"].startswith("SHOP.PLATEFUL.PUBLISHED_IMAGES on SMALL_WH")
    assert found["settings"]["status"] == found["feed"]["status"] == "ok"
    closed = {"lake", "bucket", "ledger", "mlflow"}
    assert {name: found[name]["status"] for name in closed} == dict.fromkeys(closed, "fail")
    assert "holds no dagster.yaml" in found["dagster"]["found"]
    assert "hunter2" not in done.out
    cluster.asked.faults.refuse.append("MERGE")
    refused = findings(plateful("doctor", "--json"))["warehouse"]
    assert (refused["status"], "INSERT and UPDATE" in refused["fix"]) == ("fail", True)


def test_a_whole_cluster_lacks_nothing(
    cluster: SnowflakeServer,
    settings: Settings,
    plateful: Plateful,
    s3: S3Server,
    s3_prefix: str,
    postgres: PostgresServer,
    postgres_database: str,
    mlflow_server: MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    cluster.execute(
        "CREATE SCHEMA IF NOT EXISTS SHOP.MENUS",
        "CREATE TABLE SHOP.MENUS.ITEMS (product_id TEXT, vendor_id TEXT, country TEXT, name TEXT)",
        "INSERT INTO SHOP.MENUS.ITEMS VALUES ('p', 'v', 'SG', 'Laksa')",
    )
    publish(settings.weights / "plateful-tiny", f"{s3_prefix}/weights/plateful-tiny", S3Options(s3.endpoint))
    password = tmp_path / "password"
    password.write_text(postgres.password)
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    places = {
        "LAKE_URL": f"{s3_prefix}/lake",
        "BUCKET_URL": f"{s3_prefix}/published",
        "LEDGER_URL": postgres.url(postgres_database),
        "LEDGER_PASSWORD_FILE": str(password),
        "MLFLOW_URL": mlflow_server.url,
        "S3_ENDPOINT": s3.endpoint,
        "PUBLIC_URL": "https://img.example.com",
        "WEIGHTS": f"{s3_prefix}/weights",
        "FEED": "snowflake://SHOP.MENUS.ITEMS",
    }
    for name, value in places.items():
        monkeypatch.setenv(f"PLATEFUL_{name}", value)
    for name in ("PLATEFUL_LEDGER_PASSWORD", "PLATEFUL_CLIP"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    done = plateful("doctor", "--json")
    assert done.status == 0, done.out
    found = findings(done)
    assert {name for name, one in found.items() if one["status"] == "warn"} == {"ledger", "gpu", "dagster"}
    assert "none yet" in found["ledger"]["found"]
    assert "fetched at their first use" in found["model"]["found"]
    assert not [key for key in s3.keys("lake") if "probes" in key]
    open_ledger(load_settings().ledger)
    resolve_model("plateful-tiny", load_settings().weight_root)
    found = findings(plateful("doctor", "--json"))
    assert (found["ledger"]["status"], found["judge"]["status"]) == ("ok", "ok")
    assert "are the recorded ones" in found["model"]["found"]
    assert postgres.password not in str(found)


def test_a_silent_service_hides_no_other() -> None:
    silent, answers = socket.socketpair()
    with silent, answers:
        checks = {
            "silent": lambda: ok(str(silent.recv(1))),
            "broken": lambda: ok(str(1 / 0)),
            "good": lambda: ok(""),
        }
        found = {one.name: one for one in run_checks(checks, deadline=1.0, patience=0.5)}
        answers.send(b"x")
    assert [(name, one.status) for name, one in found.items()] == [
        ("silent", Status.FAIL),
        ("broken", Status.FAIL),
        ("good", Status.OK),
    ]
    assert found["silent"].found == "no answer in 0.5 s or longer"
    assert found["broken"].found.startswith("ZeroDivisionError")


def test_checks_that_answer_never_run_side_by_side() -> None:
    running: list[str] = []

    def check(name: str) -> Result:
        running.append(name)
        together = list(running)
        threading.Event().wait(0.05)
        running.remove(name)
        return ok(",".join(together))

    found = run_checks({name: partial(check, name) for name in "abc"})
    assert [one.found for one in found] == ["a", "b", "c"]


def test_a_slow_check_is_heard_after_the_others_have_begun() -> None:
    begun = threading.Event()
    checks = {"slow": lambda: ok(str(begun.wait(5))), "next": lambda: ok(str(begun.set()))}
    assert [one.status for one in run_checks(checks, patience=0.05)] == [Status.OK, Status.OK]


@contextmanager
def answering(keys: dict[str, int]) -> Iterator[str]:
    """A service that answers GET by who asks: status by Authorization header, else 401."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(keys.get(self.headers.get("Authorization", ""), 401))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
