"""One request by hand: its receipt is whole, equal calls leave equal files, and only failures are named."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plateful.budgets.costs import differences
from plateful.errors import BudgetError, ConfigError, ImageError
from plateful.models.request import image_request
from plateful.rendering.trial import Inputs, check_strict, open_inputs, plan_request, render_request
from plateful.stores.lake import Lake
from plateful.vision.image_io import encode_png, open_image, read_png_text
from tests.plateful.models.providers.studio import studio
from tests.plateful.rendering.money import CENT, money, purse
from tests.plateful.rendering.sample import Clock, Painter

PHOTO = np.full((20, 30, 3), 90, np.uint8)


def asked(**fields: Any) -> Any:
    return image_request(**{"model": "plateful-tiny", "prompt": "a pizza", **fields})


def rendered(
    folder: Path, painter: Painter, *, inputs: Inputs | None = None, limit: float | None = None, **fields: Any
) -> list:
    given, place = inputs or Inputs(), folder.parent / "state"
    request = asked(**fields, init_image=given.init, mask=given.mask)
    tasks = plan_request(request, painter.version, given)
    payer, lake = purse(place, limit), Lake(str(place / "lake"))
    return render_request(tasks, given, lambda: painter, folder, purse=payer, lake=lake, clock=Clock())


def test_an_equal_call_renders_nothing_and_leaves_equal_files(tmp_path: Path) -> None:
    painter, other = Painter(), Painter()
    first = rendered(tmp_path / "a", painter, n=3)
    names = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    again = rendered(tmp_path / "a", painter, n=3)
    assert [p.status for p in first] == ["rendered"] * 3 and [p.status for p in again] == ["found"] * 3
    assert names == {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert set(names) == {f"{p.candidate_id}.png" for p in first}
    elsewhere = rendered(tmp_path / "b", other, n=3)
    for one, two in zip(first, elsewhere, strict=True):
        assert np.array_equal(*(open_image(Path(p.path).read_bytes()) for p in (one, two)))
    assert (
        f'"candidate_id":"{first[0].candidate_id}"'
        in read_png_text(names[f"{first[0].candidate_id}.png"])["plateful"]
    )


def test_a_model_is_not_loaded_for_pictures_that_are_there(tmp_path: Path) -> None:
    painter, out = Painter(), tmp_path / "out"
    rendered(out, painter)
    tasks = plan_request(asked(), painter.version, Inputs())
    refuse: Callable[[], Painter] = lambda: pytest.fail("loaded")  # noqa: E731
    payer, lake = purse(tmp_path / "state"), Lake(str(tmp_path / "state" / "lake"))
    (found,) = render_request(tasks, Inputs(), refuse, out, purse=payer, lake=lake, clock=Clock())
    assert (found.status, found.cost, money(payer)) == ("found", 0, (CENT, 0))


def test_the_receipt_tells_every_parameter_and_what_was_derived() -> None:
    version = Painter().version
    fields = {"size": 512, "steps": 99, "style": "soft light", "team": "grocery", "n": 2}
    one, two = plan_request(asked(**fields), version, Inputs())
    statuses = {name: line["status"] for name, line in one.receipt.items()}
    assert statuses == {
        "model": "honoured", "prompt": "honoured", "size": "clamped", "steps": "clamped",
        "cfg_scale": "default", "style": "emulated", "team": "recorded", "n": "honoured", "seed": "default",
        "route": "honoured",
    }  # fmt: skip
    assert one.seed != two.seed and "n" not in one.parameters
    with pytest.raises(ConfigError, match=r"size = '?512'? would be clamped to 128; steps = 99"):
        check_strict(one)
    check_strict(plan_request(asked(seed=3), version, Inputs())[0])


def test_a_seed_counts_up_and_without_one_it_does_not_depend_on_the_model() -> None:
    version = Painter().version
    assert [t.seed for t in plan_request(asked(seed=7, n=3), version, Inputs())] == [7, 8, 9]
    seeds = {plan_request(asked(steps=steps), version, Inputs())[0].seed for steps in (5, 9)}
    assert len(seeds) == 1
    assert seeds != {plan_request(asked(prompt="a burger"), version, Inputs())[0].seed}


def test_an_init_image_without_a_mask_is_repainted_whole(tmp_path: Path) -> None:
    inputs = open_inputs(encode_png(PHOTO), None)
    task = plan_request(asked(init_image=inputs.init, mask=inputs.mask), Painter().version, inputs)[0]
    assert (task.route, task.init_sha256, task.mask_sha256) == ("inpaint", inputs.init, inputs.mask)
    assert (inputs.masks[inputs.mask or ""] == 255).all()
    assert task.receipt["mask"]["status"] == "default" and task.receipt["init_image"]["status"] == "honoured"
    assert rendered(tmp_path, Painter(), inputs=inputs)[0].status == "rendered"


def test_a_mask_must_fit_its_picture_and_both_are_opened_safely() -> None:
    with pytest.raises(ConfigError, match="mask is 5 x 4 px, its picture 30 x 20 px"):
        open_inputs(encode_png(PHOTO), encode_png(PHOTO[:4, :5]))
    with pytest.raises(ConfigError, match="a mask came without an init image"):
        open_inputs(None, encode_png(PHOTO))
    with pytest.raises(ImageError, match="not JPEG, PNG or WebP"):
        open_inputs(b"GIF89a" + bytes(30), None)


def test_a_failure_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    named = rendered(tmp_path / "a", Painter(cannot={"request": 1}, batch=1), n=2)
    assert [p.status for p in named] == ["failed", "rendered"] and "not_finite" in named[0].reason
    crashed = rendered(tmp_path / "b", Painter(crashes={"request": 1}), n=2)
    assert [p.reason for p in crashed] == ["render_failed: RuntimeError: CUDA out of memory."] * 2


def test_a_file_that_is_not_the_candidates_is_refused(tmp_path: Path) -> None:
    (made,) = rendered(tmp_path / "a", Painter())
    Path(made.path).write_bytes(encode_png(PHOTO))
    with pytest.raises(ImageError, match="not the one its manifest describes -> delete"):
        rendered(tmp_path / "a", Painter())


def test_a_request_is_paid_in_full_or_refused(tmp_path: Path) -> None:
    state, poor = purse(tmp_path / "state"), Painter()
    with pytest.raises(
        BudgetError, match=r"3 pictures of plateful-tiny, about 0\.030000 USD, are not paid"
    ) as no:
        rendered(tmp_path / "a", poor, n=3, limit=0.02)
    assert "raise its daily_limit" in no.value.fix and "budgets.yaml" in no.value.fix
    assert (poor.painted, money(state)) == ([], (0, 0))
    assert [p.cost for p in rendered(tmp_path / "a", Painter(), n=2, limit=0.02)] == [CENT, CENT]
    assert money(state) == (2 * CENT, 0)
    # What is found is free, so one more picture is what is missing.
    with pytest.raises(BudgetError, match="1 pictures of"):
        rendered(tmp_path / "a", Painter(), n=3, limit=0.02)


def test_higher_bills_stop_between_batches_and_keep_what_was_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plateful.rendering.budgeted.cost_of", lambda *_: 3 * CENT)
    with pytest.raises(BudgetError, match="2 pictures of plateful-tiny are not paid for"):
        rendered(tmp_path / "a", Painter(batch=2), n=4, limit=0.05)
    assert len(list((tmp_path / "a").iterdir())) == 2
    assert money(purse(tmp_path / "state")) == (6 * CENT, 0)


def test_a_lost_reply_is_paid_once_and_bought_again_by_asking_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer = purse(tmp_path, model="gpt-image")
    with studio("gpt-image", tmp_path, monkeypatch, "drop", "", concurrency=1) as one:
        tasks = plan_request(asked(model="gpt-image", n=2), one.version, Inputs())

        def again() -> list[tuple[str, int]]:
            one.now += timedelta(minutes=1)
            made = render_request(
                tasks, Inputs(), one.renderer, tmp_path / "out", purse=payer, lake=one.lake,
                clock=lambda: one.now,
            )  # fmt: skip
            assert money(payer) == (len(one.account.bills) * CENT, 0)
            return [(picture.status, picture.cost) for picture in made]

        assert again() == [("failed", CENT), ("rendered", CENT)]
        assert again() == [("rendered", CENT), ("found", 0)]
        assert len(one.account.bills) == 3
        assert differences(payer.book, one.lake) == []
