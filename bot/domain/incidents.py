"""How an incident goes on: the one transition, pure.

Everybody may declare one, add to it and take a part; that it is over is said by somebody with a
role, since releases may go on after it. Its clocks (seen by somebody, a word to everybody, the
post-mortem, action items) are instants in the row; a tick that comes late finds them due once.
"""

from datetime import datetime, timedelta

import msgspec

from bot.domain import incident_clocks as clocks
from bot.domain import incident_dues as dues
from bot.domain.announcements import DraftNotice
from bot.domain.authority import Act, refusal
from bot.domain.events import Effect, Page, Ticked
from bot.domain.incident import (
    COMMANDER,
    ROLES,
    Acknowledged,
    ActionAdded,
    ActionDone,
    AnyIncidentEvent,
    CallOut,
    Captured,
    CloseTicket,
    DraftAsked,
    Drafted,
    DraftPostMortem,
    Incident,
    Noted,
    OpenTicket,
    PageOut,
    Paging,
    Published,
    Reopened,
    ReportIncident,
    Resolved,
    RoleTaken,
    RunbookChosen,
    ShowIncident,
    ShowPicture,
    ShowRunbook,
    State,
    StepTicked,
    TellIncident,
    TellRelease,
    TicketOpened,
    Updated,
    Waited,
)
from bot.domain.incident_notes import Decision, note, refused
from bot.domain.incident_rules import ack_due, closing_time, update_due
from bot.domain.incident_terms import Severity
from bot.domain.incident_words import called, facts, named
from bot.domain.units import format_duration

_OCCASIONS = {
    State.INVESTIGATING: "investigating",
    State.IDENTIFIED: "identified",
    State.MONITORING: "monitoring",
    State.RESOLVED: "resolved",
}
"""What customers are told of, by the state that is reached."""


def begin(incident: Incident, now: datetime, *, loud: bool = True) -> Decision:
    """An incident that is open from now on.

    loud: it is said where emergencies are; False where that has been done already.
    """
    who = "" if incident.origin in {"rollback", "alert"} else incident.declared_by.person
    opened = note(
        incident, incident.began_at, f"Opened ({incident.severity}): {incident.title}", who
    )
    opened = msgspec.structs.replace(
        opened,
        ack_due_at=ack_due(incident.rules, incident.severity, now),
        update_due_at=update_due(incident.rules, incident.severity, now),
    )
    opened, first = clocks.call_next(opened, now)
    effects: list[Effect] = [ShowIncident(), *first]
    if incident.steps:
        effects.append(ShowRunbook())
    if loud and incident.severity is not Severity.MINOR:
        effects.append(Page(f"{named(incident)}: {called(opened)}"))
    effects += [*_trigger(incident), *_ticket(incident)]
    effects.append(ReportIncident(True, incident.severity))
    if incident.rollout_id:
        effects.append(TellRelease(f"{named(incident)} is open: {called(incident)}"))
    if incident.origin != "rollback":
        effects += _draft(opened)
    return _timed(opened), effects


def decide(incident: Incident, event: AnyIncidentEvent, now: datetime) -> Decision:
    """The incident after an event. What has no meaning any more changes nothing."""
    after, effects = _decided(incident, event, now)
    if after == incident:
        return incident, effects
    return _timed(_closed(after, now)), (ShowIncident(), *effects)


def _decided(incident: Incident, event: AnyIncidentEvent, now: datetime) -> Decision:
    match event:
        case Acknowledged():
            return _acknowledged(incident, event, now)
        case Updated():
            return _updated(incident, event, now)
        case RoleTaken():
            return _role(incident, event, now)
        case Noted():
            return _noted(incident, event, now)
        case Captured():
            fixed = event.at if event.fixed and incident.fixed_at is None else incident.fixed_at
            after = note(incident, event.at, event.text, noted_at=now)
            return msgspec.structs.replace(after, fixed_at=fixed), ()
        case Resolved():
            return _resolved(incident, event, now)
        case Reopened():
            return _reopened(incident, event, now)
        case StepTicked():
            return dues.ticked(incident, event, now)
        case RunbookChosen():
            return dues.runbook(incident, event, now)
        case DraftAsked() | Drafted() | Published():
            return dues.post_mortem(incident, event, now)
        case ActionAdded() | ActionDone():
            return dues.action(incident, event, now)
        case TicketOpened():
            return dues.with_ticket(incident, event, now)
        case Ticked():
            return clocks.tick(incident, now)
        case Waited():
            return clocks.tick(incident, now, told=event.told)


