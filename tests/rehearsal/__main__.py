"""`make rehearsal`: production on the loopback, with a table of what ran where."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from cli.console import print_table
from tests.rehearsal.rehearse import document, rehearse, table


def main() -> int:
    """Run the rehearsal and print its table and counts; exit status 1 when they do not add up."""
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal")
    parser.add_argument("--countries", default="CN,SG", help="of the sample feed, separated by commas")
    parser.add_argument("--products", type=int, help="rows of each country; all unless given")
    parser.add_argument("--json", action="store_true", help="print one document")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rehearsal-", ignore_cleanup_errors=True) as folder:
        done = rehearse(Path(folder), chosen.countries.split(","), chosen.products)
    if chosen.json:
        print(json.dumps(document(done), indent=2))
    else:
        rows = table(done)
        print_table("What ran where", rows.columns, rows.rows())
        total = done.summary["total"]
        print_table("Counts", ["count", "value"], [*total.items(), *done.stored.items()])
        nodes = [[name, *counts] for name, counts in done.nodes.items()]
        print_table("Node pools", ["pool", "pods", "most nodes at once"], nodes)
        print(f"{done.seconds:g} s from an empty plane to published images")
    try:
        done.check()
    except AssertionError as error:
        print(f"rehearsal: the counts do not add up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
