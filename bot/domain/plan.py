"""A release plan: every number by which a rollout is carried out, as data.

`PlanDocument` is the shape of the file (closed: an unknown key is an error). `Plan` is the same
with durations, percentages and conditions parsed and checked against each other.
"""

import hashlib
from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bot.domain.after_plan import AfterPlan
from bot.domain.conditions import Condition
from bot.domain.incident_terms import IncidentDocument
from bot.domain.plan_calendar import Calendar
from bot.domain.plan_sections import (
    AfterDocument,
    CalendarDocument,
    ChecklistDocument,
    CommDocument,
    DashboardDocument,
    Day,
    LevelDocument,
    LoadDocument,
    MeetingDocument,
    PlaceDocument,
    PreflightDocument,
    RampDocument,
    RollbackDocument,
    Sections,
    ShiftDocument,
    SignoffDocument,
    StandupDocument,
    Step,
    TimerDocument,
    TimetableDocument,
    VerifyDocument,
    VersionDocument,
)
from bot.domain.plan_terms import (
    Breach,
    Closed,
    ConditionDocument,
    Duration,
    Name,
    OnInconclusive,
    Percent,
    Slug,
)
from bot.domain.recurring import RecurringDocument

PLAN_SCHEMA = 1
"""Version of the plan format; a replica declines rollouts whose plan is newer than its own."""


class Metric(Closed, frozen=True, kw_only=True):
    """How a number is measured.

    ratio: `bad` (or `good`) of `total`, both counters; quantile: `q` of a `histogram` of buckets in
    seconds; gauge and count: a `query`; probe: a health endpoint. per_weight: a gauge that grows
    with the traffic is divided by the side's share of it. full: how much of a gauge is 100 %.
    outside: a figure of the checks from outside, instead of a query.
    """

    kind: Literal["ratio", "quantile", "gauge", "count", "probe"]
    bad: str = ""
    good: str = ""
    total: str = ""
    q: Annotated[float, Meta(gt=0, lt=1)] | None = None
    histogram: str = ""
    query: str = ""
    url: str = ""
    every: Duration = ""
    per_weight: bool = False
    full: Annotated[float, Meta(gt=0)] | None = None
    outside: Literal["failures", "slowness", "malformed", ""] = ""
    name: str = ""


class CadenceDocument(Closed, frozen=True, kw_only=True):
    every: Duration
    until: Duration | Literal[""] = ""
    what: str = ""


class WaveDocument(Closed, frozen=True, kw_only=True):
    id: Slug
    title: str = ""
    traffic: Percent
    instances: Annotated[int, Meta(ge=1)] | Literal["all"] | None = None
    audience: str = ""
    start: Day | Literal[""] = ""
    ramp: RampDocument | None = None
    soak: Duration
    cadence: tuple[CadenceDocument, ...] = ()
    meetings: tuple[MeetingDocument, ...] = ()
    standby: Mapping[Name, Duration] = {}
    go_if: tuple[ConditionDocument, ...] = ()
    triggers: tuple[ConditionDocument, ...] = ()
    on_breach: Breach = "rollback"
    step_back_to: Percent | Literal[""] = ""
    on_breach_steps: tuple[Step, ...] = ()
    options: tuple[Name, ...] = ()
    on_inconclusive: OnInconclusive | None = None
    advance: Literal["auto", "approve"] = "auto"


class ApprovalDocument(Closed, frozen=True, kw_only=True):
    """Who signs: every role of `all_of`, and `any` further people of any role.

    optional: roles that are asked and not waited for. mirror: where else an approval is given once
    all have signed here.
    """

    all_of: tuple[Name, ...] = ()
    optional: tuple[Name, ...] = ()
    mirror: Name | Literal[""] = ""
    any: Annotated[int, Meta(ge=0)] = 0
    distinct: Literal[True] = True
    comment: Literal["required"] | None = None
    expires: Duration = "24h"
    remind: Duration = "1h"


BaselineKind = Literal["concurrent", "previous_version", "previous_wave", "historical"]
Fallback = Literal["historical", "previous_wave", ""]
RuleOut = Literal["strict", "rollback"]
RuleOutText = Annotated[str, Meta(pattern=r"^([0-9]+(\.[0-9]+)?%|strict|rollback)$")]


class BaselineDocument(Closed, frozen=True, kw_only=True):
    """What a limit such as `2x baseline` is held against: see `bot.domain.baselines`.

    fallback: what takes its place when the old version has no traffic any more; window: how much of
    the old version's past is kept for that.
    """

    kind: BaselineKind = "concurrent"
    fallback: Fallback = ""
    window: Duration = "1h"


