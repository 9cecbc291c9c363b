"""A rollout: where it stands, as one value.

`bot.domain.decisions` says how it goes on. Everything here is stored as JSON in the row of the
rollout, except the plan, which is pinned in a column of its own when the rollout is created.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from bot.domain.approvals import Request
from bot.domain.gates import Finding
from bot.domain.holds import Hold
from bot.domain.metering import Meter
from bot.domain.people import Actor
from bot.domain.plan import Approval, Plan, Wave
from bot.domain.plan_pace import slowly
from bot.domain.reports import Report
from bot.domain.served import Served
from bot.domain.trends import Trend
from bot.domain.watching import Watcher


class Phase(StrEnum):
    PREFLIGHT = "preflight"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    PREPARING = "preparing"
    SHIFTING = "shifting"
    SOAKING = "soaking"
    JUDGING = "judging"
    PAUSED = "paused"
    STEPPING_BACK = "stepping_back"
    PROMOTING = "promoting"
    WATCHING = "watching"
    COMPLETED = "completed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    HALTED = "halted"


BEFORE_TRAFFIC = frozenset({Phase.PREFLIGHT, Phase.AWAITING_APPROVAL, Phase.QUEUED})
"""Nothing has been touched at the target yet."""

HOLDING = frozenset(
    {
        Phase.PREPARING,
        Phase.SHIFTING,
        Phase.SOAKING,
        Phase.JUDGING,
        Phase.PAUSED,
        Phase.STEPPING_BACK,
        Phase.PROMOTING,
        Phase.WATCHING,
        Phase.ROLLING_BACK,
        Phase.HALTED,
    }
)
"""The target belongs to this rollout: at most one per service and environment (a unique index)."""

MEASURING = frozenset({Phase.SOAKING, Phase.JUDGING, Phase.PAUSED, Phase.WATCHING})
"""Traffic is on the candidate and stands still: metrics are read and drift is looked for."""

MOVING = frozenset({Phase.SHIFTING, Phase.STEPPING_BACK, Phase.PROMOTING})
"""Traffic is on its way between the two sides, which may take the target a while."""

ENDED = frozenset(
    {Phase.COMPLETED, Phase.ROLLED_BACK, Phase.REJECTED, Phase.EXPIRED, Phase.CANCELLED}
)


class Mark(msgspec.Struct, frozen=True):
    """Something worth remembering about a wave, for the card: when it was confirmed and left."""

    wave: int
    weight: float
    applied_at: datetime
    left_at: datetime | None = None


class Tick(msgspec.Struct, frozen=True):
    """The answer to a gate that isn't a number, or to an item of a checklist."""

    gate: str
    ok: bool
    person: str
    at: datetime
    evidence: str = ""


class Choice(msgspec.Struct, frozen=True):
    """What somebody chose when a wave was paused, and why. about: what had broken."""

    option: str
    person: str
    at: datetime
    reason: str
    about: str = ""


