"""Figures over many releases besides those of delivery: what became slower, bugs, what people say.

What the bot measures it works out itself. The rest (how much is tested, how content users are, what
the business counts) is given to items of checklists and of sign-offs, by a check or by a person;
`report:` of a plan says which item holds which figure.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from bot.domain.charts import shown, unit_of
from bot.domain.evaluation import value_of
from bot.domain.plan import Plan
from bot.domain.release_record import Course, Record
from bot.domain.totals import averaged
from bot.domain.units import format_duration

REGRESSION, BUGS = "performance_regression", "bug_rate"
COUNTED = (REGRESSION, BUGS)
"""Figures that the bot works out itself."""

GIVEN: Mapping[str, str] = {
    "test_coverage": "Test coverage",
    "user_satisfaction": "User satisfaction",
    "adoption": "Adoption",
    "engagement": "Engagement",
    "revenue": "Revenue",
    "support_tickets": "Support tickets",
}
"""Figures that somebody gives, and how they are called."""

SLOWER = 0.10
"""A release is called slower from a tenth more time on; what is less is noise in small numbers."""

MOST = 5
"""How many releases a line names."""


class Given(msgspec.Struct, frozen=True):
    """What a release says of its items. answers: what was given, by the item's id."""

    version: str
    at: datetime
    answers: Mapping[str, str]


class Compared(msgspec.Struct, frozen=True):
    """How long something took in a release, beside the version before it. Both in words."""

    release: str
    metric: str
    new: str
    old: str
    share: float


def compared(record: Record, plan: Plan) -> Iterator[Compared]:
    """Each time that was measured on both sides, in the newest wave in which it was."""
    for name, metric in plan.metrics.items():
        unit = unit_of(name, metric, plan)
        course = _newest(record, name)
        if unit != "seconds" or course is None or not course.canary or not course.baseline:
            continue
        new, old = (value_of(metric, averaged(t)) for t in (course.canary, course.baseline))
        if new is not None and old:
            called = f"{record.service} {record.version}"
            words = (shown(new, unit), shown(old, unit))
            yield Compared(called, name.replace("_", " "), *words, new / old - 1)


def _newest(record: Record, name: str) -> Course | None:
    found = (stretch.courses.get(name) for stretch in reversed(record.stretches))
    return next((c for c in found if c is not None and c.canary and c.baseline), None)


def regressions(found: Sequence[Compared]) -> str:
    """What became slower, in a line."""
    releases = len({each.release for each in found})
    if not releases:
        return "What became slower: no release was compared with the one before it"
    worse = sorted((each for each in found if each.share >= SLOWER), key=lambda each: -each.share)
    if not worse:
        return f"What became slower: nothing, in {_some(releases, 'release')}"
    named = [
        f"{each.release} {each.metric} {each.new} instead of {each.old} (+{each.share:.0%})"
        for each in worse[:MOST]
    ]
    more = f"; and {len(worse) - MOST} more" if len(worse) > MOST else ""
    return f"What became slower: {'; '.join(named)}{more}"


def bugs(reported: int, incidents: int, deployments: int, span: timedelta) -> str:
    """Bugs for each deployment, in a line. reported: what customers and others have reported."""
    total = reported + incidents
    each = f" = {total / deployments:.2g} for each" if deployments else ""
    parts = f"{_some(reported, 'report')}, {_some(incidents, 'incident')}"
    shown_of = _some(deployments, "deployment")
    return f"Bugs: {total} ({parts}) in {shown_of}{each} (in {format_duration(span)})"


def given(wanted: Mapping[str, str], releases: Sequence[Given]) -> Iterator[str]:
    """What was given for each figure: the newest, and the one before it. releases: newest first.

    wanted: by figure, the id of the item that holds it.
    """
    for figure, item in wanted.items():
        if figure not in GIVEN:
            continue
        told = [(r.answers[item], r.version) for r in releases if r.answers.get(item)]
        if not told:
            yield f"{GIVEN[figure]}: nobody has said it yet"
            continue
        before = f", before it {told[1][0]} ({told[1][1]})" if len(told) > 1 else ""
        yield f"{GIVEN[figure]}: {told[0][0]} ({told[0][1]}){before}"


def _some(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
