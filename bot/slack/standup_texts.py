"""The words of a standup: templates that come with the program, and those that replace them.

They write the domain's plain text, with its tokens for people and instants, and everything is
escaped after they are filled in: whatever somebody typed can't become a link or a mention. A line
with --- alone ends one part of the message and begins the next.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.domain.documents import nearest
from bot.domain.evidence import Verdict
from bot.domain.standup_state import Value
from bot.domain.standup_trial import trials
from bot.slack.phases import token
from bot.slack.sections import sparkline

NAMES = ("actions", "quiet", "topic")
"""The templates there are: what is to be done, a day without a release, and one release."""

_SIGNS = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.INCONCLUSIVE: "…",
    Verdict.UNKNOWN: "?",
    None: "·",
}
_ARROWS = {"up": "↑", "down": "↓", "same": "→"}


class StandupTexts:
    """Templates by name. sources: text by the name of its file, in place of the built-in ones."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._given = sources
        self._environment = _environment({**_builtin_sources(), **sources})

    def parts(self, template: str, **facts: object) -> list[str]:
        """The parts of a text, filled in. Raises jinja2.TemplateError."""
        text = self._environment.get_template(f"{template}.j2").render(**facts)
        parts = "\n".join(line for line in text.splitlines() if line.strip()).split("\n---\n")
        return [part.strip("\n") for part in parts if part.strip()]

    def mistakes(self) -> Iterator[tuple[str, int, str, str]]:
        """What is wrong: file, line (0: unknown), problem, hint. Each is tried on examples."""
        for file in sorted(self._given):
            name = file.removesuffix(".j2")
            if name not in NAMES:
                known = ", ".join(f"{each}.j2" for each in NAMES)
                hint = nearest(name, NAMES) or f"there are {known}"
                yield file, 0, "no standup uses this template", hint
                continue
            try:
                for facts in trials(name):
                    self.parts(name, **facts)
            except jinja2.TemplateSyntaxError as error:
                yield file, error.lineno, str(error.message), ""
            except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError) as error:
                yield file, 0, f"it can't be filled in: {error}", "see templates/standups"


@cache
def builtin() -> StandupTexts:
    """The templates that come with the program."""
    return StandupTexts({})


@cache
def _builtin_sources() -> Mapping[str, str]:
    folder = files("templates") / "standups"
    return {f"{name}.j2": (folder / f"{name}.j2").read_text("utf-8") for name in NAMES}


def _environment(sources: Mapping[str, str]) -> jinja2.Environment:
    """Plain text, escaped as a whole afterwards."""
    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.DictLoader(sources),
        autoescape=False,  # it is no HTML, and `render` escapes all of it
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        {
            "sign": lambda verdict: _SIGNS[verdict],
            "arrow": lambda trend: _ARROWS[trend],
            "moment": token,
            "local": _local,
            "course": _course,
        }
    )
    return environment


def _course(value: Value) -> str:
    return sparkline(value.course, value.limit)


def _local(at: datetime, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%H:%M} {zone}"