class Rollout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version on its way to one environment of one service.

    type: hotfix, feature, major, or "" for an ordinary release; labels: what else is true of it.
    change: breaking, feature or fix, where somebody said so. weight: percent of the traffic that
    the candidate has, as last read back; target_weight: as asked. ramp_step: which step of the
    wave's ramp that is. soak_done: how much of the present wave has been served, the ramp included;
    soak_extra: by how much its soak was extended. retry: the wave that a breach stepped back from;
    careful: the one that rises in small steps after that. wave_opens_at: when the next wave's day
    comes, while that is waited for. troubled_at: when there was an alert or a pause last. said:
    when each regular message of the wave was last due. options, choices: what people may choose
    from now, and what they chose. holds: what was in its way at the last look before it began;
    opens_at: when nothing is any more, None: unknown. exemption: what it may pass because one more
    person signs ("": nothing). stopped: why the line stands still ("": it runs). revision: counts
    writes. fence: counts takeovers; a writer with an older one loses. op_key: the deployer change
    that is waited for ("" when none). response: the id of what is done about the last breach.
    next_check_at: when the tick looks again, None: only an event moves it on. looked: the target
    was seen, and the checklists are open. checks: those that the bot can run here. items: what was
    ticked, by its key. planned_at: nothing moves before then. steers: what the deployer can do of
    `bot.domain.audience.ABILITIES`.
    """

    id: str
    service: str
    environment: str
    version: str
    plan: Plan | None = None
    channel: str = ""
    requested_by: Actor
    note: str = ""
    type: str = ""
    labels: tuple[str, ...] = ()
    change: str = ""
    planned_at: datetime | None = None
    phase: Phase = Phase.PREFLIGHT
    reason: str = ""
    created_at: datetime
    phase_since: datetime
    artifact: str = ""
    previous: str = ""
    previous_artifact: str = ""
    generation: int = 1
    holds: tuple[Hold, ...] = ()
    opens_at: datetime | None = None
    exemption: str = ""
    stopped: str = ""
    request: Request | None = None
    rollback_request: Request | None = None
    rollback_reason: str = ""
    rollback_by: str = ""
    wave: int = 0
    wave_applied_at: datetime | None = None
    soak_done: timedelta = timedelta()
    soak_extra: timedelta = timedelta()
    ramp_step: int = 0
    retry: int | None = None
    wave_opens_at: datetime | None = None
    weight: float = 0.0
    target_weight: float = 0.0
    careful: int | None = None
    op_key: str = ""
    op_trouble: str = ""
    meter: Meter = Meter()
    served: Served = Served()
    watchers: Mapping[str, Watcher] = {}
    findings: tuple[Finding, ...] = ()
    alerts: tuple[str, ...] = ()
    reports: tuple[Report, ...] = ()
    ticks: tuple[Tick, ...] = ()
    marks: tuple[Mark, ...] = ()
    paused_from: Phase | None = None
    blind_since: datetime | None = None
    troubled_at: datetime | None = None
    trends: Mapping[str, Trend] = {}
    said: Mapping[str, datetime] = {}
    options: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    drift: str = ""
    mute: str = ""
    measured_at: datetime | None = None
    carded_at: datetime | None = None
    next_check_at: datetime | None = None
    ended_at: datetime | None = None
    touched: bool = False
    looked: bool = False
    checks: tuple[str, ...] = ()
    steers: tuple[str, ...] = ()
    items: Mapping[str, Tick] = {}
    quarantined: bool = False
    quarantine_releases: tuple[str, ...] = ()
    response: str = ""
    revision: int = 0
    fence: int = 0

    @property
    def the_plan(self) -> Plan:
        """The pinned plan. Raises ValueError when the row was loaded without it."""
        if self.plan is None:
            raise ValueError(f"rollout {self.id} was loaded without its plan")
        return self.plan

    @property
    def current_wave(self) -> Wave:
        return self.wave_at(self.wave)

    def wave_at(self, index: int) -> Wave:
        """A wave of the plan; in small steps where people chose to go on with care."""
        wave = self.the_plan.waves[index]
        return slowly(wave, self.the_plan.waves[:index]) if index == self.careful else wave

    @property
    def soak_needed(self) -> timedelta:
        """The whole of the present wave: its ramp and its soak, extensions included."""
        return self.current_wave.lasts + self.soak_extra

    @property
    def soak_left(self) -> timedelta:
        return max(self.soak_needed - self.soak_done, timedelta())

    @property
    def live(self) -> bool:
        """Whether it holds its target."""
        return self.phase in HOLDING

    @property
    def watched(self) -> bool:
        """Whether its limits are looked at: traffic is on the candidate, or on its way there."""
        return self.phase in MEASURING or (self.phase in MOVING and self.touched)

    @property
    def ended(self) -> bool:
        return self.phase in ENDED

    @property
    def rollback_rule(self) -> Approval | None:
        return self.the_plan.rollback_approval
