"""Simulated soaks of a canary beside a baseline, or after one: latencies, and the hour before.

Each soak goes through the product's own code, a look at the end of each minute.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import msgspec
import numpy as np
import numpy.typing as npt

from bot.domain.conditions import Action, Condition, parse_comparison
from bot.domain.metering import Meter, begin_wave, fold
from bot.domain.plan import Metric, Plan
from bot.domain.questions import Asked, Question, Sums, broken
from bot.domain.samples import Buckets, Measurement, Sample, Track
from bot.domain.watching import Watcher, watch
from tests.domain import builders as b
from tests.simulation.soaks import NEVER, Counts, failures
from tests.simulation.tables import Table, happened, percent, soon

EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""What client libraries of Prometheus put into a histogram unless told otherwise, in seconds."""

MEDIAN, SPREAD = 0.06, 0.8
"""Of log-normal latencies, in seconds; their p99 is 0.39 s."""

MINUTE = timedelta(minutes=1)
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOAK = 30
TRAFFIC = (200, 1000, 4000)
HISTORY = 60


def shares(times: float) -> npt.NDArray[np.float64]:
    """The share of requests in each bucket when all take `times` as long as usual."""
    normal = NormalDist(math.log(MEDIAN * times), SPREAD)
    below = [normal.cdf(math.log(edge)) for edge in EDGES]
    return np.diff([0.0, *below, 1.0])


class Slower(msgspec.Struct, frozen=True):
    """The minute in which the rule of a trigger, and evidence, would have spoken in each soak."""

    rule: Counts
    evidence: Counts


def slower(
    seed: Iterable[int], runs: int, sides: tuple[int, int], times: float, minutes: int = SOAK
) -> Slower:
    """A canary that takes `times` as long as its baseline; five minutes over twice its p99.

    sides: requests a minute of the canary and of the baseline.
    """
    generator = np.random.default_rng([2024, *seed])
    drawn = [
        generator.multinomial(n, shares(factor), (runs, minutes)).cumsum(axis=2)
        for n, factor in zip(sides, (times, 1.0), strict=True)
    ]
    spoken = [_one(ours, theirs) for ours, theirs in zip(*drawn, strict=True)]
    rule, evidence = np.array(spoken, dtype=np.int64).reshape(runs, 2).T
    return Slower(rule, evidence)


LATENCY = Metric(kind="quantile", q=0.99, histogram="h", name="latency")
RULE = Condition(
    id="slower",
    kind="if",
    text="latency > 2x baseline",
    comparison=parse_comparison("latency > 2x baseline"),
    window=MINUTE,
    hold=5 * MINUTE,
    do=Action.ROLLBACK,
)


def _plan() -> Plan:
    wave = b.wave("p5", 5.0, soak=timedelta(minutes=SOAK))
    waves = (wave, b.wave("p100", 100.0))
    return b.plan(metrics={"latency": LATENCY}, waves=waves, triggers=(RULE,), max_extend=0.0)


def _one(ours: Counts, theirs: Counts) -> tuple[int, int]:
    """When the rule is satisfied, and when evidence is enough, each as if alone."""
    plan, meter, watcher = _plan(), begin_wave(Meter(), "p5", BEGAN), Watcher(BEGAN)
    rule = evidence = NEVER
    for minute, row in enumerate(zip(ours, theirs, strict=True), start=1):
        now = BEGAN + minute * MINUTE
        tracks = zip((Track.CANARY, Track.BASELINE), row, strict=True)
        look = [Measurement("latency", t, Sample(_buckets(one), now)) for t, one in tracks]
        meter = fold(meter, look, now)
        watcher, _ = watch(RULE, plan, watcher, meter, look, now)
        rule = minute if rule == NEVER and watcher.satisfied_at else rule
        evidence = minute if evidence == NEVER and watcher.proven else evidence
        if NEVER not in {rule, evidence}:
            break
    return rule, evidence


def _buckets(counts: Counts) -> Buckets:
    *inner, total = counts.tolist()
    return Buckets(float(total), tuple(zip(EDGES, map(float, inner), strict=True)))


def latencies(runs: int) -> Table:
    rows: list[tuple[str, ...]] = []
    for i, per_minute in enumerate(TRAFFIC):
        sides = (per_minute // 20, per_minute - per_minute // 20)
        healthy = slower((14, i, 1), runs, sides, 1)
        bad = slower((14, i, 2), max(2, runs // 10), sides, 5, 2 * SOAK)
        rows.append(
            (
                f"{per_minute}",
                percent(happened(healthy.rule)),
                percent(happened(healthy.evidence)),
                soon(bad.rule),
                soon(bad.evidence),
            )
        )
    return Table(
        "p99 at most twice the baseline's, with 5 % of the traffic",
        (
            "requests/min of both",
            "healthy 30 min: rule of 5 min fired",
            "healthy 30 min: evidence fired",
            "5x slower: rule",
            "5x slower: evidence",
        ),
        tuple(rows),
    )


# --- the hour before ------------------------------------------------------------------------


def after(seed: Iterable[int], runs: int, per_minute: int, times: float) -> Counts:
    """When a release at 100 % is called worse than twice the hour before it, in half an hour.

    times: how often it fails, compared with the 0.1 % of that hour.
    """
    seed = tuple(seed)
    history = failures((*seed, 1), runs, per_minute * HISTORY, 0.001, 1)[:, 0]
    bad = np.cumsum(failures((*seed, 2), runs, per_minute, 0.001 * times, SOAK), axis=1)
    firsts = [
        next(_broken(row, float(past), per_minute), NEVER)
        for row, past in zip(bad.tolist(), history.tolist(), strict=True)
    ]
    return np.array(firsts, dtype=np.int64)


def _broken(row: Sequence[int], past: float, per_minute: int) -> Iterator[int]:
    question = Question(Asked.TIMES, 2)
    for minute, bad in enumerate(row, start=1):
        requests = float(per_minute * minute)
        if broken(question, Sums(requests, bad, float(per_minute * HISTORY), past), 100):
            yield minute


def hours_before(runs: int) -> Table:
    rows: list[tuple[str, ...]] = []
    for i, per_minute in enumerate((200, 2000, 20_000)):
        healthy, edge, bad = (
            after((15, i, j), runs, per_minute, times) for j, times in enumerate((1, 2, 5))
        )
        rows.append(
            (f"{per_minute}", percent(happened(healthy)), percent(happened(edge)), soon(bad))
        )
    return Table(
        "Straight to 100 %, at most twice the errors (0.1 %) of the hour before, for 30 min",
        ("requests/min", "healthy failed", "at the limit failed", "5x found after"),
        tuple(rows),
    )