def _timed(incident: Incident) -> Incident:
    return msgspec.structs.replace(incident, next_check_at=clocks.next_check(incident))


# --- while it lasts -------------------------------------------------------------------------


def _acknowledged(incident: Incident, event: Acknowledged, now: datetime) -> Decision:
    actor = event.actor
    if incident.acknowledged_at is not None:
        text = f"@[{incident.acknowledged_by}] has acknowledged it already."
        return incident, refused(actor, text)
    if not incident.open:
        return incident, refused(actor, "It is over already.")
    took = format_duration(now - incident.created_at)
    tail = f": {event.note}" if event.note else ""
    seen = msgspec.structs.replace(
        note(incident, now, f"Acknowledged after {took}{tail}", actor.person),
        acknowledged_at=now,
        acknowledged_by=actor.person,
        ack_due_at=None,
    )
    text = f"@[{actor.person}] has acknowledged it after {took}{tail}"
    return seen, (TellIncident(text), *_pager(incident, "acknowledge", text))


def _updated(incident: Incident, event: Updated, now: datetime) -> Decision:
    actor = event.actor
    if not incident.open:
        return incident, refused(actor, "It is over. `reopen` it if that is not so.")
    state = State(event.state) if event.state else incident.state
    severity = Severity(event.severity) if event.severity else incident.severity
    due = update_due(incident.rules, severity, now)
    if event.later and due is not None:
        due = now + timedelta(seconds=event.later)
    parts = _changes(incident, state, severity)
    if event.later:
        parts.append(f"next word in {format_duration(timedelta(seconds=event.later))}")
    words = ". ".join(part for part in (event.text.rstrip("."), *parts) if part)
    after = msgspec.structs.replace(
        note(incident, now, words or "No news", actor.person),
        state=state,
        severity=severity,
        said=event.text or incident.said,
        said_at=now,
        update_due_at=due,
    )
    effects: list[Effect] = [TellIncident(f"@[{actor.person}]: {words or 'no news'}")]
    if severity is not incident.severity:
        after, more = _regraded(incident, after, now)
        effects += more
    if state is not incident.state:
        effects += _draft(after)
    return after, effects


def _changes(incident: Incident, state: State, severity: Severity) -> list[str]:
    parts = []
    if state is not incident.state:
        parts.append(f"Now {state}")
    if severity is not incident.severity:
        parts.append(f"Severity {incident.severity} → {severity}")
    return parts


def _regraded(before: Incident, after: Incident, now: datetime) -> Decision:
    """A graver one is called out by its own clock; releases hear of it either way."""
    effects: list[Effect] = [
        ReportIncident(False, before.severity),
        ReportIncident(True, after.severity),
    ]
    if before.acknowledged_at is None:
        due = ack_due(after.rules, after.severity, now)
        sooner = min(due, before.ack_due_at) if before.ack_due_at is not None else due
        after = msgspec.structs.replace(after, ack_due_at=sooner)
    if before.severity not in before.rules.page:
        effects += _trigger(after)
    if not before.ticket:
        effects += _ticket(after)
    return after, effects


def _role(incident: Incident, event: RoleTaken, now: datetime) -> Decision:
    if incident.roles.get(event.role) == event.person:
        text = f"@[{event.person}] is {event.role} already."
        return incident, refused(event.actor, text)
    if event.role not in ROLES:
        return incident, refused(event.actor, f"There are the parts {', '.join(ROLES)}.")
    own = event.person == event.actor.person
    words = f"takes the part {event.role}" if own else f"gives {event.role} to @[{event.person}]"
    roles = {**incident.roles, event.role: event.person}
    after = note(incident, now, f"@[{event.person}] is {event.role}", event.actor.person)
    effects: list[Effect] = [TellIncident(f"@[{event.actor.person}] {words}")]
    if not own:
        whom = f"You are {event.role} of an incident now. {named(incident)}."
        effects.append(CallOut(event.person, whom))
    after = msgspec.structs.replace(after, roles=roles)
    if event.role == COMMANDER and own and after.acknowledged_at is None and after.open:
        after, more = _acknowledged(after, Acknowledged(event.actor), now)
        effects += more
    return after, effects


