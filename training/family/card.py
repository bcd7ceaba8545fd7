"""The model card: figures measured here, the picture grid, and how these weights came to be."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from training.family import exam, measures, names, repaint
from training.family.exam import Answers
from training.family.examiner import examine
from training.family.figures import Figure
from training.family.measures import Family
from training.family.session import Session, read_json, write_json
from training.plates.gallery import labelled, tiled

COLUMNS, ROWS = 10, 4
TEMPLATE = Path(__file__).with_name("card.md.template")
GRIDS = {"grid.png": "right", "failures.png": "wrong", "preview.png": "previews"}


def write_card(
    session: Session, *, feeds: Path | None = None, results: Path | None = None
) -> dict[str, Figure]:
    """Measure the exported family; write MODEL_CARD.md, its grids and training.json; return the figures.

    Args:
        session: the family, its examiner, and where it was exported to.
        feeds: folder of real product feeds; without one, nothing is measured on real dish names.
        results: JSON file that gets the figures as well, {metric: {value, low, high, n}}.
    """
    family = measures.load_family(session)
    found = _exam(session, family)
    found |= repaint.grades(
        session,
        family,
        repaint.orders(
            session.recipe.card.first_seed, session.recipe.card.repaints, session.recipe.picture_px
        ),
    )
    if feeds is not None:
        found |= names.recognised(session, family, feeds)
    found |= measures.defect_areas(family, *measures.flawed_plates(session.recipe))
    figures = {name: figure.rounded() for name, figure in found.items()}
    facts = read_json(session.out / "training.json")
    facts |= {"measured_at_commit": session.commit, "metrics": figures}
    write_json(session.out / "training.json", facts)
    (session.out / "MODEL_CARD.md").write_text(_text(facts, session.out), encoding="utf-8")
    if results is not None:
        write_json(results, figures)
    return found


def _exam(session: Session, family: Family) -> dict[str, Figure]:
    """The questions drawn by the renderer (what CLIP and the examiner are worth), the family, the preview."""
    plates = exam.questions(session.recipe.card.first_seed, session.recipe.card.questions)
    truth = exam.drawn(session, plates)
    found = exam.grades(Answers(plates, truth, examine(session, truth)), "examiner_")
    found |= exam.grades(Answers(plates, truth, measures.read_plates(family, truth, plates)), "clip_")
    for name, vae in (("vae", family.pipeline.vae), ("tiny_vae", family.tiny_vae)):
        found[f"{name}_psnr_db"] = measures.psnr(measures.reconstruct(vae, truth), truth)
    made, quick = (exam.answer(session, family, plates, preview=preview) for preview in (False, True))
    full, preview = (Answers(plates, images, examine(session, images)) for images in (made, quick))
    own = exam.grades(Answers(plates, made, measures.read_plates(family, made, plates)))
    _grid(full, full.right, session.out / "grid.png")
    _grid(full, ~full.right, session.out / "failures.png")
    _grid(preview, np.ones(len(plates), bool), session.out / "preview.png")
    return {
        **exam.grades(full),
        **exam.grades(preview, "preview_"),
        "preview_archetype_gap": exam.gap(preview, full),
        **found,
        **{f"{name}_by_own_clip": figure for name, figure in own.items()},
    }


def _grid(answers: Answers, shown: np.ndarray, path: Path) -> None:
    """Labelled tiles in 256 colours: the grids count towards the repository's limit for the family."""
    path.unlink(missing_ok=True)
    rows = np.flatnonzero(shown)[: COLUMNS * ROWS]
    cells = [
        labelled(answers.images[i], _label(answers.plates[i].archetype, answers.marks.archetypes[i]))
        for i in rows
    ]
    if cells:
        Image.fromarray(tiled(cells, COLUMNS)).quantize(256).save(path, optimize=True)


def _label(asked: str, seen: str) -> str:
    words = asked if asked == seen else f"{asked} > {seen}"
    return words.replace("_", " ")


def _text(facts: dict[str, Any], folder: Path) -> str:
    grids = "\n\n".join(f"![{title}]({name})" for name, title in GRIDS.items() if (folder / name).exists())
    rows = "\n".join(
        f"| {name} | {row['value']:g} | {row['low']:g} to {row['high']:g} | {row['n']} |"
        for name, row in facts["metrics"].items()
    )
    parts = "\n".join(
        f"| {name} | {part.get('minutes', '')} | {part.get('steps', '')} | {part.get('machine', '')} | "
        f"{part.get('commit') or ''} |"
        for name, part in facts["parts"].items()
    )
    remarks = "\n".join(f"- {remark}" for remark in facts["remarks"]) or "- none"
    text = TEMPLATE.read_text(encoding="utf-8")
    return text.format(**facts, metric_rows=rows, part_rows=parts, remark_rows=remarks, grids=grids)
