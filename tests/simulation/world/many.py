"""Many seeds, in several processes.

Here and not in `__main__`: a process that is spawned can't find what is there.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path

from tests.simulation.world.run import Outcome, simulate, template

_kept = ExitStack()
_template: list[Path] = []


def _begin() -> None:
    _template.append(_kept.enter_context(template()))


def _one(seed: int) -> Outcome:
    try:
        return simulate(seed, _template[0])
    except Exception as error:  # noqa: BLE001 - whatever it was, this seed found it
        problem = f"the simulation broke: {type(error).__name__}: {error}"
        return Outcome(seed, (problem,), "", 0, {}, (), 0, 0, ())


def outcomes(seeds: Sequence[int], jobs: int) -> Iterator[Outcome]:
    """Run the seeds, in their order."""
    if jobs == 1:
        _begin()
        with _kept:
            yield from map(_one, seeds)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_begin) as pool:
        yield from pool.map(_one, seeds, chunksize=4)
