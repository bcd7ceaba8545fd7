"""Where Plateful runs: one typed set of settings, and the adapters they choose.

Every setting is an environment variable `PLATEFUL_<NAME>`; secrets come from nowhere else. `PLATEFUL_ENV`
chooses infrastructure only (stores and compute); models and thresholds are chosen by their own files. An
unknown value is an error, never a silent default.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from plateful.budgets.policy import DEFAULT_POLICY
from plateful.errors import ConfigError
from plateful.ledger import Ledger
from plateful.prompts.profiles import load_profile
from plateful.prompts.teams import templates_of
from plateful.publishing import MAX_LEFT_SHARE, Bucket
from plateful.stores import DuckDBWarehouse, Lake, Warehouse
from plateful.teams import DEFAULT_TEAM, TeamName
from plateful.tracking import Tracking
from plateful.translation.profiles import GOOGLE_URL, profile_named

ROOT = Path(__file__).resolve().parent.parent
Clock = Callable[[], datetime]


class Environment(StrEnum):
    """The infrastructures that exist. Snowflake, S3 and Postgres join as `production`."""

    LOCAL = "local"


class Settings(BaseSettings):
    """Everything that differs between machines. Paths may be relative to the working directory."""

    model_config = SettingsConfigDict(env_prefix="PLATEFUL_", frozen=True, extra="ignore")

    env: Environment = Environment.LOCAL
    home: Path = Field(
        default=ROOT / ".plateful", description="state folder: lake, warehouse, ledger, Dagster, MLflow"
    )
    feed: str = Field(default=str(ROOT / "examples" / "feed"), description="feed file or folder")
    model: str = Field(default="plateful-tiny", description="catalog id of the model that renders")
    catalog: Path = Field(
        default=ROOT / "plateful" / "models" / "catalog.yaml", description="YAML file of the models by name"
    )
    weights: Path = Field(
        default=ROOT / "plateful" / "models" / "weights", description="folder of embedded weights"
    )
    clip: Path = Field(
        default=ROOT / "plateful" / "models" / "weights" / "plateful-tiny" / "clip",
        description="CLIP that gates and judge look through; not the renderer's, so that versions compare",
    )
    detector: str = Field(
        default="saliency", description="profile in vision/detectors.yaml that finds dishes in vendor photos"
    )
    model_memory: float | None = Field(
        default=None, gt=0, description="GiB of weights kept loaded; unset = a share of the device's memory"
    )
    candidates: int = Field(
        default=2, ge=1, le=16, description="candidates per request; two let ranking choose"
    )
    team: TeamName = Field(default=DEFAULT_TEAM, description="team that pays for what is rendered")
    budgets: Path = Field(default=DEFAULT_POLICY, description="budget policy: limits, prices, over budget")
    max_left_share: float = Field(
        default=MAX_LEFT_SHARE,
        ge=0,
        le=1,
        description="share of a country's live images that one run may retire because products left the feed",
    )
    max_attempts: int = Field(default=3, ge=1, description="failures after which a request is quarantined")
    translator: str = Field(
        default="glossary", description="profile of the translator for what the glossary does not resolve"
    )
    translator_url: str = Field(default=GOOGLE_URL, description="address of the translation service")
    translator_project: str | None = Field(
        default=None, description="cloud project that pays for translation"
    )
    translator_weights: Path | None = Field(
        default=None, description="folder of converted translation models"
    )
    team_templates: Path | None = Field(
        default=None, description="folder of teams' own template fields, one YAML file per team"
    )
    writer: str = Field(default="grammar", description="writer profile: a shipped one, or a YAML file")
    writer_url: str | None = Field(default=None, description="address of the writer's language model")
    writer_model: str | None = Field(default=None, description="name of the writer's language model")
    network: bool = Field(default=False, description="may vendor photos be fetched over the network")
    lease_ttl: float = Field(default=60, ge=1, description="seconds for which a silent run keeps its country")
    lease_wait: float = Field(
        default=75, ge=0, description="seconds to wait for a country that another run holds"
    )
    start_time: float = Field(default=60, ge=1, description="seconds in which a run's process starts")
    metrics_gateway: str | None = Field(
        default=None,
        description="Pushgateway that runs push their figures to; unset = metrics/plateful.prom under home",
    )
    metrics_port: int = Field(
        default=9108, ge=0, le=65_535, description="port of `plateful metrics serve`; 0 = a free one"
    )
    mlflow_url: str = Field(
        default="http://127.0.0.1:5000", description="where people open MLflow, for links"
    )
    public_url: str | None = Field(
        default=None, description="base URL of published images; unset = file URLs"
    )

    @property
    def lake(self) -> str:
        """Root of tables, images and manifests."""
        return str(self.home / "lake")

    @property
    def warehouse(self) -> Path:
        """DuckDB file of published image URLs."""
        return self.home / "warehouse.duckdb"

    @property
    def ledger(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return f"sqlite:///{self.home / 'ledger.sqlite'}"

    @property
    def bucket(self) -> str:
        """Root of published objects."""
        return str(self.home / "bucket")

    @property
    def tracking(self) -> str:
        """MLflow tracking URI."""
        return f"sqlite:///{self.home / 'mlflow' / 'mlflow.sqlite'}"

    @property
    def tracking_artifacts(self) -> str:
        """Folder of MLflow's artifacts."""
        return str(self.home / "mlflow" / "artifacts")

    @property
    def lease_grace(self) -> timedelta:
        """How long a live run may be without a lease: its process starts, then waits for one."""
        return timedelta(seconds=self.start_time + self.lease_wait)

    @property
    def dagster_home(self) -> Path:
        """Folder of Dagster's own storage."""
        return self.home / "dagster"


