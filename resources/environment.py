"""Settings -> resources: the one place that wires the stores and models of an environment."""

from plateful.environments import Settings
from resources.budgets import BudgetResource
from resources.desk import DeskResource
from resources.feed import FeedResource
from resources.io_managers import MeasuredTableIOManager, StepIOManager
from resources.lease import LeaseResource
from resources.masks import MaskResource
from resources.metrics import MetricsResource
from resources.models import ModelResource, ScoringResource
from resources.stores import (
    BucketResource,
    LakeResource,
    LedgerResource,
    S3Config,
    warehouse_resource,
)
from resources.tracking import TrackingResource
from resources.translation import TranslatorResource


def build_resources(settings: Settings) -> dict[str, object]:
    """Return the resources of one environment."""
    s3, weights = S3Config.of(settings), settings.weights_url or str(settings.weights)
    lake, ledger = LakeResource(root=settings.lake, s3=s3), LedgerResource(url=settings.ledger)
    fetched = {"weight_cache": str(settings.weight_cache), "s3": s3}
    lease = LeaseResource(ledger=ledger, ttl_seconds=settings.lease_ttl, wait_seconds=settings.lease_wait)
    return {
        "feed": FeedResource(
            path=settings.feed,
            network=settings.network,
            photo_buckets=settings.photo_bucket_names,
            s3=s3,
        ),
        "lake": lake,
        "ledger": ledger,
        "warehouse": warehouse_resource(settings),
        "bucket": BucketResource(root=settings.bucket, base_url=settings.public_url, s3=s3),
        "lease": lease,
        "models": ModelResource(
            model=settings.model,
            weights=weights,
            **fetched,
            catalog=str(settings.catalog),
            memory=settings.model_memory,
            candidates_per_request=settings.candidates,
            max_attempts=settings.max_attempts,
        ),
        "budgets": BudgetResource(
            team=settings.team, policy=str(settings.budgets), catalog=str(settings.catalog)
        ),
        "desk": DeskResource(
            team=settings.team,
            team_templates=str(settings.team_templates) if settings.team_templates else None,
            profile=settings.writer,
            url=settings.writer_url,
            model=settings.writer_model,
        ),
        "masks": MaskResource(detector=settings.detector, weights=weights, clip=settings.clip, **fetched),
        "scoring": ScoringResource(clip=settings.clip, **fetched),
        "translator": TranslatorResource(
            lake=lake,
            profile=settings.translator,
            url=settings.translator_url,
            project=settings.translator_project,
            weights=str(settings.translator_weights) if settings.translator_weights else None,
        ),
        "tracking": TrackingResource(
            uri=settings.tracking, artifacts=settings.tracking_artifacts, ui_url=settings.mlflow_url
        ),
        "io_manager": MeasuredTableIOManager(
            lake=lake,
            lease=lease,
            metrics=MetricsResource(home=str(settings.home), gateway=settings.metrics_gateway),
        ),
        "step_io": StepIOManager(root=settings.lake, s3=s3),
    }
