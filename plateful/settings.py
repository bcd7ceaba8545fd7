"""Settings: everything that differs between machines, each an environment variable `PLATEFUL_<NAME>`.

`PLATEFUL_ENV` chooses infrastructure only (stores and compute); models and thresholds are chosen by their own
files. An unknown value is an error, never a silent default.
"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from plateful.budgets.policy import DEFAULT_POLICY
from plateful.errors import ConfigError
from plateful.models.weight_root import WeightRoot, weight_root
from plateful.production import PREFIX, ProductionSettings, check_production, secrets, variable
from plateful.prompts.profiles import load_profile
from plateful.prompts.teams import templates_of
from plateful.publishing import MAX_LEFT_SHARE
from plateful.stores.s3 import S3Options
from plateful.teams import DEFAULT_TEAM, TeamName
from plateful.translation.profiles import GOOGLE_URL, profile_named

ROOT = Path(__file__).resolve().parent.parent
_HOME = ROOT / ".plateful"


class Environment(StrEnum):
    """The infrastructures that exist: files below one folder, or Snowflake, S3, Postgres and servers."""

    LOCAL = "local"
    PRODUCTION = "production"


class Settings(ProductionSettings):
    """Everything that differs between machines. Paths may be relative to the working directory."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    env: Environment = Environment.LOCAL
    home: Path = Field(default=_HOME, description="state folder: lake, warehouse, ledger, Dagster, MLflow")
    feed: str = Field(
        default=str(ROOT / "examples" / "feed"),
        description="feed file or folder, or snowflake://DATABASE.SCHEMA.TABLE",
    )
    model: str = Field(default="plateful-tiny", description="catalog id of the model that renders")
    catalog: Path = Field(
        default=ROOT / "plateful" / "models" / "catalog.yaml", description="YAML file of the models by name"
    )
    weights: Path = Field(
        default=ROOT / "plateful" / "models" / "weights",
        description="folder of weights; given as s3://bucket/prefix it is `weights_url`, and this the cache",
    )
    weights_url: str | None = Field(
        default=None, description="where PLATEFUL_WEIGHTS=s3://... says that weights are fetched from"
    )
    weight_cache: Path = Field(
        default_factory=lambda given: given["home"] / "weights",
        description="this node's folder of fetched weights; unset = in the state folder",
    )
    clip: str = Field(
        default=str(ROOT / "plateful" / "models" / "weights" / "plateful-tiny" / "clip"),
        description="CLIP that gates and judge look through, a folder or s3://bucket/prefix/<set>/<part>; "
        "not the renderer's, so that versions compare; unset = plateful-tiny's, in the bucket of "
        "PLATEFUL_WEIGHTS if that is one",
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
    photo_buckets: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9](,|$))*$",
        description="S3 buckets, separated by commas, whose pictures a feed may name",
    )
    lease_ttl: float = Field(default=60, ge=1, description="seconds for which a silent run keeps its country")
    lease_wait: float = Field(
        default=75, ge=0, description="seconds to wait for a country that another run holds"
    )
    start_time: float = Field(default=60, ge=1, description="seconds in which a run's process starts")
    mlflow_url: str = Field(
        default="http://127.0.0.1:5000", description="where people open MLflow, for links"
    )
    public_url: str | None = Field(
        default=None, description="base URL of published images; unset = file URLs"
    )

    @model_validator(mode="before")
    @classmethod
    def _weights_in_a_bucket(cls, given: dict[str, Any]) -> dict[str, Any]:
        if "weights_url" in given:
            raise ConfigError(
                "PLATEFUL_WEIGHTS_URL is no setting", fix="set PLATEFUL_WEIGHTS=s3://... instead"
            )
        address = given.get("weights")
        if not isinstance(address, str) or "://" not in address:
            return given
        cache = given.get("weight_cache") or Path(given.get("home", _HOME)) / "weights"
        url = address.rstrip("/")
        clip = given.get("clip") or f"{url}/plateful-tiny/clip"
        return {**given, "weights": cache, "weight_cache": cache, "weights_url": url, "clip": clip}

    @model_validator(mode="after")
    def _complete(self) -> "Settings":
        if self.env is Environment.PRODUCTION:
            check_production(self)
        return self

    @property
    def s3(self) -> S3Options:
        """How S3 is reached, for every store that is there."""
        return S3Options(self.s3_endpoint, self.s3_region, self.s3_sse, self.s3_kms_key)

    @property
    def photo_bucket_names(self) -> list[str]:
        """The buckets whose pictures a feed may name."""
        return [name for name in self.photo_buckets.split(",") if name]

    @property
    def weight_root(self) -> WeightRoot:
        """Where sets of weights are looked for."""
        return weight_root(self.weights_url or str(self.weights), self.weight_cache, self.s3)

    @property
    def lake(self) -> str:
        """Root of tables, images and manifests."""
        return self._chosen(self.lake_url, self.home / "lake")

    @property
    def warehouse(self) -> str:
        """DuckDB file of published image URLs, or where they are in Snowflake: snowflake://ACCOUNT/DB/SCHEMA."""
        place = (self.snowflake_account, self.snowflake_database, self.snowflake_schema)
        return self._chosen(f"snowflake://{'/'.join(map(str, place))}", self.home / "warehouse.duckdb")

    @property
    def ledger(self) -> str:
        """SQLAlchemy URL of the ledger, without a password."""
        return self._chosen(self.ledger_url, f"sqlite:///{self.home / 'ledger.sqlite'}")

    @property
    def bucket(self) -> str:
        """Root of published objects."""
        return self._chosen(self.bucket_url, self.home / "bucket")

    @property
    def tracking(self) -> str:
        """MLflow tracking URI."""
        return self._chosen(self.mlflow_url, f"sqlite:///{self.home / 'mlflow' / 'mlflow.sqlite'}")

    @property
    def tracking_artifacts(self) -> str | None:
        """Folder of MLflow's artifacts, None where the MLflow server decides."""
        production = self.env is Environment.PRODUCTION
        return None if production else str(self.home / "mlflow" / "artifacts")

    def _chosen(self, production: str | None, local: str | Path) -> str:
        # `check_production` has seen to it that production's value is there.
        return str(production if self.env is Environment.PRODUCTION else local)

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
        ConfigError: a variable has a value outside its type or range, names no translator, writer or team, or
            production lacks settings.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise _explained(error) from None
    profile_named(settings.translator)
    found = settings.model_copy(update=_absolute(settings))
    load_profile(found.writer, url=found.writer_url, model=found.writer_model)
    templates_of(found.team, found.team_templates)
    return found


def secret(name: str) -> str | None:
    """Return a secret as the environment has it now, for adapters that are opened far from the settings.

    Raises:
        ConfigError: its file cannot be read.
        KeyError: no secret setting has that name.
    """
    if name not in secrets(Settings):
        raise KeyError(name)
    value = getattr(Settings(), name)
    return None if value is None else value.get_secret_value()


def _explained(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    name = variable("_".join(str(part) for part in first["loc"]))
    shown = "***" if str(first["loc"][0]) in secrets(Settings) else repr(first["input"])
    return ConfigError(f"{name}={shown}: {first['msg']}", fix=f"correct or unset {name}")


def _absolute(settings: Settings) -> dict[str, Path | str]:
    paths = {
        name: value.expanduser().resolve()
        for name in Settings.model_fields
        if isinstance(value := getattr(settings, name), Path)
    }
    places = {
        name: str(Path(value).expanduser().resolve())
        for name in ("feed", "clip")
        if "://" not in (value := getattr(settings, name))
    }
    return {**paths, **places}