def _noted(incident: Incident, event: Noted, now: datetime) -> Decision:
    at = min(event.at or now, now)
    words = f"{event.text} {event.link}".strip() if event.link not in event.text else event.text
    after = note(incident, at, words, event.actor.person, now)
    if event.link and event.link not in incident.links:
        after = msgspec.structs.replace(after, links=(*incident.links, event.link))
    return after, (TellIncident(f"@[{event.actor.person}] notes: {words}"),)


# --- the end, and after all not -------------------------------------------------------------


def _resolved(incident: Incident, event: Resolved, now: datetime) -> Decision:
    actor = event.actor
    if not incident.open:
        return incident, refused(actor, f"@[{incident.resolved_by}] has resolved it already.")
    no = refusal(Act.CLOSE_REPORT, actor, None)
    if no is not None:
        return incident, refused(actor, no)
    took = format_duration(now - incident.began_at)
    tail = f": {event.text}" if event.text else ""
    due = closing_time(incident.rules, incident.severity, now)
    over = msgspec.structs.replace(
        note(incident, now, f"Resolved after {took}{tail}", actor.person),
        state=State.RESOLVED,
        resolved_at=now,
        resolved_by=actor.person,
        resolution=event.text or incident.resolution,
        ack_due_at=None,
        update_due_at=None,
        post_mortem=msgspec.structs.replace(incident.post_mortem, due_at=due),
    )
    text = f"@[{actor.person}] has resolved it after {took}{tail}"
    effects: list[Effect] = [TellIncident(text, broadcast=True)]
    effects += _pager(incident, "resolve", text)
    effects += [ReportIncident(False, incident.severity), *_draft(over)]
    if due is not None:
        effects += [DraftPostMortem(), *([ShowPicture()] if incident.rollout_id else ())]
    elif incident.ticket:
        effects.append(CloseTicket(text))
    return over, effects


def _reopened(incident: Incident, event: Reopened, now: datetime) -> Decision:
    if incident.open:
        return incident, refused(event.actor, "It is open.")
    tail = f": {event.text}" if event.text else ""
    again = msgspec.structs.replace(
        note(incident, now, f"Reopened{tail}", event.actor.person),
        state=State.INVESTIGATING,
        resolved_at=None,
        resolved_by="",
        ended_at=None,
        acknowledged_at=now,
        acknowledged_by=event.actor.person,
        update_due_at=update_due(incident.rules, incident.severity, now),
        post_mortem=msgspec.structs.replace(
            incident.post_mortem, due_at=None, late_at=None, published_at=None, published_by=""
        ),
    )
    text = f"@[{event.actor.person}] has opened it again{tail}"
    effects: list[Effect] = [TellIncident(text, broadcast=True), *_trigger(again)]
    return again, (*effects, ReportIncident(True, again.severity), *_draft(again))


def _closed(incident: Incident, now: datetime) -> Incident:
    """Nothing is left to be done about it, or something is again."""
    held = incident.post_mortem.published_at is not None or incident.post_mortem.due_at is None
    if incident.open or not held or incident.open_actions:
        if incident.state is not State.CLOSED:
            return incident
        return msgspec.structs.replace(incident, state=State.RESOLVED, ended_at=None)
    if incident.state is State.CLOSED:
        return incident
    return msgspec.structs.replace(incident, state=State.CLOSED, ended_at=now)


# --- those outside --------------------------------------------------------------------------


def _trigger(incident: Incident) -> tuple[Effect, ...]:
    return _pager(incident, "trigger", called(incident))


def _pager(incident: Incident, do: Paging, text: str) -> tuple[Effect, ...]:
    return (PageOut(do, text),) if incident.severity in incident.rules.page else ()


def _ticket(incident: Incident) -> tuple[Effect, ...]:
    return (OpenTicket(),) if incident.severity in incident.rules.tickets else ()


def _draft(incident: Incident) -> tuple[Effect, ...]:
    """A notice for customers, where it is bad enough for them to hear of it."""
    occasion = _OCCASIONS.get(incident.state)
    if occasion is None or incident.severity is Severity.MINOR:
        return ()
    return (
        DraftNotice(kind="incident", event=incident.id, occasion=occasion, facts=facts(incident)),
    )
