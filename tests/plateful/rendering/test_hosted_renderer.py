"""The shard loop with hosted models: in order, several at once, and no picture is ever paid for twice."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plateful.errors import ConfigError, ModelError, RenderError, StoreError
from plateful.identity import sha256_hex
from plateful.models.catalog import load_catalog
from plateful.models.versions import model_version
from plateful.rendering.call_journal import FOLDER
from plateful.rendering.hosted_renderer import ROUNDS, HostedRenderer
from plateful.rendering.manifest import known_candidates
from plateful.rendering.renderer import CandidateError
from plateful.rendering.replay import verify_stored
from plateful.rendering.shard import ShardReport, render_shard
from plateful.stores.lake import Lake
from plateful.vision.image_io import encode_png, open_image
from tests.plateful.models.providers.studio import Studio, photo_and_mask, studio
from tests.plateful.rendering.sample import COUNTRY, Ledger
from tests.plateful.rendering.test_shard import Fuse, FusedLake, Killed, assert_complete


def shard(one: Studio, tasks: list, ledger: Ledger | None = None, **options: Any) -> ShardReport:
    """Render a shard as a fresh process does."""
    ledger = ledger or Ledger()
    defaults = {
        "renderer": one.renderer(), "lake": one.lake, "country": COUNTRY, "score": lambda *_: None,
        "clock": lambda: one.now, "run_id": "run", "on_progress": lambda *_: None, "max_attempts": 3,
        "note_failure": ledger.note, "note_success": ledger.forget,
    }  # fmt: skip
    return render_shard(tasks, **{**defaults, **options})


def call_files(one: Studio) -> list[str]:
    folder = Path(str(one.lake.root)) / FOLDER
    return sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("name", ["gpt-image", "ideogram"])
def test_a_shard_writes_pictures_manifests_and_receipts(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, mask = photo_and_mask()
    with studio(name, tmp_path, monkeypatch) as one:
        keys = []
        for array in (photo, mask):
            png = encode_png(array)
            keys.append(sha256_hex(png))
            one.lake.put_image(keys[-1], png)
        tasks = [*one.tasks("soup", "rice", n=2, cfg_scale=7), one.edit("pie", *keys)]
        report = shard(one, tasks)
        assert (report.rendered, report.recovered, report.quarantined) == (5, 0, 0)
        assert_complete(one.lake, tasks)
        rows = {row["candidate_id"]: row for row in known_candidates(one.lake, COUNTRY).iter_rows(named=True)}
        first, last = rows[tasks[0].candidate_id], rows[tasks[-1].candidate_id]
        assert '"cfg_scale":{"effective":null,' in first["receipt"]
        assert (first["width"], first["height"]) == (1024, 1024)
        assert "127.0.0.1" in first["device"]
        assert (last["route"], last["init_sha256"]) == ("inpaint", keys[0])
        again = shard(one, tasks)
        assert (again.rendered, again.recovered, again.quarantined) == (0, 0, 0)
        assert len(one.account.bills) == 5


def test_pictures_come_in_order_and_several_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with studio("openai-compatible", tmp_path, monkeypatch, concurrency=3) as one:
        tasks = one.tasks(*map(str, range(6)), size=512)
        renderer = one.renderer()
        assert [len(batch) for batch in renderer.batches(tasks * 5)] == [3 * ROUNDS, 3 * ROUNDS, 6]
        together = renderer.render(tasks, {}, {})
        assert 1 < one.account.most_at_once <= 3
        alone = [one.renderer().render([task], {}, {})[0] for task in tasks]
        assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))


def test_one_failure_costs_its_neighbours_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with studio("gpt-image", tmp_path, monkeypatch, "", "refuse", concurrency=1) as one:
        ledger, tasks = Ledger(), one.tasks("soup", "rice", "stew")
        report = shard(one, tasks, ledger)
        assert (report.rendered, report.quarantined) == (2, 1)
        assert (len(one.account.seen), len(one.account.bills)) == (3, 2)
        assert set(ledger.attempts.values()) == {3}
        assert "content_refused: openai refused the content" in ledger.reasons[0]


@pytest.mark.parametrize("fault", ["unauthorized", "quota"])
def test_an_account_that_cannot_pay_stops_the_shard_and_quarantines_nothing(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio("gpt-image", tmp_path, monkeypatch, "", fault, concurrency=1) as one:
        ledger, tasks = Ledger(), one.tasks("soup", "rice", "stew")
        with pytest.raises(ConfigError):
            shard(one, tasks, ledger)
        assert ledger.reasons == []
        assert known_candidates(one.lake, COUNTRY).is_empty()
        assert shard(one, tasks).rendered == 3
        assert len(one.account.bills) == 3, "what was answered before the stop is not bought again"


@pytest.mark.parametrize("idempotent", [False, True])
def test_killed_at_every_write_and_run_again_bills_nothing_twice(
    idempotent: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio("openai-compatible", tmp_path, monkeypatch, idempotent=idempotent) as one:
        whole = Fuse()
        one.lake = FusedLake(str(tmp_path / "whole"), whole)
        tasks = one.tasks("soup", "rice", size=512)
        shard(one, tasks)
        for at in range(1, whole.touched + 1):
            one.account.bills.clear()
            one.account.answers.clear()
            one.lake = FusedLake(str(tmp_path / str(at)), Fuse(at))
            with pytest.raises(Killed):
                shard(one, tasks)
            shard(one, tasks)
            assert_complete(one.lake, tasks)
            assert len(one.account.bills) == 2, f"killed at {at}"


@pytest.mark.parametrize(("idempotent", "rendered", "billed"), [(False, 1, 2), (True, 2, 2)])
def test_killed_between_bill_and_answer(
    idempotent: bool, rendered: int, billed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed run paid for and never saw is a named loss, or asked for again under its key."""
    with studio("gpt-image", tmp_path, monkeypatch, concurrency=1, idempotent=idempotent) as one:
        tasks, ledger = one.tasks("soup", "rice"), Ledger()

        def killed(*_: Any) -> None:
            raise Killed

        with monkeypatch.context() as dying:
            dying.setattr("plateful.rendering.call_journal.CallRecord.answered", killed)
            with pytest.raises(Killed):
                shard(one, tasks)
        assert len(one.account.bills) == 1
        renderer = one.renderer()
        report = shard(one, tasks, ledger, renderer=renderer)
        assert (report.rendered, report.quarantined) == (rendered, 2 - rendered)
        assert len(one.account.bills) == billed
        assert renderer.bill(tasks[0], RenderError("lost", fix="none")).images == 1, "the loss is money spent"
        losses = [] if idempotent else [ledger.reasons[0]] * 3
        assert ledger.reasons == losses


