"""Compile caches: signed, verified, keyed; and torch takes from one what it would compile."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch._inductor import config

from plateful.errors import ConfigError, ModelError, StoreError
from plateful.models.versions import ModelVersion
from plateful.rendering.compile_cache import FOLDER, CacheKey, fetch, sizes_of, store
from plateful.rendering.compiling import missing_compiler
from plateful.rendering.warming import cache_key, load, require_compiled
from plateful.stores.lake import Lake
from tests.plateful.rendering.conftest import short_version

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a-signing-key-of-thirty-two-bytes-or-more"  # noqa: S105
KEY = CacheKey("d" * 64, "NVIDIA L4, 8.9", "2.12.0+cu128", ("1024", "1216x832"))
CPU = torch.device("cpu")


def _index(lake: Lake) -> Path:
    return Path(str(lake.root)) / KEY.index


def test_what_was_stored_comes_back(lake: Lake) -> None:
    assert fetch(KEY, lake, SECRET) is None
    assert store(KEY, b"kernels", lake, SECRET)
    assert fetch(KEY, lake, SECRET) == b"kernels"


def test_the_first_build_stays(lake: Lake) -> None:
    assert store(KEY, b"kernels", lake, SECRET)
    assert not store(KEY, b"other kernels", lake, SECRET)
    assert fetch(KEY, lake, SECRET) == b"kernels"


@pytest.mark.parametrize(
    "other",
    [
        {"model_version": "e" * 64},
        {"device": "NVIDIA L40S, 8.9"},
        {"torch": "2.13.0+cu130"},
        {"sizes": ("1024",)},
    ],
)
def test_another_model_device_torch_or_size_has_another_cache(lake: Lake, other: dict) -> None:
    store(KEY, b"kernels", lake, SECRET)
    assert fetch(replace(KEY, **other), lake, SECRET) is None


def test_an_index_signed_with_another_key_is_refused(lake: Lake) -> None:
    store(KEY, b"kernels", lake, "another-signing-key-of-thirty-two-bytes")
    with pytest.raises(ModelError, match="not signed with this installation's key"):
        fetch(KEY, lake, SECRET)


@pytest.mark.parametrize("field", ["sha256", "bytes", "key", "signature"])
def test_an_altered_index_is_refused(lake: Lake, field: str) -> None:
    store(KEY, b"kernels", lake, SECRET)
    entry = json.loads(_index(lake).read_text())
    entry[field] = {"model_version": "x"} if field == "key" else "0"
    _index(lake).write_text(json.dumps(entry))
    with pytest.raises(ModelError, match="not signed"):
        fetch(KEY, lake, SECRET)


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json", '{"signature": 3}'])
def test_what_is_no_index_is_refused(lake: Lake, content: str) -> None:
    store(KEY, b"kernels", lake, SECRET)
    _index(lake).write_text(content)
    with pytest.raises(ModelError, match="not signed"):
        fetch(KEY, lake, SECRET)


def test_a_signed_index_of_another_key_is_refused_under_this_one(lake: Lake) -> None:
    other = replace(KEY, device="NVIDIA L40S, 8.9")
    store(other, b"kernels", lake, SECRET)
    _index(lake).write_bytes((Path(str(lake.root)) / other.index).read_bytes())
    with pytest.raises(ModelError, match="not signed"):
        fetch(KEY, lake, SECRET)


@pytest.mark.parametrize("content", [b"kernel", b"kernelz"])
def test_truncated_or_altered_artifacts_are_refused(lake: Lake, content: bytes) -> None:
    store(KEY, b"kernels", lake, SECRET)
    (artifacts,) = (Path(str(lake.root)) / FOLDER).glob("*.bin")
    artifacts.write_bytes(content)
    with pytest.raises(ModelError, match="its artifacts are"):
        fetch(KEY, lake, SECRET)


def test_lost_artifacts_are_one_clear_error(lake: Lake) -> None:
    store(KEY, b"kernels", lake, SECRET)
    (artifacts,) = (Path(str(lake.root)) / FOLDER).glob("*.bin")
    artifacts.unlink()
    with pytest.raises(StoreError, match="is not in the store"):
        fetch(KEY, lake, SECRET)


def test_a_short_key_is_refused(lake: Lake) -> None:
    with pytest.raises(ConfigError, match="has 5 bytes"):
        store(KEY, b"kernels", lake, "short")


def test_a_key_names_the_sizes_of_the_catalog(version: ModelVersion) -> None:
    assert sizes_of(version) == ("128",)
    key = cache_key(version, CPU)
    assert (key.model_version, key.torch) == (version.digest, torch.__version__)
    assert key.device.startswith("cpu, ")


def test_a_profile_that_is_not_compiled_has_nothing_to_build(version: ModelVersion) -> None:
    with pytest.raises(ConfigError, match="is not compiled"):
        require_compiled(version, CPU)


def test_without_a_compiler_there_is_one_clear_line(weights: Path) -> None:
    missing_compiler.cache_clear()
    torch.compiler.reset()
    # Caches off: what was compiled before on this machine needs no compiler.
    broken = config.patch({"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True})
    with broken, pytest.raises(ConfigError, match=r"torch\.compile cannot work for cpu") as refused:
        require_compiled(short_version(weights, compiled=True), CPU)
    assert "g++" in refused.value.fix
    missing_compiler.cache_clear()
    torch.compiler.reset()


def test_a_version_without_a_cache_compiles_for_itself(weights: Path, lake: Lake) -> None:
    assert load(short_version(weights, compiled=True), lake, SECRET, CPU) is None


def test_torch_refuses_artifacts_that_are_none(weights: Path, lake: Lake) -> None:
    version = short_version(weights, compiled=True)
    store(cache_key(version, CPU), b"no artifacts", lake, SECRET)
    with pytest.raises(ModelError, match="cannot read it"):
        load(version, lake, SECRET, CPU)


# A process of its own each, as pods are; the network is one layer, for compiling a UNet takes a minute.
COMPILED = """
import sys, torch
from torch._dynamo.utils import counters
from plateful.rendering.compile_cache import CacheKey, fetch, store
from plateful.stores.lake import Lake

lake, secret, key = Lake(sys.argv[2]), sys.argv[3], CacheKey("0" * 64, "cpu", torch.__version__, ("8",))
if sys.argv[1] == "pull":
    assert torch.compiler.load_cache_artifacts(fetch(key, lake, secret)) is not None
layer = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.SiLU()).eval()
torch.nn.init.ones_(layer[0].weight), torch.nn.init.zeros_(layer[0].bias)
with torch.inference_mode():
    answer = torch.compile(layer, dynamic=False)(torch.ones(1, 1, 8, 8)).sum().item()
if sys.argv[1] == "build":
    store(key, torch.compiler.save_cache_artifacts()[0], lake, secret)
print(counters["inductor"]["fxgraph_cache_hit"], counters["inductor"]["fxgraph_cache_miss"], round(answer, 3))
"""


def _compiled(what: str, lake: Lake, cache: Path) -> list[str]:
    command = [sys.executable, "-c", COMPILED, what, str(lake.root), SECRET]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "TORCHINDUCTOR_CACHE_DIR": str(cache)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(missing_compiler(CPU) is not None, reason="no C++ compiler")
def test_a_second_process_finds_in_the_lake_what_the_first_compiled(lake: Lake, tmp_path: Path) -> None:
    built = _compiled("build", lake, tmp_path / "first")
    pulled = _compiled("pull", lake, tmp_path / "second")
    assert built[:2] == ["0", "1"]
    assert pulled[:2] == ["1", "0"]
    assert built[2] == pulled[2]
