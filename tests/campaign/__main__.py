"""Kill the bots of a campaign on each database, and say what came of it.

    python -m tests.campaign --kills 50

Exits with 1 when anything happened that must not; the stories are under build/campaign then.
"""

import argparse
import asyncio
import math
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.gremlins import Goal, calm, haunt
from tests.campaign.inquest import Verdict, judged, quiet, stopped
from tests.campaign.people import Shift, StuckError
from tests.campaign.world import SERVICES, World, world

FOLDER = Path("build/campaign")
DATABASES = ("sqlite", "postgresql")


@dataclass
class Result:
    """One line of the table. minutes: how long it took."""

    dialect: str
    replicas: int
    world: World
    verdict: Verdict
    minutes: float


async def campaign(dialect: str, goal: Goal, seed: int, folder: Path) -> Result:
    """A campaign on one database."""
    began = time.monotonic()
    async with world(dialect, folder, seed) as made:
        await calm(made)
        shifts = [Shift(made, name, n + 1) for n, name in enumerate(SERVICES)]
        over = asyncio.Event()
        work = [asyncio.create_task(shift.work(over.is_set)) for shift in shifts]
        progress = asyncio.create_task(_progress(made, goal))
        try:
            await asyncio.gather(*(haunt(made, replica, goal) for replica in made.replicas))
            over.set()
            await calm(made)
            made.calm_since = time.monotonic()
            ends = await asyncio.gather(*work, return_exceptions=True)
        finally:
            progress.cancel()
            for task in work:
                task.cancel()
        stuck = [str(end) for end in ends if isinstance(end, StuckError)]
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, StuckError):
                raise end
        left = [*await quiet(made), *await stopped(made)]
        courses = {id_: course for shift in shifts for id_, course in shift.courses.items()}
        verdict = await judged(made, courses)
        verdict.violations += [*stuck, *left]
        made.notes.read()
    return Result(dialect, len(made.replicas), made, verdict, (time.monotonic() - began) / 60)


async def _progress(made: World, goal: Goal) -> None:
    while True:
        await asyncio.sleep(30)
        rows = await made.database.rows("SELECT count(*) FROM rollout WHERE ended_at IS NOT NULL")
        name, done = made.database.dialect, made.tally.kills
        print(f"  {name}: {done} of {goal.kills} kills, {rows[0][0]} releases ended", flush=True)


def table(results: list[Result]) -> str:
    """The results as a Markdown table, one column for each database."""
    columns = [_column(result) for result in results]
    heads = [result.dialect for result in results]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    lines += [f"| {name} | {' | '.join(each[name] for each in columns)} |" for name in columns[0]]
    return "\n".join(lines)


def _column(result: Result) -> dict[str, str]:
    tally, verdict, notes = result.world.tally, result.verdict, result.world.notes
    ended = ", ".join(f"{n} {phase}" for phase, n in sorted(verdict.phases.items()))
    return {
        "bots at a time": f"{result.replicas}",
        "SIGKILL": f"{tally.kills}",
        "of these at a commit point": f"{notes.deaths}",
        "of these while starting": f"{tally.while_starting}",
        "commit points passed / died at": f"{len(notes.passed)} / {len(notes.taken)}",
        "SIGSTOP for longer than the lease": f"{tally.stops}",
        "disk full": f"{tally.full}",
        "crashes of the database": f"{tally.restarts}",
        "ended by itself, started again": f"{tally.gave_up}",
        "releases": f"{verdict.phases.total()} ({ended})",
        "effects at the deployer": f"{verdict.effects}",
        "asked for again, answered from memory": f"{verdict.repeated}",
        "came too late, refused": f"{verdict.refused}",
        "duplicates at the deployer": f"{verdict.duplicates}",
        "messages": f"{verdict.messages}",
        "duplicate posts": f"{verdict.posts}",
        "violations": f"{len(verdict.violations)}",
        "minutes": f"{result.minutes:.1f}",
    }


async def run(goal: Goal, seed: int, databases: list[str]) -> list[Result]:
    """All campaigns at the same time."""
    folders = {name: FOLDER / name for name in databases}
    for folder in folders.values():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    work = [campaign(name, goal, seed, folder.resolve()) for name, folder in folders.items()]
    return list(await asyncio.gather(*work))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="on each database (%(default)s)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="at most (no limit)")
    parser.add_argument("--seed", type=int, default=0, help="of the chance in it (%(default)s)")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    given = parser.parse_args()
    goal = Goal(given.kills, time.monotonic() + 60 * given.minutes)
    results = asyncio.run(run(goal, given.seed, given.databases))
    text = table(results)
    (FOLDER / "table.md").write_text(f"{text}\n")
    print(text)
    wrong = [f"{r.dialect}: {each}" for r in results for each in r.verdict.violations]
    for each in wrong:
        print(f"VIOLATION {each}")
    if wrong:
        print(f"what happened is told under {FOLDER}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
