"""What can happen to a rollout (past tense) and what it asks to be done (imperative)."""

from datetime import datetime, timedelta

import msgspec

from bot.domain.bygone_events import PastRead
from bot.domain.hold_events import HoldEvent
from bot.domain.holds import Hold
from bot.domain.people import THE_BOT, Actor
from bot.domain.reports import Report, Source
from bot.domain.samples import Measurement

# --- what runs, as the domain sees it -------------------------------------------------------


class Seen(msgspec.Struct, frozen=True):
    """What was read back from the target, reduced to what a decision needs.

    current, candidate: version names ("" when there is none); weight: percent of the traffic
    that the candidate receives; uniform: all processes of the target agree.
    """

    current: str
    candidate: str
    weight: float
    ready: bool = True
    uniform: bool = True
    detail: str = ""
    current_artifact: str = ""


# --- events ---------------------------------------------------------------------------------


class Event(msgspec.Struct, frozen=True, tag=True):
    """Something that happened."""


class PreflightPassed(Event, frozen=True):
    """The version exists, the backend can do what the plan needs, the target is healthy.

    checks: those that can be run. holds, opens_at: of the `Outlook`. steers: see `Rollout`.
    """

    artifact: str
    seen: Seen
    request_id: str
    checks: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()
    opens_at: datetime | None = None
    steers: tuple[str, ...] = ()


class PreflightFailed(Event, frozen=True):
    reason: str


class Signed(Event, frozen=True):
    """Somebody pressed approve, seeing `digest`."""

    actor: Actor
    digest: str
    comment: str = ""


class Rejected(Event, frozen=True):
    actor: Actor
    reason: str = ""


class Withdrawn(Event, frozen=True):
    """Somebody took their own signature back."""

    actor: Actor


class ExecutionChecked(Event, frozen=True):
    """Just before anything moves: what the signers hold now, and what would be deployed now.

    roles: person -> roles, as just looked up. free: nothing else runs on this target and it is
    this rollout's turn; `blocker` says what is in the way otherwise, and `holds` everything that
    is; opens_at: when nothing is any more, None when nobody can know. reports: what holds on the
    service already, alarms that fire and incidents that are open.
    """

    roles: dict[str, tuple[str, ...]]
    artifact: str
    seen: Seen
    free: bool
    blocker: str = ""
    reports: tuple[Report, ...] = ()
    holds: tuple[Hold, ...] = ()
    opens_at: datetime | None = None


class CheckFailed(Event, frozen=True):
    """Whether to begin could not be found out now; it is asked again."""

    reason: str


class Prepared(Event, frozen=True):
    """The candidate is installed, ready and without traffic."""

    key: str
    seen: Seen


class WaveApplied(Event, frozen=True):
    """The weight was set and read back."""

    key: str
    seen: Seen


class Promoted(Event, frozen=True):
    key: str
    seen: Seen


class Retired(Event, frozen=True):
    key: str


class SwitchedBack(Event, frozen=True):
    """All traffic is on the previous version again, read back."""

    key: str
    seen: Seen


class OpFailed(Event, frozen=True):
    """A change at the target can't work until a person acts."""

    key: str
    operation: str
    reason: str


class OpDelayed(Event, frozen=True):
    """A change at the target keeps failing; it goes on being tried. `attempts` so far."""

    key: str
    operation: str
    reason: str
    attempts: int


class Measured(Event, frozen=True):
    """A look at a live rollout.

    covered: how much of the time since the last look counts for the soak, by a clock that never
        jumps. seen: what runs, None when it could not be read (`blind` says why). mute: why people
        can't be told anything just now, "" when they can.
    """

    measurements: tuple[Measurement, ...]
    covered: timedelta
    seen: Seen | None
    blind: str = ""
    mute: str = ""


class Ticked(Event, frozen=True):
    """`next_check_at` has come."""


class PauseRequested(Event, frozen=True):
    actor: Actor
    reason: str = ""


class ResumeRequested(Event, frozen=True):
    actor: Actor


class AdvanceRequested(Event, frozen=True):
    actor: Actor
    reason: str = ""


class ExtendRequested(Event, frozen=True):
    actor: Actor
    by: timedelta | None = None


class StepBackRequested(Event, frozen=True):
    actor: Actor
    reason: str = ""


class OptionChosen(Event, frozen=True):
    """Somebody chose one of the ways that a wave's plan offers when it has paused."""

    actor: Actor
    option: str
    reason: str
    request_id: str


