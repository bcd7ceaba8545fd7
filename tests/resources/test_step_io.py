"""Step documents and tables survive the way to the lake and back."""

import gzip
import os
import time
from pathlib import Path

import dagster as dg

from resources.io_managers import StepIOManager


def test_documents_between_ops_are_json_files_and_old_runs_are_dropped(tmp_path: Path) -> None:
    for name, days in (("old", 8), ("recent", 6)):
        folder = tmp_path / "steps" / name
        folder.mkdir(parents=True)
        (folder / "plan").write_text("{}")
        os.utime(folder, (time.time() - days * 86_400,) * 2)

    @dg.op(out=dg.DynamicOut(dict, io_manager_key="step_io"))
    def split():  # noqa: ANN202
        yield dg.DynamicOutput({"n": [1, "麵"]}, mapping_key="one")
        yield dg.DynamicOutput({"n": []}, mapping_key="two")

    @dg.op(out=dg.Out(dict, io_manager_key="step_io"))
    def count(part: dict) -> dict:
        return {"n": len(part["n"])}

    @dg.op
    def add(parts: list[dict]) -> int:
        return sum(part["n"] for part in parts)

    @dg.job(resource_defs={"step_io": StepIOManager(root=str(tmp_path))})
    def whole() -> None:
        add(split().map(count).collect())

    assert whole.execute_in_process().output_for_node("add") == 2
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 4 + 1
    assert sorted(path.name for path in (tmp_path / "steps").iterdir() if len(path.name) < 10) == ["recent"]
    documents = [path for path in files if path.name != "plan"]
    assert all(gzip.decompress(path.read_bytes()).startswith(b"{") for path in documents)
