"""The lake: tables, images, part logs."""

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateful.errors import StoreError
from plateful.stores import Lake
from plateful.stores import objects as objects_module
from plateful.stores.s3 import S3Options
from tests.plateful.stores.rows import frame

KEY = hashlib.sha256(b"a").hexdigest()


@pytest.fixture(params=["local", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    if request.param == "local":
        return Lake(str(tmp_path))
    server = request.getfixturevalue("s3")
    return Lake(request.getfixturevalue("s3_prefix"), S3Options(server.endpoint, server.region))


def test_a_table_comes_back_as_written(lake: Lake) -> None:
    products = frame("products", {"product_id": "p1", "ingredients": ["鸡", "rice"]}, {"product_id": "p2"})
    lake.write_table("products", products, "SG")
    assert lake.has_table("products", "SG")
    assert not lake.has_table("products", "DE")
    assert lake.read_table("products", "SG").equals(products)
    lake.write_table("products", products.head(1), "SG")
    assert lake.read_table("products", "SG").height == 1


def test_a_table_may_have_no_partition_and_no_rows(lake: Lake) -> None:
    board = frame("model_leaderboard")
    lake.write_table("model_leaderboard", board)
    assert lake.read_table("model_leaderboard").equals(board)


def test_partitions_are_listed(lake: Lake) -> None:
    assert lake.partitions("prompts") == []
    for country in ("SG", "DE"):
        lake.write_table("prompts", frame("prompts"), country)
    assert lake.partitions("prompts") == ["DE", "SG"]


def test_an_absent_table_names_itself_and_what_to_do(lake: Lake) -> None:
    with pytest.raises(StoreError, match=r"'prompts' for SG .* materialize prompts for SG first"):
        lake.read_table("prompts", "SG")


def test_wrong_columns_and_names_are_refused(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="missing or unknown"):
        lake.write_table("products", pl.DataFrame({"product_id": ["p"]}), "SG")
    with pytest.raises(StoreError, match="'nonsense' does not exist"):
        lake.read_table("nonsense", "SG")
    with pytest.raises(StoreError, match="cannot be a folder name"):
        lake.read_table("products", "../SG")
    with pytest.raises(StoreError, match="part log 'products'"):
        lake.read_parts("products", "SG")
    with pytest.raises(StoreError, match="not a hex digest"):
        lake.has_image("../../etc/passwd")
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_broken_file_is_named(lake: Lake) -> None:
    lake.write_table("prompts", frame("prompts"), "SG")
    (lake.root / "tables" / "prompts" / "country=SG" / "part.parquet").write_bytes(b"not parquet")
    with pytest.raises(StoreError, match=r"country=SG.part\.parquet cannot be read"):
        lake.read_table("prompts", "SG")


def test_images_are_put_once(lake: Lake) -> None:
    assert lake.put_image(KEY, b"first")
    assert not lake.put_image(KEY, b"second")
    assert lake.get_image(KEY) == b"first"
    assert lake.has_image(KEY)
    assert lake.has_object(f"images/{KEY[:2]}/{KEY}.png")
    with pytest.raises(StoreError, match="not in the store"):
        lake.get_image("0" * 64)


def test_stored_images_are_told_from_lost_ones(lake: Lake) -> None:
    beside = KEY[:2] + "0" * 62
    assert lake.stored_images([KEY]) == set()
    for key in (KEY, beside):
        lake.put_image(key, b"png")
    assert lake.stored_images([KEY, "0" * 64, KEY[:2] + "1" * 62]) == {KEY}
    assert lake.stored_images([]) == set()


def test_parts_read_empty_before_the_first(lake: Lake) -> None:
    assert lake.read_parts("safety_scores", "SG").is_empty()
    lake.compact("safety_scores", "SG")
    lake.append_part("safety_scores", "SG", frame("safety_scores"))
    assert lake.read_parts("safety_scores", "SG").is_empty()


def test_the_first_row_wins_and_a_new_scorer_version_is_another_row(lake: Lake) -> None:
    old = {"candidate_id": "a", "scorer_version": "1", "text": 0.1}
    lake.append_part("safety_scores", "SG", frame("safety_scores", old))
    lake.append_part("safety_scores", "SG", frame("safety_scores", {**old, "text": 0.9}))
    lake.append_part(
        "safety_scores", "SG", frame("safety_scores", {**old, "scorer_version": "2", "text": 0.5})
    )
    for _ in range(2):
        rows = lake.read_parts("safety_scores", "SG").select("scorer_version", "text").rows()
        assert rows == [("1", 0.1), ("2", 0.5)]
        lake.compact("safety_scores", "SG")
    assert len(part_names(lake, "safety_scores")) == 1


def test_a_candidate_rendered_after_its_quarantine_counts_as_rendered(lake: Lake) -> None:
    for status in ("quarantined", "ok", "quarantined"):
        part = frame("generated_candidates", {"candidate_id": "a", "status": status})
        lake.append_part("generated_candidates", "SG", part)
    assert lake.read_parts("generated_candidates", "SG")["status"].to_list() == ["ok"]


def test_the_last_rendered_row_of_a_candidate_wins(lake: Lake) -> None:
    for digest in ("first", "second"):
        row = {"candidate_id": "a", "status": "ok", "file_sha256": digest}
        lake.append_part("generated_candidates", "SG", frame("generated_candidates", row))
    for _ in range(2):
        assert lake.read_parts("generated_candidates", "SG")["file_sha256"].to_list() == ["second"]
        lake.compact("generated_candidates", "SG")


def test_the_same_rows_again_add_no_part(lake: Lake) -> None:
    part = frame("judge_verdicts", {"candidate_id": "a"})
    for _ in range(3):
        lake.append_part("judge_verdicts", "SG", part)
    assert len(part_names(lake, "judge_verdicts")) == 1


def test_a_compaction_killed_before_deleting_changes_nothing(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        lake.append_part("judge_verdicts", "SG", frame("judge_verdicts", {"candidate_id": name}))
    before = lake.read_parts("judge_verdicts", "SG")
    path_type = type(lake.root)
    with monkeypatch.context() as patch:
        patch.setattr(path_type, "unlink", killed)
        if isinstance(lake.root, objects_module.Path):
            patch.setattr(objects_module, "_temp_beside", _kept_temp)
        with pytest.raises(KeyboardInterrupt):
            lake.compact("judge_verdicts", "SG")
    assert len(part_names(lake, "judge_verdicts")) == 4
    assert lake.read_parts("judge_verdicts", "SG").equals(before)
    lake.compact("judge_verdicts", "SG")
    assert len(part_names(lake, "judge_verdicts")) == 1
    assert lake.read_parts("judge_verdicts", "SG").equals(before)


def test_appending_and_reading_beside_compactions_loses_nothing(lake: Lake) -> None:
    def shard(number: int) -> int:
        for step in range(6):
            rows = [{"candidate_id": f"{number}-{step}-{i}"} for i in range(3)]
            lake.append_part("judge_verdicts", "SG", frame("judge_verdicts", *rows))
            lake.compact("judge_verdicts", "SG")
            seen = set(lake.read_parts("judge_verdicts", "SG")["candidate_id"])
            assert {row["candidate_id"] for row in rows} <= seen
        return 18

    with ThreadPoolExecutor(4) as pool:
        expected = sum(pool.map(shard, range(4)))
    assert lake.read_parts("judge_verdicts", "SG").height == expected


KILLED = """
import os, sys
from plateful.stores import Lake, objects
from tests.plateful.stores.rows import frame
lake = Lake(sys.argv[1])
lake.append_part("judge_verdicts", "SG", frame("judge_verdicts", {"candidate_id": "a"}))
write = os.link
os.link = lambda *args: os.kill(os.getpid(), 9)
lake.append_part("judge_verdicts", "SG", frame("judge_verdicts", {"candidate_id": "b"}))
"""


def test_a_writer_killed_before_its_part_has_a_name_leaves_the_log_readable(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -9
    lake = Lake(str(tmp_path))
    assert lake.read_parts("judge_verdicts", "SG")["candidate_id"].to_list() == ["a"]
    lake.append_part("judge_verdicts", "SG", frame("judge_verdicts", {"candidate_id": "b"}))
    assert lake.read_parts("judge_verdicts", "SG")["candidate_id"].to_list() == ["a", "b"]


rows = st.tuples(st.sampled_from("abcd"), st.sampled_from("12"), st.sampled_from([0.0, 0.25, 0.5]))
actions = st.lists(st.one_of(st.just("compact"), st.lists(rows, min_size=1, max_size=4)), max_size=8)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(actions)
def test_any_order_of_appends_and_compactions_reads_as_the_first_row_of_each_key(steps: Any) -> None:
    with TemporaryDirectory() as folder:
        lake, expected = Lake(folder), {}
        for step in steps:
            if step == "compact":
                lake.compact("quality_scores", "SG")
                continue
            names: list[str] = ["candidate_id", "scorer_version", "sharpness"]
            lake.append_part(
                "quality_scores",
                "SG",
                frame("quality_scores", *(dict(zip(names, r, strict=True)) for r in step)),
            )
            for candidate, version, value in step:
                expected.setdefault((candidate, version), value)
        found = lake.read_parts("quality_scores", "SG").select("candidate_id", "scorer_version", "sharpness")
        assert {(c, v): s for c, v, s in found.iter_rows()} == expected
        assert found.height == len(expected)


puts = st.lists(st.tuples(st.sampled_from(["aa" * 8, "bb" * 8]), st.binary(max_size=20)), max_size=10)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(puts)
def test_put_if_absent_keeps_the_first_of_any_sequence(sequence: Any) -> None:
    with TemporaryDirectory() as folder:
        lake, expected = Lake(folder), {}
        for key, content in sequence:
            assert lake.put_image(key, content) == (key not in expected)
            expected.setdefault(key, content)
        assert {key: lake.get_image(key) for key in expected} == expected


def part_names(lake: Lake, log: str) -> list[str]:
    return sorted(p.name for p in (lake.root / "parts" / log / "SG").iterdir() if p.name.endswith(".parquet"))


def killed(*_args: object, **_kwargs: object) -> None:
    raise KeyboardInterrupt


class _kept_temp:
    """The temporary file without its removal, which the patched `unlink` would turn into the kill."""

    def __init__(self, path: Any, content: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.temp = path.parent / ".tmp-test"
        self.temp.write_bytes(content)

    def __enter__(self) -> Path:
        return self.temp

    def __exit__(self, *_: object) -> None:
        objects_module.os.remove(self.temp)
