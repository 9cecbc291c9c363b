"""The dialogs of incidents: declaring one, saying how it stands, and that it is over."""

import msgspec

from bot.domain.incident import OPEN, Incident
from bot.domain.incident_terms import Severity
from bot.slack.blocks import Block, choice, modal, section, text_input
from bot.slack.incidents import DECLARE
from bot.slack.modals import REASON_MOST, Options
from bot.slack.text import escape

NEWS = "incident_news"
OVER = "incident_over"

_BAD = (
    ("critical", "Critical: people can't use it, or data is at risk"),
    ("major", "Major: part of it does not work"),
    ("minor", "Minor: it can wait for the next working day"),
)


class DeclareForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the form offers, and what is filled in.

    link: of the message that it is about. metadata: comes back with the submission.
    """

    services: Options
    environments: Options
    service: str = ""
    environment: str = ""
    version: str = ""
    title: str = ""
    text: str = ""
    link: str = ""
    metadata: str = ""


def declare(form: DeclareForm) -> Block:
    """The form that declares an incident."""
    services = [name for name, _ in form.services]
    about = [section(f"About <{form.link}|this message>; the incident links to it.")]
    blocks = [
        *(about if form.link else ()),
        text_input(
            "title",
            "What is wrong",
            initial=form.title,
            placeholder="Checkout answers with errors",
            focus=True,
            most=150,
        ),
        choice("severity", "How bad", _BAD, initial="major"),
        choice("service", "Service", form.services, initial=form.service or services[0]),
        choice(
            "environment",
            "Environment",
            form.environments,
            initial=form.environment or form.environments[0][0],
        ),
        text_input(
            "version",
            "Version",
            hint="Left empty, it is the one that is being released there.",
            initial=form.version,
            optional=True,
            most=100,
        ),
        text_input(
            "affected",
            "Who notices it",
            placeholder="Everybody who pays by card",
            optional=True,
            most=300,
        ),
        text_input(
            "text",
            "What is known",
            hint="Since when, how many errors there are, what was tried.",
            initial=form.text,
            multiline=True,
            optional=True,
            most=2000,
        ),
    ]
    return modal(DECLARE, "Declare an incident", blocks, submit="Declare", metadata=form.metadata)


def news(incident: Incident) -> Block:
    """The question how it stands."""
    states = [(state.value, state.value.capitalize()) for state in sorted(OPEN, key=_order)]
    grades = [(severity.value, severity.value.capitalize()) for severity in Severity]
    blocks = [
        section(escape(incident.title)),
        text_input("text", "How it stands", multiline=True, focus=True, most=REASON_MOST),
        choice("state", "State", states, initial=incident.state),
        choice("severity", "Severity", grades, initial=incident.severity),
    ]
    return modal(NEWS, "Update", blocks, submit="Tell everybody", metadata=incident.id)


def _order(state: str) -> int:
    return ("investigating", "identified", "monitoring").index(state)


def over(incident: Incident) -> Block:
    """The question what ended it."""
    blocks = [
        section(escape(incident.title)),
        text_input(
            "text",
            "What ended it",
            hint="It is said in the channel, and stands in the post-mortem.",
            multiline=True,
            focus=True,
            most=REASON_MOST,
        ),
    ]
    return modal(OVER, "Resolve", blocks, submit="It is over", metadata=incident.id)