class CancelRequested(Event, frozen=True):
    actor: Actor
    reason: str = ""


class RollbackRequested(Event, frozen=True):
    """now: break-glass; one person with a role and a reason, without further signatures."""

    actor: Actor
    reason: str
    request_id: str
    now: bool = False


class ItemTicked(Event, frozen=True):
    """A person (or a check) says yes or no to a gate that isn't a number, or to a checklist's item.

    gate: the condition's id, or the item's key (list/id). ok: the answer; a person's no takes a
    tick back. evidence: what it rests on. generation: of what was looked at, 0: whatever is now.
    """

    actor: Actor
    gate: str
    ok: bool
    evidence: str = ""
    generation: int = 0


class ChecksRequested(Event, frozen=True):
    """Somebody wants the checks of the checklists to be run again. item: only this one's."""

    actor: Actor
    item: str = ""


class HookFired(Event, frozen=True):
    """Something was reported from outside; it may hold or roll back, never advance.

    name: of the event or alert, or the kind of report or incident. do: an `Action`, unless the plan
    says something else. source, id, level: see `Report`. at: when it began, None: now. open: it
    holds; False: it is over. actor: who reported it, the bot itself for another system.
    """

    name: str
    detail: str
    do: str
    source: Source = "event"
    id: str = ""
    level: str = ""
    at: datetime | None = None
    open: bool = True
    actor: Actor = THE_BOT


class QuarantineReleaseSigned(Event, frozen=True):
    actor: Actor


RolloutEvent = (
    PreflightPassed
    | PreflightFailed
    | Signed
    | Rejected
    | Withdrawn
    | ExecutionChecked
    | HoldEvent
    | CheckFailed
    | Prepared
    | WaveApplied
    | Promoted
    | Retired
    | SwitchedBack
    | OpFailed
    | OpDelayed
    | Measured
    | PastRead
    | Ticked
    | PauseRequested
    | ResumeRequested
    | AdvanceRequested
    | ExtendRequested
    | StepBackRequested
    | OptionChosen
    | CancelRequested
    | RollbackRequested
    | ItemTicked
    | ChecksRequested
    | HookFired
    | QuarantineReleaseSigned
)

# --- effects --------------------------------------------------------------------------------


class Effect(msgspec.Struct, frozen=True, tag=True):
    """Something to be done outside, under the key {kind}:{id}:{revision}:{n}."""


class RunPreflight(Effect, frozen=True):
    """Resolve the version, look at the target, ask the backend what it can do."""


class CheckExecution(Effect, frozen=True):
    """Look up signers, artifact and target once more, right before traffic moves."""


class Prepare(Effect, frozen=True):
    version: str
    artifact: str


class SetTraffic(Effect, frozen=True):
    """weight: percent for the candidate, 0..100."""

    version: str
    artifact: str
    weight: float
    instances: int | None = None


class Promote(Effect, frozen=True):
    version: str
    artifact: str


class Retire(Effect, frozen=True):
    """Stop the side that is not current. version: the one to stop."""

    version: str
    artifact: str


class SwitchBack(Effect, frozen=True):
    """All traffic to `version`; it is prepared again first if it is no longer installed."""

    version: str
    artifact: str


class RunCheck(Effect, frozen=True):
    """Run the configured command of a named check; the answer comes back as ItemTicked."""

    gate: str
    check: str


class RenderCard(Effect, frozen=True):
    """Bring the one living card up to date (the newest state wins)."""


class PostThread(Effect, frozen=True):
    """Say something in the card's thread. broadcast: in the channel too."""

    text: str
    broadcast: bool = False


class AskSigners(Effect, frozen=True):
    """Tell those who can fill the open seats, by direct message. purpose: release | rollback."""

    purpose: str
    reminder: bool = False


class Whisper(Effect, frozen=True):
    """Tell one person something that only they need to see."""

    user_id: str
    text: str


class Page(Effect, frozen=True):
    """Get somebody to look now."""

    text: str


class RefreshHomes(Effect, frozen=True):
    """The Home tabs of those concerned show something old."""


DEPLOYER_EFFECTS = (Prepare, SetTraffic, Promote, Retire, SwitchBack)

RolloutEffect = (
    RunPreflight
    | CheckExecution
    | Prepare
    | SetTraffic
    | Promote
    | Retire
    | SwitchBack
    | RunCheck
    | RenderCard
    | PostThread
    | AskSigners
    | Whisper
    | Page
    | RefreshHomes
)
