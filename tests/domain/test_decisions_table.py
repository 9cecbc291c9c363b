"""Every phase and every event: where it leads, and who is told when it leads nowhere."""

from collections.abc import Mapping
from typing import get_args

import msgspec
import pytest

from bot.domain.baselines import Bygone
from bot.domain.bygone_events import PastRead
from bot.domain.decisions import decide
from bot.domain.events import (
    DEPLOYER_EFFECTS,
    AdvanceRequested,
    CancelRequested,
    CheckFailed,
    ChecksRequested,
    ExecutionChecked,
    ExtendRequested,
    HookFired,
    ItemTicked,
    Measured,
    OpDelayed,
    OpFailed,
    OptionChosen,
    PauseRequested,
    PreflightFailed,
    PreflightPassed,
    Prepared,
    Promoted,
    QuarantineReleaseSigned,
    Rejected,
    ResumeRequested,
    Retired,
    RollbackRequested,
    RolloutEvent,
    Signed,
    StepBackRequested,
    SwitchedBack,
    Ticked,
    WaveApplied,
    Whisper,
    Withdrawn,
)
from bot.domain.hold_events import HoldsSeen, LineStarted, LineStopped
from bot.domain.holds import Hold, HoldKind
from bot.domain.rollout import Phase, Rollout
from tests.domain.builders import (
    ADA,
    ARTIFACT,
    CHECKED,
    GRACE,
    LIVE,
    NOW,
    OLD,
    counted,
    in_phase,
    seen,
)

TOLD = "told"  # nothing changes; the person who asked learns why
STAYS = "stays"  # the phase stays, something else changes or is said
NOTHING = "nothing"  # no meaning here: no change, no effect
P = Phase

Row = Mapping[Phase, Phase | str]
BEFORE = (P.PREFLIGHT, P.AWAITING_APPROVAL, P.QUEUED)
PAUSABLE = (P.PREPARING, P.SHIFTING, P.SOAKING, P.JUDGING, P.PROMOTING)
LOOKED_AT = (
    P.SHIFTING,
    P.SOAKING,
    P.JUDGING,
    P.PAUSED,
    P.STEPPING_BACK,
    P.PROMOTING,
    P.WATCHING,
)
OPS = (P.PREPARING, P.SHIFTING, P.STEPPING_BACK, P.PROMOTING, P.ROLLING_BACK)


def to(phase: Phase | str, *phases: Phase) -> dict[Phase, Phase | str]:
    return dict.fromkeys(phases, phase)


TABLE: Mapping[type[RolloutEvent], tuple[Phase | str, Row]] = {
    # event: (what it does in every phase not named, the phases named)
    PreflightPassed: (NOTHING, {P.PREFLIGHT: P.AWAITING_APPROVAL}),
    PreflightFailed: (NOTHING, {P.PREFLIGHT: P.CANCELLED}),
    Signed: (TOLD, {P.AWAITING_APPROVAL: STAYS}),
    Rejected: (TOLD, to(P.REJECTED, P.AWAITING_APPROVAL, P.QUEUED)),
    Withdrawn: (TOLD, {P.QUEUED: P.AWAITING_APPROVAL}),
    ExecutionChecked: (NOTHING, {P.QUEUED: P.PREPARING}),
    CheckFailed: (NOTHING, {P.QUEUED: STAYS}),
    HoldsSeen: (NOTHING, {P.AWAITING_APPROVAL: STAYS}),
    LineStopped: (
        NOTHING,
        {
            **to(P.PAUSED, *PAUSABLE, P.WATCHING),
            **to(STAYS, P.PAUSED, P.HALTED, P.STEPPING_BACK),
        },
    ),
    LineStarted: (NOTHING, {}),
    Prepared: (NOTHING, {P.PREPARING: P.SHIFTING}),
    WaveApplied: (NOTHING, {P.SHIFTING: P.SOAKING, P.STEPPING_BACK: P.PAUSED}),
    Promoted: (NOTHING, {P.PROMOTING: P.WATCHING}),
    Retired: (NOTHING, {}),
    SwitchedBack: (NOTHING, {P.ROLLING_BACK: P.ROLLED_BACK}),
    OpFailed: (
        NOTHING,
        {
            **to(P.HALTED, P.PREPARING, P.SHIFTING, P.STEPPING_BACK, P.PROMOTING),
            P.ROLLING_BACK: STAYS,
        },
    ),
    OpDelayed: (NOTHING, to(STAYS, *OPS)),
    Measured: (NOTHING, to(STAYS, *LOOKED_AT)),
    PastRead: (NOTHING, to(STAYS, *LOOKED_AT, P.ROLLING_BACK)),
    Ticked: (NOTHING, to(STAYS, P.AWAITING_APPROVAL, P.QUEUED)),
    PauseRequested: (TOLD, to(P.PAUSED, *PAUSABLE)),
    ResumeRequested: (TOLD, {P.PAUSED: P.SOAKING, P.HALTED: P.PREPARING}),
    AdvanceRequested: (TOLD, {P.JUDGING: P.SHIFTING}),
    ExtendRequested: (TOLD, {P.SOAKING: STAYS, P.JUDGING: P.SOAKING}),
    StepBackRequested: (TOLD, {}),
    OptionChosen: (TOLD, {}),
    CancelRequested: (TOLD, to(P.CANCELLED, *BEFORE)),
    RollbackRequested: (
        TOLD,
        {
            **to(P.CANCELLED, *BEFORE),
            **to(P.ROLLING_BACK, *PAUSABLE, P.PAUSED, P.STEPPING_BACK),
            **to(P.ROLLING_BACK, P.WATCHING, P.COMPLETED, P.HALTED),
        },
    ),
    ItemTicked: (TOLD, {}),
    ChecksRequested: (TOLD, {}),
    HookFired: (
        NOTHING,
        {
            **to(P.ROLLING_BACK, *PAUSABLE, P.PAUSED, P.STEPPING_BACK, P.WATCHING, P.HALTED),
            **to(STAYS, *BEFORE),
        },
    ),
    QuarantineReleaseSigned: (TOLD, {P.ROLLED_BACK: STAYS}),
}


