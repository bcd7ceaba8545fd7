"""All checks of an environment in their order, the settings first: without them nothing can be looked at."""

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial

from plateful.doctor import services, stores
from plateful.doctor.findings import DEADLINE_SECONDS, Check, Finding, Result, Status, ok, run_checks, warn
from plateful.environments import Environment, Settings, load_settings
from plateful.errors import ConfigError
from plateful.production import PREFIX, secrets, variable
from plateful.prompts.profiles import load_profile

CHECKS: dict[str, Callable[[Settings], Result]] = {
    "feed": stores.check_feed,
    "lake": stores.check_lake,
    "bucket": stores.check_bucket,
    "ledger": stores.check_ledger,
    "warehouse": stores.check_warehouse,
    "mlflow": stores.check_tracking,
    "model": services.check_model,
    "judge": services.check_judge,
    "writer": services.check_writer,
    "translator": services.check_translator,
    "gpu": services.check_gpu,
}
# Places that only production uses; Snowflake's and S3's settings may serve a local environment too.
_PLACES = ("lake_url", "bucket_url", "ledger_url", "ledger_password")


def examine(
    more: Mapping[str, Callable[[Settings], Result]] | None = None, *, deadline: float = DEADLINE_SECONDS
) -> list[Finding]:
    """Look at everything that a run needs, without changing what runs use.

    Args:
        more: checks by name that stand outside the domain, e.g. of Dagster's storage.
        deadline: see `run_checks`.
    """
    try:
        settings = load_settings()
    except ConfigError as fault:
        return [Finding("settings", Status.FAIL, fault.message, fault.fix)]
    checks: dict[str, Check] = {"settings": partial(check_settings, settings, os.environ)}
    for name, check in {**CHECKS, **(more or {})}.items():
        checks[name] = partial(check, settings)
    return run_checks(checks, deadline=deadline)


def check_settings(settings: Settings, environment: Mapping[str, str]) -> Result:
    """Look for variables without effect: misspelt ones, and production's places in a local environment."""
    known = {variable(name) for name in Settings.model_fields}
    known |= {f"{variable(name)}_FILE" for name in secrets(Settings)}
    endpoint = load_profile(settings.writer, url=settings.writer_url, model=settings.writer_model).endpoint
    known |= {endpoint.key_from} if endpoint and endpoint.key_from else set()
    odd = [name for name in sorted(environment) if name.startswith(PREFIX) and name not in known]
    meant = {name: near[0] for name in odd if (near := get_close_matches(name, known, 1, cutoff=0.85))}
    if meant:
        text = ", ".join(f"{name} (is it {near}?)" for name, near in meant.items())
        return warn(f"{settings.env}; without effect: {text}", "correct or unset them")
    idle = [variable(name) for name in _PLACES if variable(name) in environment]
    if settings.env is Environment.LOCAL and idle:
        return warn(f"local; without effect: {', '.join(idle)}", "set PLATEFUL_ENV=production, or unset them")
    return ok(f"{settings.env}, state in {settings.home}")
