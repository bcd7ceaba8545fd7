"""What the production infrastructure needs: S3, Postgres, Snowflake, an MLflow server.

Secrets come from an environment variable or from the file that the same name with `_FILE` gives; they are
`SecretStr`, so that neither logs nor the Dagster UI show them. AWS credentials are boto's own business.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from plateful.errors import ConfigError

PREFIX = "PLATEFUL_"
# Setting -> what to set it to. Defaults would be somebody else's place, so production has none of these.
REQUIRED: dict[str, str] = {
    "lake_url": "s3://bucket/<environment>/lake",
    "bucket_url": "s3://bucket/<environment>/published",
    "ledger_url": "postgresql+psycopg2://user@host:5432/plateful",
    "mlflow_url": "the MLflow server's address",
    "feed": "snowflake://DATABASE.SCHEMA.TABLE, or a feed's file or folder",
    "snowflake_account": "the account identifier, ORGANISATION-ACCOUNT",
    "snowflake_user": "the service user",
    "snowflake_role": "the role that may read feeds and write published_images",
    "snowflake_database": "the database of published_images",
    "snowflake_schema": "its schema",
    "snowflake_warehouse": "the warehouse that publishes",
    "snowflake_private_key_file": "a mounted file with the user's RSA key (PEM)",
}


class ProductionSettings(BaseSettings):
    """Settings that only the production infrastructure reads (Snowflake's also a Snowflake feed)."""

    lake_url: str | None = Field(default=None, description="root of tables, images and manifests")
    bucket_url: str | None = Field(default=None, description="root of published objects")
    ledger_url: str | None = Field(
        default=None, description="SQLAlchemy URL of the ledger, no password in it"
    )
    ledger_password: SecretStr | None = Field(default=None, description="password of the ledger's user")
    s3_endpoint: str | None = Field(default=None, pattern="^https?://[^@]+$", description="unset = AWS")
    s3_region: str | None = Field(default=None, description="region of the buckets; unset = boto's own")
    s3_sse: Literal["AES256", "aws:kms"] | None = Field(
        default=None, description="server-side encryption; unset = what the bucket does by itself"
    )
    s3_kms_key: str | None = Field(default=None, description="key id or ARN for aws:kms")
    snowflake_account: str | None = None
    snowflake_user: str | None = None
    snowflake_role: str | None = None
    snowflake_database: str | None = None
    snowflake_schema: str | None = None
    snowflake_warehouse: str | None = None
    snowflake_feed_warehouse: str | None = Field(
        default=None, description="warehouse that reads feeds; unset = the one that publishes"
    )
    snowflake_private_key_file: Path | None = None
    snowflake_private_key_passphrase: SecretStr | None = None
    snowflake_host: str | None = Field(default=None, description="unset = <account>.snowflakecomputing.com")
    snowflake_port: int = Field(default=443, ge=1, le=65535)
    snowflake_protocol: Literal["https", "http"] = "https"
    dagster_url: str | None = Field(
        default=None,
        description="Dagster webserver that commands submit runs to; unset = run in the command",
    )
    compile_cache_key: SecretStr | None = Field(
        default=None, description="signs compile caches; unset = none are built or loaded"
    )
    metrics_gateway: str | None = Field(
        default=None,
        description="Pushgateway that runs push their figures to; unset = metrics/plateful.prom under home",
    )
    metrics_port: int = Field(
        default=9108, ge=0, le=65_535, description="port of `plateful metrics serve`; 0 = a free one"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        **_others: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then variables, then the files that variables name."""
        return init_settings, env_settings, SecretFiles(settings_cls)


class PodSettings(BaseSettings):
    """What pods of this installation get; op tags are made while code loads, before any other setting."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    gpu_image: str | None = Field(default=None, description="image with CUDA, for steps on GPU nodes")
    node_cache: str | None = Field(
        default=None,
        pattern=r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$",
        description="folder of each GPU node where its pods share weights and compiled kernels; unset = each "
        "pod has its own",
    )

    @classmethod
    def load(cls) -> "PodSettings":
        """Read them from the environment.

        Raises:
            ConfigError: the folder is not an absolute path.
        """
        try:
            return cls()
        except ValidationError as error:
            value = error.errors()[0]["input"]
            raise ConfigError(
                f"{variable('node_cache')}={value!r} is not a folder of a node",
                fix="write an absolute path, e.g. /var/lib/plateful/cache; no name in it begins with a dot",
            ) from None

    def image(self, role: str | None) -> str | None:
        """Return the image of a compute profile's role; None = the image that the run was started from."""
        return None if role is None else getattr(self, f"{role}_image")


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def secrets(model: type[BaseSettings]) -> list[str]:
    """Return the names of a model's secret settings."""
    return [name for name, field in model.model_fields.items() if "SecretStr" in str(field.annotation)]


class SecretFiles(PydanticBaseSettingsSource):
    """The content of `PLATEFUL_<SECRET>_FILE`, less the line break at its end."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return one secret's content, None without a file; part of pydantic's protocol."""
        del field
        return _file_content(field_name, os.environ), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the secrets that have a file.

        Raises:
            ConfigError: a file cannot be read or is empty, or the variable itself is set as well.
        """
        found = {name: _file_content(name, os.environ) for name in secrets(self.settings_cls)}
        return {name: content for name, content in found.items() if content is not None}


def _file_content(name: str, environment: Mapping[str, str]) -> str | None:
    file = f"{variable(name)}_FILE"
    path = environment.get(file)
    if not path:
        return None
    if variable(name) in environment:
        raise ConfigError(f"{variable(name)} and {file} are both set", fix="unset one of them")
    try:
        content = Path(path).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as fault:
        reason = getattr(fault, "strerror", None) or "not text"
        raise ConfigError(f"{file}={path!r}: {reason}", fix="mount the secret's file there") from None
    if not content:
        raise ConfigError(f"{file}={path!r} is empty", fix="put the secret into it, as one line")
    return content


def check_production(settings: ProductionSettings) -> None:
    """Return when settings can run the production infrastructure.

    Raises:
        ConfigError: settings are missing (one error for all), or an address is not of production's kind.
    """
    missing = [name for name in REQUIRED if not _is_set(settings, name)]
    if missing:
        raise ConfigError(
            f"PLATEFUL_ENV=production lacks {', '.join(variable(name) for name in missing)}",
            fix="set " + "; ".join(f"{variable(name)} to {REQUIRED[name]}" for name in missing),
        )
    _check_stores(str(settings.lake_url), str(settings.bucket_url))
    _check_ledger(str(settings.ledger_url))
    if settings.s3_kms_key and settings.s3_sse != "aws:kms":
        raise ConfigError(
            f"PLATEFUL_S3_KMS_KEY is set, but PLATEFUL_S3_SSE is {settings.s3_sse}",
            fix="set PLATEFUL_S3_SSE=aws:kms, or unset the key",
        )


def _is_set(settings: ProductionSettings, name: str) -> bool:
    """Whether somebody gave a value: a default is not one."""
    value = getattr(settings, name)
    return name in settings.model_fields_set and value not in (None, "", Path())


def _check_stores(lake: str, bucket: str) -> None:
    for name, url in (("lake_url", lake), ("bucket_url", bucket)):
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+/[^/?#]+(/[^/?#]+)*/?", url):
            raise ConfigError(
                f"{variable(name)}={url!r} is not a prefix in an S3 bucket",
                fix=f"write {REQUIRED[name]}: each environment has a prefix of its own",
            )
    one, other = f"{lake.rstrip('/')}/", f"{bucket.rstrip('/')}/"
    if one.startswith(other) or other.startswith(one):
        raise ConfigError(
            f"PLATEFUL_LAKE_URL={lake!r} and PLATEFUL_BUCKET_URL={bucket!r} lie inside each other",
            fix="give them separate prefixes: what is in the bucket is public",
        )


def _check_ledger(url: str) -> None:
    parts = urlsplit(url)
    if parts.password is not None:
        raise ConfigError(
            "PLATEFUL_LEDGER_URL holds a password",
            fix="leave it out (user@host) and set PLATEFUL_LEDGER_PASSWORD or PLATEFUL_LEDGER_PASSWORD_FILE",
        )
    if parts.scheme != "postgresql+psycopg2":
        raise ConfigError(
            f"PLATEFUL_LEDGER_URL={url!r} is not a Postgres address",
            fix=f"write {REQUIRED['ledger_url']}",
        )
