"""The clocks of an incident: who is called when nobody answers, the next word, what is owed after.

Each is an instant in the incident. Whatever a tick finds due is said once and set anew, so that a
restart loses none and repeats none.
"""

from datetime import datetime, timedelta

import msgspec

from bot.domain.events import Effect, Page
from bot.domain.incident import CallOut, Incident, PageOut, TellIncident
from bot.domain.incident_notes import Decision, note
from bot.domain.incident_rules import ack_due
from bot.domain.incident_words import called, named
from bot.domain.units import format_duration

AGAIN = timedelta(hours=24)
"""How often the owner of an action item that is due hears of it."""


def next_check(incident: Incident) -> datetime | None:
    """When the first of the clocks runs out, None: none runs."""
    held = incident.post_mortem
    due = [incident.ack_due_at, incident.update_due_at]
    if held.due_at is not None and held.late_at is None and held.published_at is None:
        due.append(held.due_at)
    due += [item.remind_at for item in incident.open_actions]
    return min((at for at in due if at is not None), default=None)


def tick(incident: Incident, now: datetime, *, told: bool = False) -> Decision:
    """Everything that is due now, each thing once.

    told: a notice to customers has a clock of its own for the next word; one reminder is enough.
    """
    effects: list[Effect] = []
    word = _quiet if told else _no_word
    for clock in (_unanswered, word, _no_post_mortem, _reminders):
        incident, more = clock(incident, now)
        effects += more
    return incident, effects


def call_next(incident: Incident, now: datetime) -> Decision:
    """The next of the escalation is called; when there is none left, nobody is."""
    chain = incident.rules.escalation
    if incident.called >= len(chain):
        return incident, ()
    whom = chain[incident.called]
    words = f"Called: {whom.replace('_', ' ')}"
    asked = note(msgspec.structs.replace(incident, called=incident.called + 1), now, words)
    return asked, (CallOut(whom, f"You are needed. {named(incident)}: {called(incident)}"),)


def _unanswered(incident: Incident, now: datetime) -> Decision:
    """Nobody has acknowledged it: the next one is called, loudly."""
    due = incident.ack_due_at
    if due is None or now < due or not incident.open:
        return incident, ()
    waited = format_duration(due - incident.created_at)
    late, calls = call_next(incident, now)
    more = ack_due(incident.rules, incident.severity, now) if calls else None
    late = msgspec.structs.replace(late, ack_due_at=more)
    chain = incident.rules.escalation
    if calls:
        whom = chain[incident.called].replace("_", " ")
        rest = f"Now called: {whom}."
    else:
        rest = "There is nobody left to call." if chain else "Somebody has to take it."
    text = f"Nobody has acknowledged the incident within {waited}: {incident.title}. {rest}"
    late = note(late, now, f"Nobody has acknowledged it within {waited}")
    page = PageOut("trigger", text) if incident.severity in incident.rules.page else None
    return late, (
        *calls,
        TellIncident(text),
        Page(text),
        *((page,) if page is not None else ()),
    )


def _no_word(incident: Incident, now: datetime) -> Decision:
    """The commander is reminded that people wait for a word; the channel, while there is none."""
    due = incident.update_due_at
    if due is None or now < due or not incident.open:
        return incident, ()
    again = _put_off(incident, due, now)
    text = f"A word on how it stands is due: {named(incident)}."
    if incident.commander:
        return again, (CallOut(incident.commander, text), TellIncident(text))
    return again, (TellIncident(f"{text} Nobody leads it yet.", broadcast=True),)


def _put_off(incident: Incident, due: datetime, now: datetime) -> Incident:
    every = due - (incident.said_at or incident.created_at)
    return msgspec.structs.replace(incident, update_due_at=now + max(every, timedelta(minutes=1)))


def _quiet(incident: Incident, now: datetime) -> Decision:
    """The next word is reminded of elsewhere; here it is looked again when it would be due."""
    due = incident.update_due_at
    if due is None or now < due or not incident.open:
        return incident, ()
    return _put_off(incident, due, now), ()


def _no_post_mortem(incident: Incident, now: datetime) -> Decision:
    held = incident.post_mortem
    if held.due_at is None or held.late_at is not None or held.published_at is not None:
        return incident, ()
    if now < held.due_at:
        return incident, ()
    late = msgspec.structs.replace(held, late_at=now)
    after = msgspec.structs.replace(incident, post_mortem=late)
    span = format_duration(timedelta(seconds=incident.rules.post_mortem))
    text = f"The post-mortem was due within {span}: {named(incident)}"
    after = note(after, now, f"The post-mortem is late: it was due within {span}")
    if held.elsewhere:
        return after, (TellIncident(text),)
    who = (CallOut(incident.commander, text),) if incident.commander else ()
    return after, (TellIncident(text, broadcast=True), Page(text), *who)


def _reminders(incident: Incident, now: datetime) -> Decision:
    due = [
        item
        for item in incident.open_actions
        if item.remind_at is not None and now >= item.remind_at
    ]
    if not due:
        return incident, ()
    again = {item.number: msgspec.structs.replace(item, remind_at=now + AGAIN) for item in due}
    actions = tuple(again.get(item.number, item) for item in incident.actions)
    effects: list[Effect] = []
    for item in due:
        text = f"Action {item.number} is due: {item.text} (@[{item.owner}]). {named(incident)}."
        effects += [CallOut(item.owner, text), TellIncident(text)]
    return msgspec.structs.replace(incident, actions=actions), effects
