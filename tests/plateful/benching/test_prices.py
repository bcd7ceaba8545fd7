"""The price table: every device of the issue, measured or modelled, and said which."""

import pytest

from plateful.benching.prices import load_prices

DEVICES = {"T4", "L4", "A100", "H100", "H200"}


def test_every_device_has_a_modelled_cost() -> None:
    table = load_prices()
    assert {*DEVICES, "CPU"} == table.rows.keys()
    assert table.source
    assert table.date
    costs = table.costs(seconds=3.0, tflop=100, device="cpu, 2 threads", dtype="bfloat16")
    assert {name for name, cost in costs.items() if cost["measured"]} == {"CPU"}
    assert costs["L4"]["seconds_per_image"] == pytest.approx(100 / (121 * table.mfu), rel=0.01)
    assert costs["L4"]["usd_per_image"] == pytest.approx(
        costs["L4"]["seconds_per_image"] * 0.8048 / 3600, rel=0.01
    )


def test_the_measured_device_is_not_modelled() -> None:
    costs = load_prices().costs(0.5, tflop=281, device="NVIDIA H100 80GB HBM3", dtype="bfloat16")
    assert costs["H100"] == {"usd_per_image": 0.000956, "seconds_per_image": 0.5, "measured": True}
    assert costs.keys() == DEVICES


def test_the_model_gives_what_the_reference_system_reported() -> None:
    # SDXL, 50 steps with guidance in fp32 on a T4: three minutes.
    costs = load_prices().costs(1, tflop=2 * 50 * 6.761 + 10.5, device="none", dtype="float32")
    assert costs["T4"]["seconds_per_image"] == pytest.approx(180, rel=0.25)
