"""Runs that a webserver queues: what goes wrong before there is one. The rehearsal has them run."""

from collections.abc import Iterator

import dagster as dg
import pytest

from cli.submission import SubmissionError, Webserver
from plateful.errors import ConfigError
from tests.servers.ports import free_port


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.mark.parametrize("url", [None, "", "dagster-webserver:80", "ftp://dagster"])
def test_an_address_that_is_none_is_named(url: str | None, instance: dg.DagsterInstance) -> None:
    with pytest.raises(ConfigError, match="PLATEFUL_DAGSTER_URL"):
        Webserver(url, instance)


def test_a_webserver_that_is_away_is_one_line(instance: dg.DagsterInstance) -> None:
    server = Webserver(f"http://127.0.0.1:{free_port()}", instance)
    with pytest.raises(SubmissionError, match=r"did not take job 'render_country'.*PLATEFUL_DAGSTER_URL"):
        server.submit("render_country", {})


def test_a_deleted_run_is_said(instance: dg.DagsterInstance) -> None:
    server = Webserver("http://127.0.0.1:1", instance)
    with pytest.raises(SubmissionError, match=r"run 0{8} of SG was deleted"):
        server.follow("0" * 36, "SG")
