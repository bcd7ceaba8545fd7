"""Weight digests: every file of a model folder has a recorded sha256, and none is a pickle.

`digests.json` lists `{path relative to the folder: sha256}` for weights, configs and tokenizers alike:
each of them changes pixels. Documents beside them (`*.md`, pictures) are not listed.
"""

import hashlib
import json
import sys
from functools import lru_cache
from pathlib import Path

from plateful.errors import ModelError

DIGESTS = "digests.json"
DOCUMENTS = frozenset({".md", ".png", ".jpg", ".webp", ".txt", ".html"})
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".npy", ".npz", ".joblib", ".py"})
# How the weights came to be; no loader reads it.
TRAINING_RECORD = "training.json"
_TOKENIZER_TEXTS = frozenset({"merges.txt"})


def write_digests(folder: Path, *, binaries: frozenset[str] = frozenset()) -> dict[str, str]:
    """Record the sha256 of every file below `folder` that loading may read, and return the record.

    `binaries` names files whose suffix pickles share, of a format that holds no code.
    """
    digests = {path: file_sha256(folder / path) for path in _model_files(folder, binaries=binaries)}
    (folder / DIGESTS).write_text(json.dumps(digests, indent=1, sort_keys=True) + "\n")
    return digests


def verify_digests(folder: Path, part: str = "", *, binaries: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return `{path: sha256}` after checking every file of `folder` against its record.

    Args:
        folder: model folder with its record.
        part: name of a folder in it, to check what lies in that one alone.
        binaries: names of files whose suffix pickles share, of a format that holds no code.

    Raises:
        ModelError: no record, or a file is missing, altered, unrecorded, or in a format that runs code.
    """
    record = folder / DIGESTS
    if not record.is_file():
        raise ModelError(
            f"model folder {folder.name!r} has no {DIGESTS}",
            fix="rebuild the weights with `make models` or restore the folder from the repository",
        )
    inside = f"{part}/" if part else ""
    recorded: dict[str, str] = json.loads(record.read_text())
    digests = {path: digest for path, digest in recorded.items() if path.startswith(inside)}
    found = set(_model_files(folder, part, binaries=binaries))
    _refuse(folder, sorted(digests.keys() - found), "is missing")
    _refuse(folder, sorted(found - digests.keys()), f"is not recorded in {DIGESTS}")
    altered = [path for path in sorted(found) if file_sha256(folder / path) != digests[path]]
    _refuse(folder, altered, "is not the recorded file")
    return digests


def verified(folder: Path) -> dict[str, str]:
    """Return `verify_digests` of a whole folder, looked at once per state of its files.

    Hashing 30 MB at every plan and shard would be waste.

    Raises:
        ModelError: as `verify_digests`.
    """
    return _verified(folder, _stamp(folder))


@lru_cache(maxsize=8)
def _verified(folder: Path, stamp: tuple) -> dict[str, str]:  # noqa: ARG001 - the stamp is the cache key
    return verify_digests(folder)


def _stamp(folder: Path) -> tuple:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return tuple((p.as_posix(), p.stat().st_mtime_ns, p.stat().st_size) for p in files)


def _model_files(folder: Path, part: str = "", *, binaries: frozenset[str] = frozenset()) -> list[str]:
    """List the files that loading may read, as sorted relative paths; refuse formats that run code."""
    every = (folder / part).rglob("*")
    files = sorted(p for p in every if p.is_file() and p.name not in (DIGESTS, TRAINING_RECORD))
    for path in files:
        if path.suffix.lower() in PICKLES and path.name not in binaries:
            raise ModelError(
                f"model file {path.relative_to(folder).as_posix()!r} is in a format that can run code",
                fix="convert the weights to safetensors and delete the file",
            )
    return [
        path.relative_to(folder).as_posix()
        for path in files
        if path.suffix.lower() not in DOCUMENTS or path.name in _TOKENIZER_TEXTS
    ]


def _refuse(folder: Path, paths: list[str], problem: str) -> None:
    if paths:
        raise ModelError(
            f"model file {folder.name}/{paths[0]!r} {problem} ({len(paths)} such files)",
            fix="restore the folder from the repository, or rebuild it with `make models`",
        )


def file_sha256(path: Path) -> str:
    """Return a file's sha256 as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"{name}: {len(write_digests(Path(name)))} files recorded")
