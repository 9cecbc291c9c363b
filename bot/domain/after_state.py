"""A release after 100 %, as one value: what is watched, verified and signed off, and by whom.

`bot.domain.aftercare` says how it goes on. Its id is that of the rollout which it follows.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bot.domain.after_plan import AfterPlan, Group, Signoff, Watch, Window
from bot.domain.approvals import Request
from bot.domain.conditions import Condition
from bot.domain.events import Event, ItemTicked, Seen
from bot.domain.evidence import Verdict
from bot.domain.gates import Finding
from bot.domain.people import Actor
from bot.domain.plan import Plan
from bot.domain.rollout import Tick
from bot.domain.samples import Measurement
from bot.domain.totals import Total

DAY = timedelta(days=1)


class Stage(StrEnum):
    OPEN = "open"
    PASSED = "passed"
    SUPERSEDED = "superseded"
    TAKEN_BACK = "taken_back"


class Sum(msgspec.Struct, frozen=True, omit_defaults=True):
    """One metric over one stretch of time. read, missed: how often it could be read, and not.

    trouble: why not, the last time; "" when the last reading was one.
    """

    total: Total | None = None
    read: int = 0
    missed: int = 0
    trouble: str = ""


class Result(msgspec.Struct, frozen=True):
    """A criterion of success. known: False where the bot has no way to tell."""

    text: str
    verdict: Verdict
    shown: str
    known: bool = True


class Aftercare(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One release from its completion to its last signature.

    created_at: when the rollout was complete; all clocks count from there. sums: stretch -> metric
    -> what was read. bad: standing number -> at how many looks in a row it was bad. cursors: of the
    metrics that are being read. facts: what the bot found out itself, by subject. findings: by
    item. done: what has happened, each once. grade: what the release is called by now. posted_at:
    of the last status. next_check_at: when it is looked at again. revision, fence: see `Rollout`.
    """

    id: str
    service: str
    environment: str
    version: str
    artifact: str = ""
    previous: str = ""
    channel: str = ""
    plan: Plan | None = None
    phase: Stage = Stage.OPEN
    reason: str = ""
    created_at: datetime
    sums: Mapping[str, Mapping[str, Sum]] = {}
    bad: Mapping[str, int] = {}
    cursors: Mapping[str, str] = {}
    facts: Mapping[str, float] = {}
    read_at: datetime | None = None
    findings: Mapping[str, Finding] = {}
    ticks: tuple[Tick, ...] = ()
    requests: Mapping[str, Request] = {}
    declined: Mapping[str, Tick] = {}
    done: tuple[str, ...] = ()
    grade: str = ""
    results: tuple[Result, ...] = ()
    posted_at: datetime | None = None
    reminded_at: datetime | None = None
    reminders: int = 0
    unseen: str = ""
    next_check_at: datetime | None = None
    ended_at: datetime | None = None
    revision: int = 0
    fence: int = 0

    @property
    def the_plan(self) -> Plan:
        """The pinned plan. Raises ValueError when the row was loaded without it."""
        if self.plan is None:
            raise ValueError(f"the aftercare of {self.id} was loaded without its plan")
        return self.plan

    @property
    def after(self) -> AfterPlan:
        return self.the_plan.afterwards

    @property
    def ended(self) -> bool:
        return self.phase is not Stage.OPEN

    def has(self, what: str) -> bool:
        """Whether something has happened already."""
        return what in self.done

    def answer(self, item: str) -> Tick | None:
        """The newest answer to an item."""
        return next((tick for tick in reversed(self.ticks) if tick.gate == item), None)


# --- what happens to it ---------------------------------------------------------------------


class Looked(Event, frozen=True):
    """What was found at the target and in its metrics.

    facts: see `Aftercare`. seen: what runs, None when it could not be read (`blind` says why).
    """

    measurements: tuple[Measurement, ...] = ()
    facts: Mapping[str, float] = {}
    seen: Seen | None = None
    blind: str = ""


class SignoffSigned(Event, frozen=True):
    """Somebody signs, having seen `digest`."""

    actor: Actor
    signoff: str
    digest: str
    comment: str = ""


class SignoffDeclined(Event, frozen=True):
    actor: Actor
    signoff: str
    reason: str


class Superseded(Event, frozen=True):
    """Another version has been released on this target."""

    version: str


