"""What is kept of a release: how its waves went, when it was live, and what came of it.

A record begins when the signatures are there, follows its rollout in the same unit of work, and
stays when the measurements are gone. At most one per target is active: that is what runs there.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal, assert_never

import msgspec

from bot.domain.events import Effect, Event
from bot.domain.served import Gap
from bot.domain.totals import Total

MOMENTS = 200
"""So many moments are kept of a release; what comes after them is in the audit."""

STRETCHES = 100
"""So many waves are kept, those tried again among them."""


class Standing(StrEnum):
    """What a released version is in its environment."""

    UNDER_WAY = "under_way"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"
    WITHDRAWN = "withdrawn"


class Course(msgspec.Struct, frozen=True, omit_defaults=True):
    """One metric in one wave: the totals of both sides, and of equal parts of it as in `Entry`."""

    canary: Total | None = None
    baseline: Total | None = None
    canary_trail: tuple[tuple[float, ...], ...] = ()
    baseline_trail: tuple[tuple[float, ...], ...] = ()


class Stretch(msgspec.Struct, frozen=True):
    """A wave that is over. wave: its index. weight: percent. pace: seconds of one part.

    failed: the gates that it broke.
    """

    wave: int
    name: str
    weight: float
    began_at: datetime
    ended_at: datetime
    pace: float
    courses: Mapping[str, Course]
    failed: tuple[str, ...] = ()


class Moment(msgspec.Struct, frozen=True):
    """Something that happened and belongs into a picture of the release."""

    at: datetime
    text: str


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record of the rollout with the same id.

    previous: the version that it replaced. signed_by: people. deployed_at: when it became the
    current version. ended_at: when it had been taken back or given up. changes: by heading, as in a
    change log; commit, tag: what it was built from, where that is known. gaps: in the traffic while
    it moved. dashboard: where more was to be seen.
    """

    id: str
    service: str
    environment: str
    version: str
    artifact: str = ""
    previous: str = ""
    type: str = ""
    note: str = ""
    requested_by: str = ""
    signed_by: tuple[str, ...] = ()
    created_at: datetime
    standing: Standing = Standing.UNDER_WAY
    deployed_at: datetime | None = None
    rolled_back_at: datetime | None = None
    rollback_reason: str = ""
    stretches: tuple[Stretch, ...] = ()
    moments: tuple[Moment, ...] = ()
    changes: Mapping[str, tuple[str, ...]] = {}
    commit: str = ""
    tag: str = ""
    committed_at: tuple[datetime, ...] = ()
    deployment: int = 0
    gaps: tuple[Gap, ...] = ()
    dashboard: str = ""
    coded: bool = False
    next_check_at: datetime | None = None
    ended_at: datetime | None = None
    revision: int = 0
    fence: int = 0

    @property
    def number(self) -> str:
        """The version without its v."""
        return self.version.removeprefix("v")


# --- events ---------------------------------------------------------------------------------


class WaveEnded(Event, frozen=True):
    """A wave is over, in whichever way. drawn: a picture of it is wanted."""

    stretch: Stretch
    drawn: bool = False


class Happened(Event, frozen=True):
    moments: tuple[Moment, ...]


class GapsSeen(Event, frozen=True):
    """The gaps in the traffic so far; an open one may be among them."""

    gaps: tuple[Gap, ...]


class WentLive(Event, frozen=True):
    """It is the current version now."""


class Superseded(Event, frozen=True):
    """Another version is the current one now."""


class TakenBack(Event, frozen=True):
    """All traffic is on the version before it again."""

    reason: str


class Restored(Event, frozen=True):
    """What had replaced it was taken back, and it is the current version again."""


class GivenUp(Event, frozen=True):
    """It ended before any of it was live."""


class CodeKnown(Event, frozen=True):
    """What the code host knows, and was told; see `Record`. said: for people."""

    commit: str = ""
    tag: str = ""
    changes: Mapping[str, tuple[str, ...]] = {}
    committed_at: tuple[datetime, ...] = ()
    deployment: int = 0
    said: str = ""


RecordEvent = (
    CodeKnown
    | WaveEnded
    | Happened
    | GapsSeen
    | WentLive
    | Superseded
    | TakenBack
    | Restored
    | GivenUp
)

# --- effects --------------------------------------------------------------------------------


class DrawChart(Effect, frozen=True):
    """Post a picture of everything up to the stretch with this index."""

    stretch: int


class KeepRecord(Effect, frozen=True):
    """Bring the files and the deployer's list up to date."""


class Say(Effect, frozen=True):
    """One line under the card of the release."""

    text: str


class TellCode(Effect, frozen=True):
    """Set the tag, hand the approval over, read what is new."""


class ReportCode(Effect, frozen=True):
    """Tell how it went. state: success or failure."""

    state: Literal["success", "failure"]


RecordEffect = DrawChart | KeepRecord | Say | TellCode | ReportCode


# --- the decision ---------------------------------------------------------------------------

Decision = tuple[Record, tuple[RecordEffect, ...]]


def decide(record: Record, event: RecordEvent, now: datetime) -> Decision:
    """What a record says after an event, and what is to be done about it."""
    match event:
        case WaveEnded(stretch, drawn):
            return _wave_ended(record, stretch, drawn)
        case Happened(moments):
            kept = (*record.moments, *moments)[:MOMENTS]
            return _with(record, moments=kept), ()
        case GapsSeen(gaps):
            known = record.deployed_at is not None or record.rolled_back_at is not None
            return _with(record, gaps=gaps), (KeepRecord(),) if known else ()
        case CodeKnown():
            return _code_known(record, event)
        case WentLive():
            live, effects = _stands(record, Standing.ACTIVE, deployed_at=now)
            return live, (*effects, *_reported(record, live, "success"))
        case Restored():
            return _stands(record, Standing.ACTIVE)
        case Superseded():
            return _stands(record, Standing.SUPERSEDED)
        case TakenBack(reason):
            back, effects = _stands(
                record,
                Standing.ROLLED_BACK,
                rolled_back_at=now,
                rollback_reason=reason,
                ended_at=now,
            )
            return back, (*effects, *_reported(record, back, "failure"))
        case GivenUp():
            return _stands(record, Standing.WITHDRAWN, ended_at=now)
        case _:
            assert_never(event)


def _reported(
    before: Record, after: Record, state: Literal["success", "failure"]
) -> tuple[RecordEffect, ...]:
    return (ReportCode(state),) if after.coded and after.standing is not before.standing else ()


def _code_known(record: Record, known: CodeKnown) -> Decision:
    learnt = _with(
        record,
        commit=known.commit,
        tag=known.tag,
        changes=known.changes,
        committed_at=known.committed_at,
        deployment=known.deployment,
    )
    said = (Say(f"Code: {known.said}."),) if known.said else ()
    return learnt, (*said, *((KeepRecord(),) if record.deployed_at is not None else ()))


def _wave_ended(record: Record, stretch: Stretch, drawn: bool) -> Decision:
    if len(record.stretches) >= STRETCHES:
        return record, ()
    added = _with(record, stretches=(*record.stretches, stretch))
    return added, (DrawChart(len(record.stretches)),) if drawn else ()


def _stands(record: Record, standing: Standing, **fields: object) -> Decision:
    if record.standing is standing:
        return record, ()
    return _with(record, standing=standing, **fields), (KeepRecord(),)


def _with(record: Record, **fields: object) -> Record:
    return msgspec.structs.replace(record, **fields)
