"""Comparisons of models on a sample in MLflow: one run per model below one run that holds the page.

Runs are found again by sample and models, so the same comparison updates its runs; metrics are written when
they changed, one step further each time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plateful.evaluation.side_by_side import Column, Comparison
from plateful.identity import content_hash
from plateful.tracking.store import MlflowStore

if TYPE_CHECKING:
    from mlflow.entities import Run

EXPERIMENT = "plateful-comparisons"
COMPARISON, MODEL, FIGURES = "plateful.comparison", "plateful.compared_model", "plateful.figures"
STEP, PROBLEM, PARENT = "plateful.step", "plateful.problem", "mlflow.parentRunId"
WHOLE = "all"


class ComparisonTracking(MlflowStore):
    """Comparisons in an experiment of their own: the leaderboard reads only whole evaluations."""

    def log(self, comparison: Comparison, page: Path) -> dict[str, str]:
        """Record a comparison; return the address of each model's run by model, and of the page's as `all`.

        Args:
            comparison: models on a sample.
            page: its HTML file, kept as the artifact `comparison/<name>` of the parent run.

        Raises:
            StoreError: MLflow refused.
        """
        models = [column.model for column in comparison.columns]
        key = content_hash([comparison.sample.digest, models])
        about = {"sample": comparison.sample.name, "sample_digest": comparison.sample.digest}
        with self._explained():
            title = f"{' | '.join(models)} on {comparison.sample.name}"
            parent = self._run(key, WHOLE, title, about | {"models": ", ".join(models)})
            self._client.log_artifact(parent.info.run_id, str(page), "comparison")
            self._client.set_terminated(parent.info.run_id, "FINISHED")
            urls = {WHOLE: self._url(parent)}
            for column in comparison.columns:
                tags = about | {PARENT: parent.info.run_id}
                run = self._run(key, column.model, column.model, tags)
                self._log_column(run, column)
                urls[column.model] = self._url(run)
        return urls

    def _run(self, key: str, model: str, name: str, tags: Mapping[str, str]) -> "Run":
        where = f"tags.`{COMPARISON}` = '{key}' and tags.`{MODEL}` = '{model}'"
        return self._one_run(where, {COMPARISON: key, MODEL: model, **tags}, name)

    def _log_column(self, run: "Run", column: Column) -> None:
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        run_id, summary = run.info.run_id, column.summary()
        self._client.set_tag(run_id, PROBLEM, summary["problem"] or "")
        self._client.set_tag(run_id, "model_version", summary["model_version"] or "")
        figures = {} if column.problem else _figures(summary)
        written = content_hash([summary["model_version"], figures])
        if run.data.tags.get(FIGURES) != written:
            step, now = int(run.data.tags.get(STEP, "0")) + 1, get_current_time_millis()
            metrics = [Metric(name, value, now, step) for name, value in figures.items()]
            self._client.log_batch(run_id, metrics=metrics)
            if column.artifacts.height:
                table = column.artifacts.drop("failures").write_csv()
                self._client.log_text(run_id, table, "comparison/pictures.csv")
            self._client.set_tag(run_id, STEP, str(step))
            self._client.set_tag(run_id, FIGURES, written)
        self._client.set_terminated(run_id, "FAILED" if column.problem else "FINISHED")


def _figures(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a summary, seconds by stage below `seconds/`."""
    flat = {name: value for name, value in summary.items() if isinstance(value, int | float)}
    staged = {f"seconds/{stage}": value for stage, value in summary["seconds"].items() if value is not None}
    return {name: float(value) for name, value in {**flat, **staged}.items() if name != "rendered_now"}
