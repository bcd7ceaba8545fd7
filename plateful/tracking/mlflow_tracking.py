"""MLflow as the record of model versions: one run each, with scores by stratum, pictures and registration.

A run is found by its model version's digest, so logging again updates that run instead of adding one. What
changed is told by a hash of the scores: equal scores write nothing; others raise the metrics' step by one, so
the history stays. Registered versions point to a folder of JSON (card and digests); no pickle is ever written
or read.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from plateful.errors import ConfigError
from plateful.identity import content_hash, id_from_prefix
from plateful.reporting.contact_sheet import grid_png
from plateful.tables import MODEL_LEADERBOARD
from plateful.tracking.store import MlflowStore

if TYPE_CHECKING:
    from mlflow.entities import Run

MODEL, DIGEST = "plateful.model", "plateful.model_version"
SCORES, REVISION = "plateful.scores", "plateful.revision"
# Tags without which two versions' scores do not compare.
SCORED_WITH = ("eval_set", "scorer", "judge")
BATCH = 1000  # MLflow's own limit of metrics per request


@dataclass(frozen=True)
class LoggedVersion:
    """Where a model version is recorded; `changed` tells whether this call wrote scores."""

    run_id: str
    registered_version: str
    url: str
    changed: bool


@dataclass(frozen=True)
class LoggedScores:
    """A version's scores per eval item, and what they were made with: eval set, gates and judge."""

    version: str
    scores: pl.DataFrame
    made_with: dict[str, str]


