"""How many names of a real feed the glossary resolves: `python -m benchmarks.translation --feed FOLDER`.

Counts distinct names that are not English already, per country. Prints and writes
`benchmarks/results/translation.json` under a label, beside the figures of other labels (an older glossary on
the same feed): {label: {country: {figure: {value, low, high, n}}}}, shares with Wilson's 95 % intervals.

    whole           every letter of the name was known to the glossary
    approvable      enough of it for the auto-approval policy (`min_translation_coverage`)
    transliterated  nothing of it was known
    kind            the English name is a kind of dish that the embedded model draws
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from plateful.errors import PlatefulError
from plateful.evaluation.scores import wilson
from plateful.products.feed import Feed
from plateful.prompts.vocabulary import find_dish
from plateful.review.policy import load_policy
from plateful.translation.text import Translation, translate_text

RESULTS = Path(__file__).resolve().parent / "results" / "translation.json"


def figures_of(found: list[Translation], bar: float) -> dict[str, dict[str, float]]:
    """Return the shares among names that needed a translation; empty when none did."""
    foreign = [one for one in found if one.how != "none"]
    questions: dict[str, Callable[[Translation], bool]] = {
        "whole": lambda one: one.coverage == 1.0,
        "approvable": lambda one: one.coverage >= bar,
        "transliterated": lambda one: one.how == "transliteration",
        "kind": lambda one: find_dish(one.english) is not None,
    }
    return {name: _share(list(map(question, foreign))) for name, question in questions.items() if foreign}


def _share(hits: list[bool]) -> dict[str, float]:
    low, high = wilson(sum(hits), len(hits))
    return {
        "value": round(sum(hits) / len(hits), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": len(hits),
    }


def translations(feed: Feed, country: str) -> dict[str, Translation]:
    """Translate a country's names through the glossary, each name once."""
    rows = feed.read(country).products.select("name", "language").unique("name", maintain_order=True)
    return {name: translate_text(name, (tags or "").split("+")) for name, tags in rows.iter_rows()}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--feed", required=True, help="feed file or folder")
    parser.add_argument("--country", action="append", help="code; repeat for several; default: all")
    parser.add_argument("--label", default="now", help="key of this measurement in the results file")
    parser.add_argument("--missing", action="store_true", help="print the names that are not resolved whole")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file to write")
    arguments = parser.parse_args()
    try:
        feed, bar = Feed(arguments.feed), load_policy().min_translation_coverage.value
        measured = {code: translations(feed, code) for code in arguments.country or feed.countries()}
    except PlatefulError as error:
        sys.exit(f"error: {error}")
    result = {code: figures_of(list(found.values()), bar) for code, found in measured.items()}
    result = {code: figures for code, figures in result.items() if figures}
    if arguments.missing:
        for code, found in measured.items():
            for name, one in found.items():
                if one.how != "none" and one.coverage < 1:
                    print(f"{code}  {one.coverage:.2f}  {name}  ->  {one.english}")
    before = json.loads(arguments.results.read_text()) if arguments.results.is_file() else {}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(before | {arguments.label: result}, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
