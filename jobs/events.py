"""How events are written: set wherever a run is created or worked on.

Dagster 1.13 reads `DAGSTER_EVENT_BATCH_SIZE` in the process that writes: whoever creates a run (CLI,
daemon, UI) writes its planned events in one statement instead of one each, and so does a step that reports
several materializations. `DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS` is not for this graph: a
run has one partition, so it would save no event, and a failed run's country would not be marked failed.
"""

import os
from collections.abc import MutableMapping

# A run of the main job plans some 30 events; more than a batch holds is written in several.
EVENT_SETTINGS = {"DAGSTER_EVENT_BATCH_SIZE": "200"}


def write_events_in_batches(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what the environment does not set already."""
    for name, value in EVENT_SETTINGS.items():
        environment.setdefault(name, value)
