"""`make simulate`: many seeds, or one of them as a story."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from tests.simulation.world.many import outcomes
from tests.simulation.world.run import Outcome


def tell(found: Outcome) -> None:
    """The story of a seed."""
    print("\n".join(found.story))
    for violation in found.violations:
        print(f"WRONG  {violation}")
    print(
        f"seed {found.seed}: {len(found.violations)} violations, fingerprint {found.fingerprint}\n"
        f"again: make simulate SEED={found.seed}"
    )


def main() -> int:
    """The exit status: 0 when every rule held in every seed."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first one")
    parser.add_argument("--seed", type=int, action="append", help="this one alone, as a story")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--until-wrong", action="store_true", help="stop at the first violation")
    parser.add_argument("--report", type=Path, help="write the figures there, as JSON")
    given = parser.parse_args()
    if given.seed:
        found = list(outcomes(given.seed, 1))
        for each in found:
            tell(each)
        return int(any(each.violations for each in found))
    began = time.monotonic()
    seeds = range(given.first, given.first + given.seeds)
    found = list(_watched(outcomes(seeds, given.jobs), given.until_wrong))
    figures = summary(found, time.monotonic() - began)
    print(words(figures))
    if given.report:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        given.report.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
    return int(bool(figures.wrong))


def _watched(found: Iterable[Outcome], until_wrong: bool) -> Iterator[Outcome]:
    for each in found:
        if each.violations:
            print(f"seed {each.seed}: {each.violations[0]}", flush=True)
            print(f"    the story: make simulate SEED={each.seed}", flush=True)
        yield each
        if each.violations and until_wrong:
            return


class Figures(msgspec.Struct, frozen=True):
    """What a run of many seeds comes to. took: seconds; hours: of simulated time."""

    seeds: int
    wrong: dict[int, tuple[str, ...]]
    took: float
    hours: float
    releases: int
    ends: dict[str, int]
    faults: dict[str, int]
    changes: int
    units: int


def summary(found: Sequence[Outcome], took: float) -> Figures:
    """Everything added up."""
    faults: Counter[str] = Counter()
    for each in found:
        faults.update(each.faults)
    ends = Counter(phase for each in found for phase in each.phases)
    return Figures(
        seeds=len(found),
        wrong={each.seed: each.violations for each in found if each.violations},
        took=round(took, 1),
        hours=round(sum(each.seconds for each in found) / 3600, 1),
        releases=ends.total(),
        ends=dict(ends.most_common()),
        faults=dict(sorted(faults.items())),
        changes=sum(each.changes for each in found),
        units=sum(each.units for each in found),
    )


def words(figures: Figures) -> str:
    """For people."""
    ends = ", ".join(f"{count} {phase}" for phase, count in figures.ends.items())
    return (
        f"{figures.seeds} seeds, {figures.hours:g} hours of simulated time in {figures.took:g} s\n"
        f"{figures.releases} releases ({ends}), {figures.changes} changes at the target\n"
        f"{sum(figures.faults.values())} faults of {len(figures.faults)} kinds\n"
        f"seeds in which a rule was broken: {len(figures.wrong)}"
    )


if __name__ == "__main__":
    sys.exit(main())
