"""New model versions: each becomes a partition, is evaluated once, and joins the leaderboard."""

import dagster as dg

from assets.partitions import MODEL_VERSION
from jobs.evaluation import evaluate_model, refresh_leaderboard
from plateful.errors import PlatefulError
from resources.models import ModelResource
from resources.tags import PARTITION_TAG
from sensors.attempts import MAX_FAILURES, busy, run_key, settled

SCORES, LEADERBOARD = dg.AssetKey("eval_scores"), dg.AssetKey("model_leaderboard")
SCORES_TAG = "plateful/scores"


@dg.sensor(
    jobs=[evaluate_model, refresh_leaderboard],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Evaluates the serving model's version until it has scores, then refreshes the leaderboard.",
)
def new_model_versions(context: dg.SensorEvaluationContext, models: ModelResource) -> dg.SensorResult:
    """Request the evaluation of the version in use, or the leaderboard after one."""
    try:
        version = models.version().name
    except PlatefulError as error:
        # `make models` writes the weights for a while.
        return dg.SensorResult(skip_reason=str(error))
    if version in context.instance.get_materialized_partitions(SCORES):
        return _leaderboard(context.instance, version)
    evaluation = dg.RunsFilter(job_name=evaluate_model.name, tags={PARTITION_TAG: version})
    tried = context.instance.get_runs(evaluation, limit=MAX_FAILURES)
    reason = busy(context.instance, version) or settled(tried)
    if reason is not None:
        return dg.SensorResult(skip_reason=f"{version}: {reason}")
    key = run_key(version, tried[0].run_id if tried else None)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=key, job_name=evaluate_model.name, partition_key=version)],
        dynamic_partitions_requests=[MODEL_VERSION.build_add_request([version])],
    )


def _leaderboard(instance: dg.DagsterInstance, version: str) -> dg.SensorResult:
    """Request the leaderboard unless it is newer than the newest scores of any version."""
    scores, board = (instance.get_latest_materialization_event(key) for key in (SCORES, LEADERBOARD))
    if scores is None or (board is not None and board.timestamp >= scores.timestamp):
        return dg.SensorResult(skip_reason=f"{version} is evaluated and on the leaderboard")
    tags = {SCORES_TAG: scores.run_id}
    tried = instance.get_runs(dg.RunsFilter(tags=tags), limit=MAX_FAILURES)
    reason = settled(tried)
    if reason is not None:
        return dg.SensorResult(skip_reason=f"leaderboard: {reason}")
    key = run_key(f"leaderboard:{scores.run_id}", tried[0].run_id if tried else None)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=key, job_name=refresh_leaderboard.name, tags=tags)]
    )
