"""The draft of a post-mortem: everything that was recorded, and room for what people know."""

from datetime import datetime
from functools import cache
from importlib.resources import files

import jinja2

from bot.domain.incident import Incident
from bot.domain.incident_words import in_order, lasted, line, logs
from bot.domain.units import format_duration
from bot.engine.incident_means import Kept


def post_mortem(incident: Incident, kept: Kept, now: datetime) -> str:
    """The draft in the domain's plain text."""
    return _template().render(
        incident=incident,
        kept=kept,
        logs=logs(incident, now),
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
