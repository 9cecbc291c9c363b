"""The door of the program: `countersign …` and `python -m bot …`."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.cli.program import dispatch
from bot.cli.shell import Shell


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line; returns the exit code. argv: without the program's own name."""
    shell = Shell(os.environ, sys.stdout, sys.stderr, lambda: datetime.now(UTC))
    return dispatch(sys.argv[1:] if argv is None else argv, shell)


if __name__ == "__main__":
    sys.exit(main())
