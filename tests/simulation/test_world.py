"""The simulation itself: the same seed is the same story anywhere, and seeds that once failed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, ROOT
from tests.simulation.world.run import Outcome, simulate, template

KEPT = Path(__file__).with_name("kept-seeds.txt")
"""Seeds that once found something, with what it was."""


def kept_seeds() -> list[int]:
    lines = KEPT.read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def migrated() -> Iterator[Path]:
    with template() as made:
        yield made


def everyday(seeds: list[int]) -> list[object]:
    """The first one runs every day, the others are thorough."""
    first, *others = seeds
    return [first, *(pytest.param(seed, marks=pytest.mark.thorough) for seed in others)]


@pytest.mark.parametrize("seed", everyday(kept_seeds()))
def test_a_seed_that_once_failed_breaks_no_rule(seed: int, migrated: Path) -> None:
    found = simulate(seed, migrated)
    assert found.violations == (), "\n".join(found.story)


@pytest.mark.thorough
def test_a_seed_tells_the_same_story_in_another_process(migrated: Path) -> None:
    here = simulate(3, migrated)
    for hashes in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-m", "tests.simulation.world", "--seed", "3"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"fingerprint {here.fingerprint}" in there.stdout, _difference(here, there.stdout)


def _difference(here: Outcome, there: str) -> str:
    lines = zip(here.story, there.splitlines(), strict=False)
    return next(
        (f"{ours}\n{theirs}" for ours, theirs in lines if ours != theirs), "in a small step"
    )


def test_every_mutant_still_fits_the_sources() -> None:
    for mutant in MUTANTS:
        for patch in mutant.patches:
            text = (ROOT / patch.file).read_text()
            assert text.count(patch.old) == 1, (mutant.name, patch.file)
            assert patch.new != patch.old
