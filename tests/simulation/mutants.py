"""Proof that the simulation sees what it is there to see: wrong versions of the production code.

Each mutant is a copy of the sources with one thing taken away that a promise rests on. The
simulation has to find a broken rule within its seeds; with the sources as they are it must not.
`make mutants` prints the table.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

ROOT = Path(__file__).parents[2]
COPIED = ("bot", "commands", "templates", "tests")


class Patch(msgspec.Struct, frozen=True):
    """In this file, this text (which is there exactly once) is replaced."""

    file: str
    old: str
    new: str


class Mutant(msgspec.Struct, frozen=True):
    """A wrong version. says: what is wrong with it, as a person would put it."""

    name: str
    says: str
    patches: tuple[Patch, ...]


def one(name: str, says: str, file: str, old: str, new: str) -> Mutant:
    """A mutant of a single patch."""
    return Mutant(name, says, (Patch(file, old, new),))


MUTANTS: Sequence[Mutant] = (
    one(
        "no key",
        "every try of a change has a key of its own",
        "bot/deployers/http.py",
        '"Idempotency-Key": op.key,',
        '"Idempotency-Key": f"{op.key}:{self._now().timestamp()}",',
    ),
    one(
        "no number at the target",
        "the deployer takes whatever arrives, however old",
        "bot/practice/deployer.py",
        "if seq < desk.seq or (seq == desk.seq and key != desk.key):",
        "if False:",
    ),
    one(
        "each statement by itself",
        "what is written in one unit is not one transaction",
        "bot/store/database.py",
        'event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))',
        'event.listen(engine, "begin", lambda connection: None)',
    ),
    one(
        "the outcome in two pieces",
        "what an effect led to is written in another transaction than that it is done",
        "bot/engine/outbox.py",
        "                self._apply_all(conn, work, events, now)\n\n        try:\n"
        "            await self._store.transact(unit)",
        "\n        try:\n            await self._store.transact(unit)\n"
        "            await self._store.transact(\n"
        "                lambda conn: self._apply_all(conn, work, events, now)\n            )",
    ),
    one(
        "the soak begins with the question",
        "time is counted from when a share was asked for",
        "bot/domain/steps.py",
        "        wave_applied_at=now,\n        soak_done=timedelta(),\n        measured_at=None,",
        "        wave_applied_at=now,\n        soak_done=now - rollout.phase_since,\n"
        "        measured_at=None,",
    ),
    one(
        "a signature on anything",
        "what somebody saw when they signed is not compared with what is asked",
        "bot/domain/approvals.py",
        "    if digest != request.digest:\n        return Refused.CHANGED\n",
        "",
    ),
    one(
        "the requester may sign",
        "nobody is left out of those who may sign",
        "bot/domain/approvals.py",
        "    if signature.person in request.excluded:\n        return Refused.REQUESTER\n",
        "",
    ),
    one(
        "one person, two seats",
        "whoever presses twice fills two seats",
        "bot/domain/approvals.py",
        "    if request.signed_by(signature.person):\n        return Refused.ALREADY\n",
        "",
    ),
    one(
        "accounts are people",
        "two accounts of one person are two people",
        "bot/domain/approvals.py",
        "    if request.signed_by(signature.person):\n",
        "    if any(s.user_id == signature.user_id for s in request.signatures):\n",
    ),
    one(
        "no look before a repost",
        "a message whose posting had an unknown end is posted again",
        "bot/engine/delivery.py",
        "        posted = await self.look(message, key) if look else None",
        "        posted = None",
    ),
    one(
        "unknown is good enough",
        "a gate about which nothing is known passes",
        "bot/domain/judging.py",
        "    if unknown is not None:\n",
        "    if False:\n",
    ),
    one(
        "a rollback waits its turn",
        "the rollback stays behind a change that is on its way",
        "bot/engine/transitions.py",
        "now, sent_too=newer)",
        "now, sent_too=False)",
    ),
    one(
        "quarantine is forgotten",
        "what was taken back may come again",
        "bot/domain/decisions.py",
        "reason, weight=0.0, quarantined=rollout.touched",
        "reason, weight=0.0",
    ),
    one(
        "claims are not respected",
        "a row that somebody works on is taken up by others too",
        "bot/store/queries/leases.py",
        '    lapsed = and_(table.c.state == "claimed", table.c.lease_until <= clock)',
        '    lapsed = table.c.state == "claimed"',
    ),
    one(
        "no doubt after a crash",
        "what a dead process had in hand is taken for untouched",
        "bot/store/queries/outbox.py",
        '            look_first=row["uncertain"] or row["state"] == "claimed",',
        "            look_first=False,",
    ),
    one(
        "acknowledged, then stored",
        "a press is answered before it is in the database, and stored a moment later",
        "bot/slack/listeners.py",
        "            await asyncio.shield(task)\n",
        "            await asyncio.sleep(0)\n",
    ),
    one(
        "no second look before it begins",
        "roles and artifact are not looked up again when traffic is about to move",
        "bot/domain/decisions.py",
        "    request = recheck(rollout.request, event.roles)\n    if not request.complete:",
        "    request = rollout.request\n    if not request.complete:",
    ),
    one(
        "the artifact may change",
        "a version that points to something else by now is deployed all the same",
        "bot/domain/decisions.py",
        "    if event.artifact != rollout.artifact:\n        return _ask_again",
        "    if event.artifact != rollout.artifact:\n"
        "        rollout = change(rollout, artifact=event.artifact)\n"
        "    elif False:\n        return _ask_again",
    ),
    one(
        "lost means refused",
        "a change whose answer got lost is given up as failed",
        "bot/deployers/http.py",
        "            raise TemporaryError(message, unknown=True) from error",
        "            raise PermanentError(message) from error",
    ),
    one(
        "no limit is watched",
        "triggers are read and never act",
        "bot/domain/judging.py",
        "    return min(hit, key=lambda found: order.index(found[1])) if hit else None",
        "    return None",
    ),
    one(
        "no fence",
        "a look that was overtaken is written all the same",
        "bot/engine/loops.py",
        "event, now, fence=due.fence)",
        "event, now)",
    ),
    one(
        "no number of one's own",
        "each change carries the same number as the one before",
        "bot/store/queries/ops.py",
        "    seq = draw(conn, *place, count=2)\n    _insert",
        "    seq = draw(conn, *place, count=0) or 2\n    _insert",
    ),
)


class Result(msgspec.Struct, frozen=True):
    """What became of a mutant. seeds: how many were tried. rule: the first one that was broken."""

    name: str
    says: str
    killed: bool
    seeds: int
    seconds: float
    rule: str = ""


def copy_of(folder: Path, patches: Sequence[Patch]) -> Path:
    """The sources with these patches. Raises ValueError for a patch that doesn't fit (any more)."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    for patch in patches:
        file = folder / patch.file
        text = file.read_text()
        if text.count(patch.old) != 1:
            raise ValueError(f"{patch.file} has {text.count(patch.old)} times: {patch.old!r}")
        file.write_text(text.replace(patch.old, patch.new))
    return folder


