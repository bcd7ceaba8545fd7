"""New model versions: each becomes a partition and is evaluated once."""

import dagster as dg

from assets.partitions import MODEL_VERSION
from jobs.evaluation import evaluate_model
from resources.models import ModelResource


@dg.sensor(
    job=evaluate_model,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Adds the serving model's version as a partition and requests its evaluation.",
)
def new_model_versions(context: dg.SensorEvaluationContext, models: ModelResource) -> dg.SensorResult:
    """Register the version in use if it is new."""
    version = models.version().name
    if context.instance.has_dynamic_partition(MODEL_VERSION.name or "", version):
        return dg.SensorResult(skip_reason=f"{version} is registered")
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=version, partition_key=version)],
        dynamic_partitions_requests=[MODEL_VERSION.build_add_request([version])],
    )
