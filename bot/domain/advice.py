"""What is allowed in a plan and will not work well: said before a release finds out.

A gate is asked for its verdict on traffic without a single error, by the judge of live releases,
for longer and longer. When even that does not pass within the soak and its extension, a person will
be called in every release. And a latency limit is only as fine as the edges of its histogram.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.advice_edges import coarse
from bot.domain.baselines import source_of
from bot.domain.conditions import Comparison, Condition, LimitKind
from bot.domain.documents import DocumentError, Path
from bot.domain.gates import Verdict, gate
from bot.domain.metering import Entry, Meter
from bot.domain.outlook import needs
from bot.domain.plan import Metric, Plan, Wave
from bot.domain.samples import Buckets, Counts
from bot.domain.totals import Total
from bot.domain.units import format_duration, format_weight

Edges = Mapping[str, Sequence[float]]
"""Metric -> the upper edges of its histogram in seconds, ascending."""

ORDINARY = 0.001
"""The share of failed requests that a healthy service has, where only errors can be compared."""

FURTHEST = timedelta(days=60)
"""No soak is made longer than this for the sake of a gate."""

WARM_UP = 2
"""Minutes at the beginning of a wave that are no evidence on levels."""

_ASKED_AFTER = timedelta(minutes=1)
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*/\s*(s|sec|second|min|minute|m|h|hour)")
_PER_MINUTE = {"s": 60.0, "m": 1.0, "h": 1 / 60}
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def parse_rate(text: str) -> float:
    """Requests per minute, of "200/min", "3.5/s" or "600/h".

    Raises ValueError saying what is expected.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None or not float(match[1]):
        raise ValueError(f"{text!r} is no traffic; write it like 200/min, 3.5/s or 600/h")
    return float(match[1]) * _PER_MINUTE[match[2][0]]


def advise(
    plan: Plan, *, traffic: float | None = None, edges: Edges | None = None
) -> list[DocumentError]:
    """Everything that will not work well, with the place in the plan's document.

    traffic: requests per minute to both versions together, None when it is not known. edges: of the
    metrics whose histograms are known.
    """
    return [*_unsettled(plan, traffic), *_silent(plan), *_coarse(plan, edges or {})]


def _coarse(plan: Plan, edges: Edges) -> Iterator[DocumentError]:
    for path, condition in _conditions(plan):
        metric = _metric(plan, condition)
        if metric is None or metric.name not in edges:
            continue
        said = coarse(condition, metric, edges[metric.name])
        if said is not None:
            yield DocumentError(path, f"{condition.text}: {said[0]}", said[1])


def _conditions(plan: Plan) -> Iterator[tuple[Path, Condition]]:
    lists: list[tuple[Path, Sequence[Condition]]] = [(("triggers",), plan.triggers)]
    for index, wave in enumerate(plan.waves):
        lists += [(("waves", index, "go_if"), wave.gates)]
        lists += [(("waves", index, "triggers"), wave.triggers)]
    lists += [(("alerts", level), rules) for level, rules in plan.alerts.items()]
    for path, conditions in lists:
        for condition in conditions:
            yield _place(plan, path, condition), condition


def _place(plan: Plan, path: Path, condition: Condition) -> Path:
    """Where a condition is written; the list, or what holds it, when it came from elsewhere."""
    found: Any = plan.document
    for at, part in enumerate(path):
        try:
            found = found[part]
        except (LookupError, TypeError):
            return path[:at]
    for index, entry in enumerate(found):
        if isinstance(entry, Mapping) and entry.get("if") == condition.text:
            return (*path, index)
    return path


def _silent(plan: Plan) -> Iterator[DocumentError]:
    """Triggers and alerts that have nothing to be compared with in a wave; gates are told apart."""
    lists: list[tuple[Path, Sequence[Condition], Sequence[Wave]]] = [
        (("triggers",), plan.triggers, plan.waves)
    ]
    for index, wave in enumerate(plan.waves):
        lists.append((("waves", index, "triggers"), wave.triggers, (wave,)))
    lists += [(("alerts", level), rules, plan.waves) for level, rules in plan.alerts.items()]
    for path, conditions, waves in lists:
        bare = [wave for wave in waves if wave.traffic > 0 and not source_of(plan, wave.id)]
        for condition in conditions if bare else ():
            if condition.comparison is not None and condition.comparison.limit.relative:
                share = format_weight(bare[0].traffic)
                problem = f"at {share} the old version has no traffic to compare with"
                place = _place(plan, path, condition)
                told = f"{condition.text}: {problem}, and it never acts there"
                yield DocumentError(place, told, _NO_BASELINE)


# --- gates that can't be settled -------------------------------------------------------------


def _unsettled(plan: Plan, traffic: float | None) -> Iterator[DocumentError]:
    for index, wave in enumerate(plan.waves):
        for condition in wave.gates:
            metric = _metric(plan, condition)
            if metric is None:
                continue
            said = _gate(plan, wave, condition, metric, traffic)
            if said is not None:
                problem, hint = said
                place = _place(plan, ("waves", index, "go_if"), condition)
                yield DocumentError(place, f"{condition.text}: {problem}", hint)


def _metric(plan: Plan, condition: Condition) -> Metric | None:
    if condition.comparison is None:
        return None
    return plan.metrics.get(condition.comparison.subject)


