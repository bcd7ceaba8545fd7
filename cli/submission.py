"""Jobs where production runs them: queued at the Dagster webserver, run by its launcher, followed from here.

A command that is told to end cancels its runs; one that dies leaves them running, and the same command later
finds their work done.
"""

import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import dagster as dg
from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError
from requests.exceptions import RequestException

from plateful import progress
from plateful.errors import ConfigError, PlatefulError
from resources.dead_runs import run_is_finished

# Runs last minutes to hours; each look is one row of Dagster's storage.
POLL_SECONDS = 2.0
FINISHED_STEPS = frozenset({"SUCCESS", "FAILURE", "SKIPPED"})


class SubmissionError(PlatefulError):
    """The Dagster webserver did not take a run."""


class Webserver:
    """The Dagster webserver that queues runs.

    Args:
        url: its address.
        instance: the storage that it, its runs and this process share.

    Raises:
        ConfigError: no address, or one that is not http(s).
    """

    def __init__(self, url: str | None, instance: dg.DagsterInstance) -> None:
        parts = urlsplit(url or "")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"PLATEFUL_DAGSTER_URL={url!r} is not the address of a Dagster webserver",
                fix="set it, e.g. to http://dagster-webserver:80",
            )
        self.url, self._instance = url, instance
        self._host, self._port, self._https = parts.hostname, parts.port, parts.scheme == "https"

    def submit(self, job: str, tags: Mapping[str, str]) -> str:
        """Queue a run of a job and return its id.

        Raises:
            SubmissionError: the webserver is not reached, or refused.
        """
        try:
            return self._client().submit_job_execution(job, tags=dict(tags), run_config={})
        except (DagsterGraphQLClientError, RequestException, OSError) as error:
            raise self._unreached(f"did not take job {job!r}", error) from error

    def cancel(self, run_id: str) -> None:
        """End a run, queued or started, with its pods; nothing happens to one that has ended.

        Raises:
            SubmissionError: the webserver is not reached.
        """
        if run_is_finished(self._instance, run_id):
            return
        try:
            self._client().terminate_run(run_id)
        except (DagsterGraphQLClientError, RequestException, OSError) as error:
            raise self._unreached(f"did not end run {run_id[:8]}", error) from error

    def follow(self, run_id: str, what: str) -> dg.DagsterRun:
        """Wait until a run has finished, reporting its steps as progress, and return it.

        Raises:
            SubmissionError: the run is gone from Dagster's storage.
        """
        while True:
            run = self._instance.get_run_by_id(run_id)
            if run is None:
                raise SubmissionError(
                    f"run {run_id[:8]} of {what} was deleted", fix="run the same command again"
                )
            self._report(run, what)
            if run.is_finished:
                return run
            time.sleep(POLL_SECONDS)

    def _report(self, run: dg.DagsterRun, what: str) -> None:
        steps = self._instance.get_run_step_stats(run.run_id)
        done = sum(1 for step in steps if step.status and step.status.value in FINISHED_STEPS)
        if steps:
            progress.report(f"{what}, steps begun and done", done, len(steps))

    def _client(self) -> DagsterGraphQLClient:
        return DagsterGraphQLClient(
            str(self._host), port_number=self._port, use_https=self._https, timeout=60
        )

    def _unreached(self, what: str, error: Exception) -> SubmissionError:
        detail = " ".join(str(error).split())[:300]
        return SubmissionError(
            f"Dagster webserver {self.url} {what}: {detail}",
            fix="check PLATEFUL_DAGSTER_URL and that the webserver runs and has loaded the code",
        )