class EvidenceDocument(Closed, frozen=True, kw_only=True):
    """How sure a gate has to be: see docs/verdicts.md.

    odds_fail: to one that its limit is broken, for it to fail. odds_pass: to one against
    `rule_out`, for it to pass. rule_out: the share of failed requests to exclude; strict: the
    gate's own limit; rollback: the plan's rollback limit for the metric, else twice the gate's.
    """

    odds_fail: Annotated[float, Meta(ge=2, le=1_000_000)] = 100
    odds_pass: Annotated[float, Meta(ge=2, le=1_000_000)] = 20
    rule_out: RuleOutText = "rollback"
    on_inconclusive: OnInconclusive = "extend"
    max_extend: Percent = "100%"
    min_requests: Annotated[int, Meta(ge=1)] = 1


class WatchDocument(Closed, frozen=True, kw_only=True):
    """After 100 %: how long the old side is kept, and what is watched meanwhile."""

    keep_previous: Duration | Literal[""] = ""


class PlanDocument(Closed, frozen=True, kw_only=True):
    """A plan file.

    types: seats that a type of release adds (major: product_owner); labels: seats that a label adds
    (sensitive: security_team); targets: conditions by name, for gates that ask for all of them;
    intervals: how often probes ask, by environment, where it is not as often as they say;
    environments: what else differs in one (see `bot.domain.plan_places`); branches: where each
    environment's code comes from; unsigned: environments in which nobody has to sign, and that can
    be no other than development; success: what has to be true for the release to be called a
    success; dora: the metrics of its report; recurring: what comes round where services are
    released by this plan; timetable: what happens when around the first day; teams: what each looks
    at meanwhile; dashboards: what each shows; report: which item holds which further figure.
    """

    schema: Literal[1]
    plan: Slug
    summary: str = ""
    source: str = ""
    extends: str = ""
    use_for: tuple[str, ...] = ()
    version: VersionDocument = VersionDocument()
    metrics: Mapping[Name, Metric] = {}
    baseline: BaselineDocument = BaselineDocument()
    evidence: EvidenceDocument = EvidenceDocument()
    approvals: Mapping[str, ApprovalDocument] = {}
    waves: tuple[WaveDocument, ...] = ()
    triggers: tuple[ConditionDocument, ...] = ()
    alerts: Mapping[Literal["critical", "warning"], tuple[ConditionDocument, ...]] = {}
    poll: Duration = "1s"
    drain: Duration = "30s"
    watch: WatchDocument = WatchDocument()
    soak_factor: Annotated[float, Meta(ge=1, le=100)] = 1.0
    preflight: PreflightDocument = PreflightDocument()
    checklists: Mapping[Slug, ChecklistDocument] = {}
    load_test: tuple[LoadDocument, ...] = ()
    types: Mapping[Name, tuple[Name, ...]] = {}
    labels: Mapping[Slug, tuple[Name, ...]] = {}
    calendar: CalendarDocument = CalendarDocument()
    rollback: RollbackDocument = RollbackDocument()
    timers: tuple[TimerDocument, ...] = ()
    levels: Mapping[Name, LevelDocument] = {}
    targets: Mapping[Slug, tuple[str, ...]] = {}
    after: tuple[AfterDocument, ...] = ()
    verify: tuple[VerifyDocument, ...] = ()
    signoffs: tuple[SignoffDocument, ...] = ()
    incident: IncidentDocument | None = None
    standup: StandupDocument | None = None
    comms: tuple[CommDocument, ...] = ()
    channels: Mapping[Name, str] = {}
    templates: Mapping[Name, str] = {}
    records: Mapping[Name, str] = {}
    shift: ShiftDocument = ShiftDocument()
    dashboard: DashboardDocument | None = None
    intervals: Mapping[Name, Duration] = {}
    environments: Mapping[Name, PlaceDocument] = {}
    branches: Mapping[Name, str] = {}
    unsigned: tuple[Literal["development"], ...] = ()
    success: tuple[str, ...] = ()
    dora: tuple[Name, ...] = ()
    recurring: tuple[RecurringDocument, ...] = ()
    timetable: tuple[TimetableDocument, ...] = ()
    teams: Mapping[Name, tuple[str, ...]] = {}
    dashboards: Mapping[Name, tuple[str, ...]] = {}
    report: Mapping[Name, Slug] = {}


