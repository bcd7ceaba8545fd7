"""Every part of the production plane on the loopback, and the settings that lead to it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.plateful.prompts.chat_server import Script, grammar, serving
from tests.plateful.translation.google_service import Service, google_service, write_key
from tests.servers.mlflow import MlflowServer, running_mlflow
from tests.servers.postgres import PostgresServer, running_postgres
from tests.servers.s3 import S3Server, running_s3
from tests.servers.snowflake import SnowflakeServer, running_snowflake

MENU_TABLE = "MENU"


@dataclass(frozen=True)
class Parts:
    """The running parts, and one database each for the ledger and for Dagster."""

    postgres: PostgresServer
    s3: S3Server
    snowflake: SnowflakeServer
    mlflow: MlflowServer
    writer: Script
    translator: Service
    ledger: str
    dagster: str
    folder: Path

    def settings(self) -> dict[str, str]:
        """Return the config map of every pod: nothing in it is secret."""
        return {
            "PLATEFUL_ENV": "production",
            "PLATEFUL_HOME": str(self.folder / "state"),
            "PLATEFUL_FEED": f"snowflake://{self.snowflake.database}.{self.snowflake.schema}.{MENU_TABLE}",
            "PLATEFUL_LAKE_URL": "s3://lake/rehearsal/lake",
            "PLATEFUL_BUCKET_URL": "s3://images/rehearsal/published",
            "PLATEFUL_PUBLIC_URL": f"{self.s3.endpoint}/images/rehearsal/published",
            "PLATEFUL_WEIGHTS": "s3://lake/rehearsal/weights",
            "PLATEFUL_S3_ENDPOINT": self.s3.endpoint,
            "PLATEFUL_S3_REGION": self.s3.region,
            "PLATEFUL_S3_SSE": "AES256",
            "PLATEFUL_LOG_BUCKET": "lake",
            # The log manager is Dagster's and knows no setting of ours.
            "AWS_ENDPOINT_URL_S3": self.s3.endpoint,
            "PLATEFUL_LEDGER_URL": self.postgres.url(self.ledger),
            "DAGSTER_PG_HOST": self.postgres.host,
            "DAGSTER_PG_PORT": str(self.postgres.port),
            "DAGSTER_PG_USERNAME": self.postgres.user,
            "DAGSTER_PG_DB": self.dagster,
            "PLATEFUL_MLFLOW_URL": self.mlflow.url,
            "PLATEFUL_WRITER": "llm",
            "PLATEFUL_WRITER_URL": self.writer.url,
            "PLATEFUL_WRITER_MODEL": "loopback-writer",
            "PLATEFUL_TRANSLATOR": "google",
            "PLATEFUL_TRANSLATOR_URL": self.translator.url,
            "PLATEFUL_TRANSLATOR_PROJECT": "rehearsal",
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.folder / "google-key.json"),
            **self.snowflake.variables(),
        }

    def secrets(self) -> dict[str, str]:
        """Return what pods get from secrets."""
        return {
            **self.s3.environment,
            "PLATEFUL_LEDGER_PASSWORD": self.postgres.password,
            "DAGSTER_PG_PASSWORD": self.postgres.password,
            "PLATEFUL_WRITER_KEY": "loopback-key",
        }


@contextmanager
def running_parts(folder: Path) -> Iterator[Parts]:
    """Start every part, empty, until the block ends.

    Args:
        folder: keeps key files and the pods' state.
    """
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        translator = stack.enter_context(google_service())
        write_key(folder / "google-key.json", translator)
        yield Parts(
            postgres=postgres,
            s3=stack.enter_context(running_s3()),
            snowflake=stack.enter_context(running_snowflake()),
            mlflow=stack.enter_context(running_mlflow()),
            writer=stack.enter_context(serving(grammar)),
            translator=translator,
            ledger=postgres.new_database(),
            dagster=postgres.new_database(),
            folder=folder,
        )
