"""Steps are timed by how they ended, plain or generating, and keep the signature that Dagster reads."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from plateful.metrics.declared import PUBLISHED
from plateful.metrics.meter import METER
from resources.metrics import MetricsResource, measured


def steps(step: str) -> dict[str, float]:
    """Return outcome -> how many bodies of a step were timed."""
    name = "plateful_step_duration_seconds_count"
    return {
        dict(labels)["outcome"]: value
        for (sample, labels), value in METER.samples().items()
        if sample == name and dict(labels)["step"] == step
    }


def test_a_step_keeps_its_signature() -> None:
    @measured("prompts")
    def prompts(context: object, lake: int) -> str:
        """Docs."""
        return f"{context}{lake}"

    assert list(inspect.signature(prompts).parameters) == ["context", "lake"]
    assert (prompts.__name__, prompts.__doc__) == ("prompts", "Docs.")
    assert prompts("a", lake=1) == "a1"


def test_plain_and_generating_steps_are_timed_to_their_end() -> None:
    METER.begin()

    @measured("collect")
    def plain(fail: bool) -> int:
        if fail:
            raise ValueError("broken")
        return 1

    @measured("plan_shards")
    def generating(fail: bool) -> Iterator[int]:
        yield 1
        if fail:
            raise ValueError("broken")
        yield 2

    assert plain(False) == 1
    assert list(generating(False)) == [1, 2]
    assert steps("collect") == steps("plan_shards") == {"success": 1}
    for function, step in ((lambda: plain(True), "collect"), (lambda: list(generating(True)), "plan_shards")):
        with pytest.raises(ValueError, match="broken"):
            function()
        assert steps(step) == {"success": 1, "failure": 1}
        assert METER.samples()["plateful_step_failures_total", (("step", step),)] == 1


def test_a_dead_gateway_costs_a_run_one_line(tmp_path: Path) -> None:
    @dg.asset
    def figure(metrics: MetricsResource) -> None:  # noqa: ARG001 - the asset only needs it to be there
        METER.count(PUBLISHED)

    with dg.instance_for_test() as instance:
        dead = MetricsResource(home=str(tmp_path), gateway="http://127.0.0.1:9")
        done = dg.materialize([figure], instance=instance, resources={"metrics": dead})
        assert done.success
        lines = [entry.user_message for entry in instance.all_logs(done.run_id)]
    (said,) = [line for line in lines if "figures of this process were not handed over" in line]
    assert "http://127.0.0.1:9" in said
