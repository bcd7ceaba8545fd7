"""The main job on production's stores: S3, Postgres, Snowflake, an MLflow server; weights from the bucket."""

from pathlib import Path

import pytest

from tests.cli.conftest import Plateful, plateful
from tests.servers.shop import Shop, shop, weight_cache

__all__ = ["plateful", "shop", "weight_cache"]


@pytest.mark.timeout(900)  # the country runs twice
def test_a_country_is_published_once_and_rendered_once(shop: Shop, plateful: Plateful) -> None:
    first = shop.run()
    assert first["rows_in"] == first["products"] == first["without_images"] == 3
    assert first["candidates"] == first["rendered_now"] == 6
    assert first["published"] > 0
    again = shop.run()
    assert (again["rendered_now"], again["published"]) == (0, first["published"])
    shop.check(again, candidates=6)
    prefix = shop.prefix.removeprefix("s3://lake/")
    head = shop.s3.client().head_object(
        Bucket="lake", Key=f"{prefix}/live/lake/tables/products/country=SG/part.parquet"
    )
    assert head["ServerSideEncryption"] == "AES256"
    local = [
        path for path in Path(shop.settings.home).rglob("*") if path.suffix in (".parquet", ".png", ".duckdb")
    ]
    assert local == [], "nothing falls back to this machine"
    checked = {one["name"]: one for one in plateful("doctor", "--json").json}
    unwell = {
        name: checked[name]
        for name in ("lake", "bucket", "ledger", "warehouse", "mlflow", "model")
        if checked[name]["status"] != "ok"
    }
    assert unwell == {}
