"""Running a seed from beginning to end, and what came of it."""

import asyncio
import gc
import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bot.store.migrations import upgrade
from tests.simulation.world.clock import SimLoop, take_over_apscheduler
from tests.simulation.world.invariants import violations
from tests.simulation.world.world import SimWorld

_MEMORY = Path("/dev/shm")


class Outcome(msgspec.Struct, frozen=True):
    """What came of a seed. violations: empty when all is well. seconds: of simulated time."""

    seed: int
    violations: tuple[str, ...]
    fingerprint: str
    seconds: float
    faults: dict[str, int]
    phases: tuple[str, ...]
    changes: int
    units: int
    story: tuple[str, ...]


@contextmanager
def template() -> Iterator[Path]:
    """A migrated database to copy, in memory where the machine has a place for that."""
    place = _MEMORY if _MEMORY.is_dir() else None
    with TemporaryDirectory(prefix="countersign-sim-", dir=place) as folder:
        made = Path(folder) / "template.db"
        asyncio.run(upgrade(f"sqlite+aiosqlite:///{made}"))
        yield made


def simulate(seed: int, migrated: Path) -> Outcome:
    """One seed. migrated: an empty database with all tables, which stays as it is."""
    logging.disable(logging.CRITICAL)
    take_over_apscheduler()
    gc.disable()
    try:
        return _simulated(seed, migrated)
    finally:
        gc.enable()
        gc.collect()
        logging.disable(logging.NOTSET)


def _simulated(seed: int, migrated: Path) -> Outcome:
    with TemporaryDirectory(dir=migrated.parent) as folder, warnings.catch_warnings():
        # A process that dies leaves what it had begun.
        warnings.simplefilter("ignore", RuntimeWarning)
        database = Path(folder) / "sim.db"
        shutil.copy(migrated, database)
        with asyncio.Runner(loop_factory=SimLoop) as runner:
            return runner.run(_live(seed, database))


async def _live(seed: int, database: Path) -> Outcome:
    world = SimWorld(seed, database)
    found: list[str] = []
    try:
        if not await world.live():
            stuck = [f"{s.version} is {s.phase}" for s in world.states.values() if not s.ended]
            found.append(f"not at rest in time: {stuck or 'nothing was started'}")
    finally:
        await world.end()
    found += violations(world, database)
    return Outcome(
        seed=seed,
        violations=tuple(found),
        fingerprint=world.trace.fingerprint,
        seconds=world.seconds(),
        faults=world.chance.happened,
        phases=tuple(s.phase for s in world.states.values()),
        changes=len(world.deployer.effects),
        units=world.trace.marks,
        story=tuple(world.trace.lines),
    )
