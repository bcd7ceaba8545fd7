"""Composition root: the only place that builds Definitions."""

import dagster as dg

from assets import catalog, evaluation, gates, generation, prompting, publication
from assets.checks import CHECKS
from jobs.country import daily, publish_country, render_country
from jobs.evaluation import evaluate_model, refresh_leaderboard
from plateful.environments import Settings, load_settings
from resources.feed import FeedResource
from resources.lease import LeaseResource
from resources.models import ModelResource, ScoringResource
from resources.stores import (
    BucketResource,
    DuckDBWarehouseResource,
    LakeResource,
    LedgerResource,
    StepIOManager,
    TableIOManager,
)
from resources.tracking import TrackingResource
from sensors.failures import run_failures
from sensors.model_versions import new_model_versions
from sensors.new_menus import new_menus
from sensors.review import review_decisions


def build_resources(settings: Settings) -> dict[str, object]:
    """Return the resources of one environment."""
    lake, ledger = LakeResource(root=settings.lake), LedgerResource(url=settings.ledger)
    return {
        "feed": FeedResource(path=settings.feed, network=settings.network),
        "lake": lake,
        "ledger": ledger,
        "warehouse": DuckDBWarehouseResource(path=str(settings.warehouse)),
        "bucket": BucketResource(root=settings.bucket, base_url=settings.public_url),
        "lease": LeaseResource(ledger=ledger),
        "models": ModelResource(
            model=settings.model, weights=str(settings.weights), candidates_per_request=settings.candidates
        ),
        "scoring": ScoringResource(clip=str(settings.weights / "plateful-tiny" / "clip")),
        "tracking": TrackingResource(uri=settings.tracking, artifacts=str(settings.home / "mlflow" / "artifacts")),
        "io_manager": TableIOManager(lake=lake),
        "step_io": StepIOManager(root=settings.lake),
    }


defs = dg.Definitions(
    assets=dg.load_assets_from_modules([catalog, prompting, generation, gates, publication, evaluation]),
    asset_checks=CHECKS,
    jobs=[render_country, publish_country, evaluate_model, refresh_leaderboard],
    schedules=[daily],
    sensors=[new_menus, review_decisions, new_model_versions, run_failures],
    resources=build_resources(load_settings()),
    executor=dg.in_process_executor,
)
