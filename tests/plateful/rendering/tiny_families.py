"""Tiny SD1.5 and SDXL folders, served by the shipped catalog's own entries at the sizes they can do."""

from pathlib import Path
from typing import Any

import yaml

from plateful.models.catalog import CATALOG_FILE, CatalogEntry
from plateful.models.digests import write_digests
from plateful.models.versions import ModelVersion, model_version
from tests.plateful.rendering.tiny_pipelines import tiny_pipeline

FAMILIES = ("sd15", "sdxl")
SMALL: dict[str, Any] = {"size": 64, "steps": 4, "batch": 2, "dtype": "float32", "scheduler": "DDIMScheduler"}


def build_tiny(family: str, folder: Path) -> Path:
    """Save a tiny family as safetensors in diffusers' layout and return its folder."""
    tiny_pipeline(f"{family}-random").save_pretrained(folder / "pipeline")
    write_digests(folder)
    return folder


def small_entry(name: str) -> dict[str, Any]:
    """Return the fields of a shipped catalog entry, its profiles made small."""
    fields = yaml.safe_load(CATALOG_FILE.read_text(encoding="utf-8"))[name]
    fields["applications"] = {}
    fields["capabilities"] |= {
        "size": {"kind": "enum", "values": [64, "96x64"]},
        "steps": {"kind": "range", "low": 1, "high": 50},
    }
    fields["profiles"] = {each: run | SMALL for each, run in fields["profiles"].items()}
    return fields


def small_version(name: str, root: Path, profile: str = "standard", **changes: Any) -> ModelVersion:
    """Return a version of a shipped entry over the tiny weights in `root/name`."""
    entry = CatalogEntry.model_validate(small_entry(name) | {"id": name})
    run = entry.profile_named(profile).model_copy(update=changes)
    return model_version(entry, root, run)
