"""The model card: figures measured here, the picture grid, and how these weights came to be."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.family import exam, measures, names
from training.family.figures import Figure
from training.family.measures import Family
from training.family.session import Session, commit, read_json, write_json

GRID_COLUMNS = 17
GRID_TILE_PX = 96
CASES = 4 * GRID_COLUMNS
TEMPLATE = Path(__file__).with_name("card.md.template")


def tile(images: np.ndarray, columns: int) -> Image.Image:
    """(N, h, w, 3) pictures as one picture of `columns` columns; a short last row is black at the end."""
    count, height, width, _ = images.shape
    rows = -(-count // columns)
    padded = np.zeros((rows * columns, height, width, 3), np.uint8)
    padded[:count] = images
    grid = padded.reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    return Image.fromarray(grid.reshape(rows * height, columns * width, 3))


def write_card(session: Session, feeds: Path | None = None) -> dict[str, Figure]:
    """Measure the exported family; write MODEL_CARD.md, its grids and training.json; return the figures.

    `feeds` is a folder of real product feeds; without one, nothing is measured on real dish names.
    """
    family = measures.load_family(session)
    found = _exam(session, family)
    if feeds is not None:
        found |= names.recognised(session, family, feeds)
    images, records = measures.fresh_plates(session.recipe, session.recipe.card.fresh_plates)
    clean = [i for i, record in enumerate(records) if not record["defects"]]
    found |= _autoencoders(session, family, images[clean])
    found |= measures.clean_zero_shot(family, images[clean], [records[i] for i in clean])
    found |= measures.zero_shot(family, images, records)
    facts = read_json(session.out / "training.json") | {
        "measured_at_commit": commit(),
        "metrics": {name: figure.rounded() for name, figure in found.items()},
    }
    write_json(session.out / "training.json", facts)
    (session.out / "MODEL_CARD.md").write_text(_text(facts), encoding="utf-8")
    return found


def _exam(session: Session, family: Family) -> dict[str, Figure]:
    answers = exam.answer(session, family, preview=False)
    _grid(answers.images[answers.right][:CASES], session.out / "grid.png")
    _grid(answers.images[~answers.right][:CASES], session.out / "failures.png")
    preview = exam.answer(session, family, preview=True)
    _grid(preview.images[:CASES], session.out / "preview.png")
    own = measures.own_clip(family, answers.images, [plate.archetype for plate in answers.plates])
    return exam.grades(answers) | exam.grades(preview, "preview_") | own


def _grid(images: np.ndarray, path: Path) -> None:
    """Small tiles in 256 colours: the grids count towards the repository's limit for the family."""
    if not len(images):
        path.unlink(missing_ok=True)
        return
    grid = tile(images, GRID_COLUMNS)
    grid.thumbnail((GRID_COLUMNS * GRID_TILE_PX, grid.height))
    grid.quantize(256).save(path, optimize=True)


def _autoencoders(session: Session, family: Family, images: np.ndarray) -> dict[str, Figure]:
    found, rows = {}, [images[:GRID_COLUMNS]]
    for name, vae in (("vae", family.pipeline.vae), ("tiny_vae", family.tiny_vae)):
        made = measures.reconstruct(vae, images)
        found[f"{name}_psnr_db"] = measures.psnr(made, images)
        rows.append(made[:GRID_COLUMNS])
    tile(np.concatenate(rows), GRID_COLUMNS).save(session.work / "reconstructions.png")
    return found


def _text(facts: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| {name} | {row['value']:g} | {row['low']:g} to {row['high']:g} | {row['n']} |"
        for name, row in facts["metrics"].items()
    )
    parts = "\n".join(
        f"| {name} | {part.get('minutes', '')} | {part.get('steps', '')} |"
        for name, part in facts["parts"].items()
    )
    remarks = "\n".join(f"- {remark}" for remark in facts["remarks"]) or "- none"
    text = TEMPLATE.read_text(encoding="utf-8")
    return text.format(**facts, metric_rows=rows, part_rows=parts, remark_rows=remarks)