def make(kind: type[RolloutEvent], rollout: Rollout) -> RolloutEvent:
    """The event of a kind that fits the rollout best."""
    key = rollout.op_key or "none"
    request = rollout.request
    weight = rollout.target_weight
    events: tuple[RolloutEvent, ...] = (
        PreflightPassed(ARTIFACT, OLD, "q9"),
        PreflightFailed("no such version"),
        Signed(ADA, request.digest if request else "none"),
        Rejected(ADA),
        Withdrawn(GRACE),
        CHECKED,
        CheckFailed("the deployer does not answer"),
        HoldsSeen((Hold(HoldKind.LOCK, "checkout is locked"),), None),
        LineStopped(ADA, "The line is stopped"),
        LineStarted(ADA),
        Prepared(key, seen(0)),
        WaveApplied(key, seen(weight)),
        Promoted(key, LIVE),
        Retired(key if rollout.phase is P.WATCHING else "none"),
        SwitchedBack(key, OLD),
        OpFailed(key, "shift", "refused"),
        OpDelayed(key, "shift", "no answer", 3),
        counted(0, 10, seen=LIVE if rollout.phase is P.WATCHING else seen(rollout.weight)),
        PastRead({"error_rate": Bygone(None, "no series")}, NOW, NOW),
        Ticked(),
        PauseRequested(ADA),
        ResumeRequested(ADA),
        AdvanceRequested(ADA),
        ExtendRequested(ADA),
        StepBackRequested(ADA),
        OptionChosen(ADA, "observe", "it looks fine", "q9"),
        CancelRequested(ADA),
        RollbackRequested(ADA, "too slow", "q8"),
        ItemTicked(ADA, "nothing", ok=True),
        ChecksRequested(ADA),
        HookFired("data_corruption", "rows are missing", "pause"),
        QuarantineReleaseSigned(ADA),
    )
    return next(event for event in events if type(event) is kind)


def test_the_table_names_every_event() -> None:
    assert set(TABLE) == set(get_args(RolloutEvent))


@pytest.mark.parametrize("phase", Phase, ids=str)
@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_every_event_in_every_phase_does_what_the_table_says(
    phase: Phase, kind: type[RolloutEvent]
) -> None:
    default, named = TABLE[kind]
    expected = named.get(phase, default)
    rollout = in_phase(phase)
    after, effects = decide(rollout, make(kind, rollout), NOW)
    changes = [isinstance(effect, DEPLOYER_EFFECTS) for effect in effects]
    assert not any(changes[1:]), "a change at the deployer is the first effect and the only one"
    match expected:
        case "nothing":
            assert (after.phase, after.op_key) == (rollout.phase, rollout.op_key)
            assert effects == ()
        case "told":
            assert after == rollout
            assert [type(effect) for effect in effects] == [Whisper]
        case "stays":
            assert after.phase is phase
            assert after != rollout or effects
        case _:
            assert after.phase is expected
            assert effects


KEYED = (Prepared, WaveApplied, Promoted, Retired, SwitchedBack, OpFailed, OpDelayed)


@pytest.mark.parametrize("phase", Phase, ids=str)
@pytest.mark.parametrize("kind", KEYED, ids=lambda kind: kind.__name__)
def test_a_reply_to_an_older_change_means_nothing(phase: Phase, kind: type[RolloutEvent]) -> None:
    rollout = in_phase(phase)
    event = make(kind, rollout)
    late: RolloutEvent = msgspec.structs.replace(event, key="rollout:r1:1:0")
    assert decide(rollout, late, NOW) == (rollout, ())
