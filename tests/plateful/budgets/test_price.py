"""Dollars in, whole micro-dollars out."""

from decimal import Decimal
from fractions import Fraction

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plateful.budgets.price import Price, cost_of, dollars, estimate, micro_dollars
from plateful.errors import ConfigError

AMOUNT = st.decimals(0, 1_000_000, places=9)


def price(**fields: object) -> Price:
    return Price.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "seconds", "images", "micro"),
    [
        ({"per_image": "0.04"}, 9.5, 3, 120_000),
        ({"per_second": "0.000306"}, 2.0, 1, 612),
        ({"per_second": "0.0000236"}, 0.1, 1, 3),
        ({"per_second": "0.0000236"}, 0.0, 1, 0),
        ({"per_second": "0.0001", "per_image": "0.002"}, 1.5, 2, 4_150),
        ({"per_image": 0}, 100.0, 100, 0),
        ({"per_image": "0.04"}, 3.0, 0, 0),
    ],
)
def test_costs(fields: dict, seconds: float, images: int, micro: int) -> None:
    assert cost_of(price(**fields), seconds, images) == micro


def test_a_price_from_yaml_is_the_one_that_was_written() -> None:
    read = price(**yaml.safe_load("{per_second: 0.1, per_image: 0.0000001}"))
    assert (read.per_second, read.per_image) == (Decimal("0.1"), Decimal("0.0000001"))


@pytest.mark.parametrize("seconds", [-0.001, float("nan"), float("inf")])
def test_a_wrong_clock_is_not_billed(seconds: float) -> None:
    with pytest.raises(ConfigError, match="cannot be billed"):
        cost_of(price(per_second=1), seconds, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"per_image": -0.01},
        {"per_second": "nan"},
        {"per_second": "inf"},
        {"per_hour": 1},
        {"per_image": 2e6},
    ],
)
def test_a_price_that_says_nothing_or_nonsense_is_refused(fields: dict) -> None:
    with pytest.raises(ValidationError):
        price(**fields)


@settings(deadline=None)
@given(AMOUNT, AMOUNT, st.floats(0, 1e6), st.integers(0, 1000))
def test_a_cost_is_never_below_the_exact_one_and_less_than_a_micro_dollar_above(
    second: Decimal, image: Decimal, seconds: float, images: int
) -> None:
    # Fractions, for decimals of 28 digits would round 1 - 1e-145 up to 1.
    exact = (Fraction(second) * Fraction(repr(seconds)) + Fraction(image) * images) * 1_000_000
    assert 0 <= cost_of(price(per_second=second, per_image=image), seconds, images) - exact < 1


def test_what_is_reserved_covers_most_pictures_and_no_single_stall() -> None:
    by_second = price(per_second="0.001")
    assert estimate(by_second, [], 2.0) == 2000
    assert estimate(by_second, [600.0, *[1.5] * 2, *[1.0] * 17], 2.0) == 1500
    assert estimate(by_second, [600.0, *[1.0] * 19], 2.0) == 1000
    assert estimate(price(per_image="0.04"), [5.0], 2.0) == 40_000


def test_amounts_for_people() -> None:
    assert [dollars(n) for n in (0, 7, 12_340_000, -1_500_000)] == [
        "0.000000 USD", "0.000007 USD", "12.340000 USD", "-1.500000 USD",
    ]  # fmt: skip
    assert micro_dollars(Decimal("0.0000019")) == 1
