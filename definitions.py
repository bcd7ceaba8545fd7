"""Composition root: the only place that builds Definitions."""

import dagster as dg

from assets import catalog, evaluation, gates, generation, impact, prompting, publication
from assets.checks import CHECKS
from jobs.costs import daily_costs, refresh_costs
from jobs.country import daily, publish_country, render_country
from jobs.evaluation import evaluate_model, refresh_leaderboard
from jobs.events import write_events_in_batches
from jobs.retention import nightly_retention, retention
from plateful.environments import Settings, load_settings
from resources.environment import build_resources
from resources.execution import executor_of
from sensors.failures import dead_runs, run_failures
from sensors.model_versions import new_model_versions
from sensors.new_menus import new_menus
from sensors.review import review_decisions


def build_definitions(settings: Settings) -> dg.Definitions:
    """Return the whole graph on one environment's resources."""
    return dg.Definitions(
        assets=dg.load_assets_from_modules(
            [catalog, prompting, generation, gates, publication, evaluation, impact]
        ),
        asset_checks=CHECKS,
        jobs=[render_country, publish_country, evaluate_model, refresh_leaderboard, refresh_costs, retention],
        schedules=[daily, daily_costs, nightly_retention],
        sensors=[new_menus, review_decisions, new_model_versions, run_failures, dead_runs],
        resources=build_resources(settings),
        executor=executor_of(settings),
    )


# Run workers, step processes and the code server load this module and nothing before it.
write_events_in_batches()
defs = build_definitions(load_settings())
