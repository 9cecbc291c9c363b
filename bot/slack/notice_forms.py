"""The dialogs of notices: a new maintenance or incident, and what a draft says."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.notice import INCIDENT, Letter, Notice, instant
from bot.domain.notice_times import date, time
from bot.slack.blocks import Block, choice, context, modal, section, text_input
from bot.slack.text import escape

NOTICE_EDIT = "notice_edit"
NOTICE_NEW = "notice_new"
NOTICE_BACK = "notice_back"
LONG = 2500
MOST_FIELDS = 20

_LABELS: Mapping[str, str] = {
    "starts_at": "Begins",
    "ends_at": "Ends",
    "detected_at": "Noticed",
    "investigating_at": "Investigation began",
    "fixed_at": "Repair in place",
    "restored_at": "Everything worked again",
    "root_cause": "Cause",
}
_HINTS: Mapping[str, str] = {
    "title": "What it is about, in customers' words.",
    "impact": "What customers notice.",
    "scope": "Who notices it.",
    "features": "One line each, like: Queries: unavailable for about 10 min.",
}


def label_of(name: str) -> str:
    """A value's name as a label: root_cause -> Cause, next_steps -> Next steps."""
    words = name.removesuffix("_at").replace("_", " ")
    return _LABELS.get(name, words[:1].upper() + words[1:])


def edit_form(notice: Notice, letter: Letter, facts: Mapping[str, str], metadata: str) -> Block:
    """What a draft says, one field for each value that its template takes.

    facts: what is known now. metadata: comes back with the submission.
    """
    zone = (*notice.zones, "UTC")[0]
    wrong = {problem.field: problem.text for problem in letter.problems}
    blocks = [
        section(f"{escape(letter.occasion.replace('_', ' '))}: {escape(notice.title)}"),
        context(escape(f"Times are in {zone}. Changed words have to be approved anew.")),
    ]
    blocks += [
        text_input(
            name,
            label_of(name),
            hint=wrong.get(name, "") or _HINTS.get(name, ""),
            initial=shown(name, facts.get(name, ""), zone),
            placeholder="2026-03-01 09:00" if name.endswith("_at") else "",
            multiline=not name.endswith("_at") and name != "title",
            optional=True,
            most=LONG,
        )
        for name in fields_of(letter)[:MOST_FIELDS]
    ]
    return modal(NOTICE_EDIT, "Edit the notice", blocks, submit="Save", metadata=metadata)


def fields_of(letter: Letter) -> tuple[str, ...]:
    """The values that people may fill in: those of the template, and what else is lacking."""
    lacking = [p.field for p in letter.problems if p.field.isidentifier()]
    computed = {"next_update_at", "template", "zone", "audience"}
    return tuple(n for n in dict.fromkeys((*letter.fields, *lacking)) if n not in computed)


def shown(name: str, text: str, zone: str) -> str:
    """A value as it is typed: instants in the zone."""
    at: datetime | None = instant(text) if name.endswith("_at") else None
    return text if at is None else f"{date(at, zone)} {time(at, zone)}"


def new_form(
    kind: str, services: Sequence[str], zones: Sequence[str], metadata: str, service: str = ""
) -> Block:
    """The form for a new maintenance or incident."""
    blocks = [
        text_input("title", "What it is about", hint=_HINTS["title"], focus=True, most=150),
    ]
    if services:
        offered = [(name, name) for name in services]
        blocks.append(choice("service", "Service", offered, initial=service, optional=True))
    if kind == INCIDENT:
        levels = [(name, name) for name in ("critical", "major", "minor")]
        blocks.append(choice("severity", "Severity", levels, initial="critical"))
    else:
        blocks += _times(zones)
    blocks.append(text_input("impact", "Impact", hint=_HINTS["impact"], multiline=True, most=LONG))
    title = "New incident notice" if kind == INCIDENT else "New maintenance"
    return modal(NOTICE_NEW, title, blocks, submit="Draft it", metadata=metadata)


def _times(zones: Sequence[str]) -> list[Block]:
    zone = (*zones, "UTC")[0]
    hint = f"In {zone}, or with an offset."
    return [
        text_input("start", "Begins", hint=hint, placeholder="2026-03-01 09:00", most=40),
        text_input("end", "Ends", placeholder="2026-03-01 11:00", most=40),
        text_input("features", "Features", hint=_HINTS["features"], multiline=True, optional=True),
    ]


def back_form(notice: Notice, metadata: str) -> Block:
    """The question for what should be changed."""
    blocks = [
        section(escape(f"{notice.title}: the notice goes back to its author.")),
        text_input("reason", "What should be changed", multiline=True, focus=True, most=1000),
    ]
    return modal(NOTICE_BACK, "Send back", blocks, submit="Send back", metadata=metadata)