class TakenBack(Event, frozen=True):
    """The release is being rolled back."""

    reason: str


AftercareEvent = Looked | ItemTicked | SignoffSigned | SignoffDeclined | Superseded | TakenBack


# --- how it stands --------------------------------------------------------------------------


class ItemState(StrEnum):
    """upcoming: its time has not come. measuring: its numbers are being collected. open: a person
    has to answer. done, failed: it is answered, or judged."""

    UPCOMING = "upcoming"
    MEASURING = "measuring"
    OPEN = "open"
    DONE = "done"
    FAILED = "failed"


def opened(care: Aftercare, group: Group) -> bool:
    """Whether the time of a window or a sign-off has come."""
    return care.has(f"open:{group.id}")


def judged(care: Aftercare, group: Group) -> bool:
    """Whether its numbers have been judged: a window's at its end, a sign-off's when it is due."""
    return care.has(f"close:{group.id}" if isinstance(group, Window) else f"open:{group.id}")


def item_state(care: Aftercare, group: Group, item: Condition) -> ItemState:
    """How one item stands. What a person says counts for more than what was measured."""
    answer = care.answer(item.id)
    if answer is not None:
        return ItemState.DONE if answer.ok else ItemState.FAILED
    if item.kind == "if":
        return _measured_state(care, group, item)
    return ItemState.OPEN if opened(care, group) else ItemState.UPCOMING


def _measured_state(care: Aftercare, group: Group, item: Condition) -> ItemState:
    if not judged(care, group):
        begun = opened(care, group) or isinstance(group, Signoff)
        return ItemState.MEASURING if begun else ItemState.UPCOMING
    finding = care.findings.get(item.id)
    match finding.verdict if finding is not None else Verdict.UNKNOWN:
        case Verdict.PASS:
            return ItemState.DONE
        case Verdict.FAIL:
            return ItemState.FAILED
        case _:
            return ItemState.OPEN


def unsettled(care: Aftercare, group: Group) -> list[Condition]:
    """The items of a group, once its time has come, that a person may answer: open or failed."""
    if not opened(care, group):
        return []
    waiting = {ItemState.OPEN, ItemState.FAILED}
    return [item for item in group.items if item_state(care, group, item) in waiting]


def required(items: list[Condition]) -> list[Condition]:
    return [item for item in items if not item.optional]


def questions(care: Aftercare) -> Iterator[tuple[Group, Condition]]:
    """Everything that a person may answer now."""
    if care.ended:
        return
    for group in care.after.groups:
        if isinstance(group, Signoff) and signed(care, group):
            continue
        for item in unsettled(care, group):
            yield group, item


def signed(care: Aftercare, signoff: Signoff) -> bool:
    request = care.requests.get(signoff.id)
    return request is not None and request.complete


def before_signing(care: Aftercare, signoff: Signoff) -> list[Condition]:
    """What has to be answered before a sign-off: its own items, and all there are for the last."""
    last = signoff is care.after.signoffs[-1]
    groups = care.after.groups if last else (signoff,)
    return [item for group in groups for item in required(unsettled(care, group))]


def unblocked(care: Aftercare, signoff: Signoff) -> bool:
    """Whether the sign-off before it has been given."""
    before = care.after.signoff(signoff.after) if signoff.after else None
    return before is None or signed(care, before)


def waiting_signoffs(care: Aftercare) -> list[Signoff]:
    """The sign-offs that are due and not given, declined ones too."""
    return [s for s in care.after.signoffs if s.id in care.requests and not signed(care, s)]


def running(care: Aftercare) -> list[Watch]:
    """The watches that are not over."""
    return [watch for watch in care.after.watches if not care.has(f"end:{watch.id}")]


def pending(care: Aftercare) -> list[Watch]:
    """Watches that are over and whose end has not been given its name."""
    ends = [watch for watch in care.after.watches if watch.then and care.has(f"end:{watch.id}")]
    by_signature = {signoff.then for signoff in care.after.signoffs}
    return [w for w in ends if w.then not in by_signature and not care.has(f"then:{w.id}")]


def day(care: Aftercare, now: datetime) -> int:
    """Which day it is: the first is 1, and a day ends with its last moment."""
    return max(1, -(-(now - care.created_at) // DAY))


def days(care: Aftercare) -> int:
    """How many days there are, as far as the clocks go."""
    return max(1, -(-care.after.lasts // DAY))
