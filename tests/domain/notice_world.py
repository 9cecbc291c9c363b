"""A house with its own words, for notices in the domain."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bot.domain.events import Effect, Whisper
from bot.domain.notice import (
    INCIDENT,
    MAINTENANCE,
    Letter,
    Notice,
    Problem,
    Rendered,
    Sheet,
    Stage,
    Status,
    Words,
    Writing,
)
from bot.domain.notice_clock import CADENCES
from bot.domain.notice_decisions import begin, decide
from bot.domain.notice_events import Drafted, Found, Pressed, Publish, Reached
from bot.domain.people import Actor
from bot.domain.plan import Approval

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MARY = Actor("mary", "U0MARY", ("release_manager",))
ADA = Actor("ada", "U0ADA", ("security",))
GRACE = Actor("grace", "U0GRACE", ("operations",))
NOBODY = Actor("nob", "U0NOB")
RULE = Approval((), 1, False, 24 * HOUR, HOUR)


def plain(sheet: Sheet) -> Rendered:
    """Every value on a line; what is called `impact` must be there."""
    text = "\n".join(f"{name}: {value}" for name, value in sorted(sheet.values.items()))
    words = tuple(Words(each, sheet.template, text) for each in sheet.languages)
    lacking = () if "impact" in sheet.values else (Problem("impact", "it is not known"),)
    return Rendered(words, lacking, ("title", "impact", "message"))


WRITING = Writing(render=plain, rule=RULE, cadences=CADENCES)


def blank(kind: str, **fields: Any) -> Notice:
    facts = {"title": "the shop", "impact": "it is slow", "severity": "critical"}
    if kind == MAINTENANCE:
        facts |= {
            "starts_at": (NOON + HOUR).isoformat(),
            "ends_at": (NOON + 2 * HOUR).isoformat(),
        }
    made = Notice(
        id="n1", kind=kind, channel="C1", owner=MARY, facts=facts, zones=("UTC",), created_at=NOON
    )
    return msgspec.structs.replace(made, **fields)


class Story:
    """One notice, and time. said: all effects so far."""

    def __init__(self, kind: str = INCIDENT, occasion: str = "", **fields: Any) -> None:
        first = occasion or ("investigating" if kind == INCIDENT else "scheduled")
        self.now = NOON
        self.said: list[Effect] = []
        self.notice, effects = begin(blank(kind, **fields), Drafted(MARY, first), self.now, WRITING)
        self.said += effects

    def then(self, event: Any) -> Sequence[Effect]:
        """What an event leads to."""
        self.notice, effects = decide(self.notice, event, self.now, WRITING)
        self.said += effects
        return effects

    def wait(self, span: timedelta) -> None:
        self.now += span

    @property
    def letter(self) -> Letter:
        assert self.notice.newest is not None
        return self.notice.newest

    def draft(self, occasion: str, **facts: str) -> Sequence[Effect]:
        return self.then(Drafted(MARY, occasion, facts))

    def approve(self, actor: Actor = ADA) -> Sequence[Effect]:
        """Somebody else than its author presses, having seen the newest card."""
        return self.then(Pressed(actor, self.letter.number, self.letter.digest[:16]))

    def publish(self) -> None:
        """It goes to one channel, and arrives."""
        self.approve()
        number = self.letter.number
        self.then(Found(number, {"slack en": ("C9",)}))
        self.then(Reached(number, "slack en", "C9", "https://chat.example/1"))

    def at(self, status: Status) -> "Story":
        """A notice of which customers know this."""
        self.notice = msgspec.structs.replace(self.notice, status=status, letters=())
        return self


def whispered(effects: Sequence[Effect]) -> str:
    """What one person was told instead of anything happening."""
    return " ".join(effect.text for effect in effects if isinstance(effect, Whisper))


def errands(effects: Sequence[Effect]) -> list[str]:
    return [f"{e.by}>{e.destination}" for e in effects if isinstance(e, Publish)]


__all__ = ["ADA", "GRACE", "HOUR", "INCIDENT", "MAINTENANCE", "MARY", "MINUTE", "NOBODY", "NOON",
           "Stage", "Status", "Story", "blank", "errands", "whispered"]  # fmt: skip
