"""Write the tables of docs/proof.md that say what was tried, or `--check` that they are so.

Exits 1 when a line has no test, a test isn't there, or the page is out of date.
"""

import sys
from collections.abc import Sequence

from tests.hostile.table import PAGE, mistakes, placed, read

TABLES = ("campaign", "threats")


def main(arguments: Sequence[str]) -> int:
    """Return 0 when all is well, 1 when something doesn't fit, 2 for arguments nobody knows."""
    if not set(arguments) <= {"--check"}:
        print("usage: python -m tests.hostile [--check]")
        return 2
    wrong = [each for name in TABLES for each in mistakes(read(name))]
    page = wanted = PAGE.read_text("utf-8")
    for name in TABLES:
        wanted = placed(wanted, name)
    if "--check" not in arguments:
        PAGE.write_text(wanted, "utf-8")
    elif page != wanted:
        wrong.append("docs/proof.md is out of date; run: python -m tests.hostile")
    lines = [line for name in TABLES for line in read(name).lines]
    print("\n".join([*wrong, f"{len(lines)} lines of bad input and threats, each with its test"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
