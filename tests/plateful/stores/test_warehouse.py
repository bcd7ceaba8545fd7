"""The warehouse on a real DuckDB file."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest

from plateful.errors import StoreError
from plateful.stores import DuckDBWarehouse
from tests.plateful.stores.rows import frame
from tests.plateful.stores.test_objects import file_size_limit


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(tmp_path / "state" / "w.duckdb", lock_timeout=20)


def image(name: str = "i1", **values: object) -> dict[str, Any]:
    return {"image_id": name, "country": "SG", "status": "live", "reason": None, "version": 1, **values}


def test_nothing_is_there_before_the_first_merge(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.published("SG").is_empty()
    assert not warehouse.path.exists()
    assert warehouse.merge_published(frame("published_images")) == 0


def test_rows_come_back_as_merged_by_country(warehouse: DuckDBWarehouse) -> None:
    rows = frame("published_images", image("i1"), image("i2", reason="real_photo", status="retired"))
    assert warehouse.merge_published(rows) == 2
    assert warehouse.merge_published(frame("published_images", image("i3", country="DE"))) == 1
    assert warehouse.published("SG").equals(rows)
    assert warehouse.published("DE")["image_id"].to_list() == ["i3"]


def test_only_a_higher_version_changes_a_row(warehouse: DuckDBWarehouse) -> None:
    assert warehouse.merge_published(frame("published_images", image(url="a", version=2))) == 1
    assert warehouse.merge_published(frame("published_images", image(url="b", version=2))) == 0
    assert warehouse.merge_published(frame("published_images", image(url="b", version=1))) == 0
    assert warehouse.published("SG")["url"].to_list() == ["a"]
    assert warehouse.merge_published(frame("published_images", image(url="c", version=3), image("i2"))) == 2
    assert warehouse.published("SG").select("image_id", "url").rows() == [("i1", "c"), ("i2", "x")]


def test_one_image_twice_in_a_merge_is_refused(warehouse: DuckDBWarehouse) -> None:
    with pytest.raises(StoreError, match="'i1' comes twice"):
        warehouse.merge_published(frame("published_images", image(), image(version=2)))


def test_threads_and_another_reader_take_turns(warehouse: DuckDBWarehouse) -> None:
    def work(number: int) -> tuple[int, int]:
        changed = DuckDBWarehouse(warehouse.path).merge_published(
            frame("published_images", image(f"i{number}"), image("shared", version=number + 1))
        )
        return changed, warehouse.published("SG").height

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
    rows = dict(warehouse.published("SG").select("image_id", "version").iter_rows())
    assert rows == {**{f"i{n}": 1 for n in range(8)}, "shared": 8}


PROCESS = """
import sys
from plateful.stores import DuckDBWarehouse
from tests.plateful.stores.rows import frame
name = sys.argv[2]
for version in (1, 2, 3):
    row = {"image_id": name, "country": "SG", "version": version}
    assert DuckDBWarehouse(sys.argv[1]).merge_published(frame("published_images", row)) == 1
"""


def test_processes_take_turns(warehouse: DuckDBWarehouse) -> None:
    command = [sys.executable, "-c", PROCESS, str(warehouse.path)]
    processes = [subprocess.Popen([*command, name]) for name in ("a", "b")]
    assert [process.wait() for process in processes] == [0, 0]
    assert warehouse.published("SG").select("image_id", "version").rows() == [("a", 3), ("b", 3)]


OPEN = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


def test_a_file_open_in_a_foreign_program_is_a_clear_error(warehouse: DuckDBWarehouse) -> None:
    warehouse.merge_published(frame("published_images", image()))
    command = [sys.executable, "-c", OPEN, str(warehouse.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match="open in another program"):
            DuckDBWarehouse(warehouse.path, lock_timeout=0.05).published("SG")
        process.stdin.write("\n")
        process.stdin.close()
        process.wait()
    assert warehouse.published("SG").height == 1


def test_no_handle_stays_open(warehouse: DuckDBWarehouse) -> None:
    warehouse.merge_published(frame("published_images", image()))
    code = (
        "import duckdb, sys; print(duckdb.connect(sys.argv[1]).execute('FROM published_images').fetchall())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(warehouse.path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "i1" in done.stdout


def test_a_full_disk_keeps_what_was_there(warehouse: DuckDBWarehouse) -> None:
    warehouse.merge_published(frame("published_images", image()))
    many = frame("published_images", *(image(f"n{i}", url=f"{i:05}" * 400) for i in range(2000)))
    with file_size_limit(warehouse.path.stat().st_size + 5000), pytest.raises(StoreError, match="warehouse"):
        warehouse.merge_published(many)
    assert warehouse.published("SG")["image_id"].to_list() == ["i1"]
    assert warehouse.merge_published(many) == 2000


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(b"hello" * 1000)
    with pytest.raises(StoreError, match=r"w\.duckdb"):
        DuckDBWarehouse(path).published("SG")


def test_times_are_stored_with_their_zone(warehouse: DuckDBWarehouse) -> None:
    warehouse.merge_published(frame("published_images", image()))
    with duckdb.connect(warehouse.path) as connection:
        types = dict(
            connection.execute("SELECT column_name, column_type FROM (DESCRIBE published_images)").fetchall()
        )
    assert types["updated_at"] == "TIMESTAMP WITH TIME ZONE"
