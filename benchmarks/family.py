"""How good the committed plateful-tiny is: `python -m benchmarks.family [--feeds FOLDER]`.

Trains the examiner if there is none yet (some 20 CPU-minutes), grades the committed weights with it, rewrites
the model card, and writes `benchmarks/results/family.json`: {metric: {value, low, high, n}}, 95 % intervals.
"""

import argparse
import json
from pathlib import Path

import torch

from training.family.__main__ import OUT, WORK
from training.family.card import write_card
from training.family.corpus import render_corpus
from training.family.examiner import train_examiner
from training.family.recipe import load_recipe
from training.family.session import Session

RESULTS = Path(__file__).parent / "results" / "family.json"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--feeds", type=Path, help="folder of real product feeds, for the accuracy on dish names"
    )
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    recipe = load_recipe()
    torch.set_num_threads(recipe.threads)
    session = Session(recipe, WORK, OUT, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    render_corpus(session, "exam_data")
    train_examiner(session)
    found = {name: figure.rounded() for name, figure in write_card(session, arguments.feeds).items()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