class Cadence(msgspec.Struct, frozen=True):
    """A status update every `every`, until `until` after the wave began (None: to its end)."""

    every: timedelta
    until: timedelta | None
    what: str


class Ramp(msgspec.Struct, frozen=True):
    """The way to a wave's traffic. steps: percent, the last is the wave's. each: held so long."""

    steps: tuple[float, ...]
    each: timedelta

    @property
    def lasts(self) -> timedelta:
        """From the first step to the end of the last."""
        return self.each * len(self.steps)


class Meeting(msgspec.Struct, frozen=True):
    """at: a time of the day in the plan's zone, or every: so often from the wave's beginning."""

    at: time | None
    every: timedelta | None
    what: str
    who: tuple[str, ...]


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the rollout.

    traffic: percent, 0..100. instances: None means that the backend decides. soak: with the plan's
    factor; it begins when the ramp, if there is one, has reached its end. day: not before this day
    of the release (1: the first). standby: who has to be reachable, for how long. on_breach_steps:
    what people do when a gate or a trigger breaks it, in this order. options: what they choose from
    when that paused it.
    """

    id: str
    title: str
    traffic: float
    instances: int | Literal["all"] | None
    audience: str = ""
    day: int = 1
    ramp: Ramp | None = None
    soak: timedelta
    cadence: tuple[Cadence, ...]
    meetings: tuple[Meeting, ...] = ()
    standby: Mapping[str, timedelta] = {}
    options: tuple[str, ...] = ()
    gates: tuple[Condition, ...]
    triggers: tuple[Condition, ...]
    on_breach: Breach
    step_back_to: float | None
    on_breach_steps: tuple[Step, ...] = ()
    on_inconclusive: OnInconclusive
    asks: bool

    @property
    def lasts(self) -> timedelta:
        """From its first traffic to its verdict, when nothing is extended."""
        return self.soak if self.ramp is None else self.ramp.lasts + self.soak


class Approval(msgspec.Struct, frozen=True):
    """A signature rule.

    roles: seats to be filled by different people. any: further seats, of any role. optional: roles
    that are asked too, and not waited for.
    """

    roles: tuple[str, ...]
    any: int
    comment_required: bool
    expires: timedelta
    remind: timedelta
    optional: tuple[str, ...] = ()

    @property
    def seats(self) -> int:
        return len(self.roles) + self.any


class Baseline(msgspec.Struct, frozen=True):
    """What relative limits are held against; see `BaselineDocument`."""

    kind: BaselineKind = "concurrent"
    fallback: Fallback = ""
    window: timedelta = timedelta(hours=1)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A checked plan. `document` is what it was read from: that is what a rollout pins.

    alerts: by level, those that `levels` make among them. aims: what is true when one of the
    targets of `levels` is missed. advance_approval: whose word opens the next wave. rule_out: a
    share 0..1, or the word of the plan.
    """

    name: str
    summary: str
    use_for: tuple[str, ...]
    prerelease: tuple[str, ...] | None
    metrics: Mapping[str, Metric]
    approval: Approval
    rollback_approval: Approval | None
    advance_approval: Approval | None = None
    waves: tuple[Wave, ...]
    triggers: tuple[Condition, ...]
    alerts: Mapping[str, tuple[Condition, ...]]
    aims: tuple[Condition, ...] = ()
    baseline: Baseline = Baseline()
    odds_fail: float = 100.0
    odds_pass: float = 20.0
    rule_out: float | RuleOut = "rollback"
    max_extend: float
    min_requests: int
    poll: timedelta
    drain: timedelta
    keep_previous: timedelta
    sections: Sections = Sections()
    calendar: Calendar = Calendar()
    afterwards: AfterPlan = AfterPlan()
    document: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """sha256 of the canonical form of the document."""
        return digest_of(self.document)

    @property
    def zone(self) -> str:
        """Where the days and the times of the day of this plan are meant."""
        standup = self.sections.standup
        return standup.tz if standup is not None else "UTC"

    def triggers_of(self, wave: Wave) -> tuple[Condition, ...]:
        """What is watched during a wave: the plan's triggers and its own."""
        return self.triggers + wave.triggers

    @property
    def all_alerts(self) -> tuple[Condition, ...]:
        """The alerts of every level."""
        return tuple(alert for level in self.alerts.values() for alert in level)


def canonical(value: Any) -> bytes:
    """The one byte form of plain data: JSON with sorted keys and no spaces."""
    return msgspec.json.encode(value, order="deterministic")


def digest_of(value: Any) -> str:
    """sha256 over the canonical JSON of plain data, as 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()
