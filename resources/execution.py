"""Where steps run: in the process of their run, or each in a pod of its own."""

import dagster as dg

from plateful.environments import Environment, Settings


def executor_of(settings: Settings) -> dg.ExecutorDefinition:
    """Return the executor of an environment's jobs."""
    if settings.env is Environment.LOCAL:
        # One process per run: models are loaded once, and two cores are busy with one.
        return dg.in_process_executor
    # Imported here: it loads the Kubernetes client, which a laptop does without.
    from resources.pods import pod_executor

    return pod_executor
