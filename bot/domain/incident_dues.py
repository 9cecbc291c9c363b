"""What is owed in an incident and after it: steps, the ticket, the post-mortem, action items."""

from datetime import datetime

import msgspec

from bot.domain.announcements import DraftNotice
from bot.domain.events import Effect
from bot.domain.incident import (
    ActionAdded,
    ActionDone,
    ActionItem,
    CallOut,
    CloseTicket,
    DraftAsked,
    Drafted,
    DraftPostMortem,
    Incident,
    PostMortemDone,
    Published,
    RunbookChosen,
    ShowPostMortem,
    ShowRunbook,
    StepTicked,
    TellIncident,
    TicketOpened,
)
from bot.domain.incident_notes import Decision, note, refused
from bot.domain.incident_terms import Severity
from bot.domain.incident_words import named
from bot.domain.notice_facts import CHART
from bot.domain.response import StepState


def ticked(incident: Incident, event: StepTicked, now: datetime) -> Decision:
    """Somebody has done a step of the runbook."""
    actor = event.actor
    if not 0 <= event.step < len(incident.steps):
        return incident, refused(actor, "There is no such step.")
    step = incident.steps[event.step]
    if step.done_at is not None:
        return incident, refused(actor, f"That step is done by @[{step.by}].")
    done = StepState(step.text, step.moment, now, actor.person, event.evidence)
    steps = (*incident.steps[: event.step], done, *incident.steps[event.step + 1 :])
    tail = f" ({event.evidence})" if event.evidence else ""
    after = note(incident, now, f"Done: {step.text}{tail}", actor.person)
    after = msgspec.structs.replace(after, steps=steps)
    return after, (ShowRunbook(), TellIncident(f"@[{actor.person}]: {step.text}{tail}"))


def runbook(incident: Incident, event: RunbookChosen, now: datetime) -> Decision:
    """Another runbook is followed; what was done stays done."""
    after = note(incident, now, f"Runbook {event.name}", event.actor.person)
    kept = tuple(step for step in incident.steps if step.done_at is not None)
    fresh = tuple(StepState(text) for text in event.steps if text not in {s.text for s in kept})
    after = msgspec.structs.replace(after, runbook=event.name, steps=(*kept, *fresh))
    return after, (ShowRunbook(), TellIncident(f"@[{event.actor.person}] follows {event.name}"))


def with_ticket(incident: Incident, event: TicketOpened, now: datetime) -> Decision:
    """There is a ticket."""
    if incident.ticket:
        return incident, ()
    after = note(incident, now, f"Ticket {event.reference} {event.link}".rstrip())
    after = msgspec.structs.replace(after, ticket=event.reference, ticket_link=event.link)
    return after, (TellIncident(f"Ticket {event.reference} {event.link}".rstrip()),)


def post_mortem(
    incident: Incident, event: DraftAsked | Drafted | Published, now: datetime
) -> Decision:
    """The post-mortem is drafted or published."""
    held = incident.post_mortem
    match event:
        case DraftAsked():
            return incident, (DraftPostMortem(),)
        case Drafted():
            again = msgspec.structs.replace(held, text=event.text, drafted_at=now)
            return msgspec.structs.replace(incident, post_mortem=again), (ShowPostMortem(),)
        case Published():
            return _published(incident, event, now)


def _published(incident: Incident, event: Published, now: datetime) -> Decision:
    actor, held = event.actor, incident.post_mortem
    if incident.open:
        return incident, refused(actor, "It is open. Resolve it first.")
    if held.published_at is not None:
        return incident, refused(actor, f"@[{held.published_by}] has published it already.")
    if not actor.roles and actor.person != incident.commander:
        text = "The commander, or somebody with a role, says that the post-mortem was held."
        return incident, refused(actor, text)
    late = " (late)" if held.late_at is not None else ""
    words = " ".join(part for part in (event.text, event.link) if part)
    tail = f": {words}" if words else ""
    done = msgspec.structs.replace(
        held, published_at=now, published_by=actor.person, link=event.link or held.link
    )
    after = note(incident, now, f"Post-mortem published{late}{tail}", actor.person)
    after = msgspec.structs.replace(after, post_mortem=done)
    text = f"@[{actor.person}] has published the post-mortem{late}{tail}"
    effects: list[Effect] = [TellIncident(text, broadcast=True), PostMortemDone(actor)]
    if incident.ticket:
        effects.append(CloseTicket(text))
    if incident.severity is not Severity.MINOR:
        effects.append(_told(after, event))
    return after, effects


def _told(incident: Incident, event: Published) -> DraftNotice:
    """Customers hear that it can be read, once a person has approved what they are told."""
    found = {
        "link": incident.post_mortem.link,
        "summary": event.text,
        CHART: incident.rollout_id,
    }
    known = {name: text for name, text in found.items() if text}
    return DraftNotice(kind="incident", event=incident.id, occasion="post_mortem", facts=known)


def action(incident: Incident, event: ActionAdded | ActionDone, now: datetime) -> Decision:
    """An action item is added, or done."""
    actor = event.actor
    if isinstance(event, ActionAdded):
        number = len(incident.actions) + 1
        item = ActionItem(number, event.text, event.owner, event.due_at, event.due_at)
        until = int(event.due_at.timestamp())
        text = f"Action {number}: {event.text} (@[{event.owner}], until t[{until}])"
        after = note(incident, now, text, actor.person)
        after = msgspec.structs.replace(after, actions=(*incident.actions, item))
        told = (CallOut(event.owner, f"{text}. {named(incident)}."),)
        return after, (TellIncident(text), *(told if event.owner != actor.person else ()))
    found = next((item for item in incident.actions if item.number == event.number), None)
    if found is None:
        return incident, refused(actor, f"There is no action {event.number}.")
    if found.done_at is not None:
        return incident, refused(actor, f"@[{found.done_by}] has done it already.")
    tail = f": {event.note}" if event.note else ""
    done = msgspec.structs.replace(
        found, done_at=now, done_by=actor.person, note=event.note, remind_at=None
    )
    actions = tuple(done if item is found else item for item in incident.actions)
    text = f"Action {found.number} is done ({found.text}){tail}"
    after = note(incident, now, text, actor.person)
    return msgspec.structs.replace(after, actions=actions), (TellIncident(text),)
