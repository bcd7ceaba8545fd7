"""How good the committed plateful-tiny is: `python -m benchmarks.family [--feeds FOLDER]`.

Trains the examiner if there is none yet (some 15 CPU-minutes), grades the committed weights with it, rewrites
the model card, and writes `benchmarks/results/family.json`: {metric: {value, low, high, n}}, 95 % intervals.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

from plateful.errors import PlatefulError
from training.family.__main__ import OUT, RESULTS, WORK
from training.family.card import write_card
from training.family.corpus import render_corpus
from training.family.examiner import train_examiner
from training.family.measures import load_family
from training.family.recipe import load_recipe
from training.family.session import Session, current_commit


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--feeds", type=Path, help="folder of real product feeds, for the accuracy on dish names"
    )
    parser.add_argument("--work", type=Path, default=WORK, help="folder for the examiner and its plates")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    recipe = load_recipe()
    torch.set_num_threads(recipe.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    session = Session(recipe, arguments.work, OUT, device, commit=current_commit())
    try:
        load_family(session)
    except PlatefulError as error:
        sys.exit(f"error: {error}")
    render_corpus(session, "exam_data")
    train_examiner(session)
    write_card(session, feeds=arguments.feeds, results=RESULTS)
    print(json.dumps(json.loads(RESULTS.read_text()), indent=2))


if __name__ == "__main__":
    main()
