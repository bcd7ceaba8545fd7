"""Load a frozen eval set: one JSON object per line, its sha256 pinned here."""

import json
from pathlib import Path

from plateful.errors import ConfigError, ContractError
from plateful.evaluation.items import EvalItem, EvalSet
from plateful.identity import canonical_json, sha256_hex

FOLDER = Path(__file__).parent
# A changed description is a new set under a new name: scores on the old one stay comparable.
DIGESTS = {"plates_v1": "450afc1b8ae3f1e78ba570eafe22a776794a361c9ede5bf53e186a3a76dafb77"}


def load_eval_set(name: str, folder: Path = FOLDER) -> EvalSet:
    """Return a frozen set by name.

    Args:
        name: one of DIGESTS.
        folder: where its `<name>.jsonl` lies.

    Raises:
        ConfigError: no such set.
        ContractError: the file is missing or is not the one that was frozen.
    """
    if name not in DIGESTS:
        raise ConfigError(f"eval set {name!r} does not exist", fix=f"use one of {', '.join(DIGESTS)}")
    path = folder / f"{name}.jsonl"
    content = path.read_bytes() if path.is_file() else b""
    digest = sha256_hex(content)
    if digest != DIGESTS[name]:
        raise ContractError(
            f"eval set {name!r}: {path.name} has sha256 {digest[:12]}, frozen was {DIGESTS[name][:12]}",
            fix="restore the file; a changed set gets a new name and its own digest",
        )
    items = tuple(_item(json.loads(line)) for line in content.decode().splitlines())
    return EvalSet(name, items, digest)


def _item(fields: dict) -> EvalItem:
    return EvalItem(**{**fields, "rubric": canonical_json(fields["rubric"])})