class Tracking(MlflowStore):
    """Model versions in MLflow."""

    def log_model_version(
        self,
        model: str,
        digest: str,
        scores: pl.DataFrame,
        metrics: Mapping[str, float],
        *,
        images: Sequence[np.ndarray],
        labels: Sequence[str],
        params: Mapping[str, Any],
        card: Mapping[str, Any],
        clock: datetime | None = None,
        alias: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> LoggedVersion:
        """Record a model version's scores in its one run and register it; safe to repeat.

        Args:
            model: catalog id, the registered model's name.
            digest: model version.
            scores: per-item table, kept as CSV.
            metrics: name -> value, as `plateful.evaluation.scores.summarise` gives them.
            images: eval pictures, uint8 RGB, for the picture grid; may be empty.
            labels: one caption per picture.
            params: what the version is made of; the same for ever.
            card: JSON of the version (digests, licence, profile): what the registry's source folder holds.
            clock: time of the metrics; None = MLflow's own.
            alias: registry alias to move to this version, e.g. `candidate`.
            tags: what may change between calls, e.g. eval set digest and scorer version.

        Raises:
            ConfigError: a parameter differs from the one recorded for this version.
            StoreError: MLflow refused.
        """
        with self._explained():
            run = self._run(model, digest)
            self._log_params(run, params)
            changed = self._log_scores(run, scores, metrics, images, labels, dict(tags or {}), clock)
            version = self._register(run, model, digest, card)
            if alias:
                self._client.set_registered_model_alias(model, alias, version)
        return LoggedVersion(run.info.run_id, version, self._url(run), changed)

    def scores(self, name: str) -> LoggedScores:
        """Return the newest scores of a version, named as in the leaderboard or by a digest prefix.

        Raises:
            StoreError: no logged version has that name, or several have, or MLflow refused.
        """
        with self._explained(), tempfile.TemporaryDirectory() as folder:
            runs = {run.data.tags[DIGEST]: run for run in self._logged()}
            digest = id_from_prefix(
                name.rpartition("-")[2], runs, what="model version", where="in MLflow", lister="evaluate"
            )
            run = runs[digest]
            table = pl.read_csv(self._client.download_artifacts(run.info.run_id, "eval/scores.csv", folder))
            tags = {key: run.data.tags[key] for key in SCORED_WITH if key in run.data.tags}
        return LoggedScores(f"{run.data.tags[MODEL]}-{digest[:12]}", table, tags)

    def leaderboard(self) -> pl.DataFrame:
        """Return MODEL_LEADERBOARD of every logged version, best fidelity first."""
        with self._explained():
            rows = [self._row(run) for run in self._logged()]
        return MODEL_LEADERBOARD.frame(rows).sort("fidelity", "model_version", descending=[True, False])

    def _logged(self) -> list["Run"]:
        """Return the runs that hold a version's whole scores."""
        return [run for run in self._runs(f"tags.`{DIGEST}` != ''") if REVISION in run.data.tags]

    def _run(self, model: str, digest: str) -> "Run":
        where = f"tags.`{DIGEST}` = '{digest}' and tags.`{MODEL}` = '{model}'"
        return self._one_run(where, {MODEL: model, DIGEST: digest}, f"{model} {digest[:12]}")

    def _log_params(self, run: "Run", params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        wanted, known = {name: str(value) for name, value in params.items()}, run.data.params
        for name in wanted.keys() & known.keys():
            if wanted[name] != known[name]:
                raise ConfigError(
                    f"model version {run.data.tags[DIGEST][:12]}: parameter {name!r} was {known[name]!r}, "
                    f"now {wanted[name]!r}",
                    fix="a version never changes; put what may change into tags",
                )
        missing = [Param(name, wanted[name]) for name in wanted if name not in known]
        if missing:
            self._client.log_batch(run.info.run_id, params=missing)

    def _log_scores(
        self,
        run: "Run",
        scores: pl.DataFrame,
        metrics: Mapping[str, float],
        images: Sequence[np.ndarray],
        labels: Sequence[str],
        tags: dict[str, str],
        clock: datetime | None,
    ) -> bool:
        """Write metrics, table and pictures unless these very scores are there; the hash is set last."""
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        table = scores.sort("item_id").write_csv()
        scored = content_hash([table, dict(metrics), tags])
        if run.data.tags.get(SCORES) == scored:
            return False
        run_id, step = run.info.run_id, int(run.data.tags.get(REVISION, "0")) + 1
        at = int(clock.timestamp() * 1000) if clock else get_current_time_millis()
        batch = [Metric(name, float(value), at, step) for name, value in metrics.items()]
        for start in range(0, len(batch), BATCH):
            self._client.log_batch(run_id, metrics=batch[start : start + BATCH])
        self._client.log_text(run_id, table, "eval/scores.csv")
        if images:
            self._log_picture(run_id, grid_png(images, labels, cell=96))
        for name, value in {**tags, REVISION: str(step), SCORES: scored}.items():
            self._client.set_tag(run_id, name, value)
        self._client.set_terminated(run_id, "FINISHED")
        return True

    def _log_picture(self, run_id: str, png: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pictures.png"
            path.write_bytes(png)
            self._client.log_artifact(run_id, str(path), "eval")

    def _registered(self, model: str, digest: str) -> str | None:
        found = self._client.search_model_versions(f"name = '{model}' and tags.`digest` = '{digest}'")
        return min((str(v.version) for v in found), key=int, default=None)

    def _register(self, run: "Run", model: str, digest: str, card: Mapping[str, Any]) -> str:
        version = self._registered(model, digest)
        if version is not None:
            return version
        if not self._client.search_registered_models(f"name = '{model}'"):
            self._client.create_registered_model(model)
        text = json.dumps(
            {"model": model, "digest": digest, **card}, indent=2, sort_keys=True, ensure_ascii=False
        )
        self._client.log_text(run.info.run_id, text, "model/card.json")
        made = self._client.create_model_version(
            model, source=f"{run.info.artifact_uri}/model", run_id=run.info.run_id, tags={"digest": digest}
        )
        return str(made.version)

    def _row(self, run: "Run") -> dict[str, Any]:
        model, digest, metrics = run.data.tags[MODEL], run.data.tags[DIGEST], run.data.metrics
        version = self._registered(model, digest)
        aliases = self._client.get_model_version(model, version).aliases if version else []
        shares = ("archetype_accuracy", "background_accuracy", "fidelity", "quality", "safe_share")
        return {
            "model_version": digest,
            "model": model,
            "mlflow_run_id": run.info.run_id,
            "registered_version": version,
            "aliases": sorted(aliases),
            "items": int(metrics["items"]),
            **{name: metrics[name] for name in shares},
            "url": self._url(run),
        }
