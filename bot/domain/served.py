"""Whether the service served its requests while traffic moved: gaps, and nothing else.

At every look the requests of both sides are added up (the total of the plan's first ratio, else of
its first histogram; the health probe, where nothing counts requests). What was served before is the
level. A gap is a stretch that touches a move of the traffic and in which

- less than a tenth (`LITTLE`) of what the level promises was served,
- at least `ENOUGH` requests were promised (with chance alone, so few come about once in two
  million such stretches: a Poisson count with mean 20 is at most 2), and
- more time went by than in twice the longest such lull while the traffic stood still.

The level is known after `KNOWN` seconds; stretches without any request before that are judged once
there are `BEFORE` seconds of it. A move begins when it is asked for and ends `SETTLING` after it
was confirmed. What could not be read is no gap: what was served meanwhile is in the next reading;
if there is none, that is said. A gap is told and written down; it holds nothing up.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from bot.domain.plan import Plan
from bot.domain.samples import Buckets, Counts, Measurement, Probe, Sample, Track
from bot.domain.totals import flaw

T = TypeVar("T", bound=msgspec.Struct)

LITTLE = 0.1
ENOUGH = 20.0
PIECE = ENOUGH / 2
"""Requests that a piece of time promises when it is judged; shorter ones are put together."""

SETTLING = timedelta(minutes=1)
LEVEL = 300.0
"""Seconds of which the level is the mean; older ones fade."""

KNOWN = 10.0
"""Seconds that have to be in the level before anything is held against it."""

BEFORE = 60.0
"""Seconds that have to be in it before it is believed to have been the same earlier, too."""

STALE = timedelta(minutes=15)
"""After so long without a reading everything begins anew: nobody knows how it was meanwhile."""

FAILED = 2
"""Failed answers of the probe in a row that are a gap."""

KEPT = 20
"""Gaps that are kept of one release."""


class Gap(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stretch in which clearly too little was served.

    until: None while it goes on. served, expected: requests; 0 expected: the probe failed.
    unknown: it is not known whether anything was served. move: what moved, for people; "": a whole
    wave.
    """

    since: datetime
    until: datetime | None = None
    served: float = 0.0
    expected: float = 0.0
    move: str = ""
    unknown: bool = False


class Run(msgspec.Struct, frozen=True, omit_defaults=True):
    """Pieces in a row with too little. moving: traffic moved meanwhile; told: it is a gap."""

    since: datetime
    until: datetime
    served: float = 0.0
    moving: bool = False
    told: bool = False

    @property
    def seconds(self) -> float:
        return (self.until - self.since).total_seconds()


