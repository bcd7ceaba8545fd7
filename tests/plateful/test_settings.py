"""Settings: what is needed where, what is refused, and that secrets stay secret."""

import logging
from pathlib import Path

import pytest

from plateful.environments import (
    Environment,
    Settings,
    load_settings,
    open_adapters,
    open_warehouse,
)
from plateful.errors import ConfigError
from plateful.production import REQUIRED, variable
from plateful.settings import secret
from plateful.stores import DuckDBWarehouse
from plateful.stores.snowflake import SnowflakeWarehouse
from resources.environment import build_resources
from resources.stores import LedgerResource, SnowflakeWarehouseResource

SECRET = "s3cret/p@ss word"  # noqa: S105
PRODUCTION = {
    "env": "production",
    "lake_url": "s3://plateful/live/lake",
    "bucket_url": "s3://plateful/live/published",
    "ledger_url": "postgresql+psycopg2://plateful@db.example.com:5432/plateful",
    "mlflow_url": "https://mlflow.example.com",
    "feed": "snowflake://SHOP.MENUS.PRODUCTS",
    "snowflake_account": "ORG-ACCOUNT",
    "snowflake_user": "PLATEFUL",
    "snowflake_role": "PLATEFUL_WRITER",
    "snowflake_database": "SHOP",
    "snowflake_schema": "PLATEFUL",
    "snowflake_warehouse": "SMALL_WH",
    "snowflake_private_key_file": "/var/run/secrets/rsa_key.p8",
}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A complete production environment, in which nothing is reached."""
    for name, value in {**PRODUCTION, "home": str(tmp_path)}.items():
        monkeypatch.setenv(variable(name), value)
    return monkeypatch


def refusal() -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_settings()
    return caught.value


def test_production_chooses_production_places(production: pytest.MonkeyPatch) -> None:
    del production
    settings = load_settings()
    assert settings.env is Environment.PRODUCTION
    assert (settings.lake, settings.bucket) == (PRODUCTION["lake_url"], PRODUCTION["bucket_url"])
    assert (settings.ledger, settings.tracking) == (PRODUCTION["ledger_url"], PRODUCTION["mlflow_url"])
    assert settings.warehouse == "snowflake://ORG-ACCOUNT/SHOP/PLATEFUL"
    assert settings.tracking_artifacts is None
    assert isinstance(open_warehouse(settings), SnowflakeWarehouse)
    assert isinstance(build_resources(settings)["warehouse"], SnowflakeWarehouseResource)


def test_local_needs_nothing_and_stays_in_its_folder(settings: Settings) -> None:
    assert settings.env is Environment.LOCAL
    places = (settings.lake, settings.bucket, settings.warehouse, settings.ledger, settings.tracking)
    assert all(str(settings.home) in place for place in places)
    assert isinstance(open_adapters(settings).warehouse, DuckDBWarehouse)


def test_all_that_production_lacks_is_named_at_once(production: pytest.MonkeyPatch) -> None:
    for name in REQUIRED:
        production.delenv(variable(name))
    error = refusal()
    assert all(variable(name) in error.message for name in REQUIRED)
    assert all(what in error.fix for what in REQUIRED.values())


@pytest.mark.parametrize("name", REQUIRED)
def test_no_default_stands_in_for_a_missing_one(production: pytest.MonkeyPatch, name: str) -> None:
    production.delenv(variable(name))
    assert refusal().message == f"PLATEFUL_ENV=production lacks {variable(name)}"
    production.setenv(variable(name), "")
    assert variable(name) in refusal().message


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("env", "prod", "PLATEFUL_ENV='prod'"),
        ("lake_url", "/mnt/lake", "not a prefix in an S3 bucket"),
        ("lake_url", "s3://plateful", "not a prefix in an S3 bucket"),
        ("bucket_url", "s3://plateful/live/lake/published", "inside each other"),
        ("bucket_url", "s3://plateful/live/lake/", "inside each other"),
        ("ledger_url", "sqlite:////tmp/ledger.sqlite", "not a Postgres address"),
        ("ledger_url", "postgresql://plateful@db/plateful", "not a Postgres address"),
        ("s3_sse", "none", "PLATEFUL_S3_SSE='none'"),
        ("s3_kms_key", "arn:aws:kms:x", "PLATEFUL_S3_KMS_KEY is set"),
        ("snowflake_port", "70000", "PLATEFUL_SNOWFLAKE_PORT='70000'"),
        ("weights_url", "s3://plateful/weights", "PLATEFUL_WEIGHTS_URL is no setting"),
    ],
)
def test_a_value_of_another_kind_is_refused(
    production: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    production.setenv(variable(name), value)
    assert told in refusal().message


def test_a_password_in_an_address_is_refused_without_repeating_it(production: pytest.MonkeyPatch) -> None:
    production.setenv("PLATEFUL_LEDGER_URL", "postgresql+psycopg2://plateful:hunter2@db:5432/plateful")
    error = refusal()
    assert "PLATEFUL_LEDGER_PASSWORD_FILE" in error.fix
    assert "hunter2" not in str(error)


def test_secrets_are_shown_nowhere(
    production: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    production.setenv("PLATEFUL_LEDGER_PASSWORD", SECRET)
    production.setenv("PLATEFUL_SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", SECRET)
    settings = load_settings()
    print(settings, repr(settings), settings.model_dump(), settings.model_dump_json())
    logging.getLogger("test").warning("%s", settings)
    print(build_resources(settings), open_warehouse(settings))
    shown = capsys.readouterr().out + caplog.text
    assert "PLATEFUL_WRITER" in shown
    assert SECRET not in shown
    config = LedgerResource(url=settings.ledger).model_dump_json()
    assert SECRET not in config


def test_a_secret_may_be_a_mounted_file(production: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n")
    production.setenv("PLATEFUL_LEDGER_PASSWORD_FILE", str(file))
    password = load_settings().ledger_password
    assert password is not None
    assert password.get_secret_value() == SECRET == secret("ledger_password")
    file.write_text("rotated")
    assert secret("ledger_password") == "rotated"


def test_a_secret_file_that_gives_none_is_named(production: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    production.setenv("PLATEFUL_LEDGER_PASSWORD_FILE", str(file))
    assert "No such file" in refusal().message
    file.write_text("\n")
    assert "is empty" in refusal().message
    file.write_bytes(b"\xff\xfe")
    assert "not text" in refusal().message
    file.write_text("from the file")
    production.setenv("PLATEFUL_LEDGER_PASSWORD", SECRET)
    error = refusal()
    assert error.message == "PLATEFUL_LEDGER_PASSWORD and PLATEFUL_LEDGER_PASSWORD_FILE are both set"
    assert SECRET not in str(error)


def test_weights_in_a_bucket_are_cached_on_this_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLATEFUL_HOME", str(tmp_path))
    monkeypatch.setenv("PLATEFUL_WEIGHTS", "s3://plateful/live/weights/")
    settings = load_settings()
    assert settings.weights_url == "s3://plateful/live/weights"
    assert settings.weights == settings.weight_cache == tmp_path / "weights"
    monkeypatch.setenv("PLATEFUL_WEIGHT_CACHE", str(tmp_path / "node"))
    assert load_settings().weights == tmp_path / "node"
    monkeypatch.setenv("PLATEFUL_WEIGHTS", str(tmp_path / "own"))
    assert (load_settings().weights, load_settings().weights_url) == (tmp_path / "own", None)


def test_no_secret_setting_has_another_name() -> None:
    with pytest.raises(KeyError):
        secret("snowflake_user")
