"""The model card: figures measured here, the picture grid, and how these weights came to be."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.family import measures
from training.family.measures import Family
from training.family.session import Session, commit, write_json

GRID_COLUMNS = 17
GRID_TILE_PX = 96
TEMPLATE = Path(__file__).with_name("card.md.template")


def prompts_of(per_archetype: int) -> list[tuple[str, str, str]]:
    """(prompt, archetype, background) for every archetype over the backgrounds in turn."""
    from training.plates import ARCHETYPES, BACKGROUNDS

    return [
        (f"{kind.phrase} on a {ground} background", name, ground)
        for ground in [BACKGROUNDS[i % len(BACKGROUNDS)] for i in range(per_archetype)]
        for name, kind in ARCHETYPES.items()
    ]


def tile(images: np.ndarray, columns: int) -> Image.Image:
    """(N, h, w, 3) pictures as one picture of `columns` columns; a short last row is black at the end."""
    count, height, width, _ = images.shape
    rows = -(-count // columns)
    padded = np.zeros((rows * columns, height, width, 3), np.uint8)
    padded[:count] = images
    grid = padded.reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return Image.fromarray(grid.reshape(rows * height, columns * width, 3))


def write_card(session: Session) -> dict[str, Any]:
    """Measure the exported family; write MODEL_CARD.md, grid.png and training.json; return the measures."""
    family, recipe = measures.load_family(session), session.recipe
    images, records = measures.fresh_plates(recipe, recipe.card.fresh_plates)
    found = measures.zero_shot(family, images, records)
    clean = [i for i, record in enumerate(records) if not record["defects"]]
    found |= measures.clean_zero_shot(family, images[clean], [records[i] for i in clean])
    found |= _autoencoders(session, family, images[clean])
    found |= _renders(session, family)
    found = {name: round(value, 4) for name, value in found.items()}
    facts = _facts(session, found)
    write_json(session.out / "training.json", facts)
    (session.out / "MODEL_CARD.md").write_text(_text(facts), encoding="utf-8")
    return found


def _autoencoders(session: Session, family: Family, images: np.ndarray) -> dict[str, float]:
    found, rows = {}, [images[:GRID_COLUMNS]]
    for name, vae in (("vae", family.pipeline.vae), ("tiny_vae", family.tiny_vae)):
        made = measures.reconstruct(vae, images)
        found[f"{name}_psnr_db"] = measures.psnr(made, images)
        rows.append(made[:GRID_COLUMNS])
    tile(np.concatenate(rows), GRID_COLUMNS).save(session.work / "reconstructions.png")
    return found


def _renders(session: Session, family: Family) -> dict[str, float]:
    wanted = prompts_of(session.recipe.card.renders_per_archetype)
    prompts, kinds, grounds = (list(column) for column in zip(*wanted, strict=True))
    made = measures.render(family, session.recipe, prompts)
    grid = tile(made, GRID_COLUMNS)
    # Small tiles in 256 colours: the grid counts towards the repository's limit for the family.
    grid.thumbnail((GRID_COLUMNS * GRID_TILE_PX, grid.height))
    grid.quantize(256).save(session.out / "grid.png", optimize=True)
    embeds = measures.embed_images(family, made)
    kind_texts, ground_texts = measures.archetype_texts(), measures.background_texts()
    return {
        "renders": float(len(made)),
        "renders_archetype_accuracy_by_own_clip": measures.share_right(
            measures.choose(family, embeds, list(kind_texts.values())), list(kind_texts), kinds),
        "renders_background_accuracy_by_own_clip": measures.share_right(
            measures.choose(family, embeds, list(ground_texts.values())), list(ground_texts), grounds),
    }  # fmt: skip


def _facts(session: Session, found: dict[str, float]) -> dict[str, Any]:
    notes = session.notes()
    remarks = notes.pop("remarks", {})
    minutes = sum(part.get("minutes", 0.0) for part in notes.values())
    return {
        "name": session.recipe.name,
        "machine": "gpu" if session.on_gpu else "cpu",
        "minutes_unit": "GPU wall minutes" if session.on_gpu else "CPU minutes over all threads",
        "minutes": round(minutes, 1),
        "commit": notes.get("unet", {}).get("commit"),
        "measured_at_commit": commit(),
        "recipe_sha256": session.recipe.digest,
        "parts": notes,
        "remarks": list(remarks.values()),
        "metrics": found,
    }


def _text(facts: dict[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {value:g} |" for name, value in facts["metrics"].items())
    parts = "\n".join(
        f"| {name} | {part.get('minutes', '')} | {part.get('steps', '')} |"
        for name, part in facts["parts"].items()
    )
    remarks = "\n".join(f"- {remark}" for remark in facts["remarks"]) or "- none"
    text = TEMPLATE.read_text(encoding="utf-8")
    return text.format(**facts, metric_rows=rows, part_rows=parts, remark_rows=remarks)