class Served(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is remembered of the requests served.

    at: up to where they were counted; held: those counted after that; tracks: the sides whose
    counters are known. n, seconds: the level. lull: the longest stretch of too little while nothing
    moved, in seconds. moved_until: when the newest move is over; move: which one that is. early:
    stretches without any request before a level was known. unread_since: since when a side could
    not be read. wave_n, wave_seconds: since the newest move; wave_level: what was promised a second
    when it began. failed: answers of the probe that failed in a row.
    """

    at: datetime | None = None
    held: float = 0.0
    tracks: tuple[Track, ...] = ()
    n: float = 0.0
    seconds: float = 0.0
    lull: float = 0.0
    low: Run | None = None
    early: tuple[Run, ...] = ()
    moved_until: datetime | None = None
    move: str = ""
    unread_since: datetime | None = None
    wave_n: float = 0.0
    wave_seconds: float = 0.0
    wave_level: float = 0.0
    failed: int = 0
    gaps: tuple[Gap, ...] = ()

    @property
    def level(self) -> float:
        """Requests a second, 0 while nobody knows."""
        return self.n / self.seconds if self.n >= ENOUGH and self.seconds >= KNOWN else 0.0


def counting(plan: Plan) -> str:
    """The metric whose total is what was served, "" where none counts requests."""
    for kind in ("ratio", "quantile"):
        for name, metric in plan.metrics.items():
            if metric.kind == kind:
                return name
    return ""


def probing(plan: Plan) -> str:
    """The probe that tells whether anything is served where no metric counts requests."""
    if counting(plan):
        return ""
    return next((name for name, metric in plan.metrics.items() if metric.kind == "probe"), "")


def countable(plan: Plan) -> bool:
    """Whether there is anything by which requests could be missed."""
    return bool(counting(plan) or probing(plan))


def look(
    served: Served,
    plan: Plan,
    measurements: Iterable[Measurement],
    now: datetime,
    *,
    move: str,
    over_at: datetime | None,
    weight: float,
) -> Served:
    """Take in a look.

    move: the newest one; over_at: when it was confirmed, None: it goes on, or there was none ("").
    weight: percent on the new version, which tells the sides that have to be there.
    """
    moved = _moving(served, now, move, over_at or now) if move else served
    name = counting(plan)
    if not name:
        return _probed(moved, probing(plan), measurements, now)
    readings = {m.track: m.reading for m in measurements if m.metric == name}
    samples = {t: r for t, r in readings.items() if isinstance(r, Sample) and not flaw(r.value)}
    wanted = {Track.CANARY} if weight >= 100 else {Track.BASELINE}
    if 0 < weight < 100:
        wanted.add(Track.CANARY)
    return _settled(_counted(moved, samples, wanted, now), now)


def _moving(served: Served, now: datetime, move: str, over_at: datetime) -> Served:
    """With the move noted; when one begins, all that was served since the last is looked at."""
    until = over_at + SETTLING
    if served.moved_until is not None and until <= served.moved_until:
        return served
    begins = served.moved_until is None or now > served.moved_until or move != served.move
    whole = _as_a_whole(served, now) if begins else served
    return _with(whole, moved_until=until, move=move)


def _as_a_whole(served: Served, now: datetime) -> Served:
    promised = served.wave_level * served.wave_seconds
    fresh = _with(served, wave_n=0.0, wave_seconds=0.0, wave_level=served.level)
    going_on = any(gap.until is None for gap in served.gaps)
    if promised < ENOUGH or served.wave_n > LITTLE * promised or going_on:
        return fresh
    since = now - timedelta(seconds=served.wave_seconds)
    known = any(gap.until is not None and gap.until > since for gap in served.gaps)
    return fresh if known else _noted(fresh, Gap(since, now, served.wave_n, promised))


def _counted(
    served: Served, samples: Mapping[Track, Sample], wanted: set[Track], now: datetime
) -> Served:
    fresh = sum(_total(r) for t, r in samples.items() if t in served.tracks)
    known = tuple(t for t in Track if t in samples or t in served.tracks)
    held = _with(served, held=served.held + fresh, tracks=known)
    if not wanted <= set(samples):
        return _with(held, unread_since=served.unread_since or now)
    at = max(sample.measured_at for sample in samples.values())
    held = _with(held, unread_since=None, gaps=_closed(served.gaps, now, unknown=True))
    if served.at is None or not -SETTLING <= at - served.at <= STALE:
        return _with(held, at=at, held=0.0, n=0.0, seconds=0.0, low=None, early=())
    seconds = (at - served.at).total_seconds()
    too_short = served.level > 0 and served.level * seconds < PIECE
    if seconds <= 0 or too_short:
        return held
    return _piece(held, seconds, at)


def _total(sample: Sample) -> float:
    return sample.value.total if isinstance(sample.value, Counts | Buckets) else 0.0


def _piece(served: Served, seconds: float, at: datetime) -> Served:
    """Judge a piece of time that is long enough."""
    n, began = served.held, served.at or at
    done = _with(
        served,
        at=at,
        held=0.0,
        wave_n=served.wave_n + n,
        wave_seconds=served.wave_seconds + seconds,
    )
    if n > LITTLE * served.level * seconds:
        return _early(_levelled(_over(done, began), n, seconds))
    run = served.low or Run(began, began)
    moving = run.moving or (served.moved_until is not None and began <= served.moved_until)
    run = _with(run, until=at, served=run.served + n, moving=moving)
    return _told(_with(done, low=run), run)


def _levelled(served: Served, n: float, seconds: float) -> Served:
    whole = served.seconds + seconds
    fade = min(1.0, LEVEL / whole)
    return _with(served, n=(served.n + n) * fade, seconds=whole * fade)


def _told(served: Served, run: Run) -> Served:
    """With the present stretch as a gap, once that is sure; brought up to date afterwards."""
    expected = served.level * run.seconds
    if run.told:
        gaps = (
            _with(gap, served=run.served, expected=expected) if _open(gap) else gap
            for gap in served.gaps
        )
        return _with(served, gaps=tuple(gaps))
    if not _sure(served, run):
        return served
    gap = Gap(run.since, None, run.served, expected, served.move)
    return _noted(_with(served, low=_with(run, told=True)), gap)


def _sure(served: Served, run: Run) -> bool:
    return (
        run.moving
        and served.level * run.seconds >= ENOUGH
        and run.seconds > 2 * served.lull
        and len(served.gaps) < KEPT
    )


def _over(served: Served, at: datetime) -> Served:
    """There is enough again: the stretch that was too little has ended."""
    run = served.low
    if run is None:
        return served
    over = _with(served, low=None)
    if run.told:
        return _with(over, gaps=_closed(over.gaps, at))
    if not run.moving:  # that is how its traffic is
        usual = _with(over, lull=max(over.lull, run.seconds))
        return _levelled(usual, run.served, run.seconds)
    return over if served.level else _with(over, early=(*over.early, run)[-KEPT:])


def _early(served: Served) -> Served:
    """Stretches before the level was known can be judged by the level that came after them."""
    if not served.level or served.seconds < BEFORE or not served.early:
        return served
    judged = _with(served, early=())
    for run in served.early:
        if _sure(judged, run):
            gap = Gap(run.since, run.until, 0.0, judged.level * run.seconds, judged.move)
            judged = _noted(judged, gap)
    return judged


def _settled(served: Served, now: datetime) -> Served:
    """The move is over: was anything read at all?"""
    since, until = served.unread_since, served.moved_until
    if since is None or until is None or now <= until or since > until or served.at is None:
        return served  # what was never counted is said once, at the end
    if len(served.gaps) >= KEPT or any(g.unknown and g.since >= since for g in served.gaps):
        return served
    return _noted(served, Gap(since, None, move=served.move, unknown=True))


def _probed(
    served: Served, name: str, measurements: Iterable[Measurement], now: datetime
) -> Served:
    answers = [
        m.reading.value
        for m in measurements
        if m.metric == name and isinstance(m.reading, Sample) and isinstance(m.reading.value, Probe)
    ]
    if not answers:
        return served
    if any(answer.ok for answer in answers):
        return _with(served, failed=0, at=now, gaps=_closed(served.gaps, now))
    failed = served.failed + 1
    moving = served.moved_until is not None and now <= served.moved_until
    counted = _with(served, failed=failed if moving or served.failed else 0)
    if counted.failed != FAILED or len(served.gaps) >= KEPT:
        return counted
    return _noted(counted, Gap(served.at or now, None, move=served.move))


def _open(gap: Gap, *, unknown: bool = False) -> bool:
    return gap.until is None and gap.unknown is unknown


def _closed(gaps: tuple[Gap, ...], at: datetime, *, unknown: bool = False) -> tuple[Gap, ...]:
    if not any(_open(gap, unknown=unknown) for gap in gaps):
        return gaps
    return tuple(_with(g, until=at) if _open(g, unknown=unknown) else g for g in gaps)


def _noted(served: Served, gap: Gap) -> Served:
    return _with(served, gaps=(*served.gaps, gap))


def _with(value: T, **fields: object) -> T:
    return msgspec.structs.replace(value, **fields)
