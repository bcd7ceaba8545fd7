"""The main job on real feeds: every row accounted for, every vendor photo looked at."""

from pathlib import Path

import pytest

from cli.mainjob import run_countries
from plateful.environments import Settings, open_adapters

FEEDS = Path(__file__).resolve().parents[3] / "shared" / "data" / "feeds"

pytestmark = pytest.mark.skipif(not FEEDS.is_dir(), reason="the real feeds are not on this machine")


def test_china_with_its_photos_and_malaysia(settings: Settings) -> None:
    chosen = settings.model_copy(update={"feed": str(FEEDS), "candidates": 1})
    summary = run_countries(chosen, ["CN", "MY"]).summary
    china, malaysia = summary["countries"]["CN"], summary["countries"]["MY"]
    assert (china["rows_in"], malaysia["rows_in"]) == (174, 76)
    assert china["without_images"] >= 129
    assert malaysia["without_images"] == malaysia["products"] == 76
    for counts in (china, malaysia):
        assert counts["candidates"] == counts["rendered_now"] == counts["without_images"]
    photos = open_adapters(chosen).lake.read_table("products", "CN")["photo_sha256"].drop_nulls()
    assert photos.len() >= 40
