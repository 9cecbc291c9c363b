"""One life of the bot: what `countersign serve` does, in a process that is there to be killed.

It is forked from a server that has imported everything already; a thousand starts would take an
hour otherwise. Everything after the imports happens anew each time.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.app import serve
from bot.engine.engine import Options
from bot.setup import load
from tests.campaign.points import Points


@dataclass(frozen=True)
class Life:
    """What a process is started with.

    said, log: where its stdout (anew) and stderr (appended) go. lease: seconds a claim is good for.
    notes, taken, full: see `Points`.
    """

    config: Path
    variables: Mapping[str, str]
    said: Path
    log: Path
    lease: float
    notes: Path
    full: Path
    taken: frozenset[str] | None = None


def live(life: Life) -> None:
    """Serve until somebody ends it."""
    _speak_into(life.said, os.O_TRUNC, 1)
    _speak_into(life.log, os.O_APPEND, 2)
    os.environ.clear()
    os.environ.update(life.variables)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(name)s: %(message)s")
    for name in ("httpx", "apscheduler", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    Points(life.notes, life.taken, life.full).watch()
    settings, plans = load(life.config, os.environ)
    asyncio.run(serve(settings, plans, Options(lease=timedelta(seconds=life.lease))))
    sys.stdout.flush()


def _speak_into(path: Path, how: int, stream: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | how)
    os.dup2(file, stream)
    os.close(file)