def load_settings() -> Settings:
    """Read the settings from the environment, with absolute paths.

    Raises:
        ConfigError: a variable has a value outside its type or range, or names no translator, writer or team.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "PLATEFUL_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(
            f"{name}={first['input']!r}: {first['msg']}", fix=f"correct or unset {name}"
        ) from None
    profile_named(settings.translator)
    absolute: dict[str, Path | str] = {
        "home": settings.home.expanduser().resolve(),
        "catalog": settings.catalog.expanduser().resolve(),
        "weights": settings.weights.expanduser().resolve(),
        "clip": settings.clip.expanduser().resolve(),
        "budgets": settings.budgets.expanduser().resolve(),
    }
    if settings.translator_weights is not None:
        absolute["translator_weights"] = settings.translator_weights.expanduser().resolve()
    if settings.team_templates is not None:
        absolute["team_templates"] = settings.team_templates.expanduser().resolve()
    if "://" not in settings.feed:
        absolute["feed"] = str(Path(settings.feed).expanduser().resolve())
    found = settings.model_copy(update=absolute)
    load_profile(found.writer, url=found.writer_url, model=found.writer_model)
    templates_of(found.team, found.team_templates)
    return found


def utc_now() -> datetime:
    """Return the current time in UTC: the clock that production passes in."""
    return datetime.now(UTC)


@lru_cache(maxsize=8)
def open_ledger(url: str) -> Ledger:
    """Return the process's ledger for a URL, migrated to the newest schema."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(url, clock=utc_now)
    ledger.migrate()
    return ledger


@dataclass(frozen=True)
class Adapters:
    """The stores behind one set of settings."""

    lake: Lake
    bucket: Bucket
    warehouse: Warehouse
    ledger: Ledger
    tracking: Tracking


def open_adapters(settings: Settings) -> Adapters:
    """Build the stores of an environment; nothing is held open between calls."""
    settings.home.mkdir(parents=True, exist_ok=True)
    return Adapters(
        lake=Lake(settings.lake),
        bucket=Bucket(settings.bucket, base_url=settings.public_url),
        warehouse=DuckDBWarehouse(settings.warehouse),
        ledger=open_ledger(settings.ledger),
        tracking=Tracking(settings.tracking, settings.tracking_artifacts, ui_url=settings.mlflow_url),
    )