def test_a_lost_picture_is_bought_again_only_when_somebody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio("gpt-image", tmp_path, monkeypatch, "drop", concurrency=1) as one:
        tasks, ledger = one.tasks("soup"), Ledger()
        assert shard(one, tasks, ledger).quarantined == 1
        assert ledger.reasons[0].startswith(
            "reply_lost: openai (127.0.0.1) was asked, and its reply was lost"
        )
        assert len(one.account.keys) == 1
        # Handed in again, as `plateful quarantine replay` has it done.
        assert shard(one, tasks).rendered == 1
        assert_complete(one.lake, tasks)
        assert one.account.keys == [f"{tasks[0].candidate_id}-1", f"{tasks[0].candidate_id}-2"]


def test_a_stored_picture_is_verified_since_it_cannot_be_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio("openai-compatible", tmp_path, monkeypatch) as one:
        (task,) = one.tasks("soup", size=512)
        shard(one, [task])
        assert verify_stored(task.candidate_id[:8], COUNTRY, one.lake).identical
        Path(one.lake.image_path(task.candidate_id)).write_bytes(encode_png(np.zeros((8, 8, 3), np.uint8)))
        with pytest.raises(StoreError, match="is not the one recorded"):
            verify_stored(task.candidate_id, COUNTRY, one.lake)


def test_the_journal_forgets_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with studio("gpt-image", tmp_path, monkeypatch) as one:
        shard(one, one.tasks("soup", "rice"))
        assert call_files(one) == [".answer", ".answer", ".sent", ".sent"]
        one.renderer().render([], {}, {})
        assert call_files(one) == []


def test_a_recovered_answer_is_the_same_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with studio("ideogram", tmp_path, monkeypatch) as one:
        tasks = one.tasks("soup")
        (first,) = one.renderer().render(tasks, {}, {})
        renderer = one.renderer()
        (second,) = renderer.render(tasks, {}, {})
        assert np.array_equal(first, second)
        assert (len(one.account.bills), renderer.bill(tasks[0], second).images) == (1, 1)


def test_a_photo_that_is_missing_or_unmarked_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, mask = photo_and_mask()
    with studio("stability", tmp_path, monkeypatch) as one:
        task = one.edit()
        known, empty = {task.init_sha256: photo}, {task.mask_sha256: mask * 0}
        for photos, masks in (({}, {}), (known, {}), (known, empty)):
            (error,) = one.renderer().render([task], photos, masks)
            assert isinstance(error, CandidateError)
            assert error.reason == "init_image_unreadable"
        assert one.account.seen == []


def test_setting_up_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(str(tmp_path))
    catalog = load_catalog()
    monkeypatch.delenv("IDEOGRAM_API_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"'ideogram' needs .*IDEOGRAM_API_KEY.* -> set IDEOGRAM_API_KEY"):
        HostedRenderer(model_version(catalog["ideogram"], tmp_path), lake)
    with studio("ideogram", tmp_path, monkeypatch) as one, pytest.raises(ModelError, match="model version"):
        other = one.tasks("soup")
        one.version = model_version(catalog["ideogram"], tmp_path)
        one.renderer().render(other, {}, {})


def test_two_servers_of_one_model_name_are_two_versions(tmp_path: Path) -> None:
    entry = load_catalog()["openai-compatible"]
    assert entry.endpoint is not None
    there = entry.endpoint.model_copy(update={"url": "http://127.0.0.1:9000/v1"})
    moved = entry.model_copy(update={"endpoint": there})
    assert model_version(entry, tmp_path) != model_version(moved, tmp_path)


def test_an_answer_that_is_no_picture_is_an_error_of_its_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with studio("gpt-image", tmp_path, monkeypatch, "broken", concurrency=1) as one:
        results = one.renderer().render(one.tasks("soup", "rice"), {}, {})
        assert isinstance(results[0], RenderError)
        assert open_image(encode_png(results[1])).shape == (1024, 1024, 3)  # type: ignore[arg-type]
