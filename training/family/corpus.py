"""The data part: plates rendered once into a uint8 memmap, with their captions and attributes beside it."""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from plateful.errors import ModelError
from training.family.drawing import Record, draw_chunk, renderer_digest
from training.family.meter import Progress
from training.family.recipe import Plates, digest_of
from training.family.session import Session, read_json, write_json
from training.plates.render import single_threaded

CHUNK = 64


@dataclass(frozen=True)
class Corpus:
    """Plates on disk: `images` (N, px, px, 3) uint8 RGB and one record of captions and attributes each."""

    images: np.ndarray
    records: list[Record]
    source: str

    @property
    def clean(self) -> np.ndarray:
        """Indices of the plates without defects: what the autoencoders and the UNet see."""
        return np.array([i for i, record in enumerate(self.records) if not record["defects"]])


def render_corpus(session: Session, part: str = "data") -> None:
    """Render plates, one process a core, until their number or the budget is reached; resumes."""
    settings: Plates = getattr(session.recipe.parts, part)
    px, folder = session.recipe.picture_px, session.folder(part)
    state = read_json(folder / "state.json") or {"done": 0, "spent": 0.0, "complete": False}
    source = _source(session, part)
    if state.setdefault("source", source) != source:
        raise ModelError(
            f"the plates in {folder} were drawn with other settings or by another renderer",
            fix="delete that folder to draw them anew, or give another --work folder",
        )
    if state["complete"]:
        return
    shape = (settings.plates, px, px, 3)
    mode = "r+" if state["done"] else "w+"
    images = np.lib.format.open_memmap(folder / "images.npy", mode, np.uint8, shape)
    _cut_lines(folder / "records.jsonl", state["done"])
    meter = session.meter(part, state["spent"])
    progress = Progress(part, meter)
    for indices, pictures, records, seconds in _chunks(session, settings, state["done"]):
        images[indices.start : indices.stop] = pictures
        with (folder / "records.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        meter.tick()
        if not session.on_gpu:
            meter.add(seconds)
        state |= {"done": indices.stop, "spent": meter.spent}
        write_json(folder / "state.json", state)
        progress.show(f"{state['done']} of {settings.plates} plates")
        if meter.fraction >= 1.0:
            break
    images.flush()
    write_json(folder / "state.json", state | {"complete": True})
    session.note(
        part,
        {
            "plates": state["done"],
            "minutes": round(state["spent"] / 60, 2),
            "machine": session.machine,
            "commit": session.commit,
        },
    )


def _source(session: Session, part: str) -> str:
    """Digest of everything that decides a part's plates: settings and how the renderer draws."""
    px, settings = session.recipe.picture_px, getattr(session.recipe.parts, part)
    drawn = settings.model_dump(exclude={"cpu_minutes", "gpu_minutes"})
    return digest_of({"px": px, "plates": drawn, "renderer": renderer_digest(px)})


def _chunks(
    session: Session, settings: Plates, done: int
) -> Iterator[tuple[range, np.ndarray, list[Record], float]]:
    px = session.recipe.picture_px
    jobs = (
        (settings, px, range(a, min(a + CHUNK, settings.plates))) for a in range(done, settings.plates, CHUNK)
    )
    # Not multiprocessing.Pool: it ends workers by SIGTERM and waits for ever where that signal is ignored.
    with ProcessPoolExecutor(
        session.processes, mp_context=get_context("spawn"), initializer=single_threaded
    ) as pool:
        try:
            yield from pool.map(draw_chunk, jobs)
        finally:
            # The budget may end before the plates do.
            pool.shutdown(wait=False, cancel_futures=True)


def _cut_lines(path: Path, count: int) -> None:
    # A kill between the pictures and the state leaves lines that will be written again.
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    path.write_text("".join(lines[:count]), encoding="utf-8")


def load_corpus(session: Session, part: str = "data") -> Corpus:
    """The rendered corpus.

    Raises:
        ModelError: the data part has not been completed.
    """
    folder = session.folder(part)
    if not read_json(folder / "state.json").get("complete"):
        raise ModelError(
            f"no complete set of plates in {folder}",
            fix=f"run `python -m training.family --only {part}` first",
        )
    with (folder / "records.jsonl").open(encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    images = np.load(folder / "images.npy", mmap_mode="r")[: len(records)]
    return Corpus(images, records, read_json(folder / "state.json")["source"])
