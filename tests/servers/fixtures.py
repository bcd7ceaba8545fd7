"""The servers as fixtures: one of each for a whole test session, an own place in it for each test."""

import uuid
from collections.abc import Iterator

import pytest

from tests.servers.mlflow import MlflowServer, running_mlflow
from tests.servers.postgres import PostgresServer, running_postgres
from tests.servers.s3 import S3Server, running_s3


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[str]:
    """The name of an empty database."""
    name = postgres.new_database()
    yield name
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[MlflowServer]:
    with running_mlflow() as server:
        yield server


@pytest.fixture(scope="session")
def _s3() -> Iterator[S3Server]:
    with running_s3() as server:
        yield server


@pytest.fixture
def s3(_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The S3 server without faults, and its credentials in the environment."""
    for name, value in _s3.environment.items():
        monkeypatch.setenv(name, value)
    _s3.requests.clear()
    yield _s3
    _s3.faults.clear()


@pytest.fixture
def s3_prefix() -> str:
    """A prefix that no other test has."""
    return f"s3://lake/{uuid.uuid4().hex}"
