"""Resolve a picture's path strictly inside the feed's folder.

Names are compared in NFC, part by part, since feeds and file systems disagree on composed and decomposed
letters. Symbolic links may point around inside the folder but not out of it.
"""

import re
import unicodedata
from functools import lru_cache
from pathlib import Path, PurePosixPath

MAX_PATH = 1_024


def path_problem(reference: str, root: Path) -> str:
    """Return why a path may not be read, empty when it stays inside (file there or not)."""
    if len(reference) > MAX_PATH:
        return f"is longer than {MAX_PATH} characters"
    if re.search(r"[\x00-\x1f\x7f]", reference):
        return "holds a control character"
    parts = _parts(reference)
    if reference.startswith(("/", "\\", "~")) or re.match(r"^[A-Za-z]:", reference):
        return "is absolute: give a path inside the feed's folder"
    if ".." in parts:
        return "leaves the feed's folder"
    found = find_picture(reference, root)
    if found is not None and not found.resolve().is_relative_to(root.resolve()):
        return "is a link that leaves the feed's folder"
    return ""


def find_picture(reference: str, root: Path) -> Path | None:
    """Return the file that a path names, in whatever Unicode form, None when there is none."""
    place = root
    for part in _parts(reference):
        direct = place / part
        try:
            there = direct.exists()
        except OSError:
            return None
        if there:
            place = direct
            continue
        if not place.is_dir():
            return None
        actual = _listing(place, place.stat().st_mtime_ns).get(unicodedata.normalize("NFC", part))
        if actual is None:
            return None
        place = place / actual
    return place if place.is_file() else None


def _parts(reference: str) -> list[str]:
    return [part for part in PurePosixPath(reference.replace("\\", "/")).parts if part not in (".", "/")]


@lru_cache(maxsize=256)
def _listing(folder: Path, _changed_ns: int) -> dict[str, str]:
    """NFC name -> name on disk, once per state of a folder: feeds name hundreds of files in one."""
    return {unicodedata.normalize("NFC", p.name): p.name for p in folder.iterdir()}
