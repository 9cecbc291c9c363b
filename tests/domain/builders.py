"""A small plan and a rollout in any phase, for tests of what happens next."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bot.domain.conditions import Action, Condition, parse_comparison
from bot.domain.decisions import begin, decide
from bot.domain.events import (
    ExecutionChecked,
    Measured,
    OpFailed,
    PauseRequested,
    PreflightPassed,
    Prepared,
    Promoted,
    Rejected,
    Retired,
    RollbackRequested,
    RolloutEvent,
    Seen,
    Signed,
    SwitchedBack,
    WaveApplied,
)
from bot.domain.people import Actor
from bot.domain.plan import Approval, Metric, Plan, Wave
from bot.domain.rollout import Phase, Rollout
from bot.domain.samples import Counts, Measurement, Sample, Track

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
ARTIFACT = "sha256:" + "a" * 64
MARY = Actor("mary", "U0MARY", ("product",))
ADA = Actor("ada", "U0ADA", ("security",))
GRACE = Actor("grace", "U0GRACE", ("operations",))
NOBODY = Actor("U0NEW", "U0NEW", ())
STALE = Actor("grace", "U0GRACE", ("operations",), roles_stale=True)
OLD = Seen("v1.1.0", "", 0.0, current_artifact="sha256:old")


def condition(text: str, **fields: Any) -> Condition:
    """A numeric condition, written as in a plan."""
    return Condition(
        id=fields.pop("id", text.split(" ")[0]),
        kind="if",
        text=text,
        comparison=parse_comparison(text),
        **fields,
    )


def wave(wave_id: str, traffic: float, **fields: Any) -> Wave:
    defaults: dict[str, Any] = {
        "title": "",
        "instances": None,
        "soak": timedelta(minutes=30),
        "cadence": (),
        "gates": (condition("error_rate < 1%", id=f"{wave_id}-errors"),),
        "triggers": (),
        "on_breach": "rollback",
        "step_back_to": None,
        "on_inconclusive": "extend",
        "asks": False,
    }
    return Wave(id=wave_id, traffic=traffic, **(defaults | fields))


SPIKE = condition(
    "error_rate > 5%", id="spike", window=timedelta(seconds=2), consecutive=2, do=Action.ROLLBACK
)
CORRUPTION = Condition(id="corruption", kind="event", text="data_corruption")


def plan(**fields: Any) -> Plan:
    defaults: dict[str, Any] = {
        "name": "test",
        "summary": "",
        "use_for": (),
        "prerelease": None,
        "metrics": {
            "error_rate": Metric(kind="ratio", bad="bad", total="total", name="error_rate")
        },
        "approval": Approval((), 2, False, timedelta(hours=24), timedelta(hours=1)),
        "rollback_approval": None,
        "waves": (wave("p5", 5.0), wave("p50", 50.0), wave("p100", 100.0)),
        "triggers": (SPIKE, CORRUPTION),
        "alerts": {},
        "max_extend": 1.0,
        "min_requests": 1,
        "poll": timedelta(seconds=1),
        "drain": timedelta(seconds=30),
        "keep_previous": timedelta(hours=1),
        "document": {"plan": "test"},
    }
    return Plan(**(defaults | fields))


TWO_TO_ROLL_BACK = Approval((), 2, False, timedelta(hours=1), timedelta(minutes=10))


def step(rollout: Rollout, event: RolloutEvent, now: datetime = NOW) -> Rollout:
    """The rollout after an event, its revision counted as the store does."""
    after, _ = decide(rollout, event, now)
    return msgspec.structs.replace(after, revision=rollout.revision + 1)


def fresh(the_plan: Plan | None = None) -> Rollout:
    rollout, _ = begin(
        rollout_id="r1",
        service="checkout",
        environment="production",
        version="v1.2.0",
        plan=the_plan or plan(),
        channel="C0CHECKOUT",
        requested_by=MARY,
        now=NOW,
    )
    return rollout


def seen(weight: float) -> Seen:
    return Seen("v1.1.0", "v1.2.0", weight)


LIVE = Seen("v1.2.0", "v1.1.0", 0.0)


def counted(
    bad: float, total: float, minutes: float = 0, weight: float = 5.0, **fields: Any
) -> Measured:
    """A look at the candidate: `bad` of `total` requests since the last one."""
    reading = Sample(Counts(bad, total), NOW)
    at = fields.pop("seen", seen(weight))
    return Measured(
        (Measurement("error_rate", Track.CANARY, reading),),
        timedelta(minutes=minutes),
        at,
        **fields,
    )


def signed(actor: Actor, rollout: Rollout) -> Signed:
    request = rollout.rollback_request or rollout.request
    assert request is not None
    return Signed(actor, request.digest)


def awaiting(the_plan: Plan | None = None) -> Rollout:
    return step(fresh(the_plan), PreflightPassed(ARTIFACT, OLD, "q1"))


def queued(the_plan: Plan | None = None) -> Rollout:
    waiting = awaiting(the_plan)
    one = step(waiting, signed(ADA, waiting))
    return step(one, signed(GRACE, one))


CHECKED = ExecutionChecked(
    {"ada": ("security",), "grace": ("operations",)}, ARTIFACT, OLD, free=True
)


def preparing(the_plan: Plan | None = None) -> Rollout:
    return step(queued(the_plan), CHECKED)


def shifting(the_plan: Plan | None = None) -> Rollout:
    start = preparing(the_plan)
    return step(start, Prepared(start.op_key, seen(0)))


def soaking(the_plan: Plan | None = None) -> Rollout:
    start = shifting(the_plan)
    return step(start, WaveApplied(start.op_key, seen(start.target_weight)))


def judging(the_plan: Plan | None = None) -> Rollout:
    """A soak that is over, with a wave that asks a person to advance it."""
    asks = the_plan or plan(waves=(wave("p5", 5.0, asks=True), wave("p100", 100.0)))
    return step(soaking(asks), counted(0, 1000, 30))


def last_wave(the_plan: Plan | None = None) -> Rollout:
    """Soaking at 100 %."""
    now = soaking(the_plan)
    while now.wave + 1 < len(now.the_plan.waves):
        now = step(now, counted(0, 1000, 30, weight=now.weight))
        now = step(now, WaveApplied(now.op_key, seen(now.target_weight)))
    return now


def promoting(the_plan: Plan | None = None) -> Rollout:
    return step(last_wave(the_plan), counted(0, 1000, 30, weight=100.0))


def watching(the_plan: Plan | None = None) -> Rollout:
    start = promoting(the_plan)
    return step(start, Promoted(start.op_key, LIVE))


def completed(the_plan: Plan | None = None) -> Rollout:
    start = step(watching(the_plan), counted(0, 10, 60, seen=LIVE))
    return step(start, Retired(start.op_key))


def rolling_back(the_plan: Plan | None = None) -> Rollout:
    return step(soaking(the_plan), RollbackRequested(ADA, "slow", "q2", now=True))


def rolled_back(the_plan: Plan | None = None) -> Rollout:
    start = rolling_back(the_plan)
    return step(start, SwitchedBack(start.op_key, OLD))


def halted(the_plan: Plan | None = None) -> Rollout:
    start = preparing(the_plan)
    return step(start, OpFailed(start.op_key, "prepare", "no room on the host"))


def stepping_back() -> Rollout:
    back = plan(waves=(wave("p5", 5.0), wave("p50", 50.0, on_breach="step_back", step_back_to=5.0)))
    now = soaking(back)
    now = step(now, counted(0, 1000, 30))
    now = step(now, WaveApplied(now.op_key, seen(50.0)))
    return step(now, counted(50, 1000, 30, weight=50.0))


def in_phase(phase: Phase) -> Rollout:
    """A rollout that got into `phase` by events alone."""
    makers: dict[Phase, Callable[[], Rollout]] = {
        Phase.PREFLIGHT: fresh,
        Phase.AWAITING_APPROVAL: awaiting,
        Phase.QUEUED: queued,
        Phase.PREPARING: preparing,
        Phase.SHIFTING: shifting,
        Phase.SOAKING: soaking,
        Phase.JUDGING: judging,
        Phase.PAUSED: lambda: step(soaking(), PauseRequested(ADA)),
        Phase.STEPPING_BACK: stepping_back,
        Phase.PROMOTING: promoting,
        Phase.WATCHING: watching,
        Phase.COMPLETED: completed,
        Phase.ROLLING_BACK: rolling_back,
        Phase.ROLLED_BACK: rolled_back,
        Phase.REJECTED: lambda: step(awaiting(), Rejected(ADA)),
        Phase.EXPIRED: lambda: msgspec.structs.replace(
            awaiting(), phase=Phase.EXPIRED, ended_at=NOW
        ),
        Phase.CANCELLED: lambda: msgspec.structs.replace(
            awaiting(), phase=Phase.CANCELLED, ended_at=NOW
        ),
        Phase.HALTED: halted,
    }
    rollout = makers[phase]()
    assert rollout.phase is phase
    return rollout
