"""A replay as a picture: each judged metric over time, with its limits, the waves and what fired.

One SVG without scripts or fonts of its own. Its colours follow the reader's light or dark scheme,
and everything it shows is said in words as well.
"""

import math
from collections.abc import Iterator, Sequence
from importlib.resources import files

import jinja2
import msgspec

from bot.domain.conditions import Action
from bot.domain.plan import Plan
from bot.domain.recording import Recording
from bot.domain.units import format_duration, format_weight
from bot.replay.panels import GAP, LEFT, RIGHT, TALL, Panel, Scale, Tick, panels
from bot.replay.report import Band, Fired, Replay

WIDTH = 1000
HEAD, STRIP, FOOT = 56, 34, 34
"""Heights: of the title, of the names of the waves, below the times."""

ROW = 20
"""Height of a line of the list below."""

BALL = 18
"""Room for a number in its circle."""

LETTER = 6.6
"""Width of a letter, about."""


class Stripe(msgspec.Struct, frozen=True):
    """A wave. odd: so that neighbours differ."""

    x: float
    width: float
    text: str
    odd: bool


class Mark(msgspec.Struct, frozen=True):
    """Something that happened. number: in the list below. down: how much lower it stands."""

    x: float
    down: int
    number: str
    grave: bool


class Note(msgspec.Struct, frozen=True):
    """What a number stands for."""

    number: str
    text: str
    grave: bool


class Picture(msgspec.Struct, frozen=True):
    """Everything that the template draws."""

    width: int
    height: float
    left: int
    right: float
    strip: float
    bottom: float
    title: str
    words: str
    stripes: tuple[Stripe, ...]
    panels: tuple[Panel, ...]
    hours: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    notes: tuple[Note, ...]


def draw(replay: Replay, plan: Plan, data: Recording) -> str:
    """The picture as the text of an SVG file."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = files("templates").joinpath("replay", "plot.svg.j2").read_text("utf-8")
    return environment.from_string(template).render(p=picture(replay, plan, data))


def picture(replay: Replay, plan: Plan, data: Recording) -> Picture:
    """Where everything goes."""
    over = replay.ended_at or replay.end
    scale = Scale(replay.start, max(over, replay.start + data.step))
    marks = tuple(_marks(scale, replay))
    top = HEAD + STRIP + (max(mark.down for mark in marks) + BALL if marks else 0)
    drawn = tuple(panels(scale, replay, plan, data, top))
    bottom = top + len(drawn) * (TALL + GAP)
    notes = tuple(_notes(replay))
    return Picture(
        width=WIDTH,
        height=bottom + FOOT + ROW * len(notes) + (14 if notes else 0),
        left=LEFT,
        right=RIGHT,
        strip=HEAD,
        bottom=bottom,
        title=f"{replay.plan}, replayed from {replay.start:%Y-%m-%d %H:%M} UTC",
        words=_words(replay, [panel.title for panel in drawn]),
        stripes=tuple(_stripes(scale, replay.bands)),
        panels=drawn,
        hours=tuple(scale.ticks()),
        marks=marks,
        notes=notes,
    )


def _stripes(scale: Scale, bands: Sequence[Band]) -> Iterator[Stripe]:
    for index, band in enumerate(bands):
        x = scale.x(band.began_at)
        width = round(scale.x(band.ended_at or scale.end) - x, 1)
        text = f"{band.wave} {format_weight(band.weight)}"
        if width < len(text) * LETTER:
            text = format_weight(band.weight) if width >= 34 else ""
        yield Stripe(x, width, text, bool(index % 2))


def _marks(scale: Scale, replay: Replay) -> Iterator[Mark]:
    """Each firing with the number of its condition, and the end."""
    numbers = {name: str(n) for n, name in enumerate(_by_condition(replay), 1)}
    found = [(f.at, numbers[f.id], f.do != Action.NOTIFY) for f in replay.fired]
    if replay.ended_at is not None:
        found.append((replay.ended_at, str(len(numbers) + 1), replay.phase != "completed"))
    last, row = -math.inf, 0
    for at, number, grave in found:
        x = scale.x(at)
        row = row + 1 if x - last < BALL else 0  # numbers must not lie upon each other
        last = x
        yield Mark(x, row * BALL, number, grave)


def _notes(replay: Replay) -> Iterator[Note]:
    """What the numbers stand for."""
    number = 0
    for number, fired in enumerate(_by_condition(replay).values(), 1):
        first, more = fired[0], len(fired) - 1
        again = f", and {more} more time{'s' if more > 1 else ''}" if more else ""
        text = f"{first.id}, {first.do}: {first.text} ({first.shown}){again}"
        grave = first.do != Action.NOTIFY
        yield Note(str(number), _cut(f"{first.at:%H:%M:%S}  {text}"), grave)
    if replay.ended_at is not None:
        text = f"{replay.ended_at:%H:%M:%S}  {_end(replay)}"
        yield Note(str(number + 1), _cut(text), replay.phase != "completed")


def _cut(text: str) -> str:
    """As much as fits in a line; the whole is in the description."""
    most = int((WIDTH - LEFT - ROW) / LETTER)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _by_condition(replay: Replay) -> dict[str, list[Fired]]:
    found: dict[str, list[Fired]] = {}
    for fired in replay.fired:
        found.setdefault(fired.id, []).append(fired)
    return found


def _end(replay: Replay) -> str:
    phase = replay.phase.replace("_", " ")
    return f"{phase}: {replay.rollback_reason}" if replay.rollback_reason else phase


def _words(replay: Replay, titles: Sequence[str]) -> str:
    """The picture in words, for those who can't see it."""
    waves = "; ".join(
        f"wave {b.wave} at {format_weight(b.weight)} from {b.began_at:%H:%M:%S} for "
        f"{format_duration((b.ended_at or replay.end) - b.began_at)}, gates: {b.verdict}"
        for b in replay.bands
    )
    fired = "; ".join(
        f"{f.at:%H:%M:%S} {f.id} ({f.text}: {f.shown}) would {f.do.replace('_', ' ')}"
        for f in replay.fired
    )
    at = replay.ended_at
    end = f"{_end(replay)} at {at:%H:%M:%S}" if at else f"still {replay.phase} when the data end"
    return (
        f"Canary against baseline over time: {', '.join(titles) or 'nothing measured'}. "
        f"Waves: {waves or 'none'}. Fired: {fired or 'nothing'}. End: {end}."
    )
