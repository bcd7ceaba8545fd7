"""Models side by side: equal seeds, nothing rendered twice, and a model that fails leaves its reason."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from plateful.budgets.costs import differences
from plateful.errors import ConfigError, ModelError, RenderError, StoreError
from plateful.evaluation.sample import Sample
from plateful.evaluation.side_by_side import Bench, Comparison, compare_models
from plateful.evaluation.stages import STAGES, StageSeconds
from plateful.identity import content_hash
from plateful.judging.judge import Judge
from plateful.models.catalog import load_catalog
from plateful.models.versions import ModelVersion
from plateful.rendering.billing import Bill, own_bill
from plateful.rendering.requests import request_row
from plateful.rendering.task import RenderTask
from plateful.reporting.side_by_side import write_side_by_side
from plateful.scoring.scorer import Scorer
from plateful.stores.lake import Lake
from plateful.tables import PROMPTS
from plateful.vision.clip import TinyClip
from tests.plateful.rendering.money import CENT, money, purse

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ENTRY = load_catalog()["plateful-tiny"]
ENTRIES = dict.fromkeys(("first", "second", "third"), ENTRY)
SAMPLE = Sample(
    "three",
    PROMPTS.frame(
        [
            request_row("sample", name, content_hash(name), prompt=f"a <b>{name}</b>", expected_text=text)
            for name, text in (("pizza", None), ("burger", "LUNCH"), ("curry", None))
        ]
    ),
)


class FlatClip(TinyClip):
    """Every picture and every text looks the same to it."""

    temperature = 20.0
    digest = "flat"

    def __init__(self) -> None:
        pass

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.full((len(texts), 4), 0.5, np.float32)

    def embed_images(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.full((len(arrays), 4), 0.5, np.float32)


class Gates:
    """Real gates and judge, loaded once."""

    def __init__(self) -> None:
        clip = FlatClip()
        self._scorer, self._judge = Scorer(clip), Judge(clip)

    def version(self) -> str:
        return self._scorer.version

    def judge_version(self) -> str:
        return self._judge.version

    def scorer(self) -> Scorer:
        return self._scorer

    def judge(self) -> Judge:
        return self._judge


GATES = Gates()


class Models:
    """Renderers by name, whose pictures are blobs from the seed and their own noise. It counts."""

    device = "cpu"

    def __init__(self, noise: int = 0, cannot: Sequence[str] = ()) -> None:
        self.noise, self.cannot = noise, cannot
        self.seeds: dict[str, list[int]] = {}
        self.opened: list[str] = []

    def open(self, version: ModelVersion) -> "Models":
        self.opened.append(version.model)
        if version.model in self.cannot:
            raise OSError("no file named diffusion_pytorch_model.safetensors")
        self.version = version
        return self

    def batches(self, tasks: Sequence[RenderTask]) -> list[list[RenderTask]]:
        return [list(tasks)]

    def render(self, tasks: Sequence[RenderTask], *_: object) -> list[np.ndarray | RenderError]:
        return [self._paint(task) for task in tasks]

    def bill(self, task: RenderTask, result: np.ndarray | RenderError) -> Bill:  # noqa: ARG002 - the protocol's
        return own_bill(result)

    def _paint(self, task: RenderTask) -> np.ndarray | RenderError:
        if f"{task.model}:{task.subject}" in self.cannot:
            return RenderError("not finite", fix="none")
        self.seeds.setdefault(task.model, []).append(task.seed)
        blobs = np.random.default_rng(task.seed).integers(0, 256, (4, 4, 3)).repeat(16, 0).repeat(16, 1)
        noise = np.random.default_rng(len(task.model)).integers(0, 60, blobs.shape)
        return np.clip(blobs + noise, 0, 255).astype(np.uint8)


def resolve(name: str) -> ModelVersion:
    if name == "third":
        raise ModelError("its weights folder is absent", fix="bring it")
    return ModelVersion(name, content_hash(name), ENTRY.profile_named(), ENTRY, Path("nowhere"))


def compared(folder: Path, models: Models, *names: str, **changes: Any) -> Comparison:
    bench = Bench(
        **{
            "resolve": resolve,
            "open_renderer": models.open,
            "scoring": GATES,
            "lake": Lake(str(folder / "lake")),
            "team": "default",
            "purse": purse(folder / "state"),
            "folder": folder,
            "clock": lambda: NOON,
            "run_id": "run",
            **changes,
        }
    )
    return compare_models(names, ENTRIES, SAMPLE, bench, 0.3)


def test_equal_seeds_and_a_second_call_loads_and_renders_nothing(tmp_path: Path) -> None:
    models, again = Models(), Models()
    first = compared(tmp_path, models, "first", "second")
    assert models.seeds["first"] == models.seeds["second"] and len(set(models.seeds["first"])) == 3
    second = compared(tmp_path, again, "first", "second")
    assert again.opened == []
    for one, two in zip(first.columns, second.columns, strict=True):
        assert one.artifacts.equals(two.artifacts)
        seconds = [column.seconds["render"] for column in (one, two)]
        assert seconds[0] == seconds[1] is not None, "what earlier runs took is kept"
        assert all(one.seconds[stage] is not None for stage in (*STAGES, "load"))
    assert first.paired.equals(second.paired)


def test_artifacts_are_compared_with_the_first_models(tmp_path: Path) -> None:
    first, second = compared(tmp_path, Models(), "first", "second").columns
    assert first.artifacts["distance"].null_count() == 3
    assert second.artifacts["distance"].max() < 0.2, "the same blobs under other noise"
    assert first.artifacts["fidelity"].null_count() == 3, "nothing was asked of the judge"
    assert second.artifacts["legible"].to_list() == [None, 0.0, None]


def test_a_model_that_is_absent_or_cannot_be_loaded_leaves_its_reason(tmp_path: Path) -> None:
    done = compared(tmp_path, Models(cannot=["first"]), "first", "third", "second")
    problems = [column.problem.message if column.problem else None for column in done.columns]
    assert problems[0] == (
        "model 'first' cannot be loaded: OSError: no file named diffusion_pytorch_model.safetensors"
    )
    assert problems[1:] == ["its weights folder is absent", None]
    assert done.columns[2].summary()["pictures"] == 3 and done.paired.is_empty()
    later = compared(tmp_path, Models(), "first", "third", "second")
    assert [bool(column.problem) for column in later.columns] == [False, True, False]
    assert set(later.paired["model"]) == {"second"}


def test_a_failed_picture_counts_against_the_model(tmp_path: Path) -> None:
    done = compared(tmp_path, Models(cannot=["second:burger"]), "first", "second")
    base, worse = (column.summary() for column in done.columns)
    assert (worse["pictures"], worse["failed"], base["failed"]) == (2, 1, 0)
    row = done.columns[1].artifacts.row(1, named=True)
    assert (row["quality"], row["passed"], row["failures"]) == (0.0, False, ["render:render_failed"])
    assert worse["quality"] < base["quality"]
    quality = done.paired.row(by_predicate=pl.col("metric") == "quality", named=True)
    assert quality["items"] == 3 and quality["low"] <= quality["difference"] <= quality["high"]
    mended = compared(tmp_path, Models(), "first", "second")
    assert mended.columns[1].summary()["failed"] == 0, "what failed is tried again"


def test_the_team_pays_for_what_is_rendered_now(tmp_path: Path) -> None:
    first = compared(tmp_path, Models(), "first").columns[0].summary()
    assert (first["usd_now"], first["usd_per_1000"]) == (0.03, 10.0)
    columns = compared(tmp_path, Models(), "first", "second", run_id="later").columns
    assert [column.cost for column in columns] == [0, 3 * CENT]
    assert money(purse(tmp_path / "state")) == (6 * CENT, 0)
    charges, _ = purse(tmp_path / "state").book.metering()
    assert {charge.country for charge in charges} == {"compare"}
    assert differences(purse(tmp_path / "state").book, Lake(str(tmp_path / "lake"))) == []


def test_a_model_that_is_not_paid_for_renders_nothing_and_says_so(tmp_path: Path) -> None:
    models, poor = Models(), purse(tmp_path / "state", limit=0.04)
    done = compared(tmp_path, models, "first", "second", purse=poor)
    assert [bool(column.problem) for column in done.columns] == [False, True]
    assert "3 pictures of second, about 0.030000 USD, are not paid for" in str(done.columns[1].problem)
    assert (models.opened, money(poor)) == (["first"], (3 * CENT, 0))


def test_unknown_and_repeated_names_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    models = Models()
    for names, problem in (
        (("first", "dall-e"), "'dall-e' is not in the catalog"),
        (("first", "first"), "'first' is named twice"),
        ((), "no models"),
    ):
        with pytest.raises(ConfigError, match=problem):
            compared(tmp_path, models, *names)
    assert models.opened == []


def test_a_store_that_fails_stops_the_comparison(tmp_path: Path) -> None:
    compared(tmp_path, Models(), "first")
    (timings,) = (tmp_path / "seconds").iterdir()
    timings.write_text("{")
    with pytest.raises(StoreError, match="cannot be read: JSONDecodeError"):
        compared(tmp_path, Models(), "first")


def test_stages_are_means_over_runs(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    one = StageSeconds.read(path)
    one.add("render", 6.0, 3)
    one.add("score", 1.0, 0)
    one.write(path)
    other = StageSeconds.read(path)
    other.add("render", 2.0, 1)
    assert other.per_picture() == {
        "prompt": None, "render": 2.0, "score": None, "store": None, "load": None,
    }  # fmt: skip


def test_the_page_shows_every_picture_receipt_and_reason_and_asks_for_nothing(tmp_path: Path) -> None:
    done = compared(tmp_path, Models(cannot=["second:burger"]), "first", "second", "third")
    lake = Lake(str(tmp_path / "lake"))
    page = write_side_by_side(tmp_path / "p.html", done, read_image=lake.get_image, generated_at=NOON)
    html = page.read_text(encoding="utf-8")
    assert html.count("data:image/webp;base64,") == 5 and html.count("not rendered: render_failed") == 1
    assert html.count("its weights folder is absent") == 2 and html.count("not available") == 3
    assert "a &lt;b&gt;pizza" in html and "<b>pizza" not in html
    assert "default-src 'none'" in html and "http" not in html.replace("http-equiv", "")
    assert html.count("Receipt</summary>") == 6 and "Expected text legible" in html
    assert page.stat().st_size < 5_000_000