def _gate(
    plan: Plan, wave: Wave, condition: Condition, metric: Metric, traffic: float | None
) -> tuple[str, str] | None:
    if condition.comparison is None:
        return None
    against = _against(condition.comparison)
    if condition.comparison.limit.relative and not source_of(plan, wave.id):
        share = format_weight(wave.traffic)
        return f"at {share} the old version has no traffic to compare with", _NO_BASELINE
    if metric.kind == "gauge":
        return _level(plan, wave) if against else None
    if traffic is None or metric.kind not in {"ratio", "quantile"} or wave.traffic <= 0:
        return None
    if against and wave.traffic >= 100:
        return None
    pace = traffic * wave.traffic / 100
    wanted = _minutes(plan, wave, condition, metric, traffic)
    if wanted is not None and wanted <= _longest(plan, wave):
        return None
    return _told(plan, wave, wanted, pace)


def _against(comparison: Comparison) -> bool:
    return comparison.limit.relative or comparison.limit.kind is LimitKind.ABOVE_WAVE


def _level(plan: Plan, wave: Wave) -> tuple[str, str] | None:
    """Levels are compared minute by minute, whatever the traffic."""
    enough = needs(0, 0, 0.5, 0.5).best
    wanted = timedelta(minutes=WARM_UP + (enough or 0))
    if wanted <= _longest(plan, wave):
        return None
    return (
        f"levels are compared minute by minute, and that takes at least {format_duration(wanted)};"
        f" {_lasting(plan, wave)}",
        f"let {wave.id} soak {format_duration(wanted)} or longer",
    )


def _told(plan: Plan, wave: Wave, wanted: timedelta | None, pace: float) -> tuple[str, str]:
    lasting = _lasting(plan, wave)
    if wanted is None:
        days = format_duration(FURTHEST)
        problem = f"even {days} without an error would not settle it at {pace:,.3g} requests/min"
        return f"{problem}; {lasting}", _LESS
    clean = math.ceil(pace * wanted / timedelta(minutes=1))
    problem = (
        f"it takes about {clean:,} clean requests, {_span(wanted)} at {pace:,.3g}/min"
        f" ({format_weight(wave.traffic)} of the traffic); {lasting}"
    )
    return problem, f"let {wave.id} soak {_span(wanted)} or longer, {_LESS}"


_NO_BASELINE = (
    "write `baseline: {fallback: historical}`, or compare with an earlier wave or a fixed limit"
)
_LESS = "give it more traffic, or ask for less (a higher limit, `evidence: {rule_out: …}`)"


def _span(span: timedelta) -> str:
    return format_duration(timedelta(minutes=math.ceil(span / timedelta(minutes=1))))


def _lasting(plan: Plan, wave: Wave) -> str:
    """How long there is for it, and what comes then."""
    then = (
        "the wave goes on without it" if wave.on_inconclusive == "proceed" else "a person is asked"
    )
    if not wave.soak:
        after = format_duration(_ASKED_AFTER)
        return f"the wave has no soak, and after {after} {then}"
    longest = _longest(plan, wave)
    extended = " with every extension" if longest > wave.soak else ""
    return f"the soak is {format_duration(longest)}{extended}, and then {then}"


def _longest(plan: Plan, wave: Wave) -> timedelta:
    if not wave.soak:
        return _ASKED_AFTER
    if wave.on_inconclusive != "extend":
        return wave.soak
    return wave.soak * (1 + plan.max_extend)


def _minutes(
    plan: Plan, wave: Wave, condition: Condition, metric: Metric, traffic: float
) -> timedelta | None:
    """How long it takes until the gate passes, without errors; None when it never does."""
    shares = (0.0, ORDINARY) if condition.comparison and _against(condition.comparison) else (0.0,)
    for bad in shares:
        found = _first(_passes(plan, wave, condition, metric, traffic, bad))
        if found is not None:
            return found
    return None


def _passes(
    plan: Plan, wave: Wave, condition: Condition, metric: Metric, traffic: float, bad: float
) -> Callable[[timedelta], bool]:
    """Whether the gate passes after a time at this traffic, of which the share `bad` fails."""

    def entry(weight: float, lasted: timedelta) -> Entry:
        n = traffic * weight / 100 * (lasted / timedelta(minutes=1))
        return Entry(total=_total(metric, condition, n, bad), measured_at=_ANY_TIME)

    def passes(lasted: timedelta) -> bool:
        meter = Meter(
            wave=wave.id,
            began_at=_ANY_TIME,
            canary={metric.name: entry(wave.traffic, lasted)},
            baseline={metric.name: entry(100 - wave.traffic, lasted)},
            finals={
                other.id: {metric.name: _total(metric, condition, 1e6, bad)} for other in plan.waves
            },
        )
        return gate(condition, plan, meter, _ANY_TIME + lasted).verdict is Verdict.PASS

    return passes


def _total(metric: Metric, condition: Condition, n: float, bad: float) -> Total:
    """What `n` requests come to. Quick ones where latencies are counted, in edges that fit."""
    if metric.kind != "quantile":
        return Counts(n * bad, n)
    limit = condition.comparison.limit if condition.comparison else None
    absolute = limit is not None and limit.kind is LimitKind.ABSOLUTE
    usual = limit.value / 2 if absolute and limit else 1.0
    edges = {usual, usual * 2}
    if limit is not None and limit.kind is LimitKind.TIMES_BASELINE:
        edges.add(usual * limit.value)
    if limit is not None and limit.kind is LimitKind.OVER_BASELINE:
        edges.add(usual * (1 + limit.value))
    return Buckets(n, tuple((edge, n if edge >= usual else 0.0) for edge in sorted(edges)))


def _first(holds: Callable[[timedelta], bool]) -> timedelta | None:
    """The shortest time after which it holds, to the second; None when it never does."""
    high = timedelta(seconds=1)
    while not holds(high):
        high *= 2
        if high > FURTHEST:
            return None
    low = high / 2
    while high - low > timedelta(seconds=1):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
