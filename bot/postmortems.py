"""The draft of a post-mortem: everything that was recorded, and room for what people know."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files

import jinja2

from bot.domain.incident import Incident
from bot.domain.incident_words import in_order, lasted, line
from bot.domain.units import format_duration


def post_mortem(incident: Incident, clocks: str, readings: Sequence[str], now: datetime) -> str:
    """The draft in the domain's plain text.

    clocks: how long the rollback took, "" without one. readings: what was measured, a line each.
    """
    return _template().render(
        incident=incident,
        clocks=clocks,
        readings=readings,
        timeline=[line(entry) for entry in in_order(incident)],
        lasted=lasted(incident, now),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 - it is no HTML, and whoever shows it escapes all of it
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update({"moment": _moment, "span": format_duration})
    text = files("templates").joinpath("records", "post-mortem.md.j2").read_text("utf-8")
    return environment.from_string(text)


def _moment(at: datetime) -> str:
    return f"t[{int(at.timestamp())}]"
