"""One experiment of an MLflow store: connection, search of its runs, links, and errors in one line."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from plateful.errors import StoreError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

SETTINGS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    # Its default of seven keeps a step waiting for four minutes; four bridge a server's restart.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "4",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
PAGE = 1000  # MLflow's default page of search results


class MlflowStore:
    """An experiment in MLflow; opens no connection until first used.

    Args:
        tracking_uri: `sqlite:///<file>` or an MLflow server's address; the registry is the same.
        artifact_root: folder or URI under which a new experiment keeps its artifacts, None where the MLflow
            server decides.
        ui_url: where MLflow's pages are served, for links.
        experiment: experiment that holds the runs.
    """

    def __init__(
        self,
        tracking_uri: str,
        artifact_root: str | None,
        *,
        ui_url: str = "http://127.0.0.1:5000",
        experiment: str = "plateful",
    ) -> None:
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        self.tracking_uri = tracking_uri
        if artifact_root is not None and "://" not in artifact_root:
            artifact_root = Path(artifact_root).resolve().as_uri()
        self.artifact_root = artifact_root
        self.ui_url = ui_url.rstrip("/")
        self.experiment = experiment
        self._connected: MlflowClient | None = None

    def probe(self) -> None:
        """Return when MLflow answers and lets us read.

        Raises:
            StoreError: it refuses.
        """
        with self._explained():
            self._client.search_experiments(max_results=1)

    @property
    def _client(self) -> "MlflowClient":
        if self._connected is None:
            self._connected = _connect(self.tracking_uri)
        return self._connected

    @contextmanager
    def _explained(self) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as fault:
            raise StoreError(
                f"MLflow at {self.tracking_uri} refused: {fault.message}",
                fix="check the tracking address and that no older MLflow wrote this database",
            ) from fault

    def _experiment_id(self) -> str:
        found = self._client.get_experiment_by_name(self.experiment)
        return (
            found.experiment_id
            if found
            else self._client.create_experiment(self.experiment, self.artifact_root)
        )

    def _runs(self, where: str) -> list["Run"]:
        runs, token = [], None
        while token != "":
            page = self._client.search_runs(
                [self._experiment_id()],
                where,
                max_results=PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            runs += page
            token = page.token or ""
        return runs

    def _one_run(self, where: str, tags: dict[str, str], name: str) -> "Run":
        """Return the run that `where` finds, created with `tags` when there is none."""
        if not self._runs(where):
            self._client.create_run(self._experiment_id(), tags=tags, run_name=name)
        # Two processes may both have created one: the oldest stands, the others go.
        first, *others = self._runs(where)
        for other in others:
            self._client.delete_run(other.info.run_id)
        return first

    def _url(self, run: "Run") -> str:
        return f"{self.ui_url}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def _connect(tracking_uri: str) -> "MlflowClient":
    """Open the store quietly: on the first start MLflow logs its table set-up and Alembic every migration."""
    if tracking_uri.startswith("sqlite:///"):
        Path(tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri, tracking_uri)
