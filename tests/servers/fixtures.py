"""The servers as fixtures: the slow ones once for a whole test session, with an own place for each test."""

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


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """An S3 server with empty buckets, and its credentials in the environment.

    One for each test: moto keeps one state in a process, which a test that starts a server of its own shares.
    """
    with running_s3() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def s3_prefix() -> str:
    """A prefix that no other test has."""
    return f"s3://lake/{uuid.uuid4().hex}"
