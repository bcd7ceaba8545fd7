"""Planned events are written together, and an operator's own setting stands."""

import dagster as dg
import pytest

from jobs.events import EVENT_SETTINGS, write_events_in_batches


def test_what_is_set_already_stays() -> None:
    environment = {"DAGSTER_EVENT_BATCH_SIZE": "7"}
    write_events_in_batches(environment)
    assert environment == {"DAGSTER_EVENT_BATCH_SIZE": "7"}
    empty: dict[str, str] = {}
    write_events_in_batches(empty)
    assert empty == EVENT_SETTINGS


def test_a_failed_run_still_marks_its_country_failed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in EVENT_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    settings: dict[str, str] = {}
    write_events_in_batches(settings)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    keys = dg.StaticPartitionsDefinition(["SG", "DE"])

    @dg.asset(partitions_def=keys)
    def first() -> None:
        raise dg.Failure("no", allow_retries=False)

    @dg.asset(partitions_def=keys, deps=[first])
    def second() -> None: ...

    done = dg.materialize([first, second], partition_key="SG", instance=instance, raise_on_error=False)
    planned = [
        entry.dagster_event.partition
        for entry in instance.all_logs(done.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
        if entry.dagster_event
    ]
    assert planned == ["SG", "SG"]
