"""A country on production's stores, run in this process: what fault tests break, run again and count."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.mainjob import run_countries
from plateful.environments import Settings, load_settings, open_adapters
from plateful.models.versions import WEIGHTS_ROOT
from plateful.models.weight_store import publish
from plateful.stores.s3 import S3Options
from tests.servers.mlflow import MlflowServer
from tests.servers.postgres import PASSWORD, PostgresServer
from tests.servers.s3 import S3Server
from tests.servers.snowflake import SnowflakeServer, running_snowflake

COUNTRY = "SG"
# The profile of the micro family; what a kill may render again.
BATCH = 16


@dataclass(frozen=True)
class Shop:
    """The country's settings, its servers, and the prefix that no other test has."""

    settings: Settings
    s3: S3Server
    prefix: str
    snowflake: SnowflakeServer
    postgres: PostgresServer
    database: str

    def run(self) -> dict[str, int]:
        """Run the main job for the country and return its counts, which the command has added up."""
        done = run_countries(load_settings(), [COUNTRY])
        done.raise_for_failed()
        return done.summary["total"]

    def start(self) -> subprocess.Popen[str]:
        """Run it in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "cli", "run", "--country", COUNTRY, "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ.copy(),
        )

    def pictures(self) -> list[str]:
        """Keys of the stored candidates."""
        folder = f"{self.prefix.removeprefix('s3://lake/')}/live/lake/images"
        return self.s3.keys("lake", folder)

    def renders(self) -> int:
        """How many candidate pictures were sent to the store, those that were there already included."""
        return sum(1 for method, path in self.s3.requests if method == "PUT" and "/live/lake/images/" in path)

    def check(self, total: dict[str, int], candidates: int) -> None:
        """Compare what a run counted with the stores: one object and one row per image, no money held.

        Args:
            total: the run's counts.
            candidates: how many the country has.
        """
        adapters = open_adapters(self.settings)
        assert total["rows_in"] == total["rows_rejected"] + total["products"]
        ended = ("published", "pending_review", "rejected", "quarantined")
        assert total["without_images"] == sum(total[name] for name in ended)
        rendered = adapters.lake.read_table("generated_candidates", COUNTRY)
        assert rendered.height == rendered["candidate_id"].n_unique() == candidates == total["candidates"]
        assert len(self.pictures()) == candidates
        rows = adapters.warehouse.published(COUNTRY)
        assert rows.height == rows["image_id"].n_unique() == total["published"]
        objects = self.s3.keys("lake", f"{self.prefix.removeprefix('s3://lake/')}/live/published")
        assert len(objects) == rows["object_sha256"].n_unique()
        published = adapters.ledger.publications(COUNTRY)
        assert len(published) == rows.height
        assert {day.reserved for day in adapters.ledger.budgets.team_days()} <= {0}
        with closing(self.postgres.connect(self.database)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*), COUNT(DISTINCT candidate_id) FROM charges")
            charged, distinct = cursor.fetchone() or (0, 0)
        assert distinct == candidates
        assert charged <= candidates + BATCH


@pytest.fixture(scope="session")
def weight_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The machine's copy of weights that a bucket serves."""
    return tmp_path_factory.mktemp("weight-cache")


@pytest.fixture
def shop(
    settings: Settings,  # noqa: ARG001 - it sets the state folder and the feed
    weight_cache: Path,
    s3: S3Server,
    s3_prefix: str,
    postgres: PostgresServer,
    postgres_database: str,
    mlflow_server: MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    """Production's settings in the environment; the shipped family's weights, for noise passes no gate."""
    weights = f"{s3_prefix}/weights"
    publish(WEIGHTS_ROOT / "plateful-tiny", f"{weights}/plateful-tiny", S3Options(s3.endpoint, s3.region))
    places = {
        "ENV": "production",
        "WEIGHTS": weights,
        "WEIGHT_CACHE": str(weight_cache),
        "LAKE_URL": f"{s3_prefix}/live/lake",
        "BUCKET_URL": f"{s3_prefix}/live/published",
        "PUBLIC_URL": "https://images.example.com",
        "S3_ENDPOINT": s3.endpoint,
        "S3_REGION": s3.region,
        "S3_SSE": "AES256",
        "LEDGER_URL": postgres.url(postgres_database),
        "LEDGER_PASSWORD": PASSWORD,
        "MLFLOW_URL": mlflow_server.url,
        "LEASE_TTL": "3",
    }
    for name, value in places.items():
        monkeypatch.setenv(f"PLATEFUL_{name}", value)
    monkeypatch.delenv("PLATEFUL_CLIP")
    with running_snowflake() as server:
        for name, value in server.variables().items():
            monkeypatch.setenv(name, value)
        s3.requests.clear()
        yield Shop(load_settings(), s3, s3_prefix, server, postgres, postgres_database)
