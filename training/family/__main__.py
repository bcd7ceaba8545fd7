"""`python -m training.family`: make plateful-tiny from its recipe, resuming where an earlier run stopped."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from plateful.errors import PlatefulError
from training.family.recipe import DEFAULT_RECIPE, load_recipe

if TYPE_CHECKING:
    from training.family.session import Session

# On a shared machine a thread that spins at a barrier burns budget while its partner waits for a core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOT = Path(__file__).parents[2]
OUT = ROOT / "plateful" / "models" / "weights" / "plateful-tiny"
WORK = ROOT / ".plateful" / "training"
RESULTS = ROOT / "benchmarks" / "results" / "family.json"
# Nothing else is built on these, so they may train on alone.
LAST = ("vae", "unet", "preview")


def parts(feeds: Path | None = None) -> "dict[str, Callable[[Session], object]]":
    """Every part of the recipe in the order it is made."""
    from training.family import (
        autoencoder,
        card,
        clip,
        corpus,
        denoiser,
        examiner,
        export,
        preview,
        tokenizer,
    )

    return {
        "data": corpus.render_corpus,
        "tokenizer": tokenizer.train_tokenizer,
        "clip": clip.train_clip,
        "tiny_vae": autoencoder.train_tiny,
        "latents": autoencoder.cache_latents,
        "vae": autoencoder.train_vae,
        "unet": lambda session: denoiser.train_unet(session, lambda: export.export(session)),
        "preview": preview.train_preview,
        "exam_data": lambda session: corpus.render_corpus(session, "exam_data"),
        "examiner": examiner.train_examiner,
        "export": export.export,
        # Only the family in the repository has its figures beside the other benchmarks.
        "card": lambda session: card.write_card(
            session, feeds=feeds, results=RESULTS if session.out == OUT else None
        ),
    }


def chosen(only: str | None, continue_minutes: float) -> list[str]:
    """Names of the parts to run: all, one, or one that trains on and then export and card again."""
    if continue_minutes:
        part = only or "unet"
        return [part, *(["preview"] if part == "unet" else []), "export", "card"]
    return [only] if only else list(parts())


def session_of(arguments: argparse.Namespace) -> "Session":
    """The session the command line describes, on a GPU where there is one."""
    import torch

    from training.family.session import Session, current_commit

    recipe = load_recipe(arguments.recipe)
    torch.set_num_threads(arguments.threads or recipe.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    extra = {arguments.only or "unet": arguments.continue_minutes} if arguments.continue_minutes else {}
    session = Session(
        recipe, arguments.work, arguments.out, device, extra, arguments.commit or current_commit()
    )
    arguments.work.mkdir(parents=True, exist_ok=True)
    return session


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.family", description=__doc__)
    parser.add_argument("--recipe", type=Path, default=DEFAULT_RECIPE, help="recipe file")
    parser.add_argument("--out", type=Path, default=OUT, help="folder the weights are exported to")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for plates and checkpoints")
    parser.add_argument(
        "--threads", type=int, default=0, help="threads to compute with (default: the recipe's)"
    )
    parser.add_argument("--only", choices=list(parts()), help="run this part alone")
    parser.add_argument(
        "--continue-minutes",
        type=float,
        default=0.0,
        help="train --only (default unet) this much longer than its budget, then export again",
    )
    parser.add_argument(
        "--feeds", type=Path, help="folder of real product feeds, for the accuracy on dish names"
    )
    parser.add_argument("--commit", help="commit of this code, where the copy has no .git")
    parser.add_argument(
        "--remark", help="something the recipe does not say about these weights, for the card"
    )
    arguments = parser.parse_args(argv)
    if arguments.continue_minutes and (arguments.only or "unet") not in LAST:
        parser.error(f"--continue-minutes works with --only {', '.join(LAST)}; all else is built upon")
    try:
        session = session_of(arguments)
        if arguments.remark:
            remarks = session.notes().get("remarks", {})
            session.note("remarks", {str(len(remarks) + 1): arguments.remark})
        for name in chosen(arguments.only, arguments.continue_minutes):
            began = time.monotonic()
            result = parts(arguments.feeds)[name](session)
            if name != "card":
                spent = session.notes().get("wall", {}).get("minutes", 0.0)
                session.note("wall", {"minutes": spent + (time.monotonic() - began) / 60})
            if name == "card":
                print("\n".join(f"{key}: {figure.rounded()}" for key, figure in result.items()))
    except PlatefulError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
