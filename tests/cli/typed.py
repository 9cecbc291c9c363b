"""Typing a command line in a test: what it printed and how it ended."""

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.cli.program import dispatch
from bot.cli.shell import Shell

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Typed:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output, read as JSON."""
        return json.loads(self.out)


def typed(*argv: object, env: Mapping[str, str] | None = None) -> Typed:
    """Type a command line in an environment of its own."""
    out, err = io.StringIO(), io.StringIO()
    code = dispatch([str(word) for word in argv], Shell(env or {}, out, err, lambda: NOW))
    return Typed(code, out.getvalue(), err.getvalue())


async def typed_aside(*argv: object, env: Mapping[str, str] | None = None) -> Typed:
    """The same beside a loop that runs already, as a verb runs its own."""
    return await asyncio.to_thread(typed, *argv, env=env)
