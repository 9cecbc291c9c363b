"""Which message may follow which: the lifecycles of maintenances and incidents, as one table."""

from collections.abc import Mapping

import msgspec

from bot.domain.notice import BRIEFING, INCIDENT, MAINTENANCE, OVER, Status

_S = Status
_PLANNED = frozenset({_S.SCHEDULED})
_RUNNING = frozenset({_S.IN_PROGRESS, _S.VERIFYING})
_BROKEN = frozenset({_S.INVESTIGATING, _S.IDENTIFIED, _S.MONITORING})
_NONE = frozenset({_S.NONE})
_INSIDE = frozenset({_S.NONE, _S.COMPLETED})


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Why a message is due.

    after: where the notice may stand before. to: where it stands afterwards, None: where it stood.
    told: what people outside are told that it is, "" for the status afterwards. template: where its
    words are, unless it is asked for with others.
    """

    kind: str
    after: frozenset[Status]
    to: Status | None = None
    told: str = ""
    template: str

    def reaches(self, status: Status) -> Status:
        """Where a notice stands once this was said."""
        return self.to or status


def _of(
    kind: str, template: str, after: frozenset[Status], to: Status | None = None, told: str = ""
) -> Occasion:
    return Occasion(kind=kind, after=after, to=to, told=told, template=template)


OCCASIONS: Mapping[str, Occasion] = {
    "scheduled": _of(MAINTENANCE, "maintenance-scheduled", _NONE, _S.SCHEDULED),
    "announced": _of(MAINTENANCE, "release-announced", _NONE, _S.SCHEDULED),
    "reminder": _of(MAINTENANCE, "maintenance-reminder", _PLANNED),
    "rescheduled": _of(
        MAINTENANCE, "maintenance-rescheduled", _PLANNED | {_S.IN_PROGRESS}, None, "rescheduled"
    ),
    "in_progress": _of(MAINTENANCE, "maintenance-started", _NONE | _PLANNED, _S.IN_PROGRESS),
    "phase_update": _of(MAINTENANCE, "maintenance-phase", _RUNNING),
    "verifying": _of(
        MAINTENANCE, "maintenance-verifying", _PLANNED | {_S.IN_PROGRESS}, _S.VERIFYING
    ),
    "completed": _of(MAINTENANCE, "maintenance-completed", _PLANNED | _RUNNING, _S.COMPLETED),
    "success": _of(MAINTENANCE, "release-success", _NONE | _PLANNED | _RUNNING, _S.COMPLETED),
    "rolled_back": _of(
        MAINTENANCE,
        "release-rolled-back",
        _NONE | _PLANNED | _RUNNING | {_S.COMPLETED},
        _S.COMPLETED,
    ),
    "cancelled": _of(MAINTENANCE, "maintenance-cancelled", _PLANNED, _S.CANCELLED),
    "followed_up": _of(
        MAINTENANCE, "release-followed-up", frozenset({_S.COMPLETED}), None, "completed"
    ),
    "investigating": _of(
        INCIDENT, "incident-investigating", _NONE | _BROKEN | {_S.RESOLVED}, _S.INVESTIGATING
    ),
    "identified": _of(INCIDENT, "incident-identified", _NONE | _BROKEN, _S.IDENTIFIED),
    "monitoring": _of(INCIDENT, "incident-monitoring", _NONE | _BROKEN, _S.MONITORING),
    "update": _of(INCIDENT, "incident-update", _BROKEN),
    "resolved": _of(INCIDENT, "incident-resolved", _NONE | _BROKEN, _S.RESOLVED),
    "post_mortem": _of(
        INCIDENT, "incident-post-mortem", frozenset({_S.RESOLVED}), None, "resolved"
    ),
    "briefed": _of(BRIEFING, "briefing", _INSIDE, _S.COMPLETED, "briefed"),
    "reported": _of(BRIEFING, "report", _INSIDE, _S.COMPLETED, "reported"),
}
"""Every reason for a message. Forward steps may be left out; only an incident goes back, when a
repair did not hold, and a release that is taken back after its end."""

ENDS = frozenset(name for name, each in OCCASIONS.items() if each.to in OVER)


def of_kind(kind: str) -> tuple[str, ...]:
    """The occasions of maintenances, or of incidents."""
    return tuple(name for name, each in OCCASIONS.items() if each.kind == kind)


def possible(kind: str, status: Status) -> tuple[str, ...]:
    """What may be said next."""
    return tuple(n for n, o in OCCASIONS.items() if o.kind == kind and status in o.after)


def refusal(kind: str, status: Status, name: str) -> str | None:
    """Why a message can't come next, in a sentence that says what can; None: it can."""
    occasion = OCCASIONS.get(name)
    if occasion is None or occasion.kind != kind:
        known = ", ".join(of_kind(kind))
        return f"There is no message {name!r} for {article(kind)} {kind}; there are: {known}."
    if status in occasion.after:
        return None
    can = possible(kind, status)
    what = f"can come: {', '.join(can)}" if can else "nothing more can be said"
    return f"`{name}` can't come now: {standing(kind, status)}. Next {what}."


def article(kind: str) -> str:
    return "an" if kind == INCIDENT else "a"


def standing(kind: str, status: Status) -> str:
    """Where a notice stands, in words."""
    if status is Status.NONE:
        return f"nothing has been published about this {kind} yet"
    return f"this {kind} is {status.replace('_', ' ')} as far as customers know"


def announced(name: str, status: Status) -> str:
    """What people outside are told that it is, after this message. status: before it."""
    occasion = OCCASIONS[name]
    return occasion.told or occasion.reaches(status).value
