"""Imported by the fork server before the first life: built-in plans and templates are read here.
What draws the pictures is imported, which takes as long.

They never change, and the program keeps them once it has read them. Reading them takes longer than
all the rest of a start, which would make a thousand of them take an hour.
"""

import tempfile
from importlib import import_module
from pathlib import Path

from bot.setup import load
from tests.campaign import life
from tests.scenarios.real_world import configuration, environment, swift, write

__all__ = ["life"]


def _warm() -> None:
    for module in ("backends.backend_agg", "figure", "ticker", "dates"):
        import_module(f"matplotlib.{module}")
    parts = ({"kind": "http", "url": "http://127.0.0.1:1"}, {"kind": "deployer"})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = configuration(parts[0], {**parts[1], "url": "http://127.0.0.1:1"})
        path = write(folder, config, swift([(100, 1)]))
        given = environment(folder, "http://127.0.0.1:1", COUNTERSIGN_DEPLOYER_SECRET="-" * 32)
        load(path, given)


_warm()
