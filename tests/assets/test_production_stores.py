"""The main job on production's stores: S3, Postgres, Snowflake, an MLflow server; weights from the bucket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.mainjob import run_countries
from plateful.environments import Settings, load_settings, open_adapters
from plateful.models.weight_store import publish
from plateful.stores.s3 import S3Options
from tests.cli.conftest import Plateful, plateful
from tests.servers.mlflow import MlflowServer
from tests.servers.postgres import PASSWORD, PostgresServer
from tests.servers.s3 import S3Server
from tests.servers.snowflake import running_snowflake

__all__ = ["plateful"]


@pytest.fixture
def production(
    settings: Settings,
    s3: S3Server,
    s3_prefix: str,
    postgres: PostgresServer,
    postgres_database: str,
    mlflow_server: MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """Production's settings in the environment, with the micro family's weights in the bucket."""
    places = {
        "ENV": "production",
        "LAKE_URL": f"{s3_prefix}/live/lake",
        "BUCKET_URL": f"{s3_prefix}/live/published",
        "WEIGHTS": f"{s3_prefix}/weights",
        "PUBLIC_URL": "https://images.example.com",
        "S3_ENDPOINT": s3.endpoint,
        "S3_REGION": s3.region,
        "S3_SSE": "AES256",
        "LEDGER_URL": postgres.url(postgres_database),
        "LEDGER_PASSWORD": PASSWORD,
        "MLFLOW_URL": mlflow_server.url,
    }
    for name, value in places.items():
        monkeypatch.setenv(f"PLATEFUL_{name}", value)
    monkeypatch.delenv("PLATEFUL_CLIP")
    publish(
        settings.weights / "plateful-tiny",
        f"{s3_prefix}/weights/plateful-tiny",
        S3Options(s3.endpoint, s3.region),
    )
    with running_snowflake() as server:
        for name, value in server.variables().items():
            monkeypatch.setenv(name, value)
        yield load_settings()


@pytest.mark.timeout(900)  # five servers start and the country runs twice
def test_a_country_is_published_once_and_rendered_once(
    production: Settings, s3: S3Server, s3_prefix: str, plateful: Plateful
) -> None:
    first = run_countries(production, ["SG"]).summary["total"]
    assert first["rows_in"] == first["products"] == first["without_images"] == 3
    assert first["candidates"] == first["rendered_now"] == 6
    again = run_countries(production, ["SG"]).summary["total"]
    assert (again["rendered_now"], again["published"]) == (0, first["published"])
    adapters = open_adapters(production)
    candidates = adapters.lake.read_table("generated_candidates", "SG")
    prefix = s3_prefix.removeprefix("s3://lake/")
    assert len(s3.keys("lake", f"{prefix}/live/lake/images")) >= candidates.height == 6
    objects = s3.keys("lake", f"{prefix}/live/published")
    rows = adapters.warehouse.published("SG")
    assert len(objects) >= rows.height == first["published"] == len(adapters.ledger.publications("SG"))
    assert {day.reserved for day in adapters.ledger.budgets.team_days()} <= {0}
    head = s3.client().head_object(
        Bucket="lake", Key=f"{prefix}/live/lake/tables/products/country=SG/part.parquet"
    )
    assert head["ServerSideEncryption"] == "AES256"
    local = [
        path for path in Path(production.home).rglob("*") if path.suffix in (".parquet", ".png", ".duckdb")
    ]
    assert local == [], "nothing falls back to this machine"
    checked = {one["name"]: one for one in plateful("doctor", "--json").json}
    unwell = {
        name: checked[name]
        for name in ("lake", "bucket", "ledger", "warehouse", "mlflow", "model")
        if checked[name]["status"] != "ok"
    }
    assert unwell == {}
