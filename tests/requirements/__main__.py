"""Write docs/requirements.md, or `--check` that it is what would be written.

Exits 1 when the page is out of date, a test names a row that doesn't exist, or a file of rows can't
be read.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.requirements.claims import ROOT, CollectionError, collect
from tests.requirements.page import page, summary, unknown
from tests.requirements.rows import FOLDER, RowsError, read


def main(arguments: Sequence[str], root: Path = ROOT, folder: Path = FOLDER) -> int:
    """Return 0 when all is well, 1 when something doesn't fit, 2 for arguments nobody knows."""
    if not set(arguments) <= {"--check"}:
        print("usage: python -m tests.requirements [--check]")
        return 2
    try:
        sources, claims = read(folder), collect(root)
    except (RowsError, CollectionError) as error:
        print(error)
        return 1
    wrong = list(unknown(sources, claims))
    wanted, target = page(sources, claims), root / "docs" / "requirements.md"
    if "--check" not in arguments:
        target.write_text(wanted, "utf-8")
    elif not target.exists() or target.read_text("utf-8") != wanted:
        wrong.append("docs/requirements.md is out of date; run: python -m tests.requirements")
    print("\n".join([*wrong, *summary(sources, claims)]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
