"""The house rules: import direction, heavy imports, and that our packages are ours."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Layer -> the layers it may import, itself included.
ORDER = ["plateful", "eval_sets", "training", "resources", "assets", "jobs", "sensors", "definitions", "cli"]
SIBLINGS = {"eval_sets": {"plateful", "training", "eval_sets"}, "training": {"plateful", "training"}}
HEAVY = {
    "torch",
    "diffusers",
    "transformers",
    "mlflow",
    "snowflake",
    "kubernetes",
    "great_expectations",
    "compel",
    "ctranslate2",
    "sentencepiece",
    "google.cloud.translate_v3",
    "openai",
}


def _modules() -> list[Path]:
    files = [ROOT / "definitions.py"]
    for layer in ORDER:
        files += sorted((ROOT / layer).rglob("*.py"))
    return files


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0].removesuffix(".py")
    allowed = SIBLINGS.get(layer, set(ORDER[: ORDER.index(layer) + 1]))
    ours = _imports(path) & set(ORDER)
    assert ours <= allowed, f"{layer} may not import {ours - allowed}"
    if layer == "plateful":
        assert "dagster" not in _imports(path)


def test_definitions_load_without_heavy_modules() -> None:
    code = f"import definitions, sys; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ORDER)
def test_packages_are_ours(name: str) -> None:
    file = importlib.import_module(name).__file__
    assert file is not None
    assert Path(file).is_relative_to(ROOT)
    assert ".venv" not in file