def tried(mutant: Mutant, seeds: int) -> Result:
    """Simulate it until a rule is broken. Raises ValueError as `copy_of`."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="countersign-mutant-") as folder:
        place = copy_of(Path(folder), mutant.patches)
        report = place / "report.json"
        run = subprocess.run(
            [
                sys.executable, "-m", "tests.simulation.world",
                "--jobs", "1", "--seeds", str(seeds), "--until-wrong", "--report", str(report),
            ],
            cwd=place,
            env={**os.environ, "PYTHONPATH": str(place)},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        if not report.exists():
            raise ValueError(f"{mutant.name}: {run.stdout[-500:]}{run.stderr[-1500:]}")
        found = json.loads(report.read_text())
    wrong = next(iter(found["wrong"].values()), [""])[0]
    took = round(time.monotonic() - began, 1)
    return Result(mutant.name, mutant.says, bool(wrong), found["seeds"], took, wrong)


def table(results: Sequence[Result]) -> str:
    """As Markdown."""
    rows = [
        "| Taken away | What is wrong then | Found by seed | Rule that was broken |",
        "|" + "---|" * 4,
    ]
    for each in results:
        seed = str(each.seeds) if each.killed else f"not in {each.seeds}"
        rows.append(f"| {each.name} | {each.says} | {seed} | {each.rule.partition(':')[0]} |")
    return "\n".join(rows)


def words(result: Result) -> str:
    """For people who wait for it."""
    verdict = "found " if result.killed else "MISSED"
    return f"{verdict} {result.name} ({result.seeds} seeds, {result.seconds:g} s) {result.rule}"


def main() -> int:
    """The exit status: 0 when every mutant was found and the sources as they are were not."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, default=150, help="at most, for each")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="those whose name has this in it")
    parser.add_argument("--report", type=Path, help="the table as Markdown; JSON beside it")
    given = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if given.only in mutant.name]
    with ThreadPoolExecutor(given.jobs) as pool:
        trying = [pool.submit(tried, mutant, given.seeds) for mutant in chosen]
        for done in as_completed(trying):
            print(words(done.result()), flush=True)
    results = [each.result() for each in trying]
    if given.report:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        given.report.write_text(table(results) + "\n")
        encoded = msgspec.json.format(msgspec.json.encode(results), indent=2)
        given.report.with_suffix(".json").write_bytes(encoded)
    found = sum(each.killed for each in results)
    print(f"{found} of {len(results)} found")
    return int(found < len(results))


if __name__ == "__main__":
    sys.exit(main())
