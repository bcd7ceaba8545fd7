"""Generation through Dagster: a lost or altered picture is made again when its file is deleted."""

from pathlib import Path

import numpy as np
import polars as pl

from assets.spec import contact_sheet, overlay_sheet
from cli.execution import run_job
from cli.instance import open_instance
from plateful.environments import Settings, open_adapters
from plateful.identity import sha256_hex
from plateful.stores import Lake
from plateful.vision.image_io import encode_png
from tests.plateful.review.country import candidate_key, picture


def test_a_deleted_picture_is_rendered_again_and_nothing_else(settings: Settings) -> None:
    lake = open_adapters(settings).lake
    with open_instance(settings) as instance:
        run_job("render_country", instance, settings, partition="SG")
        before = lake.read_table("generated_candidates", "SG")
        # Altered first: what deletes it follows the fix that publishing gives.
        path = Path(lake.image_path(before["candidate_id"][0]))
        path.write_bytes(b"altered")
        run_job("render_country", instance, settings, partition="SG")
        path.unlink()
        done = run_job("render_country", instance, settings, partition="SG")
    after = lake.read_table("generated_candidates", "SG")
    assert after["candidate_id"].equals(before["candidate_id"])
    again = after.filter(pl.col("run_id") == done.run_id)
    assert again["candidate_id"].to_list() == [before["candidate_id"][0]]
    assert again["file_sha256"][0] == sha256_hex(path.read_bytes())
    assert again["pixel_sha256"][0] == before["pixel_sha256"][0]


def test_a_contact_sheet_skips_what_it_cannot_read_and_says_so(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    good, broken, lost = (candidate_key("soup", attempt) for attempt in range(3))
    lake.put_image(good, encode_png(picture(good)))
    lake.put_image(broken, b"not a picture")
    sheet = contact_sheet(lake, dict.fromkeys((broken, good, lost), "soup")).value
    assert str(sheet).startswith("![contact sheet](data:image/webp")
    assert str(sheet).endswith("2 skipped: lost or unreadable")
    assert contact_sheet(lake, {lost: "soup"}).value == "no pictures\n\n1 skipped: lost or unreadable"
    assert contact_sheet(lake, {}).value == "no pictures"


def test_masks_are_shown_on_their_photos_in_a_small_picture(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    rows = []
    for number in range(40):
        photo, mask = encode_png(picture(candidate_key("soup", number))), np.zeros((64, 64), np.uint8)
        mask[16:48, 10:50] = 255
        keys = [sha256_hex(photo), sha256_hex(encode_png(mask))]
        lake.put_image(keys[0], photo)
        lake.put_image(keys[1], encode_png(mask))
        rows.append(
            {"product_id": f"p{number}", "photo_sha256": keys[0], "mask_sha256": keys[1], "area": 0.3}
        )
    sheet = str(overlay_sheet(lake, pl.DataFrame(rows)).value)
    assert sheet.startswith("![contact sheet](data:image/webp")
    assert len(sheet) < 100_000
    none = pl.DataFrame({name: [] for name in rows[0]})
    assert overlay_sheet(lake, none).value == "no pictures"
