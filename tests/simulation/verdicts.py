"""How often each way to read a limit is wrong, and how soon it is right: the tables of the manual.

    python -m tests.simulation.verdicts [--quick]

prints them as Markdown. The seeds are fixed, so the same command prints the same tables.
"""

import argparse
import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist

import msgspec
import numpy as np

from bot.domain.comparing import Side, judge_points
from bot.domain.evidence import Verdict
from bot.domain.outlook import needs
from tests.simulation.beside import hours_before, latencies
from tests.simulation.soaks import (
    DAY,
    against_baseline,
    fails,
    fails_from,
    failures,
    fired,
    last_five,
    passes_up_to,
    plainly_significant,
    totals,
)
from tests.simulation.tables import Table, happened, percent, soon

HEALTHY = 0.0003
GATE = 0.001
TRIGGER = 0.01
HOLD = 5
SOAK = 30
TRAFFIC = (2, 10, 50, 200, 1000)

FULL, QUICK = 4000, 150
"""Soaks of a cell."""


# --- gates ----------------------------------------------------------------------------------


class Gated(msgspec.Struct, frozen=True):
    """Shares of the soaks of one canary.

    refused: its plain share was not below the limit at the end; refused_looking: it was above at
    the end of any minute. By the sequential test: passed with the rollback limit excluded, passed
    strictly, failed.
    """

    refused: float
    refused_looking: float
    passed: float
    strictly: float
    failed: float


def gated(seed: Iterable[int], runs: int, per_minute: int, share: float) -> Gated:
    """A gate "error rate < 0.1 % for 30 minutes" on canaries that fail at `share`."""
    sums = np.cumsum(failures(seed, runs, per_minute, share, SOAK), axis=1)
    requests = totals(per_minute, SOAK)
    over = sums > GATE * requests
    ends = sums[:, -1]
    whole = [per_minute * SOAK]
    return Gated(
        float((ends >= GATE * requests[-1]).mean()),
        float(over.any(axis=1).mean()),
        float((ends <= passes_up_to(whole, GATE, TRIGGER)[0]).mean()),
        float((ends <= passes_up_to(whole, GATE, GATE)[0]).mean()),
        float((sums >= fails_from(requests, GATE)).any(axis=1).mean()),
    )


def gates(runs: int) -> tuple[Table, Table]:
    plain: list[tuple[str, ...]] = []
    ours: list[tuple[str, ...]] = []
    for i, per_minute in enumerate(TRAFFIC):
        good, half, bad = (
            gated((1, i, j), 10 * runs, per_minute, share)
            for j, share in enumerate((HEALTHY, 0.005, 0.01))
        )
        name = f"{per_minute}"
        plain.append(
            (
                name,
                percent(good.refused),
                percent(good.refused_looking),
                percent(1 - half.refused),
                percent(1 - bad.refused),
            )
        )
        ours.append(
            (
                name,
                percent(good.failed),
                percent(good.passed),
                percent(good.strictly),
                percent(half.passed),
                percent(bad.passed),
            )
        )
    return (
        Table(
            "Gate 0.1 % for 30 min, the plain share",
            (
                "canary requests/min",
                "healthy (0.03 %) refused at the end",
                "healthy refused when looked at every minute",
                "0.5 % promoted",
                "1 % promoted",
            ),
            tuple(plain),
        ),
        Table(
            "The same gate, sequential test (the rest is inconclusive)",
            (
                "canary requests/min",
                "healthy failed",
                "healthy passes (1 % excluded)",
                "healthy passes (strict)",
                "0.5 % passes",
                "1 % passes",
            ),
            tuple(ours),
        ),
    )


# --- triggers -------------------------------------------------------------------------------


CODINGS = (
    ("5-minute rate, 5 ticks in a row", "ticks5"),
    ("5-minute rate, `for: 5m` (6 ticks)", "ticks6"),
    ("five separate minutes", "rule"),
    ("**five separate minutes, or evidence**", "rule_or_evidence"),
    ("five minutes with evidence, or evidence", "both_or_evidence"),
)


def trigger_codings(runs: int) -> Table:
    """The three ordinary codings and ours: false alarms in a day, and how soon 5 % is found."""
    cells = [
        fired(failures((2, i), runs, per_minute, share, DAY), per_minute)
        for i, (per_minute, share) in enumerate(
            ((10, HEALTHY), (10, 0.005), (200, 0.005), (200, 0.008), (200, 0.01))
        )
    ]
    found = fired(failures((2, 9), runs, 10, 0.05, 8 * 60), 10)
    rows = tuple(
        (name, *(percent(happened(getattr(c, key))) for c in cells), soon(getattr(found, key)))
        for name, key in CODINGS
    )
    heads = ("10/min, 0.03 %", "10/min, 0.5 %", "200/min, 0.5 %", "200/min, 0.8 %")
    return Table(
        "Trigger “over 1 % for 5 minutes”: fired within 24 h",
        ("coding", *heads, "200/min, exactly 1 %", "finds 5 % at 10/min"),
        rows,
    )


