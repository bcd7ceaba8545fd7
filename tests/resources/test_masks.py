"""The mask resource: a photo of something else is refused by name, and its method names all that decides."""

from pathlib import Path

import pytest

from benchmarks.non_dishes import draw
from plateful.environments import Settings
from plateful.errors import ConfigError
from resources.environment import build_resources
from resources.masks import MaskResource
from training.plates import render, sample_plate


@pytest.fixture(scope="module")
def masks(weights: Path) -> MaskResource:
    clip = weights / "plateful-tiny" / "clip"
    return MaskResource(detector="saliency", weights=str(weights), clip=str(clip))


@pytest.mark.parametrize("kind", ["logo", "notice", "storefront"])
def test_what_is_written_all_over_is_no_dish(masks: MaskResource, kind: str) -> None:
    for seed in range(2):
        found = masks.find(draw(kind, seed))
        assert found.mask is None
        assert found.status.startswith("not_a_dish: text")


def test_dishes_are_found(masks: MaskResource) -> None:
    found = [masks.find(render(sample_plate(1_900_100 + seed), 256).image) for seed in range(4)]
    assert [mask.status for mask in found] == ["ok"] * 4


def test_the_method_follows_detector_and_gates(masks: MaskResource, settings: Settings) -> None:
    assert masks.method().startswith("saliency+contour+grabcut@3/")
    wired = build_resources(settings)["masks"]
    assert isinstance(wired, MaskResource)
    assert wired.method() == masks.method()
    with pytest.raises(ConfigError, match="PLATEFUL_DETECTOR"):
        wired.model_copy(update={"detector": "yolo"}).method()