def healthy_days(runs: int) -> Table:
    rows: list[tuple[str, ...]] = []
    for i, per_minute in enumerate(TRAFFIC):
        day = fired(failures((3, i), runs, per_minute, HEALTHY, DAY), per_minute)
        rows.append((f"{per_minute}", *(percent(happened(getattr(day, k))) for _, k in CODINGS)))
    return Table(
        "The same trigger on a healthy canary (0.03 %): fired within 24 h",
        ("canary requests/min", *(name for name, _ in CODINGS)),
        tuple(rows),
    )


def bursts(runs: int) -> Table:
    rows: list[tuple[str, ...]] = []
    for minutes in (1, 5):
        shares = np.full(120, HEALTHY)
        shares[60 : 60 + minutes] = 0.1
        seen = fired(failures((4, minutes), runs, 200, shares, 120), 200)
        rows.append(
            (f"{minutes} min at 10 %", *(percent(happened(getattr(seen, k))) for _, k in CODINGS))
        )
    return Table(
        "A burst of 10 % errors at 200/min: fired",
        ("burst", *(name for name, _ in CODINGS)),
        tuple(rows),
    )


def late_change(runs: int) -> Table:
    shares = np.full(DAY, HEALTHY)
    shares[DAY // 2 :] = 0.05
    seen = fired(failures((5,), runs, 10, shares, DAY), 10)
    rows: list[tuple[str, ...]] = []
    ways = [(name, getattr(seen, key)) for name, key in CODINGS]
    ways.append(("five separate minutes, or the sum of the whole wave", seen.rule_or_whole))
    for name, at in ways:
        before = at <= DAY // 2
        rows.append((name, percent(float(before.mean())), soon(at[~before] - DAY // 2)))
    return Table(
        "5 % errors from hour 12 on, 10/min",
        ("coding", "had fired before", "found after"),
        tuple(rows),
    )


# --- how soon, how wrong --------------------------------------------------------------------


def five_times(runs: int) -> Table:
    rows: list[tuple[str, ...]] = []
    for i, per_minute in enumerate((50, 200, 1000, 5000)):
        bad = failures((6, i), runs, per_minute, 5 * GATE, 240)
        rows.append(
            ("gate 0.1 %, canary 0.5 %", f"{per_minute}", soon(fails(bad, per_minute, GATE)))
        )
    for i, per_minute in enumerate((10, 50, 200)):
        bad = failures((7, i), runs, per_minute, 5 * TRIGGER, 480)
        seen = fired(bad, per_minute)
        rows.append(("trigger 1 %, canary 5 %", f"{per_minute}", soon(seen.rule_or_evidence)))
    for i, per_minute in enumerate((10, 50, 200)):
        bad = failures((8, i), runs, per_minute, slow(1.25), 240)
        rows.append(
            ("p99 < 500 ms, p99 1.25 s", f"{per_minute}", soon(fails(bad, per_minute, TRIGGER)))
        )
    return Table(
        "Five times the limit: found after", ("case", "requests/min", "median"), tuple(rows)
    )


def slow(p99: float, limit: float = 0.5, spread: float = 0.8) -> float:
    """The share slower than `limit` seconds of log-normal latencies with this 99th percentile."""
    normal = NormalDist()
    return 1 - normal.cdf(normal.inv_cdf(0.99) + math.log(limit / p99) / spread)


def looking(runs: int) -> Table:
    """What looking every minute costs when the truth is harmless."""
    rows: list[tuple[str, ...]] = []
    for i, per_minute in enumerate(TRAFFIC):
        bad = failures((9, i), runs, per_minute, GATE, DAY)
        plain = plainly_significant(bad, per_minute, GATE).any(axis=1).mean()
        ours = happened(fails(bad, per_minute, GATE))
        rows.append(
            (f"rate exactly 0.1 %, 24 h, {per_minute}/min", percent(float(plain)), percent(ours))
        )
    bad = failures((10,), runs, 10, slow(0.25), SOAK)
    plain = last_five(bad, 10, TRIGGER).any(axis=1).mean()
    ours = happened(fails(bad, 10, TRIGGER))
    rows.append(("p99 < 500 ms, p99 250 ms, 30 min, 10/min", percent(float(plain)), percent(ours)))
    return Table(
        "Looked at every minute: called broken although it is not",
        ("case", "plain", "sequential"),
        tuple(rows),
    )


def ratios(runs: int) -> Table:
    """At most twice the baseline's errors (0.1 %), canary with 5 % of the traffic."""
    rows: list[tuple[str, ...]] = []
    for i, (per_minute, hours) in enumerate(((200, 12), (2000, 6), (20_000, 2))):
        sides = (per_minute // 20, per_minute - per_minute // 20)
        bad, _ = against_baseline((11, i, 1), runs, sides, 5, 2, hours * 60)
        healthy, passed = against_baseline((11, i, 2), runs, sides, 1, 2, hours * 60)
        edge, wrongly = against_baseline((11, i, 3), runs, sides, 2, 2, hours * 60)
        rows.append(
            (
                f"{per_minute}, for {hours} h",
                soon(bad),
                percent(happened(healthy)),
                percent(happened(edge)),
                percent(happened(wrongly)),
                percent(happened(passed)),
            )
        )
    return Table(
        "Ratio to the baseline (0.1 % errors) at most 2, with 5 % of the traffic",
        (
            "requests/min of both",
            "5x found after",
            "healthy failed",
            "at the limit failed",
            "at the limit passed",
            "healthy passed",
        ),
        tuple(rows),
    )


def points(runs: int) -> Table:
    """At most one point above a baseline of 0.1 %, looked at every 10 minutes for 4 hours."""
    looks, minutes, canary, baseline = 24, 10, 200, 3800
    edge = [0, 0]
    for run in range(runs):
        shares = ((canary, 0.011, 1), (baseline, 0.001, 2))
        ours, theirs = (
            np.cumsum(failures((12, run, s), 1, n * minutes, share, looks)[0])
            for n, share, s in shares
        )
        said = {
            judge_points(
                Side(float(canary * minutes * (t + 1)), float(ours[t])),
                Side(float(baseline * minutes * (t + 1)), float(theirs[t])),
                0.01,
                0.01,
            )
            for t in range(looks)
        }
        edge[0] += Verdict.FAIL in said
        edge[1] += Verdict.PASS in said
    return Table(
        "Exactly one point above a baseline of 0.1 %, 200/min of 4000, 4 h",
        ("limit", "called broken", "passed"),
        (("baseline + 1pp", percent(edge[0] / runs), percent(edge[1] / runs)),),
    )


def levels(runs: int) -> Table:
    """Minutes of a level that is no worse than allowed, and resembles the minute before."""
    rows: list[tuple[str, ...]] = []
    for i, alike in enumerate((0.0, 0.5, 0.8)):
        noise = np.random.default_rng([2024, 13, i]).standard_normal((runs, DAY))
        level = noise.copy()
        for minute in range(1, DAY):
            level[:, minute] = alike * level[:, minute - 1]
            level[:, minute] += math.sqrt(1 - alike**2) * noise[:, minute]
        at = fails((level > 0).astype(np.int64), 1, 0.5)
        rows.append(
            (f"{alike:g}", *(percent(float((at <= m).mean())) for m in (SOAK, 4 * SOAK, DAY)))
        )
    return Table(
        "A level exactly at its limit, judged by minutes: called broken",
        ("correlation of neighbouring minutes", "within 30 min", "within 2 h", "within 24 h"),
        tuple(rows),
    )


def clean() -> Table:
    rows: list[tuple[str, ...]] = []
    for limit in (0.001, 0.005, 0.01, 0.05, 0.1):
        count = needs(0, 0, limit, limit).best or 0
        waits = (f"{math.ceil(count / pace):,} min" for pace in (2, 10, 50, 200))
        rows.append((percent(limit), f"{count:,}", *waits))
    return Table(
        "Clean requests that exclude a limit, and how long they take",
        ("limit to exclude", "requests", "2/min", "10/min", "50/min", "200/min"),
        tuple(rows),
    )


def all_tables(runs: int) -> Sequence[Table]:
    return (
        *gates(runs),
        trigger_codings(runs),
        healthy_days(runs),
        bursts(runs),
        late_change(runs),
        five_times(runs),
        looking(runs),
        ratios(runs),
        points(max(10, runs // 10)),
        levels(runs),
        latencies(runs),
        hours_before(runs),
        clean(),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few soaks: a look, not a measurement")
    runs = QUICK if parser.parse_args(arguments).quick else FULL
    print(f"{runs:,} soaks for each number ({10 * runs:,} for gates).\n")
    for table in all_tables(runs):
        print(table.markdown(), end="\n\n")


if __name__ == "__main__":
    main()
